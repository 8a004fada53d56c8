"""`prefect-tuner resume`: a study goes on from its ledger alone."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest

from prefect_tuner import (
    InvalidConfiguration,
    StopReason,
    TunerConfig,
    TuningObserver,
    TuningResult,
)
from prefect_tuner.flows.commands.study_file import on_engine
from prefect_tuner.flows.commands.study_resumption import resumption_parameters
from prefect_tuner.flows.ledger.ledger import Ledger, read_state
from prefect_tuner.flows.ledger.study_state import StudyState
from prefect_tuner.flows.run.default_storage import storage_or_default
from prefect_tuner.flows.run.study_plan import plan_study
from prefect_tuner.flows.storage.holder import Holder
from prefect_tuner.flows.storage.storage_address import open_store
from tests.flows.command_processes import Command, call, hanging, write_study
from tests.flows.processes import assert_gone
from tests.flows.stored_studies import SPACE, store_study
from tests.flows.studies import completed, failed
from tests.messages import HELD_BY_BRAVE_OTTER


class Witness(TuningObserver):
    """An observer that has a path."""


@pytest.fixture
def tuner(tuner: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command, in an empty folder, on a terminal of 100 columns."""
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.chdir(tmp_path)
    return tuner


def state_of(name: str) -> StudyState:
    state = read_state(open_store(storage_or_default(""), name))
    assert state is not None
    return state


def test_a_complete_study_gives_its_result_though_its_objective_is_gone(tuner: Command) -> None:
    store_study("small", completed(0, 0.5), completed(1, 0.75), objective="__main__:train")
    told = tuner("resume", "small")
    assert told.code == 0
    assert "0.75 (trial 1)" in told.out
    assert re.fullmatch(
        rf"Study 'small' .*complete.*: {StopReason.MAX_TRIALS.sentence}\n", told.err
    )
    result = TuningResult.model_validate_json(tuner("resume", "small", "--json").out)
    assert (result.best_metric, len(result.trials), result.duration) == (0.75, 2, 3.5)
    assert result.digest == state_of("small").digest


@pytest.mark.parametrize(
    "definition",
    [
        {"direction": "minimize", "seed": 3},
        {"strategy": {"name": "random", "max_iters": 100}},
        {"strategy": {"name": "grid", "points": 5}},
        {"initial_trials": [{"params": {"x": 0.5}, "metric": 1.0}, {"params": {"x": 0.25}}]},
    ],
)
def test_the_study_that_goes_on_is_the_one_of_the_ledger(definition: dict[str, Any]) -> None:
    config = TunerConfig(max_trials=7, max_concurrency=2, retries=1, target_metric=0.9)
    path = f"{__file__}:Witness"
    store_study(
        "small", completed(0, 0.5), ending=None, config=config, observers=[path], **definition
    )
    plan = plan_study(resumption_parameters(state_of("small"), ""))
    assert plan.definition == state_of("small").definition
    assert plan.config == config
    assert [type(observer).__name__ for observer in plan.observers] == ["Witness"]
    assert plan.observer_paths == [path]
    assert plan.study.space == SPACE


def test_a_reproducible_study_keeps_its_lag() -> None:
    config = TunerConfig(reproducible=True, lag=3)
    store_study("small", completed(0, 0.5), ending=None, config=config, lag=3)
    plan = plan_study(resumption_parameters(state_of("small"), ""))
    assert plan.definition == state_of("small").definition


def test_the_budget_can_be_larger() -> None:
    store_study("small", completed(0, 0.5))
    parameters = resumption_parameters(state_of("small"), "", max_trials=50, max_duration=9.5)
    config = plan_study(parameters).config
    assert (config.max_trials, config.max_duration) == (50, 9.5)
    assert state_of("small").config["max_trials"] == 10


