"""How much each parameter matters, as bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from prefect_tuner.flows.pictures.look import (
    BLUE,
    FONT,
    GREEN,
    INK,
    SMALL,
    add_legend,
    label,
    new_figure,
)
from prefect_tuner.flows.pictures.picture import NothingToShowError, Picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_BARS = 10
"""Parameters with a bar of their own; the others share the last one."""

_FEWEST_ROWS = 3
_ROW, _ROW_OF_TWO = 22, 28
"""Pixels of a parameter with one bar, and with two."""


def importance_picture(shares: Mapping[str, Mapping[str, float]]) -> Picture:
    """A bar for each parameter, the longest first; with two methods, a second one below it.

    Args:
        shares: The share of each parameter, the largest first, by the name of one or two methods.
            The order is that of the first that tells. One that does not tell has none.

    Raises:
        NothingToShowError: No method tells.
    """
    told = {method: each for method, each in shares.items() if each}
    if not told:
        raise NothingToShowError(
            "Which parameters matter cannot be told: too few trials, or metrics that hardly differ."
        )
    order = list(dict.fromkeys(name for each in told.values() for name in each))
    own, rest = order[:MOST_BARS], order[MOST_BARS:]
    names = [label(name) for name in own] + ([f"{len(rest)} others"] if rest else [])
    rows = max(_FEWEST_ROWS, len(names))
    single = len(told) == 1
    figure, axes = new_figure(
        "Importance",
        f"by {next(iter(told))}" if single else "",
        height=92 + rows * _ROW if single else 84 + rows * _ROW_OF_TWO,
    )
    axes.grid(visible=False)
    values = [_values(each, own, rest) for each in told.values()]
    if single:
        _add_bars(axes, values[0], 0.0, 0.62, BLUE, "")
    else:
        # Not by their colours alone: the second bar is below the first, and thinner.
        methods = list(told)
        _add_bars(axes, values[0], -0.19, 0.34, BLUE, methods[0])
        _add_bars(axes, values[1], 0.19, 0.2, GREEN, methods[1])
        add_legend(figure, axes)
    axes.set(xlim=(0, 1.13), ylim=(rows - 0.4, -0.6))
    axes.set_xticks([])
    axes.set_yticks(np.arange(len(names)), labels=names, color=INK, fontsize=SMALL)
    words = (
        f"{method}: {', '.join(f'{name} {share:.0%}' for name, share in list(each.items())[:5])}"
        for method, each in told.items()
    )
    return Picture(figure, f"Importance of parameters by {'; by '.join(words)}.")


def _values(shares: Mapping[str, float], own: Sequence[str], rest: Sequence[str]) -> list[float]:
    """The shares of the parameters with bars of their own, and of the others together."""
    values = [shares.get(name, 0.0) for name in own]
    return values + ([sum(shares.get(name, 0.0) for name in rest)] if rest else [])


def _add_bars(
    axes: Axes, values: Sequence[float], offset: float, height: float, color: str, name: str
) -> None:
    places = np.arange(len(values)) + offset
    # The track that a bar runs on shows how far it could.
    axes.barh(places, np.ones(len(values)), height=height, color=INK, alpha=0.14, linewidth=0)
    axes.barh(places, values, height=height, color=color, linewidth=0, label=name or None)
    for place, value in zip(places, values, strict=True):
        axes.text(
            1.02, float(place), f"{value:.0%}", va="center", color=INK, fontsize=SMALL,
            fontfamily=FONT,
        )  # fmt: skip
