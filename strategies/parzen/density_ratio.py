"""Candidates by the ratio of two densities: that of the good observations and that of the others.

Notation:
    codes: observations, shape (n, A), see `encoding`; NaN where an axis is inactive.
    l, g: Parzen densities of the good observations and of the others, see `parzen_density`.

A candidate with a large l / g has the largest expected improvement over what tells good from bad
(J. Bergstra et al., Algorithms for Hyper-Parameter Optimization, NeurIPS 2011, equation 2). A
density looks at how often a value did well, not at how the metric changes from here to there.
"""

from __future__ import annotations

import math
from typing import final

import numpy as np

from prefect_tuner.strategies.encoding.array_types import FloatArray, IntArray
from prefect_tuner.strategies.encoding.encoding import Encoding
from prefect_tuner.strategies.feasibility.sampler import FeasibleSampler
from prefect_tuner.strategies.parzen.parzen_density import ParzenDensity, mixture_log_density

_SHARE, _MOST_GOOD = 0.15, 25
_MOST_OTHERS = 1000


def good_count(n: int) -> int:
    """How many of n observations count as good."""
    return max(1, min(math.ceil(_SHARE * n), _MOST_GOOD))


@final
class DensityRatio:
    """The densities of good observations and of all others.

    Of a long history, g has kernels around a part of the observations: those that are next to the
    good ones in rank, as candidates are mostly near to these, and an even choice of the rest, each
    of which stands for several.

    Args:
        encoding: The encoding of the space.
        ranked: Codes of observations, the best first, shape (n, A).
        good: How many of them count as good.
        pending: Codes of running trials, shape (p, A), which count among the others: so that what
            is being tried is not asked for again.
        sampler: Where few candidates meet the constraints, it finds more near the good ones.
    """

    def __init__(
        self,
        encoding: Encoding,
        ranked: FloatArray,
        good: int,
        pending: FloatArray,
        sampler: FeasibleSampler | None = None,
    ) -> None:
        self._encoding = encoding
        self._sampler = sampler
        self._leaders = ranked[:good]
        self._good = ParzenDensity(encoding.axes, ranked[:good])
        others = np.concatenate([pending, ranked[good:]])
        weights = np.ones(len(others))
        near = max(_MOST_OTHERS // 2, len(pending))
        if len(others) > near + _MOST_OTHERS // 2:
            rest = np.linspace(near, len(others) - 1, _MOST_OTHERS // 2).astype(int)
            weights = np.ones(near + len(rest))
            weights[near:] = (len(others) - near) / len(rest)
            others = np.concatenate([others[:near], others[rest]])
        self._others = ParzenDensity(encoding.axes, others, weights)

    def candidates(self, rng: np.random.Generator, count: int, scale: float = 1.0) -> FloatArray:
        """Candidates drawn from l, those with the largest ratio first, in the best branch.

        Args:
            rng: Where the random numbers come from.
            count: How many candidates to draw.
            scale: A factor of the widths of the kernels that are drawn from.

        Returns:
            Those that meet the constraints of the space, shape (at most count, A); twice as many
            where few do.
        """
        codes = self._encoding.snap(self._good.draw(rng, count, scale))
        codes = codes[self._encoding.meets_constraints(codes)]
        if self._sampler is not None and self._sampler.is_rare:
            near = self._sampler.nearby(rng, self._leaders, count)
            codes = np.concatenate([codes, near])
        return codes[self._order(codes)]

    def _order(self, codes: FloatArray) -> IntArray:
        """The rows of candidates, the most promising first, shape (m,).

        A branch of a conditional space is taken for what the axes that lead to it promise, level
        by level of the tree, and then the best candidate that is in it. The ratio over all axes
        would favour the branches with the most of them: the best of many products is the larger
        the more factors they have.
        """
        depth, is_active = self._encoding.depth, ~np.isnan(codes)
        rows = np.arange(len(codes))
        good, others = self._good.log_weights(len(rows)), self._others.log_weights(len(rows))
        behind: list[IntArray] = []
        for level in range(int(depth.max(initial=0)) + 1):
            axes = np.flatnonzero(depth == level).tolist()
            self._good.add_axes(good, codes[rows], axes)
            self._others.add_axes(others, codes[rows], axes)
            ratios = mixture_log_density(good) - mixture_log_density(others)
            order = np.argsort(-ratios, kind="stable")
            branches = is_active[rows[order]][:, depth <= level + 1]
            is_first = (branches == branches[:1]).all(axis=1)
            behind.append(rows[order[~is_first]])
            order = order[is_first]
            rows, good, others = rows[order], good[order], others[order]
        return np.concatenate([rows, *reversed(behind)])


def density_ratio_candidates(
    encoding: Encoding,
    rng: np.random.Generator,
    codes: FloatArray,
    y: FloatArray,
    count: int,
    pending: FloatArray | None = None,
    sampler: FeasibleSampler | None = None,
) -> FloatArray:
    """Candidates drawn from the density of the good observations, the most promising first.

    Args:
        encoding: The encoding of the space.
        rng: Where the random numbers come from.
        codes: Observations, shape (n, A), n at least 2.
        y: Their metrics, smaller is better, shape (n,).
        count: How many candidates to draw.
        pending: Codes of running trials, shape (p, A), which count among the others.
        sampler: Finds more where few meet the constraints.

    Returns:
        Codes of candidates that meet the constraints of the space, shape (at most count, A), or
        twice as many.
    """
    ranked = codes[np.argsort(y, kind="stable")]
    running = codes[:0] if pending is None else pending
    ratio = DensityRatio(encoding, ranked, good_count(len(y)), running, sampler)
    return ratio.candidates(rng, count)
