"""Search by an evolution strategy, CMA-ES with margin. Needs `cmaes`, from the extra `cmaes`.

Sources: R. Hamano, S. Saito, M. Nomura, K. Uchida and S. Shirakawa, CatCMA with Margin
(arXiv:2504.07884); N. Hansen, The CMA Evolution Strategy: A Tutorial (arXiv:1604.00772). The
generations are kept in `cma_generations`, which names its own.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import ClassVar, final

from pydantic import BaseModel, Field

from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.history import History
from prefect_tuner.hyper_value import Params
from prefect_tuner.search_space.space import SearchSpace
from prefect_tuner.strategies.candidates.untried_candidates import UntriedCandidates
from prefect_tuner.strategies.cma.solutions import SolutionSpace
from prefect_tuner.strategies.strategy import SearchStrategy, StrategyOptions
from prefect_tuner.trial import Direction


class CmaEsOptions(StrategyOptions):
    """Options of the strategy `cmaes`."""

    population_size: int | None = Field(
        default=None,
        ge=4,
        description=(
            "Trials of a generation, of the first run if there are several; when left out, "
            "4 + 3 ln(n) for n parameters. At least as many as run at a time is best."
        ),
    )
    sigma0: float = Field(
        default=1 / 6,
        gt=0.0,
        le=1.0,
        description=(
            "Standard deviation of the first generation's candidates around the middle of the "
            "space, as a part of each parameter's range."
        ),
    )


@final
class CmaEsSearch(SearchStrategy):
    """Moves a normal distribution over the space to where the better half of its trials lie.

    It is for many trials of numeric parameters that depend on each other. Whole numbers and steps
    keep a margin of probability to change, categoricals have one of their own for each choice.
    Each generation of trials changes the distribution once; no trial waits for a generation to be
    complete. When a distribution has shrunk to a point, or onto what was tried, the search starts
    again elsewhere with twice the population.

    No candidate comes twice: draws are repeated up to 64 times, then a candidate is drawn
    uniformly. Trials that were not asked of it, such as initial ones, change the distribution as
    well. A failed or pruned trial counts as the worst of its generation.

    Raises:
        InvalidConfiguration: `cmaes` is not installed.

    Example:
        ```python
        from prefect_tuner import Float, Int, Study

        space = {"x": Float(-1.0, 1.0), "y": Float(-1.0, 1.0), "n": Int(0, 9)}
        study = Study(space, strategy={"name": "cmaes", "population_size": 6}, seed=1)
        for _ in range(150):
            x, y, n = (trial := study.ask()).params.values()
            study.tell(trial, (x - y) ** 2 + (x - 0.5) ** 2 + abs(n - 7))
        assert study.best_metric < 0.1
        ```
    """

    Options: ClassVar[type[BaseModel]] = CmaEsOptions
    package = "cmaes"

    def __init__(
        self, space: SearchSpace, direction: Direction, seed: int, options: CmaEsOptions
    ) -> None:
        super().__init__(space, direction, seed, options)
        if find_spec("cmaes") is None:
            raise InvalidConfiguration('needs cmaes: pip install "prefect-tuner[cmaes]"')
        # Imports the package, with all of scipy's statistics.
        from prefect_tuner.strategies.cma.generations import Generations

        solutions = SolutionSpace(space)
        self._untried = UntriedCandidates(space, seed)
        self._generations = (
            Generations(solutions, self.goal, seed, options.population_size, options.sigma0)
            if solutions.dimensions
            else None
        )

    def next_candidate(self, history: History) -> Params | None:
        """A new draw from the distribution; something untried where it has none."""
        drawn = None if self._generations is None else self._generations.draw(history)
        return drawn or self._untried.any(history)
