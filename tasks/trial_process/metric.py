"""Reading what an objective returned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from prefect_tuner.trial import ExtraValue, extra_value, finite_metric


class InvalidMetric(Exception):
    """What the objective returned is not a metric; the message says what it was."""


@dataclass(frozen=True)
class Returned:
    """A metric, and what came with it.

    Attributes:
        metric: A finite number.
        extra: Finite numbers, texts and bools by name.
        left_out: Names of the entries that are not kept, see `extra_value`.
    """

    metric: float
    extra: dict[str, ExtraValue] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)


def read_metric(value: object) -> Returned:
    """The metric in what an objective returned.

    Args:
        value: A finite real number (numpy's scalars and arrays without dimensions are numbers), or
            a mapping with such a number at `"metric"` and beside it what else is to be kept:
            numbers, texts and bools.

    Raises:
        InvalidMetric: It is neither.

    Example:
        ```python
        from prefect_tuner.tasks.trial_process.metric import read_metric

        returned = {"metric": 0.9, "loss": 0.3, "model_path": "/models/7.pkl", "converged": True}
        assert read_metric(returned).extra == {
            "loss": 0.3, "model_path": "/models/7.pkl", "converged": True
        }
        ```
    """
    if not isinstance(value, Mapping):
        return Returned(_finite(value, "the objective must return a finite number"))
    if "metric" not in value:
        raise InvalidMetric(
            f'a mapping returned by the objective must have the key "metric", '
            f"it has {', '.join(map(repr, value)) or 'none'}"
        )
    metric = _finite(value["metric"], 'the objective must return a finite number as "metric"')
    others = {
        str(name): extra_value(str(name), each) for name, each in value.items() if name != "metric"
    }
    extra = {name: each for name, each in others.items() if each is not None}
    return Returned(metric, extra, left_out=[name for name in others if name not in extra])


def _finite(value: object, rule: str) -> float:
    metric = finite_metric(value)
    if metric is None:
        raise InvalidMetric(f"{rule}, got {_short(value)} ({type(value).__name__})")
    return metric


def _short(value: object) -> str:
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - a user's __repr__ may raise anything
        return "a value whose repr() raises"
    return text if len(text) <= 100 else text[:97] + "..."
