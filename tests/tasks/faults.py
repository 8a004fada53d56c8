"""Objectives that do all that an objective should not, and some that it may.

`by_name` is the objective that the tests run; it calls the one that the parameter `name` names.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from fractions import Fraction
from typing import Any, NoReturn

import numpy as np

from prefect_tuner import Params, TrialContext


def by_name(params: Params, trial: TrialContext) -> Any:
    if params["name"] == "returning":
        return RETURNED[str(params["what"])]()
    objective: Callable[[TrialContext], Any] = globals()[str(params["name"])]
    return objective(trial)


class WithoutRepr:
    def __repr__(self) -> str:
        raise RuntimeError


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError


class Unpicklable(Exception):
    def __init__(self, first: object, second: object) -> None:
        super().__init__("only this")
        self.held = (threading.Lock(), lambda: (first, second))


RETURNED: dict[str, Callable[[], Any]] = {
    "1.5": lambda: 1.5,
    "3": lambda: 3,
    "float32": lambda: np.float32(0.5),
    "int64": lambda: np.int64(7),
    "array without dimensions": lambda: np.array(0.25),
    "fraction": lambda: Fraction(1, 4),
    "mapping": lambda: {"metric": 0.5, "loss": 0.25, "epochs": 3},
    "mapping with others": lambda: {
        "metric": 1,
        "nan": float("nan"),
        "text": "x\x1b[2J\ud800",
        "ok": np.True_,
        "list": [1.0],
        "long": "x" * 1001,
        "__class__": "os.system",
    },
    "nan": lambda: float("nan"),
    "inf": lambda: float("inf"),
    "-inf": lambda: float("-inf"),
    "huge": lambda: 10**400,
    "None": lambda: None,
    "text": lambda: "0.5",
    "bool": lambda: True,
    "list": lambda: [1.0],
    "array": lambda: np.array([1.0]),
    "complex": lambda: 1j,
    "mapping without metric": lambda: {"loss": 0.5},
    "mapping with a bad metric": lambda: {"metric": None},
    "object without repr": WithoutRepr,
}


def fine(trial: TrialContext) -> float:
    return 1.5


def raises(trial: TrialContext) -> None:
    try:
        dict[str, float]()["the cause"]
    except KeyError as error:
        raise ValueError("bad value") from error


def raises_unprintable(trial: TrialContext) -> NoReturn:
    raise Unprintable


def raises_unpicklable(trial: TrialContext) -> NoReturn:
    raise Unpicklable(1, 2)


def raises_control_characters(trial: TrialContext) -> NoReturn:
    raise ValueError("\x1b[31mred\x1b[0m \x00 \udcff end")


def raises_at_length(trial: TrialContext) -> NoReturn:
    raise ValueError("x" * 1_000_000)


def raises_keyboard_interrupt(trial: TrialContext) -> NoReturn:
    raise KeyboardInterrupt


def raises_memory_error(trial: TrialContext) -> NoReturn:
    raise MemoryError("no room")


def recurses(trial: TrialContext) -> float:
    return recurses(trial)


def exits(trial: TrialContext) -> NoReturn:
    sys.exit(3)


def exits_at_once(trial: TrialContext) -> NoReturn:
    os._exit(7)


def segfaults(trial: TrialContext) -> None:
    ctypes.string_at(0)


def aborts(trial: TrialContext) -> NoReturn:
    os.abort()


def kills_itself(trial: TrialContext) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def terminates_itself(trial: TrialContext) -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def sends_itself_a_real_time_signal(trial: TrialContext) -> None:
    os.kill(os.getpid(), signal.SIGRTMIN + 6)


def loops(trial: TrialContext) -> None:
    tell_pid(trial)
    while True:
        pass


def sleeps(trial: TrialContext) -> None:
    tell_pid(trial)
    time.sleep(1000)


def cleans_up_when_terminated(trial: TrialContext) -> None:
    tell_pid(trial)
    try:
        time.sleep(1000)
    finally:
        trial.log("cleaned up")


def holds_the_interpreter(trial: TrialContext) -> float:
    tell_pid(trial)
    return sum(range(10**12))


def returns_a_metric_when_terminated(trial: TrialContext) -> float:
    tell_pid(trial)
    try:
        time.sleep(1000)
    except:  # noqa: E722
        return 1.0
    return 0.0


def never_gives_up(trial: TrialContext) -> None:
    tell_pid(trial)
    while True:
        try:
            time.sleep(1000)
        except:  # noqa: E722
            continue


def ignores_sigterm(trial: TrialContext) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    tell_pid(trial)
    time.sleep(1000)


def handles_sigterm(trial: TrialContext) -> float:
    done = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: done.set())
    tell_pid(trial)
    while not done.wait(0.01):
        pass
    return 1.0


def allocates(trial: TrialContext) -> None:
    tell_pid(trial)
    hold_memory()


def child_allocates(trial: TrialContext) -> None:
    tell_pid(trial)
    start(trial, "from tests.tasks.faults import hold_memory; hold_memory()")
    time.sleep(1000)


def daemon_allocates(trial: TrialContext) -> None:
    tell_pid(trial)
    become_daemon(trial, hold_memory)
    time.sleep(1000)


def allocates_a_little(trial: TrialContext) -> float:
    held = np.ones(50_000_000, dtype=np.uint8)
    start(trial, "import time; time.sleep(1000)")
    time.sleep(0.3)
    return float(held[0])


def leaves_children(trial: TrialContext) -> float:
    for _ in range(20):
        start(trial, "import time; time.sleep(1000)")
    return 1.0


def leaves_a_session(trial: TrialContext) -> float:
    start(trial, "import time; time.sleep(1000)", session=True)
    return 1.0


def leaves_a_daemon(trial: TrialContext) -> float:
    become_daemon(trial, lambda: time.sleep(1000))
    return 1.0


def leaves_a_tree(trial: TrialContext) -> float:
    code = "from tests.tasks.faults import plant_tree; plant_tree(3)"
    tree = start(trial, code, session=True, stdout=subprocess.PIPE)
    assert tree.stdout is not None
    for _ in range(3):
        trial.log(tree.stdout.readline().decode().strip())
    return 1.0


def leaves_a_chatterer(trial: TrialContext) -> float:
    start(trial, "while True: print('chatter', flush=True)")
    time.sleep(0.2)
    return 1.0


def crashes_with_children(trial: TrialContext) -> None:
    leaves_children(trial)
    leaves_a_session(trial)
    leaves_a_daemon(trial)
    kills_itself(trial)


def hangs_with_children(trial: TrialContext) -> None:
    leaves_children(trial)
    leaves_a_session(trial)
    leaves_a_daemon(trial)
    loops(trial)


def hangs_with_programs(trial: TrialContext) -> None:
    leaves_children(trial)
    leaves_a_session(trial)
    loops(trial)


def uses_a_pool(trial: TrialContext) -> float:
    with multiprocessing.get_context("fork").Pool(2) as pool:
        return sum(pool.map(float, ["1", "2", "3"]))


def forks_and_both_return(trial: TrialContext) -> float:
    if os.fork() == 0:
        return 2.0
    os.wait()
    return 1.0


def waits_for_its_children(trial: TrialContext) -> float:
    pids = {os.fork() or os._exit(0) for _ in range(3)}
    return float({os.wait()[0] for _ in range(3)} == pids)


def changes_directory(trial: TrialContext) -> float:
    trial.log(f"directory {os.getcwd()}")  # noqa: PTH109
    os.chdir("/")
    return 1.0


def closes_its_output(trial: TrialContext) -> float:
    print("last words")  # noqa: T201
    os.close(1)
    os.close(2)
    trial.log("still heard")
    return 1.0


def closes_its_stdout_object(trial: TrialContext) -> float:
    sys.stdout.close()
    sys.stderr.close()
    return 1.0


def sets_signal_handlers(trial: TrialContext) -> float:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD, signal.SIGALRM):
        signal.signal(number, lambda *_: None)
    return 1.0


def leaves_a_thread(trial: TrialContext) -> float:
    threading.Thread(target=time.sleep, args=(1000,)).start()
    return 1.0


def tell_pid(trial: TrialContext, pid: int | None = None) -> None:
    """The tests look at the processes whose numbers are in the log."""
    trial.log(f"pid {pid or os.getpid()}")


def start(
    trial: TrialContext, code: str, *, session: bool = False, stdout: int | None = None
) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-c", code], start_new_session=session, stdout=stdout
    )
    tell_pid(trial, process.pid)
    return process


def become_daemon(trial: TrialContext, work: Callable[[], object]) -> None:
    """Do some work in a process that has left its parent, its group and its session."""
    reader, writer = os.pipe()
    first = os.fork()
    if first == 0:
        os.setsid()
        second = os.fork()
        if second == 0:
            work()
        else:
            os.write(writer, str(second).encode())
        os._exit(0)
    os.waitpid(first, 0)
    tell_pid(trial, int(os.read(reader, 100)))


def hold_memory() -> None:
    held = [b"x" * 10**7 for _ in range(100)]
    time.sleep(1000)
    del held


def plant_tree(depth: int) -> None:
    """A process that has a child, that has a child ..., each in a session of its own."""
    print(f"pid {os.getpid()}", flush=True)  # noqa: T201
    if depth > 1:
        code = f"from tests.tasks.faults import plant_tree; plant_tree({depth - 1})"
        subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    time.sleep(1000)
