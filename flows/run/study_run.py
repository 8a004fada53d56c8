"""One run of a study inside a flow run: everything around the tuning loop."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace

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
from prefect_tuner.flows.reevaluation.confirmation_run import ConfirmationRun, is_confirmed
from prefect_tuner.flows.run.cancellation import (
    Cancellation,
    current_cancellation,
    delivered_when_terminated,
    describe_error,
    flow_run_is_cancelled,
)
from prefect_tuner.flows.run.launch_settings import engine_study
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
from prefect_tuner.tasks.engine import Engine
from prefect_tuner.tasks.engines.engine_choice import engine_for
from prefect_tuner.tasks.objectives.objective import ObjectiveSpec, describe_objective


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
                is_cancelled=flow_run_is_cancelled,
            )
            switches = (cancellation, claim_lost)
            run = _Run(opened, objective, loop, preflight, observers, logger, switches)
            stopped_before = loop.resume()
            with run.engines:
                return run.search() if stopped_before is None else run.end(stopped_before)
        finally:
            # Observers may take their time to hear the rest: nobody has to wait for them.
            opened.ledger.close()


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


@dataclass(frozen=True)
class _Run:
    """One run of an open study: the search, where it goes on, and the confirmation of its best.

    Attributes:
        opened: The study.
        objective: What its trials call.
        loop: Runs them.
        preflight: The trials that come first, where they do.
        observers: Are told.
        logger: Of the flow run.
        switches: Those that stop the run: held by another thread, and by the ledger's claim.
        engines: What closes the engine.
    """

    opened: OpenStudy
    objective: ObjectiveSpec
    loop: TrialLoop
    preflight: PreflightRun
    observers: ObserverThreads
    logger: logging.Logger | LoggingAdapter
    switches: tuple[Cancellation, Cancellation]
    engines: ExitStack = field(default_factory=ExitStack)

    def search(self) -> TuningResult:
        """Run trials until the search is complete, and confirm the best ones."""
        opened = self.opened
        if opened.continuation:
            self.logger.info("%s", opened.continuation)
        self._check_preflight()
        engine = self._engine()
        opened.recorded.begin()
        self._interrupted_by(self.loop.interrupt)

        def searched() -> TuningResult:
            result = _completed(opened, self.loop.run(engine))
            if result.stop_reason is StopReason.PREFLIGHT:
                return result
            return self._confirmed(result, engine)

        return self._observed(searched)

    def end(self, reason: StopReason) -> TuningResult:
        """The result of a study whose search is complete; its best trials may be confirmed yet."""
        opened, stored = self.opened, self.opened.result
        confirmed = stored is not None and self._is_confirmed(stored)
        if confirmed or not opened.plan.confirm:
            self._stop_what_goes_on()
        told = reason if stored is None else stored.stop_reason
        self.logger.info("%s", _told_complete(opened, told, confirmed=confirmed))
        if stored is None:
            opened.recorded.begin()
        return self._observed(lambda: self._confirmed(stored or _completed(opened, reason), None))

    def _confirmed(self, result: TuningResult, engine: Engine | None) -> TuningResult:
        """The result with the winner, where one is to be found.

        Args:
            result: Of the search.
            engine: Has run the search in this run; None where none has.
        """
        if self._is_confirmed(result):
            return result
        opened = self.opened
        confirmation = ConfirmationRun(
            opened.ledger,
            result,
            opened.plan.confirm,
            opened.plan.config,
            opened.plan.study.seed,
            replace(self.loop.progress, best_trial=result.best_trial),
            self.observers.notify,
            flow_run_is_cancelled,
        )
        if confirmation.needs_engine:
            if engine is None or engine.stop_reason:  # One that was stopped starts nothing more.
                self.engines.close()
                engine = self._engine()
            opened.recorded.begin_again()
            self._interrupted_by(confirmation.loop.interrupt)
            confirmation.run(engine)
        else:
            confirmation.conclude()
        return _recorded(opened)

    def _is_confirmed(self, result: TuningResult) -> bool:
        """Whether there is nothing to confirm, or it is done."""
        plan, state = self.opened.plan, self.opened.ledger.state
        stored = None if state is None else state.confirmed
        return is_confirmed(stored, result, plan.confirm, plan.config)

    def _engine(self) -> Engine:
        """An engine that is ready, until `engines` are closed."""
        began = time.monotonic()
        about = engine_study(
            self.opened.name,
            self.opened.recorded.state.id,
            self.opened.plan.config,
            self.objective,
            lambda level, text: self.logger.log(level, "%s", text),
        )
        engine = self.engines.enter_context(engine_for(about, self.opened.plan.parsed_engine))
        cancellation, _ = self.switches
        cancellation.tell(engine.stop)
        notes = engine.prepare()
        seconds = time.monotonic() - began
        for level, note in notes:
            self.logger.log(level, "%s", note)
        told = [note for _, note in notes]
        self.preflight.preparation = Preparation(seconds, told, engine.memory)
        return engine

    def _check_preflight(self) -> None:
        """Say where a preflight is not made.

        Raises:
            StudyConflict: It is all that was asked for.
        """
        asked = self.opened.plan.preflight
        if asked == "none" or self.preflight.can_be_made:
            return
        begun = f"study {self.opened.name!r} has begun already"
        if asked == "only":
            raise StudyConflict(
                f"{begun}, and a preflight comes before. `prefect-tuner show` and `doctor` say "
                "what its trials tell; for a preflight, give the study another name"
            )
        self.logger.info("There is no preflight: %s", begun)

    def _interrupted_by(self, interrupt: Callable[[str], None]) -> None:
        for switch in self.switches:
            switch.tell(interrupt)

    def _stop_what_goes_on(self) -> None:
        """Stop trials of an earlier run that outlive it, and that nobody needs any more.

        No other engine is started for a study that is complete.
        """
        kind, _ = self.opened.plan.parsed_engine
        state = self.opened.recorded.state
        if kind.outlives_the_study and (state.in_flight or state.evaluating):
            with suppress(EngineError):  # The study is complete nevertheless.
                self._engine()
            self.engines.close()

    def _observed(self, run: Callable[[], TuningResult]) -> TuningResult:
        """The study from the event that it starts to the event that it has ended."""
        opened = self.opened
        plan, study = opened.plan, opened.plan.study
        try:
            self.observers.notify(
                StudyStarted(
                    study=opened.name,
                    objective=self.objective.name,
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
            self.observers.notify(
                StudyFailed(opened.name, error, why, cancelled, self.loop.progress)
            )
            raise
        progress = replace(self.loop.progress, best_trial=result.best_trial)
        self.observers.notify(StudyCompleted(result, progress))
        return result


def _told_complete(opened: OpenStudy, reason: StopReason, *, confirmed: bool) -> str:
    state = opened.ledger.state
    since = "" if state is None else f", last written at {state.updated}"
    if not confirmed:
        return (
            f"The search of study {opened.name!r} is complete already, since {reason.sentence}; "
            f"its best trials are to be confirmed ({opened.ledger.store.location}{since})"
        )
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


def _completed(opened: OpenStudy, reason: StopReason) -> TuningResult:
    """Write down that a study is complete, and what its ledger has as its result.

    One of which the preflight alone was to be made is not, and its result is what there is so far.
    """
    if opened.recorded.study.best_trial is None:
        raise TrainingError(_why_there_is_no_metric(opened.plan, reason))
    is_complete = reason is not StopReason.PREFLIGHT
    opened.recorded.stop("completed" if is_complete else "preflight", reason.value)
    if is_complete:
        return _recorded(opened)
    result = result_so_far(opened.recorded.state, reason)
    assert result is not None  # noqa: S101 - it has a best trial
    return result


def _recorded(opened: OpenStudy) -> TuningResult:
    """The result of a study whose search is complete, as its ledger has it."""
    state = opened.ledger.state
    result = None if state is None else recorded_result(state)
    assert result is not None  # noqa: S101 - it is complete, and has a best trial
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
