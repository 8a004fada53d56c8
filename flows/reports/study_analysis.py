"""What the trials of a stored study say: which parameters matter, and what is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, TypeAlias

from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.flows.analysis.case import FEWEST_TRIALS
from prefect_tuner.flows.analysis.doctor import diagnose, ended_trials
from prefect_tuner.flows.analysis.fanova.fanova import fanova
from prefect_tuner.flows.analysis.finding import Finding
from prefect_tuner.flows.analysis.importance import importance
from prefect_tuner.flows.analysis.models.run_times import RunTimes
from prefect_tuner.flows.ledger.counted_trials import counted_trials
from prefect_tuner.flows.ledger.study_state import StudyState
from prefect_tuner.flows.reports.time_text import seconds_of
from prefect_tuner.goal import Goal
from prefect_tuner.printable_text import printable_line
from prefect_tuner.search_space.space import SearchSpace
from prefect_tuner.trial import Trial

ImportanceMethod: TypeAlias = Literal["ped-anova", "fanova"]
"""How the importance of parameters is told."""

METHOD_NAMES: Mapping[ImportanceMethod, str] = {"ped-anova": "PED-ANOVA", "fanova": "fANOVA"}
"""What people call them."""

_MOST_TRIED_AGAIN = 0.1
"""The share of trials that were tried again, up to which their times tell how workers were used."""


def shown_importance(state: StudyState, method: ImportanceMethod = "ped-anova") -> dict[str, float]:
    """The share of each parameter of a stored study; see `importance_of`.

    Empty as well where this release cannot read the study's space.

    Args:
        state: What the ledger says.
        method: By which it is told.

    Raises:
        InvalidConfiguration: `fanova` was asked for, and scikit-learn is not installed.
    """
    try:
        space = SearchSpace(state.definition.space)
    except InvalidConfiguration:
        return {}
    return importance_of(space, counted_trials(state), state.definition.goal, method)


def importance_of(
    space: SearchSpace,
    trials: Iterable[Trial],
    goal: Goal,
    method: ImportanceMethod = "ped-anova",
) -> dict[str, float]:
    """The share of each parameter, the largest first; see `importance` and `fanova`.

    Empty where there are too few trials with a metric (of fewer than ten, not one in ten can be
    good), or where they do not tell, as with one metric for all.

    Args:
        space: The search space.
        trials: Any of the study.
        goal: Which metrics are better.
        method: By which it is told.

    Raises:
        InvalidConfiguration: `fanova` was asked for, and scikit-learn is not installed.
    """
    done = [trial for trial in trials if trial.metric is not None]
    if len(done) < FEWEST_TRIALS:
        return {}
    shares = fanova(space, done) if method == "fanova" else importance(space, done, goal)
    return shares if any(shares.values()) else {}


def findings_in(state: StudyState) -> list[Finding]:
    """What is wrong with a study; see `diagnose`.

    Args:
        state: What the ledger says.

    Raises:
        InvalidConfiguration: This release cannot read the study's space.
    """
    return diagnose(
        SearchSpace(state.definition.space),
        state.definition.goal,
        counted_trials(state),
        last_run_times(state),
    )


def last_run_times(state: StudyState) -> list[RunTimes]:
    """When the trials of the last run ran; empty where the ledger does not tell.

    It has the times of last attempts alone: where many trials were tried again, workers would seem
    to have idled.

    Args:
        state: What the ledger says.
    """
    begun = seconds_of(state.runs[-1].at) if state.runs else None
    if begun is None:
        return []
    started, all_ended = _moments(state.started), _moments(state.ended)
    numbers = [
        number for number, at in started.items() if at >= begun and number not in state.known
    ]
    again = sum(state.trials[number].attempts > 1 for number in numbers)
    at_a_time = state.config.get("max_concurrency")
    if not isinstance(at_a_time, int) or again > _MOST_TRIED_AGAIN * len(numbers):
        return []
    # Those that an earlier run has left were suggested in it.
    suggested = [number for number in numbers if number not in state.attempts_before]
    return [
        RunTimes(
            at_a_time,
            _of(numbers, started),
            _of(numbers, all_ended),
            state.definition.lag is not None,
            suggestion=_of(suggested, state.suggestion),
            startup=_of(numbers, state.startup),
            teardown=_of(numbers, state.teardown),
        )
    ]


def _of(numbers: Sequence[int], seconds: Mapping[int, float]) -> dict[int, float]:
    return {number: seconds[number] for number in numbers if number in seconds}


def _moments(times: Mapping[int, str]) -> dict[int, float]:
    found = {number: seconds_of(at) for number, at in times.items()}
    return {number: at for number, at in found.items() if at is not None}


def findings_document(state: StudyState, findings: Sequence[Finding]) -> dict[str, Any]:
    """The same as JSON data, for programs."""
    return {
        "study": state.study,
        "trials": _count(state),
        "findings": [finding.to_json() for finding in findings],
    }


def findings_text(state: StudyState, findings: Sequence[Finding]) -> str:
    """The same for people, in plain lines."""
    return "\n".join(_lines(state, findings)) + "\n"


def _lines(state: StudyState, findings: Sequence[Finding]) -> Iterator[str]:
    name, count = printable_line(state.study), _count(state)
    trials = f"{count} trial" if count == 1 else f"{count} trials"
    if not findings:
        yield f"Nothing is wrong with study {name!r}, as far as its {trials} tell"
        if count < FEWEST_TRIALS:
            yield f"Most checks need {FEWEST_TRIALS} trials"
        return
    for number, finding in enumerate(findings, start=1):
        yield f"{number}. {_sentence(finding.sentence)} [{finding.check}]"
        yield f"   {_sentence(finding.advice)}"
        if finding.space:
            described = json.dumps(finding.space[finding.parameter])
            entry = printable_line(f"{json.dumps(finding.parameter)}: {described}")
            yield f"   In the space: {entry}"


def _sentence(text: str) -> str:
    line = printable_line(text)
    return f"{line[:1].upper()}{line[1:]}."


def _count(state: StudyState) -> int:
    return len(ended_trials(counted_trials(state)))
