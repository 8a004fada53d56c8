"""A study with its ledger: every step is written down before anybody hears of it."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from prefect_tuner.ending import Ending
from prefect_tuner.errors import LedgerError, StudyConflict
from prefect_tuner.flows.ledger.counted_trials import (
    ahead_of_the_stop,
    stopped_again,
    trials_of_a_complete_study,
)
from prefect_tuner.flows.ledger.initial_trials import (
    candidates_to_try_first,
    known_records,
    preflight_records,
)
from prefect_tuner.flows.ledger.ledger import Ledger
from prefect_tuner.flows.ledger.ledger_records import (
    AskedRecord,
    AttemptRecord,
    BestRecord,
    FinishedRecord,
    InitialTrial,
    InterruptedRecord,
    PreflightPoint,
    Record,
    RetriedRecord,
    RunRecord,
    StoppedRecord,
    StudyRecord,
)
from prefect_tuner.flows.ledger.study_state import StudyState
from prefect_tuner.flows.storage.utc_time import utc_now
from prefect_tuner.flows.study.alike_failures import AlikeFailures
from prefect_tuner.flows.study.study import Study
from prefect_tuner.flows.study.study_digest import study_digest
from prefect_tuner.flows.study.tuning_events import Progress
from prefect_tuner.strategies.strategy import Budget
from prefect_tuner.trial import Outcome, Trial


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

    What has happened is the state of the ledger; the study is told of it. So trials that had
    finished before this run are told again, and nobody else hears of them once more; those that
    were in flight come first when trials are asked for. In a study with a lag, trials are told in
    their order, so that stop rules and the leader do not depend on how long each takes.

    Args:
        study: Empty.
        ledger: Claimed.
        run: What is recorded of this run.
        definition: What is searched, where the study is new or adopted.
        initial_trials: What the study starts from.
        preflight: What it is to try before that, where it has not begun.
    """

    def __init__(
        self,
        study: Study,
        ledger: Ledger,
        run: RunRecord,
        definition: StudyRecord | None = None,
        initial_trials: Sequence[InitialTrial] = (),
        preflight: Sequence[PreflightPoint] = (),
    ) -> None:
        self.study = study
        self._ledger = ledger
        self._opening, self._opened = _opening(
            ledger.state, run, definition, initial_trials, preflight
        )
        self._old = frozenset(self._opened.finished)
        self._begun = False
        self._progress = Progress()
        self._alike = AlikeFailures()
        # Where to look for the next trial to tell, in the order of telling.
        self._place = 0
        self._counted: int | None = None
        # Ends that are not in the ledger: of trials that it does not know, or since it has failed.
        self._unrecorded: dict[int, Trial] = {}
        # Seconds that the strategy took: since it was asked last, and for trials to be started.
        self._telling = 0.0
        self._suggestion: dict[int, float] = {}
        for trial in self._opened.trials:
            self._restore(trial)
        for params in candidates_to_try_first(self._opened, initial_trials):
            study.enqueue(params)
        self._progress = replace(self._progress, best_trial=study.leader)

    @property
    def state(self) -> StudyState:
        """What has happened; before `begin` with what that is to write."""
        written = self._ledger.state
        return written if self._begun and written is not None else self._opened

    @property
    def progress(self) -> Progress:
        """How far the study is; results from elsewhere are not counted."""
        return replace(
            self._progress,
            elapsed=self._ledger.elapsed,
            asked=len(self.study.history) - len(self.state.known),
            running=self.study.history.running_count,
            alike_failures=self._alike.count,
        )

    @property
    def lag(self) -> int | None:
        """In a reproducible study, how many trials before it a suggestion does not depend on."""
        return self.study.lag

    def attempts_before(self, number: int) -> int:
        """How often the objective was called for a trial before this run."""
        return self.state.attempts_before.get(number, 0)

    def check_ledger(self) -> None:
        """Raise what the ledger failed by, if it did.

        Raises:
            LedgerError: It cannot be written any more.
            StudyConflict: Another run has taken the study over.
        """
        self._ledger.check()

    def begin(self) -> None:
        """Write down that a run begins, and what it starts from."""
        self._begin()

    def begin_again(self) -> None:
        """Write down that a run begins, where it has not, of a study whose search is complete."""
        if not self._begun:
            self._begin(stopped_again(self._ledger.state))

    def _begin(self, *records: Record) -> None:
        self._ledger.append(*self._opening, *records)
        self._ledger.start_clock()
        self._begun = True

    def can_ask(self, max_trials: int) -> bool:
        """Whether there may be a trial to run now.

        Not when the budget is spent, nor when the next suggestion depends on trials that run.

        Args:
            max_trials: How many trials there may be in all.
        """
        if self._waiting(max_trials):
            return True
        return self.left_to_ask(max_trials) > 0 and self.study.can_ask

    def left_to_ask(self, max_trials: int) -> int:
        """How many trials are left of a budget, those that an earlier run has left included."""
        asked = len(self.study.history) - len(self.state.known)
        return len(self._waiting(max_trials)) + max(0, max_trials - asked)

    def ask(self, max_trials: int, budget: Budget | None = None) -> Trial | None:
        """The next trial to run, the same one until it is written down by `start`.

        Args:
            max_trials: How many trials there may be in all.
            budget: What the study may spend, for strategies that plan for it.

        Returns:
            A trial that was in flight when an earlier run ended, otherwise a new one; None when
            the strategy is exhausted.
        """
        waiting = self._waiting(max_trials)
        return waiting[0] if waiting else self._ask(budget)

    def start(self, trial: Trial) -> None:
        """Write down that a trial is about to run."""
        records: list[Record] = []
        if trial.number == len(self.state.trials):
            records.append(AskedRecord.of(trial, self._suggestion.pop(trial.number, None)))
        attempt = self.attempts_before(trial.number) + 1
        self._ledger.append(*records, AttemptRecord.of(trial.number, attempt))

    def adopt(self, trial: Trial) -> None:
        """Write down that an attempt goes on that an earlier run has started."""
        self._ledger.append(AttemptRecord.of(trial.number, self.attempts_before(trial.number)))

    def retry(self, number: int, ending: Ending) -> None:
        """Write down that an attempt failed and another is about to begin; from any thread."""
        attempt = self.attempts_before(number) + ending.attempts
        self._ledger.append(
            RetriedRecord.of(number, attempt, ending), AttemptRecord.of(number, attempt + 1)
        )

    def finish(self, number: int, ending: Ending) -> None:
        """Write down what came of a trial; `tell_next` tells the study.

        Args:
            number: The trial's.
            ending: Its end, with the attempts of this run.
        """
        attempts = self.attempts_before(number) + ending.attempts
        ending = replace(ending, attempts=attempts)
        ended = ending.of(self.study.history[number])
        try:
            if ending.outcome is not Outcome.CANCELLED:
                host, elapsed = socket.gethostname(), self._ledger.elapsed
                self._ledger.append(FinishedRecord.of(number, ending, host, elapsed))
            elif number < len(self.state.trials):
                self._ledger.append(InterruptedRecord.of(number, ending))
            else:
                self._unrecorded[number] = ended
        except (LedgerError, StudyConflict):
            self._unrecorded[number] = ended  # It has ended nevertheless.
            raise

    def not_ended(self) -> list[Trial]:
        """The trials that were asked and of which no end is known."""
        return [t for t in self.study.history.running if self._end_of(t.number) is None]

    def tell_next(self) -> Told | None:
        """Tell the study of the next trial that has ended; None when there is none to tell."""
        number = self._next_to_tell()
        ended = None if number is None else self._end_of(number)
        return None if ended is None else self._tell(ended)

    def tell_rest(self, *, counting: bool) -> Iterator[Told]:
        """Tell the study of all trials that have ended, whatever came of those before them.

        Args:
            counting: Whether their results count. Where they do not, the trials are told as
                cancelled; the ledger has their results.
        """
        rest = self.study.history.running
        if not counting and self._counted is None:
            self._counted = rest[0].number if rest else len(self.study.history)
        for trial in rest:
            ended = self._end_of(trial.number)
            if ended is not None:
                yield self._tell(ended if counting else ahead_of_the_stop(ended))

    def stop(self, ending: str, reason: str) -> None:
        """Write down that the run has ended, if it was written that it has begun.

        Once the search is completed it stays so, whatever becomes of confirming its best trials.

        Args:
            ending: `completed`, `failed`, `cancelled` or `preflight`.
            reason: Why.

        Raises:
            LedgerError: The ledger cannot be written. Only where the study was completed: any
                other ending has a reason of its own, which counts.
        """
        completed = ending == "completed"
        if not self._begun or (self._ledger.is_broken and not completed):
            return
        if self.state.stopped is not None:
            return  # The search was completed, and stays so.
        best = self.study.best_trial if completed else None
        trials = trials_of_a_complete_study(self.state, self._counted)
        counted = len(trials) if self._counted is None else self._counted
        record = StoppedRecord.model_validate(
            {
                "at": utc_now(),
                "ending": ending,
                "reason": reason,
                "trials": len(trials),
                "digest": study_digest(trials),
                "elapsed": self._ledger.elapsed,
                "best": None if best is None or best is self.study.leader else best.number,
                "counted": counted if completed and self.lag is not None else None,
            }
        )
        try:
            self._ledger.append(record)
        except (LedgerError, StudyConflict):
            if completed:
                raise

    def _ask(self, budget: Budget | None) -> Trial | None:
        began = time.monotonic()
        trial = self.study.ask(budget)
        if trial is not None:
            took = self._telling + time.monotonic() - began
            self._suggestion[trial.number] = round(took, 6)
            self._telling = 0.0
        return trial

    def _waiting(self, max_trials: int) -> list[Trial]:
        """The trials that were asked and that this run has not called, within the budget."""
        most = max_trials + len(self.state.known)
        return [
            trial
            for trial in self.not_ended()
            if trial.number < most and trial.number not in self.state.running
        ]

    def _end_of(self, number: int) -> Trial | None:
        """A trial as it ended in this run or an earlier one; None when it has not."""
        state = self.state
        if number in self._unrecorded or number >= len(state.trials):
            return self._unrecorded.get(number)
        if state.trials[number].outcome is not None:
            return state.trials[number]
        return state.interruptions[number] if number in state.interrupted else None

    def _next_to_tell(self) -> int | None:
        """The trial to be told next, if there is one, whether it has ended or not."""
        history = self.study.history
        order: Sequence[int] = self.state.finished if self.lag is None else range(len(history))
        while self._place < len(order) and not history[order[self._place]].is_running:
            self._place += 1
        if self._place < len(order):
            return order[self._place]
        others = [*self.state.interrupted, *self._unrecorded] if self.lag is None else []
        return next((number for number in others if history[number].is_running), None)

    def _tell(self, trial: Trial) -> Told:
        previous = self.study.leader
        began = time.monotonic()
        told = self.study.finish(trial)
        self._telling += time.monotonic() - began
        is_news = told.number not in self._old
        improved = self.study.leader is not previous
        if improved and is_news and told.metric is not None:
            self._ledger.append(BestRecord(at=utc_now(), number=told.number, metric=told.metric))
        self._progress = self._progress.after(told, improved=improved)
        if is_news:
            self._alike.add(told)
        return Told(told, previous, improved, is_news)

    def _restore(self, trial: Trial) -> None:
        """Put a trial of the ledger into the study, which is told later of how it ended."""
        if trial.number not in self._opened.inherited:
            asked = Trial(trial.number, trial.params, trial.seed, proposer=trial.proposer)
            self.study.add_trial(asked)
            return
        previous = self.study.leader
        self.study.add_trial(trial)
        if trial.number not in self._opened.known:
            improved = self.study.leader is not previous
            self._progress = self._progress.after(trial, improved=improved)


def _opening(
    state: StudyState | None,
    run: RunRecord,
    definition: StudyRecord | None,
    initial_trials: Sequence[InitialTrial],
    preflight: Sequence[PreflightPoint],
) -> tuple[list[Record], StudyState]:
    """What the ledger is to hold before the first trial of a run, and the state with that."""
    opened = None if state is None else state.copy()
    records: list[Record] = []
    if definition is not None:
        records.append(definition)
        opened = StudyState.after(opened, definition)
    if opened is None:
        raise ValueError("a ledger begins with what is searched")
    known = [] if opened.begun else known_records(opened, initial_trials)
    of_run: list[Record] = [run, *known]
    for record in of_run:
        opened.take(record)
    judging = preflight_records(opened, preflight)
    for preflight_record in judging:
        opened.take(preflight_record)
    return [*records, *of_run, *judging], opened
