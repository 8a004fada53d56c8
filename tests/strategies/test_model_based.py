"""What `gp` and `tpe` have in common: whatever came of the trials, they find something new."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefect_tuner import Int, Outcome, Params, SearchSpace, Study, Trial
from prefect_tuner.strategies.candidates import feasible_cells
from prefect_tuner.testing.spaces import search_spaces
from tests.objective_functions import SPACE, quadratic, run_study
from tests.search_spaces import spaces

both_models = pytest.mark.parametrize("name", ["gp", "tpe"])

METRICS = st.one_of(
    st.just(0.0),
    st.sampled_from([1e-300, -1e-300, 5e-324, 1e300, -1e300, 1.7e308, -1.7e308, 1.0]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([*Outcome]).filter(lambda outcome: outcome is not Outcome.COMPLETED),
)


@both_models
@settings(deadline=None, max_examples=50)
@given(
    space=spaces() | search_spaces(conditional=True),
    metrics=st.lists(METRICS | st.none(), min_size=5, max_size=25),
    seed=st.integers(0, 2**40),
)
def test_any_space_and_any_metrics_give_a_new_candidate_of_the_space(
    name: str, space: SearchSpace, metrics: list[float | Outcome | None], seed: int
) -> None:
    study = Study(space, strategy={"name": name, "initial": 2}, seed=seed)
    seen: set[str] = set()
    for metric in metrics:
        trial = study.ask()
        if trial is None:
            assert len(seen) == space.cardinality
            return
        assert repr(trial.params) not in seen
        seen.add(repr(trial.params))
        if isinstance(metric, Outcome):
            study.tell(trial, outcome=metric)
        elif metric is not None:
            study.tell(trial, metric)


@both_models
@pytest.mark.parametrize(("constraints", "last"), [([], 30), (["n + m <= 69"], 29)])
def test_a_finite_space_with_too_many_candidates_to_list_is_exhausted_too(
    name: str, constraints: list[str], last: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feasible_cells, "MOST_CELLS", 1000)
    space = SearchSpace({"n": Int(1, 40), "m": Int(1, 30)}, constraints=constraints)
    study = Study(space, strategy=name)
    for index in range(1195):
        params: Params = {"n": index // 30 + 1, "m": index % 30 + 1}
        study.add_trial(Trial(index, params, outcome=Outcome.COMPLETED, metric=float(index % 17)))
    left = []
    while (trial := study.ask()) is not None:
        left.append((trial.params["n"], trial.params["m"]))
        study.tell(trial, 1.0)
    assert sorted(left) == [(40, m) for m in range(26, last + 1)]


@both_models
def test_the_direction_is_kept_to(name: str) -> None:
    study = Study(SPACE, name, "maximize", seed=0)
    for _ in range(40):
        trial = study.ask()
        assert trial is not None
        study.tell(trial, -quadratic(trial.params))
    assert study.best_metric is not None
    assert study.best_metric > -1.0
    mirrored = run_study(name, quadratic, SPACE, 40)
    assert [t.params for t in mirrored.history] == [t.params for t in study.history]
