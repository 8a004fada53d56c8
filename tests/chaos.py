"""Kills a study at random moments, resumes it each time, and looks whether anything was lost.

    python -m tests.chaos [--seed N] [--kills 40] [--trials 60] [--concurrency 4]
                          [--trials-per-task 1]

By turns in random order SIGKILL hits the flow's process, the process of a trial, the fork server
and the Prefect server. The seed, printed first, settles order and moments, as far as the clock
lets it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from random import Random, SystemRandom
from types import MappingProxyType
from typing import Any

from prefect_tuner.flows.ledger.ledger import read_state
from prefect_tuner.flows.ledger.study_state import StudyState
from prefect_tuner.flows.storage.ledger_file import LedgerFile
from prefect_tuner.tasks.process_table.process_tree import children
from prefect_tuner.trial import Outcome
from tests.chaos_report import Report
from tests.flows import counted_study
from tests.flows.counted_study import callers, calls_by_number
from tests.marked_processes import MarkedProcesses, kill_one_of, runs
from tests.prefect_server import PrefectServer

TARGETS = ("flow", "trial", "fork server", "server")
STUDY = "chaos"
UNDISTURBED = "undisturbed"
DURING_THE_START = 0.2
"""Share of the kills of the flow that come while it starts, before it runs a trial."""

_LONGEST_START = 5.0
_LONGEST_WAIT = 0.06
_TOO_LATE = 4
"""Trials ahead of the kills: then the flow is next, and the study waits while it starts again."""
_PATIENCE = 120.0


class Chaos:
    """A study, and what is to be done to it.

    Args:
        server: It runs, also afterwards.
        folder: Where all is written.
        seed: Of the order and the moments of the kills.
        trials: How many the study has.
        concurrency: How many run at a time.
        config: What else it has in its configuration, which the study left in peace has not.
    """

    targets: tuple[str, ...] = TARGETS

    def __init__(
        self,
        server: PrefectServer,
        folder: Path,
        *,
        seed: int,
        trials: int,
        concurrency: int,
        config: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        self._server = server
        self._folder = folder
        self._random = Random(seed)
        self._trials = trials
        self._concurrency = concurrency
        self._config = dict(config)
        self._starting: threading.Thread | None = None
        self._processes = MarkedProcesses()
        self._environment = dict(os.environ)
        self._server.take_over(self._environment)
        self._environment |= self._processes.environment
        self._environment |= {"PREFECT_TUNER_STORAGE": str(folder)}
        self._program: subprocess.Popen[bytes] | None = None
        self._calls_at_start = 0
        self._last = b""
        self.report = Report()

    def run(self, kills: int) -> Report:
        """Run the study undisturbed, then once more with all the kills, and check all of it."""
        since = time.monotonic()
        try:
            undisturbed = self._run_undisturbed()
            self._start()
            for number in range(kills):
                threshold = (number + self._random.random()) * (self._trials - 6) / kills
                self._kill_one(threshold, self._turn(number))
            self._open_gate(self._trials)
            digest = self._finish()
            self.report.digest = (digest, undisturbed)
            self.report.seconds = time.monotonic() - since
            self._check()
            return self.report
        finally:
            self._remove()

    def _turn(self, number: int) -> list[str]:
        """Whose turn it is, and who comes in the place of one that is not there."""
        if number % len(self.targets) == 0:
            self._block = self._random.sample(self.targets, len(self.targets))
        return self._block

    def _kill_one(self, threshold: float, block: list[str]) -> None:
        """Kill the first of those whose turn it is and that is there, when enough have finished."""
        deadline = time.monotonic() + _PATIENCE
        self._open_gate(min(int(threshold) + self._concurrency + 2, self._trials - 1))
        if block[0] == "flow" and self._random.random() < DURING_THE_START:
            time.sleep(self._random.uniform(0.0, _LONGEST_START))
        else:
            is_late = self._finished() >= threshold
            while not self._runs() or self._finished() < threshold:
                assert time.monotonic() < deadline, f"nothing happens\n{self._log()}"
                self._see_to_the_program()
                time.sleep(0.005)
            time.sleep(0.0 if is_late else self._random.uniform(0.0, _LONGEST_WAIT))
        if self._finished() > threshold + _TOO_LATE:
            block.sort(key=lambda target: target != "flow")
        while True:
            assert time.monotonic() < deadline, f"nothing to kill\n{self._log()}"
            self._see_to_the_program()
            for target in block:
                if self._kill(target):
                    block.remove(target)
                    self.report.kills[target] += 1
                    self._compare_with_the_last()
                    return
            time.sleep(0.002)

    def _open_gate(self, number: int) -> None:
        """Let trials below a number end: however slow the machine, the kills are not too late."""
        gate = self._folder / STUDY / "gate"
        gate.parent.mkdir(exist_ok=True)
        gate.with_suffix(".new").write_text(str(number))
        gate.with_suffix(".new").rename(gate)

    def _runs(self) -> bool:
        """Whether a trial has begun in this run."""
        return len(callers(self._folder, STUDY)) > self._calls_at_start

    def _finished(self) -> int:
        return self._ledger().count(b'"type": "finished"')

    def _see_to_the_program(self) -> None:
        """Start it again where it could not begin, or end, for want of a server."""
        assert self._program is not None
        code = self._program.poll()
        if code is None:
            return
        assert code != 0, f"the study was over after {self.report.kills.total()} kills"
        self._compare_with_the_last()
        self.report.failed_starts += 1
        self._start()

    def _kill(self, target: str) -> bool:
        """Kill what is meant, unless it is not there."""
        match target:
            case "flow":
                return self._kill_flow()
            case "server":
                return self._kill_server()
            case "fork server":
                return kill_one_of(self._fork_servers())
            case _:
                running = {pid for server in self._fork_servers() for pid in children(server)}
                busy = running.intersection(callers(self._folder, STUDY))
                return kill_one_of(self._random.sample(sorted(busy), len(busy)))

    def _kill_flow(self) -> bool:
        assert self._program is not None
        self._program.kill()
        self._program.wait()
        self._processes.assert_gone()
        state = self._state()
        in_flight = () if state is None else state.in_flight
        self.report.in_flight.append({trial.number for trial in in_flight})
        self._start()
        return True

    def _kill_server(self) -> bool:
        if self._starting is not None and self._starting.is_alive():
            return False
        self._server.kill()
        self._starting = threading.Thread(target=self._server.start)
        self._starting.start()
        return True

    def _fork_servers(self) -> list[int]:
        assert self._program is not None
        return [pid for pid in children(self._program.pid) if runs(pid, "fork_server_main")]

    def _start(self, study: str = STUDY, concurrency: int | None = None) -> None:
        """Start the program, which needs a server to begin."""
        if self._starting is not None:
            self._starting.join()
        self._calls_at_start = len(callers(self._folder, study))
        concurrency = concurrency or self._concurrency
        command = [counted_study.__file__, self._folder, study, self._trials, concurrency]
        with (self._folder / "log").open("ab") as log:
            self._program = subprocess.Popen(
                [sys.executable, *map(str, command)],
                env=self._environment_of(study),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.report.starts += study == STUDY

    def _environment_of(self, study: str) -> dict[str, str]:
        if study != STUDY:
            return self._environment
        where = {**self._where(), "config": self._config}
        return {**self._environment, "COUNTED_STUDY_ON": json.dumps(where)}

    def _where(self) -> dict[str, Any]:
        """Parameters that say where the study has its trials."""
        return {}

    def _finish(self) -> str:
        """Let the study come to its end, and return the digest of its result."""
        assert self._program is not None
        for _ in range(3):
            if self._program.wait(_PATIENCE) == 0:
                break
            self.report.failed_starts += 1
            self._start()
        assert self._program.returncode == 0, self._log()
        if self._starting is not None:
            self._starting.join()
        return self._log().rpartition("\ndigest ")[2].split()[0]

    def _run_undisturbed(self) -> str:
        """The digest of the same study, one trial at a time and left in peace."""
        self._start(UNDISTURBED, 1)
        digest = self._finish()
        assert set(calls_by_number(self._folder, UNDISTURBED).values()) == {1}
        return digest

    def _state(self) -> StudyState | None:
        return read_state(LedgerFile(self._folder, STUDY))

    def _ledger(self) -> bytes:
        file = self._folder / f"{STUDY}.jsonl"
        return file.read_bytes() if file.exists() else b""

    def _compare_with_the_last(self) -> None:
        """What was in the ledger is in it still, to the byte: what had finished, above all."""
        text = self._ledger()
        text = text[: text.rfind(b"\n") + 1]
        assert text.startswith(self._last), "the ledger lost records"
        self._last = text

    def _check(self) -> None:
        report = self.report
        self._processes.assert_gone()
        self._compare_with_the_last()
        state = self._state()
        assert state is not None
        everyone = list(range(self._trials))
        # All finished, each once: a second record of it would be refused.
        assert sorted(state.finished) == everyone
        assert {trial.outcome for trial in state.trials} == {Outcome.COMPLETED}
        assert state.stopped is not None
        assert state.stopped.ending == "completed"
        report.retried = Counter(numbers_of(self._last, "retried"))
        report.calls = calls_by_number(self._folder, STUDY)
        assert sorted(report.calls) == everyone
        assert max(map(len, report.in_flight), default=0) <= self._concurrency
        killed = Counter(number for numbers in report.in_flight for number in numbers)
        begun = Counter(numbers_of(self._last, "attempt"))
        assert report.retried.total() <= self._hits()
        interrupted = self._interrupted()
        for number in everyone:
            # What was written down as begun, and no more than that, was called.
            assert report.calls[number] <= begun[number]
            excused = killed[number] + report.retried[number] + interrupted[number]
            assert begun[number] <= 1 + excused, number
        digest, undisturbed = report.digest
        assert digest == undisturbed == state.digest

    def _hits(self) -> int:
        """How many attempts the kills may have ended, that the study tries again."""
        kills = self.report.kills
        return kills["trial"] + kills["fork server"] * self._concurrency

    def _interrupted(self) -> Counter[int]:
        """How often trials were stopped by a run that ended by itself."""
        return Counter()

    def _log(self) -> str:
        return (self._folder / "log").read_text(errors="replace")

    def _remove(self) -> None:
        if self._program is not None:
            self._program.kill()
            self._program.wait()
        if self._starting is not None:
            self._starting.join()


def numbers_of(ledger: bytes, kind: str) -> list[int]:
    lines = map(json.loads, ledger.splitlines())
    return [line["number"] for line in lines if line["type"] == kind]


def run_chaos(
    description: str | None,
    kills: int,
    made: Callable[[PrefectServer, Path, dict[str, Any]], AbstractContextManager[Chaos]],
) -> None:
    """Do it once, as the command line asks for.

    Args:
        description: For `--help`.
        kills: How many, where that is not said.
        made: Makes it for a server that runs, a folder and a size.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(2**32))
    parser.add_argument("--kills", type=int, default=kills)
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--concurrency", type=int, default=4)
    parser.add_argument("--trials-per-task", type=int, default=1)
    parser.add_argument("--database", default="", help="URL of an empty one; SQLite otherwise")
    asked = parser.parse_args()
    sys.stdout.write(f"seed {asked.seed}\n")
    sys.stdout.flush()
    with tempfile.TemporaryDirectory(prefix="prefect-tuner-chaos-") as folder:
        server = PrefectServer(asked.database)
        size: dict[str, Any] = {
            "seed": asked.seed,
            "trials": asked.trials,
            "concurrency": asked.concurrency,
        }
        if asked.trials_per_task > 1:
            size["config"] = {"trials_per_task": asked.trials_per_task}
        try:
            server.start()
            with made(server, Path(folder), size) as chaos:
                sys.stdout.write(f"{chaos.run(asked.kills)}\n")
        finally:
            server.kill()
            server.remove()


def _on_this_machine(
    server: PrefectServer, folder: Path, size: dict[str, Any]
) -> AbstractContextManager[Chaos]:
    return nullcontext(Chaos(server, folder, **size))


if __name__ == "__main__":
    run_chaos(__doc__, 40, _on_this_machine)
