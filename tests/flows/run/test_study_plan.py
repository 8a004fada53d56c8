from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from prefect_tuner import (
    Float,
    Int,
    InvalidConfiguration,
    SearchStrategy,
    TunerConfig,
    TuningObserver,
)
from prefect_tuner.flows.run.study_plan import StudyPlan, plan_study
from prefect_tuner.flows.study.study_name import LONGEST_STUDY_NAME
from prefect_tuner.strategies.grid import GridSearch
from prefect_tuner.strategies.random_search import RandomSearch
from prefect_tuner.strategies.strategy import Budget


def train(params: dict[str, Any]) -> float:
    return float(params["x"])


def plan(**parameters: Any) -> StudyPlan:
    return plan_study(
        {"objective": train, "space": {"x": Float(0.0, 1.0)}, "strategy": "random", **parameters}
    )


def mistakes_in(**parameters: Any) -> tuple[str, ...]:
    with pytest.raises(InvalidConfiguration) as raised:
        plan(**parameters)
    return raised.value.mistakes


class Quiet(TuningObserver):
    pass


class Named(TuningObserver):
    def __init__(self, name: str) -> None:
        self.name = name


def test_all_mistakes_in_all_parameters_are_reported_at_once_in_their_order() -> None:
    found = mistakes_in(
        engine_options=["address"],
        engine="dusk",
        on_code_change="ignore",
        initial_trials=[{"metric": 1.0}],
        observers=[3, "no.such:thing"],
        storage=7,
        objective="train",
        space={"x": {"type": "float", "low": 1.0, "high": 0.0}},
        strategy="gird",
        strategy_options={"name": "grid"},
        direction="up",
        sed=1,
        seed=-1,
        study="x" * 201,
        config={"max_trials": 0, "patience": 0},
        on_conflict="ignore",
        fresh=1,
    )
    named = [mistake.partition(":")[0] for mistake in found]
    assert named == [
        "sed",
        "objective",
        "space.x",
        "strategy",
        "strategy_options",
        "direction",
        "seed",
        "study",
        "config.max_trials",
        "config.patience",
        "observers.0",
        "observers.1",
        "storage",
        "on_conflict",
        "initial_trials.0.params",
        "fresh",
        "on_code_change",
        "engine",
        "engine_options",
    ]


def test_what_a_study_starts_from_is_checked_though_its_strategy_is_wrong() -> None:
    found = mistakes_in(strategy="gird", initial_trials=[{"params": {"x": 2.0}}])
    assert [mistake.partition(":")[0] for mistake in found] == [
        "strategy",
        "initial_trials.0.params",
    ]


def test_a_space_that_is_wrong_is_told_once_and_nothing_is_held_against_it() -> None:
    (mistake,) = mistakes_in(
        space={}, strategy="cmaes", initial_trials=[{"params": {"anything": 1}}]
    )
    assert re.fullmatch(r"space: must .*one parameter.*\{\}", mistake)


def test_what_is_not_given_is_as_in_tune() -> None:
    planned = plan_study({"space": {"x": [1]}})
    assert planned.objective == "prefect_tuner.example:train"
    assert (planned.strategy, planned.study.direction, planned.name) == ("auto", "maximize", "")
    assert planned.config == TunerConfig()


def test_plain_data_gives_the_same_study_as_objects() -> None:
    from_code = plan(
        space={"x": Float(0.0, 1.0, step=0.25), "n": Int(0, 3)},
        strategy={"name": "grid", "shuffle": True},
        config=TunerConfig(max_trials=7),
    )
    from_data = plan(
        space={
            "x": {"type": "float", "low": 0.0, "high": 1.0, "step": 0.25},
            "n": {"type": "int", "low": 0, "high": 3},
        },
        strategy="grid",
        strategy_options={"shuffle": True},
        config={"max_trials": 7},
    )
    assert from_code.config == from_data.config
    assert from_code.strategy == from_data.strategy == "grid"
    asked = [[study.ask() for _ in range(20)] for study in (from_code.study, from_data.study)]
    assert asked[0] == asked[1]
    assert None not in asked[0]


def test_options_go_to_the_strategy_wherever_they_are_given() -> None:
    space = {"x": Float(0.0, 1.0)}
    both = plan(
        space=space, strategy={"name": "grid", "shuffle": True}, strategy_options={"points": 4}
    )
    assert isinstance(both.study.strategy, GridSearch)
    assert len(list(both.study.strategy.cells())) == 4


def test_a_strategy_may_be_a_class_with_options() -> None:
    planned = plan(strategy=RandomSearch, strategy_options={"max_iters": 2})
    assert planned.strategy == "RandomSearch"
    trials = [planned.study.ask() for _ in range(3)]
    assert trials[2] is None


def test_a_study_is_what_it_was_asked_for_without_the_budget() -> None:
    planned = plan(strategy="auto", config=TunerConfig(max_trials=9, max_concurrency=2))
    assert planned.definition.strategy == {"name": "auto"}
    assert planned.budget == Budget(9, 2)
    given = plan(strategy=RandomSearch, strategy_options={"max_iters": 9})
    name = f"{RandomSearch.__module__}:RandomSearch"
    assert given.definition.strategy == {"name": name, "max_iters": 9}


@pytest.mark.parametrize(
    ("rules", "at_a_time"),
    [({}, 3), ({"reproducible": True}, 3), ({"reproducible": True, "lag": 80}, 80)],
)
def test_a_reproducible_study_plans_for_its_lag_whatever_the_workers(
    rules: dict[str, Any], at_a_time: int
) -> None:
    planned = plan(strategy="auto", config=TunerConfig(max_concurrency=3, **rules))
    assert planned.budget.max_concurrency == at_a_time
    asked = planned.study.ask(planned.budget)
    assert asked is not None
    assert asked.proposer == ("gp" if at_a_time == 3 else "tpe")


