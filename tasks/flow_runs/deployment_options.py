"""What the engine `deployment` takes, and what its trials need."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.tasks.engine import EngineOptions, EngineStudy
from prefect_tuner.tasks.flow_runs.job_variables import filled, template_values


class DeploymentOptions(EngineOptions):
    """The options of the engine `deployment`.

    Example:
        ```python
        from prefect_tuner.tasks.flow_runs.deployment_options import DeploymentOptions

        options = DeploymentOptions(
            deployment="trial/pods", job_variables={"memory_limit": "{memory_mb}Mi"}
        )
        assert options.tags == ()
        ```
    """

    harmless = frozenset({"deployment", "start_timeout", "tags"})

    deployment: str = Field(
        min_length=1, description="Name of a deployment of the flow trial, such as trial/gpu."
    )
    job_variables: dict[str, Any] = Field(
        default={},
        description="What the work pool's jobs get beside what the deployment says, such as "
        "{memory_limit: '{memory_mb}Mi'}. In braces: study, number, attempt, trial_memory_mb, "
        "memory_mb (with what watches the trial), trial_timeout.",
    )
    start_timeout: float = Field(
        default=900.0,
        gt=0,
        allow_inf_nan=False,
        description="Seconds from when a worker takes a trial's flow run until it has begun; after "
        "that another is made.",
    )
    tags: tuple[str, ...] = Field(
        default=(),
        strict=False,  # JSON has lists.
        description="Tags of the trials' flow runs.",
    )


def check_options(study: EngineStudy, options: DeploymentOptions) -> None:
    """Check what can be known of a study and its options before the Prefect API is asked.

    Raises:
        InvalidConfiguration: Job variables have templates for what the study does not say; it
            gives devices of this machine; or the objective has no path by which a machine that has
            nothing else of this program can import it.
    """
    study.check_no_devices()
    study.check_task_run_each()
    filled(options.job_variables, template_values(study.name, 0, 1, study.limits))
    if not study.objective.importable_path:
        raise InvalidConfiguration(
            f"objective: {study.objective.name!r} cannot be imported by its name, which the flow "
            "runs of engine 'deployment' need, since nothing else of this program travels to them: "
            "put it into a module that they have, too, and give its path, such as "
            '"package.module:train", or a file\'s, such as "models/train.py:train"'
        )
