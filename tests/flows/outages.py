"""A study during which its Prefect server goes away and comes back.

python -m tests.flows.outages [--seconds 60] [killed|frozen|429|503 ...]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from prefect_tuner.flows.ledger.ledger import read_state
from prefect_tuner.flows.ledger.study_state import StudyState
from prefect_tuner.flows.storage.ledger_file import LedgerFile
from tests.flows import counted_study
from tests.flows.counted_study import calls, calls_by_number
from tests.flows.troubled_proxy import TroubledProxy
from tests.marked_processes import MarkedProcesses
from tests.polling import eventually
from tests.prefect_server import PrefectServer

KINDS = ("killed", "frozen", "429", "503")
SECONDS_PER_TRIAL = 0.5


@dataclass(frozen=True)
class Outage:
    """What came of a study with an outage.

    Attributes:
        calls: How often each trial was run.
        state: What its ledger says.
        during: How many trials finished between the first outage's start and the last one's end.
        after: Seconds from the outage's end to the program's.
        flow_run: The flow run, as the server knows it in the end.
        output: What the program has printed.
    """

    calls: dict[int, int]
    state: StudyState
    during: int
    after: float
    flow_run: dict[str, Any]
    output: str


def study_with_outage(
    server: PrefectServer, folder: Path, kinds: Sequence[str], *, seconds: float, trials: int
) -> Outage:
    """Run a study, two trials at a time, and take its server away for a while, once or more.

    Args:
        server: It runs, also afterwards.
        folder: Where all is written.
        kinds: Some of `KINDS`: killed and started again, frozen, or a status it answers with.
        seconds: How long each time.
        trials: How many the study has, each of about a third of a second.
    """
    study = f"outage-{'-'.join(kinds)}"
    processes = MarkedProcesses()
    with TroubledProxy(server.port) as proxy:
        # Where the server itself is away, nothing stands between it and the client.
        direct = not any(map(str.isdigit, kinds))
        url = server.api_url if direct else f"http://127.0.0.1:{proxy.port}/api"
        environment = {
            **os.environ,
            **server.environment,
            **processes.environment,
            "PREFECT_API_URL": url,
            "PREFECT_TUNER_STORAGE": str(folder),
        }
        command = [counted_study.__file__, folder, study, trials, 2, SECONDS_PER_TRIAL]
        log = folder / "log"
        with log.open("wb") as file:
            program = subprocess.Popen(
                [sys.executable, *map(str, command)], env=environment, stdout=file, stderr=file
            )
        try:

            def some_have_begun() -> None:
                assert len(calls(folder, study)) >= 4, log.read_text()

            eventually(some_have_begun, timeout=60.0)
            before = len(_state(folder, study).finished)
            for kind in kinds:
                with _outage(server, proxy, kind):
                    time.sleep(seconds)
            during = len(_state(folder, study).finished) - before
            since = time.monotonic()
            code = program.wait(timeout=120.0)
            after = time.monotonic() - since
        finally:
            program.kill()
            program.wait()
        assert code == 0, log.read_text()
        processes.assert_gone()
        state = _state(folder, study)
        flow_run = _flow_run(server, state.runs[0].flow_run_id)
        return Outage(
            calls_by_number(folder, study), state, during, after, flow_run, log.read_text()
        )


@contextmanager
def _outage(server: PrefectServer, proxy: TroubledProxy, kind: str) -> Iterator[None]:
    match kind:
        case "killed":
            server.kill()
            yield
            server.start()
        case "frozen":
            server.freeze()
            try:
                yield
            finally:
                server.thaw()
        case _:
            proxy.begin_trouble(int(kind))
            yield
            proxy.end_trouble()


def _state(folder: Path, study: str) -> StudyState:
    state = read_state(LedgerFile(folder, study))
    assert state is not None
    return state


def _flow_run(server: PrefectServer, flow_run_id: str) -> dict[str, Any]:
    with urlopen(Request(f"{server.api_url}/flow_runs/{flow_run_id}"), timeout=30) as answer:
        return dict(json.load(answer))


def main() -> None:
    """Try the outages asked for, and print what came of each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", default=KINDS)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--trials", type=int, default=420)
    asked = parser.parse_args()
    server = PrefectServer()
    server.start()
    try:
        for kind in asked.kinds:
            with tempfile.TemporaryDirectory(prefix="prefect-tuner-outage-") as folder:
                outage = study_with_outage(
                    server, Path(folder), [kind], seconds=asked.seconds, trials=asked.trials
                )
            again = sum(outage.calls.values()) - len(outage.calls)
            sys.stdout.write(
                f"{kind}: {len(outage.state.finished)} finished, {outage.during} of them during "
                f"the outage, {again} calls repeated, ended {outage.after:.1f} s after it, "
                f"flow run {outage.flow_run['state']['name']}\n"
            )
            sys.stdout.flush()
    finally:
        server.kill()
        server.remove()


if __name__ == "__main__":
    main()
