"""The end of a study as it is shown in a terminal."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path
from uuid import uuid4

import pytest
from prefect.settings import PREFECT_API_URL, PREFECT_SERVER_API_HOST, temporary_settings
from rich.console import Console

from prefect_tuner import Outcome, StopReason, Trial, TuningResult
from prefect_tuner.flows.commands.study_summary import interim_sentence, run_page, summary_table
from prefect_tuner.flows.study.tuning_events import Progress
from tests.flows.studies import completed, failed

# The sentence, word for word.
THREE_FINISHED = "3 trials finished; best metric so far 0.5 (trial 0) with x=1"
NONE_HAS_A_METRIC = "1 trial finished, none has a metric"

BEST = Trial(
    number=3,
    params={"lr": 0.1, "booster": "[red]:dog:[/x]", "flag": True},
    outcome=Outcome.COMPLETED,
    metric=0.9756412117692606,
    extra={"std": 0.0096},
)


def shown(result: TuningResult) -> dict[str, str]:
    """The rows of the table, by what stands left."""
    console = Console(file=io.StringIO(), width=80, record=True)
    console.print(summary_table(result))
    rows = [line.strip("│ ").split("│") for line in console.export_text().splitlines()]
    return {row[0].strip(): row[1].strip() for row in rows if len(row) == 2}


def test_the_table_says_what_was_found_and_what_it_took() -> None:
    result = TuningResult(
        study="digits",
        direction="maximize",
        stop_reason=StopReason.MAX_TRIALS,
        best_trial=BEST,
        trials=[completed(0, 0.5), failed(1), failed(2, Outcome.CANCELLED), BEST],
        duration=83.4,
    )
    assert shown(result) == {
        "best metric": "0.9756412117692606 (trial 3)",
        "std": "0.0096",
        "lr": "0.1",
        "booster": "'[red]:dog:[/x]'",
        "flag": "True",
        "trials": "4, 1 failed",
        "duration": "0:01:23",
        "ended because": StopReason.MAX_TRIALS.sentence,
    }


def test_a_metric_that_is_better_than_the_best_trials_is_said_to_be_luck() -> None:
    result = TuningResult(
        study="digits",
        direction="maximize",
        stop_reason=StopReason.MAX_TRIALS,
        best_trial=BEST,
        trials=[completed(0, 0.5), completed(1, 0.98), failed(2), BEST],
        duration=1.0,
    )
    assert shown(result)["best metric"] == "0.9756412117692606 (trial 3)"
    assert re.match(r"0\.98 \(trial 1\), .*\bnoise\b", shown(result)["luckiest metric"])


def test_a_study_without_failures_says_so() -> None:
    result = TuningResult(
        study="digits",
        direction="minimize",
        stop_reason=StopReason.EXHAUSTED,
        best_trial=BEST,
        trials=[BEST],
        duration=1.0,
    )
    assert shown(result)["trials"] == "1, none failed"


def test_what_was_found_before_the_end_is_one_sentence() -> None:
    progress = Progress(
        asked=4, running=1, completed=1, failed=2, best_trial=completed(0, 0.5, x=1)
    )
    assert interim_sentence(progress) == THREE_FINISHED
    assert interim_sentence(Progress(asked=1, failed=1)) == NONE_HAS_A_METRIC


def test_a_run_at_a_server_is_found_by_its_address() -> None:
    run = uuid4()
    with temporary_settings({PREFECT_API_URL: "http://10.0.0.7:4200/api"}):
        page = run_page(run, embedded=False)
    assert page is not None
    assert re.match(rf".*Prefect UI:\n  http://10\.0\.0\.7:4200/runs/flow-run/{run}$", str(page))


def test_a_run_at_the_embedded_server_is_found_by_starting_one() -> None:
    run = uuid4()
    with temporary_settings({PREFECT_SERVER_API_HOST: "0.0.0.0"}):
        page = run_page(run, embedded=True)
    assert page is not None
    assert page.url == f"http://127.0.0.1:4200/runs/flow-run/{run}"
    assert page.command.endswith("prefect server start")
    assert [line.strip() for line in str(page).splitlines()[1:]] == [page.command, page.url]


@pytest.mark.parametrize(
    ("executable", "on_path", "command"),
    [
        ("here/.venv/bin/python", "here/.venv/bin", "prefect server start"),
        ("here/.venv/bin/python", "", ".venv/bin/prefect server start"),
        ("with space/bin/python", "", "'{}/with space/bin/prefect' server start"),
    ],
)
def test_the_command_to_start_a_server_can_be_pasted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, executable: str, on_path: str, command: str
) -> None:
    prefect = (tmp_path / executable).parent / "prefect"
    prefect.parent.mkdir(parents=True)
    prefect.touch(mode=0o755)
    (tmp_path / "here").mkdir(exist_ok=True)
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(sys, "executable", str(tmp_path / executable))
    monkeypatch.setenv("PATH", str(tmp_path / on_path) if on_path else "/nowhere")
    page = run_page(uuid4(), embedded=True)
    assert page is not None
    assert page.command == command.format(tmp_path)
