"""The points of a scrambled Sobol sequence as candidates: few that cover a space evenly.

Source: I. M. Sobol', On the distribution of points in a cube and the approximate evaluation of
integrals, USSR Computational Mathematics and Mathematical Physics 7 (1967); direction numbers of
S. Joe and F. Kuo (2008), linear matrix scrambling with a digital shift of J. Matousek (1998), as
implemented in `scipy.stats.qmc.Sobol`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, final

import numpy as np

from prefect_tuner.history import History
from prefect_tuner.hyper_value import Params
from prefect_tuner.search_space.space import SearchSpace
from prefect_tuner.strategies.encoding.array_types import FloatArray

if TYPE_CHECKING:
    from scipy.stats import qmc

MOST_DIMENSIONS = 21_201
"""Dimensions of the longest points there are."""

# Sets the scrambling apart from the streams [seed, number] of the trials.
_SCRAMBLING_STREAM = 3
# Digits of a coordinate: as many as a float in [0, 1) has.
_BITS = 52
_BLOCK = 256


@final
class SobolDesign:
    """The first point that no trial has, and that meets the constraints of the space.

    Args:
        space: The search space; one of more than 21,201 parameters has no points.
        seed: At least 0; another seed gives another scrambling.
        points: How many points there are to choose from for each trial of a history.
        candidate_at: From a point of the unit cube, a coordinate for each parameter in the order
            declared, to the candidate; by default each value has its share of its parameter.

    Example:
        ```python
        from prefect_tuner import Float, History, SearchSpace
        from prefect_tuner.strategies.candidates.sobol_design import SobolDesign

        design = SobolDesign(SearchSpace({"x": Float(0.0, 1.0)}), seed=0, points=10_000)
        assert design.next_candidate(History()) == design.next_candidate(History())
        ```
    """

    def __init__(
        self,
        space: SearchSpace,
        seed: int,
        points: int,
        candidate_at: Callable[[Sequence[float]], Params] | None = None,
    ) -> None:
        self._space = space
        self._points_of_each = points
        self._candidate_at = candidate_at or space.from_units
        self._points = _SobolPoints(len(space), seed)
        # A history only grows: what it held of the sequence's beginning, it still holds.
        self._visited: tuple[History, int] = (History(), 0)

    def next_candidate(self, history: History) -> Params | None:
        """The first such point, None if there is none; the search goes on where it was."""
        known, place = self._visited
        if known is not history:
            place = 0
        if len(self._space) > MOST_DIMENSIONS:
            return None
        candidate: Params | None = None
        while candidate is None and place < self._points_of_each * (len(history) + 1):
            candidate = self._candidate_at(self._points.at(place).tolist())
            if history.has_candidate(candidate) or not self._space.meets_constraints(candidate):
                place, candidate = place + 1, None
        self._visited = (history, place)
        return candidate


@final
class _SobolPoints:
    """The points of a scrambled Sobol sequence by number, shape (dimensions,) each.

    They are made in blocks, and only the last block is kept.
    """

    def __init__(self, dimensions: int, seed: int) -> None:
        self._dimensions = dimensions
        self._seed = seed
        self._first = 0
        self._block: FloatArray = np.empty((0, dimensions))

    @cached_property
    def _sequence(self) -> qmc.Sobol:
        # Takes as long to import as everything else together, and most studies need none.
        from scipy.stats import qmc

        stream = np.random.SeedSequence([self._seed], spawn_key=(_SCRAMBLING_STREAM,))
        return qmc.Sobol(self._dimensions, bits=_BITS, rng=np.random.default_rng(stream))

    def at(self, place: int) -> FloatArray:
        """Point number `place`, from 0."""
        if not 0 <= place - self._first < len(self._block):
            self._first = place - place % _BLOCK
            if self._first != self._sequence.num_generated:
                self._sequence.reset()
            if self._first > self._sequence.num_generated:
                self._sequence.fast_forward(self._first)
            self._block = self._sequence.random(_BLOCK)
        point: FloatArray = self._block[place - self._first]
        return point
