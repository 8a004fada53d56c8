"""Which trials of a study race."""

from __future__ import annotations

from collections.abc import Iterable

from prefect_tuner.goal import Goal
from prefect_tuner.hyper_value import exact_text
from prefect_tuner.trial import Outcome, Trial


def candidates_of(trials: Iterable[Trial], best: Trial, goal: Goal, count: int) -> list[Trial]:
    """The best trials of a study, no two with the same parameters.

    Args:
        trials: All trials.
        best: The best trial of the result, which is one of them: where the strategy takes metrics
            for noisy, its metric need not be among the best.
        goal: Which of two metrics is better.
        count: How many to choose; there may be fewer.

    Example:
        ```python
        from prefect_tuner import Outcome, Trial
        from prefect_tuner.flows.confirmation.candidates import candidates_of
        from prefect_tuner.goal import Goal

        metrics = [0.7, 0.9, 0.8]
        trials = [
            Trial(n, {"x": n}, outcome=Outcome.COMPLETED, metric=m) for n, m in enumerate(metrics)
        ]
        chosen = candidates_of(trials, trials[1], Goal("maximize"), 2)
        assert [trial.number for trial in chosen] == [1, 2]
        ```
    """
    ranked = sorted(
        (goal.loss(trial.metric), trial.number, trial)
        for trial in trials
        if trial.outcome is Outcome.COMPLETED and trial.metric is not None
    )
    chosen: dict[str, Trial] = {exact_text(best.params): best}
    for _, _, trial in ranked:
        if len(chosen) >= count:
            break
        chosen.setdefault(exact_text(trial.params), trial)
    return list(chosen.values())
