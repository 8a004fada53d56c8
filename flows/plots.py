"""Pictures of studies as matplotlib's figures, wherever the studies are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias, get_args

from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.flows.comparison.comparison_figure import comparison_picture
from prefect_tuner.flows.comparison.curve import By
from prefect_tuner.flows.pictures.contour_figure import contour_picture
from prefect_tuner.flows.pictures.history_figure import history_picture, time_picture
from prefect_tuner.flows.pictures.importance_figure import importance_picture
from prefect_tuner.flows.pictures.look import empty_figure
from prefect_tuner.flows.pictures.parallel_figure import parallel_picture
from prefect_tuner.flows.pictures.picture import NothingToShowError, Picture
from prefect_tuner.flows.pictures.slice_figure import slice_picture
from prefect_tuner.flows.pictures.study_view import StudyView
from prefect_tuner.flows.pictures.timeline_figure import timeline_picture
from prefect_tuner.flows.reports.study_analysis import (
    METHOD_NAMES,
    ImportanceMethod,
    importance_of,
)
from prefect_tuner.flows.study.study import Study
from prefect_tuner.flows.study.tuning_result import TuningResult
from prefect_tuner.flows.study_report.optuna_view import is_optuna_study, optuna_view
from prefect_tuner.flows.study_report.state_view import bare_view, state_view
from prefect_tuner.flows.study_report.trials_view import result_view, study_view
from prefect_tuner.redaction import shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from prefect_tuner.flows.ledger.stored_study import StoredStudy

AnyStudy: TypeAlias = TuningResult | Study | str | Any
"""A `TuningResult`, a `Study`, the name of a stored study, or a study of Optuna's."""

Studies: TypeAlias = Sequence[AnyStudy] | Mapping[str, AnyStudy]
"""Several of these, or what they are called with what they are."""


def history(study: AnyStudy, *, storage: str = "") -> Figure:
    """Metrics and the best so far, by the number of the trial.

    As with all functions here: where there is nothing to show, the figure says why.

    Args:
        study: A `TuningResult`, a `Study`, the name of a stored study, or an Optuna study.
        storage: Where the ledger of a stored study is; that of `tune` when it is left out.

    Raises:
        InvalidConfiguration: It is none of these, there is no such study, or matplotlib is not
            installed.
        LedgerError: The ledger cannot be read.
    """
    return _figure("Best so far by trial", study, storage, history_picture)


def history_by_time(study: AnyStudy, *, storage: str = "") -> Figure:
    """Metrics and the best so far, by the time that the study had run.

    Args:
        study: As for `history`. Times are known of stored studies, and of Optuna's.
        storage: As for `history`.
    """
    return _figure("Best so far by time", study, storage, time_picture)


def comparison(studies: Studies, *, storage: str = "") -> Figure:
    """The best so far of several studies, by the number of trials.

    Where their directions differ, they have axes of their own; where their objectives do, the
    figure says so.

    Args:
        studies: Two or more, each as for `history`, of which the first ten are drawn. With a
            mapping, its keys are what they are called.
        storage: As for `history`.

    Raises:
        InvalidConfiguration: As for `history`, or there are less than two.
        LedgerError: A ledger cannot be read.

    Example:
        ```python
        from prefect_tuner import Float, Study, plots

        studies = {}
        for strategy in ("random", "sobol"):
            study = Study({"x": Float(-1.0, 1.0)}, strategy=strategy, seed=0)
            for _ in range(8):
                trial = study.ask()
                study.tell(trial, trial.params["x"] ** 2)
            studies[strategy] = study
        plots.comparison(studies).savefig("comparison.png")
        ```
    """
    return _comparison(studies, storage, "trial")


def comparison_by_time(studies: Studies, *, storage: str = "") -> Figure:
    """The best so far of several studies, by the time that each of them had run.

    Args:
        studies: As for `comparison`. Times are known of stored studies, and of Optuna's.
        storage: As for `history`.
    """
    return _comparison(studies, storage, "time")


def importance(
    study: AnyStudy,
    method: ImportanceMethod | Sequence[ImportanceMethod] = "ped-anova",
    *,
    storage: str = "",
) -> Figure:
    """How much each parameter matters.

    Args:
        study: As for `history`.
        method: How that is told: `ped-anova`, by what sets the best tenth of the trials apart;
            `fanova`, by how much of the metric's variance over the whole space a parameter explains
            by itself (extra `importance`). With several, bars stand beside each other, in the
            order of the first.
        storage: As for `history`.

    Raises:
        InvalidConfiguration: As for `history`, the method is none, or what it needs is not
            installed.
    """
    known = get_args(ImportanceMethod)
    methods = [method] if isinstance(method, str) else method
    if not (isinstance(methods, Sequence) and methods and all(each in known for each in methods)):
        raise InvalidConfiguration(
            f"method: must be {' or '.join(map(repr, known))}, or a list of them, "
            f"got {shown(method)}"
        )

    def draw(view: StudyView) -> Picture:
        return importance_picture(
            {
                METHOD_NAMES[each]: importance_of(view.space, view.trials, view.goal, each)
                for each in methods
            }
        )

    return _figure("Importance", study, storage, draw)


