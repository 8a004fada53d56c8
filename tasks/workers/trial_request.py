"""What a task run is asked to do and what it answers, as plain data that travels anywhere."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from prefect_tuner import __version__
from prefect_tuner.ending import Ending
from prefect_tuner.errors import EngineError, ObjectiveNotFound, TunerError
from prefect_tuner.hyper_value import Params
from prefect_tuner.tasks.objectives.objective import ObjectiveSpec
from prefect_tuner.tasks.processes.isolation import LaunchSettings
from prefect_tuner.tasks.workers.worker_name import this_worker
from prefect_tuner.trial import Outcome, TrialLimits

MESSAGE_VERSION = 3
"""The version of requests and answers."""

_OBJECTIVE_AS_TEXT = (
    "name",
    "path",
    "importable_path",
    "sys_path",
    "directory",
    "argv",
    "parameters",
    "conditional",
    "key",
)
"""What is told of an objective where nothing but text travels."""


@dataclass(frozen=True)
class RetryPolicy:
    """Which trials are tried again.

    Attributes:
        retries: How many times at the most.
        delay: Seconds to wait before each further attempt.
        outcomes: The outcomes after which a trial is tried again.
    """

    retries: int = 0
    delay: float = 0.0
    outcomes: frozenset[Outcome] = frozenset({Outcome.CRASHED, Outcome.FAILED})

    def tries_again(self, ending: Ending) -> bool:
        """Whether another attempt follows one that has ended so.

        Example:
            ```python
            from prefect_tuner import Outcome
            from prefect_tuner.ending import Ending
            from prefect_tuner.tasks.workers.trial_request import RetryPolicy

            assert RetryPolicy(retries=1).tries_again(Ending(Outcome.FAILED, attempts=1))
            assert not RetryPolicy(retries=1).tries_again(Ending(Outcome.FAILED, attempts=2))
            ```
        """
        return ending.attempts <= self.retries and ending.outcome in self.outcomes


@dataclass(frozen=True)
class TrialRequest:
    """All that a task run needs to run one trial.

    Attributes:
        study: The study's name.
        number: The trial's place in the study; where one is evaluated once more, a number that no
            trial and no other evaluation has.
        params: The values to try.
        seed: The trial's own seed.
        objective: What to call.
        limits: What the trial may take.
        retry: Whether to try again.
        launch: How its process is started.
        more: How many further trials may follow in this run of the study; None where that is not
            known.
        attempt: How many times the objective will have been started in this run of the study,
            this time included.
        flow_run: The id of the study's flow run.
        run: A name of this run of the study that no other one has.
        before: How many times the objective was started in earlier runs of the study.
        reevaluates: The place of the trial that is evaluated once more; None for a trial.
        repetition: For which time it is, from 1; 0 for a trial.
    """

    study: str
    number: int
    params: Params
    seed: int
    objective: ObjectiveSpec
    limits: TrialLimits
    retry: RetryPolicy = RetryPolicy()
    launch: LaunchSettings = field(default_factory=LaunchSettings)
    more: int | None = None
    attempt: int = 1
    flow_run: str = ""
    run: str = ""
    before: int = 0
    reevaluates: int | None = None
    repetition: int = 0

    @property
    def name(self) -> str:
        """What no other attempt is called: a second start under this name is refused."""
        return f"{self.run}-{self.number}-{self.attempt}"

    @property
    def label(self) -> str:
        """What the task run is called."""
        again = f" (attempt {self.attempt})" if self.attempt > 1 else ""
        if self.reevaluates is not None:
            return f"{self.study}-{self.reevaluates} evaluation {self.repetition}{again}"
        return f"{self.study}-{self.number}{again}"

    @property
    def title(self) -> str:
        """What it is called in sentences."""
        if self.reevaluates is not None:
            return f"Evaluation {self.repetition} of trial {self.reevaluates}"
        return f"Trial {self.number}"

    def again(self) -> TrialRequest:
        """The request for the next attempt at the same trial."""
        return replace(self, attempt=self.attempt + 1)

    def lasting_name(self, study_id: str) -> str:
        """What an attempt is called in all runs of its study, and no other attempt is.

        Args:
            study_id: What no other study has.
        """
        tried = json.dumps([self.params, self.seed, self.objective.path])
        digest = hashlib.sha256(tried.encode()).hexdigest()[:12]
        return f"{study_id}-{self.number}-{self.before + self.attempt}-{digest}"

    def to_text(self) -> str:
        """The request as JSON, with its objective by path alone.

        As text it comes back as it was: a database may keep the number 1e16 of JSON as an integer.
        """
        message = self.to_message()
        objective = {name: message["objective"][name] for name in _OBJECTIVE_AS_TEXT}
        return json.dumps({**message, "objective": objective})

    def to_message(self) -> dict[str, Any]:
        """The request as plain data: texts, numbers, bytes, and lists and mappings of them."""
        return {
            **vars(self),
            "version": MESSAGE_VERSION,
            "package": __version__,
            "label": self.label,
            "objective": dict(vars(self.objective)),
            "limits": dict(vars(self.limits)),
            "retry": {**vars(self.retry), "outcomes": sorted(self.retry.outcomes)},
            "launch": {**vars(self.launch), "environment": dict(self.launch.environment)},
        }

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Self:
        """The request from what `to_message` gave, perhaps in another process.

        Raises:
            EngineError: The sender has another release of this package, which may run trials
                otherwise.
        """
        data = dict(message)
        version, package = data.pop("version", None), data.pop("package", None)
        data.pop("label", None)
        if version != MESSAGE_VERSION or package != __version__:
            raise EngineError(
                f"{this_worker()} cannot run trials: it has prefect-tuner {__version__}, and the "
                f"study runs with {package}"
            )
        retry = data["retry"]
        outcomes = frozenset(Outcome(outcome) for outcome in retry["outcomes"])
        return cls(
            **{
                **data,
                "objective": ObjectiveSpec(**data["objective"]),
                "limits": TrialLimits(**data["limits"]),
                "retry": RetryPolicy(**{**retry, "outcomes": outcomes}),
                "launch": LaunchSettings(**data["launch"]),
            }
        )


def message_from_text(text: str) -> dict[str, Any]:
    """The message of a request from its text, which may have been written by anybody.

    Raises:
        EngineError: It is no text of a request.
    """
    try:
        message: dict[str, Any] = json.loads(text)
        # Those of another release may have other names, which is told when their version is read.
        told = message["objective"]
        objective = {name: told[name] for name in _OBJECTIVE_AS_TEXT if name in told}
    except (ValueError, TypeError, KeyError) as error:
        raise EngineError(
            f"request: must be the JSON text of a trial's request, as a study writes it: {error!r}"
        ) from error
    parts = {"objective": objective, "launch": message.get("launch", {})}
    return {**message, **{name: _with_tuples(part) for name, part in parts.items()}}


def _with_tuples(part: Mapping[str, Any]) -> dict[str, Any]:
    """A part of a message as it was before it was JSON."""
    return {name: tuple(each) if isinstance(each, list) else each for name, each in part.items()}


@dataclass(frozen=True)
class TrialAnswer:
    """What a task run says of its attempt.

    Attributes:
        ending: What came of it; None where it was refused.
        refusal: Why its worker cannot run trials of this study, a sentence; or empty.
        objective_is_missing: Whether that is because the objective cannot be loaded there.
    """

    ending: Ending | None = None
    refusal: str = ""
    objective_is_missing: bool = False

    @classmethod
    def refused(cls, error: TunerError) -> Self:
        """The answer where a worker cannot run trials of the study."""
        return cls(None, str(error), isinstance(error, ObjectiveNotFound))

    @property
    def error(self) -> TunerError:
        """The refusal as an error for the study to fail with."""
        return (ObjectiveNotFound if self.objective_is_missing else EngineError)(self.refusal)

    def to_message(self) -> dict[str, Any]:
        """The answer as plain JSON data."""
        ending = None if self.ending is None else self.ending.to_json()
        return {**vars(self), "version": MESSAGE_VERSION, "ending": ending}

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Self:
        """The answer from what `to_message` gave."""
        data = {name: value for name, value in message.items() if name != "version"}
        ending = data["ending"]
        return cls(**{**data, "ending": None if ending is None else Ending.from_json(ending)})
