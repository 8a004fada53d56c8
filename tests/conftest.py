"""What all tests share: one Prefect server, started when the first test asks for it."""

from __future__ import annotations

import gc
import logging
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.plug_in_installation import PACKAGE, install
from tests.prefect_server import PrefectServer

if TYPE_CHECKING:
    from tests.flows.command_processes import Command

# What is collected stays until the end: looking through all of it for garbage, again and again,
# takes a fifth of the time.
gc.disable()

pytest.register_assert_rewrite("prefect_tuner.testing", "tests.flows.storage")

# Before anything imports Prefect, which reads its settings then: no test ever talks to the
# server, the profile or the database of whoever runs the tests.
_SERVER = PrefectServer()
_SERVER.take_over(os.environ)

# A report takes seconds of a processor at the end of each study; those that test it ask for it.
os.environ["PREFECT_TUNER_REPORTS"] = "0"

# Whoever runs the tests in the background may have them ignore Ctrl-C, which their programs would
# inherit.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A time limit for each single example would measure what else the machine is doing.
settings.register_profile("no time limit", deadline=None)
settings.load_profile("no time limit")

_SLOW_TIMEOUT = 400
"""Seconds for a test that takes more than ten on a machine that does nothing else."""

_MISSING_FOR_BROWSER_TESTS = [
    program for program in ("chromium", "chromedriver") if shutil.which(program) is None
]


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[PrefectServer]:
    """The running Prefect server that this process and its children talk to."""
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    # The thread that sends heartbeats is asked once a second whether its flow run has ended, and
    # every flow run of this process would wait for it.
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}), _SERVER as server:
        yield server


@pytest.fixture(autouse=True)
def ledgers(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of this test's own for ledgers: its studies are not those of another."""
    folder = tmp_path_factory.mktemp("ledgers")
    monkeypatch.setenv("PREFECT_TUNER_STORAGE", str(folder))
    return folder


@pytest.fixture
def tuner(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Command]:
    """The command, called in this process on a terminal of 120 columns.

    A command that runs a study expects to be all that its process does: it ignores Ctrl-C once it
    is through, and shows warnings alone, which the programs of later tests would inherit.
    """
    from prefect_tuner.flows.commands.command_line import main
    from tests.flows.command_processes import Told

    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv("COLUMNS", "120")
    signals = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    filters = {handler: [*handler.filters] for handler in logging.getLogger().handlers}

    def command(*arguments: str) -> Told:
        return Told(main(arguments), *capfd.readouterr())

    yield command
    for number, what_to_do in signals.items():
        signal.signal(number, what_to_do)
    for handler, of_before in filters.items():
        handler.filters[:] = of_before
    os.environ.pop("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", None)


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the plug-in package installed, for a search path."""
    # The build leaves files beside the source, hence a copy.
    source = shutil.copytree(PACKAGE, tmp_path_factory.mktemp("source") / "plug in")
    target = tmp_path_factory.mktemp("site packages")
    install(source, target)
    return target


@pytest.fixture
def plug_in(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plug-in package, where this process finds it."""
    monkeypatch.syspath_prepend(installed)


def pytest_report_header() -> str | None:
    if not _MISSING_FOR_BROWSER_TESTS:
        return None
    return f"browser tests are skipped: no {' and no '.join(_MISSING_FOR_BROWSER_TESTS)} here"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "prefect_server" in getattr(item, "fixturenames", ()):
            item.add_marker("server")
        if item.get_closest_marker("slow") is not None and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(_SLOW_TIMEOUT))
    # First what takes long: at the end, one worker would be at it while the others have none.
    slow = {item.path for item in items if item.get_closest_marker("slow") is not None}
    items.sort(key=lambda item: item.path not in slow)


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("browser") is not None and _MISSING_FOR_BROWSER_TESTS:
        pytest.skip(f"no {' and no '.join(_MISSING_FOR_BROWSER_TESTS)} here")


def pytest_unconfigure() -> None:
    _SERVER.remove()
