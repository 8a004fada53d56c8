"""fANOVA of as many trials as a report has time for."""

from __future__ import annotations

import pytest

from prefect_tuner import Categorical, Float, SearchSpace
from prefect_tuner.flows.analysis.fanova import brief_fanova as module
from prefect_tuner.flows.analysis.fanova.brief_fanova import brief_fanova
from prefect_tuner.flows.analysis.fanova.fanova import fanova
from tests.flows.analysis.fanova.test_fanova import SPACE, drawn
from tests.flows.studies import failed


def test_of_few_trials_it_is_that_of_all() -> None:
    trials = drawn(SPACE, 25, seed=1)
    found = brief_fanova(SPACE, [*trials, failed(25)])
    assert found.shares == fanova(SPACE, trials)
    assert (found.taken, found.measured) == (25, 25)


def test_of_many_trials_some_are_taken_and_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_TRIALS", 20)
    monkeypatch.setattr(module, "FEWEST_TRIALS", 10)
    trials = drawn(SPACE, 39, seed=0)
    found = brief_fanova(SPACE, trials)
    assert found.shares == fanova(SPACE, trials[::2])
    assert (found.taken, found.measured) == (20, 39)
    monkeypatch.setattr(module, "MOST_CELLS", 11 * 14)
    # Its columns: six numbers that vary, one that does not, and a choice of four and one of two.
    assert brief_fanova(SPACE, trials).taken == 11


def test_a_space_that_is_too_large_is_not_told_of() -> None:
    space = SearchSpace({"kind": Categorical(list(range(500))), "x": Float(0.0, 1.0)})
    found = brief_fanova(space, drawn(space, 12, seed=0))
    assert (found.shares, found.is_too_large) == ({}, True)


def test_trials_that_say_nothing_have_no_shares() -> None:
    assert brief_fanova(SPACE, drawn(SPACE, 1, seed=0)).shares == {}
