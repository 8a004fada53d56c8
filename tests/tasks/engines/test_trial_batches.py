"""Trials that share a task run elsewhere: each has its own end, and is heard of before the rest."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prefect.exceptions import Pause

from prefect_tuner import (
    Outcome,
    Params,
    TrialCompleted,
    TrialContext,
    TrialFailed,
    TunerConfig,
    TuningObserver,
    tune,
)
from prefect_tuner.ending import Ending
from prefect_tuner.flows.ledger.ledger import read_state
from prefect_tuner.flows.storage.ledger_file import LedgerFile
from prefect_tuner.tasks.engine import Engine, EngineOptions, EngineStudy
from prefect_tuner.tasks.engines.process_pool import ProcessPoolEngine
from prefect_tuner.tasks.objectives.objective import describe_objective
from prefect_tuner.tasks.process_table.process_tree import children
from prefect_tuner.tasks.task_runs.trials_underway import Batch, TrialsUnderway
from prefect_tuner.tasks.workers.trial_request import RetryPolicy, TrialRequest
from prefect_tuner.testing import EngineConformance
from prefect_tuner.testing.engine_steps import Told, noted_by, request_to, stop_all, stop_one
from prefect_tuner.trial import TrialLimits
from tests.flows.flow_runs import SuspendAtFirst, run_tune, task_runs
from tests.polling import eventually
from tests.tasks.engines.studies import worker_of
from tests.tasks.engines.study_program import runner_of

pytestmark = [
    pytest.mark.usefixtures("prefect_server"),
    pytest.mark.slow,
    pytest.mark.timeout(400),  # Each process of a pool imports all of Prefect.
]

PROCESSES = tune.with_options(task_runner=runner_of("processes", ""))
KINDS = ["completes", "raises", "exits", "prints", "raises first"]


class InBatches(EngineConformance):
    __test__ = False

    @classmethod
    def engine(cls, study: EngineStudy) -> AbstractContextManager[Engine]:
        return ProcessPoolEngine.opened(replace(study, trials_per_task=3), EngineOptions())


class OnePlace(InBatches):
    concurrency = 1


class TestBatchesOnProcesses:
    """Of the contract, what a batch could break."""

    @pytest.fixture(scope="class")
    @classmethod
    def told(cls, tmp_path_factory: pytest.TempPathFactory) -> Told:
        return InBatches.ask((stop_one, stop_all), tmp_path_factory.mktemp("conformance"))

    def test_one_is_stopped_and_others_go_on(self, told: Told) -> None:
        InBatches().test_one_trial_is_stopped_and_others_go_on(told)

    def test_all_are_stopped_in_time_with_the_reason(self, told: Told) -> None:
        InBatches().test_all_trials_are_stopped_in_time_with_the_reason(told)

    def test_of_a_batch_whose_worker_is_lost_the_rest_is_run_by_another(
        self, tmp_path: Path
    ) -> None:
        note, later = tmp_path / "lost", tmp_path / "later"
        trials: list[Params] = [
            {"kind": "completes"},
            {"kind": "hangs", "note": str(note)},
            {"kind": "completes", "note": str(later)},
        ]

        def run(engine: Engine) -> dict[int, Ending]:
            ends: dict[int, Ending] = {}
            for number, params in enumerate(trials):
                engine.start(request_to(engine, number, params, TrialLimits()))
            while len(ends) < len(trials):
                arrival = engine.next_arrival(0.2)
                if arrival is not None and arrival.answer.ending is not None:
                    ends[arrival.number] = arrival.answer.ending
                if note.exists() and not killed:
                    killed.append(worker_of(noted_by(note, 1)[0]))
                    os.kill(killed[0], signal.SIGKILL)
            return ends

        killed: list[int] = []
        ends = OnePlace.in_a_flow(run)
        assert [ends[number].outcome for number in range(3)] == [
            Outcome.COMPLETED,
            Outcome.CRASHED,
            Outcome.COMPLETED,
        ]
        assert ends[1].message.startswith("its worker was lost: ")
        assert len(note.read_text().splitlines()) == 1
        assert len(later.read_text().splitlines()) == 1


def test_a_study_has_so_many_trials_in_a_task_run_elsewhere(tmp_path: Path) -> None:
    run = run_tune(
        "prefect_tuner.testing.trial_kinds:by_kind",
        {"kind": KINDS},
        tuned=PROCESSES,
        strategy="grid",
        study="batches",
        storage=str(tmp_path),
        trials_per_task=3,
        retries=1,
        max_alike_failures=None,
    )
    assert run.outcomes == ["completed", "failed", "crashed", "completed", "completed"]
    state = read_state(LedgerFile(tmp_path, "batches"))
    assert state is not None
    assert [trial.attempts for trial in state.trials] == [1, 2, 2, 1, 2]

    def recorded() -> Sequence[dict[str, Any]]:
        found = task_runs(run.id)
        assert all(each["state_type"] not in ("PENDING", "RUNNING") for each in found)
        assert sum(" and 2 more" in each["name"] for each in found) >= 1
        return found

    runs = sorted(eventually(recorded, timeout=60), key=lambda each: each["start_time"])
    assert runs[0]["name"] == "batches-0 and 2 more"
    assert runs[0]["state"]["message"] == "3 trials: 1 completed, 1 failed, 1 crashed"
    assert runs[0]["state_name"] == "SomeFailed"
    assert len(runs) < 8


def test_the_study_hears_of_a_trial_before_its_task_run_has_ended(tmp_path: Path) -> None:
    heard = tmp_path / "heard"

    class Telling(TuningObserver):
        def on_trial_completed(self, _: TrialCompleted) -> None:
            heard.touch()

    def train(_: Params, trial: TrialContext) -> float:
        while trial.number == 1 and not heard.exists():
            time.sleep(0.05)
        return float(trial.number)

    run = run_tune(
        train,
        tuned=PROCESSES,
        max_trials=2,
        trials_per_task=2,
        trial_timeout=60.0,
        observers=[Telling()],
    )
    assert run.outcomes == ["completed", "completed"]


def test_a_study_that_has_what_it_wants_begins_no_more_of_a_batch(tmp_path: Path) -> None:
    calls = tmp_path / "calls"

    def train(_: Params, trial: TrialContext) -> float:
        with calls.open("a") as file:
            file.write(f"{trial.number}\n")
        time.sleep(0.0 if trial.number == 0 else 30.0)
        return float(trial.number)

    config = TunerConfig(max_trials=40, trials_per_task=40, target_metric=0.0)
    run = run_tune(train, tuned=PROCESSES, config=config)
    assert run.result.best_metric == 0.0
    assert set(run.outcomes[1:]) == {"cancelled"}
    assert len(calls.read_text().split()) <= 2


def test_a_suspended_flow_run_loses_no_trial_and_leaves_no_process_of_a_pool() -> None:
    def train(_: Params, trial: TrialContext) -> float:
        return float(trial.number)

    before = set(children(os.getpid()))
    observer = SuspendAtFirst()
    with pytest.raises(Pause):
        run_tune(train, tuned=PROCESSES, max_trials=9, observers=[observer])
    ended = [e.trial for e in observer.heard if isinstance(e, TrialCompleted | TrialFailed)]
    assert ended
    for trial in ended:
        assert trial.metric in (float(trial.number), None)

    def gone() -> None:
        left = {pid: Path(f"/proc/{pid}/cmdline").read_text() for pid in children(os.getpid())}
        pools = [pid for pid, told in left.items() if "spawn_main" in told]
        assert set(pools) <= before

    eventually(gone, timeout=30)


def requests(count: int) -> list[TrialRequest]:
    objective = describe_objective("prefect_tuner.testing.trial_kinds:by_kind")
    return [
        TrialRequest("study", number, {}, 0, objective, TrialLimits()) for number in range(count)
    ]


def submitted(underway: TrialsUnderway) -> list[list[int]]:
    """The trials of the task runs that are begun now."""
    begun = []
    future: Any = object()
    while batch := underway.next_batch():
        underway.add(Batch(batch, future))
        begun.append([request.number for request in batch])
    return begun


def test_places_share_equally_what_does_not_fill_them() -> None:
    underway = TrialsUnderway(places=2, per_task=4)
    waiting = requests(5)
    for request in waiting:
        underway.gather(request)
    assert submitted(underway) == [[0, 1, 2], [3, 4]]
    assert submitted(underway) == []
    for request in waiting[:3]:
        assert underway.end(request)
        assert not underway.end(request)
    for request in requests(20)[5:]:
        underway.gather(request)
    assert submitted(underway) == [[5, 6, 7, 8]]
    assert [request.number for request, _ in underway.firsts()] == [3, 5]
    assert [request.number for request in underway.take_waiting()] == list(range(9, 20))
    assert submitted(underway) == []


def test_an_attempt_that_waits_for_its_delay_holds_up_no_other() -> None:
    underway = TrialsUnderway(places=4, per_task=8)
    first, second, third = requests(3)
    delayed = replace(second, attempt=2, retry=RetryPolicy(retries=1, delay=60.0))
    at_once = replace(third, attempt=2, retry=RetryPolicy(retries=1))
    for request in (first, delayed, at_once):
        underway.gather(request)
    assert submitted(underway) == [[0], [1], [2]]
    underway = TrialsUnderway(places=1, per_task=8)
    underway.gather(first)
    underway.gather(at_once)
    assert submitted(underway) == [[0, 2]]
