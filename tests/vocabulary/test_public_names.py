"""The names that programs import: they stay, or the CHANGELOG says that they went."""

from __future__ import annotations

import inspect

import prefect_tuner
from prefect_tuner import SearchStrategy, Study, TuningObserver, TuningResult, stream, tune

NAMES = [
    "BestImproved",
    "Categorical",
    "Confirmation",
    "ConfirmationCompleted",
    "ConfirmationStarted",
    "ConfirmedTrial",
    "EngineError",
    "Float",
    "History",
    "HyperValue",
    "Int",
    "InvalidConfiguration",
    "LedgerError",
    "ObjectiveNotFound",
    "Outcome",
    "Params",
    "PreflightEnded",
    "ProgressObserver",
    "SearchSpace",
    "SearchStrategy",
    "StopReason",
    "Study",
    "StudyCompleted",
    "StudyConflict",
    "StudyFailed",
    "StudyStarted",
    "TrainableModel",
    "TrainingError",
    "Trial",
    "TrialCompleted",
    "TrialContext",
    "TrialFailed",
    "TrialReevaluated",
    "TrialStarted",
    "TrialTimeout",
    "TunerConfig",
    "TunerError",
    "TuningCancelled",
    "TuningEvent",
    "TuningObserver",
    "TuningResult",
    "Winner",
    "make_strategy",
    "stream",
    "tune",
]

PARAMETERS = [
    "objective",
    "space",
    "strategy",
    "strategy_options",
    "direction",
    "seed",
    "study",
    "config",
    "observers",
    "storage",
    "on_conflict",
    "initial_trials",
    "fresh",
    "on_code_change",
    "engine",
    "engine_options",
    "confirm",
    "preflight",
]

MEMBERS: dict[object, str] = {
    Study(
        {"x": [1, 2]}
    ): "add_trial ask best_metric best_params best_trial can_ask direction enqueue leader seed "
    "space tell",
    SearchStrategy: "expected_best next_candidate propose reason report_result",
    TuningObserver: "on_best_improved on_completed on_confirmation_completed "
    "on_confirmation_started on_failed on_study_started on_trial_completed on_trial_failed "
    "on_trial_reevaluated on_trial_started",
    TuningResult: "best_metric best_params to_dataframe to_json winner winning_metric "
    "winning_params winning_trial",
}

PLACES = [
    "prefect_tuner.flows.tune:tune",
    "prefect_tuner.strategies.factory:make_strategy",
    "prefect_tuner.strategies.factory:strategy_names",
    "prefect_tuner.strategies.strategy:SearchStrategy",
    "prefect_tuner.strategies.strategy:StrategyOptions",
    "prefect_tuner.strategies.strategy:trial_rng",
    "prefect_tuner.tasks.engine:Engine",
    "prefect_tuner.tasks.engine:EngineOptions",
    "prefect_tuner.tasks.engines.engine_registry:engine_names",
    "prefect_tuner.testing:EngineConformance",
    "prefect_tuner.testing:StrategyConformance",
    "prefect_tuner.example:train",
    "prefect_tuner.errors:TunerError",
]
"""What deployments, plug-ins and stored results name by its module."""


def test_the_public_names_are_those_of_before() -> None:
    assert sorted(NAMES) == list(prefect_tuner.__all__)


def test_the_parameters_of_tune_and_stream_are_those_of_before() -> None:
    assert list(inspect.signature(tune.fn).parameters) == PARAMETERS
    assert list(inspect.signature(stream).parameters) == PARAMETERS


def test_classes_have_the_members_of_before() -> None:
    for holder, members in MEMBERS.items():
        assert set(members.split()) <= set(dir(holder)), holder


def test_what_is_named_by_its_module_is_there() -> None:
    for place in PLACES:
        module, _, name = place.partition(":")
        found = __import__(module, fromlist=[name])
        assert hasattr(found, name), place
