"""Whether a process that has imported the objective can be forked for its trials.

A fork has the memory of its parent and one of its threads. What else a module has made while it was
imported is missing in it or shared with all others: a pool of native threads whose work is then
waited for without end, a connection on which two processes speak at once, a file whose position
they share. The kernel knows of all these; Python knows of its own threads alone.
"""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType

from prefect_tuner.tasks.process_table.process_tree import children
from prefect_tuner.tasks.source_code.code_origin import Origin, origin_of
from prefect_tuner.tasks.trial_process.exit_handlers import own_exit_handlers

# With the interpreter's lock held throughout, as only one thread is there in a fork.
_libc = ctypes.PyDLL(None)

_FORK_TIME = 2.0
"""Seconds that a fork may take to end at once."""

# The allocator jemalloc, which pyarrow brings along, starts its threads again in a fork.
_SURVIVING_THREADS = frozenset({"jemalloc_bg_thd"})

_HARMLESS_FILES = frozenset(
    {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"}
)

_ACCELERATORS = ("/dev/nvidia", "/dev/kfd", "/dev/dri/", "/dev/accel")

# Libraries that are loaded by name in `/proc/self/maps`, for those who look for the cause.
_THREADED_LIBRARIES = {
    "lib_lightgbm": "LightGBM",
    "libxgboost": "XGBoost",
    "libtorch": "PyTorch",
    "libtensorflow": "TensorFlow",
    "libjax": "JAX",
    "xla": "JAX",
    "polars": "polars",
    "catboost": "CatBoost",
    "libgomp": "OpenMP",
    "libomp": "OpenMP",
    "libiomp": "OpenMP",
}


@dataclass(frozen=True)
class ProcessState:
    """What a process has beside its memory.

    Attributes:
        threads: Its threads by name, those of Python's included.
        python_threads: How many of them Python has started.
        descriptors: What its file descriptors lead to.
        processes: Its children.
        exit_handlers: The user's own functions that are to be called at its end.
        finalized: The user's own classes that have objects with a method `__del__`.
        shared_memory: Mappings that are shared with forks and have no name.
    """

    threads: Counter[str]
    python_threads: int
    descriptors: dict[int, str]
    processes: frozenset[int]
    exit_handlers: tuple[str, ...]
    finalized: tuple[str, ...]
    shared_memory: frozenset[str]

    @classmethod
    def of_this_process(cls) -> ProcessState:
        """What this process has now, without the threads that survive a fork."""
        _end_threads_that_survive()
        return cls(
            _threads(),
            threading.active_count(),
            _descriptors(),
            frozenset(children(os.getpid())),
            tuple(own_exit_handlers()),
            tuple(_finalized_classes()),
            frozenset(_nameless_shared_memory()),
        )


def reasons_against_fork(before: ProcessState, after: ProcessState) -> list[str]:
    """What an import has made that a fork would lack or share, half a sentence for each thing.

    Args:
        before: The process before the import.
        after: The process after it.

    Example:
        ```python
        from prefect_tuner.tasks.fork_server.fork_safety import ProcessState, reasons_against_fork

        state = ProcessState.of_this_process()
        assert reasons_against_fork(state, state) == []
        ```
    """
    reasons = _threads_made(before, after)
    reasons += _descriptors_made(before, after)
    started = after.processes - before.processes
    if started:
        reasons.append(f"started {_counted(len(started), 'process', 'processes')}")
    registered = [each for each in after.exit_handlers if each not in before.exit_handlers]
    if registered:
        reasons.append(f"registered {registered[0]} to be called at the end of the program")
    finalized = [each for each in after.finalized if each not in before.finalized]
    if finalized:
        reasons.append(f"made an object of {finalized[0]}, which has a method __del__,")
    if after.shared_memory - before.shared_memory:
        reasons.append("mapped memory that is shared with forks")
    numba = sys.modules.get("numba.np.ufunc.parallel")
    if numba is not None and getattr(numba, "_is_initialized", False):
        reasons.append("ran numba's parallel code, which ends a process that is forked")
    return reasons


def _threads_made(before: ProcessState, after: ProcessState) -> list[str]:
    made = after.threads - before.threads
    for name in _SURVIVING_THREADS:
        del made[name]
    python = max(0, after.python_threads - before.python_threads)
    native = made.total() - python
    reasons = []
    if python:
        reasons.append(f"started {_counted(python, 'thread', 'threads')}")
    if native > 0:
        libraries = _loaded_libraries()
        of_whom = f" ({', '.join(libraries)})" if libraries else ""
        reasons.append(f"started {_counted(native, 'native thread', 'native threads')}{of_whom}")
    return reasons


def _descriptors_made(before: ProcessState, after: ProcessState) -> list[str]:
    made = [
        target
        for descriptor, target in after.descriptors.items()
        if before.descriptors.get(descriptor) != target and target not in _HARMLESS_FILES
    ]
    accelerators = [target for target in made if target.startswith(_ACCELERATORS)]
    sockets = [target for target in made if target.startswith("socket:")]
    files = [t for t in made if t.startswith("/") and t not in accelerators]
    reasons = []
    if accelerators:
        reasons.append(f"opened the device {accelerators[0]}")
    if sockets:
        reasons.append(f"opened {_counted(len(sockets), 'connection', 'connections')}")
    if files:
        reasons.append(f"left {files[0]} open")
    others = len(made) - len(accelerators) - len(sockets) - len(files)
    if others and not reasons:
        reasons.append(f"left {_counted(others, 'pipe', 'pipes')} open")
    return reasons


def _end_threads_that_survive() -> None:
    """Fork once for nothing: OpenBLAS, for one, ends its threads before a fork.

    It starts them again when they are needed, in the fork too. So those that are left are those
    that a fork would lack.
    """
    pid = _libc.fork()  # `os.fork` would call functions of the user's.
    if pid == 0:
        _libc._exit(0)
    deadline = time.monotonic() + _FORK_TIME
    with suppress(ChildProcessError):  # The user's module may have the kernel reap them.
        while os.waitpid(pid, os.WNOHANG) == (0, 0):
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.0005)


def _finalized_classes() -> Iterator[str]:
    for kind in set(map(type, gc.get_objects())):
        method = getattr(kind, "__del__", None)
        if isinstance(method, FunctionType) and origin_of(method) is Origin.OWN:
            yield f"{kind.__module__}.{kind.__qualname__}"


def _nameless_shared_memory() -> Iterator[str]:
    """Where such memory is mapped, by `mmap(-1, ...)` for one: `/dev/zero` for the kernel."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        place, access, *_ = line.split()
        if access.endswith("s") and ("/dev/zero" in line or "/dev/shm/" in line):  # noqa: S108
            yield place


def _threads() -> Counter[str]:
    names: Counter[str] = Counter()
    for thread in Path("/proc/self/task").iterdir():
        with suppress(OSError):
            names[(thread / "comm").read_text().strip()] += 1
    return names


def _descriptors() -> dict[int, str]:
    found = {}
    for link in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # The one that was opened to list them.
            found[int(link.name)] = str(link.readlink())
    return found


def _loaded_libraries() -> list[str]:
    mapped = {line.rpartition("/")[2] for line in Path("/proc/self/maps").read_text().splitlines()}
    found = {name for file in mapped for part, name in _THREADED_LIBRARIES.items() if part in file}
    return sorted(found)


def _counted(count: int, one: str, several: str) -> str:
    return f"{count} {one if count == 1 else several}"
