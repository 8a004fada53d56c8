"""What Prefect's server is told of a trial."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    LogFilter,
    LogFilterTaskRunId,
    TaskRunFilter,
    TaskRunFilterName,
)
from prefect.client.schemas.objects import Log, TaskRun
from prefect.runtime import flow_run

from prefect_tuner import Outcome, Params
from prefect_tuner.ending import Ending
from prefect_tuner.tasks.engine import EngineStudy
from prefect_tuner.tasks.engines.local import LocalEngine
from prefect_tuner.tasks.objectives.objective import describe_objective
from prefect_tuner.tasks.process_table.process_tree import descendants
from prefect_tuner.tasks.processes.isolation import LaunchSettings
from prefect_tuner.tasks.supervised_attempt import describe_ending
from prefect_tuner.tasks.workers.trial_request import RetryPolicy, TrialRequest
from prefect_tuner.trial import TrialLimits
from tests.polling import eventually
from tests.prefect_server import PrefectServer
from tests.tasks.attempts import assert_gone, fork_server_of

FAULTS = "tests.tasks.faults:by_name"
RETRIED = "tests.tasks.retried:by_attempt"


@dataclass(frozen=True)
class Run:
    """One trial as a task run."""

    report: Ending
    flow_run: str
    name: str

    def task_run(self) -> TaskRun:
        """The task run at the server, once its final state has arrived there."""
        of_flow = FlowRunFilter(id=FlowRunFilterId(any_=[UUID(self.flow_run)]))
        only = TaskRunFilter(name=TaskRunFilterName(any_=[self.name]))

        def final() -> TaskRun:
            with get_client(sync_client=True) as client:
                found = client.read_task_runs(flow_run_filter=of_flow, task_run_filter=only)
            assert found
            assert found[0].state is not None
            assert found[0].state.is_final()
            return found[0]

        return eventually(final, timeout=60)

    def logs(self, *beginnings: str) -> list[Log]:
        """The task run's log at the server, once lines that begin so have arrived there."""
        only = LogFilter(task_run_id=LogFilterTaskRunId(any_=[self.task_run().id]))

        def arrived() -> list[Log]:
            with get_client(sync_client=True) as client:
                logs = client.read_logs(only)
            messages = [log.message for log in logs]
            for beginning in beginnings:
                assert any(message.startswith(beginning) for message in messages), messages
            return logs

        return eventually(arrived, timeout=60)


@dataclass
class Trials:
    """Runs trials inside a flow run."""

    objective: str
    retry: RetryPolicy = field(default_factory=RetryPolicy)

    def run(self, *trials: Params, **limits: Any) -> list[Run]:
        @flow(name="trials")
        def run_all() -> list[Run]:
            with self.engine() as engine:
                for number, params in enumerate(trials):
                    engine.start(self.request(engine, number, params, **limits))
                return self.ended(engine, len(trials))

        return run_all()

    @contextmanager
    def engine(self) -> Iterator[LocalEngine]:
        """Inside a flow run, what runs its trials."""
        spec = describe_objective(self.objective)
        study = EngineStudy("churn", spec, LaunchSettings(), self.retry, lambda *_: None)
        engine = LocalEngine(study)
        try:
            yield engine
        finally:
            engine.close()

    def request(
        self, engine: LocalEngine, number: int, params: Params, **limits: Any
    ) -> TrialRequest:
        return TrialRequest(
            study="churn",
            number=number,
            params=params,
            seed=17,
            objective=engine.study.objective,
            limits=TrialLimits(**{"timeout": 60.0, **limits}),
            retry=self.retry,
        )

    def ended(self, engine: LocalEngine, count: int) -> list[Run]:
        """All trials in their order, once they have ended, those tried again that are to be."""
        ends: dict[int, Ending] = {}
        while len(ends) < count:
            arrival = engine.next_arrival(60.0)
            assert arrival is not None
            assert arrival.answer.ending is not None
            if self.retry.tries_again(arrival.answer.ending):
                again = self.request(engine, arrival.number, {})
                engine.start(replace(again, attempt=arrival.answer.ending.attempts + 1))
            else:
                ends[arrival.number] = arrival.answer.ending
        this = str(flow_run.id)
        return [Run(ends[number], this, f"churn-{number}") for number in range(count)]


