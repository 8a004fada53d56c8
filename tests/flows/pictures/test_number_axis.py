"""Axes of numbers of any size."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from prefect_tuner.flows.pictures.number_axis import NumberAxis, metric_axis, number_texts
from tests.search_spaces import UNHURRIED

FINITE = st.floats(allow_nan=False, allow_infinity=False)


@UNHURRIED
@given(st.lists(FINITE, min_size=1, max_size=30), st.booleans())
def test_every_metric_has_a_place_on_its_axis(metrics: list[float], maximize: bool) -> None:
    values = np.array(metrics)
    axis = metric_axis(-values if maximize else values, values)
    best = values.max() if maximize else values.min()
    assert axis.low <= best <= axis.high
    units = axis.unit(values)
    assert np.all((units >= 0.0) & (units <= 1.0))
    assert np.isfinite(axis.place(values)).all()
    beyond = axis.is_beyond(values)
    assert bool(beyond.any()) == bool(axis.cut)
    # What is cut off is worse than all that is shown, and less than a quarter of all.
    assert beyond.sum() <= 0.25 * len(values)
    ticks = axis.ticks()
    assert len(ticks) == len(axis.texts(ticks)) > 0


@UNHURRIED
@given(st.floats(1e-307, 1e300), st.floats(1.0001, 1e7), st.lists(st.floats(0.0, 1.0), min_size=1))
def test_a_logarithmic_axis_has_round_ticks_within_its_range(
    low: float, ratio: float, units: list[float]
) -> None:
    axis = NumberAxis(low, low * ratio, log=True)
    ticks = axis.ticks()
    assert 1 <= len(ticks) <= 9
    assert np.all((ticks >= low * 0.99) & (ticks <= low * ratio * 1.01))
    values = low * ratio ** np.array(units)
    assert np.allclose(axis.unit(values), np.clip(units, 0, 1), atol=1e-6)


@UNHURRIED
@given(st.lists(st.floats(-1e308, 1e308), min_size=1, max_size=6, unique=True))
def test_texts_of_numbers_tell_them_apart_and_are_those_numbers(values: list[float]) -> None:
    texts = number_texts(values)
    assert len(set(texts)) == len(set(values))
    for text, value in zip(texts, values, strict=True):
        assert abs(float(text) / 2 - value / 2) <= 0.01 * abs(value / 2) + 1e-323


def test_ticks_say_where_they_are() -> None:
    axis = NumberAxis(0.9659, 0.9763)
    assert axis.texts(axis.ticks()) == ["0.9675", "0.97", "0.9725", "0.975"]
    assert NumberAxis(0.0, 1.0).texts(np.array([0.0, 0.5, 1.0])) == ["0", "0.5", "1"]
    assert NumberAxis(0.1, 0.3).texts(np.array([1 / 3])) == ["0.333"]


def test_one_metric_that_is_far_worse_is_cut_off() -> None:
    losses = np.array([*np.linspace(0.0, 1.0, 20), 1e9])
    axis = metric_axis(losses, losses)
    assert (axis.low, axis.high, axis.cut) == (0.0, 1.0, "high")
    axis = metric_axis(losses, -losses)
    assert (axis.low, axis.high, axis.cut) == (-1.0, 0.0, "low")
