from __future__ import annotations

import logging
import random
import re
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefect_tuner import (
    Categorical,
    Float,
    History,
    Int,
    InvalidConfiguration,
    Outcome,
    Params,
    SearchSpace,
    Study,
    Trial,
    make_strategy,
)
from prefect_tuner.strategies.optuna_bridge import samplers as optuna_samplers
from prefect_tuner.strategies.optuna_bridge.distributions import (
    distribution_of,
    from_optuna,
    to_optuna,
)
from prefect_tuner.strategies.strategy import trial_rng
from prefect_tuner.testing import exactly, metric_of, run_trials
from prefect_tuner.testing.spaces import CONDITIONAL_SPACE, PLAIN_SPACE, search_spaces

NUMBERS = SearchSpace({"x": Float(-1.0, 1.0), "y": Float(1e-3, 1.0, log=True)})
SEEN = SearchSpace(
    {"salt": Float(0.0, 1e6)}
    | {state: Int(0, 1000) for state in ("RUNNING", "COMPLETE", "PRUNED", "FAIL")}
)
SEEING = {"name": "optuna", "sampler": "tests.strategies.samplers_of_others:WhatIsSeen"}


def sampled(sampler: str, **options: Any) -> dict[str, Any]:
    return {"name": "optuna", "sampler": sampler, "sampler_options": options}


@pytest.mark.parametrize(
    ("spec", "make"),
    [
        (sampled("tpe"), lambda seed: optuna.samplers.TPESampler(seed=seed)),
        (
            sampled("TPESampler", multivariate=False, n_startup_trials=5),
            lambda seed: optuna.samplers.TPESampler(
                seed=seed, multivariate=False, n_startup_trials=5
            ),
        ),
        (
            sampled("nsgaii", population_size=5),
            lambda seed: optuna.samplers.NSGAIISampler(seed=seed, population_size=5),
        ),
        (
            sampled("cmaes", popsize=5),
            lambda seed: optuna.samplers.CmaEsSampler(seed=seed, popsize=5),
        ),
    ],
    ids=["tpe", "univariate tpe", "nsgaii", "cmaes"],
)
def test_suggestions_are_those_of_optuna_asked_with_the_same_seeds(
    spec: dict[str, Any], make: Callable[[int], optuna.samplers.BaseSampler]
) -> None:
    ours = run_trials(Study(NUMBERS, spec, "maximize", seed=3), 40)
    theirs = optuna.create_study(direction="maximize")
    for number, params in enumerate(ours):
        repeated = []
        # As a user of Optuna's would ask again for what was tried.
        seeds = iter(trial_rng(3, number).integers(2**32, size=8).tolist())
        while True:
            theirs.sampler = make(next(seeds))
            trial = theirs.ask()
            asked = {"x": trial.suggest_float("x", -1, 1)}
            asked["y"] = trial.suggest_float("y", 1e-3, 1, log=True)
            if asked not in ours[:number]:
                break
            repeated.append(trial)
        assert params == asked
        for each in repeated:
            theirs.tell(each, state=optuna.trial.TrialState.FAIL)
        theirs.tell(trial, metric_of(params))


@pytest.mark.parametrize(
    "spec",
    [
        sampled("cmaes", popsize=5),
        sampled("nsgaii", population_size=4),
        sampled("nsgaiii", population_size=4),
        sampled("qmc"),
        sampled("random"),
        sampled("tpe"),
        sampled("tpe", multivariate=False),
    ],
    ids=str,
)
@pytest.mark.parametrize("space", [PLAIN_SPACE, CONDITIONAL_SPACE], ids=["plain", "conditional"])
def test_a_study_with_many_workers_goes_on_after_a_break_as_without_one(
    spec: dict[str, Any], space: SearchSpace
) -> None:
    study, draw = Study(space, spec, seed=1), random.Random(0)
    running: list[Trial] = []
    for _ in range(40):
        trial = study.ask()
        assert trial is not None
        running.append(trial)
        while len(running) > draw.randrange(6):
            ended = running.pop(draw.randrange(len(running)))
            if draw.random() < 0.2:
                study.tell(ended, outcome="failed")
            else:
                study.tell(ended, metric_of(ended.params))
    again = Study(space, spec, seed=1)
    for trial in study.history:
        again.add_trial(trial)
    assert run_trials(again, 3) == run_trials(study, 3)


def test_a_sampler_sees_each_trial_as_what_it_is() -> None:
    study = Study(SEEN, SEEING)
    first: Params = {"salt": 0.5, "RUNNING": 0, "COMPLETE": 0, "PRUNED": 0, "FAIL": 0}
    study.add_trial(Trial(0, first, outcome=Outcome.COMPLETED, metric=1.0))
    outcomes = [None, "completed", "pruned", "failed", "timed_out", "cancelled", None]
    for outcome in outcomes:
        trial = study.ask()
        assert trial is not None
        if outcome is not None:
            study.tell(trial, 1.0 if outcome == "completed" else None, outcome=outcome)
    last = study.strategy.next_candidate(study.history)
    assert last is not None
    counts = {state: last[state] for state in ("RUNNING", "COMPLETE", "PRUNED")}
    assert counts == {"RUNNING": 2, "COMPLETE": 2, "PRUNED": 1}
    # What was proposed and not taken has failed to a sampler, too.
    assert int(last["FAIL"]) >= 3


def test_what_is_running_moves_the_next_suggestion() -> None:
    study = Study(NUMBERS, "optuna", "maximize")
    run_trials(study, 30)
    alone = study.strategy.next_candidate(study.history)
    assert alone is not None
    running, failed = History(study.history), History(study.history)
    for number in range(30, 38):
        running.add(Trial(number, alone | {"x": float(alone["x"]) - number / 1e4}))
        failed.add(replace(running[number], outcome=Outcome.FAILED))
    assert study.strategy.next_candidate(running) != study.strategy.next_candidate(failed)
    assert study.strategy.next_candidate(study.history) == alone


