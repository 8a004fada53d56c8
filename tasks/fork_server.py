"""The process that trials are forked from.

It has one thread, holds the objective's modules loaded, and forks a fresh process for each trial:
that costs milliseconds where a new interpreter costs seconds, and all memory that a trial took is
free when it ends. The flow's own process has threads and must not be forked.

All signals to trials are sent from here, to processes that were not reaped yet: a number that was
given to another process in the meantime is never hit. When the flow's process goes away, by
whatever means, the connection closes and every trial is killed; when this process is killed, the
kernel kills the trials.

Run as `python -m prefect_tuner.tasks.fork_server DESCRIPTOR` by `prefect_tuner.tasks.launcher`.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import selectors
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Any, NoReturn

from prefect_tuner.errors import ObjectiveNotFound
from prefect_tuner.parameters import Params
from prefect_tuner.tasks.objective import ObjectiveSpec, load_objective
from prefect_tuner.tasks.process_tree import PROC, children, kill_tree
from prefect_tuner.tasks.trial_context import TrialContext
from prefect_tuner.tasks.trial_process import run_trial_process
from prefect_tuner.tasks.wire import (
    ConnectionClosed,
    receive_bytes,
    receive_frame,
    send_frame,
)

TRIAL_MARK = "PREFECT_TUNER_TRIAL"
"""Environment variable that tells which trial a program was started from."""

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_OOM_SCORE = "800"
_SPARE_DELAY = 0.02  # Seconds: a trial that ends at once is reaped before the next fork.


@dataclass
class _Forked:
    """A process that was not reaped yet.

    Attributes:
        trial: The trial it runs; empty for the spare.
        status: Descriptor of the pipe to the trial's supervisor.
    """

    trial: str = ""
    status: int = -1


class ForkServer:
    """Forks trials on demand and watches over them until the connection closes.

    One spare process is always forked ahead, so that a trial need not wait for the kernel to copy
    the page tables of an objective with large imports.

    Args:
        connection: To the flow's process.
        objective: What the trials call.
    """

    def __init__(
        self, connection: socket.socket, objective: Callable[[Params, TrialContext], Any]
    ) -> None:
        self._connection = connection
        self._objective = objective
        self._forked: dict[int, _Forked] = {}
        self._spare: tuple[int, socket.socket] | None = None
        self._libc = ctypes.CDLL(None) if sys.platform == "linux" else None

    def serve(self) -> None:
        """Obey the flow's process until it is gone, then leave no trial behind."""
        self._control(_PR_SET_CHILD_SUBREAPER, 1)
        wake_reader, wake_writer = socket.socketpair()
        wake_reader.setblocking(False)
        wake_writer.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake_writer.fileno(), warn_on_full_buffer=False)
        with selectors.DefaultSelector() as selector:
            selector.register(self._connection, selectors.EVENT_READ)
            selector.register(wake_reader, selectors.EVENT_READ)
            try:
                while True:
                    wait = _SPARE_DELAY if self._spare is None else None
                    ready = {key.fileobj for key, _ in selector.select(wait)}
                    if wake_reader in ready:
                        with suppress(BlockingIOError):
                            wake_reader.recv(4096)
                        self._reap()
                    if self._connection in ready:
                        self._obey()
                    elif self._spare is None:
                        with suppress(OSError):  # A trial that needs it is told why there is none.
                            self._spare = self._fork()
            except ConnectionClosed:
                self._kill_everything()

    def _obey(self) -> None:
        command, descriptors = receive_frame(self._connection, descriptors=3)
        if command["do"] == "start":
            self._start(command, *descriptors)
            return
        for pid, forked in self._forked.items():
            if forked.trial and command["trial"] in (forked.trial, None):
                kill_tree(pid, signal.Signals(command["signal"]))

    def _start(self, command: dict[str, Any], report: int, output: int, status: int) -> None:
        try:
            pid, handover = self._spare or self._fork()
        except OSError as error:
            _write_status(status, {"error": f"cannot fork: {error}"})
        else:
            self._spare = None
            self._forked[pid] = _Forked(command["trial"], status)
            os.write(status, json.dumps({"pid": pid}).encode() + b"\n")
            with suppress(ConnectionClosed), handover:  # If it was killed, it is reaped as such.
                send_frame(handover, command, [report, output])
        os.close(report)
        os.close(output)

    def _fork(self) -> tuple[int, socket.socket]:
        """Fork a process that waits to be handed a trial.

        Raises:
            OSError: The system has no more processes or memory.
        """
        for stream in (sys.stdout, sys.stderr):
            stream.flush()  # What is left in the buffers would be printed by each trial.
        ours, theirs = socket.socketpair()
        parent = os.getpid()
        try:
            pid = os.fork()
        except OSError:
            ours.close()
            theirs.close()
            raise
        if pid == 0:
            ours.close()
            self._become_trial(theirs, parent)
        theirs.close()
        # Here as well as in the child: whoever comes first, the group exists before a signal.
        with suppress(OSError):
            os.setpgid(pid, pid)
        self._forked[pid] = _Forked()
        return pid, ours

    def _become_trial(self, handover: socket.socket, parent: int) -> NoReturn:
        with suppress(OSError):
            os.setpgid(0, 0)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        self._control(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
        self._connection.close()
        for other in self._forked.values():
            if other.trial:
                os.close(other.status)
        # If memory runs out, the kernel shall take the trial, not the flow.
        with suppress(OSError), (PROC / "self/oom_score_adj").open("w") as score:
            score.write(_OOM_SCORE)
        try:
            with handover:
                command, (report, output) = receive_frame(handover, descriptors=2)
        except ConnectionClosed:
            os._exit(0)
        os.environ[TRIAL_MARK] = command["trial"]
        run_trial_process(self._objective, command, report, output)

    def _reap(self) -> None:
        """Reap all that have ended, and first kill what a trial left behind."""
        while True:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if ended is None:
                return
            pid = ended.si_pid
            forked = self._forked.pop(pid, None)
            if forked is not None and forked.trial:
                kill_tree(pid, signal.SIGKILL)
                self._kill_orphans(forked.trial)
            _, status = os.waitpid(pid, 0)
            if forked is not None and forked.trial:
                _write_status(forked.status, {"status": status})
            elif self._spare is not None and self._spare[0] == pid:
                self._spare[1].close()
                self._spare = None

    def _kill_orphans(self, trial: str) -> None:
        """Kill the processes that a trial started in groups of their own.

        They were adopted by this process. Those that still carry the trial's mark are known to
        be its own; the others are killed when no trial runs that could own them.
        """
        mark = f"{TRIAL_MARK}={trial}".encode()
        running = any(forked.trial for forked in self._forked.values())
        for pid in children(os.getpid()):
            if pid in self._forked:
                continue
            if not running or mark in _environment(pid).split(b"\0"):
                kill_tree(pid, signal.SIGKILL)
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)

    def _kill_everything(self) -> None:
        for pid in self._forked:
            kill_tree(pid, signal.SIGKILL)
        self._forked.clear()
        while True:
            self._kill_orphans("")
            try:
                os.waitpid(-1, 0)
            except ChildProcessError:
                return

    def _control(self, option: int, value: int) -> None:
        if self._libc is not None:
            self._libc.prctl(option, value)


