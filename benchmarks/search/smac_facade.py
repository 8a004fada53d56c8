"""SMAC's facade for hyperparameter optimization as a method of the benchmark.

Source: M. Lindauer et al., SMAC3: A Versatile Bayesian Optimization Package for Hyperparameter
Optimization, JMLR 23 (2022). Needs `smac`, see `peers.txt`.
"""

from __future__ import annotations

from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.search.parameter_kinds import is_range, suggested_value
from prefect_tuner import Categorical, Float, HyperValue, Int, Params, SearchSpace
from prefect_tuner.search_space.condition_graph import conditions_of

# No run is as long; SMAC stops to suggest when it is reached.
_TRIALS = 100_000
# A quarter of the trials that there are to be, as SMAC would have it, were there 50.
_INITIAL_TRIALS = 12


class SmacFacade:
    """SMAC with its defaults for hyperparameter optimization, asked and told one by one.

    A parameter that is no plain range is handed over by the places of its values, as a category
    or, where they have an order, as an ordinal.

    Args:
        space: What is searched, without constraints.
        seed: Of SMAC.
    """

    def __init__(self, space: SearchSpace, seed: int) -> None:
        from smac import HyperparameterOptimizationFacade, Scenario

        self._space = space
        # SMAC writes what it does into a folder, which goes when this object does.
        self._folder = TemporaryDirectory()
        scenario = Scenario(
            _configuration_space(space),
            deterministic=True,
            n_trials=_TRIALS,
            seed=seed,
            output_directory=self._folder.name,
        )
        self._smac = HyperparameterOptimizationFacade(
            scenario,
            _not_called,
            initial_design=HyperparameterOptimizationFacade.get_initial_design(
                scenario, n_configs=_INITIAL_TRIALS
            ),
            overwrite=True,
            logging_level=50,
        )
        self._asked: dict[int, Any] = {}
        self._metrics: dict[int, float] = {}

    def suggest(self, number: int) -> Params:
        """The candidate of trial `number`."""
        asked = self._asked[number] = self._smac.ask()
        given = dict(asked.config)
        return {
            name: suggested_value(parameter, given[name])
            for name, parameter in self._space.items()
            if name in given
        }

    def tell(self, number: int, metric: float) -> None:
        """Hear of the metric of a trial."""
        from smac.runhistory import TrialValue

        self._metrics[number] = metric
        self._smac.tell(self._asked.pop(number), TrialValue(cost=metric))

    @property
    def best(self) -> int:
        """The trial with the best metric, as its incumbent is: it holds them for exact."""
        return min(self._metrics, key=self._metrics.__getitem__)


def _configuration_space(space: SearchSpace) -> Any:
    from ConfigSpace import AndConjunction, ConfigurationSpace, InCondition

    made = ConfigurationSpace()
    for name in space.order:
        made.add(_hyperparameter(name, space[name]))
    for name, when in conditions_of(space).items():
        conditions = [
            InCondition(made[name], made[parent], [_to_smac(space[parent], v) for v in values])
            for parent, values in when.items()
        ]
        made.add(AndConjunction(*conditions) if len(conditions) > 1 else conditions[0])
    return made


def _hyperparameter(name: str, parameter: Float | Int | Categorical) -> Any:
    from ConfigSpace.hyperparameters import (
        CategoricalHyperparameter,
        OrdinalHyperparameter,
        UniformFloatHyperparameter,
        UniformIntegerHyperparameter,
    )

    if is_range(parameter):
        is_float = isinstance(parameter, Float)
        kind = UniformFloatHyperparameter if is_float else UniformIntegerHyperparameter
        return kind(name, parameter.low, parameter.high, log=parameter.log)
    places = list(range(parameter.cardinality or 0))
    if isinstance(parameter, Categorical) and not parameter.ordered:
        return CategoricalHyperparameter(name, places)
    return OrdinalHyperparameter(name, places)


def _to_smac(parameter: Any, value: HyperValue) -> Any:
    return value if is_range(parameter) else parameter.index_of(value)


def _not_called(config: Any, seed: int = 0) -> float:
    raise NotImplementedError
