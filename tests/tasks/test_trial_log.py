"""What a trial prints and logs is in its log, bounded in volume."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator

import pytest

from prefect_tuner import Outcome
from prefect_tuner.tasks.launcher import Launcher
from prefect_tuner.tasks.log_relay import HEAD_LINES, LINE_LENGTH, TAIL_LINES
from tests.tasks.attempts import attempt, launcher_for

INFO, WARNING, ERROR = logging.INFO, logging.WARNING, logging.ERROR


@pytest.fixture(scope="module")
def printing() -> Iterator[Launcher]:
    launcher = launcher_for("tests.tasks.printing:by_name")
    launcher.load()
    yield launcher
    launcher.stop()


def test_prints_records_and_warnings_are_in_the_log_with_their_levels(
    printing: Launcher,
) -> None:
    log = attempt(printing, "everything").log
    assert sorted(log) == sorted(
        [
            (INFO, "printed"),
            (INFO, "to the error stream"),
            (INFO, "mine: logged 1"),
            (ERROR, "mine: logged as error"),
            (WARNING, next(line for _, line in log if "UserWarning: careful" in line)),
            (WARNING, '  warnings.warn("careful", stacklevel=1)'),
            (INFO, "said"),
            (WARNING, "said as warning"),
            (INFO, "42"),
        ]
    )


def test_lines_of_one_kind_keep_their_order(printing: Launcher) -> None:
    lines = attempt(printing, "everything").lines
    assert lines.index("mine: logged 1") < lines.index("said") < lines.index("42")
    assert lines.index("printed") < lines.index("to the error stream")


def test_a_logged_exception_comes_with_its_traceback(printing: Launcher) -> None:
    log = attempt(printing, "logs_an_exception").log
    assert log[0] == (ERROR, "mine: it failed")
    assert log[-1] == (ERROR, "ValueError: could not convert string to float: 'x'")


def test_a_record_that_cannot_be_formatted_does_not_fail_the_trial(printing: Launcher) -> None:
    run = attempt(printing, "logs_badly")
    assert run.report.outcome is Outcome.COMPLETED
    assert any("not a number" in line for line in run.lines)


def test_of_50_megabytes_the_first_and_the_last_lines_are_kept(printing: Launcher) -> None:
    cpu = time.process_time()
    run = attempt(printing, "prints_much")
    cpu = time.process_time() - cpu
    assert run.report.metric == 1.0
    assert [line[:11] for line in run.lines] == [
        *(f"line {number:06}" for number in range(HEAD_LINES)),
        f"… {500_000 - HEAD_LINES - TAIL_LINES:,} l",
        *(f"line {number:06}" for number in range(500_000 - TAIL_LINES, 500_000)),
    ]
    assert run.log[HEAD_LINES] == (WARNING, "… 499,750 lines left out …")
    assert cpu < 5  # Of the flow's process, which has other trials to watch.


def test_a_line_of_10_megabytes_is_cut(printing: Launcher) -> None:
    assert attempt(printing, "prints_one_long_line").lines == ["x" * LINE_LENGTH + "…", "after it"]


def test_of_10_000_records_the_first_and_the_last_are_kept(printing: Launcher) -> None:
    lines = attempt(printing, "logs_much").lines
    assert lines[:HEAD_LINES] == [f"record {number}" for number in range(HEAD_LINES)]
    assert lines[HEAD_LINES] == "… 9,750 lines left out …"
    assert lines[HEAD_LINES + 1 :] == [f"record {n}" for n in range(10_000 - TAIL_LINES, 10_000)]


def test_control_characters_and_colours_are_not_in_the_log(printing: Launcher) -> None:
    assert attempt(printing, "prints_control_characters").lines == [
        "bold red �bell� tab\there",
        "no � utf-8",
        "a lone surrogate \\udcff, and ü",
    ]


def test_of_a_progress_bar_the_last_state_is_shown(printing: Launcher) -> None:
    assert attempt(printing, "shows_progress").lines == ["100% " + "#" * 100]


def test_processes_that_a_trial_forks_log_with_it(printing: Launcher) -> None:
    lines = attempt(printing, "logs_from_a_child").lines
    assert lines == ["child: from the child", "also from the child"]


def test_a_last_line_without_an_end_is_in_the_log(printing: Launcher) -> None:
    assert attempt(printing, "prints_without_end").lines == ["no end of line"]


def test_what_a_trial_printed_before_it_died_is_in_the_log(printing: Launcher) -> None:
    run = attempt(printing, "dies_while_it_prints")
    assert run.report.outcome is Outcome.CRASHED
    assert run.lines == ["before", "unfinished"]
