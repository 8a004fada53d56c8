"""The flow's handle on the fork server: starts trials, signals them, stops them all."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from prefect_tuner.errors import ObjectiveNotFound, TuningCancelled
from prefect_tuner.tasks.objective import ObjectiveSpec
from prefect_tuner.tasks.wire import ConnectionClosed, receive_frame, send_bytes, send_frame

TERMINATION_GRACE = 2.0
"""Seconds between SIGTERM and SIGKILL."""

LOAD_TIMEOUT = 300.0
"""Seconds that importing the objective may take."""

_EXIT_TIMEOUT = 2.0


@dataclass
class TrialPipes:
    """The supervisor's ends of a started trial's pipes, as file descriptors.

    Attributes:
        trial: Identifies the trial to the launcher.
        report: What the trial's process reports, in lines of JSON.
        output: What it prints.
        status: What the fork server says of it, in lines of JSON: `pid`, at last `status`.
    """

    trial: str
    report: int
    output: int
    status: int

    def close(self) -> None:
        """Close all three."""
        for descriptor in (self.report, self.output, self.status):
            os.close(descriptor)


class Launcher:
    """Starts and stops the trials of one objective, each in a process of its own.

    Args:
        objective: What the trials call.
        fresh_interpreter: Use a new Python interpreter for each trial rather than a fork of one
            that has the objective loaded: slower by the time its imports take, for modules that
            start threads or open devices when they are imported.
        load_timeout: Seconds that loading the objective may take.

    Attributes:
        stopped: Set once `stop` was called; supervisors may wait for it.
        warning: What the user should know about the loaded objective, or empty.
    """

    def __init__(
        self,
        objective: ObjectiveSpec,
        *,
        fresh_interpreter: bool = False,
        load_timeout: float = LOAD_TIMEOUT,
    ) -> None:
        self.stopped = threading.Event()
        self.warning = ""
        self._objective = objective
        self._fresh_interpreter = fresh_interpreter
        self._load_timeout = load_timeout
        self._loading = threading.Lock()
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)
        self._servers: set[_Server] = set()
        self._running: dict[str, _Server] = {}
        self._shared: _Server | None = None

    def load(self) -> None:
        """Load the objective, so that the first trial starts as fast as the others.

        Raises:
            ObjectiveNotFound: It cannot be loaded.
        """
        server = self._shared_server()
        if server.threads and not self._fresh_interpreter:
            self.warning = (
                f"importing the objective {self._objective.name!r} left {server.threads} "
                "thread(s) running, which a forked trial does not have: if trials hang, set "
                "fresh_interpreter=True"
            )

    def start(self, trial: str, request: dict[str, Any]) -> TrialPipes:
        """Start a trial's process.

        Args:
            trial: A name that no other running trial of this launcher has.
            request: `params`, `number`, `seed`, `attempt` and `study`.

        Returns:
            The pipes, which the caller gives back by `finish`.

        Raises:
            TuningCancelled: `stop` was called.
            ObjectiveNotFound: The objective could not be loaded again in a new process.
        """
        server = self._new_server() if self._fresh_interpreter else self._shared_server()
        pairs = [os.pipe(), os.pipe(), os.pipe()]
        pipes = TrialPipes(trial, *(read for read, _ in pairs))
        try:
            with self._lock:
                self._check_not_stopped()
                # A server that is gone closes the pipes, which tells the supervisor.
                with suppress(ConnectionClosed):
                    server.send({"do": "start", "trial": trial, **request}, [w for _, w in pairs])
                self._running[trial] = server
        except BaseException:
            pipes.close()
            if self._fresh_interpreter:
                self._discard(server)
            raise
        finally:
            for _, write in pairs:
                os.close(write)
        return pipes

    def signal(self, trial: str, number: signal.Signals) -> None:
        """Send a signal to all processes of a running trial."""
        with self._lock, suppress(ConnectionClosed):
            self._running[trial].send({"do": "kill", "trial": trial, "signal": int(number)})

    def finish(self, pipes: TrialPipes) -> None:
        """Forget a trial whose process has ended."""
        pipes.close()
        with self._lock:
            server = self._running.pop(pipes.trial)
            self._idle.notify_all()
        if self._fresh_interpreter:
            self._discard(server)

    def stop(self) -> None:
        """Stop all trials, SIGTERM first and SIGKILL after the grace, and start no more."""
        self.stopped.set()
        with self._lock:
            servers = list(self._servers)
            for server in servers:
                with suppress(ConnectionClosed):
                    server.send({"do": "kill", "trial": None, "signal": int(signal.SIGTERM)})
            self._idle.wait_for(lambda: not self._running, timeout=TERMINATION_GRACE)
        for server in servers:
            self._discard(server)

    def _shared_server(self) -> _Server:
        with self._loading:  # One loads, the others wait for it.
            if self._shared is not None and self._shared.is_gone():
                self._discard(self._shared)
                self._shared = None
            if self._shared is None:
                self._shared = self._new_server()
            return self._shared

    def _new_server(self) -> _Server:
        server = _Server()
        with self._lock:
            self._servers.add(server)
        try:
            self._check_not_stopped()
            server.load(self._objective, self._load_timeout)
        except BaseException as error:
            self._discard(server)
            if self.stopped.is_set():
                raise TuningCancelled("the study was stopped") from error
            raise
        return server

    def _discard(self, server: _Server) -> None:
        with self._lock:
            self._servers.discard(server)
        server.close()

    def _check_not_stopped(self) -> None:
        if self.stopped.is_set():
            raise TuningCancelled("the study was stopped")


class _Server:
    """One fork server process."""

    def __init__(self) -> None:
        self.threads = 0
        self._connection, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "prefect_tuner.tasks.fork_server", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C in a terminal must not reach it.
            )

    def load(self, objective: ObjectiveSpec, timeout: float) -> None:
        """Have the objective loaded there.

        Raises:
            ObjectiveNotFound: It cannot be loaded.
        """
        header = asdict(objective)
        pickled = header.pop("pickled")
        self._connection.settimeout(timeout)
        try:
            send_frame(self._connection, {**header, "load_timeout": timeout})
            send_bytes(self._connection, pickled)
            reply, _ = receive_frame(self._connection)
        except TimeoutError:
            raise ObjectiveNotFound(
                f"objective {objective.name!r}: loading it took longer than {timeout:g} s"
            ) from None
        except ConnectionClosed:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_EXIT_TIMEOUT)
            raise ObjectiveNotFound(
                f"objective {objective.name!r}: the process that loads it ended with exit code "
                f"{self._process.returncode}: does its module call sys.exit when imported?"
            ) from None
        self._connection.settimeout(None)
        if "error" in reply:
            details = f"\n{reply['traceback']}" if reply["traceback"] else ""
            raise ObjectiveNotFound(reply["error"] + details)
        self.threads = reply["threads"]

    def send(self, command: dict[str, Any], descriptors: Sequence[int] = ()) -> None:
        """Send a command; the caller sees to it that one thread sends at a time."""
        send_frame(self._connection, command, descriptors)

    def is_gone(self) -> bool:
        """Whether the process has ended."""
        return self._process.poll() is not None

    def close(self) -> None:
        """Hang up, on which the server kills what still runs and exits."""
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)  # Wakes a thread that waits for a reply.
        self._connection.close()
        try:
            self._process.wait(_EXIT_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


_launchers: dict[str, Launcher] = {}
_launchers_lock = threading.Lock()


def open_launcher(objective: ObjectiveSpec, *, fresh_interpreter: bool = False) -> Launcher:
    """The launcher of this process for an objective, made when first asked for.

    The flow opens it before the first trial. Trials find the same one by the objective's key; a
    task runner that runs them in other processes makes one in each.
    """
    with _launchers_lock:
        if objective.key not in _launchers:
            _launchers[objective.key] = Launcher(objective, fresh_interpreter=fresh_interpreter)
        return _launchers[objective.key]


def close_launcher(objective: ObjectiveSpec) -> None:
    """Stop the objective's trials in this process, if there are any."""
    with _launchers_lock:
        launcher = _launchers.get(objective.key)
    if launcher is not None:
        launcher.stop()
        with _launchers_lock:
            _launchers.pop(objective.key, None)
