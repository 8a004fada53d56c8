"""Whether the metric itself is what a metric should be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from prefect_tuner.flows.analysis.case import FEWEST_TRIALS, Case
from prefect_tuner.flows.analysis.finding import Finding
from prefect_tuner.strategies.encoding.array_types import FloatArray

_NEARLY_ALL = 0.9
"""The share of metrics that are the same, where the metric is nearly constant."""

_MOST_AT_FIRST = 0.7
"""The same of the first trials: later ones may be alike because the search has converged."""

_FIRST = 20

_TINY = 1e-4
"""The spread of a metric, in units of its size, below which it hardly changes."""

_SMALL = 1e-3
"""The same for a metric that the parameters do not explain."""

_NOT_EXPLAINED = 0.7
"""The share of the variance that is left when the parameters do not explain the metric."""

_PERFECT_GAPS = (4.0, 12.0)
"""How many times farther a perfect metric is from the next one than the next ones from each other:
the second where all parameters are discrete, of which one candidate may be perfect.
"""

_FAR_OFF = 10.0
"""How many times farther the best metric is from all others than these are from each other."""


def constant_metric(case: Case) -> Iterator[Finding]:
    """The metric is the same in nearly all trials, or changes in its last digits alone."""
    metrics = case.metrics
    if metrics.size < FEWEST_TRIALS:
        return
    (usual, count), *_ = Counter(metrics.tolist()).most_common(1)
    advice = (
        "see whether the objective uses its parameters, and whether the metric can tell "
        "candidates apart"
    )
    early = metrics[:_FIRST]
    if count >= _NEARLY_ALL * metrics.size:
        if (early == usual).sum() >= _MOST_AT_FIRST * early.size:
            told = "all" if count == metrics.size else f"{count} of"
            yield Finding(
                "constant_metric", f"{told} {metrics.size} trials have the metric {usual!r}", advice
            )
        return
    low, high = _narrowest(metrics, _NEARLY_ALL)
    size = max(abs(low), abs(high))
    within = (early >= low) & (early <= high)
    if high - low > _SMALL * size or within.sum() < _MOST_AT_FIRST * early.size:
        return
    if high - low > _TINY * size and not _is_unexplained(case):
        return
    count = int(((metrics >= low) & (metrics <= high)).sum())
    told = "all" if count == metrics.size else f"{count} of"
    yield Finding(
        "constant_metric",
        f"the metrics of {told} {metrics.size} trials lie between {low!r} and {high!r}: they "
        f"differ by {(high - low) / size:.1g} of their size",
        f"{advice}; if so small differences matter, let the objective return them alone",
    )


def too_good_to_be_true(case: Case) -> Iterator[Finding]:
    """The best metric is perfect, or far beyond all others."""
    if case.losses.size < FEWEST_TRIALS:
        return
    losses = np.sort(case.losses)
    count = int((losses == losses[0]).sum())
    others = losses[count:]
    if others.size < FEWEST_TRIALS // 2:
        return
    gap = float(others[0] - losses[0])
    best = float(case.goal.loss(losses[0]))  # The sign is its own inverse.
    next_best = float(case.goal.loss(others[0]))
    trials = "the best trial has" if count == 1 else f"the {count} best trials have"
    advice = (
        "see whether the objective measures what it should: whether data to be foretold are among "
        "the data that it learns from, whether it scores on training data, or returns too early"
    )
    if gap > _FAR_OFF * float(others[-1] - others[0]) and count == 1:
        yield Finding(
            "too_good_to_be_true",
            f"the best trial has the metric {best!r}, which is far beyond all others: the next "
            f"is {next_best!r}, and the worst {case.goal.loss(float(others[-1]))!r}",
            f"{advice}; tell the study a failure where the metric is no number to rely on",
        )
    elif _is_perfect(case, best) and gap > _perfect_gap(case) * _spacing(others):
        yield Finding(
            "too_good_to_be_true",
            f"{trials} the metric {best!r}, which cannot be better, and the next best is "
            f"{next_best!r}",
            advice,
        )


def _narrowest(values: FloatArray, share: float) -> tuple[float, float]:
    """The ends of the narrowest interval that holds a share of the values."""
    ordered = np.sort(values)
    count = int(np.ceil(share * values.size))
    widths = ordered[count - 1 :] - ordered[: ordered.size - count + 1]
    first = int(np.argmin(widths))
    return float(ordered[first]), float(ordered[first + count - 1])


def _is_unexplained(case: Case) -> bool:
    surrogate = case.surrogate
    return surrogate is not None and surrogate.unexplained > _NOT_EXPLAINED


def _is_perfect(case: Case, best: float) -> bool:
    """Whether the best metric is the end of a scale on which most others are no round numbers."""
    metrics = case.metrics
    if case.goal.direction == "minimize":
        is_end = best == 0.0 and bool((metrics >= 0.0).all())
    else:
        is_end = (
            best in (1.0, 100.0) and bool(((metrics >= -best) & (metrics <= best)).all())
        ) or (best == 0.0 and bool((metrics <= 0.0).all()))
    others = metrics[metrics != best]
    return is_end and bool((others != np.rint(others)).mean() > 0.8)


def _perfect_gap(case: Case) -> float:
    """How much farther a perfect metric is from the others if it is too good."""
    return _PERFECT_GAPS[case.space.cardinality is not None]


def _spacing(losses: FloatArray) -> float:
    """How far the first few of some different losses are from each other, on average."""
    few = np.unique(losses)[:6]
    if few.size < 2:
        return np.inf
    return float(few[-1] - few[0]) / (few.size - 1)
