"""Tells the flow run's log what happens."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Callable, Sequence
from typing import Any

from prefect_tuner.flows.ledger.study_state import StudyState
from prefect_tuner.flows.observers.observer import TuningObserver
from prefect_tuner.flows.preflight.preflight_report import finding_line, preflight_lines
from prefect_tuner.flows.preflight.preflight_verdict import judge_preflight
from prefect_tuner.flows.study.tuning_events import (
    BestImproved,
    ConfirmationCompleted,
    ConfirmationStarted,
    PreflightEnded,
    StudyCompleted,
    StudyFailed,
    StudyStarted,
    TrialCompleted,
    TrialFailed,
    TrialReevaluated,
    TrialStarted,
    describe_failure,
)
from prefect_tuner.goal import Goal
from prefect_tuner.search_space.space import SearchSpace
from prefect_tuner.strategies.credit import credits_of
from prefect_tuner.trial import Outcome, Trial, describe_params

_MOST_FINDINGS = 4
"""Lines of what is wrong with a study."""


class LogObserver(TuningObserver):
    """Writes a line for each event, with the parameters.

    Where trials share task runs there may be thousands in a minute. Then the task runs' own lines
    tell of those that complete, and here are the others.

    Args:
        logger: Usually the flow run's.
        state: Gives what the study's ledger says at the time; without, nothing is said of how its
            workers were used.
    """

    def __init__(
        self,
        logger: logging.Logger | logging.LoggerAdapter[Any],
        state: Callable[[], StudyState] | None = None,
    ) -> None:
        self._logger = logger
        self._state = state
        self._tells_all = True
        self._study: StudyStarted | None = None

    def on_study_started(self, event: StudyStarted) -> None:
        """Say what is tuned and how."""
        config = event.config
        self._study = event
        self._tells_all = config.trials_per_task == 1
        self._logger.info(
            "Study %r: %s %s over %s with strategy %r, up to %d trials, %d at a time",
            event.study,
            event.direction,
            event.objective,
            _candidates(event.space),
            event.strategy,
            config.max_trials,
            config.max_concurrency,
        )
        if event.reason:
            self._logger.info("Strategy: %s", event.reason)

    def on_trial_started(self, event: TrialStarted) -> None:
        """Say what the trial tries."""
        if not self._tells_all:
            return
        trial = event.trial
        self._logger.info("Trial %d started: %s", trial.number, describe_params(trial.params))

    def on_trial_completed(self, event: TrialCompleted) -> None:
        """Say the metric."""
        if not self._tells_all:
            return
        trial = event.trial
        self._logger.info(
            "Trial %d completed: metric=%r with %s",
            trial.number,
            trial.metric,
            describe_params(trial.params),
        )

    def on_trial_failed(self, event: TrialFailed) -> None:
        """Say why."""
        trial = event.trial
        self._logger.warning(
            "Trial %d %s with %s",
            trial.number,
            describe_failure(trial),
            describe_params(trial.params),
        )

    def on_best_improved(self, event: BestImproved) -> None:
        """Say who leads now."""
        trial, previous = event.trial, event.previous
        self._logger.info(
            "Best metric is now %r (%s), found by trial %d",
            trial.metric,
            "the first" if previous is None else f"before: {previous.metric!r}",
            trial.number,
        )

    def on_confirmation_started(self, event: ConfirmationStarted) -> None:
        """Say who races."""
        numbers = ", ".join(str(trial.number) for trial in event.candidates)
        several = len(event.candidates) > 1
        who = f"trials {numbers} are" if several else f"trial {numbers} is"
        before = f", {event.spent} of which there are already" if event.spent else ""
        self._logger.info(
            "Confirming the best: %s evaluated anew with fresh seeds, up to %d times in all%s",
            who,
            event.budget,
            before,
        )

    def on_trial_reevaluated(self, event: TrialReevaluated) -> None:
        """Say the metric, or why there is none."""
        trial = event.trial
        if trial.outcome is not Outcome.COMPLETED:
            told = describe_failure(trial)
            self._logger.warning(
                "Evaluation %d of trial %d %s", event.repetition, trial.number, told
            )
        elif self._tells_all:
            told = f"metric={trial.metric!r}"
            self._logger.info(
                "Evaluation %d of trial %d completed: %s", event.repetition, trial.number, told
            )

    def on_confirmation_completed(self, event: ConfirmationCompleted) -> None:
        """Say who won, and how sure that is."""
        found = event.confirmation.winner is not None
        self._logger.log(
            logging.INFO if found else logging.WARNING, "%s", event.confirmation.verdict
        )

    def on_preflight_ended(self, event: PreflightEnded) -> None:
        """Say what the preflight has shown, and what speaks against the study."""
        if self._study is None:
            return
        verdict = judge_preflight(event, self._study.config, self._study.space)
        told = " ".join(preflight_lines(verdict, with_notes=False))
        self._logger.info("Preflight: %s", told)
        for finding in verdict.findings:
            self._logger.warning("Preflight: %s", finding_line(finding))

    def on_completed(self, event: StudyCompleted) -> None:
        """Say how it ended."""
        result = event.result
        self._logger.info(
            "Study %r is complete after %d trials (%d failed) and %.1f s, since %s: "
            "best metric %r with %s",
            result.study,
            len(result.trials),
            event.progress.failed,
            result.duration,
            result.stop_reason.sentence,
            result.best_metric,
            describe_params(result.best_params),
        )
        if result.winner is not None:
            self._logger.info(
                "Winner: trial %d with %s",
                result.winner.number,
                describe_params(result.winner.params),
            )
        self._tell_credits(result.trials, result.goal)
        self._tell_findings(result.trials)

    def on_failed(self, event: StudyFailed) -> None:
        """Say why, and what was found before."""
        best = event.progress.best_trial
        self._logger.log(
            logging.WARNING if event.cancelled else logging.ERROR,
            "Study %r %s after %d trials: %s; %s",
            event.study,
            "was cancelled" if event.cancelled else "failed",
            event.progress.asked,
            event.reason,
            "no trial has a metric"
            if best is None
            else f"best metric so far {best.metric!r} with {describe_params(best.params)}",
        )

    def _tell_findings(self, trials: Sequence[Trial]) -> None:
        """Say what is wrong with the study, the worst first."""
        if self._study is None:
            return
        # Half a second of scipy, for which the first trial of a study does not wait.
        from prefect_tuner.flows.analysis.doctor import diagnose
        from prefect_tuner.flows.reports.study_analysis import last_run_times

        runs = last_run_times(self._state()) if self._state is not None else ()
        findings = diagnose(self._study.space, self._study.goal, trials, runs)
        for finding in findings[:_MOST_FINDINGS]:
            self._logger.warning("Doctor: %s [%s]", finding_line(finding), finding.check)
        more = len(findings) - _MOST_FINDINGS
        if more > 0:
            name = shlex.quote(self._study.study)
            self._logger.warning("Doctor: %d more: prefect-tuner doctor %s", more, name)

    def _tell_credits(self, trials: Sequence[Trial], goal: Goal) -> None:
        """Say which proposer got how many trials, and what they brought, if several did."""
        credit_by_proposer = credits_of(trials, goal)
        if len(credit_by_proposer) > 1:
            told = "; ".join(f"{name}: {credit}" for name, credit in credit_by_proposer.items())
            self._logger.info("Credit by strategy: %s", told)


def _candidates(space: SearchSpace) -> str:
    size = space.cardinality
    told = "infinitely many candidates" if size is None else f"{size:,} candidates"
    if not space.constraints:
        return told
    of = "1 constraint" if len(space.constraints) == 1 else f"{len(space.constraints)} constraints"
    return f"{told} less those that violate {of}"
