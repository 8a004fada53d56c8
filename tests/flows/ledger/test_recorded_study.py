"""A study with its ledger: killed at any step, it goes on as if it had not been."""

from __future__ import annotations

import itertools
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefect_tuner import Outcome, Params, Study, Trial
from prefect_tuner.ending import Ending
from prefect_tuner.flows.ledger import ledger, recorded_study
from prefect_tuner.flows.ledger.counted_trials import recorded_result
from prefect_tuner.flows.ledger.ledger_records import InitialTrial
from prefect_tuner.flows.study.study_digest import study_digest
from prefect_tuner.history import History
from tests.flows.dependent_strategy import DependentSearch
from tests.flows.ledgers import SPACE, Killed, SimulatedRun, state_of

TRIALS = 14
KNOWN = InitialTrial(params={"x": 0.125, "kind": "b"}, metric=0.5)
FIRST = InitialTrial(params={"x": 0.25, "kind": "a"})
SECOND = InitialTrial(params={"x": 0.75, "kind": "b"})


class Learner:
    """A metric that depends on parameters and seed; some trials fail."""

    @staticmethod
    def train(params: Params, seed: int) -> float | None:
        if seed % 7 == 0:
            return None
        return float(params["x"]) + seed % 5


def study(lag: int | None, strategy: Any = "random") -> Study:
    return Study(SPACE, strategy, "minimize", seed=7, lag=lag)


def undisturbed(
    lag: int | None, strategy: Any = "random", initial: tuple[InitialTrial, ...] = ()
) -> list[Trial]:
    with tempfile.TemporaryDirectory() as folder:
        run = SimulatedRun(
            Path(folder), study(lag, strategy), Learner.train, initial_trials=initial
        )
        return run.run(TRIALS, Random(0))


Start = Callable[[], SimulatedRun]


