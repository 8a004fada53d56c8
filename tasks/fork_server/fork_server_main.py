"""The program that the fork server's process runs: it loads the objective, then serves.

Started as `python -m prefect_tuner.tasks.fork_server.fork_server_main DESCRIPTOR` by
`prefect_tuner.tasks.processes.fork_server_process`.
"""

from __future__ import annotations

import faulthandler
import fcntl
import gc
import os
import select
import signal
import socket
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from importlib import import_module
from typing import Any, NoReturn

from prefect_tuner.errors import ObjectiveNotFound
from prefect_tuner.redaction import shown_error
from prefect_tuner.tasks.fork_server.fork_safety import ProcessState, reasons_against_fork
from prefect_tuner.tasks.fork_server.fork_server import ForkServer, ServedTrials
from prefect_tuner.tasks.messages.wire import (
    ConnectionClosed,
    receive_bytes,
    receive_frame,
    send_frame,
)
from prefect_tuner.tasks.objectives.objective import ObjectiveSpec
from prefect_tuner.tasks.objectives.objective_loading import LoadedObjective, load_objective
from prefect_tuner.tasks.objectives.objective_traceback import format_traceback
from prefect_tuner.tasks.process_table.process_tree import (
    TRACKERS_SECONDS,
    children,
    is_tracker,
    kill_sparing_trackers,
    kill_tree,
)
from prefect_tuner.tasks.trial_process.exit_handlers import record_exit_handlers
from prefect_tuner.tasks.trial_process.log_records import watch_log_records
from prefect_tuner.tasks.trial_process.program_end import end_program, flush_output
from prefect_tuner.tasks.trial_process.user_globals import UserGlobals

_EXIT_SECONDS = 5.0
_EXIT_MARGIN = 1.0
_SETTLING = 0.05  # Seconds.


def main(descriptor: int) -> None:
    """Load the objective, say so, and serve.

    Args:
        descriptor: An inherited descriptor of the connection to the flow's process.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the flow's to handle.
    faulthandler.enable()
    _ignore_warnings_of_forks()
    connection = socket.socket(fileno=descriptor)
    connection.set_inheritable(False)
    with suppress(ConnectionClosed):
        header, _ = receive_frame(connection)
        places = header.pop("places")
        in_each_trial = header.pop("load_in_each_trial")
        pickled, modules, options = (receive_bytes(connection)[0] for _ in range(3))
        spec = ObjectiveSpec(pickled=pickled, modules=modules, options=options, **header)
        sys.path[:] = spec.sys_path
        try:
            os.chdir(spec.directory)
            record_exit_handlers()
            watch_log_records()
            before = ProcessState.of_this_process()
            with _dying_with(connection):
                loaded = None if in_each_trial else load_objective(spec)
                if "numpy" in sys.modules:
                    import_module("numpy.random")  # Loaded lazily, and seeded in each trial.
        except ObjectiveNotFound as error:
            _refuse(connection, str(error), error.__cause__)
        except Exception as error:  # noqa: BLE001 - loading it runs the user's code
            _refuse(
                connection,
                f"objective {spec.name!r}: cannot be loaded: {shown_error(error)}",
                error,
            )
        else:
            _ignore_warnings_of_forks()  # It may have brought filters of its own.
            reply = _describe(loaded, before)
            load = partial(load_objective, spec) if loaded is None else lambda: loaded
            # What it was loaded from may be as large as its data.
            del pickled, modules, options, spec
            server = ForkServer(connection, ServedTrials(load, loaded, places))
            gc.collect()
            gc.freeze()  # Collections in the trials then leave the shared pages alone.
            send_frame(connection, reply)
            server.serve()
    _end()


def _ignore_warnings_of_forks() -> None:
    # Python 3.12 and later count the threads of numpy's native libraries, which survive a fork,
    # and JAX warns of forks whether it has started its own or not.
    for message in ("This process .* is multi-threaded", r"os\.fork\(\) was called"):
        warnings.filterwarnings("ignore", message)


class _Overtime(BaseException):
    """The end of the program takes too long."""


def _end() -> NoReturn:
    """End as the interpreter does, and give what the objective's module has started time to do so.

    Those who clean up behind a program, such as `multiprocessing`'s resource tracker, begin when
    all that it has opened is closed. But nobody may take for ever.
    """

    def give_up(*_: object) -> NoReturn:
        raise _Overtime

    with suppress(BaseException):
        # Native code that holds the interpreter does not hear the signal.
        limit = _EXIT_SECONDS + TRACKERS_SECONDS + _EXIT_MARGIN
        faulthandler.dump_traceback_later(limit, exit=True, file=_nowhere())
        signal.signal(signal.SIGALRM, give_up)
        signal.setitimer(signal.ITIMER_REAL, _EXIT_SECONDS)
        with suppress(Exception):
            end_program(lambda _: None, UserGlobals(is_import_shared=False), [])
        flush_output()
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))
        while True:  # Until there is no child to wait for.
            os.wait()
    _kill_started()
    with suppress(BaseException):  # Trackers end when all is closed that they have to do with.
        signal.setitimer(signal.ITIMER_REAL, TRACKERS_SECONDS)
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))
        while True:
            os.wait()
    for pid in children(os.getpid()):
        kill_tree(pid, signal.SIGKILL)
    os._exit(0)


def _kill_started() -> None:
    """Kill what the objective's module has started, but for those that clean up behind it."""
    for pid in children(os.getpid()):
        if not is_tracker(pid):
            kill_sparing_trackers(pid)


def _nowhere() -> int:
    return os.open(os.devnull, os.O_WRONLY)


def _describe(loaded: LoadedObjective | None, before: ProcessState) -> dict[str, Any]:
    """What the flow's process is told of the objective."""
    if loaded is None:
        return {"against_fork": [], "warnings": []}
    reasons = reasons_against_fork(before, ProcessState.of_this_process())
    if reasons:  # A thread that was waited for may take a moment until it is gone.
        time.sleep(_SETTLING)
        reasons = reasons_against_fork(before, ProcessState.of_this_process())
    return {"against_fork": reasons, "warnings": loaded.warnings}


def _refuse(connection: socket.socket, message: str, cause: BaseException | None) -> None:
    _kill_started()
    details = format_traceback(cause) if cause is not None else ""
    send_frame(connection, {"error": message, "traceback": details})


@contextmanager
def _dying_with(connection: socket.socket) -> Iterator[None]:
    """While nobody reads from the connection, have the kernel end this group when it closes."""
    flags = fcntl.fcntl(connection, fcntl.F_GETFL)
    fcntl.fcntl(connection, fcntl.F_SETOWN, -os.getpgrp())
    fcntl.fcntl(connection, fcntl.F_SETFL, flags | os.O_ASYNC)  # By SIGIO, whose default is that.
    try:
        if select.select([connection], [], [], 0)[0]:
            raise ConnectionClosed("closed by the other side")
        yield
    finally:
        fcntl.fcntl(connection, fcntl.F_SETFL, flags)


if __name__ == "__main__":
    main(int(sys.argv[1]))
