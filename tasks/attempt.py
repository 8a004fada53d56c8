"""One attempt at a trial, from the start of its process to its end."""

from __future__ import annotations

import math
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from prefect_tuner.errors import ObjectiveNotFound, TuningCancelled
from prefect_tuner.printable_text import printable, printable_line, printable_paragraph
from prefect_tuner.tasks.launcher import TERMINATION_GRACE, Launcher, TrialPipes
from prefect_tuner.tasks.log_relay import LogRelay
from prefect_tuner.tasks.pipe_reader import JsonLines, PipeReader
from prefect_tuner.tasks.process_tree import describe_exit, kill_marked, kill_tree, memory_used
from prefect_tuner.trial import Outcome

MEMORY_POLL = 0.05
"""Seconds between two looks at a trial's memory."""

_OPENING_DELAY = 0.1


@dataclass(frozen=True)
class TrialLimits:
    """What a trial may take.

    Attributes:
        timeout: Seconds, from the call of the objective; None for no limit.
        memory: Bytes, of the trial's process and its descendants together; None for no limit.
    """

    timeout: float | None = None
    memory: int | None = None


@dataclass(frozen=True)
class AttemptReport:
    """What came of an attempt.

    Attributes:
        outcome: How it ended.
        message: Why it failed, in a sentence; empty when it did not.
        metric: What the objective returned, if that was a metric.
        extra: What else it returned: numbers, texts and bools.
        duration: Seconds that the objective ran.
        traceback: Of the exception that the objective raised, if it did.
        attempt: How many times the objective was started, this time included.
    """

    outcome: Outcome
    message: str = ""
    metric: float | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    duration: float | None = None
    traceback: str = field(default="", repr=False)
    attempt: int = 1


def run_attempt(
    launcher: Launcher,
    request: dict[str, Any],
    limits: TrialLimits,
    log: Callable[[int, str], None],
    opening: str = "",
) -> AttemptReport:
    """Run the objective once in a process of its own and wait for its end.

    Args:
        launcher: Starts the process.
        request: `params`, `number`, `seed`, `attempt` and `study`.
        limits: When to kill it.
        log: Takes the level and the text of each line that the trial logs or prints.
        opening: The first line, which a trial without others does without if it ends at once:
            every line costs a millisecond, and a row of the server's database.
    """
    try:
        pipes = launcher.start(request)
    except TuningCancelled:
        again = "started" if request["attempt"] == 1 else "was tried again"
        message = launcher.describe_stop(f"before the trial {again}")
        return AttemptReport(Outcome.CANCELLED, message, attempt=request["attempt"] - 1)
    except (ObjectiveNotFound, OSError) as error:
        # It was loaded once, so this is no mistake in the configuration.
        message = f"the trial's process could not be started: {error}"
        return AttemptReport(Outcome.CRASHED, message, attempt=request["attempt"])
    try:
        supervision = _Supervision(launcher, pipes, limits, LogRelay(log, opening))
        supervision.wait_for_end()
    except BaseException:
        launcher.signal(pipes.trial, signal.SIGKILL)  # Nobody else would end it.
        raise
    finally:
        launcher.finish(pipes)
    return replace(supervision.report(), attempt=request["attempt"])


