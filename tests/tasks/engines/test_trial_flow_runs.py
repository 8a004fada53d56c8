"""Flow runs of trials where a study is stopped, resumed or taken over."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterTags
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import Cancelling, Crashed

from prefect_tuner import Outcome
from prefect_tuner.tasks.engine import Engine, EngineStudy
from prefect_tuner.tasks.engines.deployment import DeploymentEngine
from prefect_tuner.tasks.flow_runs.deployment_options import DeploymentOptions
from prefect_tuner.tasks.flow_runs.flow_run_ends import FlowRunEnds
from prefect_tuner.tasks.flow_runs.trial_flow_runs import TrialFlowRun, TrialFlowRuns
from prefect_tuner.tasks.objectives.objective import describe_objective
from prefect_tuner.tasks.processes.isolation import LaunchSettings
from prefect_tuner.tasks.workers.trial_request import RetryPolicy, TrialRequest
from prefect_tuner.testing.engine_conformance import OBJECTIVE
from prefect_tuner.testing.engine_steps import assert_gone, noted_by, request_to
from prefect_tuner.trial import TrialLimits
from tests.polling import eventually
from tests.tasks.engines.trial_pool import TrialPool, trial_pool

pytestmark = [pytest.mark.usefixtures("prefect_server"), pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def pool(prefect_server: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrialPool]:
    with trial_pool() as made:
        made.start_worker(tmp_path_factory.mktemp("workers"))
        made.await_workers(1)
        yield made


def in_a_flow(
    pool: TrialPool, body: Callable[[Engine], Any], name: str, objective: str = OBJECTIVE
) -> Any:
    """What a function gives of the engine in a run of a study of the name."""

    @flow(name="a run of a study")
    def run_of_a_study() -> Any:
        study = EngineStudy(
            name,
            describe_objective(objective),
            LaunchSettings(),
            RetryPolicy(),
            lambda *_: None,
            id=name,
        )
        with DeploymentEngine.opened(study, DeploymentOptions(deployment=pool.deployment)) as each:
            each.prepare()
            return body(each)

    return run_of_a_study()


def runs_of(name: str) -> list[FlowRun]:
    wanted = FlowRunFilter(tags=FlowRunFilterTags(all_=[f"study: {name}"]))
    with get_client(sync_client=True) as client:
        return client.read_flow_runs(flow_run_filter=wanted)


def hang(engine: Engine, note: Path) -> None:
    """Have a trial begin that notes it and hangs."""
    engine.start(request_to(engine, 0, {"kind": "hangs", "note": str(note)}, TrialLimits()))


def test_a_trial_that_is_stopped_while_its_process_starts_does_not_begin(
    pool: TrialPool, tmp_path: Path
) -> None:
    name, note = f"stopped-{uuid.uuid4().hex[:8]}", tmp_path / "notes"

    def run(engine: Engine) -> Outcome:
        hang(engine, note)

        def started() -> None:
            found = runs_of(name)
            assert [each.state and each.state.type for each in found] == [StateType.PENDING]

        eventually(started, timeout=60.0)

        def looked_at() -> None:  # By Prefect's worker; its process starts.
            assert pool.processes.find("prefect.engine")

        eventually(looked_at, timeout=30.0)
        engine.stop("the budget is spent")
        arrival = engine.next_arrival(30.0)
        assert arrival is not None
        assert arrival.answer.ending is not None
        return arrival.answer.ending.outcome

    assert in_a_flow(pool, run, name) is Outcome.CANCELLED

    def refused() -> None:
        (found,) = runs_of(name)
        assert found.state is not None
        assert found.state.is_cancelled()
        assert found.state.message is not None
        assert "the study was stopped before the trial started" in found.state.message

    eventually(refused, timeout=30.0)
    assert not note.exists()


def test_what_another_run_of_the_study_may_have_adopted_is_left_to_it(
    pool: TrialPool, tmp_path: Path
) -> None:
    name, note = f"taken-{uuid.uuid4().hex[:8]}", tmp_path / "notes"

    def run(engine: Engine) -> None:
        hang(engine, note)
        noted_by(note, 1)
        engine.let_go()
        engine.stop("another run has taken it over")
        arrival = engine.next_arrival(30.0)
        assert arrival is not None
        assert arrival.answer.ending is not None
        assert arrival.answer.ending.outcome is Outcome.CANCELLED

    in_a_flow(pool, run, name)
    (found,) = runs_of(name)
    assert found.state is not None
    assert found.state.is_running()
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(found.id, Cancelling())
    eventually(lambda: assert_gone(note), timeout=30.0)


def test_a_study_goes_on_once_its_worker_has_what_it_lacked(
    pool: TrialPool, tmp_path: Path
) -> None:
    name, file = f"lacking-{uuid.uuid4().hex[:8]}", tmp_path / "train.py"

    def run(engine: Engine) -> Any:
        engine.start(request_to(engine, 0, {"x": 1}, TrialLimits()))
        arrival = engine.next_arrival(60.0)
        assert arrival is not None
        return arrival.answer

    refused = in_a_flow(pool, run, name, f"{file}:train")
    assert "there is no file" in refused.refusal
    file.write_text("def train(params):\n    return 1.0\n")
    answer = in_a_flow(pool, run, name, f"{file}:train")
    assert answer.refusal == ""
    assert answer.ending.metric == 1.0


class _Unanswered:
    """Flow runs that have left no answer, and that nobody has begun."""

    def answer(self, _: TrialFlowRun) -> None:
        return None

    def bar(self, _: TrialFlowRun) -> None:
        return None


def test_a_machine_that_is_lost_before_its_trial_begins_ends_no_study_of_which_others_run() -> None:
    ends = FlowRunEnds(cast("TrialFlowRuns", _Unanswered()), "trial/any", lambda *_: None)
    request = TrialRequest("study", 1, {}, 1, describe_objective(OBJECTIVE), TrialLimits())
    lost = TrialFlowRun(uuid.uuid4(), Crashed(message="the node was taken away"))
    answer = ends.of_ended(request, lost, lambda _: "")
    assert answer is not None
    assert "ended before its trial began" in answer.refusal
    ends.one_has_begun()
    assert ends.of_ended(request, lost, lambda _: "") is None
