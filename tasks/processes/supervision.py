"""Watching over one trial's process: hearing what it says, and killing it where that must be."""

from __future__ import annotations

import math
import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from prefect_tuner.ending import Ending
from prefect_tuner.printable_text import printable, printable_line
from prefect_tuner.tasks.messages.pipe_reader import JsonLines, PipeReader
from prefect_tuner.tasks.messages.trial_notes import STACKS_SIGNAL, read_note, read_stacks
from prefect_tuner.tasks.messages.wire import write_frame
from prefect_tuner.tasks.process_table.hang import describe_hang
from prefect_tuner.tasks.process_table.process_tree import describe_exit, kill_marked, kill_tree
from prefect_tuner.tasks.process_table.trial_memory import (
    ProcessMemory,
    memory_added,
    memory_growth,
)
from prefect_tuner.tasks.processes.launcher import TERMINATION_GRACE, Launcher, TrialPipes
from prefect_tuner.tasks.processes.log_relay import LogRelay
from prefect_tuner.trial import Outcome, TrialLimits

MEMORY_POLL = 0.05
"""Seconds between two looks at a trial's memory, where a look costs little."""

_COSTLY = 20
"""A look at the memory of a large process takes time; it may take one part of so many."""

PEAK_POLL = 0.25
"""Seconds until the first look at how much memory a trial has, which is for the record alone, and
between two of them."""

_DEAR = 200
"""Such looks may take one part of so many."""

_OPENING_DELAY = 0.1
_LONGEST_WAIT = 60.0


