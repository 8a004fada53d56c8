"""What a sample tells of its mean."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from prefect_tuner.flows.confirmation.sample import (
    Noise,
    deviation_of,
    is_above_zero,
    mean_interval,
    mean_of,
    step_of,
)

FLOATS = st.floats(-1e300, 1e300)


def test_the_interval_is_students() -> None:
    values = [0.3, 0.1, 0.7, 0.2, 0.65]
    expected = stats.t.interval(0.99, 4, np.mean(values), stats.sem(values))
    assert mean_interval(values, error=0.01) == pytest.approx(expected)


def test_the_test_is_the_paired_one_of_student() -> None:
    differences = [0.3, 0.1, 0.7, 0.2, 0.65]
    chance = stats.ttest_1samp(differences, 0.0, alternative="greater").pvalue
    assert is_above_zero(differences, chance * 1.001)
    assert not is_above_zero(differences, chance * 0.999)


@given(st.lists(FLOATS, min_size=1, max_size=20))
def test_means_lie_between_the_values_and_are_exact_where_these_are_equal(
    values: list[float],
) -> None:
    assert min(values) <= mean_of(values) <= max(values)
    assert mean_of([values[0]] * 7) == values[0]


@given(st.lists(FLOATS, min_size=2, max_size=9), st.sampled_from([0.05, 1e-4]))
def test_an_interval_is_finite_or_none_and_holds_the_mean(
    values: list[float], error: float
) -> None:
    interval = mean_interval(values, error, noise=Noise.of([values, values]))
    if interval is not None:
        assert all(map(math.isfinite, interval))
        assert interval[0] <= mean_of(values) <= interval[1]


def test_equal_values_of_a_metric_in_steps_are_no_certainty() -> None:
    assert mean_interval([0.97] * 5, 0.05) == (0.97, 0.97)
    low, high = mean_interval([0.97] * 5, 0.05, step=0.01) or (0.0, 0.0)
    assert low < 0.965
    assert high > 0.975
    assert not is_above_zero([0.01] * 3, 0.01, step=0.01)


def test_the_noise_of_all_candidates_widens_the_interval_of_one_that_shows_none() -> None:
    calm, wild = [1.0, 1.0, 1.0, 1.0, 1.0], [1.0, 3.0, -2.0, 4.0, 1.0]
    noise = Noise.of([calm, wild])
    assert noise.degrees == 8
    assert noise.deviation == pytest.approx(deviation_of(wild) / 2**0.5)
    low, high = mean_interval(calm, 0.05, noise=noise) or (1.0, 1.0)
    assert high - low > 2.0


@pytest.mark.parametrize("step", [0.01, 1 / 360, 3.0, 1e-7])
def test_steps_are_found(step: float) -> None:
    counts = np.random.default_rng(0).integers(0, 90, 30)
    metrics = [0.1 + count * step for count in counts.tolist()]
    assert step_of(metrics) == pytest.approx(step)


def test_metrics_that_can_have_any_value_have_no_step() -> None:
    for seed in range(200):
        drawn = np.random.default_rng(seed).normal(size=3 + seed % 20)
        assert step_of(drawn.tolist()) == 0.0
    assert step_of([]) == step_of([0.5]) == step_of([0.5, 0.5, 0.7]) == 0.0
    assert step_of([0.0, 0.0, 1.0, 1.0]) == 1.0
    assert step_of([-1.7e308, 0.0, 1.7e308]) == 0.0
