"""The history of a study: every trial asked so far, running ones included."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias, overload

from prefect_tuner.errors import InternalTunerError
from prefect_tuner.hyper_value import HyperValue, exact_key
from prefect_tuner.trial import Outcome, Trial

_CandidateKey: TypeAlias = frozenset[tuple[object, ...]]


class History(Sequence[Trial]):
    """All trials of a study in the order asked; what a strategy decides from.

    A trial stands at the place of its number. A history only grows, and a trial in it changes
    once: from running to finished. To strategies and observers it is there to be read; only the
    study that owns it calls `add` and `finish`.

    Args:
        trials: Trials to begin with, numbered from 0.

    Example:
        ```python
        from prefect_tuner.history import History
        from prefect_tuner import Trial

        history = History([Trial(number=0, params={"lr": 0.1})])
        assert history.running == [history[0]]
        assert history.has_candidate({"lr": 0.1})
        ```
    """

    def __init__(self, trials: Iterable[Trial] = ()) -> None:
        self._trials: list[Trial] = []
        self._candidates: set[_CandidateKey] = set()
        self._running: dict[int, Trial] = {}
        for trial in trials:
            self.add(trial)

    @overload
    def __getitem__(self, index: int) -> Trial: ...
    @overload
    def __getitem__(self, index: slice) -> list[Trial]: ...
    def __getitem__(self, index: int | slice) -> Trial | list[Trial]:
        return self._trials[index]

    def __len__(self) -> int:
        return len(self._trials)

    def __repr__(self) -> str:
        return f"History({self._trials!r})"

    @property
    def running(self) -> list[Trial]:
        """The trials asked and not finished, in the order asked."""
        return list(self._running.values())

    @property
    def running_count(self) -> int:
        """How many those are, in constant time."""
        return len(self._running)

    @property
    def completed(self) -> list[Trial]:
        """The trials that have a metric."""
        return [trial for trial in self._trials if trial.outcome is Outcome.COMPLETED]

    def has_candidate(self, params: Mapping[str, HyperValue]) -> bool:
        """Whether a trial with exactly these values was asked, in constant time.

        Values of different types differ: `True`, `1` and `1.0` make three candidates, and so do
        lists of them.
        """
        return _candidate_key(params) in self._candidates

    def add(self, trial: Trial) -> None:
        """Append a trial, which must bear the next number."""
        if trial.number != len(self._trials):
            raise InternalTunerError(
                f"trial {trial.number} cannot stand at place {len(self._trials)} of the history"
            )
        self._trials.append(trial)
        if trial.outcome is None:
            self._running[trial.number] = trial
        self._candidates.add(_candidate_key(trial.params))

    def finish(self, trial: Trial) -> None:
        """Put a finished trial in the place of the running one with its number."""
        if trial.outcome is None or self._trials[trial.number].outcome is not None:
            raise InternalTunerError(f"trial {trial.number} cannot be finished as {trial.outcome}")
        self._trials[trial.number] = trial
        del self._running[trial.number]


def _candidate_key(params: Mapping[str, HyperValue]) -> _CandidateKey:
    try:
        return frozenset((name, type(value), value) for name, value in params.items())
    except TypeError:  # A list or a dict is among them, which takes longer.
        return frozenset((name, exact_key(value)) for name, value in params.items())
