from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from prefect_tuner import Outcome
from prefect_tuner.trial import describe_params, finite_metric


@pytest.mark.parametrize("value", [0.5, 1, np.float32(0.5), np.int64(3), np.array(0.25)])
def test_a_number_is_a_metric_as_a_python_float(value: Any) -> None:
    metric = finite_metric(value)
    assert type(metric) is float
    assert metric == value


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        np.True_,
        "0.5",
        float("nan"),
        float("-inf"),
        np.float64("nan"),
        10**400,
        1j,
        Decimal("0.5"),
        [0.5],
        np.array([0.5]),
        {"metric": 0.5},
    ],
)
def test_what_is_no_finite_real_number_is_no_metric(value: Any) -> None:
    assert finite_metric(value) is None


def test_outcomes_are_their_words_in_json() -> None:
    assert (
        json.dumps([Outcome.TIMED_OUT, Outcome.OUT_OF_MEMORY]) == '["timed_out", "out_of_memory"]'
    )


def test_a_pruned_or_cancelled_trial_did_not_fail() -> None:
    failures = {outcome for outcome in Outcome if outcome.is_failure}
    assert set(Outcome) - failures == {Outcome.COMPLETED, Outcome.PRUNED, Outcome.CANCELLED}


def test_parameters_are_described_so_that_their_types_can_be_told() -> None:
    described = describe_params({"a": True, "b": 1, "c": 1.0, "d": "1"})
    assert described == "a=True, b=1, c=1.0, d='1'"
