"""Shows a study on the terminal: a live bar, or plain lines where there is none."""

from __future__ import annotations

import io
import logging
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable
from datetime import timedelta
from statistics import mean
from typing import TextIO, cast

from prefect.logging.handlers import PrefectConsoleHandler
from rich import progress as rich_progress
from rich.console import Console, RenderableType
from rich.text import Text

from prefect_tuner.flows.observers.observer import TuningObserver
from prefect_tuner.flows.reports.plain_console import is_live, plain_console
from prefect_tuner.flows.reports.time_left import Pace
from prefect_tuner.flows.study.study_sentence import study_sentence
from prefect_tuner.flows.study.tuner_config import TunerConfig
from prefect_tuner.flows.study.tuning_events import (
    ConfirmationStarted,
    Progress,
    StudyCompleted,
    StudyFailed,
    StudyStarted,
    TrialCompleted,
    TrialFailed,
    TrialReevaluated,
    TrialStarted,
    TuningEvent,
)
from prefect_tuner.printable_text import shortened

LINE_INTERVAL = 10.0
"""Seconds between two lines where the bar cannot be shown."""


BESIDE_THE_BAR = 40
"""Columns of a terminal that the counts and times beside the bar take at the most."""

LATEST = 20
"""Trials whose durations tell how long others will take, before there are enough to count."""


