"""The plot of metrics by trial in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_tuner import Outcome, Trial
from prefect_tuner.flows.reports.metric_plot import BEST, FAILURE, HEIGHT, METRIC, metric_plot
from prefect_tuner.goal import Goal
from prefect_tuner.trial import Direction
from tests.flows.studies import completed, failed

METRICS = st.floats(allow_nan=False, allow_infinity=False)


def trials_of(metrics: Sequence[float | None]) -> list[Trial]:
    """Trials with these metrics; None is a failure."""
    return [
        failed(number) if metric is None else completed(number, metric)
        for number, metric in enumerate(metrics)
    ]


def test_each_trial_has_its_place_by_number_and_metric() -> None:
    plot = metric_plot(trials_of([0.0, 1.0, 0.5]), Goal("maximize"), width=24)
    assert plot.splitlines() == [
        "1 ┤          ●" + 10 * "─",
        "  │          │",
        "  │          │",
        "  │          │",
        "  │          │         •",
        "  │          │",
        "  │          │",
        "  │          │",
        "0 ┤●─────────┘",
        "  └" + 21 * "─",
        "   0" + 19 * " " + "2",
        "   • metric by trial",
        "   ● best so far",
    ]


def test_where_less_is_better_the_line_of_the_best_goes_down() -> None:
    plot = metric_plot(trials_of([1.0, 0.0]), Goal("minimize"), width=14)
    top, *_, bottom = plot.splitlines()[:HEIGHT]
    assert top == "1 ┤●─────────┐"
    assert bottom == "0 ┤          ●"


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_one_trial_is_a_plot(direction: Direction) -> None:
    assert (
        metric_plot([completed(4, 0.25)], Goal(direction), width=30)
        .splitlines()[0]
        .startswith("0.25 ┤●")
    )


def test_a_constant_metric_is_one_row_with_one_best() -> None:
    first, *_ = metric_plot(trials_of([0.5] * 5), Goal("minimize"), width=40).splitlines()
    assert first.count(BEST) == 1
    assert first.count(METRIC) == 4


def test_failures_stand_below_and_take_no_part_in_the_scale() -> None:
    plot = metric_plot(trials_of([None, 1.0, None, 2.0]), Goal("maximize"), width=40)
    lines = plot.splitlines()
    assert (lines[0][0], lines[HEIGHT - 1][0]) == ("2", "1")
    assert lines[HEIGHT].count(FAILURE) == 2
    assert f"{FAILURE} no metric" in plot


def test_without_a_metric_there_is_no_plot() -> None:
    assert metric_plot([], Goal("maximize")) == ""
    assert metric_plot(trials_of([None]), Goal("maximize")) == ""
    assert metric_plot([Trial(0, {"x": 0.1})], Goal("maximize")) == ""


def test_what_runs_and_what_was_cancelled_is_not_shown() -> None:
    trials = trials_of([0.1, 0.2, 0.3])
    others = [Trial(3, {"x": 0.5}), replace(failed(4), outcome=Outcome.CANCELLED)]
    assert metric_plot([*trials, *others], Goal("maximize")) == metric_plot(
        trials, Goal("maximize")
    )


def test_an_exploded_loss_does_not_hide_the_others() -> None:
    losses = [1.0, 1e6, 0.9, 0.8, 0.7, 0.6, 0.65, 0.5]
    plot = metric_plot(trials_of(losses), Goal("minimize"), width=60)
    assert plot.startswith("  1 ┤")
    assert "▴ worse, up to 1e+06" in plot
    assert plot.splitlines()[0].count("▴") == 1


def test_values_that_differ_little_are_told_apart_by_their_labels() -> None:
    lines = metric_plot(trials_of([0.97561, 0.97562]), Goal("maximize")).splitlines()
    assert (lines[0].split()[0], lines[HEIGHT - 1].split()[0]) == ("0.97562", "0.97561")


@pytest.mark.parametrize(
    "metrics", [[-1.7e308, 1.7e308], [0.0, 5e-324], [1e-300, 2e-300], [1e300, -1e-300]]
)
@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_huge_and_small_values_have_their_places(
    metrics: list[float], direction: Direction
) -> None:
    lines = metric_plot(trials_of(metrics), Goal(direction), width=40).splitlines()
    assert float(lines[0].split()[0]) == pytest.approx(max(metrics), rel=0.01)
    assert float(lines[HEIGHT - 1].split()[0]) == pytest.approx(min(metrics), rel=0.01)


@given(
    st.lists(st.none() | METRICS, max_size=60),
    st.sampled_from(["maximize", "minimize"]),
    st.integers(60, 200),
)
def test_any_study_fits_the_terminal_and_ends_at_its_best(
    metrics: list[float | None], direction: Direction, width: int
) -> None:
    plot = metric_plot(trials_of(metrics), Goal(direction), width)
    known = [metric for metric in metrics if metric is not None]
    assert bool(plot) == bool(known)
    lines = plot.splitlines()
    assert all(len(line) <= width for line in lines)
    if known:
        # The best is the end of the scale: its row is the first or the last.
        best = lines[0] if direction == "maximize" or len(set(known)) == 1 else lines[HEIGHT - 1]
        assert BEST in best
