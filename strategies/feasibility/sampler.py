"""Draws from the candidates of a space that meet its constraints, however few of them do.

Notation:
    A: axes of the encoding. codes: candidates, shape (m, A), see `encoding`.
    branch: a box of the space, in which the parameters that others depend on have one value each.

What constraints leave of ranges is found for each branch on its own. A branch of which little is
feasible has its share of the draws, by its volume.
"""

from __future__ import annotations

from functools import cached_property
from typing import final

import numpy as np

from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.history import History
from prefect_tuner.hyper_value import Params
from prefect_tuner.search_space.condition_graph import conditions_of
from prefect_tuner.search_space.space import SearchSpace
from prefect_tuner.strategies.encoding.array_types import FloatArray
from prefect_tuner.strategies.encoding.encoding import MOST_CELLS, Encoding
from prefect_tuner.strategies.feasibility.branch import DRAWS, Branch, branch_of
from prefect_tuner.strategies.feasibility.narrowing import Narrowing
from prefect_tuner.strategies.feasibility.ranges import Box, Infeasible

# Feasible candidates are rare where fewer than so many of so many draws are.
_RARE, _OF = 10, 1_000
_MOST_BRANCHES = 16
# Draws for a candidate that no trial has.
_DRAWS_UNTRIED = (1, 31)
# Sets the first points apart from the streams [seed, number] of the trials.
_FIRST_STREAM = 5


@final
class FeasibleSampler:
    """Draws candidates that meet the constraints of a space.

    Args:
        space: The space.
        seed: At least 0; of chains, another seed gives other beginnings.
        encoding: The encoding of the space, should there be one already.

    Example:
        ```python
        import numpy as np

        from prefect_tuner import Float, SearchSpace
        from prefect_tuner.strategies.feasibility.sampler import FeasibleSampler

        ranges = {f"x{i}": Float(0.0, 1.0) for i in range(8)}
        space = SearchSpace(ranges, constraints=[" + ".join(ranges) + " <= 0.6"])
        sampler = FeasibleSampler(space, seed=0)
        assert sampler.is_rare
        codes = sampler.drawn(np.random.default_rng(0), 100)
        assert codes.shape == (100, 8) and codes.sum(axis=1).max() <= 0.6
        ```
    """

    def __init__(self, space: SearchSpace, seed: int, encoding: Encoding | None = None) -> None:
        self._space = space
        self._seed = seed
        self._encoding = encoding

    @cached_property
    def encoding(self) -> Encoding:
        """The encoding of the space."""
        return self._encoding or Encoding(self._space)

    @cached_property
    def is_rare(self) -> bool:
        """Whether less than one candidate in a hundred meets the constraints.

        Never where there are no more than 20,000 candidates, which can be gone through.
        """
        size = self._space.cardinality
        if (
            not self._space.constraints
            or not self.encoding.axes
            or (size is not None and size <= MOST_CELLS)
        ):
            return False
        rng = np.random.default_rng(0)
        codes = self.encoding.from_unit_cube(rng.random((_OF, len(self.encoding.axes))))
        return int(self.encoding.meets_constraints(codes).sum()) < _RARE

    def drawn(self, rng: np.random.Generator, count: int) -> FloatArray:
        """Feasible candidates, uniform among all of them, shape (count, A).

        Each is drawn on its own where one draw of 20,000 divided by `count` in the box is feasible.
        Otherwise they are where chains are after a few steps, and uniform as nearly as these are.

        Raises:
            InvalidConfiguration: No feasible candidate was found.
        """
        volumes = np.array([branch.volume for branch in self._branches])
        counts = rng.multinomial(count, volumes / volumes.sum()) if len(volumes) > 1 else [count]
        drawn = [
            branch.drawn(rng, int(each))
            for branch, each in zip(self._branches, counts, strict=True)
            if each
        ]
        return np.concatenate(drawn)[rng.permutation(count)] if len(drawn) > 1 else drawn[0]

    def anywhere(self, rng: np.random.Generator, count: int) -> FloatArray:
        """Feasible candidates all over, as many of each branch, shape (count, A).

        That is quicker than `drawn`; they are not independent of those of other calls.
        """
        each = -(-count // len(self._branches))
        drawn = [branch.anywhere(rng, each) for branch in self._branches]
        return np.concatenate(drawn)[rng.permutation(each * len(drawn))[:count]]

    def nearby(self, rng: np.random.Generator, codes: FloatArray, count: int) -> FloatArray:
        """Feasible candidates near some others, far or very near, shape (at most count, A).

        Args:
            rng: Where the random numbers come from.
            codes: Feasible candidates, of which each gets its share, at least one.
            count: How many.
        """
        theirs = codes[np.arange(count) % len(codes)]
        # From half an axis down to a hundredth of it.
        reach = 0.5 * 0.02 ** rng.random(count)
        found = theirs.copy()
        left = np.ones(count, dtype=bool)
        for branch in self._branches:
            rows = left & branch.box.holds(theirs)
            if rows.any():
                found[rows] = branch.nearby(rng, theirs[rows], reach[rows])
                left &= ~rows
        return found[self.encoding.meets_constraints(found)]

    def untried(self, rng: np.random.Generator, history: History) -> Params | None:
        """A feasible candidate drawn at random that no trial has; None if none was found."""
        for count, draw in [*((each, self.drawn) for each in _DRAWS_UNTRIED), (31, self.anywhere)]:
            for codes in draw(rng, count):
                candidate = self.decode(codes)
                if candidate is not None and not history.has_candidate(candidate):
                    return candidate
        return None

    def decode(self, codes: FloatArray) -> Params | None:
        """The candidate of a row of codes; None where rounding has made it infeasible."""
        params = self.encoding.decode(codes)
        return params if self._space.meets_constraints(params) else None

    @cached_property
    def _branches(self) -> list[Branch]:
        narrowing = Narrowing(self._space)
        stream = np.random.SeedSequence([self._seed], spawn_key=(_FIRST_STREAM,))
        rng = np.random.default_rng(stream)
        boxes, found = self._boxes(narrowing), []
        is_possible = False
        for box in boxes:
            try:
                branch = branch_of(rng, self._space, self.encoding, narrowing, box)
            except Infeasible:
                continue
            is_possible = True
            if branch is not None:
                found.append(branch)
        if found:
            return found
        listed = "; ".join(self._space.constraints)
        if is_possible:
            raise InvalidConfiguration(
                f"none of {DRAWS:,} random candidates meets the constraints {listed}, and a search "
                "for one that does found none: loosen them, or narrow the parameters to where they "
                "hold"
            )
        raise InvalidConfiguration(
            f"no candidate meets the constraints {listed}: together they leave nothing of the "
            "parameters' ranges; loosen them, or widen the ranges"
        )

    def _boxes(self, narrowing: Narrowing) -> list[Box]:
        """The boxes of the branches, narrowed; none where constraints contradict each other."""
        try:
            boxes = [narrowing.narrowed(narrowing.everything())]
        except Infeasible:
            return []
        parents = {parent for when in conditions_of(self._space).values() for parent in when}
        for name in self._space.order:
            if name not in parents:
                continue
            parts = [part for box in boxes for part in narrowing.split(box, name)]
            if len(parts) > _MOST_BRANCHES:
                continue
            boxes = []
            for part in parts:
                try:
                    boxes.append(narrowing.narrowed(part))
                except Infeasible:
                    continue
        return boxes
