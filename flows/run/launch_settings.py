"""From a study's configuration to how its trials are started."""

from __future__ import annotations

from prefect_tuner.flows.study.tuner_config import TunerConfig
from prefect_tuner.tasks.processes.isolation import LaunchSettings


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
