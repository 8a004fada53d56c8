"""A real Prefect server for one test session, apart from everything the developer runs.

Importing this imports no Prefect, so that tests that need none stay quick.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator, MutableMapping
from contextlib import closing, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.error import URLError
from urllib.request import urlopen

import certifi

from tests.polling import eventually

# The server and this shell are one process group. The shell's input is a pipe that only the
# test session holds: it closes when the session ends, however it ends (a SIGKILL, too), and then
# the whole group goes. It goes as well, and the session sees it, when the server stops by itself.
_UNTIL_INPUT_CLOSES = '("$@"; kill -KILL 0) & cat; kill -KILL 0'

_START_SECONDS = 120.0

_MIGRATED = "TESTS_OF_TUNER_MIGRATED_DATABASE"
_AS_IT_IS = {
    # A look at all of Prefect's migrations, to find that none is left to be made.
    "PREFECT_SERVER_DATABASE_MIGRATE_ON_START": "false",
    # The same for blocks.
    "PREFECT_SERVER_REGISTER_BLOCKS_ON_START": "false",
}
"""For a server that begins with a database that another one has begun with."""


class PrefectServer:
    """A server of its own: own port, own `PREFECT_HOME`, own SQLite, and the UI.

    The port is taken when the object is made, so that `environment` is settled before Prefect
    is imported anywhere; the server itself starts with `with`.

    Args:
        database: URL of the server's database, in the place of its own.

    Attributes:
        port: Where it listens on this machine.
        home: The `PREFECT_HOME` of the server and of the session.
        ui_url: Where the UI is, without a slash at the end.
        api_url: What `PREFECT_API_URL` is.
    """

    def __init__(self, database: str = "") -> None:
        self._database = {"PREFECT_API_DATABASE_CONNECTION_URL": database} if database else {}
        self._taken = socket.socket()
        self._taken.bind(("127.0.0.1", 0))
        self.port: int = self._taken.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None
        self.home = Path(tempfile.mkdtemp(prefix="prefect-tuner-tests-"))
        self.ui_url = f"http://127.0.0.1:{self.port}"
        self.api_url = f"{self.ui_url}/api"

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs in its environment to talk to this server and to no other."""
        return {
            "PREFECT_HOME": str(self.home),
            "PREFECT_API_URL": self.api_url,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
        }

    def take_over(self, environment: MutableMapping[str, str]) -> None:
        """Point `environment` at this server, with nothing left of another Prefect's settings."""
        for name in [name for name in environment if name.startswith("PREFECT_")]:
            del environment[name]
        environment.update(self.environment)
        # The workers of a session inherit it, and each starts a server of its own.
        environment.setdefault(_MIGRATED, str(self.home / "migrated"))
        if "SSL_CERT_FILE" not in environment:
            environment["SSL_CERT_FILE"] = str(self._one_certificate())

    def _one_certificate(self) -> Path:
        """A certificate authority, in the place of all of them.

        A process that imports Prefect, and each client in it, reads all that it trusts, which takes
        a twentieth of its time. No test talks to a server that has to be trusted.
        """
        all_of_them = Path(certifi.where()).read_text("utf-8")
        first, end, _ = all_of_them.partition("-----END CERTIFICATE-----")
        file = self.home / "certificates.pem"
        file.write_text(f"{first}{end}\n", "utf-8")
        return file

    def __enter__(self) -> Self:
        self.start()
        return self

    def start(self) -> None:
        """Start it, once more after `kill`: same port, same database. It is healthy on return."""
        self._taken.close()
        with self._migrated_database() as is_migrated:
            self._start(_AS_IT_IS if is_migrated else {})

    def _start(self, settings: dict[str, str]) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                ["sh", "-c", _UNTIL_INPUT_CLOSES, "server", *self._command],
                cwd=self.home,
                env={
                    **os.environ,
                    **self.environment,
                    **self._database,
                    **settings,
                    "PREFECT_SERVER_UI_API_URL": self.api_url,
                    # By default the UI's files are written into the installed Prefect, which
                    # another session may be using.
                    "PREFECT_SERVER_UI_STATIC_DIRECTORY": str(self.home / "ui"),
                    # To remember whether it has registered its blocks, it would import Prefect's
                    # packages for Kubernetes, Dask and Ray, which take three seconds.
                    "PREFECT_SERVER_MEMOIZE_BLOCK_AUTO_REGISTRATION": "false",
                    # They look at the database every five seconds, for what is in no test.
                    "PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED": "false",
                    "PREFECT_SERVER_SERVICES_PAUSE_EXPIRATIONS_ENABLED": "false",
                },
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            eventually(self._assert_healthy, timeout=_START_SECONDS)
        except BaseException:
            self._stop()
            raise

    @contextmanager
    def _migrated_database(self) -> Iterator[bool]:
        """Begin with the database that another server of the session has begun with.

        All of Prefect's migrations, on an empty one, take half of what a start does. The first
        server makes them while others wait, and leaves a copy of what they have come to.

        Yields:
            Whether the database is as one that a server has begun with.
        """
        database = self.home / "prefect.db"
        if _MIGRATED not in os.environ or self._database or database.exists():
            yield database.exists()
            return
        migrated = Path(os.environ[_MIGRATED])
        migrated.mkdir(parents=True, exist_ok=True)
        whole = migrated / database.name
        with (migrated / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            is_there = whole.exists()
            if not is_there:
                yield False
                part = whole.with_suffix(".part")
                with (
                    closing(sqlite3.connect(database)) as made,
                    closing(sqlite3.connect(part)) as to,
                ):
                    made.backup(to)
                part.rename(whole)
        if is_there:
            shutil.copy(whole, database)
            yield True

    def kill(self) -> None:
        """Have it vanish, as in a loss of power."""
        self._signal(signal.SIGKILL)
        if self._process is not None and self._process.stdin is not None:
            self._process.wait()
            self._process.stdin.close()

    def freeze(self) -> None:
        """Have it take connections and answer nothing, until `thaw`."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Have it go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, number)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # What this process still has to tell the server, it tells now; later it would complain
        # that nobody listens.
        from prefect.events.worker import EventsWorker
        from prefect.logging.handlers import APILogWorker

        APILogWorker.drain_all(timeout=10)
        EventsWorker.drain_all(timeout=10)
        self._stop()

    def remove(self) -> None:
        """Remove what is left on disk."""
        self._taken.close()
        shutil.rmtree(self.home, ignore_errors=True)

    def _stop(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            self._process.wait()

    def _assert_healthy(self) -> None:
        process = self._process
        if process is None or process.poll() is not None:
            raise RuntimeError(f"The Prefect server stopped while starting:\n{self._log_tail()}")
        try:
            with urlopen(f"{self.api_url}/health", timeout=5) as response:
                assert response.status == 200
        except (URLError, OSError) as error:
            raise AssertionError(
                f"No Prefect server at {self.api_url}: {error}\n{self._log_tail()}"
            ) from error

    @property
    def _command(self) -> list[str]:
        prefect = [sys.executable, "-m", "prefect"]
        return [*prefect, "server", "start", "--host", "127.0.0.1", "--port", str(self.port)]

    @property
    def _log(self) -> Path:
        return self.home / "server.log"

    def _log_tail(self) -> str:
        return self._log.read_text(errors="replace")[-4000:]
