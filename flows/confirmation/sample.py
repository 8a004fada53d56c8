"""What a sample of evaluations tells of its mean: an interval, and whether it is above zero.

Student's t, with two corrections, both of which make an interval wider:
- A metric that comes in steps, such as an accuracy on 100 samples, often gives the same value a few
  times in a row by luck; Student's interval would then have no width. So its standard deviation is
  taken to be half a step at the least.
- Where noise is skewed, or a training goes wrong now and then, a few evaluations often show none of
  it; those of the other candidates do. So an interval is at the least as wide as the noise of all
  candidates together makes it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

MOST_STEPS = 1_000
"""Steps between the smallest and the largest value, above which a metric counts as continuous:
any three numbers are close to multiples of a step that is small enough."""

SURELY_REPEATED = 4
"""Metrics, with no more than two different values among them, that are taken to come in steps."""

_TOLERANCE = 1e-9


def deviation_of(values: Sequence[float]) -> float:
    """The standard deviation of what at least two values are drawn from."""
    largest = max(map(abs, values)) or 1.0
    mean = mean_of(values) / largest
    squares = math.fsum((value / largest - mean) ** 2 for value in values)
    return math.sqrt(squares / (len(values) - 1)) * largest


def mean_of(values: Sequence[float]) -> float:
    """The mean, between the smallest and the largest value whatever is rounded.

    Args:
        values: At least one.
    """
    largest = max(map(abs, values)) or 1.0
    mean = math.fsum(value / largest for value in values) / len(values) * largest
    return min(max(mean, min(values)), max(values))


@dataclass(frozen=True)
class Noise:
    """The noise of several samples together.

    Attributes:
        deviation: The standard deviation of values from the mean of their own sample.
        degrees: Degrees of freedom: how many values there are beyond the first of each sample.
    """

    deviation: float = 0.0
    degrees: int = 0

    @classmethod
    def of(cls, samples: Iterable[Sequence[float]]) -> Noise:
        """The noise of samples, each of which has a mean of its own."""
        several = [values for values in samples if len(values) > 1]
        degrees = sum(len(values) - 1 for values in several)
        deviations = [deviation_of(values) for values in several]
        largest = max(deviations, default=0.0)
        if largest == 0.0:
            return cls(0.0, degrees)
        pairs = zip(several, deviations, strict=True)
        squares = math.fsum((each / largest) ** 2 * (len(values) - 1) for values, each in pairs)
        return cls(math.sqrt(squares / degrees) * largest, degrees)


NO_NOISE = Noise()


def mean_interval(
    values: Sequence[float], error: float, step: float = 0.0, noise: Noise = NO_NOISE
) -> tuple[float, float] | None:
    """An interval that holds the mean of what the values are drawn from.

    Args:
        values: Drawn independently.
        error: The chance that it does not hold it.
        step: Of the metric; 0 where it has none.
        noise: Of all candidates together.

    Returns:
        None where there are fewer than two values, or where it has no finite ends.

    Example:
        ```python
        from prefect_tuner.flows.confirmation.sample import mean_interval

        low, high = mean_interval([1.0, 2.0, 3.0], error=0.05)
        assert round(low, 2) == -0.48 and round(high, 2) == 4.48
        ```
    """
    if len(values) < 2:
        return None
    mean = mean_of(values)
    half = _quantile(len(values) - 1, error / 2) * max(deviation_of(values), step / 2)
    if noise.degrees:
        half = max(half, _quantile(noise.degrees, error / 2) * noise.deviation)
    half /= math.sqrt(len(values))
    low, high = mean - half, mean + half
    return (low, high) if math.isfinite(low) and math.isfinite(high) else None


def is_above_zero(differences: Sequence[float], error: float, step: float = 0.0) -> bool:
    """Whether the mean of what the differences are drawn from is above zero.

    Args:
        differences: Drawn independently.
        error: The chance to say so where it is zero or less.
        step: Of the metric; 0 where it has none.
    """
    if len(differences) < 2:
        return False
    deviation = max(deviation_of(differences), step / 2)
    threshold = _quantile(len(differences) - 1, error) * deviation / math.sqrt(len(differences))
    return mean_of(differences) > threshold


def step_of(metrics: Sequence[float]) -> float:
    """The step in which a metric comes; 0 where it can have any value.

    It is the largest number of which all differences between values are multiples.

    Args:
        metrics: Of the trials of a study.

    Example:
        ```python
        from prefect_tuner.flows.confirmation.sample import step_of

        assert round(step_of([0.97, 0.95, 0.92, 0.97]), 9) == 0.01
        assert step_of([0.9701, 0.9512, 0.9234567]) == 0.0
        ```
    """
    values = sorted(set(metrics))
    spread = values[-1] - values[0] if values else 0.0
    if len(values) < 2 or not math.isfinite(spread):
        return 0.0
    if len(values) == 2:  # Two always have a step; it is one where they come again and again.
        return spread if len(metrics) >= SURELY_REPEATED else 0.0
    step = spread
    for value in values[1:-1]:
        rest = value - values[0]
        while rest > _TOLERANCE * spread:  # Euclid's algorithm.
            step, rest = rest, step % rest
            rest = 0.0 if step - rest < _TOLERANCE * spread else rest
    return step if spread / step <= MOST_STEPS else 0.0


@lru_cache(maxsize=4096)
def _quantile(degrees: int, error: float) -> float:
    """What Student's t with so many degrees of freedom exceeds with the chance `error`."""
    from scipy.special import stdtrit

    return -float(stdtrit(degrees, error))
