"""Choices of any kind and what objectives return of any kind, from the flow's parameters on."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from prefect_tuner import Categorical, SearchSpace, StudyConflict
from prefect_tuner.flows.ledger.stored_study import read_study
from prefect_tuner.flows.run.default_storage import storage_or_default
from prefect_tuner.flows.study.study_name import study_key
from prefect_tuner.testing import exactly
from prefect_tuner.testing.spaces import CHOICES_SPACE, CONDITIONAL_CHOICES_SPACE
from tests.flows.flow_runs import artifacts, events, run_tune
from tests.flows.objectives import spoiling
from tests.polling import eventually

pytestmark = pytest.mark.usefixtures("prefect_server")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "space"),
    [
        ("any", CHOICES_SPACE),
        ("conditional", json.loads(json.dumps(CONDITIONAL_CHOICES_SPACE.to_json()))),
    ],
)
def test_an_objective_is_given_exactly_what_ledger_and_result_have(name: str, space: Any) -> None:
    run_tune(spoiling, space, strategy="tpe", study=name, max_trials=3)
    run = run_tune(spoiling, space, strategy="tpe", study=name, max_trials=6)
    whole = run_tune(spoiling, space, strategy="tpe", study=f"{name} at once", max_trials=6)
    assert run.result.digest == whole.result.digest
    trials = run.result.trials
    assert len(trials) == 6
    assert [trial.extra["seen"] for trial in trials] == [exactly(t.params) for t in trials]
    assert all(SearchSpace(space).contains(trial.params) for trial in trials)
    state = read_study(storage_or_default(""), name).state
    assert state is not None
    assert [exactly(trial.params) for trial in state.trials] == [exactly(t.params) for t in trials]
    assert [dict(trial.extra) for trial in state.trials] == [dict(t.extra) for t in trials]
    assert state.digest == run.result.digest
    (board,) = [d for key, d in artifacts(run.id).items() if key.endswith("-leaderboard")]
    assert "None" in {row["param.depth"] for row in board}
    assert {type(row["extra.flat"]) for row in board} == {bool}


def test_events_have_what_came_with_the_metric() -> None:
    run = run_tune(spoiling, {"depth": [None], "layers": [[64, 32]]}, strategy="grid", study="Told")

    def emitted() -> list[dict[str, Any]]:
        found = events(f"prefect-tuner.study.{study_key('Told')}")
        assert len(found) == 3
        return found

    _, improved, complete = eventually(emitted)
    extra = {"seen": "[('depth', None), ('layers', [64, 32])]", "flat": True}
    assert improved["payload"]["extra"] == complete["payload"]["best_extra"] == extra
    assert complete["payload"]["best_params"] == {"depth": None, "layers": [64, 32]}
    assert run.result.best_trial.extra == extra


def test_a_choice_of_another_type_makes_another_study() -> None:
    run_tune(spoiling, {"layers": [[1], None]}, strategy="grid", study="Types")
    with pytest.raises(StudyConflict, match=r"space\.layers: .*\[1\], None.*\[True\], None"):
        run_tune(
            spoiling, {"layers": [[True], None]}, strategy="grid", study="Types"
        ).state.result()
    again = run_tune(spoiling, {"layers": [[1], None]}, strategy="grid", study="Types")
    assert len(again.result.trials) == 2


def test_initial_trials_may_have_any_choice() -> None:
    given: list[dict[str, Any]] = [
        {"params": {"layers": [64, 32], "depth": None}, "metric": 2.0},
        {"params": {"layers": None, "depth": 3}},
    ]
    space = {"depth": [None, 3], "layers": [[64, 32], None]}
    run = run_tune(
        spoiling, space, strategy="grid", study="Given", initial_trials=given, max_trials=2
    )
    assert [trial.params for trial in run.result.trials[:2]] == [each["params"] for each in given]
    assert run.result.best_params == given[0]["params"]


def test_numbers_may_be_numpys() -> None:
    run = run_tune(
        spoiling,
        {"depth": Categorical(np.array([2, 3])), "layers": [[np.int64(64)], None]},
        strategy="grid",
        study="Numpy",
        seed=np.int64(3),
        max_trials=np.int64(2),
        initial_trials=[{"params": {"depth": np.int64(3), "layers": [np.int64(64)]}}],
    )
    assert [exactly(trial.params) for trial in run.result.trials] == [
        exactly({"depth": 3, "layers": [64]}),
        exactly({"depth": 2, "layers": [64]}),
    ]
