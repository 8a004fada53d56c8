from __future__ import annotations

import enum
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prefect_tuner.trial import LONGEST_EXTRA_TEXT, extra_value
from tests.search_spaces import same


class Colour(enum.StrEnum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (0.25, 0.25),
        (3, 3.0),
        (np.int64(3), 3.0),
        (np.float32(0.5), 0.5),
        (np.array(0.25), 0.25),
        (True, True),
        (np.bool_(False), False),
        (np.array(True), True),
        ("/models/7.pkl", "/models/7.pkl"),
        ("", ""),
        (np.str_("a"), "a"),
        (Colour.RED, "red"),
        ("\x1b[2J<b>\x00", "\x1b[2J<b>\x00"),
        ("\udcffmodel", "\\udcffmodel"),
        ("x" * LONGEST_EXTRA_TEXT, "x" * LONGEST_EXTRA_TEXT),
    ],
)
def test_numbers_texts_and_bools_are_kept_as_pythons_own(value: Any, kept: Any) -> None:
    assert same(extra_value("name", value), kept)


@pytest.mark.parametrize(
    "value",
    [
        *(None, float("nan"), np.float64("inf"), 1j, 10**400),
        *([0.5], {"a": 1}, np.array([0.5]), b"x", Path("model.pkl")),
        "x" * (LONGEST_EXTRA_TEXT + 1),
    ],
    ids=repr,
)
def test_anything_else_is_not(value: Any) -> None:
    assert extra_value("name", value) is None


@pytest.mark.parametrize("name", ["__class__", "__exc_type__", " __class__", "\x1b[0m__class__"])
def test_what_bears_a_name_that_prefect_acts_on_is_not(name: str) -> None:
    assert extra_value(name, "os.system") is None
    assert extra_value("_private", "kept") == "kept"
