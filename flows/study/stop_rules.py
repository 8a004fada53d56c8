"""When a study stops."""

from __future__ import annotations

from prefect_tuner.flows.study.tuner_config import TunerConfig
from prefect_tuner.flows.study.tuning_events import Progress
from prefect_tuner.flows.study.tuning_result import StopReason
from prefect_tuner.goal import Goal


def stop_reason(config: TunerConfig, goal: Goal, progress: Progress) -> StopReason | None:
    """Why a study should stop now, running trials included; None to go on.

    Args:
        config: The rules.
        goal: Which of two metrics is better.
        progress: How far the study is.

    Example:
        ```python
        from prefect_tuner import TunerConfig
        from prefect_tuner.flows.study.stop_rules import stop_reason
        from prefect_tuner.flows.study.tuning_events import Progress
        from prefect_tuner.goal import Goal

        config = TunerConfig(max_failures=3)
        assert stop_reason(config, Goal("maximize"), Progress(failed=2)) is None
        assert stop_reason(config, Goal("maximize"), Progress(failed=3)) == "max_failures"
        ```
    """
    best = None if progress.best_trial is None else progress.best_trial.metric
    target = config.target_metric
    rules = {
        StopReason.TARGET_METRIC: target is not None and goal.reaches(best, target),
        StopReason.MAX_DURATION: _reached(progress.elapsed, config.max_duration),
        StopReason.MAX_FAILURES: _reached(progress.failed, config.max_failures),
        StopReason.ALIKE_FAILURES: best is None
        and _reached(progress.alike_failures, config.max_alike_failures),
        StopReason.PATIENCE: best is not None and _reached(progress.since_best, config.patience),
        StopReason.MAX_TRIALS: _reached(progress.finished, config.max_trials),
    }
    return next((reason for reason, holds in rules.items() if holds), None)


def _reached(count: float, limit: float | None) -> bool:
    return limit is not None and count >= limit
