"""The process that trials are forked from.

It has one thread and forks a fresh process for each trial: that costs milliseconds where a new
interpreter costs seconds, and all memory that a trial took is free when it ends. The flow's own
process has threads and must not be forked. It holds the objective's modules loaded, so that trials
have them at once; where those do not survive a fork, each trial's process loads them itself, ahead
of its trial.

Whatever a trial started and left behind is adopted by this process, which ends it. When the flow's
process goes away, by whatever means, the connection closes and every trial is killed; when this
process is killed, the kernel kills the trials.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from prefect_tuner.tasks.fork_server.forked_process import Inherited, become_trial, control_process
from prefect_tuner.tasks.fork_server.trial_reaper import TrialReaper, refuse_start
from prefect_tuner.tasks.messages.wire import ConnectionClosed, receive_frame, send_frame
from prefect_tuner.tasks.objectives.objective_loading import LoadedObjective
from prefect_tuner.tasks.trial_process.user_globals import UserGlobals

_PR_SET_CHILD_SUBREAPER = 36
_FORKED_AHEAD = 2
_SPARE_EXIT = 0.5  # Seconds.
_SPARE_DELAY = 0.02  # Seconds: a trial that ends at once is reaped before the next fork.


@dataclass(frozen=True)
class _Spare:
    """A process that waits for its trial.

    Attributes:
        pid: The process.
        handover: The connection to it.
        place: The environment that it was made for, as sorted pairs.
    """

    pid: int
    handover: socket.socket
    place: tuple[tuple[str, str], ...]


@dataclass
class ServedTrials:
    """What trials are forked for.

    Attributes:
        load: Returns the objective, in each trial's process.
        loaded: The objective, where this process holds it.
        places: The environments of the trials that may run at the same time, one for each. Where
            trials load the objective themselves, that many processes do so ahead of theirs.
    """

    load: Callable[[], LoadedObjective]
    loaded: LoadedObjective | None
    places: list[dict[str, str]] = field(default_factory=lambda: [{}])


class ForkServer:
    """Forks trials on demand and watches over them until the connection closes.

    Spare processes are forked ahead. Where the objective is loaded here, so that a trial need not
    wait for the kernel to copy the page tables of large imports: one for the next trial, and one
    for the trial after it, which may come before the next one has been cleared away. Where it is
    not, so that a trial need not wait for its imports.

    Args:
        connection: To the flow's process.
        trials: What the trials are.
    """

    def __init__(self, connection: socket.socket, trials: ServedTrials) -> None:
        self._connection = connection
        self._trials = trials
        self._reaper = TrialReaper()
        loaded = trials.loaded
        namespaces = [] if loaded is None else loaded.namespaces
        self._held = UserGlobals(namespaces, is_import_shared=loaded is not None)
        self._spares: list[_Spare] = []
        self._loading: list[socket.socket] = []
        self._more: int | None = None
        self._wanted = self._wanted_spares()
        self._failed: set[tuple[tuple[str, str], ...]] = set()

    def serve(self) -> None:
        """Obey the flow's process until it is gone, then leave no trial behind."""
        control_process(_PR_SET_CHILD_SUBREAPER, 1)
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
                    missing = self._missing_spare()
                    ready = selector.select(None if missing is None else _SPARE_DELAY)
                    sources = {key.fileobj for key, _ in ready}
                    if wake_reader in sources:
                        with suppress(BlockingIOError):
                            wake_reader.recv(4096)
                        self._reap()
                    if self._connection in sources:
                        self._obey()
                    elif missing is not None and not self._is_one_loading():
                        with suppress(OSError):  # A trial that needs one is told why there is none.
                            self._spares.append(self._fork(missing))
            except ConnectionClosed:
                pass
            finally:
                signal.set_wakeup_fd(-1)
                for connection in self._handovers():
                    connection.close()
                self._reaper.send_signal(None, signal.SIGKILL)
                self._reaper.await_spares(_SPARE_EXIT)
                self._reaper.kill_trials()

    def _obey(self) -> None:
        command, descriptors = receive_frame(self._connection, descriptors=3)
        if command["do"] == "start":
            self._start(command["order"], descriptors)
        elif command["do"] == "signal":
            self._reaper.send_signal(command["trial"], command["signal"])
        else:
            self._reaper.send_signal_to_process(command["trial"], command["signal"])

    def _start(self, order: dict[str, Any], descriptors: list[int]) -> None:
        """Start a trial by what `StartOrder.to_json` gave."""
        report, output, status = descriptors
        place = _place(order["environment"])
        try:
            spare = self._take_spare(place) or self._fork(place, ahead=False, foreign=descriptors)
        except OSError as error:
            refuse_start(status, f"cannot fork: {error}")
        else:
            self._reaper.assign(spare.pid, order["trial"], status)
            # If it was killed, it is reaped as such.
            with suppress(ConnectionClosed):
                send_frame(spare.handover, order, [report, output])
            if self._trials.loaded is None:
                self._loading.append(spare.handover)
            else:
                spare.handover.close()
        self._more = order["request"]["more"]
        self._wanted = self._wanted_spares()
        self._failed.clear()
        os.close(report)
        os.close(output)

    def _take_spare(self, place: tuple[tuple[str, str], ...]) -> _Spare | None:
        for spare in self._spares:
            if self._trials.loaded is not None or spare.place == place:
                self._spares.remove(spare)
                return spare
        return None

    def _is_one_loading(self) -> bool:
        """Whether a trial waits for its imports, which another process would slow down."""
        for connection in list(self._loading):
            try:
                connection.recv(1, socket.MSG_DONTWAIT)
            except BlockingIOError:
                continue
            except OSError:  # It is gone.
                pass
            self._loading.remove(connection)
            connection.close()
        return bool(self._loading)

    def _handovers(self) -> list[socket.socket]:
        return [*(spare.handover for spare in self._spares), *self._loading]

    def _wanted_spares(self) -> Counter[tuple[tuple[str, str], ...]]:
        """How many processes are to wait for their trials, by what they are made for."""
        if self._trials.loaded is not None:
            return Counter({(): _FORKED_AHEAD})
        places = [_place(each) for each in self._trials.places]
        return Counter(places if self._more is None else places[: max(0, self._more)])

    def _missing_spare(self) -> tuple[tuple[str, str], ...] | None:
        missing = self._wanted - Counter(spare.place for spare in self._spares)
        return next((place for place in missing if place not in self._failed), None)

    def _fork(
        self,
        place: tuple[tuple[str, str], ...],
        *,
        ahead: bool = True,
        foreign: Sequence[int] = (),
    ) -> _Spare:
        """Fork a process that waits to be handed a trial.

        Args:
            place: What it is made for.
            ahead: Whether it is to load the objective before its trial comes.
            foreign: Open descriptors that it must not keep, as processes that it starts would.

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
            try:
                ours.close()
                self._close_in_fork(foreign)
                inherited = Inherited(parent, theirs, self._trials.load, self._held)
                become_trial(inherited, dict(place), ahead=ahead)
            except BaseException:  # noqa: BLE001 - whatever it is, it must not get any further
                traceback.print_exc()
            finally:
                os._exit(1)
        theirs.close()
        # Here as well as in the child: whoever comes first, the group exists before a signal.
        with suppress(OSError):
            os.setpgid(pid, pid)
        self._reaper.add_spare(pid)
        return _Spare(pid, ours, place)

    def _close_in_fork(self, foreign: Sequence[int]) -> None:
        for descriptor in (*foreign, *self._reaper.statuses):
            os.close(descriptor)
        self._connection.close()
        for connection in self._handovers():
            connection.close()

    def _reap(self) -> None:
        ended = self._reaper.reap()
        for spare in [spare for spare in self._spares if spare.pid in ended]:
            spare.handover.close()
            self._spares.remove(spare)
            # It is not made again before the next trial has come: it would end likewise.
            self._failed.add(spare.place)


def _place(environment: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(environment.items()))
