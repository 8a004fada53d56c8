from __future__ import annotations

import re
from importlib.util import find_spec
from typing import ClassVar

import pytest

from prefect_tuner import History, InvalidConfiguration, Params, SearchStrategy, Study
from prefect_tuner.strategies.factory import StrategySpec
from prefect_tuner.strategies.strategy import trial_rng
from prefect_tuner.testing import StrategyConformance
from prefect_tuner.testing.spaces import CONDITIONAL_SPACE, CONSTRAINED_SPACE


class UniformSearch(SearchStrategy):
    """A third party's, which knows nothing of conditions and constraints."""

    def next_candidate(self, history: History) -> Params | None:
        rng = trial_rng(self.seed, len(history))
        for _ in range(32):
            candidate = self.space.from_units(rng.random(len(self.space)).tolist())
            if not history.has_candidate(candidate):
                return candidate
        return None


class TestRandom(StrategyConformance):
    spec: ClassVar[StrategySpec] = "random"


class TestSobol(StrategyConformance):
    spec: ClassVar[StrategySpec] = "sobol"


class TestGp(StrategyConformance):
    spec: ClassVar[StrategySpec] = "gp"


class TestNoisyGp(StrategyConformance):
    spec: ClassVar[StrategySpec] = {"name": "gp", "noisy": True, "initial": 1}


class TestTpe(StrategyConformance):
    spec: ClassVar[StrategySpec] = "tpe"


class TestGrid(StrategyConformance):
    spec: ClassVar[StrategySpec] = {"name": "grid", "points": 3}


class TestShuffledGrid(StrategyConformance):
    spec: ClassVar[StrategySpec] = {"name": "grid", "points": 3, "shuffle": True}


class TestPortfolio(StrategyConformance):
    spec: ClassVar[StrategySpec] = {"name": "portfolio", "strategies": ["random", "sobol"]}


class TestPortfolioByDefault(StrategyConformance):
    spec: ClassVar[StrategySpec] = "portfolio"
    trials = 12


class TestAuto(StrategyConformance):
    spec: ClassVar[StrategySpec] = "auto"
    trials = 12


class TestCmaEs(StrategyConformance):
    spec: ClassVar[StrategySpec] = {"name": "cmaes", "population_size": 5}


class TestOptunaTpe(StrategyConformance):
    spec: ClassVar[StrategySpec] = "optuna"


class TestOptunaNsgaII(StrategyConformance):
    spec: ClassVar[StrategySpec] = {
        "name": "optuna",
        "sampler": "nsgaii",
        "sampler_options": {"population_size": 4},
    }


@pytest.mark.slow
class TestOptunaCmaEs(StrategyConformance):
    spec: ClassVar[StrategySpec] = {"name": "optuna", "sampler": "cmaes"}


@pytest.mark.slow
class TestOptunaQmc(StrategyConformance):
    spec: ClassVar[StrategySpec] = {"name": "optuna", "sampler": "qmc"}


@pytest.mark.slow
@pytest.mark.skipif(find_spec("torch") is None, reason="Optuna's GPSampler needs torch")
class TestOptunaGp(StrategyConformance):
    spec: ClassVar[StrategySpec] = {
        "name": "optuna",
        "sampler": "gp",
        "sampler_options": {"n_startup_trials": 4},
    }
    trials: ClassVar[int] = 12


class TestClassOfAThirdParty(StrategyConformance):
    spec: ClassVar[StrategySpec] = UniformSearch


def test_who_lacks_what_a_space_needs_is_told_who_has_it() -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        Study(CONDITIONAL_SPACE, strategy=UniformSearch)
    said, _, able = str(caught.value).partition("; use ")
    assert re.match(r"strategy UniformSearch: .*conditional parameters\b", said)
    assert said.endswith("(drop, depth, is_dropping)")
    assert {"'auto'", "'grid'", "'portfolio'", "'random'", "'tpe'"} <= set(able.split(" or "))
    with pytest.raises(InvalidConfiguration, match=r"constraints \(a \+ b <= 1;"):
        Study(CONSTRAINED_SPACE, strategy=UniformSearch)
