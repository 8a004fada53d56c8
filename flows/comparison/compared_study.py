"""A stored study as others are compared with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import mean

from prefect_tuner.flows.ledger.counted_trials import best_counted, counted_trials
from prefect_tuner.flows.ledger.stored_study import StoredStudy
from prefect_tuner.flows.ledger.study_state import StudyState
from prefect_tuner.flows.pictures.study_view import StudyView
from prefect_tuner.flows.study_report.state_view import bare_view
from prefect_tuner.goal import Goal
from prefect_tuner.printable_text import printable_line
from prefect_tuner.trial import Outcome, Trial


@dataclass(frozen=True)
class ComparedStudy:
    """A study as others are compared with it.

    Attributes:
        study: As it lies in its storage.
        state: What its ledger says.
        trials: Those of its budget that have ended, in the order asked; results from elsewhere
            are none, and trials that were stopped with a run neither.
        best: The one to rely on, which may be a result from elsewhere.
        best_so_far: The best metric after each of the trials; None before the first.
    """

    study: StoredStudy
    state: StudyState
    trials: Sequence[Trial]
    best: Trial | None
    best_so_far: Sequence[float | None]

    @classmethod
    def of(cls, study: StoredStudy) -> ComparedStudy:
        """A study, as its ledger has it.

        Raises:
            LedgerError: The ledger cannot be read.
        """
        state = study.readable_state
        trials = [
            trial
            for trial in counted_trials(state)
            if trial.number not in state.known and trial.outcome not in (None, Outcome.CANCELLED)
        ]
        best_so_far = state.definition.goal.best_so_far(trial.metric for trial in trials)
        return cls(study, state, trials, best_counted(state), best_so_far)

    @cached_property
    def view(self) -> StudyView:
        """The study as pictures have it."""
        return bare_view(self.state, self.study.elapsed)

    @property
    def name(self) -> str:
        """Its name, on one line."""
        return printable_line(self.study.name)

    @property
    def goal(self) -> Goal:
        """Which metrics are better."""
        return self.state.definition.goal

    @property
    def failed(self) -> int:
        """How many of the trials failed."""
        return sum(t.outcome is not None and t.outcome.is_failure for t in self.trials)

    @property
    def mean_duration(self) -> float | None:
        """Seconds of a trial on average."""
        durations = [t.duration for t in self.trials if t.duration is not None]
        return mean(durations) if durations else None

    def best_after(self, trials: int) -> float | None:
        """The best metric after so many trials; None without one, or where there were fewer."""
        return self.best_so_far[trials - 1] if 0 < trials <= len(self.best_so_far) else None


def compared_counts(studies: Sequence[ComparedStudy]) -> list[int]:
    """After how many trials the studies are compared: 1, 2, 5, 10, 20, …, and as many as all have.

    Args:
        studies: The studies.
    """
    most = max(len(s.trials) for s in studies)
    rounded = (digit * 10**power for power in range(len(str(most))) for digit in (1, 2, 5))
    counts = {count for count in rounded if count <= most}
    return sorted(counts | {most, min(len(s.trials) for s in studies)} - {0})


def ahead_after(studies: Sequence[ComparedStudy], count: int) -> list[int]:
    """Which studies have the best metric after so many trials, by their places.

    None has where their directions differ, or where less than two of them have a metric by then.
    """
    metrics = _metrics_after(studies, count)
    if len(metrics) < 2 or len({s.goal for s in studies}) > 1:
        return []
    return _best_of(metrics, studies[0].goal)


def leading_sentence(studies: Sequence[ComparedStudy]) -> str:
    """Which study is ahead after as many trials as all of them have."""
    count = min(len(s.trials) for s in studies)
    after = f"After {count} trial{'' if count == 1 else 's'} each"
    if len({s.goal for s in studies}) > 1:
        return "Their directions differ: which of them is ahead cannot be said"
    metrics = _metrics_after(studies, count)
    if not metrics:
        return f"{after}, none of them has a metric" if count else "Not all of them have a trial"
    places = _best_of(metrics, studies[0].goal)
    best, ahead = metrics[places[0]], [studies[place].name for place in places]
    others = len({s.state.definition.objective for s in studies}) > 1
    doubt = "; but their metrics are those of different objectives" if others else ""
    if len(ahead) == len(studies):
        return f"{after}, they are level, at {best:.6g}{doubt}"
    verb = "is" if len(ahead) == 1 else "are"
    return f"{after}, {' and '.join(ahead)} {verb} ahead, at {best:.6g}{doubt}"


def _metrics_after(studies: Sequence[ComparedStudy], count: int) -> dict[int, float]:
    """The best metric after so many trials of each study that has one, by the study's place."""
    return {i: m for i, s in enumerate(studies) if (m := s.best_after(count)) is not None}


def _best_of(metrics: Mapping[int, float], goal: Goal) -> list[int]:
    """The places of the best, of which there may be several."""
    best = min(metrics.values(), key=goal.loss)
    return [place for place, metric in metrics.items() if metric == best]
