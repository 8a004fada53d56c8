"""A study of Optuna's in memory, in which every trial of a history was asked in turn.

Optuna's samplers keep notes on a trial when it is asked: the generation that it belongs to, the
state of an evolution strategy. A history does not hold them. They are made again by asking the
sampler for each trial of the history, in the order of their numbers, with what the trials before
it are known for by now: one that is still running is running for all that come after it. Where
the sampler answers otherwise than the history says, since more trials were running then or the
trial is not of its asking, the trial is put to it as one that Optuna's users enqueue.
"""

from __future__ import annotations

import copy
from typing import final

import numpy as np
import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.trial import TrialState

from prefect_tuner.history import History
from prefect_tuner.hyper_value import HyperValue, Params, copied_params, same_params
from prefect_tuner.search_space.conditions import Conditions
from prefect_tuner.search_space.parameters import Parameter
from prefect_tuner.search_space.space import SearchSpace
from prefect_tuner.strategies.candidates.trial_rng import trial_rng
from prefect_tuner.strategies.optuna_bridge.distributions import (
    Distribution,
    distribution_of,
    from_optuna,
    to_optuna,
)
from prefect_tuner.strategies.optuna_bridge.samplers import SamplerFactory, reseed
from prefect_tuner.trial import Direction, Outcome, Trial

# Sets the seed that samplers are made with apart from the streams [seed, number] of the trials.
_SAMPLER_STREAM = 4
_ASKS = 8


class _EndlessStudy(optuna.study.Study):
    """One that some samplers try to end when all is tried, which only a running loop may be."""

    def stop(self) -> None:
        """Go on: whether there is more to try is for the strategy to say."""


@final
class OptunaStudy:
    """Optuna's view on a history, which grows with it, and what its sampler proposes next.

    Args:
        make_sampler: What makes the sampler.
        notes: Whether the sampler keeps notes on trials, for which it has to be asked for each of
            them again; otherwise they are added as they are.
        space: The search space.
        direction: Whether a larger or a smaller metric is better.
        seed: Seed of the study.

    Attributes:
        history: The trials added.
        independent: The names of parameters that the sampler drew without regard to the others,
            in the last proposal, although it has a model.
    """

    def __init__(
        self,
        make_sampler: SamplerFactory,
        notes: bool,
        space: SearchSpace,
        direction: Direction,
        seed: int,
    ) -> None:
        self._make_sampler = make_sampler
        self._notes = notes
        self._space = space
        self._seed = seed
        stream = np.random.SeedSequence([seed], spawn_key=(_SAMPLER_STREAM,))
        self._sampler_seed = int(stream.generate_state(1)[0])
        storage = optuna.storages.InMemoryStorage()
        optuna.create_study(storage=storage, study_name="history", direction=direction)
        self._study = _EndlessStudy("history", storage, make_sampler(self._sampler_seed))
        self._distributions = {name: distribution_of(each) for name, each in space.items()}
        # For each trial of the history its number in Optuna's study, which holds more of them:
        # what was proposed and not taken has failed there.
        self._numbers: list[int] = []
        self._proposed: tuple[int, Params] | None = None
        self.history = History()
        self.independent: list[str] = []

    def copy(self) -> OptunaStudy:
        """A study of its own with the same trials and the same notes."""
        return copy.deepcopy(self)

    def propose(self) -> Params | None:
        """What the sampler would try next, None when it has nothing new in several attempts.

        Asked twice, it is the same. What was tried before stays with the sampler as running while
        it is asked again, so that it may turn to something else.
        """
        if self._proposed is None:
            number = len(self.history)
            seeds = trial_rng(self._seed, number).integers(2**32, size=_ASKS)
            repeated = []
            for seed in seeds.tolist():
                asked, params = self._ask(seed)
                if not self.history.has_candidate(params):
                    self._proposed = (asked, params)
                    break
                repeated.append(asked)
            for asked in repeated:
                self._study.tell(asked, state=TrialState.FAIL)
        return None if self._proposed is None else copied_params(self._proposed[1])

    def add(self, trial: Trial) -> None:
        """Take in the next trial of the history."""
        proposed = self.propose() if self._notes else None
        if self._proposed and proposed is not None and same_params(proposed, trial.params):
            number, self._proposed = self._proposed[0], None
        else:
            # Without notes the trial is put in even if it was proposed: a sampler is to see 0.3,
            # as when the study is made again, and not its own 0.30000000000000004.
            self._withdraw()
            number = self._put(trial)
        self._numbers.append(number)
        self.history.add(trial)
        self._tell(trial)

    def finish(self, trial: Trial) -> None:
        """Take in what came of a trial that was running; not for a sampler that keeps notes."""
        self._withdraw()
        self.history.finish(trial)
        self._tell(trial)

    def _withdraw(self) -> None:
        if self._proposed is not None:
            self._study.tell(self._proposed[0], state=TrialState.FAIL)
            self._proposed = None

    def _ask(self, seed: int) -> tuple[int, Params]:
        """The number and the params of a new trial in Optuna's study."""
        if not self._notes:
            # A model that starts from the fit of the last one would know how often it was asked.
            self._study.sampler = self._make_sampler(self._sampler_seed)
        reseed(self._study.sampler, seed)
        trial = self._study.ask()
        params: Params = {}
        for name in self._space.order:
            if _is_active(self._space[name], params):
                value = _suggested(trial, name, self._distributions[name])
                params[name] = from_optuna(value, self._space[name])
        related = trial.relative_search_space if trial.relative_params else params
        self.independent = [
            name
            for name in params
            if name not in (related or ()) and not self._distributions[name].single()
        ]
        return trial.number, {name: params[name] for name in self._space if name in params}

    def _put(self, trial: Trial) -> int:
        """The number in Optuna's study of a trial that the sampler did not propose."""
        params = {name: to_optuna(value, self._space[name]) for name, value in trial.params.items()}
        if self._notes:
            self._study.enqueue_trial(params)
            return self._ask(int(trial_rng(self._seed, trial.number).integers(2**32)))[0]
        self._study.add_trial(
            optuna.trial.create_trial(
                state=TrialState.RUNNING,
                params=params,
                distributions={name: self._distributions[name] for name in params},
            )
        )
        return len(self._study.get_trials(deepcopy=False)) - 1

    def _tell(self, trial: Trial) -> None:
        number = self._numbers[trial.number]
        match trial.outcome:
            case None:
                return
            case Outcome.COMPLETED:
                self._study.tell(number, trial.metric)
            case Outcome.PRUNED:
                self._study.tell(number, state=TrialState.PRUNED)
            case _:
                self._study.tell(number, state=TrialState.FAIL)


def _is_active(parameter: Parameter, params: Params) -> bool:
    """Whether a parameter is active, given the values of those before it in the space's order."""
    when = parameter.when
    return not isinstance(when, Conditions) or all(
        parent in params and when.allow(parent, params[parent]) for parent in when
    )


def _suggested(trial: optuna.Trial, name: str, distribution: Distribution) -> HyperValue:
    if isinstance(distribution, CategoricalDistribution):
        value: HyperValue = trial.suggest_categorical(name, distribution.choices)
        return value
    if isinstance(distribution, FloatDistribution):
        low, high = distribution.low, distribution.high
        return trial.suggest_float(name, low, high, step=distribution.step, log=distribution.log)
    low, high = distribution.low, distribution.high
    return trial.suggest_int(name, low, high, step=distribution.step, log=distribution.log)
