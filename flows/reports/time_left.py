"""How long a study will still take."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import mean

from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.flows.ledger.stored_study import StoredStudy, StudyStatus
from prefect_tuner.flows.ledger.study_state import StudyState
from prefect_tuner.flows.study.tuner_config import TunerConfig
from prefect_tuner.trial import Outcome


@dataclass(frozen=True)
class Pace:
    """How fast the trials of a study end.

    Attributes:
        at_a_time: How many run at the same time.
        duration: Seconds of a trial on average; None while none has ended.
        ended: How many have ended in the time that is looked at.
        elapsed: Seconds of that time, in which all places were taken as far as they could be.
    """

    at_a_time: int
    duration: float | None = None
    ended: int = 0
    elapsed: float = 0.0

    def time_left(self, trials: int, running: int, until_deadline: float | None) -> float | None:
        """Seconds that trials will take, about, and no more than are left of the budget.

        Once each place has had two trials, what counts is how many have ended in how much time: the
        strategy and the start of processes take some as well. Before that, it is their duration.
        Rules that stop a study earlier are left out of account.

        Args:
            trials: How many have not ended, those included that run.
            running: How many run; half of each is taken to be over.
            until_deadline: Seconds that are left of `max_duration`; None without a limit.

        Returns:
            None where nothing is known of it.

        Example:
            ```python
            from prefect_tuner.flows.reports.time_left import Pace

            assert Pace(at_a_time=4, duration=60.0, ended=1).time_left(10, 4, None) == 120.0
            assert Pace(4, 60.0, ended=10, elapsed=200.0).time_left(10, 0, None) == 200.0
            assert Pace(4, 60.0, ended=10, elapsed=200.0).time_left(10, 0, 50.0) == 50.0
            ```
        """
        whole = max(0.0, trials - running / 2)
        expected: float | None = None
        if self.ended >= 2 * self.at_a_time and self.elapsed > 0:
            expected = whole * self.elapsed / self.ended
        elif self.duration is not None:
            at_once = max(1, min(self.at_a_time, trials))
            expected = whole * self.duration / at_once
        limits = [each for each in (expected, until_deadline) if each is not None]
        return None if expected is None else max(0.0, min(limits))


def time_left_of(study: StoredStudy, state: StudyState) -> float | None:
    """Seconds that a study will take until its budget is spent, about.

    Args:
        study: The study.
        state: What its ledger says.

    Returns:
        None for one that is complete, and where nothing is known of it.
    """
    if study.status is StudyStatus.COMPLETE:
        return None
    try:
        config = TunerConfig(**state.config)
    except InvalidConfiguration:  # Of another release, with settings that are not known here.
        return None
    own = [trial for trial in state.trials if trial.number not in state.inherited]
    ended = [t for t in own if t.outcome not in (None, Outcome.CANCELLED)]
    durations = [trial.duration for trial in ended if trial.duration is not None]
    pace = Pace(
        at_a_time=config.max_concurrency,
        duration=mean(durations) if durations else None,
        ended=len(ended),
        elapsed=study.elapsed,
    )
    limit = config.max_duration
    return pace.time_left(
        trials=max(0, config.max_trials - len(ended)),
        running=busy_workers(study, state),
        until_deadline=None if limit is None else limit - study.elapsed,
    )


def busy_workers(study: StoredStudy, state: StudyState) -> int:
    """How many of a study's trials run now, as far as its ledger tells."""
    return len(state.running) if study.status is StudyStatus.RUNNING else 0
