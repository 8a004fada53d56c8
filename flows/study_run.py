"""One run of a study inside a flow run: everything around the tuning loop."""

from __future__ import annotations

from collections import Counter

from prefect.logging import get_run_logger

from prefect_tuner.errors import TrainingError, TuningCancelled
from prefect_tuner.flows.artifact_observer import ArtifactObserver
from prefect_tuner.flows.cancellation import current_cancellation
from prefect_tuner.flows.event_observer import EventObserver
from prefect_tuner.flows.log_observer import LogObserver
from prefect_tuner.flows.observer import ObserverThread
from prefect_tuner.flows.study_plan import StudyPlan
from prefect_tuner.flows.trial_loop import TrialLoop, describe_failure
from prefect_tuner.flows.tuning_events import Progress, StudyCompleted, StudyFailed, StudyStarted
from prefect_tuner.flows.tuning_result import StopReason, TuningResult
from prefect_tuner.tasks.launcher import close_launcher, open_launcher
from prefect_tuner.tasks.objective import describe_objective

OBSERVER_TIMEOUT = 30.0
"""Seconds that observers may take to hear the rest when a study has ended."""

HASTY_OBSERVER_TIMEOUT = 10.0
"""The same for a study that was stopped from outside: Prefect kills the process after 30 s."""


def run_study(plan: StudyPlan, name: str) -> TuningResult:
    """Run a study to its end, inside a flow run.

    Args:
        plan: The study, checked.
        name: Its name.

    Raises:
        ObjectiveNotFound: The objective cannot be loaded; no trial was started.
        TrainingError: No trial has a metric, or one failed and `on_failure` is `"raise"`.
        TuningCancelled: The study was cancelled by another thread.
    """
    logger = get_run_logger()
    objective = describe_objective(plan.objective)
    observers = ObserverThread(
        [LogObserver(logger), ArtifactObserver(), EventObserver(), *plan.observers], logger
    )
    launcher = open_launcher(objective, fresh_interpreter=plan.config.fresh_interpreter)
    loop: TrialLoop | None = None
    patience = HASTY_OBSERVER_TIMEOUT
    try:
        launcher.load()
        if launcher.warning:
            logger.warning(launcher.warning)
        observers.notify(
            StudyStarted(
                study=name,
                objective=objective.name,
                space=plan.study.space,
                strategy=plan.strategy,
                direction=plan.study.direction,
                config=plan.config,
                history=plan.study.history,
            )
        )
        loop = TrialLoop(
            name=name,
            study=plan.study,
            objective=objective,
            launcher=launcher,
            config=plan.config,
            notify=observers.notify,
        )
        current_cancellation().tell(loop.interrupt)
        reason = loop.run()
        result = _result(plan, name, reason, loop.elapsed())
        observers.notify(StudyCompleted(result, loop.progress))
        patience = OBSERVER_TIMEOUT
    except BaseException as error:
        cancelled = isinstance(error, TuningCancelled) or not isinstance(error, Exception)
        progress = loop.progress if loop is not None else Progress()
        observers.notify(StudyFailed(name, error, cancelled, progress))
        raise
    finally:
        close_launcher(objective)
        observers.close(patience)
    return result


def _result(plan: StudyPlan, name: str, reason: StopReason, elapsed: float) -> TuningResult:
    best = plan.study.best_trial
    if best is None:
        raise TrainingError(_why_there_is_no_metric(plan, reason))
    return TuningResult(
        study=name,
        direction=plan.study.direction,
        stop_reason=reason,
        best_trial=best,
        trials=list(plan.study.history),
        duration=elapsed,
    )


def _why_there_is_no_metric(plan: StudyPlan, reason: StopReason) -> str:
    trials = plan.study.history
    if not trials:
        return f"no trial was run: {reason.sentence}"
    counts = Counter(t.outcome.value.replace("_", " ") for t in trials if t.outcome)
    listed = ", ".join(f"{count} {outcome}" for outcome, count in counts.most_common())
    last = trials[-1]
    return (
        f"none of {len(trials)} trials has a metric ({listed}); {reason.sentence}; "
        f"the last one, trial {last.number}, {describe_failure(last)}"
    )
