"""Writes down what happens to trials: when they are asked, tried, tried again, and have ended."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping

from prefect_tuner.attempt_report import AttemptReport
from prefect_tuner.flows.ledger.ledger import Ledger
from prefect_tuner.flows.ledger.ledger_records import (
    AskedRecord,
    AttemptRecord,
    FinishedRecord,
    InterruptedRecord,
    Record,
    RetriedRecord,
)
from prefect_tuner.flows.storage.utc_time import utc_now
from prefect_tuner.trial import Outcome, Trial


class TrialRecorder:
    """Writes to a study's ledger what happens to its trials, attempts counted over all runs.

    Args:
        ledger: Claimed.
        attempts: How often the objective was called for each trial of earlier runs, by its number.
    """

    def __init__(self, ledger: Ledger, attempts: Mapping[int, int]) -> None:
        self._ledger = ledger
        self._host = socket.gethostname()
        self._attempts = dict(attempts)

    def attempts(self, number: int, report: AttemptReport) -> int:
        """How often the objective was called for a trial, in all runs."""
        return self._attempts.get(number, 0) + report.attempt

    def start(self, trial: Trial) -> None:
        """A trial is about to run."""
        now = utc_now()
        records: list[Record] = []
        if trial.number not in self._attempts:
            records.append(
                AskedRecord(
                    at=now,
                    number=trial.number,
                    params=trial.params,
                    seed=trial.seed,
                    proposer=trial.proposer,
                )
            )
        attempt = self._attempts.get(trial.number, 0) + 1
        records.append(AttemptRecord(at=now, number=trial.number, attempt=attempt))
        self._ledger.append(*records, written=lambda: self._attempts.setdefault(trial.number, 0))

    def retry(self, number: int, report: AttemptReport) -> None:
        """An attempt has failed and another is about to begin; called from any thread."""
        now = utc_now()
        attempt = self.attempts(number, report)
        self._ledger.append(
            RetriedRecord(
                at=now,
                number=number,
                attempt=attempt,
                outcome=report.outcome,
                duration=report.duration,
                message=report.message,
            ),
            AttemptRecord(at=now, number=number, attempt=attempt + 1),
        )

    def finish(self, trial: Trial, written: Callable[[], object]) -> None:
        """A trial has ended, or was stopped with its run.

        Args:
            trial: As it ended.
            written: Called when that is written, or when the ledger does not know of the trial.
        """
        if trial.outcome is None:
            raise ValueError(f"trial {trial.number} has not ended")
        if trial.outcome is not Outcome.CANCELLED:
            self._ledger.append(
                FinishedRecord(
                    at=utc_now(),
                    number=trial.number,
                    outcome=trial.outcome,
                    metric=trial.metric,
                    extra=dict(trial.extra),
                    duration=trial.duration,
                    attempts=trial.attempts,
                    message=trial.message,
                    host=self._host,
                    elapsed=self._ledger.elapsed,
                ),
                written=written,
            )
        elif trial.number in self._attempts:
            self._ledger.append(
                InterruptedRecord(
                    at=utc_now(),
                    number=trial.number,
                    message=trial.message,
                    duration=trial.duration,
                    attempts=trial.attempts,
                ),
                written=written,
            )
        else:
            written()