def test_it_goes_on_with_the_engine_of_its_last_run_and_its_options() -> None:
    store_study("near", ending=None)
    store_study("far", ending=None, engine=("dask", {"address": "tcp://scheduler:8786"}))
    parameters = [resumption_parameters(state_of(name), "") for name in ("near", "far")]
    assert [(each["engine"], each["engine_options"]) for each in parameters] == [
        ("local", {}),
        ("dask", {"address": "tcp://scheduler:8786"}),
    ]
    assert plan_study(parameters[1]).engine_options == {"address": "tcp://scheduler:8786"}


@pytest.mark.parametrize(
    ("engine", "options"),
    [
        ("", {"address": "tcp://scheduler:8786"}),
        ("dask", {"address": "tcp://scheduler:8786"}),
        ("ray", {}),
        ("local", {}),
    ],
)
def test_another_engine_can_be_named_and_gets_none_of_the_options(
    engine: str, options: dict[str, Any]
) -> None:
    store_study("far", ending=None, engine=("dask", {"address": "tcp://scheduler:8786"}))
    plan = plan_study(on_engine(resumption_parameters(state_of("far"), ""), engine))
    assert (plan.engine, plan.engine_options) == (engine or "dask", options)
    assert plan.definition == state_of("far").definition


def test_an_engine_that_is_not_known_is_a_mistake_in_the_input(tuner: Command) -> None:
    store_study("small", completed(0, 0.5), ending=None)
    told = tuner("resume", "small", "--engine", "dusk")
    assert (told.code, told.out) == (2, "")
    assert told.err.startswith("engine: 'dusk' is not known, did you mean 'dask'?")


@pytest.mark.parametrize(
    "objective",
    [
        "__main__:train",
        "model:<lambda>",
        "model:make.<locals>.train",
        "model:Model (instance)",
        "model:train (partial)",
    ],
)
def test_an_objective_without_a_path_is_one_for_its_program(objective: str) -> None:
    store_study("small", completed(0, 0.5), ending=None, objective=objective)
    with pytest.raises(InvalidConfiguration, match=r"call tune again\b") as raised:
        resumption_parameters(state_of("small"), "")
    assert repr(objective) in str(raised.value)


def test_a_strategy_without_a_name_is_one_for_its_program(tuner: Command) -> None:
    store_study("small", ending=None, strategy={"name": "model:Annealing"})
    told = tuner("resume", "small")
    assert told.code == 2
    assert re.search(r"strategy: 'model:Annealing'.* class\b", told.err)
    assert "call tune again" in told.err


