"""The leaves of a regression tree as boxes, and the variance of what it says of some columns alone.

Notation:
    D: columns. L: leaves.
    The domain is the unit cube: each column is scaled by its range.
    low, high: ends of the leaves' boxes, shape (L, D). widths = high - low.
    volumes: products of the widths, shape (L,); they sum to 1.
    v: what the tree says in each leaf, shape (L,).

A tree is a function that is constant in each box. Its marginal for column j at x is the mean over
all other columns, the sum of v * volume / width_j over the leaves that hold x: a function with
steps at the ends of the boxes, which is summed up from differences at these.

For a choice, whose columns are several, the cells are those of the cube of its columns, each split
in the middle or not at all. A leaf takes the lower half of a column, the upper one, or both. The
mean of the squared marginal is the sum over pairs of leaves of how much of the cube both take.

Source: Hutter, Hoos, Leyton-Brown, "An Efficient Approach for Assessing Hyperparameter Importance"
(ICML 2014), sections 3 and 4, algorithm 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from prefect_tuner.strategies.encoding.array_types import FloatArray

_MIDDLE = 0.5


@dataclass(frozen=True)
class LeafBoxes:
    """The leaves of one tree.

    Attributes:
        low: Where their boxes begin, shape (L, D).
        high: Where they end, shape (L, D).
        values: What the tree says there, shape (L,).
        volumes: The sizes of the boxes, shape (L,).
    """

    low: FloatArray
    high: FloatArray
    values: FloatArray
    volumes: FloatArray

    @classmethod
    def of(cls, tree: Any, low: FloatArray, high: FloatArray) -> Self:
        """The leaves of a tree of scikit-learn.

        Args:
            tree: Its `tree_`.
            low: The least value of each column, shape (D,).
            high: The largest one, shape (D,).
        """
        count, width = tree.node_count, low.size
        begin, end = np.zeros((count, width)), np.ones((count, width))
        feature, left, right = tree.feature, tree.children_left, tree.children_right
        level = np.array([0])
        while (level := level[feature[level] >= 0]).size:
            split = feature[level]
            at = (tree.threshold[level] - low[split]) / (high[split] - low[split])
            for children, ends in ((left[level], end), (right[level], begin)):
                begin[children], end[children] = begin[level], end[level]
                ends[children, split] = np.clip(at, begin[level, split], end[level, split])
            level = np.concatenate([left[level], right[level]])
        leaves = feature < 0
        widths = end[leaves] - begin[leaves]
        values = np.asarray(tree.value[leaves, 0, 0], dtype=np.float64)
        return cls(begin[leaves], end[leaves], values, widths.prod(axis=1))

    @property
    def variance(self) -> float:
        """Of the tree over the domain."""
        return float(self.volumes @ (self.values - self.values @ self.volumes) ** 2)

    def variance_of_number(self, column: int) -> float:
        """Of the marginal for one column."""
        low, high = self.low[:, column], self.high[:, column]
        taken = high > low
        edges = np.unique(np.concatenate([[0.0, 1.0], low[taken], high[taken]]))
        share = (self.values * self.volumes)[taken] / (high - low)[taken]
        steps = np.zeros(edges.size)
        np.add.at(steps, np.searchsorted(edges, low[taken]), share)
        np.subtract.at(steps, np.searchsorted(edges, high[taken]), share)
        marginal, sizes = np.cumsum(steps)[:-1], np.diff(edges)
        return float(sizes @ (marginal - marginal @ sizes) ** 2)

    def variance_of_choice(self, columns: slice) -> float:
        """Of the marginal for the columns of a choice together."""
        is_lower = self.high[:, columns] <= _MIDDLE
        is_upper = self.low[:, columns] >= _MIDDLE
        halves, places = np.unique(
            is_upper.astype(np.int8) - is_lower.astype(np.int8), axis=0, return_inverse=True
        )
        lower, upper = (halves < 0).astype(np.float64), (halves > 0).astype(np.float64)
        split = lower + upper
        own = 0.5 ** split.sum(axis=1)
        # The sum over the leaves of one pattern of v times the volume in the other columns.
        sums = np.bincount(places.ravel(), weights=self.values * self.volumes) / own
        exclude = lower @ upper.T + upper @ lower.T
        both = 0.5 ** (split.sum(axis=1)[:, np.newaxis] + split.sum(axis=1) - split @ split.T)
        squared = float(sums @ np.where(exclude > 0.0, 0.0, both) @ sums)
        return max(0.0, squared - float(sums @ own) ** 2)
