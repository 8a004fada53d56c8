from __future__ import annotations

import re
import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from prefect_tuner.flows.study.study_name import study_key

NAMES = st.text() | st.text(string.ascii_letters + string.digits + "-_ ./", max_size=80)


@given(NAMES)
def test_a_slug_is_a_key_that_prefect_takes(name: str) -> None:
    key = study_key(name)
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", key)
    assert len(key) <= 80


@given(NAMES, NAMES)
def test_different_names_have_different_slugs(first: str, second: str) -> None:
    assume(first != second)
    assert study_key(first) != study_key(second)


@given(NAMES)
def test_a_slug_is_nobody_elses_name(name: str) -> None:
    key = study_key(name)
    assert key == name or study_key(key) != key


@pytest.mark.parametrize("name", ["churn", "churn-nightly", "2", "a-b-c-0", "x" * 60])
def test_a_name_that_is_a_key_already_stays_as_it_is(name: str) -> None:
    assert study_key(name) == name


def test_slugs_are_the_same_in_every_release() -> None:
    assert study_key("Churn/nightly") == "churn-nightly-57ca37ea6cd3"
    assert study_key("") == "e3b0c44298fc"
    assert study_key("übung") == "bung-e2001a74b9ea"
