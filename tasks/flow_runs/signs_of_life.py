"""Whether the trials of a study have begun, and whether they still live, by their flow runs."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import final
from uuid import UUID

from prefect_tuner.tasks.flow_runs.trial_deployment import TrialDeployment
from prefect_tuner.tasks.flow_runs.trial_flow_runs import TrialFlowRun

SILENCE = 32.0
"""Seconds without a sign of life after which a trial has lost its worker."""

NOBODY_COMES = 60.0
"""Seconds in which no trial begins after which the user is told why that may be."""


@final
class SignsOfLife:
    """What was last heard of each flow run.

    Args:
        deployment: What they are made from.
        log: Takes a level of Python's logging, and a line.
        start_timeout: Seconds that a worker may take to start one.
    """

    def __init__(
        self,
        deployment: TrialDeployment,
        log: Callable[[int, str], None],
        start_timeout: float,
    ) -> None:
        self._deployment = deployment
        self._start_timeout = start_timeout
        self._log = log
        self._heard: dict[UUID, tuple[TrialFlowRun, float]] = {}
        self._begun: set[UUID] = set()
        self._quiet_since = time.monotonic()
        self._has_warned = False

    def add(self, run: TrialFlowRun) -> None:
        """Listen to one more."""
        if not self._heard:
            self._stirred()
        self._heard[run.id] = (run, time.monotonic())

    def forget(self, run: UUID) -> None:
        """Listen to one no more, which has ended."""
        self._heard.pop(run, None)
        self._begun.discard(run)
        self._stirred()

    def nothing_is_heard(self) -> None:
        """Take note that the server is away: what is silent now may well live."""
        now = time.monotonic()
        self._heard = {name: (run, now) for name, (run, _) in list(self._heard.items())}

    def is_lost(self, run: TrialFlowRun) -> bool:
        """Whether nothing was heard of a flow run for too long.

        One that waits for a worker is not. One that is being started may take its time, since a
        machine for it may have to come, as long as there are workers.

        Args:
            run: As the server has it now.
        """
        before, heard = self._heard.get(run.id, (run, time.monotonic()))
        now = time.monotonic()
        if run.beat != before.beat or run.state.type != before.state.type:
            heard = now
        self._heard[run.id] = (run, heard)
        if not run.may_not_have_begun and run.id not in self._begun:
            self._begun.add(run.id)
            self._stirred()
        if now - heard <= SILENCE or run.is_waiting or run.has_ended:
            return False
        if not run.may_not_have_begun:
            return True
        return now - heard > self._start_timeout or not self._deployment.has_workers()

    def warn_of_a_long_wait(self) -> None:
        """Tell the user, once, that no trial has begun for a while, and why that may be."""
        quiet_for = time.monotonic() - self._quiet_since
        if self._has_warned or not self._heard or self._begun or quiet_for < NOBODY_COMES:
            return
        self._has_warned = True
        why = self._deployment.why_nothing_begins()
        told = f"No trial has begun for {quiet_for:.0f} s: {why}. The study waits"
        self._log(logging.WARNING, told)

    def _stirred(self) -> None:
        self._quiet_since = time.monotonic()
        self._has_warned = False