def test_what_may_not_run_here_is_not_resumed(
    tuner: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_study("small", completed(0, 0.5), ending=None, objective="os:system")
    monkeypatch.setenv("PREFECT_TUNER_ALLOWED_OBJECTIVES", "mycompany.models:*")
    told = tuner("resume", "small")
    assert (told.code, told.out) == (2, "")
    assert re.search(r"objective: .*PREFECT_TUNER_ALLOWED_OBJECTIVES.*'os:system'", told.err)


def test_a_study_that_is_held_is_not_resumed(tuner: Command) -> None:
    store_study("small", completed(0, 0.5), ending=None)
    with Ledger(open_store(storage_or_default(""), "small"), Holder.of_this_process("brave-otter")):
        told = tuner("resume", "small")
    assert (told.code, told.out) == (1, "")
    assert told.err.startswith("study 'small' ")
    assert HELD_BY_BRAVE_OTTER.search(told.err)


def test_a_budget_that_is_wrong_is_a_mistake_in_the_input(tuner: Command) -> None:
    store_study("small", completed(0, 0.5))
    told = tuner("resume", "small", "--max-trials", "0")
    assert (told.code, told.out) == (2, "")
    assert re.fullmatch(r"config\.max_trials: must .*\b1\b.*\b0\n", told.err)


@pytest.mark.usefixtures("prefect_server")
def test_a_study_that_died_when_all_was_done_is_complete_and_can_be_extended(
    tuner: Command, tmp_path: Path
) -> None:
    store_study(
        "small", completed(0, 0.5), failed(1), ending=None, config=TunerConfig(max_trials=2)
    )
    (tmp_path / "objectives.py").write_text("def train(params): return params['x']")
    told = tuner("resume", "small", "--json")
    assert told.code == 0, told.err
    assert len(TuningResult.model_validate_json(told.out).trials) == 2
    (listed,) = json.loads(tuner("list", "--json").out)
    assert (listed["state"], listed["max_trials"]) == ("complete", 2)
    told = tuner("resume", "small", "--max-trials", "4", "--json")
    assert told.code == 0, told.err
    result = TuningResult.model_validate_json(told.out)
    assert [t.number for t in result.trials] == [0, 1, 2, 3]
    assert result.trials[0].metric == 0.5


@pytest.mark.slow
@pytest.mark.usefixtures("prefect_server")
def test_a_study_that_was_killed_is_listed_resumed_shown_exported_and_deleted(
    tuner: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_TUNER_STORAGE", str(tmp_path / "ledgers"))
    with hanging(tmp_path, os.environ) as command:
        running = tuner("list", "--json")
        refused = tuner("delete", "small", "--yes")
        command.process.send_signal(signal.SIGKILL)
        assert_gone(*command.others)
    assert json.loads(running.out)[0]["state"] == "running"
    assert (refused.code, refused.out) == (1, "")
    assert re.search(r"study 'small' .*held.*\(process \d", refused.err)

    assert "died: its last" in tuner("list").out
    (died,) = json.loads(tuner("list", "--json").out)
    assert (died["state"], died["holder"]) == ("died", None)
    assert died["counts"] == {"asked": 3, "finished": 1, "failed": 0, "in_flight": 2}
    before = json.loads(tuner("show", "small", "--json").out)["trials"]

    # The bug in the objective is found, and the study goes on.
    (tmp_path / "objectives.py").write_text("def hang(params): return params['x']")
    # In a process of its own, whose log is its own as well.
    resumed = call(tmp_path, os.environ, "resume", "small")
    assert resumed.code == 0, resumed.err
    assert re.search(r"\bTook .*over from\b", resumed.err)
    assert "3/3 trials" in resumed.err
    assert "best metric" in resumed.out

    shown = tuner("show", "small")
    assert (shown.code, shown.err) == (0, "")
    assert f"small  complete: {StopReason.MAX_TRIALS.sentence}" in shown.out
    assert shown.out.count("completed: max_trials") == 1
    assert shown.out.count("│ died") == 1
    after = json.loads(tuner("show", "small", "--json").out)["trials"]
    assert [t["outcome"] for t in after] == ["completed"] * 3
    assert after[0] == before[0]
    assert [(t["params"], t["seed"]) for t in after] == [(t["params"], t["seed"]) for t in before]

    exported = tuner("export", "small", "--format", "csv")
    assert len(exported.out.splitlines()) == 4
    assert tuner("delete", "small", "--yes").code == 0
    assert json.loads(tuner("list", "--json").out) == []


OBSERVER = """
from pathlib import Path
from prefect_tuner import TuningObserver

class Told(TuningObserver):
    def __init__(self):
        with Path("observer.log").open("a") as log: log.write("made\\n")
    def on_trial_completed(self, event):
        with Path("observer.log").open("a") as log: log.write(f"trial {event.trial.number}\\n")
"""


@pytest.mark.usefixtures("prefect_server")
def test_observers_given_by_path_hear_of_a_study_that_is_run_and_of_one_that_goes_on(
    tuner: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_TUNER_STORAGE", str(tmp_path / "ledgers"))
    write_study(tmp_path, "train")
    (tmp_path / "watching.py").write_text(OBSERVER)
    with (tmp_path / "study.yaml").open("a") as file:
        file.write("observers: ['watching.py:Told']\n")
    assert tuner("run", "study.yaml").code == 0
    log = tmp_path / "observer.log"
    # It is made once, since the study is planned once.
    assert sorted(log.read_text().split("\n")) == ["", "made", "trial 0", "trial 1", "trial 2"]
    log.unlink()
    # Another process, which has not imported it and knows its path from the ledger alone.
    told = call(tmp_path, os.environ, "resume", "small", "--max-trials", "4")
    assert told.code == 0, told.err
    assert log.read_text() == "made\ntrial 3\n"
