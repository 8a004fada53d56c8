"""Sobol search: points that fill the space evenly, however many there are.

Source: I. M. Sobol', On the distribution of points in a cube and the approximate evaluation of
integrals, USSR Computational Mathematics and Mathematical Physics 7 (1967); direction numbers of
S. Joe and F. Kuo (2008), linear matrix scrambling with a digital shift of J. Matousek (1998), as
implemented in `scipy.stats.qmc.Sobol`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.history import History
from prefect_tuner.parameters import Params
from prefect_tuner.space import SearchSpace
from prefect_tuner.strategies.feasible_cells import FeasibleCells, infeasible
from prefect_tuner.strategies.strategy import SearchStrategy, StrategyOptions, trial_rng
from prefect_tuner.trial import Direction

if TYPE_CHECKING:
    from scipy.stats import qmc

# Sets the scrambling apart from the streams [seed, number] of the trials.
_SCRAMBLING_STREAM = 3
# Digits of a coordinate: as many as a float in [0, 1) has.
_BITS = 52
_BLOCK = 256
_MOST_DIMENSIONS = 21_201
# Points looked at for each trial: repeated ones of a small space, and those that no constraint
# lets through.
_POINTS_OF_SMALL_SPACE = 32
_POINTS = 10_000


@final
class SobolSearch(SearchStrategy):
    """Fills the space more evenly than random search does, with any number of trials.

    The points are those of a scrambled Sobol sequence, in its order; the seed decides the
    scrambling. Each parameter has a dimension of its own. The next candidate is the first point
    that meets the constraints and that no trial of the history has. A space of up to 20,000
    candidates is searched to the last one.

    Raises:
        InvalidConfiguration: There are more parameters than Sobol sequences have dimensions, or
            no point was found that meets the constraints.

    Example:
        ```python
        from prefect_tuner import Float, Study

        study = Study({"x": Float(0.0, 1.0)}, strategy="sobol", seed=1)
        points = [study.ask().params["x"] for _ in range(8)]
        assert sorted(int(8 * x) for x in points) == list(range(8))
        ```
    """

    Options = StrategyOptions
    supports_conditions = True
    supports_constraints = True

    def __init__(
        self, space: SearchSpace, direction: Direction, seed: int, options: BaseModel
    ) -> None:
        super().__init__(space, direction, seed, options)
        if len(space) > _MOST_DIMENSIONS:
            raise InvalidConfiguration(
                f"can search at most {_MOST_DIMENSIONS:,} parameters, the space has {len(space):,}"
            )
        self._points = _SobolPoints(len(space), seed)
        self._cells = FeasibleCells(space)
        # A history only grows: what it held of the sequence's beginning, it still holds.
        self._visited: tuple[History, int] = (History(), 0)
        if space.constraints and self.next_candidate(History()) is None:
            tried = "the candidates" if self._cells.are_known else f"the first {_POINTS:,} points"
            raise infeasible(space, tried)

    def next_candidate(self, history: History) -> Params | None:
        """The first point that no trial has; the search for it goes on where it was."""
        known, place = self._visited
        if known is not history:
            place = 0
        of_each = _POINTS_OF_SMALL_SPACE if self._cells.are_known else _POINTS
        candidate: Params | None = None
        while candidate is None and place < of_each * (len(history) + 1):
            candidate = self.space.from_units(self._points.at(place).tolist())
            if history.has_candidate(candidate) or not self.space.meets_constraints(candidate):
                place, candidate = place + 1, None
        self._visited = (history, place)
        if candidate is not None:
            return candidate
        untried = self._cells.untried(history)
        rng = trial_rng(self.seed, len(history))
        return untried[rng.integers(len(untried))] if untried else None


@final
class _SobolPoints:
    """The points of a scrambled Sobol sequence by number, shape (dimensions,) each.

    They are made in blocks, and only the last block is kept.
    """

    def __init__(self, dimensions: int, seed: int) -> None:
        self._sequence = _sequence(dimensions, seed)
        self._first = 0
        self._block: NDArray[np.float64] = self._sequence.random(_BLOCK)

    def at(self, place: int) -> NDArray[np.float64]:
        """Point number `place`, from 0."""
        if not 0 <= place - self._first < _BLOCK:
            self._first = place - place % _BLOCK
            if self._first != self._sequence.num_generated:
                self._sequence.reset()
            if self._first > self._sequence.num_generated:
                self._sequence.fast_forward(self._first)
            self._block = self._sequence.random(_BLOCK)
        point: NDArray[np.float64] = self._block[place - self._first]
        return point


def _sequence(dimensions: int, seed: int) -> qmc.Sobol:
    # Takes as long to import as everything else together, and the other strategies need none.
    from scipy.stats import qmc

    stream = np.random.SeedSequence([seed], spawn_key=(_SCRAMBLING_STREAM,))
    return qmc.Sobol(dimensions, bits=_BITS, rng=np.random.default_rng(stream))
