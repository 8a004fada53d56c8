"""The feasible candidates of small search spaces, one by one."""

from __future__ import annotations

from typing import final

import numpy as np

from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.history import History
from prefect_tuner.hyper_value import Params, copied_params
from prefect_tuner.search_space.space import SearchSpace
from prefect_tuner.strategies.encoding.encoding import MOST_CELLS


@final
class FeasibleCells:
    """What is left to try in a small space: the way out where draws find nothing new.

    Args:
        space: Any search space; a larger one has no feasible cells here.

    Example:
        ```python
        from prefect_tuner import History, Int, SearchSpace
        from prefect_tuner.strategies.candidates.feasible_cells import FeasibleCells

        space = SearchSpace({"a": Int(0, 9), "b": Int(0, 9)}, constraints=["a + b == 1"])
        assert FeasibleCells(space).untried(History()) == [{"a": 0, "b": 1}, {"a": 1, "b": 0}]
        ```
    """

    def __init__(self, space: SearchSpace) -> None:
        self._space = space
        self._known: list[Params] | None = None

    @property
    def are_known(self) -> bool:
        """Whether the space is small enough."""
        return self._space.cardinality is not None and self._space.cardinality <= MOST_CELLS

    def untried(self, history: History) -> list[Params]:
        """The candidates that no trial of the history has, in the order of the space's cells."""
        if self._known is None:
            cells = self._space.cells()
            every = map(cells.at, range((cells.size or 0) if self.are_known else 0))
            self._known = [cell for cell in every if self._space.meets_constraints(cell)]
        return [copied_params(cell) for cell in self._known if not history.has_candidate(cell)]

    def draw_untried(self, history: History, rng: np.random.Generator) -> Params | None:
        """One of the candidates that no trial of the history has, None if there is none."""
        untried = self.untried(history)
        return untried[rng.integers(len(untried))] if untried else None

    def infeasible(self, tried: str) -> InvalidConfiguration:
        """The error for a space of which no candidate was found that meets the constraints.

        Args:
            tried: What was tried of a space that is not small, such as `1000 random candidates`.
        """
        return infeasible(self._space, "the candidates" if self.are_known else tried)


def infeasible(space: SearchSpace, tried: str) -> InvalidConfiguration:
    """The error for a space in which no candidate was found that meets the constraints.

    Args:
        space: The space.
        tried: What was tried, such as `1000 random candidates`.
    """
    return InvalidConfiguration(
        f"none of {tried} meets the constraints {'; '.join(space.constraints)}: loosen them, or "
        "narrow the parameters to where they hold"
    )
