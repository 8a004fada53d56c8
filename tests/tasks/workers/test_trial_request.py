"""What a trial is asked to do comes to its worker as it was sent."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_tuner import EngineError, Outcome
from prefect_tuner.tasks.objectives.objective import describe_objective
from prefect_tuner.tasks.processes.isolation import LaunchSettings
from prefect_tuner.tasks.workers.trial_request import (
    RetryPolicy,
    TrialRequest,
    message_from_text,
)
from prefect_tuner.testing.trials import exactly
from prefect_tuner.trial import TrialLimits

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)


def request(params: dict[str, Any], **more: Any) -> TrialRequest:
    return TrialRequest(
        study="sent",
        number=3,
        params=params,
        seed=2**32 - 1,
        objective=describe_objective("json:loads"),
        limits=TrialLimits(timeout=1.5, memory=10**9),
        retry=RetryPolicy(2, 0.5, frozenset({Outcome.TIMED_OUT})),
        launch=LaunchSettings(threads=2),
        **more,
    )


@given(st.dictionaries(st.text(max_size=5), VALUES, max_size=4))
def test_a_request_as_text_comes_back_as_it_was_to_the_type(params: dict[str, Any]) -> None:
    sent = request(params, attempt=2, before=1, run="r", flow_run="f")
    read = TrialRequest.from_message(message_from_text(sent.to_text()))
    assert read == sent
    assert exactly(read.params) == exactly(params)


def test_numbers_that_databases_change_stay_what_they_are() -> None:
    params = {"large": 1e16, "zero": -0.0, "small": 5e-324}
    read = message_from_text(request(params).to_text())["params"]
    assert [repr(each) for each in read.values()] == ["1e+16", "-0.0", "5e-324"]


def test_no_code_travels_as_text() -> None:
    sent = request({})
    by_value = describe_objective(lambda: 1.0)
    text = TrialRequest(**{**vars(sent), "objective": by_value}).to_text()
    assert TrialRequest.from_message(message_from_text(text)).objective.pickled == b""
    smuggled = json.loads(text)
    smuggled["objective"]["pickled"] = "gASVAAAA"
    assert message_from_text(json.dumps(smuggled))["objective"].get("pickled") is None


@pytest.mark.parametrize("text", ["", "{", "[]", "7", '{"objective": 3}'])
def test_a_text_that_no_study_has_written_is_refused(text: str) -> None:
    with pytest.raises(EngineError, match="request: must be the JSON text of a trial's request"):
        message_from_text(text)


def test_a_request_of_another_release_is_refused_by_its_release() -> None:
    message = json.loads(request({}).to_text())
    del message["objective"]["importable_path"]
    message["objective"]["later"] = 3
    with pytest.raises(EngineError, match=r"cannot run trials: it has prefect-tuner .* 0\.0\.1$"):
        TrialRequest.from_message(message_from_text(json.dumps({**message, "package": "0.0.1"})))


def test_an_attempt_has_the_same_name_in_all_runs_of_its_study() -> None:
    first = request({"x": 1}, run="first", attempt=2)
    assert first.lasting_name("id") == request({"x": 1}, run="other", before=1).lasting_name("id")
    others = [
        request({"x": 1}, attempt=1),
        request({"x": 2}, attempt=2),
        TrialRequest(**{**vars(first), "seed": 1}),
        TrialRequest(**{**vars(first), "number": 4}),
    ]
    names = {each.lasting_name("id") for each in [*others, first]}
    assert len(names | {first.lasting_name("another study")}) == 6
