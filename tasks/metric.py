"""Reading what an objective returned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from prefect_tuner.trial import finite_metric


class InvalidMetric(Exception):
    """What the objective returned is not a metric; the message says what it was."""


@dataclass(frozen=True)
class Returned:
    """A metric, and the further numbers that came with it.

    Attributes:
        metric: A finite number.
        extra: Finite numbers by name.
        left_out: Names of the entries that were not finite numbers.
    """

    metric: float
    extra: dict[str, float] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)


def read_metric(value: object) -> Returned:
    """The metric in what an objective returned.

    Args:
        value: A finite real number (numpy's scalars and arrays without dimensions are numbers), or
            a mapping with such a number at `"metric"` and further numbers beside it.

    Raises:
        InvalidMetric: It is neither.

    Example:
        ```python
        from prefect_tuner.tasks.metric import read_metric

        assert read_metric({"metric": 0.9, "loss": 0.3}).extra == {"loss": 0.3}
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
    numbers = {str(name): finite_metric(n) for name, n in value.items() if name != "metric"}
    extra = {name: number for name, number in numbers.items() if number is not None}
    return Returned(metric, extra, left_out=[name for name in numbers if name not in extra])


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
