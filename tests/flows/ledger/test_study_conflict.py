from __future__ import annotations

import re
from typing import Any

from prefect_tuner import Int, Params, SearchSpace
from prefect_tuner.flows.ledger.ledger_records import (
    AskedRecord,
    FinishedRecord,
    StudyDefinition,
    StudyRecord,
)
from prefect_tuner.flows.ledger.study_conflict import differences
from prefect_tuner.flows.ledger.study_state import StudyState
from prefect_tuner.flows.run.study_plan import plan_study
from prefect_tuner.trial import Outcome

PARAMETERS: dict[str, Any] = {"a": Int(0, 9), "b": Int(0, 9), "kind": ["x", "y"]}
AT = "2026-01-01T00:00:00Z"


def definition(space: SearchSpace) -> StudyDefinition:
    return StudyDefinition(
        objective="model:train",
        space=space.to_json(),
        strategy={"name": "random"},
        direction="maximize",
        seed=0,
    )


def test_changed_constraints_are_listed_one_by_one() -> None:
    recorded = definition(SearchSpace(PARAMETERS, constraints=["a < b", "a > 1"]))
    given = definition(SearchSpace(PARAMETERS, constraints=["a > 1", "a > 2"]))
    missing, new = differences(recorded, given)
    assert re.fullmatch(r"space: constraint.*'a < b'.*missing", missing)
    assert re.fullmatch(r"space: constraint.*\bnot\b.*'a > 2'", new)


def test_constraints_in_another_order_make_no_other_study() -> None:
    recorded = definition(SearchSpace(PARAMETERS, constraints=["a < b", "a > 1"]))
    assert not differences(
        recorded, definition(SearchSpace(PARAMETERS, constraints=["a > 1", "a < b"]))
    )


def test_a_changed_condition_is_listed() -> None:
    recorded = definition(SearchSpace(PARAMETERS))
    conditional = PARAMETERS | {"b": Int(0, 9, when={"kind": ["x"]})}
    (said,) = differences(recorded, definition(SearchSpace(conditional)))
    assert said.startswith("space.b: ")
    assert "'when': {'kind': ['x']}" in said


def test_trials_that_violate_a_new_constraint_are_not_adopted() -> None:
    before = definition(SearchSpace(PARAMETERS))
    state = StudyState.begin(StudyRecord(at=AT, study="s", definition=before))
    for number, a in enumerate((1, 5)):
        params: Params = {"a": a, "b": 0, "kind": "x"}
        state.take(AskedRecord(at=AT, number=number, params=params, seed=0))
        state.take(
            FinishedRecord(
                at=AT,
                number=number,
                outcome=Outcome.COMPLETED,
                metric=1.0,
                attempts=1,
                host="h",
                elapsed=0.0,
            )
        )
    after = definition(SearchSpace(PARAMETERS, constraints=["a < 3"]))
    state.take(StudyRecord(at=AT, study="s", definition=after))
    assert [trial.params["a"] for trial in state.trials] == [1]


def test_a_plan_records_conditions_and_constraints() -> None:
    space = {
        "kind": ["x", "y"],
        "depth": {"type": "int", "low": 1, "high": 9, "when": {"kind": "x"}},
        "limits": {"type": "constraints", "expressions": ["depth != 3"]},
    }
    plan = plan_study(
        {
            "objective": "json:loads",
            "space": space,
            "strategy": "sobol",
            "initial_trials": [{"params": {"kind": "y"}}, {"params": {"kind": "x", "depth": 2}}],
        }
    )
    assert SearchSpace(plan.definition.space) == plan.study.space
    assert plan.study.space.constraints == ("depth != 3",)
