"""Hyperparameter tuning that lives in Prefect.

`tune` is a flow, every trial of it a task run. The names below are imported when first used, so
that `from prefect_tuner import Study` costs no import of Prefect.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prefect_tuner.errors import EngineError as EngineError
    from prefect_tuner.errors import InvalidConfiguration as InvalidConfiguration
    from prefect_tuner.errors import LedgerError as LedgerError
    from prefect_tuner.errors import ObjectiveNotFound as ObjectiveNotFound
    from prefect_tuner.errors import StudyConflict as StudyConflict
    from prefect_tuner.errors import TrainingError as TrainingError
    from prefect_tuner.errors import TrialTimeout as TrialTimeout
    from prefect_tuner.errors import TunerError as TunerError
    from prefect_tuner.errors import TuningCancelled as TuningCancelled
    from prefect_tuner.flows.confirmation.confirmation import Confirmation as Confirmation
    from prefect_tuner.flows.confirmation.confirmation import ConfirmedTrial as ConfirmedTrial
    from prefect_tuner.flows.confirmation.confirmation import Winner as Winner
    from prefect_tuner.flows.observers.observer import TuningObserver as TuningObserver
    from prefect_tuner.flows.observers.progress_observer import ProgressObserver as ProgressObserver
    from prefect_tuner.flows.stream import stream as stream
    from prefect_tuner.flows.study.study import Study as Study
    from prefect_tuner.flows.study.tuner_config import TunerConfig as TunerConfig
    from prefect_tuner.flows.study.tuning_events import BestImproved as BestImproved
    from prefect_tuner.flows.study.tuning_events import (
        ConfirmationCompleted as ConfirmationCompleted,
    )
    from prefect_tuner.flows.study.tuning_events import ConfirmationStarted as ConfirmationStarted
    from prefect_tuner.flows.study.tuning_events import PreflightEnded as PreflightEnded
    from prefect_tuner.flows.study.tuning_events import StudyCompleted as StudyCompleted
    from prefect_tuner.flows.study.tuning_events import StudyFailed as StudyFailed
    from prefect_tuner.flows.study.tuning_events import StudyStarted as StudyStarted
    from prefect_tuner.flows.study.tuning_events import TrialCompleted as TrialCompleted
    from prefect_tuner.flows.study.tuning_events import TrialFailed as TrialFailed
    from prefect_tuner.flows.study.tuning_events import TrialReevaluated as TrialReevaluated
    from prefect_tuner.flows.study.tuning_events import TrialStarted as TrialStarted
    from prefect_tuner.flows.study.tuning_events import TuningEvent as TuningEvent
    from prefect_tuner.flows.study.tuning_result import StopReason as StopReason
    from prefect_tuner.flows.study.tuning_result import TuningResult as TuningResult
    from prefect_tuner.flows.tune import tune as tune
    from prefect_tuner.history import History as History
    from prefect_tuner.hyper_value import HyperValue as HyperValue
    from prefect_tuner.hyper_value import Params as Params
    from prefect_tuner.search_space.parameters import Categorical as Categorical
    from prefect_tuner.search_space.parameters import Float as Float
    from prefect_tuner.search_space.parameters import Int as Int
    from prefect_tuner.search_space.space import SearchSpace as SearchSpace
    from prefect_tuner.strategies.factory import make_strategy as make_strategy
    from prefect_tuner.strategies.strategy import SearchStrategy as SearchStrategy
    from prefect_tuner.tasks.objectives.objective import TrainableModel as TrainableModel
    from prefect_tuner.tasks.objectives.trial_context import TrialContext as TrialContext
    from prefect_tuner.trial import Outcome as Outcome
    from prefect_tuner.trial import Trial as Trial

__version__ = "0.1.0"

_HOMES = {
    "BestImproved": "prefect_tuner.flows.study.tuning_events",
    "Categorical": "prefect_tuner.search_space.parameters",
    "Confirmation": "prefect_tuner.flows.confirmation.confirmation",
    "ConfirmationCompleted": "prefect_tuner.flows.study.tuning_events",
    "ConfirmationStarted": "prefect_tuner.flows.study.tuning_events",
    "ConfirmedTrial": "prefect_tuner.flows.confirmation.confirmation",
    "Float": "prefect_tuner.search_space.parameters",
    "History": "prefect_tuner.history",
    "HyperValue": "prefect_tuner.hyper_value",
    "Int": "prefect_tuner.search_space.parameters",
    "InvalidConfiguration": "prefect_tuner.errors",
    "EngineError": "prefect_tuner.errors",
    "LedgerError": "prefect_tuner.errors",
    "ObjectiveNotFound": "prefect_tuner.errors",
    "Outcome": "prefect_tuner.trial",
    "Params": "prefect_tuner.hyper_value",
    "PreflightEnded": "prefect_tuner.flows.study.tuning_events",
    "ProgressObserver": "prefect_tuner.flows.observers.progress_observer",
    "SearchSpace": "prefect_tuner.search_space.space",
    "SearchStrategy": "prefect_tuner.strategies.strategy",
    "StopReason": "prefect_tuner.flows.study.tuning_result",
    "Study": "prefect_tuner.flows.study.study",
    "StudyCompleted": "prefect_tuner.flows.study.tuning_events",
    "StudyConflict": "prefect_tuner.errors",
    "StudyFailed": "prefect_tuner.flows.study.tuning_events",
    "StudyStarted": "prefect_tuner.flows.study.tuning_events",
    "TrainableModel": "prefect_tuner.tasks.objectives.objective",
    "TrainingError": "prefect_tuner.errors",
    "Trial": "prefect_tuner.trial",
    "TrialCompleted": "prefect_tuner.flows.study.tuning_events",
    "TrialContext": "prefect_tuner.tasks.objectives.trial_context",
    "TrialFailed": "prefect_tuner.flows.study.tuning_events",
    "TrialReevaluated": "prefect_tuner.flows.study.tuning_events",
    "TrialStarted": "prefect_tuner.flows.study.tuning_events",
    "TrialTimeout": "prefect_tuner.errors",
    "TunerConfig": "prefect_tuner.flows.study.tuner_config",
    "TunerError": "prefect_tuner.errors",
    "TuningCancelled": "prefect_tuner.errors",
    "TuningEvent": "prefect_tuner.flows.study.tuning_events",
    "TuningObserver": "prefect_tuner.flows.observers.observer",
    "TuningResult": "prefect_tuner.flows.study.tuning_result",
    "Winner": "prefect_tuner.flows.confirmation.confirmation",
    "make_strategy": "prefect_tuner.strategies.factory",
    "stream": "prefect_tuner.flows.stream",
    "tune": "prefect_tuner.flows.tune",
}

__all__ = sorted(_HOMES)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
