"""The first candidates of a model: the centre of a space, then few that cover all of it evenly.

Where a metric is the same over most of a space, as it is of models that cannot learn with most
settings, the centre is the likeliest place to be elsewhere; and whoever declares a range takes it
wide around what is expected. One candidate is enough for that: the others are spread over the
whole ranges, so that an optimum at an end is seen as early as one in the middle.
"""

from __future__ import annotations

from typing import final

from prefect_tuner.history import History
from prefect_tuner.hyper_value import Params
from prefect_tuner.search_space.parameters import Categorical
from prefect_tuner.search_space.space import SearchSpace
from prefect_tuner.strategies.candidates.sobol_design import SobolDesign
from prefect_tuner.strategies.candidates.spread_design import SpreadDesign
from prefect_tuner.strategies.candidates.trial_rng import trial_rng
from prefect_tuner.strategies.encoding.user_prior import UserPrior
from prefect_tuner.strategies.feasibility.sampler import FeasibleSampler

# Points of the sequence that are looked at for each trial; few of them may be feasible.
_POINTS = 1000


@final
class InitialDesign:
    """The centre of all that has an order, with random choices, and points of a Sobol sequence.

    Args:
        space: The search space.
        seed: At least 0; another seed gives other points, and other choices at the centre.
        prior: What the user believes of some parameters, which are drawn from it instead; at the
            centre they have its median.
        sampler: Draws the candidates where few meet the constraints, from all that do; should
            there be one already.

    Example:
        ```python
        from prefect_tuner import Float, History, SearchSpace
        from prefect_tuner.strategies.candidates.initial_design import InitialDesign

        design = InitialDesign(SearchSpace({"x": Float(0.0, 1.0)}), seed=0)
        assert design.next_candidate(History()) == {"x": 0.5}
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
        candidate_at = space.from_units if prior is None else prior.candidate_at
        rng = trial_rng(seed, 0)
        self._centre = candidate_at(
            [
                float(rng.random())
                if isinstance(parameter, Categorical) and not parameter.ordered
                else 0.5
                for parameter in space.values()
            ]
        )
        self._is_feasible_at_centre = space.meets_constraints(self._centre)
        self._anywhere = SobolDesign(space, seed, _POINTS, candidate_at)

    def next_candidate(self, history: History) -> Params | None:
        """A candidate that no trial has and that meets the constraints, None if none was found."""
        if self._sampler.is_rare:
            return self._spread.next_candidate(history)
        if self._is_feasible_at_centre and not history.has_candidate(self._centre):
            return self._centre
        return self._anywhere.next_candidate(history)
