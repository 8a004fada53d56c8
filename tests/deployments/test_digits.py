"""The study of `make tune`: its file and its objective."""

from __future__ import annotations

import importlib.util
import re
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from prefect_tuner import Params, TrialContext
from prefect_tuner.flows.commands.study_check import check_study_file
from prefect_tuner.flows.commands.study_file import load_study_file, plan_study_file

ROOT = Path(__file__).parents[2]
FILE = Path("deployments/digits.yaml")
GOOD: Params = {"learning_rate": 0.3, "hidden_units": 64, "activation": "tanh", "momentum": 0.4}
BAD: Params = {"learning_rate": 0.001, "hidden_units": 8, "activation": "logistic", "momentum": 0.0}


@pytest.fixture(scope="module")
def digits() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("digits_study", ROOT / "deployments/digits.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["digits_study"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["digits_study"]


@pytest.fixture(autouse=True)
def _in_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def test_the_study_can_be_run_and_is_what_the_readme_promises() -> None:
    check = check_study_file(FILE)
    assert check.notes == []
    assert "over 4 parameters" in check.sentence
    assert re.search(r"\b20 trials\b.*\b2 at\b", check.sentence)


def test_the_parameters_are_of_four_kinds() -> None:
    space = plan_study_file(load_study_file(FILE), FILE).study.space
    kinds = {name: (p.type, getattr(p, "log", False)) for name, p in space.items()}
    assert kinds == {
        "learning_rate": ("float", True),
        "hidden_units": ("int", False),
        "activation": ("categorical", False),
        "momentum": ("float", False),
    }
    assert space.contains(GOOD)
    assert space.contains(BAD)


def test_a_fifth_of_the_pictures_is_kept_from_tuning(digits: ModuleType) -> None:
    data = digits.load_data()
    assert len(data.test_digits) == pytest.approx(1797 / 5, abs=1)
    assert len(data.train_pictures) + len(data.test_pictures) == 1797
    assert data.train_pictures.shape[1] == 64
    assert data.train_pictures.max() == 1.0
    rows = {picture.tobytes() for picture in data.train_pictures}
    assert sum(picture.tobytes() in rows for picture in data.test_pictures) <= 1


def test_the_same_trial_has_the_same_result_and_tells_more_than_the_metric(
    digits: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digits, "EPOCHS", 3)
    first, again, other = (
        digits.train(GOOD, TrialContext(number=0, seed=seed)) for seed in (7, 7, 8)
    )
    assert first == again
    assert first != other
    assert first["epochs"] == 3.0
    assert 0.0 < first["std"] < first["metric"] < 1.0


def test_parameters_matter(digits: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digits, "EPOCHS", 20)
    # Training stops at the limit of epochs, which is no news and warned of nowhere.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        good, bad = (digits.train(params, TrialContext(0, seed=1)) for params in (GOOD, BAD))
    assert good["epochs"] == bad["epochs"] == 20.0
    assert good["metric"] > 0.95
    assert bad["metric"] < 0.5


def test_training_that_diverges_fails_the_trial_and_is_no_low_accuracy(
    digits: ModuleType,
) -> None:
    diverging: Params = {**GOOD, "learning_rate": 1e6, "activation": "relu", "momentum": 0.99}
    with pytest.raises(ValueError, match="finite"), np.errstate(all="ignore"):
        digits.train(diverging, TrialContext(0, seed=1))
