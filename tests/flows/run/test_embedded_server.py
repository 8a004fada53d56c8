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
from typing import NamedTuple

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


def environment_of(home: Path) -> dict[str, str]:
    """Like that of a user who has just installed Prefect."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")},
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        # What a study has at its end, and no server is asked for.
        "PREFECT_TUNER_REPORTS": "0",
    }


def recorded(home: Path) -> tuple[str, str, list[str]]:
    """Id and state of the latest flow run, and the states of its task runs."""
    with closing(sqlite3.connect(home / "prefect.db")) as database:
        run, state = database.execute(
            "SELECT id, state_type FROM flow_run ORDER BY created DESC LIMIT 1"
        ).fetchone()
        states = database.execute("SELECT state_type FROM task_run WHERE flow_run_id = ?", [run])
        return run, state, sorted(name for (name,) in states)


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
        env={
            **environment,
            "PREFECT_SERVER_EPHEMERAL_ENABLED": "true",
            # Its 20 s are not enough on a busy machine.
            "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "150",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


class FirstStart(NamedTuple):
    """What came of a script whose embedded server was the first of its `PREFECT_HOME`.

    Attributes:
        home: The `PREFECT_HOME`.
        code: The script's exit code.
        out: What it has printed.
        log: What was told on the error stream.
        state: The state of its flow run, as the database has it.
        server_logs: The logs of servers that it has left.
    """

    home: Path
    code: int
    out: str
    log: str
    state: str
    server_logs: list[Path]


@pytest.fixture(scope="module")
def first_start(tmp_path_factory: pytest.TempPathFactory) -> FirstStart:
    """A study of a script whose trials use Prefect, where no server has ever run."""
    home = tmp_path_factory.mktemp("prefect home")
    folder = tmp_path_factory.mktemp("first start")
    with run_script(folder, environment_of(home), "variable") as script:
        output, log = script.communicate(timeout=240)
    _, state, _ = recorded(home)
    server_logs = list((home / "prefect-tuner").glob("server-*.log"))
    return FirstStart(home, script.returncode, output, log, state, server_logs)


@pytest.fixture
def home(first_start: FirstStart) -> Path:
    """A `PREFECT_HOME` with a database, whose profile knows no server and forbids Prefect's own."""
    (first_start.home / "profiles.toml").write_text(FORBIDDING)
    return first_start.home


@pytest.fixture
def environment(home: Path) -> Mapping[str, str]:
    return environment_of(home)


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


def test_a_script_runs_without_a_server_and_says_nothing_of_its_troubles(
    first_start: FirstStart,
) -> None:
    # The first start, in which the database is made, logs most.
    assert first_start.code == 0, first_start.log
    assert 0.0 <= float(first_start.out) <= 1.0
    assert re.search(r"\bStarting Prefect.* server\b", first_start.log)
    assert "Traceback" not in first_start.log
    assert "View at" not in first_start.log  # There is no UI to view it in.
    assert first_start.state == "COMPLETED"
    assert first_start.server_logs == []


def test_a_subflow_whose_trials_use_prefect_starts_one_server_which_ends_with_the_script(
    tmp_path: Path, environment: Mapping[str, str]
) -> None:
    # The trials of the first start, whose study is no subflow, use it too.
    with run_script(tmp_path, environment, "variable", "hang", "pipeline") as script:

        def hanging() -> bool:
            assert script.poll() is not None or (tmp_path / "hanging").exists()
            return script.poll() is None

        assert eventually(hanging, timeout=200), script.communicate()
        processes = descendants(script.pid)
        script.kill()
    assert len(processes) >= 3  # A server, a fork server, a trial.
    assert_gone(*processes, timeout=20.0)


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
