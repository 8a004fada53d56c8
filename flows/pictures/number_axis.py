"""Axes of numbers: parameters, metrics of any size that floats have, the time of a study."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from prefect_tuner.flows.pictures.look import INK, SMALL
from prefect_tuner.strategies.encoding.array_types import BoolArray, FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Side: TypeAlias = Literal["x", "y"]
"""Across, or up."""

# Beyond these, matplotlib's arithmetic overflows, or takes different numbers for equal.
_LARGEST, _SMALLEST = 1e100, 1e-100
_MOST_TICKS = 5
_FEW_DECADES = 1.5
_UNITS = ((172_800.0, 86_400.0, "days"), (7_200.0, 3_600.0, "hours"), (120.0, 60.0, "minutes"))


@dataclass(frozen=True)
class NumberAxis:
    """From numbers to places on an axis, which are the numbers themselves where that is possible.

    Attributes:
        low: The lowest number shown.
        high: The highest.
        log: Whether the axis is logarithmic.
        whole: Whether all numbers are whole.
        cut: The end beyond which there are more numbers; or empty.
    """

    low: float
    high: float
    log: bool = False
    whole: bool = False
    cut: Literal["", "low", "high"] = ""

    @property
    def factor(self) -> float:
        """What numbers are divided by; 1 but for those of extreme size."""
        size = max(abs(self.low), abs(self.high))
        if self.log or size == 0.0 or _SMALLEST <= size <= _LARGEST:
            return 1.0
        return 10.0 ** max(-300, math.floor(math.log10(size)))

    def name(self, text: str) -> str:
        """What the axis shows, with the factor if there is one."""
        return text if self.factor == 1.0 else f"{text} / {self.factor:.0e}"

    def place(self, values: Sequence[Any] | FloatArray) -> FloatArray:
        """Where values stand; those beyond the ends stand at the ends."""
        clipped = np.clip(np.asarray(values, dtype=np.float64), self.low, self.high)
        return np.asarray(clipped / self.factor)

    def is_beyond(self, values: Sequence[Any] | FloatArray) -> BoolArray:
        """Which values lie beyond the ends."""
        numbers = np.asarray(values, dtype=np.float64)
        return np.asarray((numbers < self.low) | (numbers > self.high))

    def unit(self, values: Sequence[Any] | FloatArray) -> FloatArray:
        """The same from 0 to 1."""
        return self.unit_of_ticks(self.place(values))

    def unit_of_ticks(self, ticks: FloatArray) -> FloatArray:
        """Where ticks stand, from 0 to 1."""
        placed, low, high = ticks, self._end(self.low), self._end(self.high)
        if self.log:
            placed, low, high = np.log(placed), math.log(low), math.log(high)
        if not high > low:
            return np.full(placed.shape, 0.5)
        return np.asarray((placed - low) / (high - low))

    def ticks(self, most: int = _MOST_TICKS) -> FloatArray:
        """Round places within the axis."""
        from matplotlib.ticker import MaxNLocator

        low, high = self._end(self.low), self._end(self.high)
        if not high > low:
            return np.array([low])
        if self.log:
            return _log_ticks(low, high, most)
        ticks = MaxNLocator(
            most, integer=self.whole, min_n_ticks=2, steps=[1, 2, 2.5, 5, 10]
        ).tick_values(low, high)
        room = (high - low) * 1e-9
        return np.array([tick for tick in ticks if low - room <= tick <= high + room])

    def texts(self, ticks: FloatArray) -> list[str]:
        """What stands beside ticks: as many digits as say where they are."""
        steps = np.abs(np.diff(ticks))
        return number_texts([float(tick) for tick in ticks], blur=min(steps, default=math.inf) / 50)

    def dress(self, axes: Axes, side: Side, most: int = _MOST_TICKS) -> None:
        """Give a side of matplotlib's axes the range and the ticks of this one."""
        from matplotlib.ticker import NullLocator

        low, high = self._end(self.low), self._end(self.high)
        if self.log:
            getattr(axes, f"set_{side}scale")("log")
            margin = (high / low) ** 0.03 if high > low else 1.5
            limits = low / margin, high * margin
        else:
            pad = 0.04 * (high - low) if high > low else abs(low) * 0.1 or 1.0
            limits = low - pad, high + pad
        getattr(axes, f"set_{side}lim")(*limits)
        ticks = self.ticks(most)
        axis = axes.xaxis if side == "x" else axes.yaxis
        axis.set_minor_locator(NullLocator())
        axis.set_ticks(ticks, labels=self.texts(ticks), color=INK, fontsize=SMALL)

    def _end(self, value: float) -> float:
        return value / self.factor


