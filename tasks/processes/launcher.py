"""The flow's handle on the fork server: starts trials, signals them, stops them all."""

from __future__ import annotations

import itertools
import logging
import os
import signal
import socket
import threading
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from prefect_tuner.ending import describe_stop
from prefect_tuner.errors import TuningCancelled
from prefect_tuner.tasks.messages.attempt_request import AttemptRequest, StartOrder
from prefect_tuner.tasks.messages.wire import ConnectionClosed
from prefect_tuner.tasks.objectives.objective import ObjectiveSpec
from prefect_tuner.tasks.processes.fork_server_process import ForkServerProcess
from prefect_tuner.tasks.processes.isolation import LaunchSettings, choose_isolation
from prefect_tuner.tasks.processes.slots import Slots

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
        slot: Its place among the trials that run at the same time.
        is_forked: Whether it is a fork of a process that has loaded the objective.
        report: What the trial's process reports, in lines of JSON; it reads what is written here.
        output: What it prints.
        status: What the fork server says of its end, in a line of JSON: `status` or `error`.
    """

    trial: str
    slot: int
    is_forked: bool
    report: int
    output: int
    status: int


class Launcher:
    """Starts and stops the trials of one objective, each in a process of its own.

    Args:
        objective: What the trials call.
        settings: How they are started.
        load_timeout: Seconds that loading the objective may take.

    Attributes:
        settings: How trials are started.
        stopped: Set once `stop` was called; supervisors may wait for it.
        stop_reason: What `stop` was given.
        notes: What the user should know of the objective and of how trials are started, once it
            was loaded: a level of Python's logging, and a sentence.
    """

    def __init__(
        self,
        objective: ObjectiveSpec,
        settings: LaunchSettings | None = None,
        *,
        load_timeout: float = LOAD_TIMEOUT,
    ) -> None:
        self.stopped = threading.Event()
        self.stop_reason = ""
        self.notes: list[tuple[int, str]] = []
        self.settings = settings or LaunchSettings()
        self._is_fresh: bool | None = None  # Not known before the objective was loaded once.
        self._slots = Slots(
            self.settings.concurrency, self.settings.devices, self.settings.device_variable
        )
        self._name = uuid.uuid4().hex
        self._numbers = itertools.count()
        self._objective = objective
        self._load_timeout = load_timeout
        self._loading = threading.Lock()
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)
        self._servers: set[ForkServerProcess] = set()
        self._running: dict[str, ForkServerProcess] = {}
        self._trials: dict[str, int] = {}
        self._stopped_trials: dict[int, str] = {}
        self._shared: ForkServerProcess | None = None

    @property
    def is_fresh(self) -> bool:
        """Whether each trial loads the objective itself, as is known once it was loaded."""
        return bool(self._is_fresh)

    @property
    def start_timeout(self) -> float:
        """Seconds from the start of a trial's process to the call of the objective."""
        return _START_TIMEOUT + (self._load_timeout if self.is_fresh else 0.0)

    def load(self) -> None:
        """Load the objective, so that the first trial starts as fast as the others.

        Raises:
            ObjectiveNotFound: It cannot be loaded.
        """
        self._shared_server()

    def start(self, request: AttemptRequest, *, measures_memory: bool = False) -> TrialPipes:
        """Start a trial's process.

        Args:
            request: What it is to do.
            measures_memory: Whether it says what memory it has before the objective is called.

        Returns:
            The pipes, which the caller gives back by `finish`.

        Raises:
            TuningCancelled: `stop` was called, or `stop_trial` for this one.
            ObjectiveNotFound: The objective could not be loaded again in a new process.
            OSError: The system has no more processes or file descriptors.
        """
        server = self._shared_server()
        slot = self._slots.acquire()
        order = StartOrder(
            f"{self._name}-{next(self._numbers)}",
            request,
            slot,
            self._slots.device(slot),
            self._slots.environment(slot),
            measures_memory,
        )
        pairs: list[tuple[int, int]] = []
        try:
            pairs.append(_connected())
            for _ in range(2):
                pairs.append(os.pipe())  # noqa: PERF401 - what is open is closed if one fails
            with self._lock:
                self._check_not_stopped(request.number)
                command = {"do": "start", "order": order.to_json()}
                # A server that is gone closes the pipes, which tells the supervisor.
                with suppress(ConnectionClosed):
                    server.send(command, [theirs for _, theirs in pairs])
                self._running[order.trial] = server
                self._trials[order.trial] = request.number
        except BaseException:
            for ours, _ in pairs:
                os.close(ours)
            self._slots.give_up(slot)
            raise
        finally:
            for _, theirs in pairs:
                os.close(theirs)
        return TrialPipes(order.trial, slot, not self.is_fresh, *(ours for ours, _ in pairs))

    def send_signal(self, trial: str, number: int) -> None:
        """Send a signal to all processes of a running trial."""
        self._send(trial, {"do": "signal", "trial": trial, "signal": number})

    def send_signal_to_process(self, trial: str, number: int) -> None:
        """Send a signal to a running trial's own process alone."""
        self._send(trial, {"do": "signal process", "trial": trial, "signal": number})

    def finish(self, pipes: TrialPipes) -> None:
        """Forget a trial whose program has ended."""
        for descriptor in (pipes.report, pipes.output):
            os.close(descriptor)
        self._slots.release(pipes.slot, pipes.status)
        with self._lock:
            del self._running[pipes.trial]
            del self._trials[pipes.trial]
            self._idle.notify_all()

    def stop_trial(self, number: int, reason: str) -> None:
        """Stop one trial, SIGTERM first and SIGKILL after the grace, and do not start it again.

        Args:
            number: Its place in the study.
            reason: Why, in half a sentence.
        """
        with self._lock:
            self._stopped_trials.setdefault(number, reason)
            names = [name for name, each in self._trials.items() if each == number]
        for name in names:
            self.send_signal(name, signal.SIGTERM)
            later = threading.Timer(TERMINATION_GRACE, self._kill, [name])
            later.daemon = True
            later.start()

    def why_stopped(self, number: int, when: str = "") -> str | None:
        """Why a trial was stopped, alone or with all; None where it was not.

        Args:
            number: Its place in the study.
            when: Seen from the trial, such as `"while it ran"`.
        """
        if number in self._stopped_trials:
            return f"the trial was stopped: {self._stopped_trials[number]}"
        return self.describe_stop(when) if self.stopped.is_set() else None

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
                        server.send({"do": "signal", "trial": None, "signal": int(signal.SIGTERM)})
                self._idle.wait_for(lambda: not self._running, timeout=TERMINATION_GRACE)
        finally:  # A second Ctrl-C means at once.
            for server in servers:
                server.hang_up()  # All first, so that they end at the same time.
        for server in servers:
            self._discard(server)
        self._slots.close()

    def describe_stop(self, when: str = "") -> str:
        """That the study was stopped, and why.

        Args:
            when: Seen from a trial, such as `"while the trial ran"`.
        """
        return describe_stop(self.stop_reason, when)

    def _kill(self, trial: str) -> None:
        with suppress(KeyError):  # It has ended in time.
            self.send_signal(trial, signal.SIGKILL)

    def _send(self, trial: str, command: dict[str, Any]) -> None:
        with self._lock, suppress(ConnectionClosed):
            self._running[trial].send(command)

    def _shared_server(self) -> ForkServerProcess:
        with self._loading:  # One loads, the others wait for it.
            if self._shared is not None and self._shared.is_gone():
                self._discard(self._shared)
                self._shared = None
            if self._shared is None:
                self._shared = self._new_shared_server()
            return self._shared

    def _new_shared_server(self) -> ForkServerProcess:
        if self._is_fresh is not None:
            return self._new_server(load_in_each_trial=self._is_fresh)
        server, fresh = self._load_and_decide()
        self._is_fresh = fresh
        if not fresh:
            return server
        self._discard(server)  # It has shown that the objective can be loaded.
        return self._new_server(load_in_each_trial=True)

    def _load_and_decide(self) -> tuple[ForkServerProcess, bool]:
        """Load the objective once, and see by that whether trials load it afresh."""
        may_be_fresh = self.settings.isolation != "fork"
        first_place = self._slots.environment(0) if may_be_fresh else {}
        server = self._new_server(load_in_each_trial=False, environment=first_place)
        said = (self.settings.note, self._objective.note)
        self.notes += [(logging.INFO, note) for note in said if note]
        warnings = [*self._objective.warnings, *server.warnings]
        self.notes += [(logging.WARNING, warning) for warning in warnings]
        fresh, notes = choose_isolation(self.settings, self._objective.name, server.against_fork)
        self.notes += notes
        return server, fresh

    def _new_server(
        self, *, load_in_each_trial: bool, environment: Mapping[str, str] = MappingProxyType({})
    ) -> ForkServerProcess:
        self._check_not_stopped()
        server = ForkServerProcess({**self.settings.environment, **environment})
        with self._lock:
            self._servers.add(server)
        try:
            self._check_not_stopped()
            server.load(
                self._objective,
                self._load_timeout,
                places=self._slots.environments,
                load_in_each_trial=load_in_each_trial,
            )
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

    def _check_not_stopped(self, number: int = -1) -> None:
        if (told := self.why_stopped(number)) is not None:
            raise TuningCancelled(told)


def _connected() -> tuple[int, int]:
    """The descriptors of two ends that both read and write."""
    ours, theirs = socket.socketpair()
    return ours.detach(), theirs.detach()
