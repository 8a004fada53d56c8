"""Confirming a study's best trials: killed at any step, it goes on as if it had not been."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any, Self

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefect_tuner import (
    ConfirmationCompleted,
    ConfirmationStarted,
    Outcome,
    Params,
    StopReason,
    Study,
    TrialReevaluated,
    TunerConfig,
    TuningCancelled,
    TuningResult,
)
from prefect_tuner.ending import Ending
from prefect_tuner.flows.confirmation.confirmation import Confirmation, Place
from prefect_tuner.flows.confirmation.race import RaceEnd
from prefect_tuner.flows.ledger.counted_trials import recorded_result
from prefect_tuner.flows.ledger.recorded_study import RecordedStudy
from prefect_tuner.flows.ledger.study_state import StudyState
from prefect_tuner.flows.reevaluation.confirmation_run import ConfirmationRun, is_confirmed
from prefect_tuner.flows.study.tuning_events import Progress, TuningEvent
from prefect_tuner.tasks.engine import Arrival, Engine, EngineStudy
from prefect_tuner.tasks.objectives.objective import describe_objective
from prefect_tuner.tasks.processes.isolation import LaunchSettings
from prefect_tuner.tasks.workers.trial_request import RetryPolicy, TrialAnswer, TrialRequest
from tests.flows.ledgers import SPACE, Killed, SimulatedRun, open_ledger, run_record, state_of

TRIALS = 8


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
    """

    def __init__(
        self,
        order: Random,
        train: Callable[[Params, int], float | None] = train,
        concurrency: int = 1,
        retries: int = 0,
        steps: int = 1_000_000,
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
        self.seen: dict[int, Arrival] = {}

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
        metric = self._train(request.params, request.seed)
        outcome = Outcome.FAILED if metric is None else Outcome.COMPLETED
        return Ending(outcome, metric=metric, duration=0.5, attempts=request.attempt)

    def _stop_all(self) -> None:
        if self._steps < 0:
            raise Killed  # A process that was killed stops nothing.


class Confirming:
    """A study whose search is complete, in a folder of its own.

    Args:
        folder: Where its ledger is.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.events: list[TuningEvent] = []
        study = Study(SPACE, "random", "minimize", seed=7)
        SimulatedRun(folder, study, train).run(TRIALS, Random(0))

    @property
    def state(self) -> StudyState:
        return state_of(self.folder)

    @property
    def result(self) -> TuningResult:
        result = recorded_result(self.state)
        assert result is not None
        return result

    def confirm(
        self, engine: SimulatedEngine, count: int = 3, **config: Any
    ) -> Confirmation | None:
        """Confirm the best trials, as a run of the study does."""
        ledger = open_ledger(self.folder)
        with ledger:
            result, settled = self.result, TunerConfig(**config)
            if is_confirmed(self.state.confirmed, result, count, settled):
                return result.confirmation
            study = Study(SPACE, "random", "minimize", seed=7)
            recorded = RecordedStudy(study, ledger, run_record(self.state.elapsed))
            recorded.begin_again()
            run = ConfirmationRun(ledger, result, count, settled, 7, Progress(), self.events.append)
            if run.needs_engine:
                run.run(engine)
            else:
                run.conclude()
            assert not engine.running
            assert state_of(self.folder) == ledger.state
        return self.result.confirmation


@pytest.fixture
def study(tmp_path: Path) -> Confirming:
    return Confirming(tmp_path)


def test_the_best_trials_are_evaluated_with_fresh_seeds_and_nothing_else_changes(
    study: Confirming,
) -> None:
    before, engine = study.result, SimulatedEngine(Random(0), concurrency=4)
    confirmation = study.confirm(engine)
    assert confirmation is not None
    assert confirmation.winner is not None
    best = sorted(before.trials, key=lambda trial: trial.metric or 0.0)[:3]
    by_trial = Counter(request.reevaluates for request in engine.started)
    assert by_trial.keys() == {trial.number for trial in best}
    assert all(
        request.params == before.trials[request.reevaluates or 0].params
        for request in engine.started
    )
    # Fresh for the trial, and the same for all that are compared.
    seeds = {request.repetition: request.seed for request in engine.started}
    assert all(seeds[request.repetition] == request.seed for request in engine.started)
    assert len(set(seeds.values())) == len(seeds)
    assert not set(seeds.values()) & {trial.seed for trial in before.trials}
    assert engine.at_a_time == 4
    numbers = [request.number for request in engine.started]
    assert len(set(numbers)) == len(numbers)
    assert min(numbers) > TRIALS
    after = study.result
    assert after.trials == before.trials
    assert after.digest == before.digest
    assert after.stop_reason is StopReason.MAX_TRIALS
    assert after.best_trial == before.best_trial
    assert after.winning_params == before.trials[confirmation.winner.number].params
    assert after.winner is not None
    assert after.winning_metric == after.winner.mean
    assert TuningResult.model_validate_json(after.to_json()) == after
    started, *evaluated, ended = study.events
    assert isinstance(started, ConfirmationStarted)
    assert [trial.number for trial in started.candidates] == [trial.number for trial in best]
    assert isinstance(ended, ConfirmationCompleted)
    assert len(evaluated) == confirmation.spent
    assert all(isinstance(each, TrialReevaluated) for each in evaluated)


@settings(max_examples=8, deadline=None)
@given(
    kills=st.lists(st.integers(0, 9), max_size=3),
    concurrency=st.integers(1, 4),
    seed=st.integers(0, 1000),
)
def test_killed_at_any_step_it_comes_to_the_same_and_runs_nothing_finished_again(
    kills: list[int], concurrency: int, seed: int
) -> None:
    with tempfile.TemporaryDirectory() as undisturbed, tempfile.TemporaryDirectory() as folder:
        expected = Confirming(Path(undisturbed)).confirm(SimulatedEngine(Random(0)))
        study, order = Confirming(Path(folder)), Random(seed)
        for steps in kills:
            engine = SimulatedEngine(order, concurrency=concurrency, steps=steps)
            finished = study.state.evaluations
            try:
                assert study.confirm(engine) == expected
            except Killed:
                repeated = {(r.reevaluates or 0, r.repetition) for r in engine.started}
                assert not repeated & finished.keys()
            assert study.state.stopped is not None
            assert study.state.stopped.ending == "completed"
        assert study.confirm(SimulatedEngine(order, concurrency=concurrency)) == expected
        again = SimulatedEngine(order)
        assert study.confirm(again) == expected
        assert again.started == []


def test_more_candidates_or_a_larger_budget_go_on_and_a_smaller_number_does_not(
    study: Confirming,
) -> None:
    first, more, fewer, larger = (SimulatedEngine(Random(0)) for _ in range(4))
    confirmation = study.confirm(first, count=2)
    assert confirmation is not None
    assert confirmation.end is RaceEnd.BUDGET
    assert study.confirm(more, count=4) is not None
    assert not {r.number for r in first.started} & {r.number for r in more.started}
    assert study.confirm(fewer, count=3) == study.confirm(fewer, count=4)
    assert fewer.started == []
    confirmation = study.confirm(larger, count=4, confirm_evaluations=80)
    assert confirmation is not None
    assert larger.started
    assert confirmation.spent <= 80


def test_failures_are_tried_again_as_the_study_says_and_count_in_the_end(
    study: Confirming,
) -> None:
    engine = SimulatedEngine(Random(0), lambda *_: None, retries=1)
    confirmation = study.confirm(engine)
    assert confirmation is not None
    assert confirmation.end is RaceEnd.FAILED
    assert {each.place for each in confirmation.candidates} == {Place.FAILING}
    assert len(engine.started) == 2 * confirmation.spent
    assert study.result.winner is None
    assert study.result.winning_trial == study.result.best_trial


def test_when_the_time_is_over_what_is_known_is_told_and_it_goes_on_with_more(
    study: Confirming,
) -> None:
    engine = SimulatedEngine(Random(0))
    confirmation = study.confirm(engine, max_duration=1e-9)
    assert confirmation is not None
    assert confirmation.end is RaceEnd.STOPPED
    assert engine.started == []
    assert study.result.winner is None
    assert "more time" in confirmation.verdict
    later = study.confirm(engine)
    assert later is not None
    assert later.winner is not None


def test_interrupted_it_stops_what_runs_and_keeps_what_it_knows(study: Confirming) -> None:
    class Interrupted(SimulatedEngine):
        """Is stopped from outside, as by the cancel button, when some have ended."""

        def next_arrival(self, timeout: float) -> Arrival | None:
            if len(self.started) == 9:
                self.stop("enough")
                run[0].loop.interrupt("enough")
            return super().next_arrival(timeout)

    run: list[ConfirmationRun] = []
    ledger = open_ledger(study.folder)
    with ledger:
        run.append(
            ConfirmationRun(
                ledger, study.result, 3, TunerConfig(), 7, Progress(), study.events.append
            )
        )
        with pytest.raises(TuningCancelled, match="enough"):
            run[0].run(Interrupted(Random(0), concurrency=3))
    confirmed = study.state.confirmed
    assert confirmed is not None
    assert confirmed.confirmation.end is RaceEnd.STOPPED
    # The three that were stopped have not failed: they are run again.
    assert len(study.state.evaluations) == 6
    assert len(study.state.evaluating) == 3
    undisturbed = study.confirm(SimulatedEngine(Random(0)))
    assert undisturbed is not None
    assert undisturbed.end is not RaceEnd.STOPPED