class Supervision:
    """Watches one trial's process: reads what it says, and kills it where it must be.

    Args:
        launcher: Has started the process, and sends it signals.
        pipes: To the process.
        number: The trial's place in the study.
        limits: What it may take.
        relay: Takes its output.
        run_context: Gives its run context, where it asks for that.
    """

    def __init__(
        self,
        launcher: Launcher,
        pipes: TrialPipes,
        number: int,
        limits: TrialLimits,
        relay: LogRelay,
        run_context: Callable[[], bytes] | None = None,
    ) -> None:
        self._launcher = launcher
        self._pipes = pipes
        self._number = number
        self._limits = limits
        self._relay = relay
        self._run_context = run_context
        self._reader = PipeReader(  # In this order where there is something in several.
            {
                pipes.output: relay.write,
                pipes.report: JsonLines(self._on_report).feed,
                pipes.status: JsonLines(self._on_status).feed,
            }
        )
        self._pid: int | None = None
        self._note = self._stacks = -1
        self._memory_before = ProcessMemory()
        self._exit_status: int | None = None
        self._start_error = ""
        self._ending: Ending | None = None
        self._cut_off: list[str] = []
        self._begun = time.monotonic()
        self._memory_look = self._begun
        self._held_before = 0
        self._peak: int | None = None
        self._peak_look = 0.0
        self._started: float | None = None
        self._ended: float | None = None  # When that was heard of.
        self._returned: float | None = None
        self._over: float | None = None
        self._is_closed = False
        self._kill: Ending | None = None
        self._kill_at: float | None = None

    def wait_for_end(self) -> None:
        """Return when the trial's program has ended and all that it said is read."""
        # Once it is closed, the process does nothing but end, and the fork server sees to that.
        while not self._is_closed and self._reader.is_open(self._pipes.status):
            waits = (self._next_look(), self._announce(), self._relay.pass_waiting())
            self._reader.read(min(waits))
        if self._fork_server_is_gone() and self._pid is not None:
            # The trial died with it, what the trial has started may not have.
            kill_tree(self._pid, signal.SIGKILL)
            kill_marked(self._pipes.trial)
        self._over = time.monotonic()
        self._reader.drain()
        self._relay.close()
        self._tell_end()

    def ending(self) -> Ending:
        """What came of the attempt, which has ended."""
        ended = self._how_it_ended()
        known = [each for each in (ended.memory, self._peak) if each is not None]
        tail = self._relay.tail if ended.outcome.is_failure else ""
        return replace(
            ended,
            memory=max(known, default=None),
            startup=_between(self._begun, self._started),
            teardown=_between(self._returned, self._over),
            log_tail=tail,
        )

    def _how_it_ended(self) -> Ending:
        if self._kill is not None:
            return self._kill
        if self._ending is not None:
            return self._ending
        duration = self._elapsed()
        stopped = self._launcher.why_stopped(self._number, "while the trial ran")
        if stopped is not None:
            return Ending(Outcome.CANCELLED, stopped, duration=duration)
        return Ending(Outcome.CRASHED, self._crash_message(), duration=duration)

    def _announce(self) -> float:
        """Open the log of a trial that takes a while; return the seconds until then."""
        left = self._begun + _OPENING_DELAY - time.monotonic()
        if left > 0:
            return left
        self._relay.open()
        return math.inf

    def _next_look(self) -> float:
        """Do what is due; return the seconds until something else is."""
        now = time.monotonic()
        if self._kill_at is not None:
            if now >= self._kill_at:
                self._launcher.send_signal(self._pipes.trial, signal.SIGKILL)
                self._kill_at = now + TERMINATION_GRACE
            return self._kill_at - now
        if self._ended is not None:
            return self._look_at_end(self._ended + self._limits.exit_grace - now)
        if self._started is None:
            if now >= self._begun + self._launcher.start_timeout:
                self._terminate(Outcome.CRASHED, "the trial's process did not start")
            return 1.0
        return min(
            _LONGEST_WAIT,
            self._look_at_time(now),
            self._look_at_memory(now),
            self._look_at_peak(now),
        )

    def _look_at_end(self, left: float) -> float:
        """Cut off what takes too long after the objective has returned."""
        if left > 0:
            return left
        if self._pid is not None and (noted := read_note(self._pid, self._note)):
            self._cut_off.append(noted)
        self._launcher.send_signal(self._pipes.trial, signal.SIGKILL)
        self._kill_at = time.monotonic() + TERMINATION_GRACE
        return TERMINATION_GRACE

    def _look_at_time(self, now: float) -> float:
        if self._limits.timeout is None or self._started is None:
            return math.inf
        left = self._started + self._limits.timeout - now
        if left > 0:
            return left
        message = f"ran longer than its limit of {self._limits.timeout:g} s"
        stacks = ""
        if self._pid is not None:
            message += describe_hang(self._pid, forked=self._pipes.is_forked)
            stacks = read_stacks(self._pid, self._stacks, self._ask_for_stacks)
        self._terminate(Outcome.TIMED_OUT, message, printable(stacks))
        return TERMINATION_GRACE

    def _look_at_memory(self, now: float) -> float:
        if self._limits.memory is None or self._pid is None:
            return math.inf
        if now < self._memory_look:  # It comes by here with all that the trial prints.
            return self._memory_look - now
        used = memory_added(self._pid, self._memory_before, above=self._limits.memory)
        wait = max(MEMORY_POLL, _COSTLY * (time.monotonic() - now))
        self._memory_look = now + wait
        if used <= self._limits.memory:
            return wait
        self._peak = max(self._peak or 0, used)
        self._terminate(
            Outcome.OUT_OF_MEMORY,
            f"took {_megabytes(used)}, more than its limit of {_megabytes(self._limits.memory)}",
        )
        return TERMINATION_GRACE

    def _look_at_peak(self, now: float) -> float:
        """Take down how much memory all processes of the trial have, its own peak aside."""
        if self._pid is None:
            return math.inf
        if now < self._peak_look:
            return self._peak_look - now
        used = memory_growth(self._pid, self._held_before)
        self._peak = max(self._peak or 0, used)
        wait = max(PEAK_POLL, _DEAR * (time.monotonic() - now))
        self._peak_look = now + wait
        return wait

    def _terminate(self, outcome: Outcome, message: str, stacks: str = "") -> None:
        self._kill = Ending(outcome, message, duration=self._elapsed(), traceback=stacks)
        # One that takes memory is not given time to take more.
        at_once = outcome is Outcome.OUT_OF_MEMORY
        number = signal.SIGKILL if at_once else signal.SIGTERM
        self._launcher.send_signal(self._pipes.trial, number)
        self._kill_at = time.monotonic() + TERMINATION_GRACE

    def _ask_for_stacks(self) -> None:
        self._launcher.send_signal_to_process(self._pipes.trial, STACKS_SIGNAL)

    def _tell_end(self) -> None:
        """Say what the program could not finish after its objective had returned."""
        if self._ending is None or self._kill is not None:
            return
        if self._cut_off:
            self._relay.warn(
                f"cut off {self._limits.exit_grace:g} s after the objective had returned: "
                f"{'; '.join(map(printable_line, self._cut_off))}. exit_grace gives it more time"
            )
        elif self._exit_status and not self._launcher.stopped.is_set():
            code = os.waitstatus_to_exitcode(self._exit_status)
            self._relay.warn(
                f"after the objective had returned, the trial's process {describe_exit(code)}"
            )

    def _fork_server_is_gone(self) -> bool:
        return not self._is_closed and self._exit_status is None and not self._start_error

    def _crash_message(self) -> str:
        if self._start_error:
            return f"the trial's process could not be started: {self._start_error}"
        if self._exit_status is None:
            return "the fork server that watched over the trial's process was killed"
        code = os.waitstatus_to_exitcode(self._exit_status)
        hint = "; out of memory?" if -code == signal.SIGKILL else ""
        return f"the trial's process {describe_exit(code)}{hint}"

    def _elapsed(self) -> float | None:
        return _between(self._started, time.monotonic())

    def _on_report(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "started":
                self._started = time.monotonic()
                self._pid = message["pid"]
                self._note, self._stacks = message["note"], message["stacks"]
                self._memory_before = ProcessMemory.from_json(message.get("memory", {}))
                self._held_before = message["held"]
                self._peak_look = self._started + PEAK_POLL
            case "log":
                self._relay.record(message["level"], message["text"])
            case "needs_prefect":
                write_frame(self._pipes.report, self._run_context() if self._run_context else b"")
            case "closed":
                self._is_closed = True
            case "ended" if self._ending is None:
                self._ending = Ending.from_json(message)
                self._ended = time.monotonic()
                self._returned = message["at"]

    def _on_status(self, message: dict[str, Any]) -> None:
        self._exit_status = message.get("status")
        self._start_error = message.get("error", "")
        self._cut_off += message.get("cut_off", [])


def _between(first: float | None, then: float | None) -> float | None:
    """Seconds from one moment to another; None where there was none."""
    return None if first is None or then is None else round(then - first, 6)


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"