@pytest.mark.parametrize("sampler", ["tpe", "nsgaii"])
def test_a_small_space_is_tried_to_the_last_candidate(sampler: str) -> None:
    study = Study({"n": Int(0, 5), "kind": [1, 1.0, True]}, sampled(sampler))
    assert len({exactly(params) for params in run_trials(study, 30)}) == 18
    assert study.ask() is None


def test_others_trials_are_learned_from() -> None:
    study = Study({"x": Float(0.0, 1.0)}, "optuna", "maximize")
    for number in range(40):
        x = number / 40
        near = -abs(x - 0.9)
        study.add_trial(Trial(number, {"x": x}, outcome=Outcome.COMPLETED, metric=near))
    asked = [study.ask() for _ in range(10)]
    assert sum(abs(float(t.params["x"]) - 0.9) < 0.2 for t in asked if t is not None) >= 8


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"sampler": "TPSSampler"},
            "option sampler 'TPSSampler' is not known, did you mean 'TPESampler'? Known are",
        ),
        (
            sampled("nsgaii", populationsize=3),
            "option sampler_options.populationsize is not known, did you mean 'population_size'?",
        ),
        (
            sampled("NSGAIISampler", population_size=1),
            "cannot be given to NSGAIISampler: ValueError: `population_size` must be greater than",
        ),
        (
            sampled("tpe", n_startup_trials="ten"),
            "TPESampler cannot search this space with option sampler_options {'n_startup_trials",
        ),
        (sampled("tpe", seed=3), "option sampler_options.seed is not for you to set"),
        (sampled("cmaes", with_margin=True), 'use "cmaes", which has a margin'),
        (sampled("json:loads"), "option sampler 'json:loads' must be a subclass of"),
        (sampled("no_such:Sampler"), "option sampler 'no_such:Sampler' cannot be imported: Module"),
        (
            sampled("tests.strategies.samplers_of_others:Refuses", patience=3),
            "cannot be given to Refuses: ValueError: patience must be above 3",
        ),
    ],
)
def test_a_mistake_is_named_before_a_trial_starts(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        make_strategy({"name": "optuna"} | options, NUMBERS)
    assert str(caught.value).startswith('strategy "optuna": ')
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("missing", "sampler", "message"),
    [
        ("optuna", "tpe", 'strategy "optuna": needs Optuna: pip install "prefect-tuner[optuna]"'),
        ("cmaes", "cmaes", 'needs cmaes: pip install "prefect-tuner[cmaes]"'),
        ("torch", "gp", "option sampler 'gp' needs torch: pip install \"torch\""),
    ],
)
def test_a_package_that_is_not_installed_is_named_with_what_installs_it(
    monkeypatch: pytest.MonkeyPatch, missing: str, sampler: str, message: str
) -> None:
    monkeypatch.setattr(optuna_samplers, "find_spec", lambda name: None if name == missing else 1)
    with pytest.raises(InvalidConfiguration) as caught:
        make_strategy(sampled(sampler), NUMBERS)
    assert message in str(caught.value)


def test_parameters_apart_from_a_samplers_model_are_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    study = Study(PLAIN_SPACE, sampled("cmaes"))
    with caplog.at_level(logging.WARNING):
        run_trials(study, 10)
    (told,) = [record.getMessage() for record in caplog.records]
    assert re.match(r".*CmaEsSampler\b.* kind apart\b", told)


def test_optuna_keeps_its_voice_down(capfd: pytest.CaptureFixture[str]) -> None:
    before = optuna.logging.get_verbosity()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run_trials(Study(NUMBERS, sampled("qmc")), 5)
    assert caught == []
    assert capfd.readouterr().err == ""
    assert optuna.logging.get_verbosity() == before


@settings(deadline=None, max_examples=50)
@given(st.data())
def test_values_survive_the_way_to_optuna_and_back(data: st.DataObject) -> None:
    space = data.draw(search_spaces())
    for parameter in space.values():
        value = parameter.from_unit(data.draw(st.floats(0.0, 1.0)))
        distribution: Any = distribution_of(parameter)
        internal = distribution.to_internal_repr(to_optuna(value, parameter))
        assert distribution._contains(internal)
        external = distribution.to_external_repr(internal)
        assert repr(from_optuna(external, parameter)) == repr(value)


def test_rounding_errors_of_steps_are_taken_back() -> None:
    assert from_optuna(0.30000000000000004, Float(0.0, 0.9, step=0.1)) == 0.3
    assert from_optuna("1.0", Categorical([True, 1, 1.0])) == 1.0


def test_optuna_has_choices_as_they_are_or_by_labels_where_it_would_not_keep_them() -> None:
    plain = optuna.distributions.CategoricalDistribution([None, 3, "auto", True])
    assert distribution_of(Categorical([None, 3, "auto", True])) == plain
    nested = Categorical([None, [64, 32], "[64, 32]", {"a": 1, "b": [True]}, [1], [1.0], [True]])
    labels = ("None", "[64, 32]", "'[64, 32]'", "{'a': 1, 'b': [True]}", "[1]", "[1.0]", "[True]")
    assert distribution_of(nested) == optuna.distributions.CategoricalDistribution(labels)
    for choice, label in zip(nested.choices, labels, strict=True):
        assert to_optuna(choice, nested) == label
        assert repr(from_optuna(label, nested)) == repr(choice)
    assert to_optuna({"b": [True], "a": 1}, nested) == "{'a': 1, 'b': [True]}"
