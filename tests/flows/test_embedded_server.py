"""`prefect-tuner run` where no Prefect server is configured: nothing needs to run beforehand."""

from __future__ import annotations

import os
import shlex
import signal
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest

from tests.flows.command_processes import call, hanging, write_study
from tests.flows.processes import assert_gone

# The first start creates the database, on a busy machine that takes its time.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

FORBIDDING = """
active = "mine"
[profiles.mine]
PREFECT_SERVER_EPHEMERAL_ENABLED = "false"
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A `PREFECT_HOME` with a profile that knows no server, and forbids the embedded one."""
    folder = tmp_path_factory.mktemp("prefect home")
    (folder / "profiles.toml").write_text(FORBIDDING)
    return folder


@pytest.fixture
def environment(home: Path) -> Mapping[str, str]:
    """Like that of a user who has just installed Prefect."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")},
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    }


def recorded(home: Path) -> tuple[str, str, list[str]]:
    """Id and state of the latest flow run, and the states of its task runs."""
    with closing(sqlite3.connect(home / "prefect.db")) as database:
        run, state = database.execute(
            "SELECT id, state_type FROM flow_run ORDER BY created DESC LIMIT 1"
        ).fetchone()
        states = database.execute("SELECT state_type FROM task_run WHERE flow_run_id = ?", [run])
        return run, state, sorted(name for (name,) in states)


def test_a_study_runs_without_a_server_and_its_record_stays(
    tmp_path: Path, home: Path, environment: Mapping[str, str]
) -> None:
    write_study(tmp_path, "train")
    told = call(tmp_path, environment, "run", "study.yaml")
    assert told.code == 0, told.err
    run, state, trials = recorded(home)
    assert (state, trials) == ("COMPLETED", ["COMPLETED"] * 3)
    assert told.err.startswith("Starting Prefect ...\nStudy 'small'")
    *_, start, page = told.err.splitlines()
    program, *arguments = shlex.split(start)  # Quoted where the folder has a space in its name.
    assert program.endswith("prefect")
    assert arguments == ["server", "start"]
    assert page == f"  http://127.0.0.1:4200/runs/flow-run/{run}"
    assert "best metric" in told.out


def test_after_ctrl_c_the_server_is_told_how_it_ended_and_all_processes_end(
    tmp_path: Path, home: Path, environment: Mapping[str, str]
) -> None:
    with hanging(tmp_path, environment) as command:
        (server,) = command.servers
        command.press_ctrl_c()
        assert_gone(*command.trials)
        told = command.end()
        assert_gone(*command.others, server)
    assert told.code == 130
    assert "1 trial finished; best metric so far 0.5 (trial 0)" in told.err
    assert "Traceback" not in told.err
    run, state, trials = recorded(home)
    assert (state, trials) == ("CRASHED", ["CANCELLED", "CANCELLED", "COMPLETED"])
    assert run in told.err


def test_a_command_that_is_killed_leaves_no_trial_and_no_server(
    tmp_path: Path, environment: Mapping[str, str]
) -> None:
    with hanging(tmp_path, environment) as command:
        (server,) = command.servers
        command.process.kill()
        assert command.end().code == -signal.SIGKILL
        assert_gone(*command.others)
        assert_gone(server, timeout=20.0)
