"""The libraries that the strategies of this package are compared with.

They are not installed with this package: `python -m pip install -r benchmarks/search/peers.txt`.
Their runs are stored, so that a comparison needs none of them. Each runs with its own defaults.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from benchmarks.search.ax_client import AxClient
from benchmarks.search.hebo_optimizer import HeboOptimizer
from benchmarks.search.nevergrad_ngopt import NevergradNGOpt
from benchmarks.search.optimizers import Optimizer
from benchmarks.search.smac_facade import SmacFacade
from prefect_tuner import Categorical, Float, Int, Params, SearchSpace


class OptunaSampler:
    """A sampler of Optuna, asked as its users ask it: one `suggest` after the other.

    Parameters that are not active with the values drawn so far are not suggested.

    Args:
        sampler: The sampler, seeded.
        space: What is searched.
    """

    def __init__(self, sampler: Any, space: SearchSpace) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._study = optuna.create_study(sampler=sampler)
        self._space = space
        self._trials: list[Any] = []

    def suggest(self, number: int) -> Params:
        """The candidate of trial `number`."""
        trial = self._study.ask()
        if trial.number != number:
            raise RuntimeError(f"trial {number} was asked for, got {trial.number}")
        self._trials.append(trial)
        params: Params = {}
        for name in self._space.order:
            if not self._space.is_conditional or name in self._space.active(
                {**self._defaults(), **params}
            ):
                params[name] = _suggested(trial, name, self._space[name])
        return params

    def tell(self, number: int, metric: float) -> None:
        """Hear of the metric of a trial."""
        self._study.tell(self._trials[number], metric)

    @property
    def best(self) -> int:
        """The number of the study's best trial."""
        return int(self._study.best_trial.number)

    def _defaults(self) -> Params:
        """Some value of each parameter: those that come later do not count."""
        return {name: parameter.from_unit(0.0) for name, parameter in self._space.items()}


def _suggested(trial: Any, name: str, parameter: Float | Int | Categorical) -> Any:
    if isinstance(parameter, Categorical):
        return trial.suggest_categorical(name, parameter.choices)
    if isinstance(parameter, Int):
        step = parameter.step or 1
        return trial.suggest_int(name, parameter.low, parameter.high, step=step, log=parameter.log)
    return trial.suggest_float(
        name, parameter.low, parameter.high, step=parameter.step, log=parameter.log
    )


def _tpe(space: SearchSpace, seed: int) -> Optimizer:
    from optuna.samplers import TPESampler

    return OptunaSampler(TPESampler(seed=seed), space)


def _tpe_univariate(space: SearchSpace, seed: int) -> Optimizer:
    from optuna.samplers import TPESampler

    return OptunaSampler(TPESampler(seed=seed, multivariate=False), space)


def _gp(space: SearchSpace, seed: int) -> Optimizer:
    from optuna.samplers import GPSampler

    return OptunaSampler(GPSampler(seed=seed), space)


PEERS: Final[dict[str, Callable[[SearchSpace, int], Optimizer]]] = {
    "optuna-5.0.0-tpe": _tpe,
    "optuna-5.0.0-tpe-univariate": _tpe_univariate,
    "optuna-5.0.0-gp": _gp,
    "hebo-0.3.6": HeboOptimizer,
    "ax-1.3.1": AxClient,
    "smac-2.4.1": SmacFacade,
    "nevergrad-1.0.12": NevergradNGOpt,
}
"""What is compared with, by the name of its file of stored runs."""