@settings(max_examples=60)
@given(
    kills=st.lists(st.integers(0, 12), max_size=4),
    lag=st.sampled_from([None, 1, 3]),
    concurrency=st.integers(1, 4),
    seed=st.integers(0, 1000),
)
def test_a_study_is_at_any_step_what_is_read_from_its_ledger(
    kills: list[int], lag: int | None, concurrency: int, seed: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:

        class Compared(SimulatedRun):
            def _step(self, max_trials: int, order: Random) -> bool:
                goes_on = super()._step(max_trials, order)
                assert self.study.state == state_of(Path(folder))
                return goes_on

        def start() -> SimulatedRun:
            initial = (FIRST, KNOWN)
            return Compared(Path(folder), study(lag), Learner.train, concurrency, initial)

        run, trials = run_to_the_end(start, kills, Random(seed))
        state = state_of(Path(folder))
    assert run.study.state == state
    result = recorded_result(state)
    assert result is not None
    assert result.best_trial == run.study.study.best_trial
    assert result.digest == study_digest(trials)
    assert result.trials == trials


def run_to_the_end(
    start: Start, kills: list[int], order: Random
) -> tuple[SimulatedRun, list[Trial]]:
    """Run a study that is killed after so many steps, time and again; its last run, and trials."""
    for steps in kills:
        run = start()
        with suppress(Killed):
            run.run(TRIALS, order, steps)
    run = start()
    return run, run.run(TRIALS, order)


@settings(max_examples=60)
@given(
    kills=st.lists(st.integers(0, 12), max_size=6),
    lag=st.sampled_from([1, 2, 4]),
    seed=st.integers(0, 1000),
    data=st.data(),
)
def test_a_reproducible_study_has_the_same_trials_whatever_happens(
    kills: list[int], lag: int, seed: int, data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        runs: list[SimulatedRun] = []
        in_flight: list[int] = []

        def start() -> SimulatedRun:
            if runs:
                in_flight.extend(trial.number for trial in state_of(Path(folder)).in_flight)
            concurrency = data.draw(st.integers(1, 5))
            begun = study(lag, DependentSearch)
            runs.append(SimulatedRun(Path(folder), begun, Learner.train, concurrency))
            return runs[-1]

        _, trials = run_to_the_end(start, kills, Random(seed))
        state = state_of(Path(folder))
    calls = [number for run in runs for number in run.calls]
    expected = undisturbed(lag, DependentSearch)
    assert [(t.params, t.seed, t.metric) for t in trials] == [
        (t.params, t.seed, t.metric) for t in expected
    ]
    assert state.digest == study_digest(trials) == study_digest(expected)
    assert len(calls) <= TRIALS + len(in_flight)
    assert sorted(set(calls)) == list(range(TRIALS))


@settings(max_examples=60)
@given(kills=st.lists(st.integers(0, 12), max_size=6), seed=st.integers(0, 1000))
def test_a_sequential_study_goes_on_as_if_it_had_not_been_killed(
    kills: list[int], seed: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:

        def start() -> SimulatedRun:
            return SimulatedRun(Path(folder), study(None, DependentSearch), Learner.train)

        _, trials = run_to_the_end(start, kills, Random(seed))
    assert study_digest(trials) == study_digest(undisturbed(None, DependentSearch))


@settings(max_examples=40)
@given(
    kills=st.lists(st.integers(0, 12), max_size=5),
    concurrency=st.integers(1, 5),
    seed=st.integers(0, 1000),
)
def test_what_had_finished_is_never_run_again_nor_changed(
    kills: list[int], concurrency: int, seed: int
) -> None:
    order = Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        before: list[Trial] = []
        for steps in [*kills, None]:
            run = SimulatedRun(
                Path(folder), study(None, DependentSearch), Learner.train, concurrency
            )
            with suppress(Killed):
                run.run(TRIALS, order, steps)
            assert not {t.number for t in before if t.outcome} & set(run.calls)
            after = state_of(Path(folder)).trials
            for old, new in zip(before, after, strict=False):
                assert (old.params, old.seed) == (new.params, new.seed)
                assert old.outcome is None or old == new
            before = after
    assert len(before) == TRIALS
    assert all(trial.outcome for trial in before)


@pytest.mark.parametrize("concurrency", [1, 2, 4, 8])
def test_as_many_run_at_a_time_as_the_lag_allows(tmp_path: Path, concurrency: int) -> None:
    run = SimulatedRun(tmp_path, study(4), Learner.train, concurrency)
    run.run(TRIALS, Random(3))
    in_flight = highest = 0
    for line in (tmp_path / "small.jsonl").read_text().splitlines():
        in_flight += line.startswith('{"type": "asked"')
        in_flight -= line.startswith('{"type": "finished"')
        highest = max(highest, in_flight)
    assert highest == min(concurrency, 4)


@settings(max_examples=30)
@given(kills=st.lists(st.integers(0, 6), max_size=5))
def test_a_study_starts_from_what_is_known_and_what_is_to_be_tried(kills: list[int]) -> None:
    initial = (FIRST, KNOWN, SECOND)
    with tempfile.TemporaryDirectory() as folder:

        def start() -> SimulatedRun:
            begun = study(None)
            return SimulatedRun(Path(folder), begun, Learner.train, initial_trials=initial)

        run, trials = run_to_the_end(start, kills, Random(0))
        progress = run.study.progress
    assert [trial.params for trial in trials[:3]] == [KNOWN.params, FIRST.params, SECOND.params]
    assert (trials[0].metric, trials[0].attempts) == (0.5, 0)
    assert len(trials) == TRIALS + 1  # What is known costs no budget.
    assert progress.asked == progress.finished == TRIALS
    assert study_digest(trials) == study_digest(undisturbed(None, initial=initial))


def test_a_budget_that_was_cut_is_kept_though_more_was_in_flight(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        SimulatedRun(tmp_path, study(None), Learner.train, 4).run(TRIALS, Random(0), 3)
    assert len(state_of(tmp_path).in_flight) == 4
    run = SimulatedRun(tmp_path, study(None), Learner.train, 4)
    run.run(2, Random(0))
    assert run.calls == [0, 1]
    assert run.study.progress.finished == 2


class SlowSearch(DependentSearch):
    """A strategy that takes its time to suggest, and to be told."""

    def next_candidate(self, history: History) -> Params | None:
        time.sleep(0.01)
        return super().next_candidate(history)

    def report_result(self, trial: Trial) -> None:  # noqa: ARG002 - as the base class has it
        time.sleep(0.05)


def test_the_ledger_tells_how_long_suggestions_took(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        SimulatedRun(tmp_path, study(None, SlowSearch), Learner.train, 2).run(4, Random(0), 2)
    SimulatedRun(tmp_path, study(None, SlowSearch), Learner.train, 2).run(4, Random(0))
    seconds = state_of(tmp_path).suggestion
    assert sorted(seconds) == [0, 1, 2, 3]
    assert min(seconds[0], seconds[1]) >= 0.01
    assert min(seconds[2], seconds[3]) >= 0.06  # A trial had ended before.


def test_attempts_are_counted_over_all_runs(tmp_path: Path) -> None:
    for _ in range(3):
        with pytest.raises(Killed):
            SimulatedRun(tmp_path, study(None), Learner.train).run(TRIALS, Random(0), 0)
    trials = SimulatedRun(tmp_path, study(None), Learner.train).run(2, Random(0))
    assert [trial.attempts for trial in trials] == [4, 1]


def test_an_attempt_that_goes_on_from_an_earlier_run_counts_once(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        SimulatedRun(tmp_path, study(None), Learner.train, 2).run(TRIALS, Random(0), 1)
    assert [trial.attempts for trial in state_of(tmp_path).in_flight] == [1, 1]
    run = SimulatedRun(tmp_path, study(None), Learner.train, 2)
    with run.ledger:
        first = run.study.ask(2)
        assert first is not None
        run.study.adopt(first)
        assert state_of(tmp_path).attempts_before == {0: 0, 1: 1}
        again = run.study.ask(2)
        assert again is not None
        assert again.number == 1  # The first one is not given out again.
        run.study.start(again)
        # As the engine tells it: the first of this run. It fails once, and is tried again.
        run.study.retry(0, Ending(Outcome.CRASHED, attempts=1))
        run.study.finish(0, Ending(Outcome.COMPLETED, metric=1.0, attempts=2))
        run.study.finish(1, Ending(Outcome.COMPLETED, metric=2.0, attempts=1))
        assert [trial.attempts for trial in state_of(tmp_path).trials] == [2, 2]
        assert state_of(tmp_path) == run.study.state


def test_an_attempt_may_be_adopted_by_one_run_after_another(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        SimulatedRun(tmp_path, study(None), Learner.train).run(TRIALS, Random(0), 0)
    for _ in range(3):
        run = SimulatedRun(tmp_path, study(None), Learner.train)
        with run.ledger:
            trial = run.study.ask(2)
            assert trial is not None
            assert run.study.attempts_before(0) == 1
            run.study.adopt(trial)
            assert run.study.attempts_before(0) == 0
    assert state_of(tmp_path).trials[0].attempts == 1


def test_a_study_has_the_same_id_in_all_its_runs_and_no_other_has_it(tmp_path: Path) -> None:
    ids = set()
    for folder in (tmp_path / "one", tmp_path / "another"):
        for _ in range(2):
            with pytest.raises(Killed):
                SimulatedRun(folder, study(None), Learner.train).run(TRIALS, Random(0), 4)
            ids.add((folder, state_of(folder).id))
    assert len(ids) == len({name for _, name in ids}) == 2


def test_without_a_lag_results_are_used_as_they_come(tmp_path: Path) -> None:
    digests = set()
    for seed in range(5):
        run = SimulatedRun(tmp_path / str(seed), study(None, DependentSearch), Learner.train, 4)
        digests.add(study_digest(run.run(TRIALS, Random(seed))))
    assert len(digests) == 5  # The test above would see a lag that is none.


INTERRUPTED = tuple(Path(module.__file__ or "").name for module in (recorded_study, ledger))


class Interruption:
    """Ctrl-C before the line of that number which this thread runs in the modules of the ledger."""

    def __init__(self, line: int) -> None:
        self.left = line

    def __enter__(self) -> None:
        sys.settrace(self._enter)

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _enter(self, frame: FrameType, _event: str, _argument: Any) -> Any:
        return self._step if frame.f_code.co_filename.endswith(INTERRUPTED) else None

    def _step(self, _frame: FrameType, event: str, _argument: Any) -> Any:
        if event == "line":
            self.left -= 1
            if self.left < 0:
                sys.settrace(None)
                raise KeyboardInterrupt
        return self._step


def stop_as_the_loop_does(run: SimulatedRun) -> None:
    for trial in run.study.not_ended():
        run.study.finish(trial.number, Ending(Outcome.CANCELLED, "stopped", attempts=0))
    for _ in run.study.tell_rest(counting=True):
        pass
    run.study.stop("cancelled", "interrupted (Ctrl-C)")


@pytest.mark.slow
def test_interrupted_before_any_line_it_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    trials = 2
    whole = SimulatedRun(tmp_path / "whole", study(None), Learner.train).run(trials, Random(0))
    for line in itertools.count():
        folder = tmp_path / str(line)
        first = SimulatedRun(folder, study(None), Learner.train)
        with first.ledger:
            try:
                with Interruption(line):
                    first.go_on(trials, Random(0))
            except KeyboardInterrupt:
                stop_as_the_loop_does(first)
            else:
                break
        finished = set(state_of(folder).finished)
        second = SimulatedRun(folder, study(None), Learner.train)
        assert study_digest(History(second.run(trials, Random(0)))) == study_digest(History(whole))
        assert not finished & set(second.calls)
    assert line > 100
