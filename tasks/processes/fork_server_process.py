"""The flow's end of one fork server: its process, and the connection to it."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import Any

from prefect_tuner.errors import ObjectiveNotFound, TunerError
from prefect_tuner.printable_text import printable_paragraph
from prefect_tuner.tasks.messages.wire import (
    ConnectionClosed,
    receive_frame,
    send_bytes,
    send_frame,
)
from prefect_tuner.tasks.objectives.objective import ObjectiveSpec
from prefect_tuner.tasks.process_table.process_tree import describe_exit, kill_tree

_PROGRAM = "prefect_tuner.tasks.fork_server.fork_server_main"
_EXIT_TIMEOUT = 20.0
_EXIT_POLL = 0.005
_WAIT = 0.5  # Seconds.


class ForkServerProcess:
    """A fork server's process, as the flow's process sees it.

    Raises:
        TunerError: The system is not Linux, which alone kills a trial's processes for sure.

    Args:
        environment: Variables to set in it, beside those of this process.

    Attributes:
        against_fork: What the objective has made when it was loaded there that a fork would lack
            or share, half a sentence each.
        warnings: What the user should know of the objective, a sentence each.
    """

    def __init__(self, environment: Mapping[str, str] = MappingProxyType({})) -> None:
        if sys.platform != "linux":
            raise TunerError(
                f"trials run on Linux, this is {sys.platform}: use a worker or a container with "
                "Linux, or WSL on Windows"
            )
        self.against_fork: list[str] = []
        self.warnings: list[str] = []
        self._loading = False
        self._closing = threading.RLock()
        self._connection, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [*_interpreter(), "-m", _PROGRAM, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                env={**os.environ, **environment},
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C in a terminal must not reach it.
            )

    def load(
        self,
        objective: ObjectiveSpec,
        timeout: float,
        *,
        places: Sequence[Mapping[str, str]] = ({},),
        load_in_each_trial: bool = False,
    ) -> None:
        """Have the objective loaded there.

        Args:
            objective: The objective.
            timeout: Seconds that it may take.
            places: The environments of the trials that may run at the same time, one for each.
            load_in_each_trial: Leave the loading to the processes of the trials.

        Raises:
            ObjectiveNotFound: It cannot be loaded.
        """
        self._connection.settimeout(timeout)
        self._loading = True
        deadline = time.monotonic() + timeout
        try:
            send_frame(self._connection, _header(objective, places, load_in_each_trial))
            for data in (objective.pickled, objective.modules, objective.options):
                send_bytes(self._connection, data)
            reply = self._receive_reply(deadline)
        except TimeoutError:
            raise ObjectiveNotFound(
                f"objective {objective.name!r}: loading it took longer than {timeout:g} s"
            ) from None
        except ConnectionClosed:
            self._loading = False
            raise ObjectiveNotFound(
                f"objective {objective.name!r}: the process that loads it {self._close()}"
            ) from None
        self._connection.settimeout(None)
        if "error" in reply:
            details = f"\n{reply['traceback']}" if reply["traceback"] else ""
            raise ObjectiveNotFound(printable_paragraph(reply["error"] + details))
        self.against_fork, self.warnings = reply["against_fork"], reply["warnings"]
        self._loading = False

    def _receive_reply(self, deadline: float) -> dict[str, Any]:
        """Wait in short turns: a thread can be told to give up only between them."""
        while not select.select([self._connection], [], [], _WAIT)[0]:
            if time.monotonic() >= deadline:
                raise TimeoutError
        reply: dict[str, Any] = receive_frame(self._connection)[0]
        return reply

    def send(self, command: dict[str, Any], descriptors: Sequence[int] = ()) -> None:
        """Send a command; the caller sees to it that one thread sends at a time."""
        send_frame(self._connection, command, descriptors)

    def is_gone(self) -> bool:
        """Whether the process has ended, or is about to."""
        # The connection closes some moments before there is an exit status.
        return self._process.returncode is not None or self._connection_is_closed()

    def _connection_is_closed(self) -> bool:
        try:
            return self._connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True

    def hang_up(self) -> None:
        """Close the connection, on which the server kills what still runs and exits."""
        with self._closing:
            if self._loading and self._process.returncode is None:
                # It does not read from the connection, and may have started whatever it likes.
                kill_tree(self._process.pid, signal.SIGKILL)
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)  # Wakes a thread that waits for a reply.

    def close(self) -> None:
        """Hang up and wait for the end, of what the objective's module started as well."""
        self._close()

    def _close(self) -> str:
        """Close, and tell how the process ended, or that it would not."""
        pid = self._process.pid
        with self._closing:
            if self._process.returncode is not None:
                return describe_exit(self._process.returncode)
            self.hang_up()
            self._connection.close()
            deadline = time.monotonic() + _EXIT_TIMEOUT
            while not (ended := self._has_ended()) and time.monotonic() < deadline:
                time.sleep(_EXIT_POLL)
            if not ended:  # With what has left its group.
                kill_tree(pid, signal.SIGKILL)
            # It is not reaped yet, so that its number is nobody else's. Of its group may be left
            # what the objective's module started when it was imported.
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            code = self._process.wait()
            return describe_exit(code) if ended else "had to be killed"

    def _has_ended(self) -> bool:
        flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self._process.pid, flags) is not None


def _interpreter() -> list[str]:
    """Python with the options of this process, such as `-O`, `-W error` and `-X utf8`."""
    options: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    # `-P`: what lies in the working directory must not hide the standard library.
    return [sys.executable, *options, "-P"]


def _header(
    objective: ObjectiveSpec, places: Sequence[Mapping[str, str]], load_in_each_trial: bool
) -> dict[str, Any]:
    binary = (bytes, bytearray)
    data = {key: value for key, value in vars(objective).items() if not isinstance(value, binary)}
    return {**data, "places": list(places), "load_in_each_trial": load_in_each_trial}
