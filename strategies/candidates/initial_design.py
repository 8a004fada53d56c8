"""The first candidates of a model: few that cover the middle of a space evenly.

Whoever declares a range takes it wide, so that the best value lies within; its ends are rarely
any good, and of few candidates hardly one would have all of its numbers away from them. So the
first candidates have their numbers in the middle three fifths of the ranges, each on its own
scale. Choices without order have no middle: all of them take part. The model that follows searches
everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from prefect_tuner.history import History
from prefect_tuner.hyper_value import Params
from prefect_tuner.search_space.parameters import Categorical
from prefect_tuner.search_space.space import SearchSpace
from prefect_tuner.strategies.candidates.sobol_design import SobolDesign
from prefect_tuner.strategies.candidates.spread_design import SpreadDesign
from prefect_tuner.strategies.encoding.user_prior import UserPrior
from prefect_tuner.strategies.feasibility.sampler import FeasibleSampler

# Where numbers begin and how far they reach, on the scale of their parameter.
_FIRST, _SPAN = 0.2, 0.6
# Points of each sequence that are looked at for each trial; few of them may be feasible.
_POINTS = 1000


@final
class InitialDesign:
    """Points of a Sobol sequence, drawn together towards the middle of all that has an order.

    Args:
        space: The search space.
        seed: At least 0; another seed gives other points.
        prior: What the user believes of some parameters, which are drawn from it instead.
        sampler: Draws the candidates where few meet the constraints, from all that do; should
            there be one already.

    Example:
        ```python
        from prefect_tuner import Float, History, SearchSpace
        from prefect_tuner.strategies.candidates.initial_design import InitialDesign

        design = InitialDesign(SearchSpace({"x": Float(0.0, 1.0)}), seed=0)
        assert 0.2 <= design.next_candidate(History())["x"] <= 0.8
        ```
    """

    def __init__(
        self,
        space: SearchSpace,
        seed: int,
        prior: UserPrior | None = None,
        sampler: FeasibleSampler | None = None,
    ) -> None:
        self._sampler = FeasibleSampler(space, seed) if sampler is None else sampler
        self._spread = SpreadDesign(self._sampler, seed)
        self._candidate_at = space.from_units if prior is None else prior.candidate_at
        believed = frozenset() if prior is None else prior.names
        self._is_drawn_in = [
            name not in believed
            and not (isinstance(parameter, Categorical) and not parameter.ordered)
            for name, parameter in space.items()
        ]
        self._middle = SobolDesign(space, seed, _POINTS, self._in_the_middle)
        self._anywhere = SobolDesign(space, seed, _POINTS, self._candidate_at)

    def next_candidate(self, history: History) -> Params | None:
        """A candidate that no trial has and that meets the constraints, None if none was found.

        Where no point in the middle does, as with constraints that leave but an edge of the space,
        it comes from anywhere.
        """
        if self._sampler.is_rare:
            return self._spread.next_candidate(history)
        middle = self._middle.next_candidate(history)
        return middle or self._anywhere.next_candidate(history)

    def _in_the_middle(self, units: Sequence[float]) -> Params:
        return self._candidate_at(
            [
                _FIRST + _SPAN * unit if is_drawn_in else unit
                for unit, is_drawn_in in zip(units, self._is_drawn_in, strict=True)
            ]
        )
