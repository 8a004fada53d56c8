"""The importance by fANOVA is Optuna's, and says what a person would."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefect_tuner import Categorical, Float, Int, Outcome, SearchSpace, Trial
from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.flows.analysis.fanova import fanova as module
from prefect_tuner.flows.analysis.fanova.fanova import fanova
from prefect_tuner.testing.spaces import search_spaces
from prefect_tuner.trial import Direction
from tests.flows.analysis.optuna_importance import by_optuna

SPACE = SearchSpace(
    {
        "rate": Float(1e-5, 1e-1, log=True),
        "drop": Float(0.0, 0.9),
        "decay": Float(0.0, 1.0, step=0.05),
        "depth": Int(1, 12),
        "width": Int(8, 4096, log=True),
        "batch": Int(16, 256, step=16),
        "kind": Categorical(["adam", 1, True, None]),
        "order": Categorical(["low", "high"], ordered=True),
        "fixed": Float(0.5, 0.5),
    }
)
CONDITIONAL = SearchSpace(
    {
        "kind": ["sgd", "adam", "lion"],
        "x": Float(0.0, 1.0),
        "momentum": Float(0.0, 1.0, when={"kind": ["sgd"]}),
        "variant": Categorical(["a", "b"], when={"kind": ["adam", "sgd"]}),
    }
)


def drawn(space: SearchSpace, count: int, seed: int) -> list[Trial]:
    """Completed trials at random; half of the metric is the first parameter's, half is noise."""
    rng = np.random.default_rng(seed)
    units = [rng.random(len(space)).tolist() for _ in range(count)]
    return [
        Trial(
            number,
            space.from_units(unit),
            outcome=Outcome.COMPLETED,
            metric=round(unit[0] + float(rng.normal()), 2),
        )
        for number, unit in enumerate(units)
    ]


@pytest.mark.parametrize(
    ("direction", "count"), [("maximize", 8), ("minimize", 12), ("maximize", 40)]
)
def test_it_is_optunas_for_the_same_trials(direction: Direction, count: int) -> None:
    trials = drawn(SPACE, count, seed=count)
    failed = [
        replace(trial, number=count + trial.number, outcome=Outcome.FAILED, metric=None)
        for trial in drawn(SPACE, 3, seed=2)
    ]
    optuna = pytest.importorskip("optuna")
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=7)
    expected = by_optuna(SPACE, [*trials, *failed], direction, evaluator)
    assert expected.pop("fixed") == 0.0
    assert fanova(SPACE, [*trials, *failed], seed=7) == pytest.approx(expected, rel=1e-6, abs=1e-9)


@given(space=search_spaces(), seed=st.integers(0, 1000), count=st.integers(2, 20))
@settings(max_examples=5, deadline=None)
def test_shares_sum_to_one_for_any_space(space: SearchSpace, seed: int, count: int) -> None:
    found = fanova(space, drawn(space, count, seed))
    assert all(value >= 0.0 for value in found.values())
    assert list(found.values()) == sorted(found.values(), reverse=True)
    assert not any(found.values()) or sum(found.values()) == pytest.approx(1.0)


def test_trials_without_a_metric_change_nothing() -> None:
    trials = drawn(SPACE, 20, seed=1)
    others = [
        replace(trial, number=20 + trial.number, outcome=outcome, metric=None)
        for trial, outcome in zip(
            drawn(SPACE, 3, seed=2), [Outcome.FAILED, Outcome.PRUNED, None], strict=True
        )
    ]
    assert fanova(SPACE, [*trials, *others]) == fanova(SPACE, trials)


def test_what_decides_the_metric_comes_first() -> None:
    trials = [replace(t, metric=float(t.params["drop"])) for t in drawn(SPACE, 60, seed=3)]
    (first, share), *_ = fanova(SPACE, trials).items()
    assert first == "drop"
    assert share > 0.9


def test_a_conditional_parameter_counts_where_it_is_active() -> None:
    def metric(trial: Trial) -> float:
        momentum = trial.params.get("momentum", 0.0)
        assert isinstance(momentum, float)
        return momentum + 0.1 * float(trial.params.get("variant") == "b")

    trials = [replace(t, metric=metric(t)) for t in drawn(CONDITIONAL, 150, seed=3)]
    found = fanova(CONDITIONAL, trials)
    assert set(found) == set(CONDITIONAL)
    assert found["momentum"] > 0.2
    assert found["x"] < 0.05
    assert found["kind"] > 0.2  # It decides whether momentum is active.


@pytest.mark.parametrize("metric", [0.5, 0.0, -1e300])
def test_where_all_metrics_are_equal_nothing_matters(metric: float) -> None:
    trials = [replace(trial, metric=metric) for trial in drawn(SPACE, 20, seed=0)]
    assert set(fanova(SPACE, trials).values()) == {0.0}
    assert fanova(SPACE, trials[:1]) == {}


def test_metrics_may_be_huge() -> None:
    trials = drawn(SPACE, 20, seed=0)
    huge = [replace(trial, metric=(trial.metric or 0.0) * 2.0**1000) for trial in trials]
    assert fanova(SPACE, huge) == pytest.approx(fanova(SPACE, trials))


@pytest.mark.parametrize(
    ("low", "high"),
    [
        (-8e307, 8e307),
        (-1.7e308, 1.7e308),
        (1e-300, 1e-290),
        (0.0, 1e-320),
        (1e15, 1e15 + 64.0),
        (1.0, 1.0 + 2.0**-40),
    ],
)
def test_ranges_may_be_huge_and_small(low: float, high: float) -> None:
    """The forest has numbers of 32 bits."""
    usual = SearchSpace({"x": Float(0.0, 1.0), "y": Float(0.0, 1.0)})
    space = SearchSpace({"x": Float(low, high), "y": Float(0.0, 1.0)})
    trials = [replace(t, metric=float(t.params["x"] > 0.5)) for t in drawn(usual, 60, seed=3)]
    moved = [
        replace(t, params={**t.params, "x": low * (1.0 - x) + high * x})
        for t in trials
        if isinstance(x := t.params["x"], float)
    ]
    assert fanova(space, moved)["x"] == pytest.approx(fanova(usual, trials)["x"], abs=0.05)


def test_of_thousands_of_trials_some_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_TRIALS", 20)
    trials = drawn(SPACE, 39, seed=0)
    assert fanova(SPACE, trials) == fanova(SPACE, trials[::2])


def test_without_scikit_learn_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.ensemble", None)
    with pytest.raises(InvalidConfiguration, match=r"prefect-tuner\[importance\]"):
        fanova(SPACE, drawn(SPACE, 20, seed=0))
