"""What every strategy keeps to, as a suite: subclass it and say how the strategy is built."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from typing import Any, ClassVar

import numpy as np

from prefect_tuner import History, Outcome, Params, SearchSpace, Study
from prefect_tuner.strategies.factory import StrategySpec

SPACE: dict[str, Any] = {
    "rate": {"type": "float", "low": 1e-4, "high": 1.0, "log": True},
    "momentum": {"type": "float", "low": 0.0, "high": 0.9, "step": 0.1},
    "depth": {"type": "int", "low": 2, "high": 10},
    "width": {"type": "int", "low": 16, "high": 1024, "log": True},
    "kind": [True, 1, 1.0, "one"],
}

_ASK = """
import json, sys
from prefect_tuner import Study
study = Study(**json.loads(sys.argv[1]))
print(json.dumps([study.ask().params for _ in range(20)]))
"""


class StrategyConformance:
    """The contract of `SearchStrategy`, for the strategy that `spec` stands for."""

    spec: ClassVar[StrategySpec]

    def study(self, space: Any = None, seed: int = 0) -> Study:
        return Study(space or SPACE, strategy=self.spec, direction="maximize", seed=seed)

    def asked(self, study: Study, count: int = 20) -> list[Params]:
        trials = [study.ask() for _ in range(count)]
        return [trial.params for trial in trials if trial is not None]

    def test_candidates_lie_in_the_space_in_its_order(self) -> None:
        space = SearchSpace(SPACE)
        for params in self.asked(self.study()):
            assert space.contains(params)
            assert list(params) == list(space)

    def test_values_are_native_python_values(self) -> None:
        for params in self.asked(self.study()):
            assert {type(value) for value in params.values()} <= {int, float, str, bool}
            again = json.loads(json.dumps(params))
            assert [(type(v), v) for v in again.values()] == [(type(v), v) for v in params.values()]

    def test_no_candidate_comes_twice(self) -> None:
        keys = [repr(params) for params in self.asked(self.study(), 200)]
        assert len(set(keys)) == len(keys)

    def test_asking_twice_with_the_same_history_gives_the_same(self) -> None:
        study = self.study()
        for _ in range(10):
            first = study.strategy.next_candidate(study.history)
            assert study.strategy.next_candidate(study.history) == first
            trial = study.ask()
            assert trial is not None
            assert trial.params == first

    def test_a_rebuilt_strategy_goes_on_as_the_first_one_would(self) -> None:
        study, other = self.study(), self.study()
        for number in range(15):
            trial = study.ask()
            assert trial is not None
            if number % 3:
                study.tell(trial, float(number))
        rebuilt = History(study.history)
        assert other.strategy.next_candidate(rebuilt) == study.strategy.next_candidate(rebuilt)
        assert study.strategy.next_candidate(rebuilt) == study.strategy.next_candidate(
            study.history
        )

    def test_an_earlier_history_is_answered_after_a_later_one(self) -> None:
        study = self.study()
        params = self.asked(study)
        for length in (7, 0, 19, 3):
            earlier = History(study.history[:length])
            assert study.strategy.next_candidate(earlier) == params[length]

    def test_failed_and_running_trials_are_no_hindrance(self) -> None:
        study = self.study()
        for outcome in [*Outcome, None, None]:
            trial = study.ask()
            assert trial is not None
            if outcome is Outcome.COMPLETED:
                study.tell(trial, 1.0)
            elif outcome is not None:
                study.tell(trial, outcome=outcome)
        assert study.ask() is not None

    def test_the_same_seed_gives_the_same_sequence_in_another_process(self) -> None:
        here = self.asked(self.study(seed=11))
        arguments = json.dumps({"space": SPACE, "strategy": self.spec, "seed": 11})
        for hash_seed in ("1", "2"):
            there = subprocess.run(
                [sys.executable, "-c", _ASK, arguments],
                env=os.environ | {"PYTHONHASHSEED": hash_seed},
                capture_output=True,
                text=True,
                check=True,
            )
            assert json.loads(there.stdout) == here

    def test_global_random_state_is_neither_read_nor_changed(self) -> None:
        random.seed(0)
        np.random.seed(0)  # noqa: NPY002 - the global state is what this is about
        before = (random.getstate(), repr(np.random.get_state()))  # noqa: NPY002
        first = self.asked(self.study())
        assert (random.getstate(), repr(np.random.get_state())) == before  # noqa: NPY002
        random.seed(1)
        np.random.seed(1)  # noqa: NPY002
        assert self.asked(self.study()) == first

    def test_a_small_space_is_exhausted_and_stays_so(self) -> None:
        study = self.study({"depth": [1, 2], "kind": ["a", "b"]})
        assert 1 <= len(self.asked(study, 10)) <= 4
        assert study.ask() is None

    def test_a_space_of_one_candidate_is_asked_once(self) -> None:
        study = self.study({"x": {"type": "float", "low": 0.5, "high": 0.5}})
        assert self.asked(study, 3) == [{"x": 0.5}]
