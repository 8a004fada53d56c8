"""Trials of this machine, each of which is noted in a file: an engine that has another within."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Literal, Self, final

from pydantic import Field, SecretStr

from prefect_tuner.tasks.engine import Arrival, Engine, EngineOptions, EngineStudy
from prefect_tuner.tasks.engines.local import LocalEngine
from prefect_tuner.tasks.workers.trial_request import TrialRequest


class NotingOptions(EngineOptions):
    """Options of the engine `noting`."""

    file: str = Field(description="Where trials are noted.")
    word: Literal["trial", "run"] = Field(default="trial", description="What they are called.")
    licence: SecretStr = Field(default=SecretStr(""), description="A key that it can do without.")


@final
class NotingEngine(Engine):
    """Notes each attempt, and leaves it to the local engine."""

    Options = NotingOptions

    def __init__(self, study: EngineStudy, options: NotingOptions) -> None:
        super().__init__(study)
        self._within = LocalEngine(study)
        self._options = options

    @classmethod
    @contextmanager
    def opened(cls, study: EngineStudy, options: NotingOptions) -> Iterator[Self]:
        """See `Engine`."""
        with closing(cls(study, options)) as engine:
            engine._note("opened")
            yield engine

    @classmethod
    def on_runner(cls, study: EngineStudy, runner: object) -> Self | None:
        """See `Engine`."""
        file = getattr(runner, "noted_in", None)
        return None if file is None else cls(study, NotingOptions(file=file))

    def prepare(self) -> list[tuple[int, str]]:
        """See `Engine`."""
        return self._within.prepare()

    def start(self, request: TrialRequest) -> None:
        """See `Engine`."""
        self._note(f"{self._options.word} {request.number}")
        self._within.start(request)

    def stop_trial(self, number: int, reason: str) -> None:
        """See `Engine`."""
        self._within.stop_trial(number, reason)

    def next_arrival(self, timeout: float) -> Arrival | None:
        """See `Engine`."""
        return self._within.next_arrival(timeout)

    def wake(self) -> None:
        """See `Engine`."""
        self._within.wake()

    def _stop_all(self) -> None:
        self._within.stop(self.stop_reason)

    def _note(self, line: str) -> None:
        with Path(self._options.file).open("a") as file:
            file.write(f"{line}\n")


class UnfinishedEngine(Engine):
    """Cannot be made."""

    def prepare(self) -> list[tuple[int, str]]:
        """See `Engine`."""
        return []
