"""An objective that goes wrong in every way of `FAULTS`, and looks at its surroundings when not.

What each way should come to stands in `test_faults`, beside its name.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from prefect_tuner import Params, TrialContext
from tests.tasks import faults

GRANDCHILDREN = 50

_PRINTED_MB = 200


class Faulty:
    """Does what the parameter `fault` names.

    Args:
        directory: Where the numbers of the processes are written down that it starts.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.home = str(Path.cwd())

    def train(self, params: Params, trial: TrialContext) -> Any:
        self.note(os.getpid())
        fault = str(params["fault"])
        if fault.startswith("healthy"):
            return self.is_healthy(trial)
        if fault == "killed from outside":
            return self.waits_to_be_killed()
        if fault == "leaves grandchildren":
            return self.leaves_grandchildren()
        return FAULTS[fault](trial)

    def note(self, pid: int, file: str = "pids") -> None:
        """Write down the number of a process."""
        with (self.directory / file).open("a") as pids:
            pids.write(f"{pid}\n")

    def noted(self, file: str = "pids") -> list[int]:
        """The numbers that were written down."""
        path = self.directory / file
        return [int(line) for line in path.read_text().split("\n")[:-1]] if path.exists() else []

    def is_healthy(self, trial: TrialContext) -> float:
        """Its number, where nothing of the trials before is left."""
        assert self.home == os.getcwd()  # noqa: PTH109
        assert not sys.stdout.closed
        assert os.fstat(1)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        for number in (signal.SIGALRM, signal.SIGCHLD, signal.SIGUSR1):
            assert signal.getsignal(number) == signal.SIG_DFL
        print("all is well")  # noqa: T201
        return float(trial.number)

    def waits_to_be_killed(self) -> NoReturn:
        self.note(os.getpid(), "victim")
        while True:
            time.sleep(1000)

    def leaves_grandchildren(self) -> float:
        child = os.fork()
        if child == 0:
            for _ in range(GRANDCHILDREN):
                grandchild = os.fork()
                if grandchild == 0:
                    os.setsid()
                    time.sleep(1000)
                self.note(grandchild, "grandchildren")
            os._exit(0)
        os.waitpid(child, 0)
        return 0.0


def loops_in_c_without_the_gil(trial: TrialContext) -> float:
    # A quarter of an hour at the least, in which no signal's handler is run.
    hashlib.pbkdf2_hmac("sha512", b"x", b"x", 2**31 - 1)
    return 0.0


def allocates_ten_gigabytes(trial: TrialContext) -> float:
    held = [b"x" * 10**7 for _ in range(1000)]
    time.sleep(1000)
    return float(len(held))


def prints_at_length(trial: TrialContext) -> float:
    megabyte = ("x" * 99 + "\n") * 10_000
    for _ in range(_PRINTED_MB):
        sys.stdout.write(megabyte)
    return 0.0


def imports_what_is_not_there(trial: TrialContext) -> float:
    importlib.import_module("no_such_module_anywhere")
    return 0.0


def sets_signal_handlers(trial: TrialContext) -> float:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD, signal.SIGALRM, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
    return 0.0


FAULTS: dict[str, Callable[[TrialContext], Any]] = {
    "exception": faults.raises,
    "exception that cannot be pickled": faults.raises_unpicklable,
    "exception whose str raises": faults.raises_unprintable,
    "import error": imports_what_is_not_there,
    "segmentation fault": faults.segfaults,
    "os._exit": faults.exits_at_once,
    "sys.exit": faults.exits,
    "ten gigabytes": allocates_ten_gigabytes,
    "prints at length": prints_at_length,
    "changes directory": faults.changes_directory,
    "closes its output": faults.closes_its_output,
    "closes stdout": faults.closes_its_stdout_object,
    "sets signal handlers": sets_signal_handlers,
    "nan": lambda _: float("nan"),
    "inf": lambda _: float("inf"),
    "-inf": lambda _: float("-inf"),
    "None": lambda _: None,
    "string": lambda _: "0.5",
    "bool": lambda _: True,
    "numpy scalar": lambda _: np.float32(0.5),
    "array of one": lambda _: np.array([1.0]),
    "loop in Python": faults.loops,
    "loop in C with the GIL": faults.holds_the_interpreter,
    "loop in C without the GIL": loops_in_c_without_the_gil,
    "sleep": faults.sleeps,
    "catches everything": faults.never_gives_up,
}


CHEAP: dict[str, Callable[[TrialContext], Any]] = {
    "completed": lambda trial: float(trial.number),
    "failed": FAULTS["exception"],
    "crashed": FAULTS["os._exit"],
    "crashed by a signal": FAULTS["segmentation fault"],
    "crashed by sys.exit": FAULTS["sys.exit"],
    "invalid_metric": FAULTS["nan"],
}
"""What trials do in turn, by what comes of it."""


def end_in_each_way(params: Params, trial: TrialContext) -> Any:
    """Each of the ends in turn, beginning with one that gives the study a metric."""
    return list(CHEAP.values())[trial.number % len(CHEAP)](trial)