def slices(study: AnyStudy, parameter: str, *, storage: str = "") -> Figure:
    """The metric by the values of one parameter.

    Args:
        study: As for `history`.
        parameter: Its name.
        storage: As for `history`.
    """

    def draw(view: StudyView) -> Picture:
        _check_parameters(view, parameter=parameter)
        return slice_picture(view, parameter)

    return _figure(parameter, study, storage, draw)


def contour(study: AnyStudy, x: str = "", y: str = "", *, storage: str = "") -> Figure:
    """How good the metric is over two parameters.

    Args:
        study: As for `history`.
        x: The parameter across; the most important one when left out.
        y: The parameter up; the next important one when left out.
        storage: As for `history`.
    """

    def draw(view: StudyView) -> Picture:
        _check_parameters(view, **({"x": x} if x else {}), **({"y": y} if y else {}))
        others = [name for name in view.important(len(view.space)) if name not in (x, y)]
        if len(others) < (not x) + (not y):
            raise NothingToShowError("There are no two parameters that were varied.")
        return contour_picture(view, x or others.pop(0), y or others.pop(0))

    return _figure("Contour", study, storage, draw)


def parallel_coordinates(study: AnyStudy, *, storage: str = "") -> Figure:
    """All important parameters of each trial at once.

    Args:
        study: As for `history`.
        storage: As for `history`.
    """
    return _figure("Parallel coordinates", study, storage, parallel_picture)


def timeline(study: AnyStudy, *, storage: str = "") -> Figure:
    """When each trial ran, and how many ran at a time.

    Args:
        study: As for `history_by_time`.
        storage: As for `history`.
    """
    return _figure("Timeline", study, storage, timeline_picture)


def _figure(
    title: str, study: AnyStudy, storage: str, draw: Callable[[StudyView], Picture]
) -> Figure:
    _require_matplotlib()
    view = _view(study, storage)
    try:
        return draw(view).figure
    except NothingToShowError as nothing:
        return empty_figure(title, str(nothing))


def _comparison(studies: Studies, storage: str, by: By) -> Figure:
    _require_matplotlib()
    if isinstance(studies, str) or not isinstance(studies, Sequence | Mapping):
        raise InvalidConfiguration(
            "studies: must be a list of studies, or a mapping from what they are called, "
            f"got {shown(studies)} ({type(studies).__name__})"
        )
    if len(studies) < 2:
        raise InvalidConfiguration(f"studies: must be two or more, got {len(studies)}")
    if isinstance(studies, Mapping):
        views = [replace(_bare(each, storage), name=str(n)) for n, each in studies.items()]
    else:
        views = [_bare(each, storage) for each in studies]
    try:
        return comparison_picture(views, by).figure
    except NothingToShowError as nothing:
        return empty_figure(f"Best so far by {by}", str(nothing))


def _require_matplotlib() -> None:
    try:
        import matplotlib.figure  # noqa: F401 - to say what is missing
    except ImportError as error:
        raise InvalidConfiguration(
            'plots: need matplotlib: pip install "prefect-tuner[report]"'
        ) from error


def _view(study: AnyStudy, storage: str) -> StudyView:
    if isinstance(study, TuningResult):
        return result_view(study)
    if isinstance(study, Study):
        return study_view(study)
    if isinstance(study, str):
        return _stored_view(study, storage)
    if is_optuna_study(study):
        return optuna_view(study)
    raise InvalidConfiguration(
        "study: must be a TuningResult, a Study, the name of a stored study or an Optuna study, "
        f"got {shown(study)} ({type(study).__name__})"
    )


def _bare(study: AnyStudy, storage: str) -> StudyView:
    """The same without what takes time to find out, where that is known."""
    if isinstance(study, str):
        stored = _stored(study, storage)
        return bare_view(stored.readable_state, stored.elapsed)
    return _view(study, storage)


def _stored_view(name: str, storage: str) -> StudyView:
    stored = _stored(name, storage)
    return state_view(stored.readable_state, "", stored.elapsed)


def _stored(name: str, storage: str) -> StoredStudy:
    from prefect_tuner.flows.ledger.stored_study import read_study
    from prefect_tuner.flows.run.default_storage import storage_or_default

    return read_study(storage_or_default(storage), name)


def _check_parameters(view: StudyView, **names: str) -> None:
    for argument, name in names.items():
        if name not in view.space:
            raise InvalidConfiguration(
                f"{argument}: must be one of {', '.join(map(repr, view.space))}, got {shown(name)}"
            )
