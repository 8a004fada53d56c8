"""Every fault that an objective may have, in a real study: none of them ends it.

A one-element array is no metric: whoever returns one has most likely forgotten to reduce it, and
an array of two would be refused in any case. Scalars of numpy, and arrays without dimensions, are.
"""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from prefect_tuner import Categorical, TuningObserver
from prefect_tuner.flows.study.tuning_events import TrialStarted
from tests.flows.fault_objectives import FAULTS, GRANDCHILDREN, Faulty
from tests.flows.flow_runs import FlowRun, ask_server, run_tune
from tests.flows.processes import assert_gone
from tests.polling import eventually

pytestmark = pytest.mark.usefixtures("prefect_server")

TIME_LIMIT = 1.0
MEMORY_LIMIT_MB = 512.0

NO_NUMBER = "the objective must return a finite number, got "
QUICK = {
    "exception": ("failed", "ValueError: bad value"),
    "exception that cannot be pickled": ("failed", "Unpicklable: only this"),
    "exception whose str raises": ("failed", r"Unprintable: \(its str\(\) raises\)"),
    "import error": (
        "failed",
        "ModuleNotFoundError: No module named 'no_such_module_anywhere'",
    ),
    "segmentation fault": ("crashed", "the trial's process was killed by SIGSEGV"),
    "os._exit": ("crashed", "the trial's process exited with code 7"),
    "sys.exit": ("crashed", r"the objective called sys\.exit\(3\)"),
    "killed from outside": (
        "crashed",
        r"the trial's process was killed by SIGKILL; out of memory\?",
    ),
    "ten gigabytes": ("out_of_memory", r"took [\d,.]+ MB, more than its limit of 512\.0 MB"),
    "leaves grandchildren": ("completed", ""),
    "prints at length": ("completed", ""),
    "changes directory": ("completed", ""),
    "closes its output": ("completed", ""),
    "closes stdout": ("completed", ""),
    "sets signal handlers": ("completed", ""),
    "nan": ("invalid_metric", NO_NUMBER + r"nan \(float\)"),
    "inf": ("invalid_metric", NO_NUMBER + r"inf \(float\)"),
    "-inf": ("invalid_metric", NO_NUMBER + r"-inf \(float\)"),
    "None": ("invalid_metric", NO_NUMBER + r"None \(NoneType\)"),
    "string": ("invalid_metric", NO_NUMBER + r"'0\.5' \(str\)"),
    "bool": ("invalid_metric", NO_NUMBER + r"True \(bool\)"),
    "numpy scalar": ("completed", ""),
    "array of one": ("invalid_metric", NO_NUMBER + r"array\(\[1\.\]\) \(ndarray\)"),
}
"""Outcome and message of the faults that end by themselves, or by the limit of memory."""

TOO_LONG = r"ran longer than its limit of 1 s"
HANGING = {
    "loop in Python": ("timed_out", TOO_LONG),
    "loop in C with the GIL": ("timed_out", TOO_LONG),
    "loop in C without the GIL": ("timed_out", TOO_LONG),
    "sleep": ("timed_out", TOO_LONG),
    "catches everything": ("timed_out", TOO_LONG),
}
"""The same of those that the limit of time ends."""

STATE_TYPES = {"completed": "COMPLETED", "crashed": "CRASHED"}
"""The type of the task run's state by outcome; `FAILED` for the rest."""


class FaultyStudy(NamedTuple):
    """A study that has run, and the order in which it tried the faults."""

    run: FlowRun
    faults: list[str]
    objective: Faulty

    def trial(self, fault: str) -> Any:
        return self.run.result.trials[self.faults.index(fault)]

    def healthy(self) -> list[Any]:
        trials = self.run.result.trials
        return [t for t in trials if str(t.params["fault"]).startswith("healthy")]

    def assert_state_of(self, fault: str, outcome: str) -> None:
        """The task run has the state that goes with the outcome, and the reason in it."""
        trial = self.trial(fault)

        def recorded() -> None:
            name = f"{self.run.result.study}-{trial.number}"
            (task_run,) = ask_server(
                "task_runs/filter",
                flow_runs={"id": {"any_": [self.run.id]}},
                task_runs={"name": {"any_": [name]}},
            )
            assert task_run["state_type"] == STATE_TYPES.get(outcome, "FAILED")
            assert trial.message in task_run["state"]["message"]

        eventually(recorded)


class KillingFromOutside(TuningObserver):
    """Sends SIGKILL to the trial that waits for it, as an administrator or the kernel would."""

    def __init__(self, objective: Faulty) -> None:
        self._objective = objective

    def on_trial_started(self, event: TrialStarted) -> None:
        if event.trial.params["fault"] == "killed from outside":
            (victim,) = eventually(self._victims, interval=0.01)
            os.kill(victim, signal.SIGKILL)

    def _victims(self) -> list[int]:
        found = self._objective.noted("victim")
        assert found
        return found


