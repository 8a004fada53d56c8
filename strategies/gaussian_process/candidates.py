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

from prefect_tuner.strategies.encoding.array_types import BoolArray, FloatArray, IntArray
from prefect_tuner.strategies.encoding.axis import Axis
from prefect_tuner.strategies.encoding.encoding import Encoding
from prefect_tuner.strategies.feasibility.sampler import FeasibleSampler

Score: TypeAlias = Callable[[FloatArray], FloatArray]
"""Codes of shape (m, A) to their scores, shape (m,)."""
ScoreAndGradient: TypeAlias = Callable[[FloatArray], tuple[FloatArray, FloatArray]]
"""Codes of shape (m, A) to their scores, shape (m,), and the gradients of these, shape (m, A)."""

FEW = 32
"""Up to so many values, all values of an axis are tried; above, it is taken as continuous."""

_ROUNDS = 4
# Draws of all candidates at once until enough of them meet the constraints.
_DRAWS = 16
# Where a climb ends outside the constraints, these parts of it are tried.
_PARTS = (0.5, 0.25, 0.1)
_GRADIENT_ITERATIONS = 12


def random_candidates(sampler: FeasibleSampler, rng: np.random.Generator, count: int) -> FloatArray:
    """Candidates all over the space that meet its constraints, shape (count, A).

    Where they are few, of a small space all of them.
    """
    if sampler.is_rare:
        return sampler.anywhere(rng, count)
    encoding = sampler.encoding
    drawn = _feasible(
        encoding, count, lambda: encoding.from_unit_cube(rng.random((count, len(encoding.axes))))
    )
    if len(drawn) < count and encoding.cells is not None:
        return encoding.cells[rng.permutation(len(encoding.cells))[:count]]
    return drawn


def perturbed_candidates(
    sampler: FeasibleSampler, rng: np.random.Generator, incumbents: FloatArray, count: int
) -> FloatArray:
    """Candidates around some incumbents that meet the constraints: few axes changed, far or near.

    What the change of a parent activates has the value of another incumbent, or a random one.

    Args:
        sampler: Draws them where few meet the constraints; knows the encoding of the space.
        rng: Where the random numbers come from.
        incumbents: Their codes, shape (i, A), each of which gets its share.
        count: How many candidates.

    Returns:
        Codes, shape (count, A); fewer rows where candidates that meet the constraints are rare.
    """
    if sampler.is_rare:
        return sampler.nearby(rng, incumbents, count)
    encoding = sampler.encoding
    return _feasible(encoding, count, lambda: _perturbed(encoding, rng, incumbents, count))


def _feasible(encoding: Encoding, count: int, draw: Callable[[], FloatArray]) -> FloatArray:
    """As many draws as are needed for `count` candidates that meet the constraints, if possible."""
    if not encoding.has_constraints:
        return draw()
    found: list[FloatArray] = []
    for _ in range(_DRAWS):
        codes = draw()
        found.append(codes[encoding.meets_constraints(codes)])
        if sum(map(len, found)) >= count:
            break
    return np.concatenate(found)[:count]


def _perturbed(
    encoding: Encoding, rng: np.random.Generator, incumbents: FloatArray, count: int
) -> FloatArray:
    axes = len(encoding.axes)
    codes = incumbents[np.arange(count) % len(incumbents)].copy()
    changed = rng.random((count, axes)) < min(1.0, 2.0 / axes)
    if encoding.is_conditional.any():
        is_active = ~np.isnan(codes)
        changed[np.arange(count), np.argmax(rng.random((count, axes)) * is_active, axis=1)] = True
        changed &= is_active
        codes = _with_others(encoding, rng, codes, incumbents)
    else:
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


