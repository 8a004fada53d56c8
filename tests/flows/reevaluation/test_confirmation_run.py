"""Confirming a study's best trials: killed at any step, it goes on as if it had not been."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefect_tuner import (
    ConfirmationCompleted,
    ConfirmationStarted,
    StopReason,
    Study,
    TrialReevaluated,
    TunerConfig,
    TuningCancelled,
    TuningResult,
)
from prefect_tuner.flows.confirmation.confirmation import Confirmation, Place
from prefect_tuner.flows.confirmation.race import RaceEnd
from prefect_tuner.flows.ledger.counted_trials import recorded_result
from prefect_tuner.flows.ledger.recorded_study import RecordedStudy
from prefect_tuner.flows.ledger.study_state import StudyState
from prefect_tuner.flows.reevaluation.confirmation_run import ConfirmationRun, is_confirmed
from prefect_tuner.flows.study.tuning_events import Progress, TuningEvent
from prefect_tuner.tasks.engine import Arrival
from tests.flows.ledgers import SPACE, Killed, SimulatedRun, open_ledger, run_record, state_of
from tests.flows.simulated_engine import SimulatedEngine, train

TRIALS = 8


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


def test_cancelled_at_the_server_it_hears_so_from_what_it_runs(study: Confirming) -> None:
    ledger = open_ledger(study.folder)
    with ledger:
        run = ConfirmationRun(
            ledger,
            study.result,
            3,
            TunerConfig(),
            7,
            Progress(),
            study.events.append,
            is_cancelled=lambda: True,
        )
        with pytest.raises(TuningCancelled, match="its flow run was cancelled"):
            run.run(SimulatedEngine(Random(0), concurrency=3, cancelled=9))
    assert len(study.state.evaluations) == 6
    assert len(study.state.evaluating) == 3
    confirmed = study.confirm(SimulatedEngine(Random(0)))
    assert confirmed is not None
    assert all(each.failed == 0 for each in confirmed.candidates)


def test_one_that_is_cancelled_alone_counts_as_failed(study: Confirming) -> None:
    confirmed = study.confirm(SimulatedEngine(Random(0), concurrency=3, cancelled=9))
    assert confirmed is not None
    assert confirmed.end is not RaceEnd.STOPPED
    failed = [each for each in study.state.evaluations.values() if each.metric is None]
    assert len(failed) == 1
