"""From a study's configuration to how its trials are started."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from prefect_tuner.flows.study.tuner_config import TunerConfig
from prefect_tuner.tasks.processes.isolation import LaunchSettings
from prefect_tuner.tasks.processes.thread_limits import thread_limit


def launch_settings(
    config: TunerConfig, environment: Mapping[str, str] = MappingProxyType({})
) -> LaunchSettings:
    """How the trials of a study are started.

    Args:
        config: The study's configuration.
        environment: Further variables of the trials.

    Example:
        ```python
        from prefect_tuner import TunerConfig
        from prefect_tuner.flows.run.launch_settings import launch_settings

        settings = launch_settings(TunerConfig(threads_per_trial=2, devices=["0", "1"]))
        assert settings.devices == ("0", "1")
        ```
    """
    limit = thread_limit(config.threads_per_trial, config.max_concurrency)
    return LaunchSettings(
        isolation=config.isolation,
        concurrency=config.max_concurrency,
        devices=tuple(config.devices),
        device_variable=config.device_variable,
        environment={**limit.environment, **environment},
        note=limit.reason,
    )
