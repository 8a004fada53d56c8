"""What a study starts from: results that are known, and candidates to try first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from prefect_tuner.choice_value import checked_choice
from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.flows.ledger.ledger_records import (
    InitialTrial,
    KnownRecord,
    PreflightPoint,
    PreflightRecord,
)
from prefect_tuner.flows.ledger.study_state import StudyState
from prefect_tuner.flows.storage.utc_time import utc_now
from prefect_tuner.history import History
from prefect_tuner.hyper_value import HyperValue, Params, native
from prefect_tuner.redaction import shown
from prefect_tuner.search_space.numeric import Float
from prefect_tuner.search_space.space import SearchSpace
from prefect_tuner.trial import Trial, finite_metric
from prefect_tuner.validation import mistakes_from


def split_sources(given: Any) -> tuple[Any, list[str]]:
    """What a study starts from, without the names of studies and files that hold more of it."""
    if isinstance(given, str):
        return [], [given]
    if not isinstance(given, list | tuple):
        return given, []
    return (
        [each for each in given if not isinstance(each, str)],
        [each for each in given if isinstance(each, str)],
    )


def parse_initial_trials(given: Any, space: SearchSpace | None) -> list[InitialTrial]:
    """Check what a study starts from.

    Args:
        given: A list. Each element is a mapping with `params`, and with `metric` when the result
            is known; or a `Trial`, such as those of an earlier study's result: one that has no
            metric is tried again.
        space: The search space; None when it is wrong itself, and `params` cannot be checked.

    Raises:
        InvalidConfiguration: Lists all the mistakes.

    Example:
        ```python
        from prefect_tuner import Float, SearchSpace
        from prefect_tuner.flows.ledger.initial_trials import parse_initial_trials

        space = SearchSpace({"lr": Float(0.0, 1.0)})
        known, first = parse_initial_trials(
            [{"params": {"lr": 0.1}, "metric": 0.9}, {"params": {"lr": 0.2}}], space
        )
        assert (known.metric, first.metric) == (0.9, None)
        ```
    """
    if not isinstance(given, list | tuple):
        raise InvalidConfiguration(f"initial_trials: must be a list, got {shown(given)}")
    parsed: list[InitialTrial] = []
    mistakes: list[str] = []
    for i, each in enumerate(given):
        try:
            parsed.append(_parse(each, space, f"initial_trials.{i}"))
        except InvalidConfiguration as error:
            mistakes += error.mistakes
    if mistakes:
        raise InvalidConfiguration(*mistakes)
    return parsed


def known_records(state: StudyState, initial_trials: Sequence[InitialTrial]) -> list[KnownRecord]:
    """The results that a study starts from, apart from those that it was given already."""
    inherited = _candidates(state, state.inherited)
    fresh = [
        (each.params, each.metric)
        for each in initial_trials
        if each.metric is not None and not inherited.has_candidate(each.params)
    ]
    return [
        KnownRecord(at=utc_now(), number=number, params=params, metric=metric)
        for number, (params, metric) in enumerate(fresh, len(state.trials))
    ]


def candidates_to_try_first(
    state: StudyState, initial_trials: Sequence[InitialTrial]
) -> list[Params]:
    """The candidates that a study starts from, apart from those that it has asked already.

    Those of a preflight come first.
    """
    tried = _candidates(state, state.inherited - state.known)
    judged = [point.params for preflight in state.preflights for point in preflight.points]
    for params in judged:
        tried.add(Trial(len(tried), params))
    first = [
        each.params
        for each in initial_trials
        if each.metric is None and not tried.has_candidate(each.params)
    ]
    asked = set(range(len(state.trials))) - state.inherited
    judged_already = len(asked & state.preflighted)
    return judged[judged_already:] + first[len(asked) - judged_already :]


def preflight_records(state: StudyState, points: Sequence[PreflightPoint]) -> list[PreflightRecord]:
    """The preflight with which a study begins; none where it has begun otherwise.

    Another follows one of which all trials have failed: meanwhile the objective may be mended.

    Args:
        state: With the results that the study starts from.
        points: What is to be tried.
    """
    asked = [trial for trial in state.trials if trial.number not in state.inherited]
    judged = state.preflighted
    failed = all(trial.outcome is not None and trial.outcome.is_failure for trial in asked)
    if not failed or judged != {trial.number for trial in asked}:
        return []
    tried = _candidates(state, state.inherited - state.known)
    untried = [point for point in points if not tried.has_candidate(point.params)]
    if not untried:
        return []
    return [PreflightRecord(at=utc_now(), first=len(state.trials), points=untried)]


def _candidates(state: StudyState, numbers: set[int]) -> History:
    """Some of a study's trials, to look candidates up in."""
    trials = [state.trials[number] for number in sorted(numbers)]
    return History(replace(trial, number=place) for place, trial in enumerate(trials))


def _parse(given: Any, space: SearchSpace | None, field: str) -> InitialTrial:
    if isinstance(given, Trial):
        given = {"params": given.params, "metric": given.metric}
    if not isinstance(given, Mapping):
        raise InvalidConfiguration(
            f"{field}: must be a mapping with params, and metric if it is known, got {shown(given)}"
        )
    data = dict(given)
    if "metric" in data and data["metric"] is not None:
        metric = finite_metric(data["metric"])
        if metric is None:
            raise InvalidConfiguration(
                f"{field}.metric: must be a finite number, got {shown(data['metric'])}"
            )
        data["metric"] = metric
    if isinstance(data.get("params"), Mapping):
        data["params"] = {
            str(name): _of_its_type(_plain(value, f"{field}.params", str(name)), name, space)
            for name, value in data["params"].items()
        }
    try:
        initial = InitialTrial.model_validate(data)
    except ValidationError as error:
        raise InvalidConfiguration(*mistakes_from(error, field, InitialTrial)) from None
    mistakes = [] if space is None else space.mistakes_in(initial.params)
    if mistakes:
        raise InvalidConfiguration(*(f"{field}.params: {mistake}" for mistake in mistakes))
    return initial


def _plain(value: Any, field: str, name: str) -> Any:
    """A value as Python has it: numpy's scalars may stand in lists and dicts, too."""
    if isinstance(value, list | tuple | dict | set | frozenset):
        return checked_choice(value, field, name)
    return native(value)


def _of_its_type(value: Any, name: Any, space: SearchSpace | None) -> HyperValue:
    """JSON editors write `1` for `1.0`."""
    is_float = space is not None and isinstance(space.get(name), Float)
    whole = isinstance(value, int) and not isinstance(value, bool)
    converted: HyperValue = float(value) if is_float and whole else value
    return converted
