"""Choices of any kind: exact in the study, its ledger, its result, and all that is made of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_tuner import (
    Categorical,
    Float,
    InvalidConfiguration,
    Outcome,
    Params,
    SearchSpace,
    Study,
    Trial,
    TuningResult,
)
from prefect_tuner.flows.commands.study_file import load_study_file, plan_study_file
from prefect_tuner.flows.ledger.initial_trials import parse_initial_trials
from prefect_tuner.flows.ledger.ledger_records import RECORDS, AskedRecord, StudyDefinition
from prefect_tuner.flows.ledger.study_conflict import differences
from prefect_tuner.flows.result_serializer import RESULT_SERIALIZER
from prefect_tuner.flows.storage.ledger_line import seal, unseal
from prefect_tuner.flows.study.study_digest import study_digest
from prefect_tuner.flows.study.tuning_result import StopReason
from prefect_tuner.strategies.optuna_bridge.distributions import (
    distribution_of,
    from_optuna,
    to_optuna,
)
from prefect_tuner.testing.spaces import CHOICES_SPACE
from tests.flows.studies import completed
from tests.search_spaces import UNHURRIED, VALUES, categoricals, same

ONES: list[Any] = [1, 1.0, True, [1], [1.0], [True], {"a": 1}, {"a": 1.0}, {"a": True}]


def result(*trials: Trial) -> TuningResult:
    return TuningResult(
        study="churn",
        direction="maximize",
        stop_reason=StopReason.MAX_TRIALS,
        best_trial=trials[0],
        trials=list(trials),
        duration=1.5,
        digest=study_digest(trials),
    )


@UNHURRIED
@given(st.dictionaries(st.sampled_from("abc"), categoricals(), min_size=1), st.data())
def test_any_choices_come_back_from_json_ledger_result_and_optuna_as_they_were(
    parameters: dict[str, Categorical], data: st.DataObject
) -> None:
    space = SearchSpace(parameters)
    assert SearchSpace(json.loads(json.dumps(space.to_json()))) == space
    params: Params = {name: data.draw(st.sampled_from(p.choices)) for name, p in parameters.items()}

    asked = AskedRecord(at="", number=0, params=params, seed=0)
    line = unseal(seal({"type": "asked", **asked.model_dump(mode="json")}).rstrip(b"\n"))
    record = RECORDS.validate_python(line)
    assert isinstance(record, AskedRecord)
    assert same(record.params, params)
    assert space.contains(record.params)

    before = result(Trial(0, params, outcome=Outcome.COMPLETED, metric=0.5))
    for after in (
        TuningResult.model_validate_json(before.to_json()),
        RESULT_SERIALIZER.loads(RESULT_SERIALIZER.dumps(before)),
    ):
        assert same(after.best_params, params)
        assert study_digest(after.trials) == before.digest

    for name, value in params.items():
        distribution: Any = distribution_of(space[name])
        json_of_it = optuna.distributions.distribution_to_json(distribution)
        assert optuna.distributions.json_to_distribution(json_of_it) == distribution
        internal = distribution.to_internal_repr(to_optuna(value, space[name]))
        assert same(from_optuna(distribution.to_external_repr(internal), space[name]), value)


@given(VALUES, VALUES)
def test_a_digest_tells_values_apart_to_the_type(one: Any, other: Any) -> None:
    def digest(value: Any) -> str:
        return study_digest([completed(0, 1.0, x=value)])

    text = json.dumps(one, sort_keys=True)
    assert (digest(one) == digest(other)) == (text == json.dumps(other, sort_keys=True))


def test_digests_of_studies_of_before_are_as_they_were() -> None:
    trials = [
        completed(0, 0.1 + 0.2, lr=0.1, depth=3, flag=True, kind="a"),
        completed(1, -1.0, kind="b", depth=1),
    ]
    # As it was computed before choices could be lists.
    assert study_digest(trials) == (
        "32a606048d09cb0c799e23a1949f64a50a4d80f8bd0735abe679f4f6fc67cae9"
    )


def definition(choices: list[Any]) -> StudyDefinition:
    return StudyDefinition(
        objective="model:train",
        space=SearchSpace({"x": choices}).to_json(),
        strategy={"name": "random"},
        direction="maximize",
        seed=0,
    )


def test_a_study_with_choices_of_other_types_is_another_one() -> None:
    for one in ONES:
        for other in ONES:
            changed = differences(definition([one, None]), definition([other, None]))
            assert bool(changed) == (one is not other)
    assert differences(definition([[1], [2]]), definition([[2], [1]]))
    a, b = {"a": 1, "b": 2}, {"b": 2, "a": 1}
    assert differences(definition([a, [a]]), definition([b, [b]])) == []


def test_differences_are_short_and_hide_secrets() -> None:
    before, now = ({"password": "hunter2", "n": [n] * 500} for n in (1, 2))
    (said,) = differences(definition([before]), definition([now]))
    assert "hunter" not in said
    assert len(said) < 600


def test_candidates_given_by_the_user_are_kept_to_the_type_and_copied() -> None:
    study = Study(CHOICES_SPACE, "random")
    params: Params = {
        "depth": None,
        "layers": [[64.0], None],
        "solver": {"momentum": [0.9, True], "name": "sgd"},
        "kind": [True],
        "size": [8, 8],
        "rate": 0.5,
    }
    wanted = json.dumps(params)
    study.enqueue(params)
    study.add_trial(Trial(0, params, outcome=Outcome.COMPLETED, metric=1.0))
    params["layers"].append(1)
    params["solver"]["momentum"].clear()
    assert json.dumps(study.history[0].params) == wanted
    best = study.best_params
    assert best is not None
    best["layers"].clear()
    asked = study.ask()
    assert asked is not None
    assert json.dumps(asked.params) == wanted
    asked.params["size"].clear()
    assert [json.dumps(trial.params) for trial in study.history] == [wanted] * 2
    found = result(study.history[0])
    found.best_params["layers"].clear()
    assert json.dumps(found.best_params) == wanted


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"kind": [True, 1]}, "initial_trials.0.params: kind=[True, 1] (list) is not of"),
        ({"kind": (True,)}, "params: kind must be a number, a text, true or false, None, or"),
        ({"kind": (True,)}, "JSON would give back a list, write [True]"),
        ({"kind": {1}}, "initial_trials.0.params: kind must be a number"),
    ],
)
def test_an_initial_trial_that_is_no_candidate_is_named(params: Params, said: str) -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        parse_initial_trials([{"params": params}], SearchSpace({"kind": CHOICES_SPACE["kind"]}))
    assert said in str(caught.value)


def test_an_initial_trial_may_hold_numpys_numbers() -> None:
    space = SearchSpace({"layers": [[64, 32], {"a": [True]}], "n": [1, 2]})
    params = {"layers": [np.int64(64), np.int32(32)], "n": np.int64(2)}
    (initial,) = parse_initial_trials([{"params": params}], space)
    assert same(initial.params, {"layers": [64, 32], "n": 2})
    (initial,) = parse_initial_trials(
        [{"params": {"layers": {"a": [np.bool_(True)]}, "n": 1}, "metric": np.float32(0.5)}], space
    )
    assert same(initial.params["layers"], {"a": [True]})
    assert same(initial.metric, 0.5)


YAML = """
objective: json:loads
space:
  max_depth: [null, 3, 10]
  layers: [[64], [64, 32], []]
  solver:
    - {name: lbfgs, tol: 1e-4}
    - name: sgd
      nesterov: true
  dropout: {type: float, low: 0.0, high: 0.5, when: {layers: [[64, 32]]}}
  limits: {type: constraints, expressions: ["max_depth == None or max_depth <= 5"]}
"""


def test_a_study_file_has_choices_as_yaml_writes_them(tmp_path: Path) -> None:
    file = tmp_path / "study.yaml"
    file.write_text(YAML)
    space = plan_study_file(load_study_file(file), file).study.space
    assert space == SearchSpace(
        {
            "max_depth": [None, 3, 10],
            "layers": [[64], [64, 32], []],
            "solver": [{"name": "lbfgs", "tol": 1e-4}, {"name": "sgd", "nesterov": True}],
            "dropout": Float(0.0, 0.5, when={"layers": [[64, 32]]}),
        },
        constraints=["max_depth == None or max_depth <= 5"],
    )