def main(descriptor: int) -> None:
    """Load the objective, say so, and serve.

    Args:
        descriptor: An inherited descriptor of the connection to the flow's process.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the flow's to handle.
    connection = socket.socket(fileno=descriptor)
    with contextlib.suppress(ConnectionClosed):
        header, _ = receive_frame(connection)
        pickled, _ = receive_bytes(connection)
        # If the flow's process dies while the objective is being loaded, nobody else ends this.
        signal.alarm(int(header.pop("load_timeout")) + 5)
        spec = ObjectiveSpec(pickled=pickled, **header)
        try:
            sys.path[:] = spec.sys_path
            os.chdir(spec.directory)
            objective = load_objective(spec)
        except ObjectiveNotFound as error:
            cause = error.__cause__
            details = "".join(traceback.format_exception(cause)) if cause is not None else ""
            send_frame(connection, {"error": str(error), "traceback": details})
            return
        signal.alarm(0)
        import_module("numpy.random")  # Loaded lazily by numpy, and seeded in each trial.
        gc.collect()
        gc.freeze()  # Collections in the trials then leave the shared pages alone.
        send_frame(connection, {"threads": threading.active_count() - 1})
        ForkServer(connection, objective).serve()


def _write_status(descriptor: int, status: dict[str, Any]) -> None:
    with suppress(OSError):  # The supervisor may be gone.
        os.write(descriptor, json.dumps(status).encode() + b"\n")
    os.close(descriptor)


def _environment(pid: int) -> bytes:
    try:
        return (PROC / str(pid) / "environ").read_bytes()
    except OSError:
        return b""


if __name__ == "__main__":
    main(int(sys.argv[1]))
