"""The flow's end of one fork server: its process, and the connection to it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from prefect_tuner.errors import ObjectiveNotFound, TunerError
from prefect_tuner.printable_text import printable_paragraph
from prefect_tuner.tasks.objective import ObjectiveSpec
from prefect_tuner.tasks.process_tree import describe_exit, kill_tree
from prefect_tuner.tasks.wire import ConnectionClosed, receive_frame, send_bytes, send_frame

_PROGRAM = "prefect_tuner.tasks.fork_server_main"
_EXIT_TIMEOUT = 2.0
_EXIT_POLL = 0.005


class ForkServerProcess:
    """A fork server's process, as the flow's process sees it.

    Raises:
        TunerError: The system is not Linux, which alone kills a trial's processes for sure.

    Attributes:
        threads: How many threads importing the objective left running there.
    """

    def __init__(self) -> None:
        if sys.platform != "linux":
            raise TunerError(
                f"trials run on Linux, this is {sys.platform}: use a worker or a container with "
                "Linux, or WSL on Windows"
            )
        self.threads = 0
        self._loading = False
        self._closing = threading.RLock()
        self._connection, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                # `-P`: what lies in the working directory must not hide the standard library.
                [sys.executable, "-P", "-m", _PROGRAM, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C in a terminal must not reach it.
            )

    def load(self, objective: ObjectiveSpec, timeout: float, load_in_each_trial: bool) -> None:
        """Have the objective loaded there.

        Raises:
            ObjectiveNotFound: It cannot be loaded.
        """
        header = {**asdict(objective), "load_in_each_trial": load_in_each_trial}
        pickled = header.pop("pickled")
        self._connection.settimeout(timeout)
        self._loading = True
        try:
            send_frame(self._connection, header)
            send_bytes(self._connection, pickled)
            reply, _ = receive_frame(self._connection)
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
        self.threads = reply["threads"]
        self._loading = False

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
            # It is not reaped yet, so that its number is nobody else's. Of its group may be left
            # what the objective's module started when it was imported.
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            code = self._process.wait()
            return describe_exit(code) if ended else "had to be killed"

    def _has_ended(self) -> bool:
        flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self._process.pid, flags) is not None
