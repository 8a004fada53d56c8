"""A study as an Optuna storage, which Optuna's dashboard opens."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.flows.ledger.counted_trials import counted_trials
from prefect_tuner.flows.ledger.study_state import StudyState
from prefect_tuner.flows.study.study_digest import study_digest
from prefect_tuner.search_space.space import SearchSpace
from prefect_tuner.strategies.optuna_bridge.distributions import (
    Distribution,
    distribution_of,
    to_optuna,
)
from prefect_tuner.trial import Outcome, Trial

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial, TrialState

# SQLite holds text of up to a gigabyte, but a dashboard shows it in a cell.
_LONGEST_MESSAGE = 2000


def write_optuna_storage(state: StudyState, path: Path) -> None:
    """Write a study into a new SQLite database as Optuna's storages have it.

    Trials keep their numbers. What Optuna has no field for is a user attribute: outcome, message,
    seed, duration, attempts, and the extra values as `extra.NAME`.

    Args:
        state: What the ledger says.
        path: The database.

    Raises:
        InvalidConfiguration: Optuna is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        raise InvalidConfiguration(
            'format: "optuna" needs Optuna: pip install "prefect-tuner[optuna]"'
        ) from error

    def connect() -> sqlite3.Connection:
        # By a function rather than an address, in which a path would have to be quoted. What is
        # cut short is removed: nothing has to be kept safe while it is written.
        connection = sqlite3.connect(path, check_same_thread=False)
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA journal_mode = MEMORY")
        return connection

    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        storage = optuna.storages.RDBStorage("sqlite://", engine_kwargs={"creator": connect})
        study = optuna.create_study(
            storage=storage, study_name=state.study, direction=state.definition.direction
        )
        trials = counted_trials(state)
        for name, value in _attributes(state, trials).items():
            study.set_user_attr(name, value)
        space = SearchSpace(state.definition.space)
        distributions = {name: distribution_of(each) for name, each in space.items()}
        study.add_trials([_frozen(trial, state, space, distributions) for trial in trials])
        storage.remove_session()
        storage.engine.dispose()
    finally:
        optuna.logging.set_verbosity(verbosity)


def _attributes(state: StudyState, trials: list[Trial]) -> dict[str, Any]:
    definition = state.definition
    return {
        "objective": definition.objective,
        "strategy": definition.strategy,
        "seed": definition.seed,
        "digest": study_digest(trials),
    }


def _frozen(
    trial: Trial,
    state: StudyState,
    space: SearchSpace,
    distributions: Mapping[str, Distribution],
) -> FrozenTrial:
    from optuna.trial import create_trial

    attributes: dict[str, Any] = {
        "outcome": "running" if trial.outcome is None else trial.outcome.value,
        "message": trial.message[:_LONGEST_MESSAGE],
        "seed": trial.seed,
        "duration": trial.duration,
        "attempts": trial.attempts,
        "proposer": trial.proposer,
    }
    known = {name: value for name, value in attributes.items() if value not in (None, "")}
    frozen = create_trial(
        state=_state(trial),
        value=trial.metric,
        params={name: to_optuna(value, space[name]) for name, value in trial.params.items()},
        distributions={name: distributions[name] for name in trial.params},
        user_attrs=known | {f"extra.{name}": value for name, value in trial.extra.items()},
    )
    started, ended = state.started.get(trial.number), state.ended.get(trial.number)
    if started is not None:
        frozen.datetime_start = _moment(started)
    frozen.datetime_complete = None
    if trial.outcome is not None:
        frozen.datetime_complete = frozen.datetime_start if ended is None else _moment(ended)
    return frozen


def _state(trial: Trial) -> TrialState:
    from optuna.trial import TrialState

    match trial.outcome:
        case None:
            return TrialState.RUNNING
        case Outcome.COMPLETED:
            return TrialState.COMPLETE
        case Outcome.PRUNED:
            return TrialState.PRUNED
    return TrialState.FAIL


def _moment(at: str) -> datetime:
    """A time of the ledger's as Optuna has it: by the clock on the wall, without a zone."""
    return datetime.fromisoformat(at).astimezone().replace(tzinfo=None)