class _Supervision:
    """Watches one trial's process: reads what it says, and kills it where it must be."""

    def __init__(
        self, launcher: Launcher, pipes: TrialPipes, limits: TrialLimits, relay: LogRelay
    ) -> None:
        self._launcher = launcher
        self._pipes = pipes
        self._limits = limits
        self._relay = relay
        self._reader = PipeReader(  # In this order where there is something in several.
            {
                pipes.output: relay.write,
                pipes.report: JsonLines(self._on_report).feed,
                pipes.status: JsonLines(self._on_status).feed,
            }
        )
        self._pid: int | None = None
        self._exit_status: int | None = None
        self._fork_error = ""
        self._ending: dict[str, Any] | None = None
        self._begun = time.monotonic()
        self._memory_look = self._begun
        self._started: float | None = None
        self._kill: AttemptReport | None = None
        self._kill_at: float | None = None

    def wait_for_end(self) -> None:
        """Return when the trial has ended and all that it said is read."""
        # Once the objective has returned, the process does nothing but end, and the fork server
        # sees to that: the next trial need not wait until its memory is unmapped.
        while self._ending is None and self._reader.is_open(self._pipes.status):
            self._reader.read(min(self._enforce_limits(), self._announce()))
        if self._fork_server_is_gone() and self._pid is not None:
            # The trial died with it, what the trial has started may not have.
            kill_tree(self._pid, signal.SIGKILL)
            kill_marked(self._pipes.trial)
        self._reader.drain()
        self._relay.close()

    def _announce(self) -> float:
        """Open the log of a trial that takes a while; return the seconds until then."""
        left = self._begun + _OPENING_DELAY - time.monotonic()
        if left > 0:
            return left
        self._relay.open()
        return math.inf

    def _fork_server_is_gone(self) -> bool:
        return self._ending is None and self._exit_status is None and not self._fork_error

    def report(self) -> AttemptReport:
        """What came of the attempt, which has ended."""
        if self._kill is not None:
            return self._kill
        if self._ending is not None:
            return self._report_ending(self._ending)
        duration = self._elapsed()
        if self._launcher.stopped.is_set():
            message = self._launcher.describe_stop("while the trial ran")
            return AttemptReport(Outcome.CANCELLED, message, duration=duration)
        return AttemptReport(Outcome.CRASHED, self._crash_message(), duration=duration)

    def _report_ending(self, ending: dict[str, Any]) -> AttemptReport:
        duration = ending["duration"]
        match ending["type"]:
            case "returned":
                return AttemptReport(
                    Outcome.COMPLETED,
                    metric=ending["metric"],
                    extra={
                        printable_line(name): number for name, number in ending["extra"].items()
                    },
                    duration=duration,
                )
            case "invalid":
                message = printable_paragraph(ending["message"])
                return AttemptReport(Outcome.INVALID_METRIC, message, duration=duration)
            case "exited":
                message = f"the objective called sys.exit({printable_line(ending['code'])})"
                return AttemptReport(Outcome.CRASHED, message, duration=duration)
            case _:
                return AttemptReport(
                    Outcome.OUT_OF_MEMORY if ending["memory"] else Outcome.FAILED,
                    printable_paragraph(ending["message"]),
                    duration=duration,
                    traceback=printable(ending["traceback"]),
                )

    def _crash_message(self) -> str:
        if self._fork_error:
            return f"the trial's process could not be started: {self._fork_error}"
        if self._exit_status is None:
            return "the fork server that watched over the trial's process was killed"
        code = os.waitstatus_to_exitcode(self._exit_status)
        hint = "; out of memory?" if -code == signal.SIGKILL else ""
        return f"the trial's process {describe_exit(code)}{hint}"

    def _enforce_limits(self) -> float:
        """Kill what is over a limit; return the seconds until the next look."""
        now = time.monotonic()
        if self._kill_at is not None:
            if now >= self._kill_at:
                self._launcher.signal(self._pipes.trial, signal.SIGKILL)
                self._kill_at = now + TERMINATION_GRACE
            return self._kill_at - now
        if self._started is None:
            if now >= self._begun + self._launcher.start_timeout:
                self._terminate(Outcome.CRASHED, "the trial's process did not start")
            return 1.0
        waits = [60.0]
        if self._limits.timeout is not None:
            waits.append(self._started + self._limits.timeout - now)
            if waits[-1] <= 0:
                limit = f"{self._limits.timeout:g} s"
                self._terminate(Outcome.TIMED_OUT, f"ran longer than its limit of {limit}")
                return TERMINATION_GRACE
        if self._limits.memory is not None and self._pid is not None:
            if now < self._memory_look:  # It comes by here with all that the trial prints.
                return min(*waits, self._memory_look - now)
            self._memory_look = now + MEMORY_POLL
            used = memory_used(self._pid, above=self._limits.memory)
            if used > self._limits.memory:
                self._terminate(
                    Outcome.OUT_OF_MEMORY,
                    f"took {_megabytes(used)}, more than its limit of "
                    f"{_megabytes(self._limits.memory)}",
                )
                return TERMINATION_GRACE
            waits.append(MEMORY_POLL)
        return min(waits)

    def _terminate(self, outcome: Outcome, message: str) -> None:
        self._kill = AttemptReport(outcome, message, duration=self._elapsed())
        # One that takes memory is not given time to take more.
        at_once = outcome is Outcome.OUT_OF_MEMORY
        number = signal.SIGKILL if at_once else signal.SIGTERM
        self._launcher.signal(self._pipes.trial, number)
        self._kill_at = time.monotonic() + TERMINATION_GRACE

    def _elapsed(self) -> float | None:
        return None if self._started is None else time.monotonic() - self._started

    def _on_report(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "started":
                self._started = time.monotonic()
                self._pid = message["pid"]
            case "log":
                self._relay.record(message["level"], message["text"])
            case _ if self._ending is None:
                self._ending = message

    def _on_status(self, message: dict[str, Any]) -> None:
        self._exit_status = message.get("status")
        self._fork_error = message.get("error", "")


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"