OUTCOMES: dict[str, tuple[str, str, str, str]] = {
    "fine": ("completed", "COMPLETED", "Completed", r"completed: metric=1\.5"),
    "raises": ("failed", "FAILED", "Failed", r"failed: ValueError: bad value"),
    "sleeps": ("timed_out", "FAILED", "TimedOut", r"timed out: ran longer than its limit of 2 s"),
    "exits_at_once": (
        "crashed",
        "CRASHED",
        "Crashed",
        r"crashed: the trial's process exited with code 7",
    ),
    "raises_memory_error": ("out_of_memory", "FAILED", "Failed", r"out of memory: .*no room"),
    "returning": ("invalid_metric", "FAILED", "Failed", r"invalid metric: .*got nan \(float\)"),
    "raises_control_characters": ("failed", "FAILED", "Failed", r"failed: ValueError: red � � end"),
}


@pytest.fixture(scope="module")
def runs(prefect_server: PrefectServer) -> dict[str, Run]:
    """One trial of each outcome."""
    trials: list[Params] = [{"name": name, "what": "nan"} for name in OUTCOMES]
    return dict(zip(OUTCOMES, Trials(FAULTS).run(*trials, timeout=2.0), strict=True))


@pytest.mark.parametrize("name", OUTCOMES)
def test_the_state_tells_the_outcome_and_the_message_the_reason(
    runs: dict[str, Run], name: str
) -> None:
    outcome, kind, state_name, message = OUTCOMES[name]
    run = runs[name]
    assert run.report.outcome == outcome
    state = run.task_run().state
    assert state is not None
    assert (state.type.value, state.name) == (kind, state_name)
    with_duration_and_params = rf"{message} \([\d.e-]+ s\) with name='{name}', what='nan'"
    assert re.fullmatch(with_duration_and_params, state.message or "")


def test_the_task_run_is_named_after_the_study_and_the_number(runs: dict[str, Run]) -> None:
    assert runs["raises"].task_run().name == "churn-1"


def test_a_trial_that_is_not_retried_was_run_once(runs: dict[str, Run]) -> None:
    assert {runs[name].task_run().run_count for name in OUTCOMES} == {1}
    assert {run.report.attempts for run in runs.values()} == {1}


def test_the_log_of_a_failed_trial_has_its_parameters_traceback_and_reason(
    runs: dict[str, Run],
) -> None:
    logs = runs["raises"].logs("Finished in state Failed")
    text = "\n".join(log.message for log in logs)
    assert "KeyError: 'the cause'" in text
    assert "faults.py" in text
    assert 'Finished in state Failed("failed: ValueError: bad value (' in text
    assert logging.ERROR in {log.level for log in logs}


def test_the_log_of_a_completed_trial_is_short(runs: dict[str, Run]) -> None:
    logs = runs["fine"].logs("Finished in state Completed")
    # On a busy machine, starting its process takes so long that its parameters are told first.
    (only,) = [log for log in logs if not log.message.startswith("Trial 0 started")]
    assert "completed: metric=1.5 (" in only.message


def test_the_log_of_a_trial_that_takes_a_while_begins_with_its_parameters(
    runs: dict[str, Run],
) -> None:
    logs = runs["sleeps"].logs("Trial 2 started with name='sleeps', what='nan'", "Finished")
    assert min(logs, key=lambda log: log.timestamp).message.startswith("Trial 2 started")


