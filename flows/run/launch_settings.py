"""From a study's configuration to how its trials are started."""

from __future__ import annotations

from collections.abc import Callable

from prefect_tuner.flows.study.tuner_config import TunerConfig
from prefect_tuner.tasks.engine import EngineStudy
from prefect_tuner.tasks.objectives.objective import ObjectiveSpec
from prefect_tuner.tasks.processes.isolation import LaunchSettings
from prefect_tuner.tasks.workers.trial_request import RetryPolicy
from prefect_tuner.trial import Outcome, TrialLimits


def launch_settings(config: TunerConfig) -> LaunchSettings:
    """How the trials of a study are started.

    Example:
        ```python
        from prefect_tuner import TunerConfig
        from prefect_tuner.flows.run.launch_settings import launch_settings

        settings = launch_settings(TunerConfig(threads_per_trial=2, devices=["0", "1"]))
        assert settings.devices == ("0", "1")
        ```
    """
    return LaunchSettings(
        isolation=config.isolation,
        concurrency=config.max_concurrency,
        devices=tuple(config.devices),
        device_variable=config.device_variable,
        threads=config.threads_per_trial,
    )


def engine_study(
    name: str,
    study_id: str,
    config: TunerConfig,
    objective: ObjectiveSpec,
    log: Callable[[int, str], None],
) -> EngineStudy:
    """What an engine is told of a study.

    Args:
        name: The study's name.
        study_id: The same in all runs of the study, and no other study's.
        config: Limits, retries, and how trials are started.
        objective: What they call.
        log: Takes a level of Python's logging, and a line for the log of the study.
    """
    outcomes = frozenset(map(Outcome, config.retry_outcomes))
    memory = config.trial_memory_mb
    return EngineStudy(
        name=name,
        objective=objective,
        launch=launch_settings(config),
        retry=RetryPolicy(config.retries, config.retry_delay, outcomes),
        log=log,
        limits=TrialLimits(
            config.trial_timeout,
            None if memory is None else int(memory * 1e6),
            config.exit_grace,
        ),
        id=study_id,
        trials_per_task=config.trials_per_task,
    )
