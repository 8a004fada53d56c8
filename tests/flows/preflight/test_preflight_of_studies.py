"""A preflight as a user meets it: in the log of the flow, and by `prefect-tuner preflight`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from prefect_tuner import TrainingError, TunerConfig, TuningObserver
from prefect_tuner.flows.study.tuning_events import PreflightEnded, TrialStarted, TuningEvent
from tests.flows.command_processes import Command, write_study
from tests.flows.failing_objectives import broken, broken_where_large
from tests.flows.flow_runs import run_tune
from tests.flows.objectives import value

pytestmark = pytest.mark.usefixtures("prefect_server")


CORNERS = [0.5, 0.0, 1.0, 0.5]


class Listener(TuningObserver):
    """Remembers what it hears."""

    def __init__(self) -> None:
        self.heard: list[TuningEvent] = []

    def notify(self, event: TuningEvent) -> None:
        self.heard.append(event)


def test_its_trials_are_the_first_ones_of_the_study_and_the_rest_follows(
    caplog: pytest.LogCaptureFixture,
) -> None:
    listener = Listener()
    run = run_tune(
        broken_where_large,
        preflight=True,
        observers=[listener],
        config=TunerConfig(max_trials=6, max_concurrency=3),
    )
    trials = run.result.trials
    assert [trial.params["x"] for trial in trials[:4]] == CORNERS
    assert len(trials) == 6
    kinds = [type(event) for event in listener.heard]
    assert kinds.count(PreflightEnded) == 1
    before = listener.heard[: kinds.index(PreflightEnded)]
    assert sum(isinstance(event, TrialStarted) for event in before) == 4
    middle = trials[0].memory
    assert middle is not None
    assert 25_000_000 < middle < 60_000_000
    assert "The study takes about" in caplog.text
    assert "In the high corner, trial 2 failed: ValueError: too large." in caplog.text


def test_a_study_whose_first_trials_all_fail_alike_ends_before_its_budget_is_spent() -> None:
    listener = Listener()
    run = run_tune(
        broken,
        preflight=True,
        observers=[listener],
        config=TunerConfig(max_trials=20, max_alike_failures=None),
    )
    assert run.state.is_failed()
    with pytest.raises(TrainingError, match=r"all trials of its preflight failed alike.*'lr'"):
        run.state.result()
    assert sum(isinstance(event, TrialStarted) for event in listener.heard) == 4


@pytest.fixture
def tuner(tuner: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command, in an empty folder."""
    monkeypatch.setenv("PREFECT_TUNER_STORAGE", str(tmp_path / "ledgers"))
    monkeypatch.chdir(tmp_path)
    return tuner


def test_the_command_runs_nothing_else_and_a_later_run_goes_on(
    tuner: Command, tmp_path: Path
) -> None:
    write_study(tmp_path, "train")
    study = tmp_path / "study.yaml"
    study.write_text(study.read_text().replace("max_trials: 3", "max_trials: 6"))
    code, out, err = tuner("preflight", "study.yaml")
    assert code == 0
    assert "middle again" in out
    assert "prefect-tuner run study.yaml goes on with them" in err
    assert "preflight: nothing but its preflight" in " ".join(tuner("list").out.split())
    # Asked once more, it tells the same and runs nothing.
    told = json.loads(tuner("preflight", "study.yaml", "--json").out)
    assert [trial["number"] for trial in told["trials"]] == [0, 1, 2, 3]
    assert told["is_pointless"] is False
    code, out, _ = tuner("run", "study.yaml", "--json")
    assert code == 0
    result = json.loads(out)
    assert [trial["params"]["x"] for trial in result["trials"][:4]] == CORNERS
    assert len(result["trials"]) == 6
    code, _, err = tuner("preflight", "study.yaml")
    assert (code, "complete already" in err) == (0, True)


def test_the_command_fails_where_all_trials_fail(tuner: Command, tmp_path: Path) -> None:
    write_study(tmp_path, "fail", study='""')
    code, out, err = tuner("preflight", "study.yaml")
    assert code == 1
    assert "1. All 3 trials failed, in the same way: the first one failed: ValueError" in out
    assert "no trial has a metric (3 failed)" in err


def test_a_study_that_has_begun_is_left_as_it_is(tuner: Command, tmp_path: Path) -> None:
    write_study(tmp_path, "train")
    assert tuner("run", "study.yaml").code == 0
    study = tmp_path / "study.yaml"
    study.write_text(study.read_text().replace("max_trials: 3", "max_trials: 6"))
    code, _, err = tuner("preflight", "study.yaml")
    assert code == 1
    assert "has begun already, and a preflight comes before" in err


def test_preflight_must_be_true_or_false() -> None:
    run = run_tune(value, preflight=1)
    assert run.state.is_failed()
    assert "preflight: must be true or false, got 1" in str(run.state.message)
