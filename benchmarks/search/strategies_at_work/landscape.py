"""What the pictures of the strategies have in common: the objective that is tuned, and its map."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from prefect_tuner import Float, Params, SearchSpace, Study, Trial
from prefect_tuner.strategies.factory import StrategySpec

SPACE: Final = SearchSpace(
    {"learning_rate": Float(1e-5, 1e-1, log=True), "dropout": Float(0.0, 0.8)}
)

# The colours of Okabe and Ito, told apart by the colour-blind too.
BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"
INK, DIM = "#222222", "#777777"
EARLIER: Final[dict[str, Any]] = {"color": "white", "edgecolors": DIM, "s": 12}
"""Trials that are no longer of interest."""
SHADES: Final = ("#ffffff", "#f1f1f1", "#e4e4e4", "#d7d7d7", "#cbcbcb", "#c0c0c0")
GREENS: Final = ("#f2f9ee", "#d9efd2", "#b8e0b0", "#90cd8c", "#5fb573", "#2f9858")

_CELLS = 41
# A number is left out where it would stand on another one, and is below a trial at the top.
_ROOM, _TOP = 0.06, 0.76


def loss(params: Params) -> float:
    """A loss with a narrow oblique valley, its minimum 0.28 in it, and a second, shallower one."""
    rate, dropout = float(params["learning_rate"]), float(params["dropout"])
    return float(_height(np.array((math.log10(rate) + 5.0) / 4.0), np.array(dropout / 0.8)))


def finished(
    strategy: StrategySpec,
    trials: int,
    *,
    space: SearchSpace = SPACE,
    objective: Callable[[Params], float] = loss,
    seed: int = 0,
) -> Study:
    """A study in which so many trials have been asked and told, one by one."""
    study = Study(space, strategy, "minimize", seed)
    run(study, objective, trials)
    return study


def run(study: Study, objective: Callable[[Params], float], trials: int) -> list[Trial]:
    """Ask for so many further trials, and tell each what the objective says."""
    told = []
    for _ in range(trials):
        trial = study.ask()
        if trial is None:
            break
        told.append(study.tell(trial, objective(trial.params)))
    return told


def panels(columns: int, *, rows: int = 1, height: float = 3.1) -> tuple[Figure, Any]:
    """A figure with panels side by side, and these as an array of shape (rows, columns)."""
    figure = Figure(figsize=(9.0, height * rows), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False)


def draw_map(axis: Any, title: str, *, is_first: bool = True) -> None:
    """The map of the loss, lighter where it is better, with the axes of the space."""
    units = np.linspace(0.0, 1.0, _CELLS)
    x, y = np.meshgrid(units, units)
    fill(axis, *places_of_units(x, y), _height(x, y), SHADES)
    frame(axis, title, is_first=is_first)


def fill(
    axis: Any, x: NDArray[Any], y: NDArray[Any], heights: NDArray[Any], shades: Sequence[str]
) -> None:
    """A map in shades, the first for the lowest; each contour is drawn once, over those above."""
    levels = np.linspace(heights.min(), heights.max(), len(shades) + 1)[1:-1]
    axis.set_facecolor(shades[-1])
    for level, shade in zip(levels[::-1], shades[-2::-1], strict=True):
        axis.contourf(x, y, heights, levels=[heights.min() - 1.0, level], colors=[shade])


def frame(axis: Any, title: str, *, is_first: bool = True) -> None:
    """Title, scales and labels of a panel that shows the space."""
    axis.set_title(title, fontsize="medium", pad=9.0)
    axis.set(xscale="log", xlim=(1e-5, 1e-1), ylim=(0.0, 0.8), xlabel="learning rate")
    rate_ticks(axis)
    if is_first:
        axis.set_ylabel("dropout")
    else:
        axis.set_yticklabels([])


def rate_ticks(axis: Any, exponents: Sequence[int] = (-5, -4, -3, -2, -1)) -> None:
    """Ticks at powers of ten of the learning rate."""
    axis.set_xticks([10.0**n for n in exponents], [f"1e{n}" for n in exponents])
    axis.minorticks_off()


def draw_trials(
    axis: Any, trials: Iterable[Trial], *, numbered: bool = False, **style: Any
) -> None:
    """Trials where their candidates lie, with their numbers where there is room for them."""
    shown = list(trials)
    x, y = places(shown)
    style = {"color": BLUE, "s": 20, "edgecolors": "white", "linewidths": 0.7} | style
    axis.scatter(x, y, zorder=3, clip_on=False, **style)
    taken: list[tuple[float, float]] = []
    for trial, *place in zip(shown, x, y, strict=True) if numbered else ():
        unit = (math.log10(place[0]) / 4.0, place[1] / 0.8)
        if any(math.dist(unit, other) < _ROOM for other in taken):
            continue
        taken.append(unit)
        axis.annotate(
            str(trial.number),
            place,
            xytext=(3.0, 3.0 if place[1] < _TOP else -9.0),
            textcoords="offset points",
            fontsize=7,
            color=INK,
            zorder=4,
        )


def draw_next(axis: Any, params: Params) -> None:
    """The candidate that comes next."""
    axis.scatter(
        [params["learning_rate"]],
        [params["dropout"]],
        marker="*",
        s=110,
        color=RED,
        edgecolors="white",
        linewidths=0.7,
        zorder=5,
        clip_on=False,
    )


def places(trials: Sequence[Trial]) -> tuple[list[Any], list[Any]]:
    """The learning rates and the dropouts of trials."""
    x = [trial.params["learning_rate"] for trial in trials]
    return x, [trial.params["dropout"] for trial in trials]


def places_of_units(x: NDArray[Any], y: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Learning rates and dropouts at points of the unit square."""
    return 10.0 ** (4.0 * x - 5.0), 0.8 * y


def _height(x: NDArray[Any], y: NDArray[Any]) -> NDArray[Any]:
    """The loss at points of the unit square."""
    right, up = x - 0.66, y - 0.4
    along, across = (right + up) / math.sqrt(2.0), (right - up) / math.sqrt(2.0)
    valley = 0.62 * np.exp(-((along / 0.22) ** 2) - (across / 0.11) ** 2)
    hollow = 0.3 * np.exp(-((x - 0.25) ** 2 + (y - 0.8) ** 2) / 0.03)
    return np.asarray(0.9 - valley - hollow + 0.25 * (right**2 + up**2))