def _with_others(
    encoding: Encoding, rng: np.random.Generator, codes: FloatArray, incumbents: FloatArray
) -> FloatArray:
    """The rows with a code for every axis: in the place of NaN an incumbent's or a random one."""
    shape = codes.shape
    theirs = incumbents[rng.integers(len(incumbents), size=len(codes))]
    theirs = np.where(rng.random(shape) < 0.5, theirs, np.nan)
    anything = encoding.all_from_unit_cube(rng.random(shape))
    return encoding.completed(encoding.completed(codes, theirs), anything)


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
    is_discrete = np.array([axis.count is not None for axis in encoding.axes])

    def judge(rows: FloatArray) -> FloatArray:
        return np.where(encoding.meets_constraints(rows), score(rows), -np.inf)

    found, found_scores = [starts], [scores]
    codes, best = starts.copy(), scores.copy()
    moving = np.arange(len(starts))
    for _ in range(_ROUNDS):
        before = best.copy()
        if is_relaxed.any():
            here = codes[moving]
            climb = _climbed(here, is_relaxed, score_and_gradient) - here
            parts = np.array((1.0, *_PARTS) if encoding.has_constraints else (1.0,))
            rows = encoding.snap(np.concatenate([here + part * climb for part in parts]))
            values = judge(rows).reshape(len(parts), -1)
            highest = values.argmax(axis=0) * len(moving) + np.arange(len(moving))
            _keep_better(codes, best, moving, rows[highest], values.ravel()[highest])
        if is_discrete.any():
            neighbours, owner = _neighbours(encoding, codes[moving], starts, rng)
            values = judge(neighbours)
            order = np.lexsort((-values, owner))
            first = order[np.searchsorted(owner[order], np.arange(len(moving)))]
            found.append(neighbours[order[: 8 * len(moving)]])
            found_scores.append(values[order[: 8 * len(moving)]])
            _keep_better(codes, best, moving, neighbours[first], values[first])
        moving = moving[best[moving] > before[moving] + 1e-6]
        if len(moving) == 0 or not is_discrete.any():
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
    """Where L-BFGS-B leads along the relaxed axes that are active, from all rows in one problem.

    The rows do not depend on each other, so that the sum of their scores is largest where each
    is; one call of the model then serves them all.
    """
    rows = codes.copy()
    is_free = is_relaxed & ~np.isnan(codes)
    if not is_free.any():
        return rows

    def negative_sum(flat: FloatArray) -> tuple[float, FloatArray]:
        rows[is_free] = flat
        values, gradient = score_and_gradient(rows)
        return -float(values.sum()), -gradient[is_free]

    start = codes[is_free]
    result = minimize(
        negative_sum,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=np.tile([0.0, 1.0], (len(start), 1)),
        options={"maxiter": _GRADIENT_ITERATIONS, "maxfun": 2 * _GRADIENT_ITERATIONS},
    )
    rows[is_free] = np.asarray(result.x)
    return rows


def _neighbours(
    encoding: Encoding, codes: FloatArray, incumbents: FloatArray, rng: np.random.Generator
) -> tuple[FloatArray, IntArray]:
    """Each row with one axis changed, for every discrete axis, and the number of its row."""
    blocks: list[FloatArray] = []
    owners: list[IntArray] = []
    numbers = np.arange(len(codes))
    if encoding.is_conditional.any():
        # Itself, should none of its discrete axes be active.
        blocks.append(codes)
        owners.append(numbers)
    for j, axis in enumerate(encoding.axes):
        if axis.count is None:
            continue
        rows = np.flatnonzero(~np.isnan(codes[:, j]))
        options = _other_values(axis, codes[rows, j], rng)
        block = np.repeat(codes[rows], options.shape[1], axis=0)
        block[:, j] = options.ravel()
        blocks.append(block)
        owners.append(np.repeat(rows, options.shape[1]))
    block = np.concatenate(blocks)
    if encoding.is_conditional.any():
        block = encoding.masked(_with_others(encoding, rng, block, incumbents))
    return block, np.concatenate(owners)


def _other_values(axis: Axis, codes: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Codes to try in the place of each, shape (len(codes), options)."""
    count = axis.count or 0
    if count <= FEW:
        return np.broadcast_to(axis.all_codes(), (len(codes), count))
    if not axis.has_order:
        return np.floor(rng.random((len(codes), FEW)) * count)
    nearby = codes[:, None] + np.array([-2.0, -1.0, 1.0, 2.0]) * axis.spacing(codes)[:, None]
    return axis.snapped(nearby.ravel()).reshape(nearby.shape)
