"""Trials that run at the same time have different slots, and the devices that belong to them."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from prefect_tuner.tasks.processes.slots import Slots
from tests.tasks.attempts import InBackground, attempt
from tests.tasks.modules import launched, write_module

HOLDS = """
import os, pathlib, time

FOLDER = pathlib.Path(os.environ["SLOTS"])

def train(params, trial):
    mine = FOLDER / str(trial.slot)
    mine.touch(exist_ok=False)  # Nobody else has it.
    if os.fork() == 0:  # What it has started has it, too.
        time.sleep(0.05)
        mine.unlink()
        os._exit(0)
    time.sleep(params["sleep"])
    return {"metric": trial.slot, "device": trial.device, "visible": os.environ.get(
        "CUDA_VISIBLE_DEVICES", "none"), "at import": VISIBLE}
"""
VISIBLE = 'import os\nVISIBLE = os.environ.get("CUDA_VISIBLE_DEVICES", "none")\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    slots = tmp_path / "slots"
    slots.mkdir()
    monkeypatch.setenv("SLOTS", str(slots))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return tmp_path


def test_no_two_trials_have_a_slot_at_the_same_time(folder: Path) -> None:
    module = write_module(folder, VISIBLE + HOLDS)
    with launched(module, concurrency=4) as launcher:

        def run(number: int) -> float | None:
            return attempt(launcher, grace=10, sleep=0.01 * (number * 7 % 5)).report.metric

        with ThreadPoolExecutor(4) as pool:
            slots = list(pool.map(run, range(60)))
    assert set(slots) == {0.0, 1.0, 2.0, 3.0}


def test_a_slot_is_held_by_what_crashed_or_was_killed_until_it_is_gone(folder: Path) -> None:
    module = write_module(
        folder,
        """
        import os, time
        def train(params, trial):
            if params["how"] == "crash":
                os._exit(1)
            if params["how"] == "hang":
                time.sleep(1000)
            return float(trial.slot)
        """,
    )
    with launched(module) as launcher:
        for how in ("crash", "hang", "crash", "hang"):
            attempt(launcher, timeout=0.2, how=how)
            assert attempt(launcher, how="return").report.metric == 0.0


@pytest.mark.parametrize("isolation", ["auto", "fork", "fresh"])
def test_each_slot_has_its_device(folder: Path, isolation: str) -> None:
    module = write_module(folder, VISIBLE + HOLDS)
    settings = {"concurrency": 4, "devices": ("a", "b"), "isolation": isolation}
    with launched(module, **settings) as launcher:
        with ThreadPoolExecutor(4) as pool:
            reports = list(pool.map(lambda _: attempt(launcher, grace=10, sleep=0.3), range(8)))
        told = [note for _, note in launcher.notes]
    assert {run.report.metric for run in reports} == {0.0, 1.0, 2.0, 3.0}
    for run in reports:
        extra = run.report.extra
        assert extra["device"] == extra["visible"] == "abab"[int(run.report.metric or 0)]
        # Where each trial imports for itself, its device is known by then.
        assert extra["at import"] == ("none" if isolation == "fork" else extra["device"])
    assert any("the trial's device" in note for note in told) == (isolation == "auto")


def test_the_variable_has_the_name_that_is_asked_for(folder: Path) -> None:
    module = write_module(
        folder, "import os\ndef train(params): return float(os.environ['MY_DEVICE'])\n"
    )
    with launched(module, devices=("7",), device_variable="MY_DEVICE") as launcher:
        assert attempt(launcher).report.metric == 7.0


def test_without_devices_nothing_is_set(folder: Path) -> None:
    module = write_module(
        folder,
        "import os\ndef train(params, trial):\n"
        "    return {'metric': 'CUDA_VISIBLE_DEVICES' in os.environ or -1.0, 'd': trial.device}\n",
    )
    with launched(module) as launcher:
        report = attempt(launcher).report
    assert (report.metric, report.extra) == (-1.0, {"d": ""})


def test_a_retried_trial_has_a_slot_of_its_own(folder: Path) -> None:
    module = write_module(
        folder,
        "import time\ndef train(params, trial):\n"
        "    trial.log('pid 1')\n    time.sleep(params['sleep'])\n    return float(trial.slot)\n",
    )
    with launched(module, concurrency=2) as launcher:
        other = InBackground(launcher, "", sleep=2.0)
        other.pids(1)
        assert attempt(launcher, attempt=2, sleep=0.0).report.metric == 1.0
        assert other.result().report.metric == 0.0


def test_a_slot_is_given_back_when_its_pipe_says_so() -> None:
    slots = Slots(1)
    assert slots.acquire() == 0
    reader, writer = os.pipe()
    slots.release(0, reader)
    taken: list[int] = []
    waiting = threading.Thread(target=lambda: taken.append(slots.acquire()))
    waiting.start()
    waiting.join(0.2)
    assert taken == []
    os.close(writer)
    waiting.join(5)
    assert taken == [0]
    slots.close()
