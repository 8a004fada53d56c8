"""A study with its ledger: every step is written down before anybody hears of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from prefect_tuner.attempt_report import AttemptReport
from prefect_tuner.errors import LedgerError, StudyConflict
from prefect_tuner.flows.ledger.ledger import Ledger
from prefect_tuner.flows.ledger.ledger_records import (
    BestRecord,
    InitialTrial,
    KnownRecord,
    Record,
    StoppedRecord,
)
from prefect_tuner.flows.ledger.study_state import StudyState
from prefect_tuner.flows.ledger.trial_recorder import TrialRecorder
from prefect_tuner.flows.storage.utc_time import utc_now
from prefect_tuner.flows.study.failure_kind import failure_kind
from prefect_tuner.flows.study.study import Study
from prefect_tuner.flows.study.study_digest import study_digest
from prefect_tuner.flows.study.tuning_events import Progress
from prefect_tuner.history import History
from prefect_tuner.hyper_value import Params
from prefect_tuner.strategies.strategy import Budget
from prefect_tuner.trial import Outcome, Trial

AHEAD_OF_THE_STOP = "ran ahead of the trial that stopped the study; the ledger has its result"
"""The message of a trial of a reproducible study that ended after the last one that counts."""


IN_FLIGHT = "was in flight when the run of its study died"
"""The message of a trial that an earlier run has left and that the budget no longer holds."""


@dataclass(frozen=True)
class Told:
    """A trial whose end the study was told.

    Attributes:
        trial: As it stands in the history.
        previous: The trial with the best metric before it.
        improved: Whether the trial has the best metric now.
        is_news: Whether it ended in this run rather than in an earlier one.
    """

    trial: Trial
    previous: Trial | None
    improved: bool
    is_news: bool


class RecordedStudy:
    """Asks and tells a study, and keeps its ledger.

    The study is rebuilt from what the ledger holds: trials that have finished are told again,
    without news, those that were in flight come first when trials are asked for. In a study with
    a lag, trials are told in their order, so that stop rules and the leader do not depend on how
    long each takes.

    Args:
        study: Empty.
        ledger: Claimed.
        state: What the ledger holds of the study; None when it is a new one.
        initial_trials: What the study starts from.
    """

    def __init__(
        self,
        study: Study,
        ledger: Ledger,
        state: StudyState | None,
        initial_trials: Sequence[InitialTrial] = (),
    ) -> None:
        self.study = study
        self._ledger = ledger
        self._progress = Progress()
        self._unwritten: list[Record] = []
        # In flight when the last run ended, or handed back.
        self._next: deque[Trial] = deque()
        # Those that have ended and were not told, in the order of arrival.
        self._ended: dict[int, Trial] = {}
        self._old: set[int] = set()
        self._interruptions: dict[int, Trial] = {}
        self._first_failure: str | None = None
        self._begun = False
        self._known = 0
        self._given = 0
        self._told = 0
        called = {}
        if state is not None:
            self._restore(state)
            called = {t.number: t.attempts for t in state.trials if t.number not in state.given}
        self._recorder = TrialRecorder(ledger, called)
        self._take_initial(initial_trials, is_new=state is None or not state.begun)
        self._progress = replace(self._progress, best_trial=study.leader)

    @property
    def progress(self) -> Progress:
        """How far the study is; results from elsewhere are not counted."""
        asked = len(self.study.history) - self._known
        running = len(self.study.history) - self._told
        return replace(self._progress, elapsed=self._ledger.elapsed, asked=asked, running=running)

    @property
    def lag(self) -> int | None:
        """In a reproducible study, how many trials before it a suggestion does not depend on."""
        return self.study.lag

    def check_ledger(self) -> None:
        """Raise what the ledger failed by, if it did.

        Raises:
            LedgerError: It cannot be written any more.
            StudyConflict: Another run has taken the study over.
        """
        self._ledger.check()

    def begin(self, *records: Record) -> None:
        """Write down that a run begins, and what it starts from."""
        self._ledger.append(*records, *self._unwritten)
        self._unwritten = []
        self._ledger.start_clock()
        self._begun = True

    def can_ask(self, max_trials: int) -> bool:
        """Whether there may be a trial to run now.

        Not when the budget is spent, nor when the next suggestion depends on trials that run.

        Args:
            max_trials: How many trials there may be in all.
        """
        self._next = deque(t for t in self._next if t.number - self._known < max_trials)
        return bool(self._next) or (self.left_to_ask(max_trials) > 0 and self.study.can_ask)

    def left_to_ask(self, max_trials: int) -> int:
        """How many trials are left of a budget, those that an earlier run has left included."""
        asked = len(self.study.history) - self._known
        return len(self._next) + max(0, max_trials - asked)

    def ask(self, budget: Budget | None = None) -> Trial | None:
        """The next trial to run, which is not written down before `start`.

        Args:
            budget: What the study may spend, for strategies that plan for it.

        Returns:
            A trial that was in flight when an earlier run ended, otherwise a new one; None when
            the strategy is exhausted.
        """
        return self._next.popleft() if self._next else self.study.ask(budget)

    def put_back(self, trial: Trial) -> None:
        """Have `ask` give a trial once more."""
        self._next.appendleft(trial)

    def start(self, trial: Trial) -> None:
        """Write down that a trial is about to run."""
        self._recorder.start(trial)

    def retry(self, number: int, report: AttemptReport) -> None:
        """Write down that an attempt failed and another is about to begin; from any thread."""
        self._recorder.retry(number, report)

    def finish(self, number: int, report: AttemptReport) -> None:
        """Write down what came of a trial; `tell_next` tells the study."""
        ended = replace(
            self.study.history[number],
            outcome=report.outcome,
            metric=report.metric,
            extra=report.extra,
            duration=report.duration,
            attempts=self._recorder.attempts(number, report),
            message=report.message,
        )

        def take() -> None:
            self._ended[number] = ended

        try:
            self._recorder.finish(ended, written=take)
        except (LedgerError, StudyConflict):
            take()  # It has ended all the same.
            raise

    def not_started(self) -> list[Trial]:
        """The trials that were asked and neither run nor have ended."""
        return [t for t in self.study.history.running if t.number not in self._ended]

    def shown_trials(self) -> list[Trial]:
        """All trials in the order asked; those that were stopped with an earlier run, cancelled."""
        return [
            self._interruptions.get(
                trial.number, replace(trial, outcome=Outcome.CANCELLED, message=IN_FLIGHT)
            )
            if trial.outcome is None
            else trial
            for trial in self.study.history
        ]

    def tell_next(self) -> Told | None:
        """Tell the study of the next trial that has ended; None when there is none to tell."""
        if not self._ended:
            return None
        number = next(iter(self._ended)) if self.study.lag is None else self._told
        trial = self._ended.get(number)
        return None if trial is None else self._tell(trial)

    def tell_rest(self, *, counting: bool) -> Iterator[Told]:
        """Tell the study of all trials that have ended, whatever came of those before them.

        Args:
            counting: Whether their results count. Where they do not, the trials are told as
                cancelled; the ledger has their results.
        """
        for number in sorted(self._ended):
            trial = self._ended[number]
            if self.study.history[number].outcome is not None:
                continue  # An interruption came when it was told.
            if not counting and trial.outcome is not Outcome.CANCELLED:
                trial = replace(
                    trial, outcome=Outcome.CANCELLED, metric=None, message=AHEAD_OF_THE_STOP
                )
            yield self._tell(trial)

    def stop(self, ending: str, reason: str, elapsed: float) -> None:
        """Write down that the run has ended, if it was written that it has begun.

        Args:
            ending: `completed`, `failed` or `cancelled`.
            reason: Why.
            elapsed: Seconds that the study has run, in all its runs.

        Raises:
            LedgerError: The ledger cannot be written. Only where the study was completed: any
                other ending has a reason of its own, which counts.
        """
        if not self._begun or (self._ledger.is_broken and ending != "completed"):
            return
        best = self.study.best_trial if ending == "completed" else None
        record = StoppedRecord.model_validate(
            {
                "at": utc_now(),
                "ending": ending,
                "reason": reason,
                "trials": len(self.study.history),
                "digest": study_digest(self.study.history),
                "elapsed": elapsed,
                "best": None if best is None or best is self.study.leader else best.number,
            }
        )
        try:
            self._ledger.append(record)
        except (LedgerError, StudyConflict):
            if ending == "completed":
                raise

    def _tell(self, trial: Trial) -> Told:
        previous = self.study.leader
        told = self.study.tell(
            trial.number,
            trial.metric,
            outcome=trial.outcome,
            extra=trial.extra,
            duration=trial.duration,
            attempts=trial.attempts,
            message=trial.message,
        )
        # Not before: whoever interrupts must not take it for one that has not started.
        del self._ended[trial.number]
        self._told += 1
        is_news = told.number not in self._old
        improved = self.study.leader is not previous
        if improved and is_news and told.metric is not None:
            self._ledger.append(BestRecord(at=utc_now(), number=told.number, metric=told.metric))
        self._count(told, improved)
        if is_news:
            self._count_alike(told)
        return Told(told, previous, improved, is_news)

    def _count(self, trial: Trial, improved: bool) -> None:
        completed = trial.outcome is Outcome.COMPLETED
        failed = trial.outcome is not None and trial.outcome.is_failure
        self._progress = replace(
            self._progress,
            completed=self._progress.completed + completed,
            failed=self._progress.failed + failed,
            since_best=0 if improved else self._progress.since_best + (completed or failed),
            best_trial=self.study.leader,
        )

    def _count_alike(self, trial: Trial) -> None:
        """Count the failures that begin this run, as long as they are all of one kind."""
        if trial.outcome is Outcome.CANCELLED:
            return
        kind = failure_kind(trial)
        if self._first_failure is None:
            self._first_failure = kind
        alike = self._progress.alike_failures + 1 if kind and kind == self._first_failure else 0
        if not alike:
            self._first_failure = ""
        self._progress = replace(self._progress, alike_failures=alike)

    def _restore(self, state: StudyState) -> None:
        """Rebuild the study up to where the ledger ends."""
        for trial in state.trials:
            if trial.number in state.given:
                self._give(trial, known=trial.number in state.known)
            else:
                self.study.add_trial(
                    Trial(trial.number, trial.params, trial.seed, proposer=trial.proposer)
                )
        self._interruptions = state.interruptions
        self._old = set(state.finished) - state.given
        self._ended = {n: state.trials[n] for n in state.finished if n in self._old}
        self._next = deque(self.study.history[trial.number] for trial in state.in_flight)

    def _give(self, trial: Trial, *, known: bool) -> None:
        previous = self.study.leader
        self.study.add_trial(trial)
        self._given += 1
        self._told += 1
        if known:
            self._known += 1
        else:
            self._count(trial, self.study.leader is not previous)

    def _take_initial(self, initial_trials: Sequence[InitialTrial], *, is_new: bool) -> None:
        """Take what the study starts from, except for what it has begun with already."""
        given = History(self.study.history[: self._given])
        begun = len(self.study.history) - self._given
        fresh = [each for each in initial_trials if not given.has_candidate(each.params)]
        if is_new:
            for initial in fresh:
                if initial.metric is not None:
                    self._take_known(initial.params, initial.metric)
        for initial in [each for each in fresh if each.metric is None][begun:]:
            self.study.enqueue(initial.params)

    def _take_known(self, params: Params, metric: float) -> None:
        number = len(self.study.history)
        self._unwritten.append(
            KnownRecord(at=utc_now(), number=number, params=params, metric=metric)
        )
        outcome = Outcome.COMPLETED
        self._give(Trial(number, params, outcome=outcome, metric=metric), known=True)
