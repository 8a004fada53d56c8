"""Whether two candidates are the same, to the types of their values."""

from __future__ import annotations

from collections.abc import Mapping

from prefect_tuner.exact_value import same_value
from prefect_tuner.hyper_value import HyperValue


def same_params(one: Mapping[str, HyperValue], other: Mapping[str, HyperValue]) -> bool:
    """Whether two candidates have the same values: `True`, `1` and `1.0` are three, in lists too.

    Example:
        ```python
        from prefect_tuner.strategies.candidates.same_params import same_params

        assert same_params({"a": 1, "b": 2}, {"b": 2, "a": 1})
        assert not same_params({"a": [1]}, {"a": [True]})
        ```
    """
    return one == other and all(same_value(one[name], other[name]) for name in one)