def number_texts(
    values: Sequence[float], most_digits: int = 17, blur: float = math.inf
) -> list[str]:
    """Numbers with as few digits as tell them apart.

    Args:
        values: The numbers.
        most_digits: No more digits than that, even if they do not.
        blur: How far from a number its text may be.

    Example:
        ```python
        from prefect_tuner.flows.pictures.number_axis import number_texts

        assert number_texts([0.25, 0.5]) == ["0.25", "0.5"]
        assert number_texts([1e-5, 0.0001, 1e300]) == ["1e-5", "1e-4", "1e300"]
        ```
    """
    different = len(set(values))
    texts: list[str] = []
    for digits in range(3, most_digits + 1):
        texts = [number_text(value, digits) for value in values]
        told = all(abs(float(text) - v) <= blur for text, v in zip(texts, values, strict=True))
        if told and len(set(texts)) == different:
            break
    return texts


def number_text(value: float, digits: int = 4) -> str:
    """A number with that many digits at the most, short also where it is large or small."""
    if value != 0 and not 1e-3 <= abs(value) < 1e6:
        mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
        mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
        return f"{mantissa}e{int(exponent)}"
    if abs(value) >= 10.0**digits:
        return f"{value:.0f}"
    return f"{value:.{digits}g}"


def metric_axis(losses: FloatArray, metrics: FloatArray) -> NumberAxis:
    """The axis of metrics. What is far worse than most lies beyond its end.

    One loss of 1e6 would leave a flat line of all others. Far is what is more than five times as
    far from the best as the best three quarters are.

    Args:
        losses: Less is better, shape (n,), n > 0.
        metrics: The same as they were returned.
    """
    order = np.argsort(losses, kind="stable")
    # A sixteenth of them, since five times the distance of two floats may be no float.
    distance = losses[order] / 16 - losses[order[0]] / 16
    reach = 5.0 * distance[max(0, math.ceil(0.75 * len(order)) - 1)]
    shown = metrics[order]
    cut: Literal["", "low", "high"] = ""
    if 0.0 < reach < distance[-1]:
        cut = "low" if shown[-1] < shown[0] else "high"
        shown = shown[distance <= reach]
    return NumberAxis(float(shown.min()), float(shown.max()), cut=cut)


def time_axis(span: float) -> tuple[NumberAxis, float, str]:
    """The axis of a time that begins at 0, the seconds of its unit, and what stands below it.

    Args:
        span: Seconds.

    Example:
        ```python
        from prefect_tuner.flows.pictures.number_axis import time_axis

        axis, size, text = time_axis(600.0)
        assert (axis.high, size, text) == (10.0, 60.0, "time (minutes)")
        ```
    """
    size, unit = next(
        ((size, unit) for least, size, unit in _UNITS if span >= least), (1.0, "seconds")
    )
    return NumberAxis(0.0, max(span / size, 1e-3)), size, f"time ({unit})"


def _log_ticks(low: float, high: float, most: int) -> FloatArray:
    first, last = math.log10(low), math.log10(high)
    if last - first < _FEW_DECADES:
        exponents = range(math.floor(first), math.ceil(last) + 1)
        found = [m * 10.0**e for e in exponents for m in (1, 2, 5) if e > -308]
        return np.array([tick for tick in found if low * 0.999 <= tick <= high * 1.001] or [low])
    exponents = range(math.ceil(first - 1e-9), math.floor(last + 1e-9) + 1)
    step = max(1, math.ceil(len(exponents) / most))
    return np.array([10.0**e for e in list(exponents)[::step]])