def run_faults(names: list[str], directory: Path, **parameters: Any) -> FaultyStudy:
    """Run a study that tries each of the faults, and something healthy before and after each."""
    order = ["healthy at first"]
    for name in names:
        order += [name, f"healthy after {name}"]
    objective = Faulty(directory)
    run = run_tune(
        objective,
        {"fault": Categorical(order)},
        strategy="grid",
        max_trials=len(order),
        observers=[KillingFromOutside(objective)],
        **parameters,
    )
    return FaultyStudy(run, order, objective)


@pytest.fixture(scope="module")
def quick(prefect_server: object, tmp_path_factory: pytest.TempPathFactory) -> FaultyStudy:
    return run_faults(
        list(QUICK), tmp_path_factory.mktemp("quick"), trial_memory_mb=MEMORY_LIMIT_MB
    )


@pytest.fixture(scope="module")
def hanging(prefect_server: object, tmp_path_factory: pytest.TempPathFactory) -> FaultyStudy:
    return run_faults(
        list(HANGING),
        tmp_path_factory.mktemp("hanging"),
        trial_timeout=TIME_LIMIT,
        max_concurrency=3,
    )


@pytest.mark.parametrize("fault", QUICK)
def test_a_fault_is_the_outcome_of_its_trial_alone(quick: FaultyStudy, fault: str) -> None:
    assert_outcome(quick, fault, *QUICK[fault])


@pytest.mark.parametrize("fault", HANGING)
def test_a_trial_that_hangs_is_ended_whatever_it_hangs_in(hanging: FaultyStudy, fault: str) -> None:
    assert_outcome(hanging, fault, *HANGING[fault])


def assert_outcome(study: FaultyStudy, fault: str, outcome: str, message: str) -> None:
    trial = study.trial(fault)
    assert trial.params == {"fault": fault}
    assert trial.outcome == outcome, trial.message
    assert re.fullmatch(message, trial.message)
    assert (trial.metric is not None) == (outcome == "completed")
    study.assert_state_of(fault, outcome)


def test_every_fault_is_tried() -> None:
    assert FAULTS.keys() <= QUICK.keys() | HANGING.keys()


@pytest.mark.parametrize("which", ["quick", "hanging"])
def test_the_study_goes_on_after_each_fault_and_completes(
    which: str, request: pytest.FixtureRequest
) -> None:
    study: FaultyStudy = request.getfixturevalue(which)
    result = study.run.result
    assert study.run.state.type == "COMPLETED"
    assert len(result.trials) == len(study.faults)
    # The healthy ones have looked at what the trials before them might have left.
    assert [trial.message for trial in study.healthy()] == [""] * (len(study.faults) // 2 + 1)
    assert [trial.metric for trial in study.healthy()] == [t.number for t in study.healthy()]
    assert result.best_trial == study.healthy()[-1]


@pytest.mark.parametrize("which", ["quick", "hanging"])
def test_no_process_of_a_fault_is_left(which: str, request: pytest.FixtureRequest) -> None:
    study: FaultyStudy = request.getfixturevalue(which)
    pids = study.objective.noted()
    assert len(set(pids)) == len(study.faults)
    assert_gone(*pids)


def test_no_grandchild_of_a_fork_bomb_is_left(quick: FaultyStudy) -> None:
    pids = quick.objective.noted("grandchildren")
    assert len(set(pids)) == GRANDCHILDREN
    assert_gone(*pids)


VANISHING = """
import os, pathlib, signal, time

def train(params, trial):
    pathlib.Path(__file__).unlink(missing_ok=True)
    return 1.0

def train_and_kill_the_fork_server(params, trial):
    if trial.number == 1:
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(1000)
    return train(params, trial)
"""


def test_a_module_deleted_between_trials_is_not_needed_again(tmp_path: Path) -> None:
    # The fork server holds it loaded: the study goes on with the code that it began with.
    module = tmp_path / "vanishing.py"
    module.write_text(VANISHING)
    run = run_tune(f"{module}:train", max_trials=3)
    assert run.outcomes == ["completed"] * 3
    assert not module.exists()


def test_a_module_deleted_between_trials_fails_those_that_import_it_anew(tmp_path: Path) -> None:
    module = tmp_path / "vanishing.py"
    module.write_text(VANISHING)
    run = run_tune(f"{module}:train", max_trials=4, isolation="fresh")
    # The process of the second may have imported it before it was deleted.
    assert run.outcomes in (["completed"] + ["failed"] * 3, ["completed"] * 2 + ["failed"] * 2)
    for trial in run.result.trials[2:]:
        assert trial.message.startswith("ObjectiveNotFound: objective ")
        assert re.search(rf"\bno file '{module}'", trial.message)


def test_a_module_deleted_before_the_fork_server_is_killed_crashes_the_trials_after_it(
    tmp_path: Path,
) -> None:
    module = tmp_path / "vanishing.py"
    module.write_text(VANISHING)
    run = run_tune(f"{module}:train_and_kill_the_fork_server", max_trials=4)
    assert run.outcomes == ["completed", "crashed", "crashed", "crashed"]
    for trial in run.result.trials[2:]:
        assert re.match(r".*process .*be started: objective ", trial.message)
        assert re.search(rf"\bno file '{module}'", trial.message)
