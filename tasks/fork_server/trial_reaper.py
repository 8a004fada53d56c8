"""The processes of trials, from their forks to the end of all that they have started.

All signals to trials are sent from here, to processes that were not reaped yet: a number that was
given to another process in the meantime is never hit.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from prefect_tuner.tasks.process_table.process_tree import (
    TRACKERS_SECONDS,
    children,
    describe_process,
    is_marked,
    is_tracker,
    kill_sparing_trackers,
    kill_tree,
    main_children,
    process_group,
)

_LOOK = 0.01
"""Seconds between two looks at processes that are to end."""


@dataclass
class _Trial:
    """A trial whose processes are not all gone.

    Attributes:
        name: Its name; empty for a spare, which runs none yet.
        status: Descriptor of the pipe to its supervisor.
        ended: The exit status of its process; None while that runs.
        strays: What its process has left behind.
        cut_off: Descriptions of those of them that were killed.
        spares_trackers_until: When those that clean up behind it are killed as well.
    """

    name: str = ""
    status: int = -1
    ended: int | None = None
    strays: set[int] = field(default_factory=set)
    cut_off: list[str] = field(default_factory=list)
    spares_trackers_until: float | None = None


class TrialReaper:
    """Reaps the processes of trials, and sees to it that nothing of a trial is left.

    What a trial starts becomes a child of this process when the trial's own has ended: as long as
    that runs, it adopts its orphans itself. If the trial has ended as it should, the rest goes on
    until its supervisor has it killed; otherwise it is killed at once.
    """

    def __init__(self) -> None:
        # What the objective's module started when it was imported serves all trials.
        self._helpers = set(children(os.getpid()))
        self._running: dict[int, _Trial] = {}
        self._lingering: list[_Trial] = []

    @property
    def statuses(self) -> list[int]:
        """The descriptors of pipes to supervisors, which a fork closes."""
        trials = [*self._running.values(), *self._lingering]
        return [trial.status for trial in trials if trial.name]

    def add_spare(self, pid: int) -> None:
        """Watch over a process that runs no trial yet."""
        self._running[pid] = _Trial()

    def assign(self, pid: int, name: str, status: int) -> None:
        """From now on, a process runs a trial, whose supervisor hears of its end."""
        self._running[pid] = _Trial(name, status)

    def send_signal(self, name: str | None, number: int) -> None:
        """Send a signal to all processes of a trial, or of all trials."""
        for pid, trial in self._running.items():
            if trial.name and name in (trial.name, None):
                if number == signal.SIGKILL:
                    kill_sparing_trackers(pid)
                else:
                    kill_tree(pid, number)
        for trial in self._lingering:
            if name in (trial.name, None) and number == signal.SIGKILL:
                self._kill_strays(trial)

    def send_signal_to_process(self, name: str, number: int) -> None:
        """Send a signal to the process of a trial, and to none that it has started."""
        for pid, trial in self._running.items():
            if trial.name == name:
                os.kill(pid, number)

    def reap(self) -> list[int]:
        """Take in all that has ended.

        Returns:
            The spares among them.
        """
        spares: list[int] = []
        orphans: list[int] = []
        is_complete = False
        while not is_complete:
            for pid, in_order in _ended():
                if pid in self._running and not self._running[pid].name:
                    spares.append(pid)
                self._take_in(pid, in_order=in_order)
            orphans = [pid for pid in self._unclaimed() if not self._is_others(pid, 0)]
            # What a trial has left that ended in between would be taken for nobody's.
            is_complete = next(_ended(), None) is None
        for trial in [trial for trial in self._lingering if not trial.strays]:
            self._lingering.remove(trial)
            self._finish(trial)
        for orphan in orphans:
            kill_tree(orphan, signal.SIGKILL)
        return spares

    def await_spares(self, seconds: float) -> None:
        """Wait for the processes that run no trial, which were told that none will come.

        Args:
            seconds: How long at the most. What they have imported may have something to clear away.
        """
        deadline = time.monotonic() + seconds
        while self._spares_left() and time.monotonic() < deadline:
            time.sleep(_LOOK)
            self.reap()

    def kill_trials(self) -> None:
        """Kill all that trials have started, and reap it."""
        for pid in self._running:
            kill_sparing_trackers(pid)
        until = time.monotonic() + TRACKERS_SECONDS
        self.reap()  # Before anything is taken for nobody's that one of them has left.
        with suppress(ChildProcessError):
            while self._running or self._lingering or self._unclaimed():
                self.send_signal(None, signal.SIGKILL)
                if time.monotonic() < until and self._only_trackers_left():
                    time.sleep(_LOOK)
                else:
                    os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
                self.reap()

    def _kill_strays(self, trial: _Trial) -> None:
        """Kill what a trial has left; what cleans up behind it after a while, if it has to be."""
        now = time.monotonic()
        trial.spares_trackers_until = trial.spares_trackers_until or now + TRACKERS_SECONDS
        spared: set[int] = set()
        if now < trial.spares_trackers_until:
            spared = set(filter(is_tracker, trial.strays))
        trial.cut_off += [describe_process(stray) for stray in sorted(trial.strays - spared)]
        for stray in trial.strays - spared:
            kill_sparing_trackers(stray)

    def _only_trackers_left(self) -> bool:
        strays = set[int]().union(*(trial.strays for trial in self._lingering))
        return not self._running and bool(strays) and all(map(is_tracker, strays))

    def _spares_left(self) -> bool:
        trials = [*self._running.values(), *self._lingering]
        return any(not trial.name for trial in trials)

    def _take_in(self, pid: int, *, in_order: bool) -> None:
        trial = self._running.get(pid)
        if trial is not None:
            self._take_end(pid, trial, in_order=in_order)
            return
        owner = next((each for each in self._lingering if pid in each.strays), None)
        left = [] if owner is None else self._left_by(pid)
        os.waitpid(pid, 0)
        self._helpers.discard(pid)
        if owner is not None:
            owner.strays = (owner.strays | {*left}) - {pid}

    def _take_end(self, pid: int, trial: _Trial, *, in_order: bool) -> None:
        left = self._left_by(pid)
        if not in_order:
            # They end when the others are gone, or by the next signal.
            trackers = list(filter(is_tracker, left))
            if not trackers:
                with suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)
            for stray in left:
                if stray not in trackers:
                    kill_sparing_trackers(stray)
            left = trackers
        _, trial.ended = os.waitpid(pid, 0)
        del self._running[pid]
        trial.strays = set(left)
        if left:
            self._lingering.append(trial)
        else:
            self._finish(trial)

    def _finish(self, trial: _Trial) -> None:
        if trial.name:
            _write_status(trial.status, {"status": trial.ended, "cut_off": trial.cut_off})

    def _left_by(self, pid: int) -> list[int]:
        """What a process that has ended has left, as far as it is not known to be another's."""
        return [
            stray for stray in self._unclaimed() if stray != pid and not self._is_others(stray, pid)
        ]

    def _is_others(self, stray: int, pid: int) -> bool:
        """Whether a process says that it is of another trial, which may have ended as well."""
        if process_group(stray) in self._running.keys() - {pid}:
            return True
        others = [trial.name for key, trial in self._running.items() if key != pid and trial.name]
        return any(is_marked(stray, name) for name in others)

    def _unclaimed(self) -> list[int]:
        claimed = self._helpers | self._running.keys()
        claimed = claimed.union(*(trial.strays for trial in self._lingering))
        return [pid for pid in main_children(os.getpid()) if pid not in claimed]


def _ended() -> Iterator[tuple[int, bool]]:
    """Children that have ended, each until it is reaped, and whether they did so by themselves."""
    while True:
        try:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if ended is None:
            return
        yield ended.si_pid, ended.si_code == os.CLD_EXITED and ended.si_status == 0


def _write_status(descriptor: int, status: dict[str, Any]) -> None:
    with suppress(OSError):  # The supervisor may be gone.
        os.write(descriptor, json.dumps(status).encode() + b"\n")
    os.close(descriptor)


def refuse_start(status: int, reason: str) -> None:
    """Tell the supervisor of a trial that it could not be started.

    Args:
        status: Descriptor of the pipe to it.
        reason: Why, in half a sentence.
    """
    _write_status(status, {"error": reason})
