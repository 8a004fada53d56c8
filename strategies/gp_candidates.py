"""Candidates for the acquisition of `gp`: where it is looked up, and how they are improved.

Notation:
    A: axes of the encoding.
    codes: candidates, shape (m, A), see `encoding`.
    score: the acquisition, larger is better, shape (m,); -inf for a candidate tried before.

Random candidates find regions, perturbed incumbents improve on what is there (L. Papenmeier et
al., Understanding High-Dimensional Bayesian Optimization, 2025). The best of them are improved
by turns: the axes that are many-valued by a gradient, all others by trying each value.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from scipy.optimize import minimize

from prefect_tuner.strategies.array_types import BoolArray, FloatArray
from prefect_tuner.strategies.axis import Axis
from prefect_tuner.strategies.encoding import Encoding

Score: TypeAlias = Callable[[FloatArray], FloatArray]
"""Codes of shape (m, A) to their scores, shape (m,)."""
ScoreAndGradient: TypeAlias = Callable[[FloatArray], tuple[FloatArray, FloatArray]]
"""Codes of shape (m, A) to their scores, shape (m,), and the gradients of these, shape (m, A)."""

FEW = 32
"""Up to so many values, all values of an axis are tried; above, it is taken as continuous."""

_ROUNDS = 4
_GRADIENT_ITERATIONS = 12


def random_candidates(encoding: Encoding, rng: np.random.Generator, count: int) -> FloatArray:
    """Candidates all over the space, shape (count, A)."""
    return encoding.from_unit_cube(rng.random((count, len(encoding.axes))))


def perturbed_candidates(
    encoding: Encoding, rng: np.random.Generator, incumbents: FloatArray, count: int
) -> FloatArray:
    """Candidates around some incumbents, shape (count, A): few axes changed, far or near.

    Args:
        encoding: The encoding of the space.
        rng: Where the random numbers come from.
        incumbents: Their codes, shape (i, A), each of which gets its share.
        count: How many candidates.
    """
    axes = len(encoding.axes)
    codes = incumbents[np.arange(count) % len(incumbents)].copy()
    changed = rng.random((count, axes)) < min(1.0, 2.0 / axes)
    changed[np.arange(count), rng.integers(axes, size=count)] = True
    # From half an axis down to a hundredth of it.
    steps = 0.5 * 0.02 ** rng.random((count, 1)) * rng.standard_normal((count, axes))
    others = rng.random((count, axes))
    for j, axis in enumerate(encoding.axes):
        if axis.has_order:
            # At least the neighbouring value, or the candidate would stay where it is.
            least = 0.0 if axis.count is None else 1.0 / axis.count
            moved = codes[:, j] + np.copysign(np.maximum(np.abs(steps[:, j]), least), steps[:, j])
            moved = np.abs(moved)
            moved = 1.0 - np.abs(1.0 - moved)
        else:
            choices = axis.count or 1
            moved = (codes[:, j] + 1.0 + np.floor(others[:, j] * (choices - 1))) % choices
        codes[:, j] = np.where(changed[:, j], moved, codes[:, j])
    return encoding.snap(codes)


def all_candidates(encoding: Encoding) -> FloatArray:
    """Every candidate of a finite space, shape (cardinality, A)."""
    values = [axis.all_codes() for axis in encoding.axes]
    return np.stack([grid.ravel() for grid in np.meshgrid(*values, indexing="ij")], axis=1)


def improved(
    encoding: Encoding,
    starts: FloatArray,
    scores: FloatArray,
    score: Score,
    score_and_gradient: ScoreAndGradient,
    rng: np.random.Generator,
) -> tuple[FloatArray, FloatArray]:
    """Local search from each of some candidates at once.

    Args:
        encoding: The encoding of the space.
        starts: Codes of where to begin, shape (s, A).
        scores: Their scores, shape (s,).
        score: The score of candidates.
        score_and_gradient: The score with its gradient, needed where an axis is continuous.
        rng: Where the random numbers come from.

    Returns:
        All candidates that were improvements, and their scores.
    """
    is_relaxed = np.array(
        [axis.has_order and (axis.count is None or axis.count > FEW) for axis in encoding.axes]
    )
    found, found_scores = [starts], [scores]
    codes, best = starts.copy(), scores.copy()
    moving = np.arange(len(starts))
    for _ in range(_ROUNDS):
        before = best.copy()
        if is_relaxed.any():
            climbed = encoding.snap(_climbed(codes[moving], is_relaxed, score_and_gradient))
            _keep_better(codes, best, moving, climbed, score(climbed))
        if not all(axis.count is None for axis in encoding.axes):
            neighbours, owner = _neighbours(encoding.axes, codes[moving], rng)
            values = score(neighbours)
            order = np.lexsort((-values, owner))
            first = order[np.searchsorted(owner[order], np.arange(len(moving)))]
            found.append(neighbours[order[: 8 * len(moving)]])
            found_scores.append(values[order[: 8 * len(moving)]])
            _keep_better(codes, best, moving, neighbours[first], values[first])
        moving = moving[best[moving] > before[moving] + 1e-6]
        if len(moving) == 0 or not any(axis.count is not None for axis in encoding.axes):
            break
    found.append(codes)
    found_scores.append(best)
    return np.concatenate(found), np.concatenate(found_scores)


def _keep_better(
    codes: FloatArray, best: FloatArray, rows: object, others: FloatArray, values: FloatArray
) -> None:
    """Put those of `others` that are better in the place of what stands in `rows`."""
    places = np.asarray(rows)
    wins = values > best[places]
    codes[places[wins]] = others[wins]
    best[places[wins]] = values[wins]


def _climbed(
    codes: FloatArray, is_relaxed: BoolArray, score_and_gradient: ScoreAndGradient
) -> FloatArray:
    """Where L-BFGS-B leads along the relaxed axes, from all rows in one problem.

    The rows do not depend on each other, so that the sum of their scores is largest where each
    is; one call of the model then serves them all.
    """
    rows = codes.copy()

    def negative_sum(flat: FloatArray) -> tuple[float, FloatArray]:
        rows[:, is_relaxed] = flat.reshape(len(rows), -1)
        values, gradient = score_and_gradient(rows)
        return -float(values.sum()), -gradient[:, is_relaxed].ravel()

    start = codes[:, is_relaxed].ravel()
    result = minimize(
        negative_sum,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=np.tile([0.0, 1.0], (len(start), 1)),
        options={"maxiter": _GRADIENT_ITERATIONS, "maxfun": 2 * _GRADIENT_ITERATIONS},
    )
    rows[:, is_relaxed] = np.asarray(result.x).reshape(len(rows), -1)
    return rows


def _neighbours(
    axes: tuple[Axis, ...], codes: FloatArray, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Each row with one axis changed, for every discrete axis, and the number of its row."""
    blocks: list[FloatArray] = []
    owners: list[FloatArray] = []
    numbers = np.arange(len(codes))
    for j, axis in enumerate(axes):
        if axis.count is None:
            continue
        options = _other_values(axis, codes[:, j], rng)
        block = np.repeat(codes, options.shape[1], axis=0)
        block[:, j] = options.ravel()
        blocks.append(block)
        owners.append(np.repeat(numbers, options.shape[1]))
    return np.concatenate(blocks), np.concatenate(owners)


def _other_values(axis: Axis, codes: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Codes to try in the place of each, shape (len(codes), options)."""
    count = axis.count or 0
    if count <= FEW:
        return np.broadcast_to(axis.all_codes(), (len(codes), count))
    if not axis.has_order:
        return np.floor(rng.random((len(codes), FEW)) * count)
    nearby = codes[:, None] + np.array([-2.0, -1.0, 1.0, 2.0]) * axis.spacing(codes)[:, None]
    return axis.snapped(nearby.ravel()).reshape(nearby.shape)
