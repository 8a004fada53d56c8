"""The process that trials are forked from.

It has one thread, holds the objective's modules loaded, and forks a fresh process for each trial:
that costs milliseconds where a new interpreter costs seconds, and all memory that a trial took is
free when it ends. The flow's own process has threads and must not be forked. For modules that do
not survive a fork it leaves the loading to each trial's process.

All signals to trials are sent from here, to processes that were not reaped yet: a number that was
given to another process in the meantime is never hit. Whatever a trial started and left behind is
adopted by this process, which kills it. When the flow's process goes away, by whatever means, the
connection closes and every trial is killed; when this process is killed, the kernel kills the
trials.
"""

from __future__ import annotations

import ctypes
import json
import os
import selectors
import signal
import socket
import sys
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NoReturn

from prefect_tuner.tasks.objective import LoadedObjective
from prefect_tuner.tasks.process_tree import TRIAL_MARK, children, kill_tree, main_children
from prefect_tuner.tasks.trial_process import prepare_trial_process, run_trial_process
from prefect_tuner.tasks.wire import ConnectionClosed, receive_frame, send_frame

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_OOM_SCORE = b"800"
_SPARES = 2
_SPARE_DELAY = 0.02  # Seconds: a trial that ends at once is reaped before the next fork.


@dataclass
class _Forked:
    """A process that was not reaped yet.

    Attributes:
        trial: The trial it runs; empty for a spare.
        status: Descriptor of the pipe to the trial's supervisor.
    """

    trial: str = ""
    status: int = -1


class ForkServer:
    """Forks trials on demand and watches over them until the connection closes.

    Spare processes are forked ahead, so that a trial need not wait for the kernel to copy the page
    tables of an objective with large imports: one for the next trial, and one for the trial after
    it, which may come before the next one has been cleared away.

    Args:
        connection: To the flow's process.
        load: Called in each trial's process, returns the objective.
    """

    def __init__(self, connection: socket.socket, load: Callable[[], LoadedObjective]) -> None:
        self._connection = connection
        self._load = load
        # What the objective's module started when it was imported serves all trials.
        self._helpers = set(children(os.getpid()))
        self._forked: dict[int, _Forked] = {}
        self._spares: deque[tuple[int, socket.socket]] = deque()
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
                    wait = _SPARE_DELAY if len(self._spares) < _SPARES else None
                    ready = {key.fileobj for key, _ in selector.select(wait)}
                    if wake_reader in ready:
                        with suppress(BlockingIOError):
                            wake_reader.recv(4096)
                        self._reap()
                    if self._connection in ready:
                        self._obey()
                    elif len(self._spares) < _SPARES:
                        with suppress(OSError):  # A trial that needs one is told why there is none.
                            self._spares.append(self._fork())
            except ConnectionClosed:
                pass
            finally:
                self._kill_everything()

    def _obey(self) -> None:
        command, descriptors = receive_frame(self._connection, descriptors=3)
        if command["do"] == "start":
            self._start(command, descriptors)
            return
        for pid, forked in self._forked.items():
            if forked.trial and command["trial"] in (forked.trial, None):
                kill_tree(pid, signal.Signals(command["signal"]))

    def _start(self, command: dict[str, Any], descriptors: list[int]) -> None:
        report, output, status = descriptors
        try:
            pid, handover = self._spares.popleft() if self._spares else self._fork(descriptors)
        except OSError as error:
            _write_status(status, {"error": f"cannot fork: {error}"})
        else:
            self._forked[pid] = _Forked(command["trial"], status)
            with suppress(ConnectionClosed), handover:  # If it was killed, it is reaped as such.
                send_frame(handover, command, [report, output])
        os.close(report)
        os.close(output)

    def _fork(self, foreign: Sequence[int] = ()) -> tuple[int, socket.socket]:
        """Fork a process that waits to be handed a trial.

        Args:
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
                for descriptor in foreign:
                    os.close(descriptor)
                self._become_trial(theirs, parent)
            except BaseException:  # noqa: BLE001 - whatever it is, it must not get any further
                traceback.print_exc()
            finally:
                os._exit(1)
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
        # What the trial starts stays below it in the tree as long as it runs, daemons included.
        self._control(_PR_SET_CHILD_SUBREAPER, 1)
        self._connection.close()
        for _, other in self._spares:
            other.close()
        for forked in self._forked.values():
            if forked.trial:
                os.close(forked.status)
        # If memory runs out, the kernel shall take the trial, not the flow.
        with suppress(OSError):
            score = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
            os.write(score, _OOM_SCORE)
            os.close(score)
        prepare_trial_process()
        try:
            with handover:
                command, (report, output) = receive_frame(handover, descriptors=2)
        except ConnectionClosed:
            os._exit(0)
        os.environ[TRIAL_MARK] = command["trial"]
        run_trial_process(self._load, command, report, output)

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
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            self._kill_orphans(of=pid)
            _, status = os.waitpid(pid, 0)
            self._helpers.discard(pid)
            if forked is not None and forked.trial:
                _write_status(forked.status, {"status": status})
            for spare in [spare for spare in self._spares if spare[0] == pid]:
                spare[1].close()
                self._spares.remove(spare)

    def _kill_orphans(self, of: int = 0) -> None:
        """Kill what trials left behind, in groups of their own as well.

        As long as a trial runs, it adopts its orphans itself: those adopted by this process are of
        trials that have ended.

        Args:
            of: The process that has ended and is not reaped yet.
        """
        for pid in main_children(os.getpid()):
            if pid != of and pid not in self._forked and pid not in self._helpers:
                kill_tree(pid, signal.SIGKILL)

    def _kill_everything(self) -> None:
        self._helpers.clear()
        for pid in self._forked:
            kill_tree(pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            while self._forked or children(os.getpid()):
                self._kill_orphans()
                os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
                self._reap()

    def _control(self, option: int, value: int) -> None:
        if self._libc is not None:
            self._libc.prctl(option, value)


def _write_status(descriptor: int, status: dict[str, Any]) -> None:
    with suppress(OSError):  # The supervisor may be gone.
        os.write(descriptor, json.dumps(status).encode() + b"\n")
    os.close(descriptor)
