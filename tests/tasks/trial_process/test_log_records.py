"""What the objective logs: in its own files as in a plain run, and in the trial's log."""

from __future__ import annotations

import logging
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.tasks.attempts import attempt
from tests.tasks.modules import launched, write_module

DEBUG, INFO, WARNING = logging.DEBUG, logging.INFO, logging.WARNING

LOGS = """
    logging.getLogger("mine").debug("steps")
    logging.getLogger("mine").info("epoch done")
    logging.getLogger("mine").warning("careful")
    return 1.0
"""

SETS_UP = {
    "nothing": ("pass", [INFO, WARNING]),
    "a file": ("logging.basicConfig(filename=FILE)", [INFO, WARNING]),
    "a file with all": ("logging.basicConfig(filename=FILE, level='DEBUG')", [INFO, WARNING]),
    "a file by force": (
        "logging.basicConfig(filename=FILE, level='INFO', force=True)",
        [INFO, WARNING],
    ),
    "a file and the terminal": (
        """
        logging.basicConfig(
            handlers=[logging.FileHandler(FILE), logging.StreamHandler()], level='DEBUG'
        )
        """,
        [DEBUG, INFO, WARNING],
    ),
    "a terminal that hears less than the file": (
        """
        terminal = logging.StreamHandler()
        terminal.setLevel('WARNING')
        logging.basicConfig(handlers=[logging.FileHandler(FILE), terminal], level='DEBUG')
        """,
        [WARNING],
    ),
    "a filter at the terminal": (
        """
        terminal = logging.StreamHandler()
        terminal.addFilter(lambda record: record.msg != 'careful')
        logging.basicConfig(handlers=[terminal], level='INFO')
        """,
        [INFO],
    ),
    "a file, where there is none": (
        """
        logger = logging.getLogger("mine")
        if not logger.hasHandlers():
            logger.addHandler(logging.FileHandler(FILE))
            logger.setLevel("DEBUG")
        """,
        [INFO, WARNING],
    ),
    "a file of the root, where there is none": (
        """
        if not logging.getLogger().handlers:
            logging.getLogger().addHandler(logging.FileHandler(FILE))
        """,
        [INFO, WARNING],
    ),
    "a logger that keeps to itself": (
        """
        logger = logging.getLogger("mine")
        logger.addHandler(logging.FileHandler(FILE))
        logger.propagate = False
        """,
        [],
    ),
    "a dictionary": (
        """
        import logging.config
        logging.config.dictConfig({
            "version": 1,
            "handlers": {"file": {"class": "logging.FileHandler", "filename": FILE}},
            "root": {"level": "DEBUG", "handlers": ["file"]},
        })
        """,
        [INFO, WARNING],
    ),
    "somebody who watches": (
        """
        handed_on = logging.Logger.callHandlers
        def watch(logger, record):
            with open(FILE, "a") as file:
                print(record.levelname, file=file)
            handed_on(logger, record)
        logging.Logger.callHandlers = watch
        """,
        None,
    ),
}
"""How logging is set up, and the levels of what is in the trial's log then."""


@pytest.mark.parametrize("where", ["in the objective", "in the module"])
@pytest.mark.parametrize("sets_up", SETS_UP)
def test_what_a_program_logs_is_in_its_files_as_in_a_plain_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sets_up: str, where: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, levels = SETS_UP[sets_up]
    indent = 4 if where == "in the objective" else 0
    lines = [" " * indent + line for line in textwrap.dedent(code).strip().splitlines()]
    setup = "\n".join(lines)
    head = "import logging\nFILE = 'log.txt'\n"
    if where == "in the objective":
        source = f"{head}def train(params):\n{setup}\n{LOGS}"
    else:
        source = f"{head}{setup}\ndef train(params):\n{LOGS}"
    module = write_module(tmp_path, source)
    expected = _log_of_plain_run(tmp_path)

    with launched(module) as launcher:
        done = attempt(launcher)
    assert done.report.metric == 1.0
    file = tmp_path / "log.txt"
    logged = file.read_text() if file.exists() else ""
    if levels is None:  # It sees what is logged for the trial as well.
        assert expected in logged
    else:
        assert logged == expected
        assert [level for level, _ in done.log] == levels
        assert all("mine: " in line for line in done.lines)


def _log_of_plain_run(folder: Path) -> str:
    command = [sys.executable, "-c", "import training; training.train({})"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    file = folder / "log.txt"
    logged = file.read_text() if file.exists() else ""
    file.unlink(missing_ok=True)
    return logged
