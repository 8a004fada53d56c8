"""Search by any sampler of Optuna's, asked and told. Needs Optuna, from the extra `optuna`.

What each sampler does is said, with its sources, at
https://optuna.readthedocs.io/en/stable/reference/samplers/.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, ClassVar, final

from pydantic import BaseModel, Field

from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.history import History
from prefect_tuner.hyper_value import Params, same_params
from prefect_tuner.search_space.space import SearchSpace
from prefect_tuner.strategies.candidates.untried_candidates import UntriedCandidates
from prefect_tuner.strategies.optuna_bridge.samplers import (
    decides_from_trials_alone,
    quiet_optuna,
    sampler_class,
    sampler_factory,
)
from prefect_tuner.strategies.strategy import SearchStrategy, StrategyOptions
from prefect_tuner.trial import Direction, Trial

if TYPE_CHECKING:
    from prefect_tuner.strategies.optuna_bridge.optuna_study import OptunaStudy

_LOGGER = logging.getLogger(__name__)


class OptunaOptions(StrategyOptions):
    """Options of the strategy `optuna`."""

    sampler: str = Field(
        default="TPESampler",
        description=(
            "A class of optuna.samplers, in full or in short (`NSGAIISampler`, `nsgaii`), or "
            "`package.module:Class` for a sampler of someone else's."
        ),
    )
    sampler_options: dict[str, Any] = Field(
        default_factory=dict,
        description="The arguments of the sampler by name, such as `population_size`; no seed.",
    )


@final
class OptunaSearch(SearchStrategy):
    """Asks a sampler of Optuna's, the default TPE or any other by name.

    The sampler sees all trials, running ones as running. Its random streams are set anew for every
    trial, so that it goes on after a break as it would have without one. A candidate that was
    tried is not tried again: the sampler is asked up to 8 times, then one is drawn at random, and
    a small space is exhausted when all of it was tried.

    Optuna's `TPESampler`, `GPSampler` and `RandomSampler` decide from the trials' params and
    values alone. All others may keep notes on their trials, such as to which generation one
    belongs, and these are made again by asking them for every trial in turn: when a study is
    resumed once for each of its trials, and for every suggestion once for each trial since the
    oldest that is still running.

    Raises:
        InvalidConfiguration: Optuna or a package that the sampler needs is not installed, there is
            no such sampler, or it refuses its options or the search space.

    Example:
        ```python
        from prefect_tuner import Float, Study

        nsga = {"name": "optuna", "sampler": "nsgaii", "sampler_options": {"population_size": 5}}
        study = Study({"x": Float(-1.0, 1.0)}, nsga, "minimize", seed=0)
        for _ in range(40):
            trial = study.ask()
            study.tell(trial, trial.params["x"] ** 2)
        assert abs(study.best_params["x"]) < 0.1
        ```
    """

    Options: ClassVar[type[BaseModel]] = OptunaOptions
    supports_conditions = True
    package = "optuna"

    def __init__(
        self, space: SearchSpace, direction: Direction, seed: int, options: OptunaOptions
    ) -> None:
        super().__init__(space, direction, seed, options)
        self._sampler = sampler_class(options.sampler)
        self._make_sampler = sampler_factory(self._sampler, options.sampler_options)
        self._notes = not decides_from_trials_alone(self._sampler)
        self._untried = UntriedCandidates(space, seed)
        self._warned: set[str] = set()
        # Whatever a sampler says of its options or of the space is for the user to see, now.
        try:
            with quiet_optuna():
                self._new_study().propose()
                self._study = self._new_study()
        except Exception as error:
            raise InvalidConfiguration(
                f"{self._sampler.__name__} cannot search this space with option sampler_options "
                f"{options.sampler_options!r}: {type(error).__name__}: {error}"
            ) from error

    def next_candidate(self, history: History) -> Params | None:
        """What the sampler proposes; something untried where it repeats itself."""
        with quiet_optuna():
            study = self._study_of(history)
            candidate = study.propose()
        if candidate is None:
            return self._untried.any(history)
        self._warn_once(study.independent)
        return candidate

    def _study_of(self, history: History) -> OptunaStudy:
        """Optuna's study with the trials of a history, made from the last one where it can be."""
        known = self._study.history
        if len(known) > len(history) or not all(map(_continues, known, history)):
            self._study = self._new_study()
            known = self._study.history
        if not self._notes:
            for trial in history[: len(known)]:
                if trial.outcome is not known[trial.number].outcome:
                    self._study.finish(trial)
            for trial in history[len(known) :]:
                self._study.add(trial)
            return self._study
        # A trial that is not finished yet changes the notes on those after it when it is.
        finished = next((t.number for t in history if t.is_running), len(history))
        for trial in history[len(known) : finished]:
            self._study.add(trial)
        if finished == len(history):
            return self._study
        study = self._study.copy()
        for trial in history[finished:]:
            study.add(trial)
        return study

    def _new_study(self) -> OptunaStudy:
        # Imports Optuna, which takes as long as all the rest together.
        from prefect_tuner.strategies.optuna_bridge.optuna_study import OptunaStudy

        with quiet_optuna():
            return OptunaStudy(
                self._make_sampler, self._notes, self.space, self.direction, self.seed
            )

    def _warn_once(self, independent: list[str]) -> None:
        if new := [name for name in independent if name not in self._warned]:
            self._warned.update(new)
            _LOGGER.warning(
                "Optuna's %s draws %s apart from the other parameters: its model has no place "
                "for categorical or conditional ones.",
                self._sampler.__name__,
                ", ".join(new),
            )


def _continues(known: Trial, trial: Trial) -> bool:
    """Whether a trial is the known one, or what became of it."""
    return known is trial or (
        same_params(known.params, trial.params)
        and (known.is_running or (known.outcome, known.metric) == (trial.outcome, trial.metric))
    )
