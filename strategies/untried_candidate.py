"""A candidate that no trial has, for strategies whose own proposals were all tried before."""

from __future__ import annotations

import numpy as np

from prefect_tuner.history import History
from prefect_tuner.parameters import Params
from prefect_tuner.space import SearchSpace
from prefect_tuner.strategies.feasible_cells import FeasibleCells

_DRAWS = 1_000


def untried_candidate(
    space: SearchSpace, cells: FeasibleCells, history: History, rng: np.random.Generator
) -> Params | None:
    """One drawn at random among those that no trial of the history has, None if there is none.

    Args:
        space: The search space, without constraints.
        cells: Those of the space; a small space is searched to its last candidate.
        history: What was tried.
        rng: What the candidate is drawn from.

    Example:
        ```python
        import numpy as np

        from prefect_tuner import History, Int, SearchSpace, Trial
        from prefect_tuner.strategies.feasible_cells import FeasibleCells
        from prefect_tuner.strategies.untried_candidate import untried_candidate

        space, rng = SearchSpace({"n": Int(0, 1)}), np.random.default_rng(0)
        history = History([Trial(0, {"n": 1})])
        assert untried_candidate(space, FeasibleCells(space), history, rng) == {"n": 0}
        ```
    """
    if cells.are_known:
        untried = cells.untried(history)
        return untried[rng.integers(len(untried))] if untried else None
    for _ in range(_DRAWS):
        candidate = space.from_units(rng.random(len(space)).tolist())
        if not history.has_candidate(candidate):
            return candidate
    return None
