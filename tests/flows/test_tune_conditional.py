"""A space with conditions and constraints, from the flow's parameters to its artifacts."""

from __future__ import annotations

from typing import Any

import pytest

from prefect_tuner import Float, Int, InvalidConfiguration, SearchSpace
from tests.flows.flow_runs import artifacts, run_tune
from tests.flows.objectives import depth_and_rate

pytestmark = pytest.mark.usefixtures("prefect_server")

SPACE = SearchSpace(
    {
        "booster": ["tree", "dart"],
        "rate": Float(0.0, 1.0, when={"booster": ["dart"]}),
        "depth": Int(1, 9),
    },
    constraints=["not (booster == 'dart' and depth > 5)"],
)


@pytest.mark.parametrize("space", [SPACE, SPACE.to_json()], ids=["python", "json"])
def test_a_study_tries_the_active_parameters_and_is_continued(space: Any) -> None:
    run_tune(depth_and_rate, space, strategy="sobol", study="Conditional", max_trials=6)
    run = run_tune(depth_and_rate, space, strategy="sobol", study="Conditional", max_trials=12)
    tried = [trial.params for trial in run.result.trials]
    assert len(tried) == 12
    assert all(SPACE.contains(params) for params in tried)
    assert {"rate" in params for params in tried} == {True, False}
    (board,) = [d for key, d in artifacts(run.id).items() if key.endswith("-leaderboard")]
    assert {"param.booster", "param.rate", "param.depth"} <= set(board[0])
    assert {None} < {row["param.rate"] for row in board}


def test_a_wrong_condition_starts_no_trial() -> None:
    space = {"a": ["x"], "b": {"type": "int", "low": 1, "high": 2, "when": {"a": ["y"]}}}
    with pytest.raises(InvalidConfiguration, match=r"space\.b: when\.a: 'y'"):
        run_tune(depth_and_rate, space).state.result()
