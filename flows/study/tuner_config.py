"""The configuration of a study: budget, limits, retries, stop rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypeAlias

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.flows.confirmation.looks import FIRST
from prefect_tuner.hyper_value import LARGEST, native
from prefect_tuner.trial import EXIT_GRACE
from prefect_tuner.validation import mistakes_from

RetriedOutcome: TypeAlias = Literal[
    "failed", "crashed", "timed_out", "out_of_memory", "invalid_metric"
]
"""An outcome after which a trial may be tried again."""


class TunerConfig(BaseModel):
    """How much a study may take, how many trials run at a time, and when it stops.

    Numbers may be numpy's; they become those of Python.

    Raises:
        InvalidConfiguration: Lists all the mistakes, each with the name of its field.

    Example:
        ```python
        from prefect_tuner import TunerConfig

        config = TunerConfig(max_trials=50, max_duration=1800, max_concurrency=4)
        assert config.trial_timeout == 600
        ```
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    max_trials: int = Field(
        default=20,
        ge=1,
        le=LARGEST,
        description="Trials in all, failed ones included; never exceeded.",
    )
    max_duration: float | None = Field(
        default=1800.0,
        gt=0,
        description="Seconds for the study. Running trials are stopped when they have passed.",
    )
    max_concurrency: int = Field(
        default=1,
        ge=1,
        le=LARGEST,
        description="Trials that run at the same time, each in its own process.",
    )
    trials_per_task: Annotated[int, Field(ge=1, le=LARGEST)] | Literal["auto"] = Field(
        default=1,
        description="Trials that share a task run, one after the other: more than 1 for trials of "
        "a second or less. auto: as many as end within a few seconds.",
    )
    trial_timeout: float | None = Field(
        default=600.0, gt=0, description="Seconds for one attempt at a trial, which is then killed."
    )
    trial_memory_mb: float | None = Field(
        default=None,
        gt=0,
        description="Megabytes that a trial and its child processes may take before it is killed.",
    )
    retries: int = Field(
        default=0,
        ge=0,
        le=LARGEST,
        description="Further attempts at a trial that failed.",
    )
    retry_delay: float = Field(
        default=0.0, ge=0, le=86_400, description="Seconds to wait before each further attempt."
    )
    retry_outcomes: list[RetriedOutcome] = Field(
        default=["failed", "crashed"], description="Outcomes after which a trial is tried again."
    )
    on_failure: Literal["continue", "raise"] = Field(
        default="continue",
        description="What a failed trial does to the study; raise ends it.",
    )
    max_failures: int | None = Field(
        default=None, ge=1, le=LARGEST, description="Stop when this many trials have failed."
    )
    max_alike_failures: int | None = Field(
        default=5,
        ge=1,
        le=LARGEST,
        description="Stop when the first trials, this many, all failed alike.",
    )
    target_metric: float | None = Field(
        default=None,
        description="Stop when a metric is at least (minimizing: at most) this good.",
    )
    patience: int | None = Field(
        default=None,
        ge=1,
        le=LARGEST,
        description="Stop after this many trials without an improvement.",
    )
    confirm_evaluations: int | None = Field(
        default=None,
        ge=FIRST,
        le=LARGEST,
        description="Evaluations in all that confirming the best trials may take, at least 5 for "
        "each of them. 10 for each when left out.",
    )
    reproducible: bool = Field(
        default=False,
        description="Let the same seed give the same trials however many run at a time and however "
        "long each takes: a suggestion uses no results newer than the lag.",
    )
    lag: int | None = Field(
        default=None,
        ge=1,
        le=LARGEST,
        description="In a reproducible study, how many trials before it a suggestion does not wait "
        "for: no more than that run at a time. max_concurrency when left out.",
    )
    isolation: Literal["auto", "fork", "fresh"] = Field(
        default="auto",
        description="How a trial gets its own process: fork, from one that has imported the "
        "objective once; fresh, each imports it itself, ahead of its time; auto, by fork where "
        "what the import has started survives one.",
    )
    threads_per_trial: int | None = Field(
        default=None,
        ge=1,
        le=LARGEST,
        description="Threads for the numeric libraries of a trial. The processors divided by "
        "max_concurrency when left out; OMP_NUM_THREADS in the environment wins.",
    )
    devices: list[str] = Field(
        default=[],
        description="Names of devices, such as 0 and 1, of which each trial gets one.",
    )
    device_variable: str = Field(
        default="CUDA_VISIBLE_DEVICES",
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
        description="The environment variable that names a trial's device.",
    )
    exit_grace: float = Field(
        default=EXIT_GRACE,
        ge=0,
        le=86_400,
        description="Seconds from the return of the objective for what its program still does: "
        "threads, exit handlers, processes that it has left.",
    )

    @field_validator("*", mode="before")
    @classmethod
    def _plain(cls, value: Any) -> Any:
        """Take numpy's numbers for those of Python that they are."""
        return native(value)

    @model_validator(mode="after")
    def _check_lag(self) -> Self:
        if self.lag is not None and not self.reproducible:
            raise InvalidConfiguration(
                f"config.lag: has an effect only with reproducible=true, got {self.lag}"
            )
        return self

    if not TYPE_CHECKING:  # The generated signature serves type checkers better.

        def __init__(self, **fields: Any) -> None:
            try:
                super().__init__(**fields)
            except ValidationError as error:
                mistakes = mistakes_from(error, "config", TunerConfig)
                raise InvalidConfiguration(*mistakes) from None
