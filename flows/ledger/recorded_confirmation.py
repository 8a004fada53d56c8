"""The evaluations of a study's best trials, each written down before anybody hears of it."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import final

from prefect_tuner.ending import Ending
from prefect_tuner.flows.confirmation.confirmation import Confirmation
from prefect_tuner.flows.confirmation.race import Evaluation
from prefect_tuner.flows.ledger.ledger import Ledger
from prefect_tuner.flows.ledger.ledger_records import (
    ConfirmedRecord,
    ReevaluatedRecord,
    ReevaluationRecord,
)
from prefect_tuner.flows.ledger.study_state import StudyState
from prefect_tuner.flows.storage.utc_time import utc_now


@final
class RecordedConfirmation:
    """Keeps in the ledger what happens when a study's best trials are evaluated anew.

    Args:
        ledger: Claimed; its search is complete.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        # Of this run, the attempts are counted anew.
        self._before = dict(self._state.evaluating)

    @property
    def elapsed(self) -> float:
        """Seconds that the study has run, in all its runs."""
        return self._ledger.elapsed

    @property
    def evaluations(self) -> Mapping[int, Mapping[int, Evaluation]]:
        """Those that have ended, by the trial's number and by how many came before."""
        return evaluations_of(self._state)

    def check_ledger(self) -> None:
        """Raise what the ledger failed by, if it did; see `Ledger.check`."""
        self._ledger.check()

    def attempts_before(self, number: int, repetition: int) -> int:
        """How often the objective was called for an evaluation before this run."""
        return self._before.get((number, repetition), 0)

    def start(self, number: int, repetition: int, seed: int, attempt: int) -> None:
        """Write down that an attempt at an evaluation is about to begin, or goes on.

        Args:
            number: The trial's.
            repetition: Which evaluation of it, from 1.
            seed: What it gets.
            attempt: Over all runs.
        """
        self._ledger.append(
            ReevaluationRecord(
                at=utc_now(), number=number, repetition=repetition, seed=seed, attempt=attempt
            )
        )

    def finish(self, number: int, repetition: int, ending: Ending) -> None:
        """Write down what came of an evaluation; its attempts are those of all runs."""
        record = ReevaluatedRecord.of(
            number, repetition, ending, socket.gethostname(), self._ledger.elapsed
        )
        self._ledger.append(record)

    def confirm(self, count: int, confirmation: Confirmation) -> None:
        """Write down what the evaluations say together.

        Args:
            count: How many of the best trials were to be confirmed.
            confirmation: What they say.
        """
        self._ledger.append(
            ConfirmedRecord(
                at=utc_now(),
                confirm=count,
                confirmation=confirmation,
                elapsed=self._ledger.elapsed,
            )
        )

    def has(self, count: int, confirmation: Confirmation) -> bool:
        """Whether that is what was written down last."""
        last = self._state.confirmed
        return last is not None and (last.confirm, last.confirmation) == (count, confirmation)

    @property
    def _state(self) -> StudyState:
        state = self._ledger.state
        if state is None:
            raise ValueError("a study that is confirmed has a ledger")
        return state


def evaluations_of(state: StudyState) -> dict[int, dict[int, Evaluation]]:
    """The evaluations of a study that have ended, as a race takes them."""
    by_number: dict[int, dict[int, Evaluation]] = {}
    for (number, repetition), evaluation in state.evaluations.items():
        by_number.setdefault(number, {})[repetition - 1] = evaluation
    return by_number
