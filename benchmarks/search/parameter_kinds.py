"""What kind of parameter a peer is handed."""

from __future__ import annotations

from typing import TypeGuard

from prefect_tuner import Categorical, Float, Int


def is_range(parameter: Float | Int | Categorical) -> TypeGuard[Float | Int]:
    """Whether it is a plain range of numbers: no steps, and more than one value."""
    return (
        not isinstance(parameter, Categorical)
        and parameter.step is None
        and parameter.low < parameter.high
    )
