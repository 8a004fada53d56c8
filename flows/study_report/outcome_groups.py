"""How trials ended, those that failed alike together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from prefect_tuner.flows.study.alike_failures import failure_kind
from prefect_tuner.trial import Outcome, Trial


@dataclass(frozen=True)
class OutcomeGroup:
    """Trials that ended in the same way.

    Attributes:
        outcome: How; None for those that run.
        count: How many.
        last: The number of the last one.
        message: What it said; numbers in it may differ between trials.
    """

    outcome: Outcome | None
    count: int
    last: int
    message: str

    @property
    def name(self) -> str:
        """The outcome as it is written."""
        return "running" if self.outcome is None else self.outcome.value.replace("_", " ")


def outcome_groups(trials: Iterable[Trial]) -> list[OutcomeGroup]:
    """The groups, those with a metric first, then the larger ones.

    Example:
        ```python
        from prefect_tuner import Outcome, Trial
        from prefect_tuner.flows.study_report.outcome_groups import outcome_groups

        trials = [
            Trial(n, {}, outcome=Outcome.FAILED, message=f"ValueError: bad rate 0.{n}")
            for n in range(3)
        ]
        (group,) = outcome_groups(trials)
        assert (group.count, group.last, group.message) == (3, 2, "ValueError: bad rate 0.2")
        ```
    """
    found: dict[str, OutcomeGroup] = {}
    for trial in trials:
        kind = failure_kind(trial) or str(trial.outcome)
        before = found.get(kind)
        count = 1 if before is None else before.count + 1
        found[kind] = OutcomeGroup(trial.outcome, count, trial.number, trial.message)
    return sorted(
        found.values(), key=lambda group: (group.outcome is not Outcome.COMPLETED, -group.count)
    )
