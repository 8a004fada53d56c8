"""What a study comes to: plain data."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import NoneType
from typing import TYPE_CHECKING, Any, Self

from pydantic import BaseModel, ConfigDict, computed_field

from prefect_tuner.flows.confirmation.confirmation import Confirmation, Winner
from prefect_tuner.flows.confirmation.verdict import optimism_of
from prefect_tuner.goal import Goal
from prefect_tuner.hyper_value import Params, copied, copied_params
from prefect_tuner.trial import Direction, Trial

if TYPE_CHECKING:
    import pandas as pd


class StopReason(StrEnum):
    """Why a study stopped.

    Attributes:
        sentence: The reason as a person would say it.
    """

    sentence: str

    MAX_TRIALS = "max_trials", "all trials of the budget were run"
    MAX_DURATION = "max_duration", "the time of the budget was over"
    MAX_FAILURES = "max_failures", "too many trials failed"
    ALIKE_FAILURES = "alike_failures", "its first trials all failed alike"
    TARGET_METRIC = "target_metric", "the target was reached"
    PATIENCE = "patience", "there was no improvement for too many trials"
    EXHAUSTED = "exhausted", "the strategy has nothing left to try"
    PREFLIGHT = "preflight", "nothing but its preflight was to be run"
    PREFLIGHT_FAILED = "preflight_failed", "all trials of its preflight failed alike"

    def __new__(cls, value: str, sentence: str = "") -> Self:
        """Make a member from its value and its sentence."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.sentence = sentence
        return member


class TuningResult(BaseModel):
    """The result of a study.

    Attributes:
        study: The study's name.
        direction: Whether a larger or a smaller metric is better.
        stop_reason: Why the study stopped.
        best_trial: The completed trial with the best metric. Where the strategy takes metrics for
            noisy, the one that it expects to be best.
        trials: All trials in the order asked.
        duration: Seconds that the study ran, in all its runs.
        digest: Of parameters and metrics in trial order: equal where all of them are equal.
        confirmation: What evaluating the best trials anew has shown; None where that was not asked
            for, or has not begun.
    """

    model_config = ConfigDict(frozen=True)

    study: str
    direction: Direction
    stop_reason: StopReason
    best_trial: Trial
    trials: list[Trial]
    duration: float
    digest: str = ""
    confirmation: Confirmation | None = None

    @property
    def goal(self) -> Goal:
        """Which of two metrics is better."""
        return Goal(self.direction)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def best_params(self) -> Params:
        """The parameters of the best trial."""
        return copied_params(self.best_trial.params)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def best_metric(self) -> float:
        """The metric of the best trial."""
        assert self.best_trial.metric is not None  # noqa: S101 - a completed trial has one
        return self.best_trial.metric

    @computed_field  # type: ignore[prop-decorator]
    @property
    def winner(self) -> Winner | None:
        """The trial that the confirmation found best; None where there is none, or it found none.

        For one that is always there: `winning_params`, `winning_metric` and `winning_trial`.
        """
        confirmation = self.confirmation
        found = None if confirmation is None else confirmation.winner
        if confirmation is None or found is None or found.mean is None:
            return None
        cheapest = confirmation.cheapest
        return Winner(
            number=found.number,
            params=copied_params(self._trial(found.number).params),
            mean=found.mean,
            interval=found.interval,
            evaluations=found.evaluations,
            failed=found.failed,
            optimism=optimism_of(found, self.goal),
            tied=[each.number for each in confirmation.tied],
            cheapest=found.number if cheapest is None else cheapest,
            verdict=confirmation.verdict,
        )

    @property
    def winning_trial(self) -> Trial:
        """What to deploy: the trial of the winner, else the best trial."""
        return self.best_trial if self.winner is None else self._trial(self.winner.number)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def winning_params(self) -> Params:
        """What to deploy: the parameters of the winner, else those of the best trial."""
        return copied_params(self.winning_trial.params)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def winning_metric(self) -> float:
        """What to expect of `winning_params`: the mean of the winner, else the best metric."""
        return self.best_metric if self.winner is None else self.winner.mean

    def _trial(self, number: int) -> Trial:
        return next(trial for trial in self.trials if trial.number == number)

    def to_json(self) -> str:
        """The result as JSON text, which `TuningResult.model_validate_json` takes back."""
        return json.dumps(self.model_dump(mode="json"))

    def to_dataframe(self) -> pd.DataFrame:
        """One row for each trial, a column for each parameter (`param.lr`) and each extra value.

        Where a conditional parameter is not active, its column has no value (NaN). Where the
        choice None was tried, it has None; `isna()` is true of both, `is None` of the latter alone.
        Choices that are lists or dicts are lists and dicts.

        Raises:
            ImportError: pandas is not installed (`pip install "prefect-tuner[dataframe]"`).
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise ImportError(
                'to_dataframe needs pandas: pip install "prefect-tuner[dataframe]"'
            ) from error
        rows = [trial_row(trial) for trial in self.trials]
        frame = pd.DataFrame(rows, columns=row_columns(rows)).set_index("trial")
        for name in frame.columns:
            if not name.startswith(("param.", "extra.")):
                continue
            present = {type(row[name]) for row in rows if name in row}
            if present & {NoneType, list, dict}:
                # Pandas would take None for a missing number, and make floats of whole numbers.
                values = [copied(row.get(name, math.nan)) for row in rows]
                frame[name] = pd.Series(values, index=frame.index, dtype=object)
            elif len(present) == 1 and frame[name].isna().any():
                # Without a value here and there, 3 would become 3.0, and True an object.
                dtype = {int: "Int64", bool: "boolean"}.get(*present)
                frame[name] = frame[name].astype(dtype or frame[name].dtype)
        return frame


def row_columns(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """The columns of trials' rows, of which not all have the same parameters and extra values.

    Example:
        ```python
        from prefect_tuner.flows.study.tuning_result import row_columns

        rows = [{"trial": 0, "param.a": 1, "duration": 1.0}]
        rows += [{"trial": 1, "param.b": 2, "duration": 2.0}]
        assert row_columns(rows) == ["trial", "param.a", "param.b", "duration"]
        ```
    """
    columns: list[str] = []
    for names in dict.fromkeys(tuple(row) for row in rows):
        place = len(columns)
        # What is new stands before what follows it in its own row.
        for name in reversed(names):
            if name in columns:
                place = columns.index(name)
            else:
                columns.insert(place, name)
    return columns


def trial_row(trial: Trial) -> dict[str, Any]:
    """A trial as one flat row of a table.

    Example:
        ```python
        from prefect_tuner import Trial
        from prefect_tuner.flows.study.tuning_result import trial_row

        row = trial_row(Trial(number=0, params={"lr": 0.1}))
        assert row["param.lr"] == 0.1
        ```
    """
    return {
        "trial": trial.number,
        "outcome": trial.outcome.value if trial.outcome else "running",
        "metric": trial.metric,
        **({"proposer": trial.proposer} if trial.proposer else {}),
        **{f"param.{name}": value for name, value in trial.params.items()},
        **{f"extra.{name}": value for name, value in trial.extra.items()},
        "duration": trial.duration,
        **({} if trial.memory is None else {"memory": trial.memory}),
        "attempts": trial.attempts,
        "message": trial.message,
    }
