"""Pictures of a study as figures of matplotlib's, for notebooks, papers and trackers.

Needs the extra `report`: `pip install "prefect-tuner[report]"`. Each function takes a
`TuningResult`, a `Study`, the name of a stored study or an `optuna.Study`, `comparison` several of
them, and returns a `matplotlib.figure.Figure` that belongs to nobody else.

Example:
    ```python
    from prefect_tuner import Float, Study, plots

    study = Study({"lr": Float(1e-5, 1.0, log=True), "momentum": Float(0.0, 1.0)})
    for _ in range(20):
        trial = study.ask()
        study.tell(trial, (trial.params["lr"] - 0.01) ** 2 + 0.1 * trial.params["momentum"])
    plots.history(study).savefig("history.png")
    plots.slices(study, "lr").savefig("lr.svg")
    ```

Room: the names of `prefect_tuner.flows.plots`, handed on lazily.
May import: the flows.
In come studies, wherever they are; out come figures.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prefect_tuner.flows.plots import (
        comparison,
        comparison_by_time,
        contour,
        history,
        history_by_time,
        importance,
        parallel_coordinates,
        slices,
        timeline,
    )

__all__ = [
    "comparison",
    "comparison_by_time",
    "contour",
    "history",
    "history_by_time",
    "importance",
    "parallel_coordinates",
    "slices",
    "timeline",
]


def __getattr__(name: str) -> Any:
    # Imported when first used, as all that is no part of the vocabulary.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("prefect_tuner.flows.plots"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
