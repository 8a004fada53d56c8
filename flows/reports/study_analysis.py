"""What the trials of a stored study say: which parameters matter, and what is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.flows.analysis.case import FEWEST_TRIALS
from prefect_tuner.flows.analysis.doctor import diagnose, ended_trials
from prefect_tuner.flows.analysis.finding import Finding
from prefect_tuner.flows.analysis.importance import importance
from prefect_tuner.flows.analysis.models.run_times import RunTimes
from prefect_tuner.flows.ledger.counted_trials import counted_trials
from prefect_tuner.flows.ledger.study_state import StudyState
from prefect_tuner.printable_text import printable_line
from prefect_tuner.search_space.space import SearchSpace

_MOST_TRIED_AGAIN = 0.1
"""The share of trials that were tried again, up to which their times tell how workers were used."""


def shown_importance(state: StudyState) -> dict[str, float]:
    """The share of each parameter, the largest first; see `importance`.

    Empty where the study has too few trials with a metric (of fewer than ten, not one in ten can be
    good), or where they do not tell: with one
    metric for all, or a space that this release cannot read.

    Args:
        state: What the ledger says.
    """
    trials = [trial for trial in counted_trials(state) if trial.metric is not None]
    if len(trials) < FEWEST_TRIALS:
        return {}
    try:
        space = SearchSpace(state.definition.space)
    except InvalidConfiguration:
        return {}
    shares = importance(space, trials, state.definition.goal)
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
    if not state.runs:
        return []
    begun = _seconds(state.runs[-1].at)
    started = {number: _seconds(at) for number, at in state.started.items()}
    numbers = [
        number for number, at in started.items() if at >= begun and number not in state.known
    ]
    again = sum(state.trials[number].attempts > 1 for number in numbers)
    at_a_time = state.config.get("max_concurrency")
    if not isinstance(at_a_time, int) or again > _MOST_TRIED_AGAIN * len(numbers):
        return []
    ended = {number: _seconds(state.ended[number]) for number in numbers if number in state.ended}
    return [
        RunTimes(
            at_a_time,
            {number: started[number] for number in numbers},
            ended,
            state.definition.lag is not None,
        )
    ]


def _seconds(at: str) -> float:
    return datetime.fromisoformat(at).timestamp()


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
