"""The flow's handle on the fork server: starts trials, signals them, stops them all."""

from __future__ import annotations

import itertools
import os
import signal
import threading
import uuid
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from prefect_tuner.errors import TuningCancelled
from prefect_tuner.tasks.fork_server_process import ForkServerProcess
from prefect_tuner.tasks.objective import ObjectiveSpec
from prefect_tuner.tasks.wire import ConnectionClosed

TERMINATION_GRACE = 2.0
"""Seconds between SIGTERM and SIGKILL."""

LOAD_TIMEOUT = 300.0
"""Seconds that importing the objective may take."""

_START_TIMEOUT = 60.0


@dataclass
class TrialPipes:
    """The supervisor's ends of a started trial's pipes, as file descriptors.

    Attributes:
        trial: A name that no other trial has, and no other attempt at it.
        report: What the trial's process reports, in lines of JSON.
        output: What it prints.
        status: What the fork server says of its end, in a line of JSON: `status` or `error`.
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
        fresh_import: Load the objective in each trial's process anew rather than fork one
            that has it loaded: slower by the time its imports take, for modules that start threads
            or open devices when they are imported.
        load_timeout: Seconds that loading the objective may take.

    Attributes:
        stopped: Set once `stop` was called; supervisors may wait for it.
        stop_reason: What `stop` was given.
        start_timeout: Seconds from the start of a trial's process to the call of the objective.
        warning: What the user should know about the loaded objective, or empty.
    """

    def __init__(
        self,
        objective: ObjectiveSpec,
        *,
        fresh_import: bool = False,
        load_timeout: float = LOAD_TIMEOUT,
    ) -> None:
        self.stopped = threading.Event()
        self.stop_reason = ""
        self.start_timeout = _START_TIMEOUT + (load_timeout if fresh_import else 0.0)
        self.warning = ""
        self._name = uuid.uuid4().hex
        self._numbers = itertools.count()
        self._objective = objective
        self._fresh_import = fresh_import
        self._load_timeout = load_timeout
        self._loading = threading.Lock()
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)
        self._servers: set[ForkServerProcess] = set()
        self._running: dict[str, ForkServerProcess] = {}
        self._shared: ForkServerProcess | None = None

    def load(self) -> None:
        """Load the objective, so that the first trial starts as fast as the others.

        Raises:
            ObjectiveNotFound: It cannot be loaded.
        """
        if self._fresh_import:
            self._discard(self._new_server(load_in_each_trial=False))  # To see that it can be.
        server = self._shared_server()
        if server.threads:
            self.warning = (
                f"importing the objective {self._objective.name!r} left {server.threads} "
                "thread(s) running, which a forked trial does not have: if trials hang, set "
                "fresh_import=True"
            )

    def start(self, request: dict[str, Any]) -> TrialPipes:
        """Start a trial's process.

        Args:
            request: `params`, `number`, `seed`, `attempt` and `study`.

        Returns:
            The pipes, which the caller gives back by `finish`.

        Raises:
            TuningCancelled: `stop` was called.
            ObjectiveNotFound: The objective could not be loaded again in a new process.
            OSError: The system has no more processes or file descriptors.
        """
        server = self._shared_server()
        trial = f"{self._name}-{next(self._numbers)}"
        pairs: list[tuple[int, int]] = []
        try:
            for _ in range(3):
                pairs.append(os.pipe())  # noqa: PERF401 - what is open is closed if one fails
            with self._lock:
                self._check_not_stopped()
                # A server that is gone closes the pipes, which tells the supervisor.
                with suppress(ConnectionClosed):
                    server.send({"do": "start", "trial": trial, **request}, [w for _, w in pairs])
                self._running[trial] = server
        except BaseException:
            for read, _ in pairs:
                os.close(read)
            raise
        finally:
            for _, write in pairs:
                os.close(write)
        return TrialPipes(trial, *(read for read, _ in pairs))

    def signal(self, trial: str, number: signal.Signals) -> None:
        """Send a signal to all processes of a running trial."""
        with self._lock, suppress(ConnectionClosed):
            self._running[trial].send({"do": "kill", "trial": trial, "signal": int(number)})

    def finish(self, pipes: TrialPipes) -> None:
        """Forget a trial whose process has ended."""
        pipes.close()
        with self._lock:
            del self._running[pipes.trial]
            self._idle.notify_all()

    def stop(self, reason: str = "") -> None:
        """Stop all trials, SIGTERM first and SIGKILL after the grace, and start no more.

        Args:
            reason: Why, in half a sentence, for the trials that are stopped. The first one counts.
        """
        self.stop_reason = self.stop_reason or reason
        self.stopped.set()
        servers: list[ForkServerProcess] = []
        try:
            with self._lock:
                servers += self._servers
                for server in servers:
                    with suppress(ConnectionClosed):
                        server.send({"do": "kill", "trial": None, "signal": int(signal.SIGTERM)})
                self._idle.wait_for(lambda: not self._running, timeout=TERMINATION_GRACE)
        finally:  # A second Ctrl-C means at once.
            for server in servers:
                server.hang_up()  # All first, so that they end at the same time.
        for server in servers:
            self._discard(server)

    def describe_stop(self, when: str = "") -> str:
        """That the study was stopped, and why.

        Args:
            when: Seen from a trial, such as `"while the trial ran"`.
        """
        stopped = f"the study was stopped {when}".rstrip()
        return f"{stopped}: {self.stop_reason}" if self.stop_reason else stopped

    def _shared_server(self) -> ForkServerProcess:
        with self._loading:  # One loads, the others wait for it.
            if self._shared is not None and self._shared.is_gone():
                self._discard(self._shared)
                self._shared = None
            if self._shared is None:
                self._shared = self._new_server(load_in_each_trial=self._fresh_import)
            return self._shared

    def _new_server(self, *, load_in_each_trial: bool) -> ForkServerProcess:
        self._check_not_stopped()
        server = ForkServerProcess()
        with self._lock:
            self._servers.add(server)
        try:
            self._check_not_stopped()
            server.load(self._objective, self._load_timeout, load_in_each_trial)
        except BaseException as error:
            self._discard(server)
            if self.stopped.is_set():
                raise TuningCancelled(self.describe_stop()) from error
            raise
        return server

    def _discard(self, server: ForkServerProcess) -> None:
        with self._lock:
            self._servers.discard(server)
        server.close()

    def _check_not_stopped(self) -> None:
        if self.stopped.is_set():
            raise TuningCancelled(self.describe_stop())


_launchers: dict[str, Launcher] = {}
_closed: set[str] = set()
_launchers_lock = threading.Lock()


def open_launcher(objective: ObjectiveSpec, *, fresh_import: bool = False) -> Launcher:
    """The launcher of this process for an objective, made when first asked for.

    The flow opens it before the first trial. Trials find the same one by the objective's key; a
    task runner that runs them in other processes makes one in each. One that was closed stays
    stopped: a trial that comes late, to be tried again, is cancelled.
    """
    with _launchers_lock:
        if objective.key in _closed:
            launcher = Launcher(objective)
            launcher.stop()
            return launcher
        if objective.key not in _launchers:
            _launchers[objective.key] = Launcher(objective, fresh_import=fresh_import)
        return _launchers[objective.key]


def close_launcher(objective: ObjectiveSpec) -> None:
    """Stop the objective's trials in this process, for good."""
    with _launchers_lock:
        _closed.add(objective.key)
        launcher = _launchers.pop(objective.key, None)
    if launcher is not None:
        launcher.stop()
