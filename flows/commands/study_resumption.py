"""From a study's ledger to the parameters of `tune` that go on with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.flows.ledger.study_state import StudyState
from prefect_tuner.strategies.factory import read_strategy
from prefect_tuner.tasks.engines.engine_registry import DEFAULT_ENGINE


def resumption_parameters(
    state: StudyState,
    storage: str,
    *,
    max_trials: int | None = None,
    max_duration: float | None = None,
    confirm: int | None = None,
) -> dict[str, Any]:
    """The parameters of `tune` for a study as its last run had it, not checked.

    Args:
        state: What the ledger says.
        storage: Where the ledger is.
        max_trials: Another budget of trials, in all; None for that of the last run.
        max_duration: Another budget of seconds, in all; likewise.
        confirm: How many of the best trials to evaluate anew; likewise.

    Raises:
        InvalidConfiguration: The study needs something of its program that a ledger does not hold.
    """
    definition = state.definition
    mistakes = _missing(definition.objective, definition.strategy)
    if mistakes:
        raise InvalidConfiguration(*mistakes)
    last = state.runs[-1] if state.runs else None
    config = _current_config(state.config)
    if max_trials is not None:
        config["max_trials"] = max_trials
    if max_duration is not None:
        config["max_duration"] = max_duration
    return {
        "objective": definition.objective,
        "space": definition.space,
        "strategy": definition.strategy,
        "direction": definition.direction,
        "seed": definition.seed,
        "study": state.study,
        "config": config,
        "observers": list(last.observers) if last else [],
        "storage": storage,
        "initial_trials": [
            *(each.model_dump(mode="json") for each in definition.initial_trials),
            *definition.initial_sources,
        ],
        "engine": last.engine if last and last.engine else DEFAULT_ENGINE,
        "engine_options": dict(last.engine_options) if last else {},
        "confirm": (last.confirm or 0) if last and confirm is None else confirm or 0,
        "preflight": bool(state.preflights),
    }


def _current_config(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration as it is called today."""
    config = dict(recorded)
    if config.pop("fresh_import", False):
        config["isolation"] = "fresh"
    return config


def _missing(objective: str, strategy: Mapping[str, Any]) -> list[str]:
    """What cannot be found again by what the ledger calls it."""
    mistakes = []
    module, _, attribute = objective.rpartition(":")
    if module == "__main__" or not attribute.replace(".", "").isidentifier():
        mistakes.append(
            f"objective: {objective!r} cannot be imported by its path, it was made by the program "
            "that called tune; to go on, call tune again from there with the same study"
        )
    mistakes += [
        f"strategy: {name!r} is a class that the program handed to tune, not the name of an "
        "installed one; to go on, call tune again from there with the same study"
        for name in _strategy_names(strategy)
        if ":" in name
    ]
    return mistakes


def _strategy_names(strategy: Mapping[str, Any]) -> list[str]:
    """The name of a strategy, and of those that it consists of."""
    read = read_strategy(strategy)
    return [read.name, *(member.name for member in read.members)]
