"""What a study and its workers tell each other through the Prefect API, and nothing but it.

The labels of the study's flow run have what the study says: that it lives, and what is to stop.
Its notes have what the workers say: which attempt was begun by whom, and what came of it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, final

from prefect.client.orchestration import get_client

from prefect_tuner.tasks.workers.flow_run_notes import FlowRunNotes, own_labels

STARTED = "started"
"""The note of who has begun an attempt."""

ENDED = "ended"
"""The note of what came of it."""


@dataclass(frozen=True)
class Signals:
    """What a study says to its workers.

    Attributes:
        beat: Another value each time that the study says that it lives; empty before the first.
        stop: Why all trials are to stop; None where they are not.
        stopped_trials: Why single ones are to, by number.
    """

    beat: str = ""
    stop: str | None = None
    stopped_trials: Mapping[int, str] = field(default_factory=dict)


class Mailbox(ABC):
    """What a worker hears of its study, and what it says of attempts.

    Args:
        flow_run: The id of the flow run that has the notes of attempts.
    """

    def __init__(self, flow_run: str) -> None:
        self._client = get_client(sync_client=True)
        self._notes = FlowRunNotes(flow_run, self._client)

    def open(self) -> None:
        """Connect."""
        self._client.__enter__()

    def close(self) -> None:
        """Close the connection."""
        self._client.__exit__(None, None, None)

    @abstractmethod
    def signals(self) -> Signals:
        """What the study says."""

    def claim(self, attempt: str, worker: str, patience: float = 0.0) -> str | None:
        """Take an attempt, which nobody can take again.

        Args:
            attempt: Its name.
            worker: Who takes it.
            patience: Seconds for which a server that is away is waited for.

        Returns:
            Who has taken it before; None where nobody had.
        """
        return self._notes.claim(self._key(STARTED, attempt), worker, patience)

    def claimed_by(self, attempt: str) -> str | None:
        """Who has taken an attempt; None where nobody has."""
        return self._notes.claimed_by(self._key(STARTED, attempt))

    def record_answer(self, attempt: str, answer: Mapping[str, Any], patience: float = 0.0) -> None:
        """Keep what came of an attempt, for whoever starts it again or misses its answer."""
        self._notes.record(self._key(ENDED, attempt), answer, patience)

    def answer(self, attempt: str) -> dict[str, Any] | None:
        """What came of an attempt, where that was recorded."""
        return self._notes.read(self._key(ENDED, attempt))

    def _key(self, note: str, attempt: str) -> str:
        """The name of an attempt's note."""
        return f"{note}-{attempt}"


@final
class StudyMailbox(Mailbox):
    """One run of a study at the Prefect API, for itself and for its workers.

    Args:
        flow_run: The id of the study's flow run.
        run: The name of the run, which no other has.
    """

    def __init__(self, flow_run: str, run: str) -> None:
        super().__init__(flow_run)
        self._run = run

    def beat(self, count: int) -> None:
        """Say that the study lives, with another number each time."""
        self._notes.label({"beat": f"{self._run} {count}"})

    def stop(self, reason: str) -> None:
        """Tell all workers to stop their trials."""
        self._notes.label({f"stop.{self._run}": reason})

    def stop_trial(self, number: int, reason: str) -> None:
        """Tell the worker that has a trial to stop it."""
        self._notes.label({f"stop.{self._run}.{number}": reason})

    def signals(self) -> Signals:
        """What the study says. A flow run that has ended says that all is to stop."""
        flow_run = self._notes.flow_run()
        if flow_run is None:
            return Signals(stop="its flow run was deleted")
        labels = own_labels(flow_run)
        beat, stop = labels.get("beat", ""), labels.get(f"stop.{self._run}")
        state = flow_run.state
        if stop is None and state is not None and (state.is_final() or state.is_cancelling()):
            stop = f"its flow run is {(state.name or state.type.value).lower()}"
        if stop is None and beat and beat.split()[0] != self._run:
            stop = "its flow run was begun again"
        prefix = f"stop.{self._run}."
        trials = {
            int(name.removeprefix(prefix)): reason
            for name, reason in labels.items()
            if name.startswith(prefix)
        }
        return Signals(beat, stop, trials)
