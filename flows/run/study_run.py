"""One run of a study inside a flow run: everything around the tuning loop."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterParentTaskRunId
from prefect.client.schemas.sorting import FlowRunSort
from prefect.context import FlowRunContext
from prefect.logging import get_run_logger
from prefect.logging.loggers import LoggingAdapter
from prefect.runtime import flow_run

from prefect_tuner.errors import EngineError, StudyConflict, TrainingError
from prefect_tuner.flows.ledger.counted_trials import recorded_result, result_so_far
from prefect_tuner.flows.observers.artifact_observer import ArtifactObserver
from prefect_tuner.flows.observers.event_observer import EventObserver
from prefect_tuner.flows.observers.log_observer import LogObserver
from prefect_tuner.flows.observers.observer import ObserverThreads, TuningObserver
from prefect_tuner.flows.observers.report_observer import ReportObserver, reports_are_made
from prefect_tuner.flows.observers.trial_artifact_observer import TrialArtifactObserver
from prefect_tuner.flows.preflight.preflight_run import PreflightRun, Preparation
from prefect_tuner.flows.run.cancellation import (
    Cancellation,
    current_cancellation,
    delivered_when_terminated,
    describe_error,
)
from prefect_tuner.flows.run.launch_settings import launch_settings
from prefect_tuner.flows.run.study_opening import OpenStudy, open_study
from prefect_tuner.flows.run.study_plan import StudyPlan
from prefect_tuner.flows.run.trial_loop import TrialLoop
from prefect_tuner.flows.storage.holder import Holder
from prefect_tuner.flows.study.tuning_events import (
    StudyCompleted,
    StudyFailed,
    StudyStarted,
    describe_failure,
    is_cancellation,
)
from prefect_tuner.flows.study.tuning_result import StopReason, TuningResult
from prefect_tuner.tasks.engine import EngineStudy
from prefect_tuner.tasks.engines.engine_choice import engine_for
from prefect_tuner.tasks.objectives.objective import ObjectiveSpec, describe_objective
from prefect_tuner.tasks.workers.trial_request import RetryPolicy
from prefect_tuner.trial import Outcome, TrialLimits


def run_study(plan: StudyPlan, name: str) -> TuningResult:
    """Run a study to its end, inside a flow run; go on with it where it was begun before.

    Args:
        plan: The study, checked.
        name: Its name; empty for one that belongs to the flow run alone.

    Raises:
        StudyConflict: The name belongs to another study, or another run holds it; no trial was
            started.
        LedgerError: The study's ledger cannot be read or written.
        ObjectiveNotFound: The objective cannot be loaded; no trial was started.
        EngineError: What runs the trials cannot be reached, or cannot run them.
        TrainingError: No trial has a metric, or one failed and `on_failure` is `"raise"`.
        TuningCancelled: The study was cancelled by another thread.
    """
    logger = get_run_logger()
    objective = describe_objective(plan.objective, plan.study.space)
    cancellation = current_cancellation()
    claim_lost = Cancellation()
    holder = Holder.of_this_process(str(flow_run.name or ""), str(flow_run.id or ""))
    outermost = str(flow_run.root_flow_run_id) if plan.fresh else ""
    before = [] if name else _runs_before()
    opened = open_study(plan, name, holder, claim_lost.cancel, outermost, before)
    observers_of_it = [*_built_in_observers(opened, logger), *plan.observers]
    observing = ObserverThreads(observers_of_it, logger)
    with opened.ledger, delivered_when_terminated(), observing as observers:
        for level, note in opened.notes:
            logger.log(level, "%s", note)
        try:
            preflight = PreflightRun(opened.recorded, plan.preflight, observers.notify)
            loop = TrialLoop(
                study=opened.recorded,
                config=plan.config,
                budget=opened.plan.budget,
                notify=observers.notify,
                preflight=preflight,
            )
            stopped_before = loop.resume()
            if stopped_before is not None:
                _stop_what_goes_on(opened, objective, logger)
                return _complete_before(opened, objective, loop, observers, stopped_before, logger)
            if opened.continuation:
                logger.info("%s", opened.continuation)
            _check_preflight(opened, preflight, logger)
            about = _engine_study(opened, objective, logger)
            began = time.monotonic()
            with engine_for(about, plan.parsed_engine) as engine:
                cancellation.tell(engine.stop)
                notes = engine.prepare()
                seconds = time.monotonic() - began
                for level, note in notes:
                    logger.log(level, "%s", note)
                told = [note for _, note in notes]
                preflight.preparation = Preparation(seconds, told, engine.memory)
                opened.recorded.begin()
                cancellation.tell(loop.interrupt)
                claim_lost.tell(loop.interrupt)
                return _observed_run(
                    opened, objective, loop, observers, lambda: _completed(opened, loop.run(engine))
                )
        finally:
            # Observers may take their time to hear the rest: nobody has to wait for them.
            opened.ledger.close()


def _check_preflight(
    opened: OpenStudy, preflight: PreflightRun, logger: logging.Logger | LoggingAdapter
) -> None:
    """Say where a preflight is not made.

    Raises:
        StudyConflict: It is all that was asked for.
    """
    if opened.plan.preflight == "none" or preflight.can_be_made:
        return
    begun = f"study {opened.name!r} has begun already"
    if opened.plan.preflight == "only":
        raise StudyConflict(
            f"{begun}, and a preflight comes before. `prefect-tuner show` and `doctor` say what "
            "its trials tell; for a preflight, give the study another name"
        )
    logger.info("There is no preflight: %s", begun)


def _built_in_observers(
    opened: OpenStudy, logger: logging.Logger | LoggingAdapter
) -> list[TuningObserver]:
    built_in: list[TuningObserver] = [
        LogObserver(logger, lambda: opened.recorded.state),
        ArtifactObserver(),
        TrialArtifactObserver(),
        EventObserver(),
    ]
    if reports_are_made():
        built_in.append(ReportObserver(lambda: opened.recorded.state))
    return built_in


def _stop_what_goes_on(
    opened: OpenStudy, objective: ObjectiveSpec, logger: logging.Logger | LoggingAdapter
) -> None:
    """Stop trials of an earlier run that outlive it, and that nobody needs any more.

    No other engine is started for a study that is complete.
    """
    kind, _ = chosen = opened.plan.parsed_engine
    if kind.outlives_the_study and opened.recorded.state.in_flight:
        with (
            suppress(EngineError),  # The study is complete nevertheless.
            engine_for(_engine_study(opened, objective, logger), chosen) as engine,
        ):
            engine.prepare()


def _complete_before(
    opened: OpenStudy,
    objective: ObjectiveSpec,
    loop: TrialLoop,
    observers: ObserverThreads,
    reason: StopReason,
    logger: logging.Logger | LoggingAdapter,
) -> TuningResult:
    """The result of a study of which there is nothing left to run."""
    stored = opened.result
    told = reason if stored is None else stored.stop_reason
    logger.info("%s", _told_complete(opened, told))
    if stored is None:
        opened.recorded.begin()
    return _observed_run(
        opened, objective, loop, observers, lambda: stored or _completed(opened, reason)
    )


def _told_complete(opened: OpenStudy, reason: StopReason) -> str:
    state = opened.ledger.state
    since = "" if state is None else f", last written at {state.updated}"
    return (
        f"Study {opened.name!r} is complete already, since {reason.sentence}: nothing is run, and "
        f"its result is that in its ledger, {opened.ledger.store.location}{since}"
    )


def _runs_before() -> list[tuple[str, str]]:
    """Names and ids of the flow runs that were at this study before, in a larger flow's retries.

    Prefect makes a new run of a subflow that had not completed, in the place of the one before.
    """
    context = FlowRunContext.get()
    place = (
        None if context is None or context.flow_run is None else context.flow_run.parent_task_run_id
    )
    if place is None:
        return []
    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(
            flow_run_filter=FlowRunFilter(
                parent_task_run_id=FlowRunFilterParentTaskRunId(any_=[place])
            ),
            sort=FlowRunSort.START_TIME_ASC,
        )
    return [(run.name, str(run.id)) for run in runs if str(run.id) != flow_run.id]


def _engine_study(
    opened: OpenStudy, objective: ObjectiveSpec, logger: logging.Logger | LoggingAdapter
) -> EngineStudy:
    config = opened.plan.config
    outcomes = frozenset(map(Outcome, config.retry_outcomes))
    memory = config.trial_memory_mb
    return EngineStudy(
        name=opened.name,
        objective=objective,
        launch=launch_settings(config),
        retry=RetryPolicy(config.retries, config.retry_delay, outcomes),
        log=lambda level, text: logger.log(level, "%s", text),
        limits=TrialLimits(
            config.trial_timeout,
            None if memory is None else int(memory * 1e6),
            config.exit_grace,
        ),
        id=opened.recorded.state.id,
        trials_per_task=config.trials_per_task,
    )


def _observed_run(
    opened: OpenStudy,
    objective: ObjectiveSpec,
    loop: TrialLoop,
    observers: ObserverThreads,
    run: Callable[[], TuningResult],
) -> TuningResult:
    """The study from the event that it starts to the event that it has ended."""
    plan, study = opened.plan, opened.plan.study
    try:
        observers.notify(
            StudyStarted(
                study=opened.name,
                objective=objective.name,
                space=study.space,
                strategy=plan.strategy,
                direction=study.direction,
                config=plan.config,
                history=study.history,
                reason=study.strategy.reason(plan.budget),
            )
        )
        result = run()
        result = result.model_copy(update={"study": opened.name})
    except BaseException as error:
        cancelled = is_cancellation(error)
        ending = "cancelled" if cancelled else "failed"
        why = describe_error(error)
        opened.recorded.stop(ending, why)
        observers.notify(StudyFailed(opened.name, error, why, cancelled, loop.progress))
        raise
    progress = replace(loop.progress, best_trial=result.best_trial)
    observers.notify(StudyCompleted(result, progress))
    return result


def _completed(opened: OpenStudy, reason: StopReason) -> TuningResult:
    """Write down that a study is complete, and what its ledger has as its result.

    One of which the preflight alone was to be made is not, and its result is what there is so far.
    """
    if opened.recorded.study.best_trial is None:
        raise TrainingError(_why_there_is_no_metric(opened.plan, reason))
    is_complete = reason is not StopReason.PREFLIGHT
    opened.recorded.stop("completed" if is_complete else "preflight", reason.value)
    state = opened.recorded.state
    result = recorded_result(state) if is_complete else result_so_far(state, reason)
    assert result is not None  # noqa: S101 - it was completed just now, and has a best trial
    return result


def _why_there_is_no_metric(plan: StudyPlan, reason: StopReason) -> str:
    trials = plan.study.history
    if not trials:
        return f"no trial was run: {reason.sentence}"
    counts = Counter(t.outcome.value.replace("_", " ") for t in trials if t.outcome)
    listed = ", ".join(f"{count} {outcome}" for outcome, count in counts.most_common())
    # Those that were stopped with the study say nothing about what is wrong.
    telling = [t for t in trials if t.outcome and t.outcome.is_failure] or list(trials)
    last = telling[-1]
    return (
        f"no trial has a metric ({listed}); {reason.sentence}; "
        f"trial {last.number} {describe_failure(last)}"
    )
