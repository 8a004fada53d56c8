"""A stream of a study that hangs, to be closed in one way or another."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from prefect.runtime import flow_run as this_flow_run

from prefect_tuner import Params, StudyStarted, TunerConfig, TuningObserver, stream
from tests.flows.flow_runs import X, flow_run
from tests.flows.processes import assert_gone
from tests.messages import STREAM_WAS_CLOSED
from tests.polling import eventually

CLOSED_WITHIN = 5.0
"""Seconds from closing a stream to the end of its processes."""


class WhichRun(TuningObserver):
    """Notes the flow run."""

    def __init__(self) -> None:
        self.id = ""

    def on_study_started(self, event: StudyStarted) -> None:
        assert event.history is not None
        self.id = str(this_flow_run.id)


class Hanging:
    """A study of two trials that hang, each with a child of its own."""

    def __init__(self, folder: Path) -> None:
        self.run = WhichRun()
        self.events = stream(
            _hang_with_child_in(folder),
            X,
            config=TunerConfig(max_trials=5, max_concurrency=2, trial_timeout=60),
            observers=[self.run],
        )
        self._folder = folder

    def pids(self) -> list[int]:
        """The processes of both trials and of their children, as soon as they run."""

        def written() -> list[int]:
            found = [file.read_text().split() for file in self._folder.glob("*.pids")]
            assert len(found) == 2
            return [int(pid) for pids in found for pid in pids]

        return eventually(written)

    def assert_cancelled(self, pids: list[int], since: float) -> None:
        """It has ended, in time, with all its processes, as cancelled."""
        assert len(pids) == 4
        assert_gone(*pids, timeout=max(0.1, CLOSED_WITHIN - (time.monotonic() - since)))

        def ended() -> None:
            state = flow_run(self.run.id)["state"]
            assert state["type"] == "FAILED"
            assert f"TuningCancelled: {STREAM_WAS_CLOSED}" in state["message"]

        eventually(ended)


def _hang_with_child_in(folder: Path) -> Callable[[Params], float]:
    def train(_: Params) -> float:
        child = subprocess.Popen(["sleep", "60"])
        new = folder / f"{os.getpid()}.new"
        new.write_text(f"{os.getpid()} {child.pid}")
        new.rename(new.with_suffix(".pids"))
        time.sleep(60)
        return 0.0

    return train
