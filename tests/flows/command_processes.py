"""`prefect-tuner` in processes of its own, as a user starts it in a terminal."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, TypeAlias

from prefect_tuner.tasks.process_table.process_tree import descendants
from tests.flows.processes import is_running
from tests.polling import eventually

COMMAND = [sys.executable, "-m", "prefect_tuner.flows.commands.command_line"]

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")

OBJECTIVES = """
import os, signal, subprocess, sys, time
from pathlib import Path

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"

def train(params):
    return params["x"]

def fail(params):
    raise ValueError("singular matrix")

def hang(_, trial):
    "Hang, all but the first, with a child of its own and not minding SIGTERM."
    if trial.number == 0:
        return 0.5
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen([sys.executable, "-c", STUBBORN], start_new_session=True)
    Path(f"{trial.number}.new").write_text(f"{os.getpid()} {child.pid}")
    Path(f"{trial.number}.new").rename(f"{trial.number}.pids")
    while True:
        time.sleep(60)
"""


class Told(NamedTuple):
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str


Command: TypeAlias = Callable[..., Told]
"""The command, called in this process with its arguments."""


def write_study(folder: Path, objective: str, study: str = "small") -> None:
    """Write a study's file, `study.yaml`, and the objectives it may name."""
    (folder / "objectives.py").write_text(OBJECTIVES)
    (folder / "study.yaml").write_text(
        f"objective: objectives.py:{objective}\n"
        "space: {x: {type: float, low: 0, high: 1}}\n"
        f"study: {study}\n"
        "config: {max_trials: 3, max_concurrency: 2}\n"
    )


def call(folder: Path, environment: Mapping[str, str], *arguments: str) -> Told:
    """Call the command in a folder, and wait for its end."""
    process = subprocess.run(
        [*COMMAND, *arguments],
        cwd=folder,
        env={**environment, "PREFECT_TUNER_STORAGE": str(folder / "ledgers")},
        capture_output=True,
        text=True,
        check=False,
        timeout=250,
    )
    return Told(process.returncode, process.stdout, process.stderr)


def call_in_terminal(folder: Path, environment: Mapping[str, str], *arguments: str) -> Told:
    """Call the command with its output on a terminal of 80 columns."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=folder,
        env={
            **environment,
            "PREFECT_TUNER_STORAGE": str(folder / "ledgers"),
            "TERM": "xterm",
            "COLUMNS": "80",
        },
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        shown = b""
        with suppress(OSError):  # The end of a terminal.
            while chunk := os.read(ours, 65536):
                shown += chunk
        os.close(ours)
    return Told(process.returncode, _ESCAPES.sub("", shown.decode()), "")


class Hanging:
    """A command whose study has one trial completed and two that hang."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self.process = process
        self._folder = folder
        self.trials = eventually(self._pids_of_trials, timeout=200.0)
        below = descendants(process.pid)
        self.servers = [pid for pid in below if b"embedded_server" in _command_line(pid)]
        self.others = sorted({*below, *self.trials} - {*self.servers})
        assert all(map(is_running, self.trials))

    def _pids_of_trials(self) -> list[int]:
        assert self.process.poll() is None, (self._folder / "err").read_text()
        files = [self._folder / f"{number}.pids" for number in (1, 2)]
        assert all(file.exists() for file in files)
        return [int(pid) for file in files for pid in file.read_text().split()]

    def press_ctrl_c(self) -> None:
        """Interrupt all that a terminal would."""
        os.killpg(self.process.pid, signal.SIGINT)

    def end(self) -> Told:
        """Wait for the end."""
        code = self.process.wait(timeout=60)
        return Told(code, (self._folder / "out").read_text(), (self._folder / "err").read_text())


@contextmanager
def hanging(folder: Path, environment: Mapping[str, str]) -> Iterator[Hanging]:
    """Run a study in a folder, in a process group of its own, until its trials hang."""
    write_study(folder, "hang")
    with (
        (folder / "out").open("w") as out,
        (folder / "err").open("w") as err,
        subprocess.Popen(
            [*COMMAND, "run", "study.yaml"],
            cwd=folder,
            env={**environment, "PREFECT_TUNER_STORAGE": str(folder / "ledgers")},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            text=True,
            start_new_session=True,
        ) as process,
    ):
        try:
            yield Hanging(process, folder)
        finally:
            process.kill()


def _command_line(pid: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""
