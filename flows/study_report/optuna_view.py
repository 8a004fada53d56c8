"""The view of a study of Optuna's, which need not be installed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.flows.pictures.study_view import StudyView
from prefect_tuner.flows.reports.study_analysis import importance_of
from prefect_tuner.goal import Goal
from prefect_tuner.hyper_value import exact_key
from prefect_tuner.search_space.categorical import Categorical
from prefect_tuner.search_space.numeric import Float, Int
from prefect_tuner.search_space.parameters import Parameter
from prefect_tuner.search_space.space import SearchSpace
from prefect_tuner.trial import Outcome, Trial, finite_metric

_OUTCOMES = {
    "COMPLETE": Outcome.COMPLETED,
    "PRUNED": Outcome.PRUNED,
    "FAIL": Outcome.FAILED,
}


def is_optuna_study(study: object) -> bool:
    """Whether something looks like a study of Optuna's."""
    return all(hasattr(study, name) for name in ("trials", "directions", "study_name"))


def optuna_view(study: Any) -> StudyView:
    """A study of Optuna's.

    Args:
        study: An `optuna.Study` of one objective.

    Raises:
        InvalidConfiguration: It has several objectives.
    """
    if len(study.directions) != 1:
        raise InvalidConfiguration(
            f"study: must have one objective, got an Optuna study of {len(study.directions)}"
        )
    goal = Goal("maximize" if study.directions[0].name == "MAXIMIZE" else "minimize")
    frozen = list(study.trials)
    ranges = _distributions(frozen)
    parameters = {name: _parameter(each) for name, each in ranges.items()}
    space = SearchSpace(parameters or {"none": Categorical([None])})
    trials = tuple(_trial(each, space) for each in frozen)
    moments = [t.datetime_start.timestamp() for t in frozen if t.datetime_start is not None]
    first = min(moments, default=0.0)
    return StudyView(
        name=study.study_name,
        goal=goal,
        space=space,
        trials=trials,
        best=goal.best(trials),
        started=_seconds(frozen, "datetime_start", first),
        ended=_seconds(frozen, "datetime_complete", first),
        strategy=type(getattr(study, "sampler", None)).__name__,
        importance=importance_of(space, trials, goal),
    )


def _distributions(trials: Sequence[Any]) -> Mapping[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for trial in trials:
        for name, distribution in trial.distributions.items():
            known = found.setdefault(name, [])
            if distribution not in known:
                known.append(distribution)
    return found


def _parameter(distributions: Sequence[Any]) -> Parameter:
    """What holds the values of all distributions that a parameter has had."""
    if all(hasattr(each, "low") for each in distributions):
        low = min(each.low for each in distributions)
        high = max(each.high for each in distributions)
        log = all(each.log for each in distributions)
        if all(type(bound) is int for bound in (low, high)):
            return Int(low, high, log=log)
        return Float(low, high, log=log)
    values = [value for each in distributions for value in getattr(each, "choices", (each,))]
    return Categorical({exact_key(v): v for v in map(_choice, values)}.values())


def _choice(value: Any) -> Any:
    """A choice that JSON has; of others, what Python writes for them."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    return repr(value)


def _trial(frozen: Any, space: SearchSpace) -> Trial:
    outcome = _OUTCOMES.get(frozen.state.name)
    values = frozen.values or [None]
    metric = finite_metric(values[0]) if outcome is Outcome.COMPLETED else None
    if outcome is Outcome.COMPLETED and metric is None:
        outcome = Outcome.INVALID_METRIC
    begun, done = frozen.datetime_start, frozen.datetime_complete
    duration = None if begun is None or done is None else (done - begun).total_seconds()
    return Trial(
        frozen.number,
        {name: _value(value, space[name]) for name, value in frozen.params.items()},
        outcome=outcome,
        metric=metric,
        duration=duration,
        attempts=1,
        message=str(frozen.system_attrs.get("fail_reason", "")),
    )


def _value(value: Any, parameter: Parameter) -> Any:
    if isinstance(parameter, Categorical):
        return _choice(value)
    return float(value) if isinstance(parameter, Float) else int(value)


def _seconds(trials: Sequence[Any], attribute: str, first: float) -> dict[int, float]:
    moments = {trial.number: getattr(trial, attribute) for trial in trials}
    return {n: at.timestamp() - first for n, at in moments.items() if at is not None}
