"""The tutorial, gone through as its reader does: its files as they stand, its commands in order."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.deployments.programs import running
from tests.deployments.rest_client import RestClient
from tests.flows.command_processes import Command
from tests.polling import eventually
from tests.prefect_server import PrefectServer

PAGE = (Path(__file__).parents[2] / "docs" / "tutorial.md").read_text("utf-8")
FILE = re.compile(r"Save this as `([\w.]+)`:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^prefect-tuner ([^#\n]+)", re.MULTILINE)
READY = "Your deployments are being served"

pytestmark = pytest.mark.slow


def _run_commands(tuner: Command) -> list[str]:
    """Run the commands of the page, each of which must have exit code 0."""
    commands = [command.strip() for command in COMMAND.findall(PAGE)]
    for command in commands:
        assert tuner(*command.split()).code == 0, command
    return commands


def _run_nightly(rest: RestClient, folder: Path) -> str:
    """Serve `nightly.py`, and have one short run of it complete: its id."""
    with running(["nightly.py"], folder) as program:

        def it_is_ready() -> None:
            program.assert_it_runs()
            assert READY in program.output(), program.output()

        eventually(it_is_ready, timeout=90.0)
        (schedule,) = rest.deployment("tune/nightly")["schedules"]
        assert schedule["schedule"]["cron"] == "0 2 * * *"
        run = rest.start_run("tune/nightly", config={"max_trials": 1})
        rest.wait_for_success(run)
    rest.delete(f"/deployments/{rest.deployment('tune/nightly')['id']}")
    return run


@pytest.mark.timeout(400)
def test_the_tutorial_leads_to_a_nightly_study(
    prefect_server: PrefectServer,
    tuner: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    files = dict(FILE.findall(PAGE))
    assert set(files) == {"wine.py", "study.yaml", "nightly.py"}
    for name, text in files.items():
        Path(name).write_text(text)
    commands = _run_commands(tuner)
    assert [command.split()[0] for command in commands] == [
        *("validate", "run", "show", "doctor", "resume", "resume"),
    ]
    with RestClient(prefect_server.api_url) as rest:
        run = _run_nightly(rest, tmp_path)
        # Its one trial comes after the forty that are known from the study before.
        (trial,) = rest.finished_task_runs(run, 1)
    assert trial["name"].startswith("wine-nightly")
    assert trial["name"].endswith("-40")
