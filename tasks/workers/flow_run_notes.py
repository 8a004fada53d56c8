"""What a flow run has at the Prefect API for those who work on it: labels, and notes made once.

A worker needs no connection into the process of its study: both reach the API. A label can be
written again, a note cannot: who comes second is told so.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.context import SettingsContext, get_settings_context
from prefect.exceptions import PrefectHTTPStatusError

PREFIX = "prefect-tuner"
"""What the names of labels and notes begin with."""

_CONFLICT = 409
_NOT_FOUND = 404
_NOT_NOW = frozenset({408, 429})
"""That a request took too long, and that there were too many: Prefect Cloud limits them."""

_SERVER_ERROR = 500
_AGAIN = 1.0

T = TypeVar("T")


def without_retries() -> AbstractContextManager[object]:
    """Have Prefect's client raise at once what it would try again after a while.

    It waits longer each time, up to half a minute: too long for signs of life.
    """
    context = get_settings_context()
    client = context.settings.client
    if client.max_retries == 0:
        return nullcontext()
    # Prefect's `copy_with_update` checks all settings again: 40 ms, and each task run has its own.
    without = {"client": client.model_copy(update={"max_retries": 0})}
    return SettingsContext(
        profile=context.profile, settings=context.settings.model_copy(update=without)
    )


def is_away(error: BaseException) -> bool:
    """Whether a call to the API has failed since the server is away, or says that it is unwell."""
    if isinstance(error, PrefectHTTPStatusError):
        status = error.response.status_code
        return status >= _SERVER_ERROR or status in _NOT_NOW
    return isinstance(error, httpx.TransportError | OSError)


def with_patience(call: Callable[[], T], seconds: float) -> T:
    """What a call to the API gives, made again each second while the server is away.

    Prefect's client waits longer each time, up to half a minute, also where SQLite was busy for a
    moment.

    Args:
        call: Makes it.
        seconds: For how long; then its error is raised.
    """
    deadline = time.monotonic() + seconds
    with without_retries():
        while True:
            try:
                return call()
            except (PrefectHTTPStatusError, httpx.TransportError, OSError) as error:
                if not is_away(error) or time.monotonic() > deadline:
                    raise
            time.sleep(_AGAIN)


class FlowRunNotes:
    """The labels and the notes of a flow run. A note is an input of it, which has one value.

    Args:
        flow_run: The flow run's id.
        client: Connected when the first is asked for.
    """

    def __init__(self, flow_run: str | UUID, client: SyncPrefectClient) -> None:
        self._id = UUID(str(flow_run))
        self._client = client

    def flow_run(self) -> FlowRun | None:
        """The flow run; None where it was deleted."""
        try:
            return self._client.read_flow_run(self._id)
        except PrefectHTTPStatusError as error:
            if error.response.status_code == _NOT_FOUND:
                return None
            raise

    def label(self, labels: Mapping[str, str]) -> None:
        """Write labels, by name without the prefix."""
        self._client.update_flow_run_labels(self._id, as_labels(labels))

    def record(self, key: str, value: Mapping[str, Any], patience: float = 0.0) -> bool:
        """Make a note.

        Args:
            key: Its name, without the prefix.
            value: JSON data.
            patience: Seconds for which a server that is away is waited for.

        Returns:
            Whether there was none of the name before; if there was, it stays.
        """
        try:
            with_patience(lambda: self._create(key, value), patience)
        except PrefectHTTPStatusError as error:
            if error.response.status_code != _CONFLICT:
                raise
            return False
        return True

    def read(self, key: str) -> dict[str, Any] | None:
        """A note; None where there is none of the name."""
        try:
            text = self._client.read_flow_run_input(self._id, f"{PREFIX}-{key}")
        except PrefectHTTPStatusError as error:
            if error.response.status_code == _NOT_FOUND:
                return None
            raise
        value: dict[str, Any] = json.loads(text)
        return value

    def claim(self, key: str, worker: str, patience: float = 0.0) -> str | None:
        """Take what nobody can take again.

        Args:
            key: The name of the note that says so.
            worker: Who takes it.
            patience: Seconds for which a server that is away is waited for.

        Returns:
            Who has taken it before; None where nobody had.
        """
        token = uuid.uuid4().hex
        if self.record(key, {"worker": worker, "token": token}, patience):
            return None
        claim = self.read(key) or {"worker": "", "token": ""}
        # The client asks once more where no answer came: then it was ours all along.
        return None if claim["token"] == token else str(claim["worker"])

    def claimed_by(self, key: str) -> str | None:
        """Who has taken it; None where nobody has."""
        claim = self.read(key)
        return None if claim is None else str(claim["worker"])

    def _create(self, key: str, value: Mapping[str, Any]) -> None:
        self._client.create_flow_run_input(self._id, f"{PREFIX}-{key}", json.dumps(value))


def as_labels(named: Mapping[str, str]) -> dict[str, bool | int | float | str]:
    """Labels as Prefect has them, by their full names."""
    return {f"{PREFIX}.{name}": value for name, value in named.items()}


def own_labels(flow_run: FlowRun) -> dict[str, str]:
    """The labels of a flow run that are ours, by name without the prefix."""
    return {
        name.removeprefix(f"{PREFIX}."): str(value)
        for name, value in flow_run.labels.items()
        if name.startswith(f"{PREFIX}.")
    }
