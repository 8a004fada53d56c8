"""The command line as a user has it: what it prints, where, and its exit code."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from prefect_tuner import StopReason, TuningResult, __version__
from tests.flows.command_processes import (
    Command,
    Told,
    call,
    call_in_terminal,
    hanging,
    write_study,
)
from tests.flows.flow_runs import ask_server, flow_run
from tests.flows.processes import assert_gone
from tests.messages import EACH_TRIAL_IMPORTS, NO_TRIAL_HAS_A_METRIC, ONE_TRIAL_FINISHED

# As a user sees them.
MAX_ITERS_IS_AN_OPTION = "    max_iters: int | null, default null\n"
STUDY_CAN_BE_RUN = (
    "study.yaml can be run: maximize objectives.py:train over 1 parameter by auto, "
    "up to 3 trials, 2 at a time\n"
)


COMMANDS = [
    "run",
    "validate",
    "strategies",
    "engines",
    "list",
    "show",
    "doctor",
    "resume",
    "export",
    "delete",
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def tuner(tuner: Command, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command, beside a study's file, on a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    write_study(folder, "train")
    return tuner


def study_runs(study: str) -> list[str]:
    """The flow runs whose study has this name."""
    found = ask_server("flow_runs/filter", sort="START_TIME_DESC", limit=200)
    return [run["id"] for run in found if run["parameters"].get("study") == study]


# What needs no Prefect server.


def test_help_names_the_commands_and_the_exit_codes(tuner: Command) -> None:
    told = tuner("--help")
    assert told.code == 0
    for word in (*COMMANDS, "Exit codes: 0 when"):
        assert word in told.out


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help(tuner: Command, command: str) -> None:
    told = tuner(command, "--help")
    assert told.code == 0
    assert f"Usage: prefect-tuner {command}" in told.out


def test_the_help_on_run_has_a_study_that_is_right(tuner: Command) -> None:
    shown = tuner("run", "--help").out
    lines = [line.removeprefix(" ").rstrip() for line in shown.splitlines()]
    start, end = (
        lines.index("objective: my_model.py:train"),
        lines.index("config: {max_trials: 50, max_concurrency: 2}"),
    )
    Path("study.yaml").write_text("\n".join(lines[start : end + 1]))
    Path("my_model.py").write_text("def train(params): return 1.0")
    assert tuner("validate", "study.yaml").code == 0


def test_the_version_is_told(tuner: Command) -> None:
    assert tuner("--version") == Told(0, f"{__version__}\n", "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["rnu"], 'Did you mean "run"?'),
        (["run"], "STUDY_FILE requires an argument"),
        (["run", "a.yaml", "b.yaml"], "b.yaml"),
        (["run", "--lgo", "a.yaml"], "--lgo"),
    ],
)
def test_a_mistake_in_the_command_line_is_exit_code_2(
    tuner: Command, arguments: list[str], said: str
) -> None:
    told = tuner(*arguments)
    assert told.code == 2
    assert said in told.err
    assert told.out == ""


def test_strategies_are_listed(tuner: Command) -> None:
    told = tuner("strategies")
    assert (told.code, told.err) == (0, "")
    assert re.match(r"auto \(default\)\n    \w.*search space", told.out)
    assert re.search(r"\ngrid\n    \w.* cell", told.out)
    assert MAX_ITERS_IS_AN_OPTION in told.out


def test_engines_are_listed(tuner: Command) -> None:
    told = tuner("engines")
    assert (told.code, told.err) == (0, "")
    assert "\n\nlocal (default)\n    Runs trials as processes of this machine" in told.out


def test_strategies_are_listed_without_prefect() -> None:
    program = (
        "import sys\nfrom prefect_tuner.flows.commands.command_line import main\n"
        "main(['strategies'])\nsys.exit('prefect' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL)


def test_a_study_that_can_be_run_is_told_in_one_sentence(tuner: Command) -> None:
    assert tuner("validate", "study.yaml") == Told(
        0,
        STUDY_CAN_BE_RUN,
        "",
    )


def test_all_mistakes_of_a_study_are_told_at_once_and_nothing_is_run(
    tuner: Command, folder: Path
) -> None:
    (folder / "study.yaml").write_text(
        """
        objective: objectives.py:trian
        space: {lr: {type: float, low: 1, high: 0}}
        strtegy: grid
        strategy: randm
        seed: one
        config: {max_trials: 0}
        """
    )
    told = tuner("validate", "study.yaml")
    assert (told.code, told.out) == (2, "")
    first, *mistakes = told.err.strip().splitlines()
    assert first == "study.yaml: 6 mistakes:"
    assert [mistake.partition(": ")[0] for mistake in mistakes] == [
        "- strtegy",
        "- space.lr",
        "- strategy",
        "- seed",
        "- config.max_trials",
        "- objective 'objectives.py:trian'",
    ]


def test_an_objective_that_cannot_be_imported_shows_its_own_traceback(
    tuner: Command, folder: Path
) -> None:
    (folder / "objectives.py").write_text("import json\nnumbers = json.loads('{')\n")
    told = tuner("validate", "study.yaml")
    assert told.code == 2
    assert "study.yaml: objective 'objectives.py:train': importing" in told.err
    assert re.search(r'objectives\.py", line 2\b', told.err)
    assert "prefect_tuner" not in told.err


def test_how_an_objective_that_starts_threads_would_be_run_is_told(
    tuner: Command, folder: Path
) -> None:
    threads = "import threading, time\nthreading.Thread(target=time.sleep, args=[60]).start()\n"
    (folder / "objectives.py").write_text(threads + "def train(params): return 1.0")
    told = tuner("validate", "study.yaml")
    assert told.code == 0
    assert EACH_TRIAL_IMPORTS.search(told.out)
    assert re.search(r"import.*\b1 thread\b", told.out)


def test_modules_of_the_working_directory_can_be_named(tuner: Command, folder: Path) -> None:
    # The script `prefect-tuner` has its own folder in the path, not this one.
    sys.path[:] = [entry for entry in sys.path if entry not in ("", str(folder))]
    text = (folder / "study.yaml").read_text().replace("objectives.py:", "objectives:")
    (folder / "study.yaml").write_text(text)
    assert tuner("validate", "study.yaml").code == 0


def test_a_study_with_mistakes_is_not_run(tuner: Command, folder: Path) -> None:
    write_study(folder, "train", study="never\nseed: -1")
    told = tuner("run", "study.yaml")
    assert (told.code, told.out) == (2, "")
    assert re.fullmatch(r"study\.yaml: seed: must .*\b0\b.*-1\n", told.err)


def test_a_server_that_does_not_answer_is_named(folder: Path) -> None:
    write_study(folder, "train")
    url = "http://127.0.0.1:9/api"
    told = call(folder, {**os.environ, "PREFECT_API_URL": url}, "run", "study.yaml")
    assert told.code == 1
    assert re.search(rf"\bno Prefect server\b.* {re.escape(url)}", told.err)
    assert "unset PREFECT_API_URL" in told.err
    assert "Traceback" not in told.err


# What runs a study.


@pytest.mark.usefixtures("prefect_server")
def test_a_study_is_run_on_a_terminal(folder: Path) -> None:
    write_study(folder, "train", study="on-a-terminal")
    told = call_in_terminal(folder, os.environ, "run", "study.yaml")
    assert told.code == 0
    (run,) = study_runs("on-a-terminal")
    assert " 3/3 " in told.out
    assert "best metric" in told.out
    assert f"/runs/flow-run/{run}" in told.out
    assert "INFO" not in told.out
    assert flow_run(run)["state"]["type"] == "COMPLETED"


@pytest.mark.usefixtures("prefect_server")
def test_the_result_is_json_for_programs_and_the_rest_is_told_beside_it(
    tuner: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_TUNER_STORAGE", str(folder / "ledgers"))
    write_study(folder, "train", study="as-json")
    told = call(folder, os.environ, "run", "study.yaml", "--json", "--log")
    assert told.code == 0
    again = tuner("run", "study.yaml", "--json")
    assert (again.code, again.out) == (0, told.out)
    assert re.search(r"'as-json'.*\bcomplete\b.*nothing was run", again.err)
    assert "prefect-tuner delete as-json" in again.err
    result = TuningResult.model_validate_json(told.out)
    assert (result.study, len(result.trials)) == ("as-json", 3)
    assert "Study 'as-json': maximize objectives.py:train" in told.err
    assert "INFO    | Flow run " in told.err
    assert "3/3 trials, best" in told.err


@pytest.mark.usefixtures("prefect_server")
def test_a_study_that_fails_says_why_in_sentences(folder: Path) -> None:
    write_study(folder, "fail", study="failing")
    told = call(folder, os.environ, "run", "study.yaml")
    assert (told.code, told.out) == (1, "")
    assert "| WARNING | " in told.err
    assert (
        f"study.yaml: {NO_TRIAL_HAS_A_METRIC} (3 failed); {StopReason.MAX_TRIALS.sentence}"
        in told.err
    )
    assert "singular matrix" in told.err
    assert "Traceback" not in told.err
    (run,) = study_runs("failing")
    assert f"/runs/flow-run/{run}" in told.err


@pytest.mark.usefixtures("prefect_server")
def test_an_objective_that_is_not_there_is_a_mistake_in_the_input(folder: Path) -> None:
    write_study(folder, "trian", study="not-there")
    told = call(folder, os.environ, "run", "study.yaml")
    assert (told.code, told.out) == (2, "")
    assert re.search(r"study\.yaml: .*'objectives\.py:trian': .*no attribute", told.err)
    assert "Traceback" not in told.err


@pytest.mark.usefixtures("prefect_server")
@pytest.mark.parametrize(
    ("number", "code", "word"),
    [(signal.SIGINT, 130, "Interrupted"), (signal.SIGTERM, 143, "Terminated")],
)
def test_a_study_that_is_interrupted_says_what_was_found(
    folder: Path, number: signal.Signals, code: int, word: str
) -> None:
    with hanging(folder, os.environ) as command:
        command.process.send_signal(number)
        assert_gone(*command.others)
        told = command.end()
    assert (told.code, told.out) == (code, "")
    assert f"{word}\n{ONE_TRIAL_FINISHED} with x=" in told.err
    assert "Traceback" not in told.err
