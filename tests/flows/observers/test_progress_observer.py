"""The live bar, and the lines where there is no terminal."""

from __future__ import annotations

import io
import logging
import re
import sys
from dataclasses import replace

import pytest
from prefect.logging.handlers import PrefectConsoleHandler
from rich.console import Console

from prefect_tuner import (
    ProgressObserver,
    StudyFailed,
    TrialCompleted,
    TrialFailed,
    TrialStarted,
    TunerConfig,
    TuningCancelled,
    TuningEvent,
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
    *_, bar, below = terminal.lines
    assert below.endswith("running, 99 failed, best -0.975641 (trial 998)")
    assert "983/999" in bar
    assert max(len(bar), len(below)) + len("^C") <= 80


def test_the_bar_shows_trials_done_running_and_failed_and_the_best_metric() -> None:
    terminal = Terminal()
    observer = ProgressObserver(terminal, live=True)
    observer.notify(study_started("digits"))
    observer.notify(TrialStarted(completed(4, 0.9), Progress(asked=1, running=1)))
    state = Progress(asked=10, running=2, completed=7, failed=1, best_trial=BEST)
    observer.notify(TrialCompleted(BEST, state))
    observer.close()
    assert re.match(r"Study 'digits': maximize package\.module:train .*1", terminal.lines[0])
    *_, bar, below = terminal.lines
    assert re.search(r" 8/10 0:00:0\d$| 8/10 0:00:0\d 0:00:0\d left$", bar)
    assert below == f"2 running, 1 failed, {BEST_AS_TOLD}"
    assert len(bar) <= 78


def test_trials_that_were_stopped_with_the_study_are_not_done() -> None:
    terminal = Terminal()
    observer = ProgressObserver(terminal, live=True)
    observer.notify(study_started("digits"))
    state = Progress(asked=5, completed=2, failed=1)
    observer.notify(StudyFailed("digits", TuningCancelled("enough"), "enough", True, state))
    assert terminal.lines[-1] == "1 failed"
    assert " 3/10 " in terminal.lines[-2]


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
        f"0:00:12 3/10 trials, 1 running, {BEST_AS_TOLD}, about 0:00:26 left",
        f"0:01:15 5/10 trials, 1 failed, {BEST_AS_TOLD}",
    ]


def test_busy_workers_and_the_time_left_are_told_from_the_first_trial_that_has_ended() -> None:
    file, clock = File(), Clock()
    observer = ProgressObserver(file, clock=clock)
    started = study_started("digits")
    config = TunerConfig(max_trials=10, max_concurrency=4, max_duration=300.0)
    observer.notify(replace(started, config=config))

    def shown(at: float, event: TuningEvent) -> str:
        clock.now = at
        observer.notify(event)
        return file.lines[-1]

    def running(asked: int, completed: int, at: float) -> Progress:
        return Progress(elapsed=at, asked=asked, running=4, completed=completed, best_trial=BEST)

    assert shown(0.0, TrialStarted(BEST, running(4, 0, 0.0))).endswith(f"busy, {BEST_AS_TOLD}")
    ended = replace(completed(0, 0.5), duration=20.0)
    shown(20.0, TrialCompleted(ended, running(4, 1, 20.0)))
    # Nine are left, of which four have come halfway: by four at a time, 20 s each.
    assert shown(20.0, TrialStarted(BEST, running(5, 1, 20.0))) == (
        f"0:00:20 1/10 trials, 4 of 4 workers busy, {BEST_AS_TOLD}, about 0:00:35 left"
    )
    # Eight have taken 290 s, two are left: more than the budget has.
    assert shown(290.0, TrialStarted(BEST, running(10, 8, 290.0))).endswith("about 0:00:00 left")
    assert shown(285.0, TrialStarted(BEST, running(10, 6, 285.0))).endswith("about 0:00:00 left")


def test_the_bar_counts_the_time_left_down() -> None:
    terminal = Terminal()
    observer = ProgressObserver(terminal, live=True)
    observer.notify(study_started("digits"))
    ended = replace(completed(0, 0.5), duration=60.0)
    observer.notify(TrialCompleted(ended, Progress(elapsed=60.0, asked=1, completed=1)))
    observer.notify(
        TrialStarted(completed(1, 0.5), Progress(60.0, asked=2, running=1, completed=1))
    )
    observer.close()
    assert re.search(r" 1/10 0:00:0\d 0:08:(30|2\d) left$", terminal.lines[-2])


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
