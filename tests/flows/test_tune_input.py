"""What goes into the flow: every form of an objective and of the parameters, and mistakes."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

import pytest

from prefect_tuner import (
    Categorical,
    Float,
    Int,
    InvalidConfiguration,
    ObjectiveNotFound,
    Params,
    TrainingError,
    Trial,
    TunerConfig,
    tune,
)
from tests.flows.flow_runs import X, flow_run, run_tune, task_runs
from tests.flows.objectives import Model, asynchronous, value
from tests.polling import eventually

pytestmark = pytest.mark.usefixtures("prefect_server")

AT_A_QUARTER: dict[str, Any] = {"x": [0.25]}


@pytest.mark.parametrize(
    ("objective", "metric"),
    [
        (value, 0.25),
        (asynchronous, 0.25),
        (Model(factor=2.0), 0.5),
        ("tests.flows.objectives:Model", 0.25),
        (lambda params: {"metric": params["x"] * 4, "loss": 0.125}, 1.0),
    ],
    ids=["function", "async", "object", "path of a class", "closure with extras"],
)
def test_an_objective_may_be_anything_that_can_be_called(objective: Any, metric: float) -> None:
    (trial,) = run_tune(objective, AT_A_QUARTER, strategy="grid").result.trials
    assert trial.metric == metric
    assert trial.extra == ({"loss": 0.125} if metric == 1.0 else {})


def test_an_objective_may_be_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "churn_model.py").write_text(
        textwrap.dedent(
            """
            def train(params, trial):
                trial.log("hello")
                return params["x"] + trial.number
            """
        )
    )
    monkeypatch.chdir(tmp_path)
    result = run_tune("churn_model.py:train", AT_A_QUARTER, strategy="grid").result
    assert result.best_metric == 0.25


def untimed(trials: list[Trial]) -> list[tuple[Params, float | None, int]]:
    return [(trial.params, trial.metric, trial.seed) for trial in trials]


def test_what_a_deployment_sends_is_the_same_study_as_what_python_gives() -> None:
    from_python = tune(
        objective=value,
        space={"x": Float(0.1, 10.0, log=True), "n": Int(1, 5), "b": Categorical([True, 1, "a"])},
        strategy={"name": "random", "max_iters": 4},
        direction="minimize",
        seed=3,
        config=TunerConfig(max_trials=10, max_concurrency=2),
    )
    sent = json.loads(
        """{
            "objective": "tests.flows.objectives:value",
            "space": {"x": {"type": "float", "low": 0.1, "high": 10.0, "log": true},
                      "n": {"type": "int", "low": 1, "high": 5},
                      "b": [true, 1, "a"]},
            "strategy": "random",
            "strategy_options": {"max_iters": 4},
            "direction": "minimize",
            "seed": 3,
            "study": "",
            "config": {"max_trials": 10, "max_concurrency": 2},
            "observers": []
        }"""
    )
    from_json = tune(**sent)
    assert untimed(from_json.trials) == untimed(from_python.trials)
    assert len(from_json.trials) == 4
    assert from_json.best_params == from_python.best_params
    assert [type(v) for t in from_json.trials for v in t.params.values()] == [
        type(v) for t in from_python.trials for v in t.params.values()
    ]


def test_without_any_parameter_an_example_is_tuned() -> None:
    result = tune()
    assert len(result.trials) == 20
    assert result.best_metric > 0.5


MISTAKEN: dict[str, Any] = {
    "space": {"x": {"type": "float", "low": 1.0, "high": 0.0}},
    "strategy": "gird",
    "config": {"max_trials": 0},
}


def test_bad_input_is_raised_to_a_python_caller() -> None:
    with pytest.raises(InvalidConfiguration) as raised:
        tune(value, **MISTAKEN)
    named = [mistake.partition(":")[0] for mistake in raised.value.mistakes]
    assert named == ["space.x", "strategy", "config.max_trials"]


def test_bad_input_fails_the_flow_run_before_any_trial() -> None:
    bad = {
        "space.x: ": run_tune(value, **MISTAKEN),
        "no_such_module": run_tune("no_such_module:train"),
        "'absent'": run_tune("tests.flows.objectives:absent"),
        "there is no file 'absent.py'": run_tune("absent.py:train"),
    }
    for sentence, run in bad.items():
        assert run.state.is_failed()
        assert sentence in flow_run(run.id)["state"]["message"]
        mistaken = isinstance(run.state.result(raise_on_failure=False), InvalidConfiguration)
        assert mistaken == (sentence == "space.x: ")
    with pytest.raises(ObjectiveNotFound, match="no_such_module"):
        bad["no_such_module"].state.result()
    # Task runs reach the server in order: once it knows of a later one, it knows of all.
    good = run_tune(value, AT_A_QUARTER, strategy="grid")

    def recorded() -> None:
        assert len(task_runs(good.id)) == 1

    eventually(recorded)
    assert [task_runs(run.id) for run in bad.values()] == [[]] * len(bad)


def test_an_objective_that_cannot_travel_says_what_to_do() -> None:
    import threading

    lock = threading.Lock()

    def train(_: Params) -> float:
        with lock:
            return 0.5

    with pytest.raises(ObjectiveNotFound, match=r"'lock'.*cannot be pickled.* path\b"):
        tune(train, X)


def test_input_that_is_only_wrong_for_the_objective_is_a_failed_trial() -> None:
    with pytest.raises(TrainingError, match="KeyError: 'x'"):
        tune(value, {"y": [1.0]}, strategy="grid")
