"""`tune` under a name that was used before: it goes on, returns what it has, or refuses."""

from __future__ import annotations

import re
import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect import flow

from prefect_tuner import (
    Float,
    LedgerError,
    ObjectiveNotFound,
    Params,
    StopReason,
    StudyConflict,
    TrainingError,
    TrialContext,
    TunerConfig,
    TuningObserver,
    TuningResult,
    tune,
)
from prefect_tuner.flows.ledger.ledger import read_state
from prefect_tuner.flows.ledger.study_state import StudyState
from prefect_tuner.flows.run.default_storage import storage_or_default
from prefect_tuner.flows.storage.storage_address import list_keys, open_store
from prefect_tuner.flows.study.tuning_events import TrialCompleted
from tests.flows.dependent_strategy import DependentSearch
from tests.messages import LEDGER_WAS_CHANGED

pytestmark = [pytest.mark.usefixtures("prefect_server"), pytest.mark.slow]

SPACE = {"x": Float(0.0, 1.0)}


def counted(folder: Path) -> Callable[[Params, TrialContext], float]:
    """An objective that leaves a file for each call."""
    folder.mkdir()

    def train(params: Params, trial: TrialContext) -> float:
        (folder / f"{trial.number}-{time.monotonic_ns()}").touch()
        return float(params["x"])

    return train


def calls(folder: Path) -> list[int]:
    """The numbers of the trials whose objective was called, sorted."""
    return sorted(int(path.name.partition("-")[0]) for path in folder.iterdir())


def run(objective: Any, max_trials: int = 4, **parameters: Any) -> TuningResult:
    config = {name: parameters.pop(name) for name in TunerConfig.model_fields & parameters.keys()}
    given: dict[str, Any] = {"space": SPACE, "study": "small", **parameters}
    result = tune(objective, config=TunerConfig(max_trials=max_trials, **config), **given)
    assert isinstance(result, TuningResult)
    return result


def state(study: str = "small") -> StudyState:
    found = read_state(open_store(storage_or_default(""), study))
    assert found is not None
    return found


def test_a_complete_study_returns_its_result_and_runs_nothing(tmp_path: Path) -> None:
    train = counted(tmp_path / "calls")
    first = run(train)
    again = run(train)
    assert again == first
    assert again.digest == state().digest
    assert calls(tmp_path / "calls") == [0, 1, 2, 3]


