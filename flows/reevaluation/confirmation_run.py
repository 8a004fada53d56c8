"""What a run of a study has to do to confirm its best trials."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import final

from prefect_tuner.errors import LedgerError, StudyConflict
from prefect_tuner.flows.confirmation.candidates import candidates_of
from prefect_tuner.flows.confirmation.confirmation import Confirmation
from prefect_tuner.flows.confirmation.judgement import judged
from prefect_tuner.flows.confirmation.race import Race, RaceEnd
from prefect_tuner.flows.confirmation.sample import step_of
from prefect_tuner.flows.ledger.ledger import Ledger
from prefect_tuner.flows.ledger.ledger_records import ConfirmedRecord
from prefect_tuner.flows.ledger.recorded_confirmation import RecordedConfirmation
from prefect_tuner.flows.reevaluation.reevaluation_loop import ReevaluationLoop
from prefect_tuner.flows.study.tuner_config import TunerConfig
from prefect_tuner.flows.study.tuning_events import (
    ConfirmationCompleted,
    ConfirmationStarted,
    Progress,
    TuningEvent,
)
from prefect_tuner.flows.study.tuning_result import TuningResult
from prefect_tuner.tasks.engine import Engine
from prefect_tuner.trial import Trial

EVALUATIONS_EACH = 10
"""Evaluations that confirming may take for each candidate, in the mean, by default."""


@final
class ConfirmationRun:
    """Confirms the best trials of a study whose search is complete.

    Args:
        ledger: Claimed.
        result: Of the search.
        count: How many of the best trials are to be confirmed.
        config: Of this run.
        seed: The study's.
        progress: How far the study is.
        notify: Is told of every event, and returns at once.
        is_cancelled: Says whether somebody has cancelled the study's flow run.
    """

    def __init__(
        self,
        ledger: Ledger,
        result: TuningResult,
        count: int,
        config: TunerConfig,
        seed: int,
        progress: Progress,
        notify: Callable[[TuningEvent], None],
        is_cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        self._recorded = RecordedConfirmation(ledger)
        self._count = count
        self._notify = notify
        self.candidates = candidates_of(result.trials, result.best_trial, result.goal, count)
        self.race = race_among(self.candidates, result, config)
        self.loop = ReevaluationLoop(
            recorded=self._recorded,
            race=self.race,
            candidates=self.candidates,
            seed=seed,
            max_duration=config.max_duration,
            progress=progress,
            notify=notify,
            is_cancelled=is_cancelled,
        )

    @property
    def needs_engine(self) -> bool:
        """Whether there is anything to evaluate, and time for it."""
        return self.loop.goes_on

    def run(self, engine: Engine) -> None:
        """Evaluate candidates until the race is over, and write down what that shows.

        It is written as well where something ends it before, as far as it came.

        Args:
            engine: Runs the evaluations; made ready.

        Raises:
            TuningCancelled: The loop was interrupted.
            LedgerError: The ledger cannot be written any more.
            StudyConflict: Another run has taken the study over.
        """
        spent = sum(map(len, self._recorded.evaluations.values()))
        self._notify(
            ConfirmationStarted(self.candidates, self.race.budget, spent, self.loop.progress)
        )
        try:
            self.loop.run(engine)
        except BaseException:
            with suppress(LedgerError, StudyConflict):
                self._recorded.confirm(self._count, self._judged())
            raise
        self.conclude()

    def conclude(self) -> None:
        """Write down what the evaluations show that there are, where that is not known yet."""
        confirmation = self._judged()
        if not self._recorded.has(self._count, confirmation):
            self._recorded.confirm(self._count, confirmation)
            self._notify(ConfirmationCompleted(confirmation, self.loop.progress))

    def _judged(self) -> Confirmation:
        return judged(self.race, self._recorded.evaluations)


def race_among(candidates: Sequence[Trial], result: TuningResult, config: TunerConfig) -> Race:
    """The race of a study's best trials.

    Args:
        candidates: The trials.
        result: Of the search, which tells whether the metric comes in steps.
        config: May have a budget of evaluations.
    """
    firsts = {each.number: each.metric for each in candidates if each.metric is not None}
    metrics = [trial.metric for trial in result.trials if trial.metric is not None]
    budget = config.confirm_evaluations or EVALUATIONS_EACH * len(candidates)
    return Race(result.goal, firsts, budget, step_of(metrics))


def is_confirmed(
    stored: ConfirmedRecord | None, result: TuningResult, count: int, config: TunerConfig
) -> bool:
    """Whether a confirmation that was asked for is there already.

    Args:
        stored: What the ledger has.
        result: Of the search.
        count: How many of the best trials are to be confirmed.
        config: May have another budget than there was.
    """
    if not count:
        return True
    if stored is None or stored.confirmation.end is RaceEnd.STOPPED or stored.confirm < count:
        return False
    if stored.confirmation.end is not RaceEnd.BUDGET:
        return True
    candidates = candidates_of(result.trials, result.best_trial, result.goal, count)
    return race_among(candidates, result, config).budget <= stored.confirmation.budget