def test_what_a_trial_prints_logs_and_warns_of_is_stored_with_its_task_run(
    prefect_server: PrefectServer,
) -> None:
    (run,) = Trials("tests.tasks.printing:by_name").run({"name": "everything"})
    logs = run.logs("printed", "to the error stream", "mine: logged 1", "said", "42")
    levels = {log.message: log.level for log in logs}
    assert levels["printed"] == logging.INFO
    assert levels["mine: logged as error"] == logging.ERROR
    assert levels["said as warning"] == logging.WARNING
    assert any("UserWarning: careful" in message for message in levels)
    order = [log.message for log in sorted(logs, key=lambda log: log.timestamp)]
    assert order.index("mine: logged 1") < order.index("said") < order.index("42")


@dataclass
class Notes:
    """What the objective of `retried` noted."""

    file: Path

    def params(self, attempts: str) -> Params:
        return {"attempts": attempts, "notes": str(self.file)}

    def attempts(self) -> list[tuple[int, int, float]]:
        """The number, the seed and the time of each attempt."""
        lines = [line.split() for line in self.file.read_text().splitlines()]
        return [(int(number), int(seed), float(began)) for number, seed, began in lines]


@pytest.fixture
def notes(tmp_path: Path) -> Notes:
    return Notes(tmp_path / "attempts")


@pytest.mark.parametrize("fault", ["raise", "crash"])
def test_the_metric_of_the_attempt_that_succeeded_counts(
    prefect_server: PrefectServer, notes: Notes, fault: str
) -> None:
    retry = RetryPolicy(retries=3)
    (run,) = Trials(RETRIED, retry).run(notes.params(f"{fault} {fault} 0.75 0.5"))
    assert run.report.outcome is Outcome.COMPLETED
    assert (run.report.metric, run.report.attempts) == (0.75, 3)
    assert [(number, seed) for number, seed, _ in notes.attempts()] == [(1, 17), (2, 17), (3, 17)]
    task_run = run.task_run()
    assert task_run.run_count == 3
    assert task_run.state is not None
    assert re.match(
        r"completed: metric=0\.75 \(.*\), attempt 3 with ", task_run.state.message or ""
    )


def test_the_last_attempt_tells_why_a_trial_failed(
    prefect_server: PrefectServer, notes: Notes
) -> None:
    retry = RetryPolicy(retries=2)
    (run,) = Trials(RETRIED, retry).run(notes.params("raise crash raise 1.0"))
    assert (run.report.outcome, run.report.attempts) == (Outcome.FAILED, 3)
    assert run.report.message == "ValueError: attempt 3"
    assert len(notes.attempts()) == 3
    state = run.task_run().state
    assert state is not None
    assert (state.type.value, state.name) == ("FAILED", "Failed")
    messages = [log.message for log in run.logs("Attempt 2 follows in 0 s")]
    assert any("failed: ValueError: attempt 1" in m for m in messages)
    assert any("exited with code 5" in m for m in messages)


def test_an_attempt_that_timed_out_is_not_retried_by_default(
    prefect_server: PrefectServer, notes: Notes
) -> None:
    trials = Trials(RETRIED, RetryPolicy(retries=3))
    (run,) = trials.run(notes.params("hang 1.0"), timeout=1.0)
    assert (run.report.outcome, run.report.attempts) == (Outcome.TIMED_OUT, 1)
    assert len(notes.attempts()) == 1


def test_which_outcomes_are_retried_can_be_chosen(
    prefect_server: PrefectServer, notes: Notes
) -> None:
    retry = RetryPolicy(retries=3, outcomes=frozenset({Outcome.TIMED_OUT}))
    (run,) = Trials(RETRIED, retry).run(notes.params("hang raise 1.0"), timeout=1.0)
    assert (run.report.outcome, run.report.attempts) == (Outcome.FAILED, 2)


