"""An engine in which nothing runs, for tests of the loops that ask engines for attempts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any, Self

from prefect_tuner import Outcome, Params
from prefect_tuner.ending import Ending
from prefect_tuner.tasks.engine import Arrival, Engine, EngineStudy
from prefect_tuner.tasks.objectives.objective import describe_objective
from prefect_tuner.tasks.processes.isolation import LaunchSettings
from prefect_tuner.tasks.workers.trial_request import RetryPolicy, TrialAnswer, TrialRequest
from tests.flows.ledgers import SPACE, Killed


def train(params: Params, seed: int) -> float | None:
    """A metric with noise that depends on parameters and seed."""
    return float(params["x"]) + Random(f"{seed} {params}").gauss(0.0, 0.3)


class SimulatedEngine(Engine):
    """Attempts end one at a time, in an order of the caller's, until the run is killed.

    Args:
        order: Which attempt ends next.
        train: From parameters and seed to the metric; None is a failure.
        concurrency: Attempts at a time.
        retries: Further attempts.
        steps: Attempts that end until the run is killed.
        cancelled: How many have been started when one is cancelled at the server; 0 for none.
    """

    def __init__(
        self,
        order: Random,
        train: Callable[[Params, int], float | None] = train,
        concurrency: int = 1,
        retries: int = 0,
        steps: int = 1_000_000,
        cancelled: int = 0,
    ) -> None:
        super().__init__(
            EngineStudy(
                "small",
                describe_objective("json:loads", SPACE),
                LaunchSettings(concurrency=concurrency),
                RetryPolicy(retries),
                lambda *_: None,
            )
        )
        self._order, self._train, self._steps = order, train, steps
        self.running: list[TrialRequest] = []
        self.started: list[TrialRequest] = []
        self.at_a_time = 0
        self._cancelled = cancelled

    @classmethod
    @contextmanager
    def opened(cls, study: EngineStudy, options: Any) -> Iterator[Self]:
        raise NotImplementedError

    def prepare(self) -> list[tuple[int, str]]:
        return []

    def start(self, request: TrialRequest) -> None:
        self.started.append(request)
        self.running.append(request)
        self.at_a_time = max(self.at_a_time, len(self.running))

    def stop_trial(self, number: int, reason: str) -> None:
        raise NotImplementedError

    def next_arrival(self, timeout: float) -> Arrival | None:
        assert timeout >= 0.0
        self._steps -= 1
        if self._steps < 0:
            raise Killed
        request = self.running.pop(self._order.randrange(len(self.running)))
        return Arrival(request.number, TrialAnswer(self._ending(request)), request.attempt)

    def _ending(self, request: TrialRequest) -> Ending:
        if self.stop_reason:
            return Ending(Outcome.CANCELLED, self.stop_reason, attempts=request.attempt)
        if len(self.started) == self._cancelled:
            self._cancelled = 0
            message = "the trial's flow run was cancelled"
            return Ending(Outcome.CANCELLED, message, attempts=request.attempt)
        metric = self._train(request.params, request.seed)
        outcome = Outcome.FAILED if metric is None else Outcome.COMPLETED
        return Ending(outcome, metric=metric, duration=0.5, attempts=request.attempt)

    def _stop_all(self) -> None:
        if self._steps < 0:
            raise Killed  # A process that was killed stops nothing.
