"""The task runs of trials as Prefect hands them out, and what can be read from them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, TypeAlias

from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.exceptions import Pause
from prefect.futures import PrefectFuture

from prefect_tuner.ending import Ending
from prefect_tuner.printable_text import shortened
from prefect_tuner.tasks.engine import Arrival
from prefect_tuner.tasks.workers.trial_request import TrialAnswer
from prefect_tuner.trial import Outcome

TrialFuture: TypeAlias = PrefectFuture[State[dict[str, Any]]]
"""A trial that was submitted."""

_UNREADABLE = ("ModuleNotFoundError", "PicklingError", "deserialization of the task graph")


def arrival_of(
    number: int, attempt: int | None, future: TrialFuture, timeout: float | None = None
) -> Arrival:
    """What came of a trial whose task run has ended, even where the supervisor itself failed.

    Args:
        number: The trial's.
        attempt: Which attempt it was; None for whichever was asked for last.
        future: It is done.
        timeout: Seconds that its result may take to get here; None for no limit.
    """
    release_results()
    task_run = str(future.task_run_id)
    try:
        result: object = future.result(timeout, raise_on_failure=False)
    except Pause as pause:  # The flow run is to be suspended, but the trial has ended.
        answer = _answer_of_suspended(number, future)
        return Arrival(number, answer, attempt, pause, task_run_id=task_run)
    except Exception as error:  # noqa: BLE001 - a task runner may raise instead of answering
        result = error
    if isinstance(result, Mapping) and (told := _answer_in(result, number)) is not None:
        return Arrival(number, TrialAnswer.from_message(told), attempt, task_run_id=task_run)
    message = f"the task run ended without a report: {result!r}"
    crashed = TrialAnswer(Ending(Outcome.CRASHED, message))
    return Arrival(number, crashed, attempt, failure=result, task_run_id=task_run)


def refusal_in(failure: object) -> str:
    """Why no trial can be run, where that is what came in the place of an answer; or empty."""
    told = repr(failure)
    is_unreadable = isinstance(failure, ImportError | AttributeError)
    if not is_unreadable and not any(word in told for word in _UNREADABLE):
        return ""
    return (
        "a worker cannot run trials, since it cannot read what it is to do: it, and what hands "
        f"it on, need the same prefect-tuner and Prefect as the study ({shortened(told, 500)})"
    )


def _answer_in(result: Mapping[str, Any], number: int) -> Mapping[str, Any] | None:
    """The answer of a trial in what its task run has returned, which may have had several."""
    if "ending" in result:
        return result
    answers: Mapping[int, Mapping[str, Any]] = result.get("answers", {})
    return answers.get(number)


def _answer_of_suspended(number: int, future: TrialFuture) -> TrialAnswer:
    """The same, where Prefect's futures raise, since the flow run is to be suspended."""
    with suppress(Exception):  # The task run was suspended itself: it has no final state.
        result: object = future.state.result(raise_on_failure=False)
        if isinstance(result, Mapping) and (answer := _answer_in(result, number)) is not None:
            return TrialAnswer.from_message(answer)
    message = "the flow run was suspended while the trial ran"
    return TrialAnswer(Ending(Outcome.CANCELLED, message))


def release_results() -> None:
    """Let go of finished trials, which Prefect keeps to link task runs by their results.

    No task run uses a trial's result, and a study's memory should not grow with its trials.
    """
    context = FlowRunContext.get()
    if context is not None:
        context.run_results.clear()
