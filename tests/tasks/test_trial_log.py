"""What a trial prints and logs is in its log, bounded in volume."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator

import pytest

from prefect_tuner import Outcome
from prefect_tuner.tasks.processes.launcher import Launcher
from prefect_tuner.tasks.processes.log_relay import HEAD_LINES, LINE_LENGTH, TAIL_LINES
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
    assert_bounded(run.lines, 500_000, "line {:06}")
    assert cpu < 5  # Of the flow's process, which has other trials to watch.


def assert_bounded(lines: list[str], printed: int, form: str) -> None:
    """The first and the last lines are there, some of those between, and the rest is counted."""
    shown = [line for line in lines if not line.startswith("…")]
    if ":" in form:
        shown = [line[: len(form.format(0))] for line in shown]
    left_out = [int(line.split()[1].replace(",", "")) for line in lines if line.startswith("…")]
    assert shown[:HEAD_LINES] == [form.format(n) for n in range(HEAD_LINES)]
    assert shown[-TAIL_LINES:] == [form.format(n) for n in range(printed - TAIL_LINES, printed)]
    assert len(shown) + sum(left_out) == printed
    assert len(shown) < 2 * (HEAD_LINES + TAIL_LINES)


def test_a_line_of_10_megabytes_is_cut(printing: Launcher) -> None:
    assert attempt(printing, "prints_one_long_line").lines == ["x" * LINE_LENGTH + "…", "after it"]


def test_of_10_000_records_the_first_and_the_last_are_kept(printing: Launcher) -> None:
    assert_bounded(attempt(printing, "logs_much").lines, 10_000, "record {}")


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
