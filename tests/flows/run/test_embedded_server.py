"""Studies where no Prefect server is configured: nothing needs to run beforehand."""

from __future__ import annotations

import os
import re
import shlex
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest

from prefect_tuner.tasks.process_table.process_tree import descendants
from tests.flows.command_processes import call, hanging, write_study
from tests.flows.processes import assert_gone
from tests.messages import ONE_TRIAL_FINISHED
from tests.polling import eventually

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
    assert re.match(r"Starting Prefect.*\nStudy 'small'", told.err)
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
    assert ONE_TRIAL_FINISHED in told.err
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


SCRIPT = """
import pathlib, sys, time
from prefect import flow
from prefect_tuner import Float, TunerConfig, tune

def train(params, trial):
    if "variable" in sys.argv:
        from prefect.variables import Variable
        assert Variable.get("nowhere", default="none") == "none"
        assert "prefect.server.api.server" not in sys.modules  # Which starts a server of its own.
    if "hang" in sys.argv:
        pathlib.Path("hanging").touch()
        time.sleep(1000)
    return params["x"]

def study():
    return tune(train, {"x": Float(0.0, 1.0)}, config=TunerConfig(max_trials=2))

@flow
def pipeline():
    return study()

if __name__ == "__main__":
    result = pipeline() if "pipeline" in sys.argv else study()
    print(result.best_metric)
"""


def run_script(
    folder: Path, environment: Mapping[str, str], *arguments: str
) -> subprocess.Popen[str]:
    (folder / "script.py").write_text(textwrap.dedent(SCRIPT))
    return subprocess.Popen(
        [sys.executable, "script.py", *arguments],
        cwd=folder,
        env={**environment, "PREFECT_SERVER_EPHEMERAL_ENABLED": "true"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_script_runs_without_a_server_and_says_nothing_of_its_troubles(
    tmp_path: Path, environment: Mapping[str, str]
) -> None:
    home = tmp_path / "new home"  # The first start, in which the database is made, logs most.
    with run_script(tmp_path, {**environment, "PREFECT_HOME": str(home)}) as script:
        output, log = script.communicate(timeout=240)
    assert script.returncode == 0, log
    assert 0.0 <= float(output) <= 1.0
    assert re.search(r"\bStarting Prefect.* server\b", log)
    assert "Traceback" not in log
    assert "View at" not in log  # There is no UI to view it in.
    _, state, _ = recorded(home)
    assert state == "COMPLETED"
    assert list((home / "prefect-tuner").glob("server-*.log")) == []


@pytest.mark.parametrize("arguments", [["hang"], ["hang", "pipeline"]])
def test_a_script_that_is_killed_leaves_no_trial_and_no_server(
    tmp_path: Path, environment: Mapping[str, str], arguments: list[str]
) -> None:
    with run_script(tmp_path, environment, *arguments) as script:

        def hanging() -> None:
            assert (tmp_path / "hanging").exists()

        eventually(hanging, timeout=200)
        processes = descendants(script.pid)
        script.kill()
    assert len(processes) >= 3  # A server, a fork server, a trial.
    assert_gone(*processes, timeout=20.0)


def test_a_trial_that_uses_prefect_starts_no_server_of_its_own(
    tmp_path: Path, environment: Mapping[str, str]
) -> None:
    for arguments in (["variable"], ["variable", "pipeline"]):
        with run_script(tmp_path, environment, *arguments) as script:
            output, log = script.communicate(timeout=240)
        assert script.returncode == 0, log
        assert 0.0 <= float(output) <= 1.0


def test_a_server_that_does_not_start_names_the_file_with_its_log(
    tmp_path: Path, environment: Mapping[str, str]
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "prefect.db").write_text("no database")
    with run_script(tmp_path, {**environment, "PREFECT_HOME": str(home)}) as script:
        _, log = script.communicate(timeout=240)
    assert script.returncode == 1
    found = re.search(r"\blog is (\S+), ", log)
    assert found is not None, log
    assert "file is not a database" in Path(found[1]).read_text()
