"""The best so far of several studies as a plot of characters."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from prefect_tuner import Float, SearchSpace
from prefect_tuner.flows.comparison.curve import Curve, curves_of, doubt_about
from prefect_tuner.flows.comparison.curve_plot import HEIGHT, curve_plot
from prefect_tuner.flows.pictures.study_view import StudyView
from prefect_tuner.goal import Goal
from prefect_tuner.trial import Direction
from tests.flows.studies import completed, failed

SPACE = SearchSpace({"x": Float(0.0, 1.0)})
METRICS = st.floats(allow_nan=False, allow_infinity=False)


def view_of(
    metrics: Sequence[float | None], direction: Direction = "maximize", objective: str = ""
) -> StudyView:
    trials = tuple(
        failed(number) if metric is None else completed(number, metric)
        for number, metric in enumerate(metrics)
    )
    return StudyView("study", Goal(direction), SPACE, trials, objective=objective)


def curves(*metrics: Sequence[float | None], direction: Direction = "maximize") -> list[Curve]:
    return curves_of([view_of(each, direction) for each in metrics], "trial")


def test_each_curve_is_drawn_by_its_letter() -> None:
    plot = curve_plot(curves([0.0, 1.0], [0.2, 0.1, 0.5]), width=23)
    lines = plot.splitlines()
    assert lines[0] == "1 ┫          A"
    assert lines[HEIGHT // 2].endswith("B")
    assert lines[HEIGHT - 3] == "  ┃BBBBBBBBBBABBBBBBBBB"
    assert lines[HEIGHT - 1] == "0 ┫AAAAAAAAAAA"
    assert lines[HEIGHT + 1] == "   1                  3"


def test_curves_that_are_alike_take_turns() -> None:
    lines = curve_plot(curves([0.5, 0.5], [0.5, 0.5], [0.5, 0.5]), width=29).splitlines()
    assert lines[0].count("A") == lines[0].count("B") == lines[0].count("C") == 8
    assert "AA" not in lines[0]


def test_a_study_of_one_trial_is_seen_beside_one_that_began_alike() -> None:
    for short, long in (("A", "B"), ("B", "A")):
        begun = {short: [0.5], long: [0.5001, *[0.9] * 20]}
        plot = curve_plot(curves(begun["A"], begun["B"]), width=50)
        assert short in plot
        assert long in plot


def test_what_stood_for_few_trials_lies_beyond_the_axis_and_ends_never_do() -> None:
    plot = curve_plot(curves([1e9, *[0.2] * 40], [0.3] * 40, direction="minimize"), width=60)
    assert plot.startswith("0.3 ┫▴")
    assert plot.splitlines()[-1].strip() == "▴ worse, up to 1e+09"
    hopeless = curve_plot(curves([1e9] * 40, *[[0.2] * 40] * 5, direction="minimize"), width=60)
    assert hopeless.startswith("1e+09 ┫AAAA")


def test_failures_count_and_studies_without_a_metric_have_no_curve() -> None:
    found = curves([None, 0.5, None], [None, None], [])
    assert [(curve.places, curve.end, curve.lacking) for curve in found] == [
        ((2.0,), 3.0, ""),
        ((), 2.0, "no metric"),
        ((), 0.0, "no metric"),
    ]
    assert curve_plot(found[1:]) == ""


def test_a_doubt_is_one_about_what_is_known() -> None:
    assert doubt_about([view_of([], objective="a"), view_of([])]) == ""
    assert "objectives differ" in doubt_about([view_of([], objective=each) for each in "ab"])
    assert "directions differ" in doubt_about([view_of([]), view_of([], "minimize")])
    both = doubt_about([view_of([], objective="a"), view_of([], "minimize", "b")])
    assert both == "not comparable: other directions and objectives"


@given(
    st.lists(st.lists(st.none() | METRICS, max_size=30), min_size=2, max_size=10),
    st.sampled_from(["maximize", "minimize"]),
    st.integers(40, 200),
)
@settings(max_examples=40)
def test_any_studies_fit_the_terminal_and_each_is_seen(
    metrics: list[list[float | None]], direction: Direction, width: int
) -> None:
    found = curves(*metrics, direction=direction)
    plot = curve_plot(found, width)
    assert all(len(line) <= width for line in plot.splitlines())
    drawn = [curve for curve in found if curve.records]
    assert bool(plot) == bool(drawn)
    if len(drawn) == 1:
        assert drawn[0].letter in plot
    ends = [curve.metrics[-1] for curve in drawn]
    if drawn and len(set(ends)) == len(ends) == 2:
        assert all(curve.letter in plot for curve in drawn)