def test_a_smaller_budget_leaves_a_complete_study_as_it_is_and_says_why_it_had_stopped(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    train = counted(tmp_path / "calls")
    first = run(train, 20, patience=2, reproducible=True)
    assert first.stop_reason is StopReason.PATIENCE
    assert run(train, 1, patience=2, reproducible=True) == first
    assert f"is complete already, since {StopReason.PATIENCE.sentence}" in caplog.text
    assert len(calls(tmp_path / "calls")) == len(first.trials)


def test_a_complete_study_needs_its_objective_no_more(tmp_path: Path) -> None:
    module = tmp_path / "short_lived.py"
    module.write_text("def train(params): return params['x']")
    first = run(f"{module}:train")
    module.unlink()
    assert run(f"{module}:train") == first


def test_a_larger_budget_extends_a_study(tmp_path: Path) -> None:
    train = counted(tmp_path / "calls")
    first = run(train, 3)
    more = run(train, 6)
    assert more.trials[:3] == first.trials
    assert calls(tmp_path / "calls") == list(range(6))
    assert [r.config["max_trials"] for r in state().runs] == [3, 6]


def test_a_study_in_pieces_is_the_study_in_one_piece(tmp_path: Path) -> None:
    train = counted(tmp_path / "calls")
    *_, pieces = (run(train, budget, strategy=DependentSearch) for budget in (2, 5, 8))
    whole = run(train, 8, strategy=DependentSearch, study="whole")
    assert pieces.digest == whole.digest
    assert [t.params for t in pieces.trials] == [t.params for t in whole.trials]


def test_another_study_of_the_same_name_is_a_conflict_that_lists_the_differences(
    tmp_path: Path,
) -> None:
    train = counted(tmp_path / "calls")
    run(train)
    with pytest.raises(StudyConflict) as raised:
        run(
            train,
            space={"x": Float(0.0, 2.0), "y": [1, 2]},
            strategy={"name": "random", "max_iters": 9},
            direction="minimize",
            seed=3,
        )
    text = str(raised.value)
    assert re.search(r"study 'small' .*another.*ledger", text)
    assert re.search(r"- space\.x: .*'high': 1\.0\b.*\b2\.0", text)
    assert re.search(r"- space\.y: not .*ledger", text)
    assert re.search(r"- strategy\.max_iters: not .*\b9$", text, re.MULTILINE)
    assert re.search(r"- direction: 'maximize' .*'minimize'", text)
    assert re.search(r"- seed: 0 .*\b3$", text, re.MULTILINE)
    assert "on_conflict: 'new'" in text
    assert calls(tmp_path / "calls") == [0, 1, 2, 3]


def test_another_objective_is_another_study(tmp_path: Path) -> None:
    run(counted(tmp_path / "calls"))
    with pytest.raises(StudyConflict, match=r"- objective: '.*train' .*'json:"):
        run("json:loads")


def test_on_conflict_new_goes_on_under_the_next_name(tmp_path: Path) -> None:
    train = counted(tmp_path / "calls")
    old = run(train)
    new = run(train, seed=1, on_conflict="new")
    assert (new.study, run(train, seed=1, on_conflict="new")) == ("small-2", new)
    assert run(train, seed=2, on_conflict="new").study == "small-3"
    assert run(train, on_conflict="new") == old
    assert len(calls(tmp_path / "calls")) == 12


def test_on_conflict_adopt_keeps_the_trials_that_lie_in_the_new_space(tmp_path: Path) -> None:
    train = counted(tmp_path / "calls")
    old = run(train, 8)
    fitting = [t for t in old.trials if float(t.params["x"]) <= 0.5]
    assert 0 < len(fitting) < 8
    narrow = {"x": Float(0.0, 0.5)}
    new = run(train, 8, space=narrow, on_conflict="adopt")
    assert [t.params for t in new.trials[: len(fitting)]] == [t.params for t in fitting]
    assert len(new.trials) == 8
    assert len(calls(tmp_path / "calls")) == 8 + 8 - len(fitting)
    assert run(train, 8, space=narrow) == new  # It is that study now.


def test_an_adoption_is_recorded_though_the_budget_is_spent(tmp_path: Path) -> None:
    train = counted(tmp_path / "calls")
    run(train)
    adopted = run(train, seed=1, on_conflict="adopt")
    assert run(train, seed=1) == adopted
    assert state().definition.seed == 1


def test_a_mistake_in_the_objective_makes_no_study(tmp_path: Path) -> None:
    with pytest.raises(ObjectiveNotFound):
        run("no_such_module:train")
    assert len(run(counted(tmp_path / "calls")).trials) == 4


def test_a_failed_study_is_continued_after_the_trial_that_failed_it(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.touch()

    def train(params: Params) -> float:
        if broken.exists():
            raise ValueError("no licence")
        return float(params["x"])

    with pytest.raises(TrainingError, match=r"trial 0 .*ValueError.* licence"):
        run(train, on_failure="raise")
    stopped = state().stopped
    assert stopped is not None
    assert (stopped.ending, "no licence" in stopped.reason) == ("failed", True)
    broken.unlink()
    result = run(train, on_failure="raise")
    assert [str(t.outcome) for t in result.trials] == ["failed", *["completed"] * 3]


def test_failures_of_earlier_runs_count(tmp_path: Path) -> None:
    def train(params: Params, trial: TrialContext) -> float:
        if trial.number in (1, 3):
            raise ValueError("singular")
        return float(params["x"])

    run(train, 3, max_failures=2)
    result = run(train, 20, max_failures=2)
    assert (result.stop_reason, len(result.trials)) == ("max_failures", 4)


def test_the_time_of_earlier_runs_counts() -> None:
    def train(params: Params) -> float:
        time.sleep(0.6)
        return float(params["x"])

    run(train, 1, max_duration=2.0)
    spent = state().elapsed
    assert spent >= 0.6
    result = run(train, 50, max_duration=2.0)
    assert result.stop_reason == "max_duration"
    assert 2.0 <= result.duration < 2.0 + 4.0
    assert len([t for t in result.trials if t.outcome == "completed"]) <= 3
    assert run(train, 50, max_duration=2.0).trials == result.trials


def test_trials_that_a_deadline_stopped_are_run_again_with_more_time() -> None:
    def train(params: Params, trial: TrialContext) -> float:
        time.sleep(0.0 if trial.number == 0 else 1.5)
        return float(params["x"])

    cut = run(train, 3, max_duration=1.0, max_concurrency=2)
    assert [str(t.outcome) for t in cut.trials] == ["completed", "cancelled", "cancelled"]
    assert run(train, 3, max_duration=1.0, max_concurrency=2).trials == cut.trials
    more = run(train, 3, max_duration=30.0, max_concurrency=2)
    assert [str(t.outcome) for t in more.trials] == ["completed"] * 3
    assert [t.params for t in more.trials] == [t.params for t in cut.trials]
    assert [t.attempts for t in more.trials] == [1, 2, 2]


def test_every_attempt_is_in_the_ledger(tmp_path: Path, ledgers: Path) -> None:
    def train(params: Params, trial: TrialContext) -> float:
        if trial.attempt < 3:
            raise ValueError(f"attempt {trial.attempt}")
        return float(params["x"])

    (trial,) = run(train, 1, retries=3).trials
    assert trial.attempts == 3
    lines = (ledgers / "small.jsonl").read_text().splitlines()
    kinds = [line.partition('"type": "')[2].partition('"')[0] for line in lines]
    attempt = ["retried", "attempt"]
    assert kinds[2:] == ["asked", "attempt", *attempt, *attempt, "finished", "best", "stopped"]


def test_what_is_known_and_what_is_to_be_tried_comes_first(tmp_path: Path) -> None:
    train = counted(tmp_path / "calls")
    initial = [{"params": {"x": 1}}, {"params": {"x": 0.25}, "metric": 5}]
    result = run(train, 3, initial_trials=initial)
    assert [t.params["x"] for t in result.trials[:2]] == [0.25, 1.0]
    assert result.best_metric == 5.0
    assert len(result.trials) == 4
    assert calls(tmp_path / "calls") == [1, 2, 3]
    assert run(train, 3, initial_trials=initial) == result


def test_a_study_starts_from_the_trials_of_another(tmp_path: Path) -> None:
    train = counted(tmp_path / "calls")
    old = run(train, 4)
    new = run(train, 2, study="next", initial_trials=old.trials)
    assert [t.metric for t in new.trials[:4]] == [t.metric for t in old.trials]
    assert len(new.trials) == 6


def test_an_observer_that_sees_a_trial_finished_finds_it_in_the_ledger(tmp_path: Path) -> None:
    seen: list[bool] = []

    class Reader(TuningObserver):
        def on_trial_completed(self, event: TrialCompleted) -> None:
            seen.append(event.trial == state().trials[event.trial.number])

    run(counted(tmp_path / "calls"), 6, observers=[Reader()])
    assert seen == [True] * 6


def test_a_ledger_that_cannot_be_written_ends_the_study_and_keeps_what_it_has(
    tmp_path: Path, ledgers: Path
) -> None:
    ledger = ledgers / "small.jsonl"

    def train(params: Params, trial: TrialContext) -> float:
        if trial.number == 2 and not (tmp_path / "scribbled").exists():
            (tmp_path / "scribbled").touch()
            with ledger.open("ab") as file:
                file.write(b"scribble\n")
        return float(params["x"])

    with pytest.raises(LedgerError, match=LEDGER_WAS_CHANGED):
        run(train, 6)
    text = ledger.read_bytes().removesuffix(b"scribble\n")
    ledger.write_bytes(text)
    assert [str(t.outcome) for t in state().trials] == ["completed", "completed", "None"]
    assert [str(t.outcome) for t in run(train, 3).trials] == ["completed"] * 3


@pytest.fixture
def no_limit() -> Iterator[None]:
    """What this process may write is not limited afterwards."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("no_limit")
def test_a_disk_that_is_full_in_the_middle_ends_the_study_with_a_clear_error(
    tmp_path: Path, ledgers: Path
) -> None:
    train = counted(tmp_path / "calls")
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]

    class Filler(TuningObserver):
        def on_trial_completed(self, event: TrialCompleted) -> None:
            if event.trial.number == 1:
                room = (ledgers / "small.jsonl").stat().st_size + 40
                resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))

    with pytest.raises(LedgerError, match=r"small\.jsonl .*written.*File too large"):
        run(train, 200, observers=[Filler()])
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    finished = len(state().finished)
    assert 2 <= finished < 200
    assert state().stopped is None
    assert len(run(train, finished + 1).trials) == finished + 1


@pytest.mark.parametrize("rule", [{"target_metric": 0.9}, {"patience": 4}, {"max_failures": 2}])
def test_a_reproducible_study_has_the_same_trials_with_1_2_or_4_at_a_time(
    rule: dict[str, Any],
) -> None:
    def train(params: Params, trial: TrialContext) -> float:
        time.sleep(trial.number * 37 % 5 / 50)
        if trial.number in (5, 9):
            raise ValueError("singular")
        return float(params["x"])

    results = [
        run(
            train,
            14,
            study=f"with-{workers}",
            strategy=DependentSearch,
            max_concurrency=workers,
            reproducible=True,
            lag=4,
            **rule,
        )
        for workers in (1, 2, 4)
    ]
    one, *others = results
    assert len(one.trials) < 14  # The rule stopped it.
    for other in others:
        assert (other.digest, other.stop_reason) == (one.digest, one.stop_reason)
        assert other.best_trial.params == one.best_trial.params
        ended = [t for t in other.trials if t.outcome != "cancelled"]
        assert [(t.params, t.metric) for t in ended] == [(t.params, t.metric) for t in one.trials]


def test_a_reproducible_study_keeps_its_lag_with_another_concurrency(tmp_path: Path) -> None:
    train = counted(tmp_path / "calls")
    run(train, 3, reproducible=True, max_concurrency=3, strategy=DependentSearch)
    assert state().definition.lag == 3
    pieces = run(train, 9, reproducible=True, max_concurrency=2, strategy=DependentSearch)
    whole = run(
        train,
        9,
        reproducible=True,
        lag=3,
        study="whole",
        max_concurrency=1,
        strategy=DependentSearch,
    )
    assert pieces.digest == whole.digest


def test_a_study_without_a_name_belongs_to_its_flow_run(tmp_path: Path) -> None:
    train = counted(tmp_path / "calls")
    named = tune.with_options(flow_run_name="same-name")
    first = named(train, SPACE, config=TunerConfig(max_trials=2))
    second = named(train, SPACE, config=TunerConfig(max_trials=3))
    assert first.study == "same-name"
    assert second.study.startswith("same-name-")
    assert (len(first.trials), len(second.trials)) == (2, 3)
    assert len(calls(tmp_path / "calls")) == 5


def test_a_fresh_study_belongs_to_the_outermost_flow_run(tmp_path: Path) -> None:
    train = counted(tmp_path / "calls")

    @flow(name="pipeline")
    def pipeline() -> list[TuningResult]:
        return [run(train, n, study="weekly", fresh=True) for n in (1, 2)]

    assert [(r.study, len(r.trials)) for r in pipeline()] == [("weekly", 1), ("weekly", 2)]
    assert calls(tmp_path / "calls") == [0, 1]
    assert [(r.study, len(r.trials)) for r in pipeline()] == [("weekly", 1), ("weekly", 2)]
    assert calls(tmp_path / "calls") == [0, 0, 1, 1]
    assert len([key for key in list_keys(storage_or_default("")) if key.startswith("weekly-")]) == 2


def test_a_study_may_have_any_name_and_any_folder(tmp_path: Path) -> None:
    train = counted(tmp_path / "calls")
    names = ["../../etc/passwd", "..", "Ünïcode/naïve 日本 " + "x" * 180]
    for name in names:
        assert run(train, 1, study=name, storage=str(tmp_path / "ledgers")).study == name
    files = list((tmp_path / "ledgers").glob("*.jsonl"))
    assert len(files) == len(names)
    assert {path.parent for path in tmp_path.rglob("*.jsonl")} == {tmp_path / "ledgers"}


def test_a_study_may_be_kept_in_an_object_store(tmp_path: Path) -> None:
    train = counted(tmp_path / "calls")
    storage = "memory://tests/tune-resume"
    run(train, 2, storage=storage)
    more = run(train, 4, storage=storage)
    assert len(more.trials) == 4
    assert calls(tmp_path / "calls") == [0, 1, 2, 3]