def test_a_retry_waits_for_its_delay(prefect_server: PrefectServer, notes: Notes) -> None:
    retry = RetryPolicy(retries=1, delay=0.7)
    (run,) = Trials(RETRIED, retry).run(notes.params("raise 1.0"))
    assert run.report.metric == 1.0
    (_, _, first), (_, _, second) = notes.attempts()
    assert 0.7 <= second - first < 5


def test_a_trial_that_waits_for_its_retry_is_cancelled_at_once(
    prefect_server: PrefectServer, notes: Notes
) -> None:
    trials = Trials(RETRIED, RetryPolicy(retries=1, delay=1000))

    @flow(name="stopped while it waits")
    def run() -> list[Run]:
        with trials.engine() as engine:
            request = trials.request(engine, 0, notes.params("raise 1.0"))
            engine.start(request)
            first = engine.next_arrival(60.0)
            assert first is not None
            assert first.attempt == 1
            engine.start(request.again())
            engine.stop()
            return trials.ended(engine, 1)

    (stopped,) = run()
    assert (stopped.report.outcome, stopped.report.attempts) == (Outcome.CANCELLED, 1)
    state = stopped.task_run().state
    assert state is not None
    assert (state.type.value, state.name) == ("CANCELLED", "Cancelled")
    assert len(notes.attempts()) == 1


def await_attempts(notes: Notes, count: int) -> None:
    def begun() -> None:
        assert notes.file.exists()
        assert len(notes.attempts()) == count

    eventually(begun, interval=0.01)


def test_stopped_trials_are_cancelled_with_the_reason(
    prefect_server: PrefectServer, notes: Notes
) -> None:
    trials = Trials(RETRIED, RetryPolicy(retries=3))

    @flow(name="stopped")
    def run() -> list[Run]:
        with trials.engine() as engine:
            for number in range(2):
                engine.start(trials.request(engine, number, notes.params("hang")))
            await_attempts(notes, 2)
            pids = descendants(fork_server_of(engine.launcher))
            engine.stop("the budget is spent")
            ended = trials.ended(engine, 2)
            assert_gone(pids)
            return ended

    for stopped in run():
        assert (stopped.report.outcome, stopped.report.attempts) == (Outcome.CANCELLED, 1)
        state = stopped.task_run().state
        assert state is not None
        assert (state.type.value, state.name) == ("CANCELLED", "Cancelled")
        reason = "cancelled: the study was stopped while the trial ran: the budget is spent ("
        assert (state.message or "").startswith(reason)


def test_one_trial_is_stopped_and_the_others_go_on(
    prefect_server: PrefectServer, notes: Notes, tmp_path: Path
) -> None:
    trials = Trials(RETRIED)
    others = Notes(tmp_path / "others")

    @flow(name="one stopped")
    def run() -> list[Run]:
        with trials.engine() as engine:
            engine.start(trials.request(engine, 0, notes.params("hang")))
            engine.start(trials.request(engine, 1, others.params("hang"), timeout=2.0))
            await_attempts(notes, 1)
            engine.stop_trial(0, "it is not promising")
            return trials.ended(engine, 2)

    stopped, other = run()
    assert stopped.report.outcome is Outcome.CANCELLED
    assert stopped.report.message == "the trial was stopped: it is not promising"
    assert other.report.outcome is Outcome.TIMED_OUT


@pytest.mark.parametrize(
    ("report", "text"),
    [
        (
            Ending(Outcome.COMPLETED, metric=0.5, duration=1.23456),
            "completed: metric=0.5 (1.23 s)",
        ),
        (Ending(Outcome.TIMED_OUT, "too long", duration=60), "timed out: too long (60 s)"),
        (Ending(Outcome.CANCELLED, "stopped"), "cancelled: stopped"),
        (
            Ending(Outcome.FAILED, "E: x", duration=2, attempts=3),
            "failed: E: x (2 s), attempt 3",
        ),
    ],
)
def test_reports_are_described_in_half_a_sentence(report: Ending, text: str) -> None:
    assert describe_ending(report) == text
