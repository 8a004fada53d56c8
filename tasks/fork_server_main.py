"""The program that the fork server's process runs: it loads the objective, then serves.

Started as `python -m prefect_tuner.tasks.fork_server_main DESCRIPTOR` by
`prefect_tuner.tasks.fork_server_process`.
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
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from importlib import import_module

from prefect_tuner.errors import ObjectiveNotFound
from prefect_tuner.tasks.fork_server import ForkServer
from prefect_tuner.tasks.objective import LoadedObjective, ObjectiveSpec, load_objective
from prefect_tuner.tasks.objective_traceback import format_traceback
from prefect_tuner.tasks.process_tree import children, kill_tree
from prefect_tuner.tasks.wire import ConnectionClosed, receive_bytes, receive_frame, send_frame

_EXIT_SECONDS = 1


def main(descriptor: int) -> None:
    """Load the objective, say so, and serve.

    Args:
        descriptor: An inherited descriptor of the connection to the flow's process.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the flow's to handle.
    faulthandler.enable()
    # Python 3.12 and later count the threads of numpy's native libraries, which survive a fork.
    warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
    connection = socket.socket(fileno=descriptor)
    connection.set_inheritable(False)
    with suppress(ConnectionClosed):
        header, _ = receive_frame(connection)
        pickled, _ = receive_bytes(connection)
        in_each_trial = header.pop("load_in_each_trial")
        spec = ObjectiveSpec(pickled=pickled, **header)
        sys.path[:] = spec.sys_path
        sys.argv[1:] = []  # The objective's module may look at it.
        try:
            os.chdir(spec.directory)
            with _dying_with(connection):
                load = partial(load_objective, spec) if in_each_trial else _loaded(spec)
        except ObjectiveNotFound as error:
            _refuse(connection, str(error), error.__cause__)
        except Exception as error:  # noqa: BLE001 - loading it runs the user's code
            _refuse(connection, f"objective {spec.name!r}: cannot be loaded: {error!r}", error)
        else:
            import_module("numpy.random")  # Loaded lazily by numpy, and seeded in each trial.
            gc.collect()
            gc.freeze()  # Collections in the trials then leave the shared pages alone.
            server = ForkServer(connection, load)
            send_frame(connection, {"threads": threading.active_count() - 1})
            server.serve()
    # Exit handlers and threads of the objective's module may take their time, but not for ever.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(_EXIT_SECONDS)


def _loaded(spec: ObjectiveSpec) -> Callable[[], LoadedObjective]:
    objective = load_objective(spec)
    return lambda: objective


def _refuse(connection: socket.socket, message: str, cause: BaseException | None) -> None:
    for pid in children(os.getpid()):  # What its module has started already.
        kill_tree(pid, signal.SIGKILL)
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
