"""Emits Prefect events, for automations to act on."""

from __future__ import annotations

from itertools import islice
from typing import Any

from prefect.events import emit_event

from prefect_tuner.flows.observers.observer import TuningObserver
from prefect_tuner.flows.reports.leaderboard import EXTRAS_SHOWN
from prefect_tuner.flows.study.study_name import study_key
from prefect_tuner.flows.study.tuning_events import (
    BestImproved,
    ConfirmationCompleted,
    StudyCompleted,
    StudyFailed,
    StudyStarted,
)
from prefect_tuner.flows.study.tuning_result import TuningResult
from prefect_tuner.printable_text import printable
from prefect_tuner.trial import ExtraValue, Trial

EVENT_PREFIX = "prefect-tuner.study"
"""Events are named `prefect-tuner.study.started`, `.best-improved`, `.confirmed`, `.completed`,
`.failed`."""


class EventObserver(TuningObserver):
    """Emits an event when the study starts, finds a better trial, confirms it, completes or fails.

    The resource is `prefect-tuner.study.<name>`, the name made safe; the flow run is related.
    Events are delivered at best: never the only record of anything.
    """

    def __init__(self) -> None:
        self._study = ""

    def on_study_started(self, event: StudyStarted) -> None:
        """Emit `started`."""
        self._study = event.study
        self._emit(
            "started",
            {
                "objective": event.objective,
                "strategy": event.strategy,
                "reason": event.reason,
                "direction": event.direction,
                "space": event.space.to_json(),
                "config": event.config.model_dump(mode="json"),
            },
        )

    def on_best_improved(self, event: BestImproved) -> None:
        """Emit `best-improved`."""
        trial = event.trial
        self._emit(
            "best-improved",
            {
                "trial": trial.number,
                "metric": trial.metric,
                "params": trial.params,
                "extra": _extra(trial),
            },
        )

    def on_confirmation_completed(self, event: ConfirmationCompleted) -> None:
        """Emit `confirmed`, with the verdict."""
        confirmation = event.confirmation
        winner = confirmation.winner
        self._emit(
            "confirmed",
            {
                "verdict": confirmation.verdict,
                "winner": None if winner is None else winner.number,
                "tied": [each.number for each in confirmation.tied],
                "cheapest": confirmation.cheapest,
                "evaluations": confirmation.spent,
                "end": confirmation.end.value,
            },
        )

    def on_completed(self, event: StudyCompleted) -> None:
        """Emit `completed`, with what to deploy at `winning_params`.

        Where nothing was confirmed they are the same as `best_params`, those of the best trial.
        """
        result = event.result
        self._emit(
            "completed",
            {
                "stop_reason": result.stop_reason.value,
                "best_params": result.best_params,
                "best_metric": result.best_metric,
                "best_trial": result.best_trial.number,
                "best_extra": _extra(result.best_trial),
                "winning_params": result.winning_params,
                "winning_metric": result.winning_metric,
                "winner": _winner(result),
                "trials": len(result.trials),
                "failed": event.progress.failed,
                "duration": result.duration,
            },
        )

    def on_failed(self, event: StudyFailed) -> None:
        """Emit `failed`."""
        self._emit(
            "failed",
            {
                "error": event.reason,
                "cancelled": event.cancelled,
                "trials": event.progress.asked,
            },
        )

    def _emit(self, name: str, payload: dict[str, Any]) -> None:
        emit_event(
            event=f"{EVENT_PREFIX}.{name}",
            resource={
                "prefect.resource.id": f"{EVENT_PREFIX}.{study_key(self._study)}",
                "prefect.resource.name": self._study,
            },
            payload={"study": self._study, **payload},
        )


def _winner(result: TuningResult) -> dict[str, Any] | None:
    """What the confirmation found best, without its parameters, which stand beside it."""
    winner = result.winner
    return None if winner is None else winner.model_dump(mode="json", exclude={"params"})


def _extra(trial: Trial) -> dict[str, ExtraValue]:
    """What a trial returned beside its metric, as much as a leaderboard shows, made printable."""
    return {
        printable(name): printable(value) if isinstance(value, str) else value
        for name, value in islice(trial.extra.items(), EXTRAS_SHOWN)
    }
