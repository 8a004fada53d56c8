"""Templates in the job variables of trials."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_tuner import InvalidConfiguration
from prefect_tuner.tasks.flow_runs.job_variables import (
    HEADROOM_MB,
    TemplateValue,
    filled,
    template_values,
)
from prefect_tuner.trial import TrialLimits
from tests.search_spaces import UNHURRIED, same

VALUES_OF_A_TRIAL = template_values(
    "digits", 7, 2, TrialLimits(timeout=600.0, memory=1_500_000_000)
)


def mistakes_in(job_variables: dict[str, Any], **values: TemplateValue) -> tuple[str, ...]:
    with pytest.raises(InvalidConfiguration) as raised:
        filled(job_variables, {**VALUES_OF_A_TRIAL, **values})
    return raised.value.mistakes


def test_a_text_that_is_nothing_but_a_template_becomes_the_number() -> None:
    asked = {"memory": "{memory_mb}", "number": "{number}", "attempt": "{attempt}"}
    asked_for = {"seconds": "{trial_timeout}", "limit": "{trial_memory_mb}", "name": "{study}"}
    assert same(
        filled({**asked, **asked_for}, VALUES_OF_A_TRIAL),
        {
            "memory": 1500 + HEADROOM_MB,
            "number": 7,
            "attempt": 2,
            "seconds": 600,
            "limit": 1500,
            "name": "digits",
        },
    )


def test_in_any_other_text_the_value_is_put_in() -> None:
    asked = {"memory_limit": "{memory_mb}Mi", "name": "{study}-{number} ({attempt})"}
    assert filled(asked, VALUES_OF_A_TRIAL) == {
        "memory_limit": f"{1500 + HEADROOM_MB}Mi",
        "name": "digits-7 (2)",
    }


def test_it_is_found_however_deep_it_stands() -> None:
    asked = {"env": {"RUN": "{study}"}, "tolerations": [{"key": "for-{study}"}, "{number}", None]}
    before = copy.deepcopy(asked)
    assert filled(asked, VALUES_OF_A_TRIAL) == {
        "env": {"RUN": "digits"},
        "tolerations": [{"key": "for-digits"}, 7, None],
    }
    assert asked == before


def test_keys_and_what_is_no_text_stay_as_they_are() -> None:
    asked = {"{study}": 1, "gpus": 2, "stream_output": True, "ratio": 0.5, "none": None}
    assert same(filled(asked, VALUES_OF_A_TRIAL), asked)


@pytest.mark.parametrize(
    "text",
    [
        '{"a": {"b": [1]}, "c": {}}',
        "${HOME}/data",
        "${study}",
        "${study:-none}",
        "$(POD_NAME)",
        "{{ prefect.blocks.secret.token }}",
        "{{ prefect.variables.image }}",
        "{{study}}",
        "{{{study}}}",
        "{Study} {study1} { study } {study.name} {0} {} {study",
    ],
)
def test_what_else_stands_in_braces_stays_as_it_is(text: str) -> None:
    assert filled({"text": text}, VALUES_OF_A_TRIAL) == {"text": text}


def test_a_template_within_json_is_one() -> None:
    text = '{"sizes": {"memory": {memory_mb}}, "path": "${HOME}/{study}"}'
    given_text = filled({"text": text}, VALUES_OF_A_TRIAL)["text"]
    assert json.loads(given_text) == {
        "sizes": {"memory": 1500 + HEADROOM_MB},
        "path": "${HOME}/digits",
    }


def test_all_mistakes_are_listed_with_their_place_and_the_nearest_name() -> None:
    asked = {
        "memory_limit": "{memroy_mb}Mi",
        "env": {"NAME": "{study} {numbre}"},
        "args": [{"key": "{study}"}, "{zzz}"],
    }
    first, second, third = mistakes_in(asked)
    assert first.startswith(
        "engine_options.job_variables.memory_limit: template {memroy_mb} is not known, did you "
        "mean 'memory_mb'? Known are 'memory_mb', "
    )
    assert "did you mean 'number'?" in second
    assert second.startswith("engine_options.job_variables.env.NAME: template {numbre} ")
    assert third.startswith(
        "engine_options.job_variables.args.1: template {zzz} is not known, known are 'attempt', "
    )
    for mistake in (first, second, third):
        assert all(repr(name) in mistake for name in VALUES_OF_A_TRIAL)
        assert "job variables of the deployment itself" in mistake


def test_a_mistake_shows_nothing_of_the_text_around_it() -> None:
    (mistake,) = mistakes_in({"env": {"PASSWORD": "hunter2{oops}"}})
    assert "hunter2" not in mistake


@pytest.mark.parametrize(
    ("template", "setting"),
    [
        ("memory_mb", "config.trial_memory_mb"),
        ("trial_memory_mb", "config.trial_memory_mb"),
        ("trial_timeout", "config.trial_timeout"),
    ],
)
def test_what_the_study_does_not_set_is_named(template: str, setting: str) -> None:
    values = template_values("digits", 0, 1, TrialLimits())
    with pytest.raises(InvalidConfiguration) as raised:
        filled({"memory": f"{{{template}}}M"}, values, "job_variables")
    assert raised.value.mistakes == (
        f"job_variables.memory: template {{{template}}} needs {setting}, which is not set",
    )
    assert filled({"memory": "4Gi", "name": "{study}"}, values)["name"] == "digits"


@pytest.mark.parametrize(
    ("limits", "memory", "timeout"),
    [
        (TrialLimits(timeout=0.5, memory=1), 1, 1),
        (TrialLimits(timeout=60.0, memory=2_000_000_000), 2000, 60),
        (TrialLimits(timeout=60.25, memory=2_000_000_001), 2001, 61),
    ],
)
def test_limits_are_whole_numbers_and_never_less(
    limits: TrialLimits, memory: int, timeout: int
) -> None:
    values = template_values("digits", 0, 1, limits)
    assert same(values["trial_memory_mb"], memory)
    assert same(values["memory_mb"], memory + HEADROOM_MB)
    assert same(values["trial_timeout"], timeout)


NAMES = st.from_regex(r"[a-z_]{1,8}", fullmatch=True)
TEXTS = st.text(st.characters(exclude_characters="{"), max_size=5)
JOB_VARIABLES = st.dictionaries(
    st.text(max_size=5),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    ),
)


@UNHURRIED
@given(JOB_VARIABLES)
def test_without_templates_nothing_changes(job_variables: dict[str, Any]) -> None:
    assert same(filled(job_variables, {}), job_variables)


@UNHURRIED
@given(st.lists(st.sampled_from(["a", "-", " ", "}", '"', "é", "{study}", "{number}"])))
def test_every_template_is_replaced_once_and_what_is_put_in_is_no_template(
    pieces: list[str],
) -> None:
    values: dict[str, TemplateValue] = {"study": "{number}", "number": 12}
    given_text = filled({"text": "".join(pieces)}, values)["text"]
    put_in = {"{study}": "{number}", "{number}": "12"}
    expected = "".join(put_in.get(piece, piece) for piece in pieces)
    assert given_text == (12 if pieces == ["{number}"] else expected)


@UNHURRIED
@given(NAMES, st.one_of(st.integers(), st.text(max_size=5), st.floats(allow_nan=False)))
def test_a_template_alone_gives_the_value_to_the_type(name: str, value: TemplateValue) -> None:
    assert same(filled({"x": [{"y": f"{{{name}}}"}]}, {name: value}), {"x": [{"y": value}]})


@UNHURRIED
@given(NAMES)
def test_an_unknown_name_is_a_mistake_wherever_it_stands(name: str) -> None:
    with pytest.raises(InvalidConfiguration, match=rf"^a\.b\.0: template {{{name}}} "):
        filled({"b": [f"x {{{name}}} y"]}, {"1": 1}, "a")
