"""The set-ups of a Prefect server that are measured: SQLite, PostgreSQL, PostgreSQL with Redis."""

from __future__ import annotations

import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks.server.processes import Processes, finish, free_port, is_listening, user_group

REPOSITORY = Path(__file__).parents[2]
API_WORKERS = 2
_PREFECT = (sys.executable, "-m", "prefect")


@dataclass(frozen=True)
class Server:
    """A Prefect server that runs.

    Attributes:
        api_url: Where it is.
        environment: All of the environment that its clients need.
        processes: What it consists of.
    """

    api_url: str
    environment: Mapping[str, str]
    processes: Processes


@dataclass(frozen=True)
class Setup:
    """A way to run Prefect's server.

    Attributes:
        title: What the tables call it.
        to_install: Says what it lacks here, and how to get it; empty if nothing.
        started: Starts it with further settings of the server, and stops it.
    """

    title: str
    to_install: Callable[[], str]
    started: Callable[[Mapping[str, str]], AbstractContextManager[Server]]


@contextmanager
def _sqlite(settings: Mapping[str, str]) -> Iterator[Server]:
    with _folder() as folder, Processes(folder) as processes:
        yield _start_api(processes, _environment(folder, settings), [])


@contextmanager
def _postgres(settings: Mapping[str, str]) -> Iterator[Server]:
    with _folder() as folder, Processes(folder) as processes, ExitStack() as stack:
        database = _start_postgres(processes, stack)
        yield _start_api(processes, _environment(folder, {**database, **settings}), [])


@contextmanager
def _postgres_and_redis(settings: Mapping[str, str]) -> Iterator[Server]:
    with _folder() as folder, Processes(folder) as processes, ExitStack() as stack:
        database = _start_postgres(processes, stack)
        messaging = _start_redis(processes, folder)
        environment = _environment(folder, {**database, **messaging, **settings})
        finish([*_PREFECT, "server", "database", "upgrade", "-y"], environment)
        # Several processes would race to do these, and end with an error.
        environment["PREFECT_API_DATABASE_MIGRATE_ON_START"] = "false"
        environment["PREFECT_SERVER_REGISTER_BLOCKS_ON_START"] = "false"
        services = [*_PREFECT, "server", "services", "start"]
        processes.start("services", services, environment)
        workers = ["--no-services", "--workers", str(API_WORKERS)]
        yield _start_api(processes, environment, workers)


def _lacks_nothing() -> str:
    return ""


def _lacks_postgres() -> str:
    if _postgres_programs() is None:
        return "apt-get install postgresql"
    if importlib.util.find_spec("asyncpg") is None:
        return "pip install asyncpg"
    return ""


def _lacks_postgres_or_redis() -> str:
    lacking = [_lacks_postgres()]
    if shutil.which("redis-server") is None:
        lacking.append("apt-get install redis-server")
    if importlib.util.find_spec("prefect_redis") is None:
        lacking.append("pip install prefect-redis")
    return "; ".join(filter(None, lacking))


SETUPS: Mapping[str, Setup] = {
    "sqlite": Setup("SQLite", _lacks_nothing, _sqlite),
    "postgres": Setup("PostgreSQL", _lacks_postgres, _postgres),
    "redis": Setup("PostgreSQL, Redis", _lacks_postgres_or_redis, _postgres_and_redis),
}


def _environment(folder: Path, settings: Mapping[str, str]) -> dict[str, str]:
    """Of the server and its clients: nothing of another Prefect's settings is left."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("PREFECT_")}
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join([str(REPOSITORY), *sys.path]),
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_UI_ENABLED": "false",
        # Each answer of 503 is then an error in the server's log.
        "PREFECT_SERVER_LOG_RETRYABLE_ERRORS": "true",
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "WARNING",
        **settings,
    }


def _start_api(processes: Processes, environment: dict[str, str], options: list[str]) -> Server:
    port = free_port()
    command = [*_PREFECT, "server", "start", "--host", "127.0.0.1", "--port", str(port), *options]
    processes.start("api", command, environment)
    api_url = f"http://127.0.0.1:{port}/api"
    processes.await_ready("The Prefect server", lambda: _is_healthy(api_url))
    return Server(api_url, {**environment, "PREFECT_API_URL": api_url}, processes)


def _is_healthy(api_url: str) -> bool:
    try:
        return httpx.get(f"{api_url}/health", timeout=5.0).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def _start_postgres(processes: Processes, stack: ExitStack) -> dict[str, str]:
    """PostgreSQL with its own settings, but for where it listens; what Prefect needs for it."""
    programs = _postgres_programs()
    if programs is None:
        raise RuntimeError(f"there is no PostgreSQL: {_lacks_postgres()}")
    user = _unprivileged_user()
    # Not in the folder of the others, which the user may not enter.
    folder = stack.enter_context(_folder())
    password, port = secrets.token_hex(16), free_port()
    (folder / "password").write_text(password)
    if user is not None:
        for path in (folder, folder / "password"):
            os.chown(path, pwd.getpwnam(user).pw_uid, user_group(user))
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
    data = str(folder / "data")
    options = ["--username", "prefect", "--pwfile", str(folder / "password")]
    made = [str(programs / "initdb"), "--pgdata", data, "--auth", "scram-sha-256", *options]
    finish(made, environment, user)
    command = [str(programs / "postgres"), "-D", data, "-p", str(port), "-k", str(folder)]
    processes.start(
        "postgres",
        [*command, "-c", "listen_addresses=127.0.0.1"],
        environment,
        user=user,
        stop_signal=signal.SIGINT,  # Its fast shutdown, which does not wait for clients.
    )
    probe = [str(programs / "pg_isready"), "--quiet", "--host", "127.0.0.1", "--port", str(port)]
    processes.await_ready("PostgreSQL", lambda: not subprocess.call(probe))
    url = f"postgresql+asyncpg://prefect:{password}@127.0.0.1:{port}/postgres"
    return {"PREFECT_API_DATABASE_CONNECTION_URL": url}


def _postgres_programs() -> Path | None:
    """Debian's folder of the newest PostgreSQL, which is on no `PATH`."""
    found = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = max(found, key=lambda path: float(path.parts[-3]), default=None)
    return None if newest is None else newest.parent


def _unprivileged_user() -> str | None:
    """Whom to run PostgreSQL as, which root may not; None for who runs this."""
    if os.geteuid() != 0:
        return None
    return "postgres" if any(user.pw_name == "postgres" for user in pwd.getpwall()) else "nobody"


def _start_redis(processes: Processes, folder: Path) -> dict[str, str]:
    """Redis that keeps nothing on disk; what Prefect needs for it."""
    port = free_port()
    where = ["--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder)]
    command = ["redis-server", *where, "--save", "", "--appendonly", "no"]
    processes.start("redis", command, dict(os.environ))
    processes.await_ready("Redis", lambda: is_listening(port))
    return {
        "PREFECT_MESSAGING_BROKER": "prefect_redis.messaging",
        "PREFECT_MESSAGING_CACHE": "prefect_redis.messaging",
        "PREFECT_SERVER_EVENTS_CAUSAL_ORDERING": "prefect_redis.ordering",
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect_redis.lease_storage",
        "PREFECT_REDIS_MESSAGING_HOST": "127.0.0.1",
        "PREFECT_REDIS_MESSAGING_PORT": str(port),
        "PREFECT_REDIS_MESSAGING_DB": "0",
        "PREFECT_SERVER_DOCKET_URL": f"redis://127.0.0.1:{port}/1",
    }


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="prefect-tuner-server-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
