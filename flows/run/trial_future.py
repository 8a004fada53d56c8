"""The task run of a trial as Prefect hands it out, and what can be read from it."""

from __future__ import annotations

from contextlib import suppress
from typing import TypeAlias

from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.futures import PrefectFuture

from prefect_tuner.ending import Ending
from prefect_tuner.trial import Outcome

TrialFuture: TypeAlias = PrefectFuture[State[Ending]]
"""A trial that was submitted."""


def release_results() -> None:
    """Let go of finished trials, which Prefect keeps to link task runs by their results.

    No task run uses a trial's result, and a study's memory should not grow with its trials.
    """
    context = FlowRunContext.get()
    if context is not None:
        context.run_results.clear()


def ending_of(future: TrialFuture) -> Ending:
    """What came of a trial whose task run has ended, even where the supervisor itself failed."""
    try:
        result: object = future.result(raise_on_failure=False)
    except Exception as error:  # noqa: BLE001 - a task runner may raise instead of answering
        result = error
    if isinstance(result, Ending):
        return result
    return Ending(Outcome.CRASHED, f"the task run ended without a report: {result!r}")


def ending_of_suspended(future: TrialFuture) -> Ending:
    """The same, where Prefect's futures raise, since the flow run is to be suspended."""
    with suppress(Exception):  # The task run was suspended itself: it has no final state.
        result: object = future.state.result(raise_on_failure=False)
        if isinstance(result, Ending):
            return result
    return Ending(Outcome.CANCELLED, "the flow run was suspended while the trial ran")