class ProgressObserver(TuningObserver):
    """Shows trials done, the time spent and left, busy workers, failures, and the best metric.

    On a terminal this is a bar at the bottom with a line below it, above which logs and prints go
    on as usual. Where the output is a file or a pipe it is a line now and then.

    Args:
        console: Where to show it; by default standard error.
        live: Whether to show a bar; by default when the console is a terminal.
        clock: Seconds, rising.

    Example:
        ```python
        from prefect_tuner import ProgressObserver, TunerConfig, tune

        if __name__ == "__main__":
            tune(config=TunerConfig(max_trials=5), observers=[ProgressObserver()])
        ```
    """

    def __init__(
        self,
        console: Console | None = None,
        live: bool | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console = console or plain_console(stderr=True)
        self._live = is_live(self._console) if live is None else live
        self._clock = clock
        self._display: _Bar | _Lines | None = None
        self._evaluations = 0
        self._forecast = _Forecast(TunerConfig())

    def on_study_started(self, event: StudyStarted) -> None:
        """Say what is tuned, and show the bar."""
        sentence = study_sentence(
            event.objective, event.space, event.strategy, event.direction, event.config
        )
        self._console.print(f"Study {event.study!r}: {sentence}", soft_wrap=True, markup=False)
        if event.reason:
            self._console.print(event.reason, soft_wrap=True, markup=False)
        self._forecast = _Forecast(event.config)
        if self._live:
            self._display = _Bar(self._console, event.config.max_trials)
        else:
            self._display = _Lines(self._console, event.config.max_trials, self._clock)

    def notify(self, event: TuningEvent) -> None:
        """Show what an event changed."""
        super().notify(event)
        if self._display is None or isinstance(event, StudyStarted):
            return
        self._forecast.hear(event)
        is_over = isinstance(event, StudyCompleted | StudyFailed)
        told = describe_progress(event.progress, self._forecast.workers)
        if is_over:
            self._display.show(event.progress, told)
            self.close()
        elif isinstance(event, ConfirmationStarted | TrialReevaluated):
            self._show_confirmation(event)
        elif isinstance(event, TrialStarted) or event.progress.asked == self._display.trials:
            # Else another trial starts in the same moment.
            self._display.show(event.progress, told, self._forecast.left(event.progress))

    def _show_confirmation(self, event: ConfirmationStarted | TrialReevaluated) -> None:
        if isinstance(event, ConfirmationStarted):
            self._evaluations = event.budget
        done = event.spent if isinstance(event, ConfirmationStarted) else event.evaluated
        if self._display is not None:
            told = f"confirming the best: {done} of up to {self._evaluations} evaluations"
            self._display.show(event.progress, told)

    def close(self) -> None:
        """Leave what is shown as it is, and show nothing more."""
        display, self._display = self._display, None
        if display is not None:
            display.close()


class _Forecast:
    """How long a study will still take, as its trials tell.

    Args:
        config: Its budget.
    """

    def __init__(self, config: TunerConfig) -> None:
        self.workers = config.max_concurrency
        self._config = config
        self._durations: deque[float] = deque(maxlen=LATEST)
        self._begun: Progress | None = None

    def hear(self, event: TuningEvent) -> None:
        """Take an event into account."""
        if isinstance(event, StudyStarted):
            return
        if self._begun is None:
            self._begun = event.progress
        if isinstance(event, TrialCompleted | TrialFailed) and event.trial.duration is not None:
            self._durations.append(event.trial.duration)

    def left(self, progress: Progress) -> float | None:
        """Seconds from now on; None where that is not known."""
        begun = self._begun or progress
        pace = Pace(
            at_a_time=self.workers,
            duration=mean(self._durations) if self._durations else None,
            ended=_done(progress) - _done(begun),
            elapsed=progress.elapsed - begun.elapsed,
        )
        limit = self._config.max_duration
        return pace.time_left(
            trials=self._config.max_trials - _done(progress),
            running=progress.running,
            until_deadline=None if limit is None else limit - progress.elapsed,
        )


class _TimeLeftColumn(rich_progress.ProgressColumn):
    """What is left of a forecast, by the second."""

    def render(self, task: rich_progress.Task) -> Text:
        left, at = task.fields["left"], task.fields["at"]
        if left is None:
            return Text("")
        seconds = round(max(0.0, left - ((task.elapsed or 0.0) - at)))
        return Text(f"{timedelta(seconds=seconds)} left")


class _BarAndLine(rich_progress.Progress):
    """A bar, and a line below it."""

    line = ""

    def get_renderables(self) -> Iterable[RenderableType]:
        yield self.make_tasks_table(self.tasks)
        if self.line:
            yield Text(self.line, no_wrap=True, overflow="ellipsis")


class _Bar:
    """A bar at the bottom of a terminal."""

    def __init__(self, console: Console, trials: int) -> None:
        self.trials = trials
        # Two columns are left, where a terminal echoes Ctrl-C as "^C": it would go to the next
        # line, and this one would be left behind.
        self._width = console.width - 2
        self._bar = _BarAndLine(
            rich_progress.BarColumn(max(8, min(40, console.width - BESIDE_THE_BAR))),
            rich_progress.MofNCompleteColumn(),
            rich_progress.TimeElapsedColumn(),
            _TimeLeftColumn(),
            console=console,
            # What is printed to a file goes on to be printed there.
            redirect_stdout=sys.stdout.isatty(),
        )
        self._task = self._bar.add_task("", total=trials, left=None, at=0.0)
        self._bar.start()
        # Prefect's own lines, too, go to where the bar makes way for them.
        self._handlers = [
            (handler.console, handler.console.file)
            for handler in logging.getLogger().handlers
            if isinstance(handler, PrefectConsoleHandler)
        ]
        for handler_console, _ in self._handlers:
            handler_console.file = cast(TextIO, _StandardError())

    def show(self, progress: Progress, told: str = "", left: float | None = None) -> None:
        (task,) = self._bar.tasks
        self._bar.line = shortened(told, self._width)
        self._bar.update(self._task, completed=_done(progress), left=left, at=task.elapsed or 0.0)

    def close(self) -> None:
        self._bar.stop()
        for handler_console, file in self._handlers:
            handler_console.file = file


class _StandardError(io.TextIOBase):
    """Writes to what standard error is now: rich's stand-in for it, as long as there is a bar.

    A console of rich's that is given the stand-in itself looks behind it.
    """

    def write(self, text: str, /) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


class _Lines:
    """A line at the start, every now and then, and at the end."""

    def __init__(self, console: Console, trials: int, clock: Callable[[], float]) -> None:
        self._console = console
        self.trials = trials
        self._clock = clock
        self._shown = ""
        self._latest = ""
        self._next = clock()

    def show(self, progress: Progress, told: str = "", left: float | None = None) -> None:
        elapsed = timedelta(seconds=int(progress.elapsed))
        done = f"{elapsed} {_done(progress)}/{self.trials} trials"
        forecast = "" if left is None else f"about {timedelta(seconds=round(left))} left"
        self._latest = ", ".join(filter(None, [done, told, forecast]))
        if self._clock() >= self._next:
            self._print()

    def close(self) -> None:
        self._print()

    def _print(self) -> None:
        if self._latest != self._shown:
            self._console.print(self._latest, soft_wrap=True, markup=False)
            self._shown = self._latest
        self._next = self._clock() + LINE_INTERVAL


def _done(progress: Progress) -> int:
    # Those that were stopped with the study are not done.
    return progress.completed + progress.failed


def describe_progress(progress: Progress, workers: int = 0) -> str:
    """What runs, what failed, and the best metric so far, in few words.

    Args:
        progress: How far the study is.
        workers: How many trials may run at the same time, where that is to be told.

    Example:
        ```python
        from prefect_tuner import Trial
        from prefect_tuner.flows.observers.progress_observer import describe_progress
        from prefect_tuner.flows.study.tuning_events import Progress

        best = Trial(number=3, params={"lr": 0.1}, metric=0.9756)
        progress = Progress(asked=8, running=2, completed=5, failed=1, best_trial=best)
        assert describe_progress(progress) == "2 running, 1 failed, best 0.9756 (trial 3)"
        ```
    """
    parts = []
    if progress.running:
        busy = f"{min(progress.running, workers)} of {workers} workers busy"
        parts.append(busy if workers > 1 else f"{progress.running} running")
    if progress.failed:
        parts.append(f"{progress.failed} failed")
    best = progress.best_trial
    if best is not None:
        parts.append(f"best {best.metric:.6g} (trial {best.number})")
    return ", ".join(parts)
