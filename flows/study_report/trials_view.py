"""The view of a study of which there are trials, and no ledger: results, and studies by hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from prefect_tuner.flows.analysis.doctor import diagnose
from prefect_tuner.flows.pictures.study_view import StudyView
from prefect_tuner.flows.reports.study_analysis import importance_of
from prefect_tuner.flows.study.study import Study
from prefect_tuner.flows.study.tuning_result import TuningResult
from prefect_tuner.hyper_value import exact_key
from prefect_tuner.search_space.categorical import Categorical
from prefect_tuner.search_space.numeric import Float, Int
from prefect_tuner.search_space.parameters import Parameter
from prefect_tuner.search_space.space import SearchSpace
from prefect_tuner.trial import Trial

_LOG_RATIO = 1_000.0
"""How many times the least the largest value is where values seem to be logarithmic."""


def study_view(study: Study) -> StudyView:
    """A study that is asked and told by its user."""
    trials = tuple(study.history)
    return StudyView(
        name="study",
        goal=study.goal,
        space=study.space,
        trials=trials,
        best=study.best_trial,
        strategy=type(study.strategy).__name__,
        reason=study.strategy.reason(),
        importance=importance_of(study.space, trials, study.goal),
        findings=tuple(diagnose(study.space, study.goal, trials)),
    )


def result_view(result: TuningResult) -> StudyView:
    """The result of a study. It has no search space, which is read off the trials."""
    space, trials = inferred_space(result.trials), tuple(result.trials)
    return StudyView(
        name=result.study,
        goal=result.goal,
        space=space,
        trials=trials,
        best=result.best_trial,
        elapsed=result.duration,
        ending=f"Complete, since {result.stop_reason.sentence}",
        importance=importance_of(space, trials, result.goal),
        confirmation=result.confirmation,
    )


def inferred_space(trials: Iterable[Trial]) -> SearchSpace:
    """A space that holds all that was tried.

    Numbers have the range that was tried; all else are choices.

    Example:
        ```python
        from prefect_tuner import Categorical, Float, Trial
        from prefect_tuner.flows.study_report.trials_view import inferred_space

        space = inferred_space([Trial(0, {"x": 0.5, "kind": "a"}), Trial(1, {"x": 0.75})])
        assert dict(space) == {"x": Float(0.5, 0.75), "kind": Categorical(["a"])}
        ```
    """
    values: dict[str, list[Any]] = {}
    for trial in trials:
        for name, value in trial.params.items():
            values.setdefault(name, []).append(value)
    # A study of no trials has a space nevertheless.
    parameters = {name: _parameter(tried) for name, tried in values.items()}
    return SearchSpace(parameters or {"none": Categorical([None])})


def _parameter(values: Sequence[Any]) -> Parameter:
    kinds = {type(value) for value in values}
    if kinds in ({float}, {int}):
        low, high = min(values), max(values)
        log = low > 0 and high > _LOG_RATIO * low
        return Float(low, high, log=log) if kinds == {float} else Int(low, high, log=log)
    return Categorical({exact_key(value): value for value in values}.values())
