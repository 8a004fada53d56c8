from __future__ import annotations

from dataclasses import replace

import pytest

from prefect_tuner import History, Outcome, Trial
from prefect_tuner.errors import InternalTunerError


def test_trials_stand_at_the_place_of_their_number() -> None:
    history = History([Trial(0, {"x": 1}), Trial(1, {"x": 2})])
    assert len(history) == 2
    assert history[1].params == {"x": 2}
    assert [trial.number for trial in history[:1]] == [0]
    with pytest.raises(InternalTunerError, match=r"trial 5\b.* place 2\b"):
        history.add(Trial(5, {"x": 3}))


def test_a_trial_changes_once_from_running_to_finished() -> None:
    history = History([Trial(0, {"x": 1}), Trial(1, {"x": 2})])
    finished = replace(history[0], outcome=Outcome.COMPLETED, metric=0.5)
    history.finish(finished)
    assert history.completed == [finished]
    assert [trial.number for trial in history.running] == [1]
    assert history.running_count == 1
    with pytest.raises(InternalTunerError, match="trial 0"):
        history.finish(finished)
    with pytest.raises(InternalTunerError, match="trial 1"):
        history.finish(history[1])


def test_candidates_are_told_apart_by_type_but_not_by_order() -> None:
    history = History([Trial(0, {"x": 1, "y": "a"})])
    assert history.has_candidate({"y": "a", "x": 1})
    assert not history.has_candidate({"x": True, "y": "a"})
    assert not history.has_candidate({"x": 1.0, "y": "a"})


def test_failed_trials_stay_in_the_history() -> None:
    history = History([Trial(0, {"x": 1}, outcome=Outcome.FAILED)])
    assert history.completed == []
    assert history.running == []
    assert history.has_candidate({"x": 1})
