"""The preflight within a run of a study: other trials wait for it, and it is judged once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, final

from prefect_tuner.flows.ledger.ledger_records import PreflightRecord
from prefect_tuner.flows.ledger.recorded_study import RecordedStudy
from prefect_tuner.flows.study.alike_failures import all_failed_alike
from prefect_tuner.flows.study.tuning_events import PreflightEnded, PreflightPlace, TuningEvent
from prefect_tuner.flows.study.tuning_result import StopReason
from prefect_tuner.trial import Trial

Preflight: TypeAlias = Literal["none", "first", "only"]
"""Whether a run makes a preflight: before all else, or nothing but that."""


@dataclass(frozen=True)
class Preparation:
    """What is known when trials can run.

    Attributes:
        seconds: How long that took, the import of the objective included.
        notes: What has shown of how they run, a sentence each.
        machine_memory: Bytes that they have together; None where that is not known.
    """

    seconds: float = 0.0
    notes: Sequence[str] = ()
    machine_memory: int | None = None


@final
class PreflightRun:
    """The preflight of one run.

    Args:
        study: Whose trials are to be judged.
        preflight: Whether there is one.
        notify: Is told when it has ended.

    Attributes:
        preparation: What is known of how trials run, once that is known.
    """

    def __init__(
        self,
        study: RecordedStudy,
        preflight: Preflight,
        notify: Callable[[TuningEvent], None],
    ) -> None:
        self.preparation = Preparation()
        self._study = study
        self._is_all = preflight == "only"
        self._notify = notify
        records = study.state.preflights
        self._record: PreflightRecord | None = records[-1] if records else None
        # One that has ended in an earlier run was told of there.
        self._is_over = preflight == "none" or self._record is None
        if preflight == "first" and not self._is_over:
            ended = [trial.outcome for trial in self._recorded()]
            self._is_over = len(ended) == len(self._numbers()) and None not in ended
        self._reason: StopReason | None = None

    @property
    def is_all_that_was_asked_for(self) -> bool:
        """Whether nothing else is to be run, and it has ended, in this run or in an earlier one."""
        return self._is_all and self._ended() is not None

    @property
    def can_be_made(self) -> bool:
        """Whether the study has one: not where it has begun without."""
        return self._record is not None

    def most_trials(self, max_trials: int) -> int:
        """How many trials there may be for now, of those that the budget allows."""
        if self._is_over or self._record is None:
            return max_trials
        return min(max_trials, self._numbers().stop - len(self._study.state.known))

    def judge(self) -> StopReason | None:
        """Judge the study if its preflight has ended, and tell of it, once.

        One of its trials may have been cancelled alone: then the others speak for the study.

        Returns:
            Why the study stops with it; None where it goes on.
        """
        if not self._is_over and (trials := self._ended()) is not None:
            self._is_over = True
            is_pointless = all_failed_alike(trials.values())
            if self._is_all:
                self._reason = StopReason.PREFLIGHT
            elif is_pointless:
                self._reason = StopReason.PREFLIGHT_FAILED
            self._notify(
                PreflightEnded(
                    trials=trials,
                    is_pointless=is_pointless,
                    preparation=self.preparation.seconds,
                    notes=self.preparation.notes,
                    progress=self._study.progress,
                    machine_memory=self.preparation.machine_memory,
                    elapsed=self._elapsed(),
                )
            )
        return self._reason

    def _elapsed(self) -> float | None:
        """Seconds that all of it took, where one run has made it."""
        return self._study.progress.elapsed if len(self._study.state.runs) == 1 else None

    def _numbers(self) -> range:
        return range(0) if self._record is None else self._record.numbers

    def _recorded(self) -> list[Trial]:
        """Its trials as the ledger has them."""
        return [self._study.state.trials[n] for n in self._numbers() if n < self._asked()]

    def _asked(self) -> int:
        return len(self._study.state.trials)

    def _ended(self) -> dict[PreflightPlace, Trial] | None:
        """Its trials, by their places; None while one has not been told."""
        history = self._study.study.history
        if self._record is None or self._numbers().stop > len(history):
            return None
        trials = [history[number] for number in self._numbers()]
        if any(trial.is_running for trial in trials):
            return None
        places = (point.place for point in self._record.points)
        return dict(zip(places, trials, strict=True))
