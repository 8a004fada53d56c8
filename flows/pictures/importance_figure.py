"""How much each parameter matters, as bars."""

from __future__ import annotations

import numpy as np

from prefect_tuner.flows.pictures.look import (
    BLUE,
    FONT,
    INK,
    SMALL,
    label,
    new_figure,
)
from prefect_tuner.flows.pictures.picture import NothingToShowError, Picture
from prefect_tuner.flows.pictures.study_view import StudyView

MOST_BARS = 10
"""Parameters with a bar of their own; the others share the last one."""


def importance_picture(view: StudyView) -> Picture:
    """A bar for each parameter, the longest first.

    Raises:
        NothingToShowError: The trials do not tell.
    """
    if not view.importance:
        raise NothingToShowError(
            "Which parameters matter cannot be told: too few trials, or metrics that hardly differ."
        )
    shares = list(view.importance.items())
    own, rest = shares[:MOST_BARS], shares[MOST_BARS:]
    names = [label(name) for name, _ in own] + ([f"{len(rest)} others"] if rest else [])
    values = np.array([share for _, share in own] + ([sum(s for _, s in rest)] if rest else []))
    figure, axes = new_figure("Importance", "by PED-ANOVA", height=92 + 22 * max(3, len(names)))
    places = np.arange(len(names))
    axes.grid(visible=False)
    # The track that a bar runs on shows how far it could.
    axes.barh(places, np.ones(len(names)), height=0.62, color=INK, alpha=0.14, linewidth=0)
    axes.barh(places, values, height=0.62, color=BLUE, linewidth=0)
    for place, value in zip(places, values, strict=True):
        axes.text(
            1.02,
            float(place),
            f"{value:.0%}",
            va="center",
            color=INK,
            fontsize=SMALL,
            fontfamily=FONT,
        )
    axes.set(xlim=(0, 1.13), ylim=(max(3, len(names)) - 0.4, -0.6))
    axes.set_xticks([])
    axes.set_yticks(places, labels=names, color=INK, fontsize=SMALL)
    told = ", ".join(f"{name} {share:.0%}" for name, share in own[:5])
    return Picture(figure, f"Importance of parameters: {told}.")
