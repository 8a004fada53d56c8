"""What a study and its workers tell each other through the Prefect API, and nothing but it.

A worker needs no connection into the process of the study: both reach the API, and there the flow
run of the study. Its labels have what the study says: that it lives, and what is to stop. Its
inputs have what the workers say: which attempt was begun by whom, and what came of it. An input is
made once: who comes second is told so.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

import httpx
from prefect.client.orchestration import get_client
from prefect.exceptions import PrefectHTTPStatusError
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

_LABEL = "prefect-tuner"
_CONFLICT = 409
_NOT_FOUND = 404
_SERVER_ERROR = 500
_AGAIN = 1.0

T = TypeVar("T")


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


def without_retries() -> AbstractContextManager[object]:
    """Have Prefect's client raise at once what it would try again after a while.

    It waits longer each time, up to half a minute: too long for signs of life.
    """
    return temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0})


def with_patience(call: Callable[[], T], seconds: float) -> T:
    """What a call to the API gives, made again while the server is away.

    Args:
        call: Makes it.
        seconds: For how long; then its error is raised.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            return call()
        except PrefectHTTPStatusError as error:
            if error.response.status_code < _SERVER_ERROR or time.monotonic() > deadline:
                raise
        except (httpx.TransportError, OSError):
            if time.monotonic() > deadline:
                raise
        time.sleep(_AGAIN)


class StudyMailbox:
    """One run of a study at the Prefect API, for itself and for its workers.

    Args:
        flow_run: The id of the study's flow run.
        run: The name of the run, which no other has.
    """

    def __init__(self, flow_run: str, run: str) -> None:
        self._flow_run = UUID(flow_run)
        self._run = run
        self._client = get_client(sync_client=True)

    def close(self) -> None:
        """Close the connection."""
        self._client.__exit__(None, None, None)

    def open(self) -> None:
        """Connect."""
        self._client.__enter__()

    def beat(self, count: int) -> None:
        """Say that the study lives, with another number each time."""
        self._label({"beat": f"{self._run} {count}"})

    def stop(self, reason: str) -> None:
        """Tell all workers to stop their trials."""
        self._label({f"stop.{self._run}": reason})

    def stop_trial(self, number: int, reason: str) -> None:
        """Tell the worker that has a trial to stop it."""
        self._label({f"stop.{self._run}.{number}": reason})

    def signals(self) -> Signals:
        """What the study says. A flow run that has ended says that all is to stop."""
        try:
            flow_run = self._client.read_flow_run(self._flow_run)
        except PrefectHTTPStatusError as error:
            if error.response.status_code == _NOT_FOUND:
                return Signals(stop="its flow run was deleted")
            raise
        labels = {
            name.removeprefix(f"{_LABEL}."): str(value) for name, value in flow_run.labels.items()
        }
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

    def claim(self, attempt: str, worker: str, patience: float = 0.0) -> str | None:
        """Take an attempt, which nobody can take again.

        Args:
            attempt: Its name.
            worker: Who takes it.
            patience: Seconds for which a server that is away is waited for.

        Returns:
            Who has taken it before; None where nobody had.
        """
        token = uuid.uuid4().hex
        value = {"worker": worker, "token": token}
        try:
            with_patience(lambda: self._create(f"started-{attempt}", value), patience)
        except PrefectHTTPStatusError as error:
            if error.response.status_code != _CONFLICT:
                raise
            claim = self._read(f"started-{attempt}") or {"worker": "", "token": ""}
            # The client asks once more where no answer came: then it was ours all along.
            return None if claim["token"] == token else str(claim["worker"])
        return None

    def claimed_by(self, attempt: str) -> str | None:
        """Who has taken an attempt; None where nobody has."""
        claim = self._read(f"started-{attempt}")
        return None if claim is None else str(claim["worker"])

    def record_answer(self, attempt: str, answer: Mapping[str, Any], patience: float = 0.0) -> None:
        """Keep what came of an attempt, for whoever starts it again or misses its answer."""
        try:
            with_patience(lambda: self._create(f"ended-{attempt}", answer), patience)
        except PrefectHTTPStatusError as error:
            if error.response.status_code != _CONFLICT:
                raise

    def answer(self, attempt: str) -> dict[str, Any] | None:
        """What came of an attempt, where that was recorded."""
        return self._read(f"ended-{attempt}")

    def _label(self, labels: Mapping[str, str]) -> None:
        named = {f"{_LABEL}.{name}": value for name, value in labels.items()}
        self._client.update_flow_run_labels(self._flow_run, named)  # type: ignore[arg-type]

    def _create(self, key: str, value: Mapping[str, Any]) -> None:
        self._client.create_flow_run_input(self._flow_run, f"{_LABEL}-{key}", json.dumps(value))

    def _read(self, key: str) -> dict[str, Any] | None:
        try:
            text = self._client.read_flow_run_input(self._flow_run, f"{_LABEL}-{key}")
        except PrefectHTTPStatusError as error:
            if error.response.status_code == _NOT_FOUND:
                return None
            raise
        value: dict[str, Any] = json.loads(text)
        return value