def test_the_engine_is_no_part_of_what_makes_the_study() -> None:
    planned = plan()
    assert (planned.engine, planned.engine_options) == ("local", {})
    engine, options = planned.parsed_engine
    assert engine.__name__ == "LocalEngine"
    assert options == engine.Options()
    assert "engine" not in planned.definition.model_dump()


def test_an_option_given_twice_is_a_mistake() -> None:
    (mistake,) = mistakes_in(
        strategy={"name": "random", "max_iters": 3}, strategy_options={"max_iters": 4}
    )
    assert re.match(r"strategy_options: 'max_iters'.* in strategy\b", mistake)


def test_a_mistake_in_the_options_does_not_hide_the_others() -> None:
    found = mistakes_in(space={"x": []}, strategy_options=3, seed=-1)
    assert [mistake.partition(":")[0] for mistake in found] == [
        "space.x",
        "strategy_options",
        "seed",
    ]


@pytest.mark.parametrize(
    ("parameters", "mistake"),
    [
        ({"strategy": "gird"}, "strategy: 'gird' is not known, did you mean 'grid'?"),
        ({"strategy_options": None}, "strategy_options: must be a mapping, got None"),
        ({"strategy_options": {"points": 3}}, "strategy"),
        ({"config": None}, "config: must be a TunerConfig or a mapping, got None"),
        ({"config": {"max_trial": 3}}, "config.max_trial: is not known, did you mean"),
        ({"observers": None}, "observers: must be a list, got None"),
        ({"observers": "no.such:thing"}, "observers: must be a list, got 'no.such:thing'"),
        ({"observers": [3]}, "observers.0: must be a TuningObserver, a subclass of it or the path"),
        ({"observers": [Named]}, "observers.0: Named must be made without arguments, or be given"),
        ({"observers": [dict]}, "observers.0: must be a TuningObserver"),
        ({"storage": 7}, "storage: must be a folder or an address"),
        ({"fresh": 1}, "fresh: must be true or false, got 1"),
        ({"fresh": True}, "fresh: needs a name for the study"),
        ({"on_conflict": "ignore"}, "on_conflict: must be 'error', 'new' or 'adopt', got 'ignore'"),
        ({"initial_trials": {"x": 0.5}}, "initial_trials: must be a list, got {'x': 0.5}"),
        ({"initial_trials": [0.5]}, "initial_trials.0: must be a mapping with params"),
        ({"initial_trials": [{"metric": 0.5}]}, "initial_trials.0.params: is required"),
        ({"initial_trials": [{"params": {"x": 2.0}}]}, "initial_trials.0.params: x=2.0 (float)"),
        ({"initial_trials": [{"params": {"y": 0.5}}]}, "initial_trials.0.params: got the param"),
        (
            {"initial_trials": [{"params": {"x": 0.5}, "metric": "0.5"}]},
            "initial_trials.0.metric: must be a finite number, got '0.5'",
        ),
        (
            {"initial_trials": [{"params": {"x": 0.5}, "metrics": 0.5}]},
            "initial_trials.0.metrics: is not known, did you mean 'metric'?",
        ),
        ({"study": 7}, "study: must be a name of at most 200 printable characters, got 7"),
        ({"study": "a\nb"}, "study: must be a name of at most 200 printable characters"),
        ({"study": "\ud800"}, "study: must be a name of at most 200 printable characters"),
        ({"engine": "dusk"}, "engine: 'dusk' is not known, did you mean 'dask'?"),
        ({"engine": 3}, "engine: must be one of 'dask', 'deployment', 'local', 'ray'"),
        ({"engine_options": None}, "engine_options: must be a mapping, got None"),
        ({"engine_options": {"threads": 3}}, "engine_options.threads: is not known"),
        ({"space": {}}, "space"),
        ({"seed": True}, "seed"),
        ({"objective": 3}, "objective: must be a callable, an object with a method train"),
    ],
)
def test_a_mistake_names_its_parameter_and_what_would_be_right(
    parameters: dict[str, Any], mistake: str
) -> None:
    (found,) = mistakes_in(**parameters)
    assert found.startswith(mistake)


def test_a_name_may_be_in_any_language() -> None:
    assert len(plan(study="Größe/サイズ").study.history) == 0
    assert mistakes_in(study="ü" * (LONGEST_STUDY_NAME + 1))


def test_observers_are_objects_classes_or_paths(tmp_path: Path) -> None:
    file = tmp_path / "announcing.py"
    file.write_text(
        "from prefect_tuner import TuningObserver\n"
        "class Announcer(TuningObserver):\n    pass\n"
        "announcer = Announcer()\n"
    )
    named = Named("mine")
    built = plan(
        observers=[
            named,
            Quiet,
            "prefect_tuner:TuningObserver",
            f"{file}:Announcer",
            f"{file}:announcer",
        ]
    ).observers
    assert built[0] is named
    assert [type(observer).__name__ for observer in built] == [
        "Named",
        "Quiet",
        "TuningObserver",
        "Announcer",
        "Announcer",
    ]


def test_an_observer_whose_file_fails_is_a_mistake_that_says_why(tmp_path: Path) -> None:
    file = tmp_path / "broken_observer.py"
    file.write_text("raise RuntimeError('no licence')")
    (mistake,) = mistakes_in(observers=[f"{file}:Announcer"])
    assert mistake.startswith("observers.0: must look like")
    assert "no licence" in mistake


def test_a_plan_asks_for_nothing_and_imports_no_objective() -> None:
    planned = plan(objective="no_such_module_anywhere:train")
    assert len(planned.study.history) == 0
    assert isinstance(planned.study.strategy, SearchStrategy)
