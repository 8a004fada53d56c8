"""What the tests of deployments start runs with, and what they look for afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.deployments.objectives import HANGING_SPACE, TYPED_SPACE
from tests.deployments.programs import Program
from tests.deployments.rest_client import RestClient
from tests.polling import eventually

ROOT = Path(__file__).parents[2]
OBJECTIVES = Path(__file__).with_name("objectives.py")

SLEEPER = "time.sleep(600)"
"""In the command of the process that each hanging trial starts."""

HEARD_WITHIN = 15.0
"""Seconds that Prefect may need to tell a run that it is cancelled."""

STOPPED_WITHIN = 5.0
"""Seconds from the first sign of a study's stop until nothing of it may be left."""


def typed_study(name: str) -> dict[str, Any]:
    """Parameters of a quick study whose best values are of all types."""
    return {
        "objective": f"{OBJECTIVES}:rank_types",
        "space": TYPED_SPACE,
        "strategy": "grid",
        "study": name,
    }


def hanging_study(name: str) -> dict[str, Any]:
    """Parameters of a study that never ends by itself: two trials complete, two hang."""
    return {
        "objective": f"{OBJECTIVES}:hang_after_two",
        "space": HANGING_SPACE,
        "study": name,
        "config": {"max_trials": 10, "max_concurrency": 2},
    }


def exactly(values: dict[str, Any]) -> dict[str, tuple[type, Any]]:
    """Values with their types, since `True == 1 == 1.0`."""
    return {name: (type(value), value) for name, value in values.items()}


def start_hanging_run(rest: RestClient, program: Program, deployment: str, study: str) -> str:
    """Start a run of the hanging study, wait until both of its trials hang, and return its id."""
    run = rest.start_run(deployment, **hanging_study(study))

    def both_trials_hang() -> None:
        program.assert_it_runs()
        assert len(program.children(SLEEPER)) == 2, program.output()

    eventually(both_trials_hang, timeout=60.0)
    return run


def assert_no_trial_is_left(program: Program) -> None:
    """No process of a trial, nor any that a trial has started, within the time promised."""

    def none_is_left() -> None:
        for command in (SLEEPER, "prefect_tuner.tasks"):
            assert not program.children(command)

    eventually(none_is_left, timeout=STOPPED_WITHIN)


def assert_cancelling_stops_all_and_keeps_what_had_finished(
    rest: RestClient, program: Program, deployment: str, study: str
) -> None:
    """Start a study that hangs, cancel it as the UI does, and look at what is left of it."""
    run = start_hanging_run(rest, program, deployment, study)
    trials = set(program.children(SLEEPER))
    rest.cancel(run)

    def a_trial_has_gone() -> None:
        assert trials - set(program.children(SLEEPER))

    eventually(a_trial_has_gone, timeout=HEARD_WITHIN)
    assert_no_trial_is_left(program)
    assert rest.wait_for_end(run)["name"] == "Cancelled"
    rows = rest.artifact(f"{study}-leaderboard")
    assert sorted(row["trial"] for row in rows) == [0, 1]
    assert "Cancelled" in rest.artifact(f"{study}-best-parameters")
    states = [task_run["state_name"] for task_run in rest.finished_task_runs(run, 4)]
    assert states == ["Completed", "Completed", "Cancelled", "Cancelled"]
