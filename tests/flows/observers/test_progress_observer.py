"""The live bar, and the lines where there is no terminal."""

from __future__ import annotations

import io
import logging
import re
import sys

import pytest
from prefect.logging.handlers import PrefectConsoleHandler
from rich.console import Console

from prefect_tuner import (
    ProgressObserver,
    StudyFailed,
    TrialCompleted,
    TrialFailed,
    TrialStarted,
    TuningCancelled,
)
from prefect_tuner.flows.observers.progress_observer import LINE_INTERVAL, describe_progress
from prefect_tuner.flows.study.tuning_events import Progress
from tests.flows.studies import completed, failed, study_started

BEST_AS_TOLD = "best 0.975641 (trial 3)"

BEST = completed(3, 0.97564121)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Terminal(Console):
    """A terminal that remembers what was written to it."""

    def __init__(self, width: int = 80) -> None:
        self.written = io.StringIO()
        super().__init__(
            file=self.written, force_terminal=True, width=width, highlight=False, no_color=True
        )

    @property
    def lines(self) -> list[str]:
        """The lines written, each state of the bar one of them."""
        plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "\n", self.written.getvalue())
        return [line.strip() for line in re.split(r"[\r\n]+", plain) if line.strip()]


class File(Console):
    """A file that is written to."""

    def __init__(self) -> None:
        self.written = io.StringIO()
        super().__init__(file=self.written, highlight=False, width=80)

    @property
    def lines(self) -> list[str]:
        return self.written.getvalue().splitlines()


def test_progress_is_told_in_few_words() -> None:
    assert describe_progress(Progress()) == ""
    assert describe_progress(Progress(asked=2, running=2)) == "2 running"
    full = Progress(asked=9, running=2, completed=6, failed=1, best_trial=BEST)
    assert describe_progress(full) == f"2 running, 1 failed, {BEST_AS_TOLD}"


def test_a_long_status_leaves_room_for_the_echo_of_ctrl_c() -> None:
    terminal = Terminal(width=80)
    observer = ProgressObserver(terminal, live=True)
    observer.notify(study_started("digits", max_trials=999))
    best = completed(998, -0.97564121)
    state = Progress(asked=999, running=16, completed=884, failed=99, best_trial=best)
    observer.notify(TrialCompleted(best, state))
    observer.close()
    assert terminal.lines[-1].endswith("16 running, 99 failed, best -0.975641 (trial 998)")
    assert len(terminal.lines[-1]) + len("^C") <= 80


def test_the_bar_shows_trials_done_running_and_failed_and_the_best_metric() -> None:
    terminal = Terminal()
    observer = ProgressObserver(terminal, live=True)
    observer.notify(study_started("digits"))
    observer.notify(TrialStarted(completed(4, 0.9), Progress(asked=1, running=1)))
    state = Progress(asked=10, running=2, completed=7, failed=1, best_trial=BEST)
    observer.notify(TrialCompleted(BEST, state))
    observer.close()
    assert re.match(r"Study 'digits': maximize package\.module:train .*1", terminal.lines[0])
    bar = terminal.lines[-1]
    assert re.search(rf" 8/10 0:00:0\d 2 running, 1 failed, {re.escape(BEST_AS_TOLD)}$", bar)
    assert len(bar) <= 78


def test_trials_that_were_stopped_with_the_study_are_not_done() -> None:
    terminal = Terminal()
    observer = ProgressObserver(terminal, live=True)
    observer.notify(study_started("digits"))
    state = Progress(asked=5, completed=2, failed=1)
    observer.notify(StudyFailed("digits", TuningCancelled("enough"), "enough", True, state))
    assert " 3/10 " in terminal.lines[-1]


def test_what_is_logged_and_printed_goes_above_the_bar(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = Terminal()
    elsewhere = io.StringIO()
    handler = PrefectConsoleHandler(stream=elsewhere)
    monkeypatch.setattr(logging.getLogger(), "handlers", [handler])
    observer = ProgressObserver(terminal, live=True)
    observer.notify(study_started("digits"))
    logging.getLogger("somebody").warning("The cat sat on the [mat]")
    sys.stderr.write("printed\n")
    observer.close()
    assert "The cat sat on the [mat]" in terminal.lines
    assert "printed" in terminal.lines
    assert elsewhere.getvalue() == ""
    logging.getLogger("somebody").warning("afterwards")
    assert elsewhere.getvalue() == "afterwards\n"


def test_a_file_gets_a_line_at_the_start_then_at_intervals_then_at_the_end() -> None:
    file, clock = File(), Clock()
    observer = ProgressObserver(file, clock=clock)
    observer.notify(study_started("digits"))

    def start(number: int, at: float) -> None:
        clock.now = at
        state = Progress(elapsed=at, asked=number + 1, running=1, completed=number, best_trial=BEST)
        observer.notify(TrialStarted(completed(number, 0.5), state))

    start(0, 0.0)
    start(1, 0.4 * LINE_INTERVAL)
    start(2, 0.9 * LINE_INTERVAL)
    start(3, 1.2 * LINE_INTERVAL)
    start(4, 1.3 * LINE_INTERVAL)
    state = Progress(elapsed=75.0, asked=5, completed=4, failed=1, best_trial=BEST)
    observer.notify(TrialFailed(failed(4), state))
    observer.notify(StudyFailed("digits", TuningCancelled("enough"), "enough", True, state))
    assert file.lines[1:] == [
        f"0:00:00 0/10 trials, 1 running, {BEST_AS_TOLD}",
        f"0:00:12 3/10 trials, 1 running, {BEST_AS_TOLD}",
        f"0:01:15 5/10 trials, 1 failed, {BEST_AS_TOLD}",
    ]


def test_a_file_gets_lines_even_where_colour_is_forced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    file = File()
    observer = ProgressObserver(file)
    observer.notify(study_started("digits"))
    observer.notify(TrialStarted(completed(0, 0.5), Progress(asked=1, running=1)))
    observer.close()
    assert len(file.lines) == 2
    assert "━" not in file.written.getvalue()


def test_markup_in_a_name_is_shown_as_it_is() -> None:
    file = File()
    ProgressObserver(file).notify(study_started("[bold]x[/]"))
    assert file.lines[0].startswith("Study '[bold]x[/]': ")


def test_closing_twice_or_before_the_start_does_nothing() -> None:
    observer = ProgressObserver(File())
    observer.close()
    observer.notify(study_started("digits"))
    observer.close()
    observer.close()
