"""Parts of reports: times, slots, what to copy, what is said in a sentence."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from prefect_tuner import Float, Outcome, SearchSpace, Trial, TunerConfig
from prefect_tuner.flows.confirmation.confirmation import Confirmation, ConfirmedTrial, Place
from prefect_tuner.flows.confirmation.race import RaceEnd
from prefect_tuner.flows.ledger.ledger_records import ConfirmedRecord, StoppedRecord
from prefect_tuner.flows.ledger.study_state import StudyState
from prefect_tuner.flows.pictures.timeline_figure import lanes_of
from prefect_tuner.flows.study_report.markdown_report import markdown_report
from prefect_tuner.flows.study_report.parameter_text import python_params, yaml_params
from prefect_tuner.flows.study_report.report_content import report_content
from prefect_tuner.flows.study_report.report_parts import Code, Paragraph, Table
from prefect_tuner.flows.study_report.state_view import state_view
from prefect_tuner.flows.study_report.verdict import verdict
from tests.flows.stored_studies import LATER, run_record, study_record, trial_records
from tests.flows.studies import completed, failed
from tests.flows.study_report.viewed_studies import tried, viewed
from tests.search_spaces import UNHURRIED

ONE = SearchSpace({"x": Float(0.0, 1.0)})

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abn:, \"'#"), inner),
    max_leaves=6,
)


def typed(value: Any) -> Any:
    """A value with the types of all that is in it."""
    if isinstance(value, list):
        return [typed(each) for each in value]
    if isinstance(value, dict):
        return {name: typed(each) for name, each in value.items()}
    return type(value).__name__, value


@UNHURRIED
@given(st.dictionaries(st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1), VALUES))
def test_what_is_copied_is_what_was_tried(params: dict[str, Any]) -> None:
    for version in ((1, 1), (1, 2)):
        yaml = YAML(typ="safe", pure=True)
        yaml.version = version
        read = yaml.load(StringIO(yaml_params(params))) or {}
        assert typed(read) == typed(params)
    found: dict[str, Any] = {}
    exec(python_params(params), found)
    assert typed(found["params"]) == typed(params)


def test_the_time_between_runs_does_not_count() -> None:
    state = StudyState.begin(study_record("resumed"))
    state.take(run_record(TunerConfig(max_concurrency=3), []))
    for record in trial_records(completed(0, 0.25, x=0.5)):
        state.take(record)
    state.take(
        StoppedRecord(at=LATER, ending="cancelled", reason="", trials=1, digest="", elapsed=3.5)
    )
    day = "2026-02-02T00:00:0"
    run = run_record(TunerConfig(max_concurrency=3), [])
    state.take(run.model_copy(update={"at": f"{day}0.000+00:00", "elapsed": 3.5}))
    asked, called, ended = trial_records(completed(1, 0.5, x=0.75))
    state.take(asked)
    state.take(called.model_copy(update={"at": f"{day}1.000+00:00"}))
    state.take(ended.model_copy(update={"at": f"{day}4.000+00:00", "elapsed": 7.5}))
    view = state_view(state, "Running")
    assert view.started == pytest.approx({0: 0.0, 1: 4.5})
    assert view.ended == pytest.approx({0: 1.5, 1: 7.5})
    assert (view.elapsed, view.slots, view.engine) == (7.5, 3, "local")
    assert view.best is not None
    assert view.best.number == 1


def test_a_ledger_of_another_release_has_a_report_nevertheless() -> None:
    state = StudyState.begin(study_record("later", space={"x": {"type": "spline"}}))
    for record in trial_records(completed(0, 0.25, x=0.5)):
        state.take(record)
    view = state_view(state, "")
    assert dict(view.space) == {"x": Float(0.5, 0.5)}
    assert view.reason == ""


def test_trials_take_the_lowest_slot_that_is_free() -> None:
    trials = tried(ONE, lambda _: 1.0, 5)
    begun, done = (0.0, 0.0, 1.0, 2.0, 2.0), (2.0, 1.0, 3.0, 4.0, 2.0)
    view = replace(
        viewed(ONE, trials),
        started=dict(enumerate(begun)),
        ended=dict(enumerate(done)),
        elapsed=5.0,
        slots=0,
    )
    lanes = lanes_of(view)
    assert lanes is not None
    assert lanes.lane.tolist() == [0, 1, 1, 0, 2]
    assert (lanes.count, lanes.span) == (3, 5.0)
    assert lanes.utilisation == pytest.approx((2 + 1 + 2 + 2 + 0) / 15)
    # Slots do not idle while the best trials are evaluated anew.
    lanes = lanes_of(replace(view, elapsed=50.0, searched=4.0))
    assert lanes is not None
    assert lanes.utilisation == pytest.approx((2 + 1 + 2 + 2 + 0) / 12)


@pytest.mark.parametrize(
    ("trials", "sentence"),
    [
        ([], "No trial has been started yet."),
        ([Trial(0, {"x": 0.5})], "1 trial started, and none has ended by itself yet."),
        ([failed(0)], "No trial has a metric: the only one ended as failed."),
        ([failed(0), failed(1)], "No trial has a metric: all 2 failed."),
        (
            [failed(0, Outcome.TIMED_OUT), failed(1, Outcome.TIMED_OUT), failed(2)],
            "No trial has a metric: of 3, 2 timed out.",
        ),
        ([completed(0, 0.5)], "The best metric is 0.5, found by trial 0 of 1."),
        (
            [completed(0, 0.5), completed(1, 0.5)],
            "All 2 trials with a metric have the same, 0.5.",
        ),
        (
            [completed(0, 0.5), completed(1, 0.25)],
            "The best metric is 0.5, found by trial 0 of 2, the first one; no other did better.",
        ),
        (
            [completed(0, 0.5), completed(1, 0.75), failed(2), completed(3, 0.25)],
            (
                "The best metric is 0.75, found by trial 1 of 4; the first trial had 0.5. "
                "2 trials since then did no better. 1 trial of 4 failed."
            ),
        ),
    ],
)
def test_the_verdict_is_what_a_person_would_say(trials: list[Trial], sentence: str) -> None:
    assert verdict(viewed(ONE, trials)) == sentence


def confirmed(**means: float) -> Confirmation:
    """What came of evaluating trials `t3`, `t1` and so on, the winner first."""
    return Confirmation(
        candidates=[
            ConfirmedTrial(
                number=int(name[1:]),
                place=Place.TIED if place else Place.WINNER,
                first=mean + 0.25,
                mean=mean,
                interval=(mean - 0.1, mean + 0.1),
                evaluations=10,
            )
            for place, (name, mean) in enumerate(means.items())
        ],
        end=RaceEnd.BUDGET,
        budget=20,
        spent=20,
        verdict="Trial 1 has the best mean, but is tied with trial 3.",
    )


def test_a_confirmed_winner_is_what_to_rely_on() -> None:
    trials = [completed(number, 0.5 + number / 8, x=number / 8) for number in range(4)]
    best = replace(viewed(ONE, trials), confirmation=confirmed(t1=0.625, t3=0.5))
    assert best.best is not None
    assert best.best.number == 3
    told = "Evaluated anew, trial 1 leads with a mean of 0.625, tied with 1 trial more."
    assert told in verdict(best)
    report = report_content(best)
    sections = {section.title: section.blocks for section in report.sections}
    said, table = sections["Best trials, evaluated anew"]
    assert said == Paragraph("Trial 1 has the best mean, but is tied with trial 3.")
    assert isinstance(table, Table)
    assert [row[0] for row in table.rows] == [1, 3]
    assert Code("yaml", yaml_params({"x": 0.125})) in sections["Best parameters"]


def test_where_nobody_won_the_best_trial_is_what_there_is() -> None:
    trials = [completed(number, 0.5 + number / 8, x=number / 8) for number in range(4)]
    nobody = confirmed(t3=0.5).model_copy(
        update={
            "candidates": [ConfirmedTrial(number=3, place=Place.FAILING, first=0.875, failed=5)],
            "verdict": "No candidate can be relied on.",
        }
    )
    view = replace(viewed(ONE, trials), confirmation=nobody)
    assert "Evaluated anew" not in verdict(view)
    assert view.winner == view.best
    markdown = markdown_report(report_content(view))
    assert "No candidate can be relied on." in markdown


def test_the_confirmation_of_a_stored_study_is_in_its_view() -> None:
    state = StudyState.begin(study_record("confirmed"))
    state.take(run_record(TunerConfig(), []))
    for record in trial_records(completed(0, 0.25, x=0.5)):
        state.take(record)
    assert state_view(state, "Running").confirmation is None
    came = confirmed(t0=0.25)
    state.take(ConfirmedRecord(at=LATER, confirm=1, elapsed=9.0, confirmation=came))
    assert state_view(state, "Running").confirmation == came
