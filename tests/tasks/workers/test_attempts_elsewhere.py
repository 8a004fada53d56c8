"""An attempt on a worker is begun once, by a worker that can, while its study goes on."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prefect import flow
from prefect.runtime import flow_run

from prefect_tuner.ending import Ending
from prefect_tuner.tasks.objectives.objective import describe_objective
from prefect_tuner.tasks.processes.isolation import LaunchSettings
from prefect_tuner.tasks.trial_task import run_trial
from prefect_tuner.tasks.workers.study_mailbox import StudyMailbox
from prefect_tuner.tasks.workers.trial_request import TrialAnswer, TrialRequest
from prefect_tuner.trial import Outcome, TrialLimits

pytestmark = pytest.mark.usefixtures("prefect_server")


def request_for(kind: str, note: Path, run: str) -> TrialRequest:
    return TrialRequest(
        study="elsewhere",
        number=3,
        params={"kind": kind, "note": str(note)},
        seed=1,
        objective=describe_objective("prefect_tuner.testing.trial_kinds:by_kind"),
        limits=TrialLimits(timeout=60.0),
        launch=LaunchSettings(),
        flow_run=str(flow_run.id),
        run=run,
    )


def answer_to(message: dict[str, Any]) -> TrialAnswer:
    """What a task run says that has no host around it, as on a worker."""
    answer: Any = run_trial(message, return_state=True).result(raise_on_failure=False)
    return TrialAnswer.from_message(answer)


def in_a_flow(body: Callable[[str, StudyMailbox], Any]) -> Any:
    """What a function gives that is called with the name of a run, and the mailbox of its study."""

    @flow(name="elsewhere")
    def elsewhere() -> Any:
        run = uuid.uuid4().hex[:12]
        mailbox = StudyMailbox(str(flow_run.id), run)
        mailbox.open()
        mailbox.beat(0)
        try:
            return body(run, mailbox)
        finally:
            mailbox.stop("the test is over")
            mailbox.close()

    return elsewhere()


def test_a_second_start_gets_the_answer_of_the_first_and_calls_nothing(tmp_path: Path) -> None:
    note = tmp_path / "calls"

    def twice(run: str, _: StudyMailbox) -> list[TrialAnswer]:
        message = request_for("completes", note, run).to_message()
        return [answer_to(message), answer_to(message)]

    first, second = in_a_flow(twice)
    assert first == second
    assert first.ending is not None
    assert first.ending.metric == 1.5
    assert len(note.read_text().splitlines()) == 1


def test_a_second_start_of_what_has_left_no_answer_has_crashed(tmp_path: Path) -> None:
    note = tmp_path / "calls"

    def begun_elsewhere(run: str, mailbox: StudyMailbox) -> Ending | None:
        request = request_for("completes", note, run)
        assert mailbox.claim(request.name, "process 7 on another") is None
        assert mailbox.claim(request.name, "me") == "process 7 on another"
        assert mailbox.claimed_by(request.name) == "process 7 on another"
        return answer_to(request.to_message()).ending

    ending = in_a_flow(begun_elsewhere)
    assert ending.outcome is Outcome.CRASHED
    assert ending.message == "its worker was lost: process 7 on another"
    assert not note.exists()


def test_nothing_begins_when_the_study_was_stopped(tmp_path: Path) -> None:
    note = tmp_path / "calls"

    def stopped(run: str, mailbox: StudyMailbox) -> Ending | None:
        mailbox.stop("the budget is spent")
        return answer_to(request_for("completes", note, run).to_message()).ending

    ending = in_a_flow(stopped)
    assert (ending.outcome, ending.attempts) == (Outcome.CANCELLED, 0)
    assert ending.message.endswith("before the trial started: the budget is spent")
    assert not note.exists()


def test_nothing_begins_when_another_run_has_the_study_s_flow_run(tmp_path: Path) -> None:
    def taken_over(run: str, _: StudyMailbox) -> Ending | None:
        later = StudyMailbox(str(flow_run.id), "another")
        later.open()
        later.beat(0)
        later.close()
        return answer_to(request_for("completes", tmp_path / "calls", run).to_message()).ending

    ending = in_a_flow(taken_over)
    assert ending.outcome is Outcome.CANCELLED
    assert ending.message.endswith("its flow run was begun again")


@pytest.mark.parametrize(("field", "value"), [("package", "0.0.1"), ("version", 99)])
def test_a_worker_with_another_release_refuses_and_names_itself(
    tmp_path: Path, field: str, value: object
) -> None:
    def other_release(run: str, _: StudyMailbox) -> TrialAnswer:
        message = request_for("completes", tmp_path / "calls", run).to_message()
        return answer_to({**message, field: value})

    answer = in_a_flow(other_release)
    assert answer.ending is None
    assert "process" in answer.refusal
    assert "cannot run trials: it has prefect-tuner" in answer.refusal


def test_a_request_and_an_answer_are_the_same_after_they_have_travelled(tmp_path: Path) -> None:
    def travelled(run: str, _: StudyMailbox) -> None:
        request = request_for("completes", tmp_path / "calls", run)
        assert TrialRequest.from_message(request.to_message()) == request

    in_a_flow(travelled)
    answer = TrialAnswer(Ending(Outcome.COMPLETED, metric=0.5, extra={"epochs": 3.0}))
    assert TrialAnswer.from_message(answer.to_message()) == answer
