"""What every search strategy keeps to, as a test suite for strategies of your own.

Needs pytest and hypothesis: `pip install "prefect-tuner[testing]"`.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prefect_tuner import (
    Float,
    History,
    Int,
    InvalidConfiguration,
    Outcome,
    Params,
    SearchSpace,
    Study,
)
from prefect_tuner.strategies.factory import StrategySpec, parse_strategy
from prefect_tuner.testing.another_process import run_in_another_process
from prefect_tuner.testing.spaces import (
    CHOICES_SPACE,
    CONDITIONAL_CHOICES_SPACE,
    CONDITIONAL_SPACE,
    CONSTRAINED_CHOICES_SPACE,
    CONSTRAINED_SPACE,
    PLAIN_SPACE,
    search_spaces,
)
from prefect_tuner.testing.trials import exactly, metric_of, run_trials

__all__ = ["StrategyConformance", "exactly", "metric_of", "run_trials", "strategy_of"]

_FEW = settings(
    deadline=None,
    max_examples=20,
    # One test of the suite belongs to all classes that inherit it.
    suppress_health_check=[HealthCheck.differing_executors, HealthCheck.too_slow],
)


class StrategyConformance:
    """The contract of `SearchStrategy`, for the strategy that `spec` stands for.

    What the class declares to support is tested, and that the rest is refused. Trials are told
    a smooth metric of their parameters, unless a test says otherwise.

    Attributes:
        spec: The strategy's name, a mapping with its `name` and options, or its class, which must
            be importable.
        trials: How many trials a study has in most tests; more than a model-based strategy's start.

    Example:
        ```python
        from prefect_tuner.testing import StrategyConformance


        class TestMySearch(StrategyConformance):
            spec = {"name": "random", "max_iters": 1000}
        ```
    """

    spec: ClassVar[StrategySpec]
    trials: ClassVar[int] = 20

    def study(self, space: SearchSpace = PLAIN_SPACE, seed: int = 0) -> Study:
        """A study by the strategy."""
        return Study(space, strategy=self.spec, direction="maximize", seed=seed)

    def test_candidates_lie_in_the_space_in_its_order(self) -> None:
        for params in run_trials(self.study(), self.trials):
            assert PLAIN_SPACE.contains(params)
            assert list(params) == list(PLAIN_SPACE)

    def test_values_are_native_python_values(self) -> None:
        for params in run_trials(self.study(), self.trials):
            assert {type(value) for value in params.values()} <= {int, float, str, bool}
            assert exactly(json.loads(json.dumps(params))) == exactly(params)

    def test_conditional_parameters_are_there_where_they_are_active(self) -> None:
        self._search_or_refuse(CONDITIONAL_SPACE, "conditional parameters (drop, depth")

    def test_constraints_are_met(self) -> None:
        self._search_or_refuse(CONSTRAINED_SPACE, "constraints (a + b <= 1")

    def test_choices_of_any_kind_are_kept_to_the_type(self) -> None:
        asked = run_trials(self.study(CHOICES_SPACE), 2 * self.trials)
        assert [CHOICES_SPACE.mistakes_in(params) for params in asked] == [[]] * len(asked)
        assert len(set(map(exactly, asked))) == 2 * self.trials
        for params in asked:
            assert exactly(json.loads(json.dumps(params))) == exactly(params)

    def test_conditions_and_constraints_on_choices_of_any_kind_are_met(self) -> None:
        self._search_or_refuse(CONDITIONAL_CHOICES_SPACE, "conditional parameters (dropout, leaves")
        self._search_or_refuse(CONSTRAINED_CHOICES_SPACE, "constraints (depth == None or")

    def test_params_that_are_changed_in_place_change_nothing_else(self) -> None:
        study = self.study(CHOICES_SPACE)
        for params in run_trials(self.study(CHOICES_SPACE), self.trials):
            trial = study.ask()
            assert trial is not None
            assert exactly(trial.params) == exactly(params)
            study.tell(trial, metric_of(params))
            for value in trial.params.values():
                if isinstance(value, list | dict):
                    value.clear()
            trial.params.clear()
            assert exactly(study.history[trial.number].params) == exactly(params)

    @_FEW
    @given(st.data())
    def test_any_space_is_searched_without_leaving_it(self, data: st.DataObject) -> None:
        conditional = strategy_of(self.spec).supports_conditions
        space = data.draw(search_spaces(conditional=conditional))
        asked = run_trials(self.study(space, seed=data.draw(st.integers(0, 2**64))), 8)
        assert asked
        assert all(space.contains(params) for params in asked)

    def test_no_candidate_comes_twice(self) -> None:
        keys = [exactly(params) for params in run_trials(self.study(), 3 * self.trials)]
        assert len(set(keys)) == len(keys)

    def test_asking_twice_with_the_same_history_gives_the_same(self) -> None:
        study = self.study()
        for _ in range(self.trials):
            first = study.strategy.next_candidate(study.history)
            assert study.strategy.next_candidate(study.history) == first
            assert run_trials(study, 1) == [first]

    def test_a_study_rebuilt_from_its_history_goes_on_as_the_first_one_would(self) -> None:
        study, rebuilt = self.study(), self.study()
        for number in range(self.trials):
            trial = study.ask()
            assert trial is not None
            if number % 3:
                study.tell(trial, metric_of(trial.params))
        for trial in study.history:
            rebuilt.add_trial(trial)
        assert run_trials(rebuilt, 3) == run_trials(study, 3)

    def test_an_earlier_history_is_answered_after_a_later_one(self) -> None:
        study = self.study()
        params = run_trials(study, self.trials)
        for length in (7, 0, self.trials - 1, 3):
            earlier = History(study.history[:length])
            assert study.strategy.next_candidate(earlier) == params[length]

    def test_trials_are_told_in_any_order(self) -> None:
        study = self.study()
        for _ in range(self.trials // 4):
            asked = [study.ask() for _ in range(4)]
            for trial in sorted((t for t in asked if t is not None), key=lambda t: -t.number):
                study.tell(trial, metric_of(trial.params))
        candidate = study.strategy.next_candidate(study.history)
        assert candidate is not None
        assert PLAIN_SPACE.contains(candidate)
        assert self.study().strategy.next_candidate(History(study.history)) == candidate

    def test_the_trial_to_rely_on_is_a_completed_one_and_stays_the_same(self) -> None:
        study = self.study()
        for number in range(self.trials):
            expected = study.strategy.expected_best(study.history)
            assert expected is None or expected in study.history.completed
            assert self.study().strategy.expected_best(History(study.history)) == expected
            trial = study.ask()
            assert trial is not None
            if number % 3:
                study.tell(trial, metric_of(trial.params) if number % 4 else math.nan)

    def test_running_trials_are_no_hindrance(self) -> None:
        study = self.study()
        asked = [study.ask() for _ in range(self.trials)]
        keys = {exactly(trial.params) for trial in asked if trial is not None}
        assert len(keys) == self.trials

    def test_failed_trials_are_no_hindrance(self) -> None:
        study = self.study()
        for _ in range(2):
            for outcome in Outcome:
                trial = study.ask()
                assert trial is not None
                completed = outcome is Outcome.COMPLETED
                study.tell(trial, 1.0 if completed else None, outcome=outcome)
        only_failures = self.study()
        for _ in range(self.trials):
            trial = only_failures.ask()
            assert trial is not None
            only_failures.tell(trial, outcome=Outcome.FAILED)
        assert study.ask() is not None
        assert only_failures.ask() is not None

    def test_a_metric_that_is_no_number_is_never_seen(self) -> None:
        study = self.study()
        for number in range(self.trials):
            trial = study.ask()
            assert trial is not None
            study.tell(trial, [1.0, math.nan, math.inf][number % 3])
        seen = [trial.metric for trial in study.history if trial.metric is not None]
        assert set(seen) == {1.0}
        assert study.ask() is not None

    def test_the_same_seed_gives_the_same_sequence_in_another_process(self) -> None:
        here = run_trials(self.study(seed=11), self.trials)
        asked: dict[str, Any] = {
            "space": PLAIN_SPACE.to_json(),
            "direction": "maximize",
            "seed": 11,
            "count": self.trials,
        }
        if isinstance(self.spec, type):
            asked["strategy_class"] = f"{self.spec.__module__}:{self.spec.__qualname__}"
        else:
            asked["strategy"] = self.spec
        assert run_in_another_process(asked) == here

    def test_global_random_state_is_neither_read_nor_changed(self) -> None:
        # The state belongs to all threads, and another one (a client waiting to try again) may use
        # it meanwhile. A strategy that changes it does so each time.
        assert any(_leaves_global_state(self._run_once) for _ in range(3))
        random.seed(0)
        np.random.seed(0)  # noqa: NPY002 - the global state is what this is about
        first = self._run_once()
        random.seed(1)
        np.random.seed(1)  # noqa: NPY002
        assert self._run_once() == first

    def test_a_small_space_is_exhausted_and_stays_so(self) -> None:
        study = self.study(SearchSpace({"depth": [1, 2], "kind": ["a", "b"]}))
        assert 1 <= len(run_trials(study, 10)) <= 4
        assert study.ask() is None

    def test_a_space_of_one_candidate_is_asked_once(self) -> None:
        space = SearchSpace({"x": Float(0.5, 0.5), "n": Int(3, 3), "kind": ["only"]})
        assert run_trials(self.study(space), 3) == [{"x": 0.5, "n": 3, "kind": "only"}]

    def _run_once(self) -> list[Params]:
        return run_trials(self.study(), self.trials)

    def _search_or_refuse(self, space: SearchSpace, lacking: str) -> None:
        strategy = strategy_of(self.spec)
        if (strategy.supports_conditions or not space.is_conditional) and (
            strategy.supports_constraints or not space.constraints
        ):
            asked = run_trials(self.study(space), 2 * self.trials)
            assert len(asked) == 2 * self.trials
            assert [space.mistakes_in(params) for params in asked] == [[]] * len(asked)
            assert run_trials(self.study(space), 2 * self.trials) == asked
        else:
            with pytest.raises(InvalidConfiguration) as caught:
                self.study(space)
            assert lacking in str(caught.value)
            assert "use " in str(caught.value)


def strategy_of(spec: StrategySpec) -> Any:
    """The class that a spec stands for."""
    return parse_strategy(spec).strategy


def _leaves_global_state(search: Callable[[], object]) -> bool:
    """Whether the state of Python's and of numpy's generators is after a search what it was."""
    before = (random.getstate(), repr(np.random.get_state()))  # noqa: NPY002 - it is about this
    search()
    return (random.getstate(), repr(np.random.get_state())) == before  # noqa: NPY002
