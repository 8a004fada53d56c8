from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_tuner import Outcome, Trial
from prefect_tuner.flows.reports.leaderboard import (
    BEST_SHOWN,
    EXTRAS_SHOWN,
    FAILED_SHOWN,
    LONGEST_TEXT,
    best_trials,
    failed_trials,
    failure_rows,
    leaderboard_rows,
    summary_markdown,
)
from prefect_tuner.flows.study.tuning_events import Progress
from prefect_tuner.goal import Goal
from tests.flows.studies import completed, failed

METRICS = st.lists(st.sampled_from([-1.0, -0.0, 0.0, 0.5, 2.0, 1e300]), max_size=60)


@given(METRICS, st.sampled_from(["maximize", "minimize"]))
def test_the_best_come_first_and_the_earlier_among_equals(
    metrics: list[float], direction: Any
) -> None:
    trials = [completed(number, metric) for number, metric in enumerate(metrics)]
    sign = -1.0 if direction == "maximize" else 1.0
    expected = sorted(trials, key=lambda t: (sign * (t.metric or 0.0), t.number))
    assert best_trials(trials, Goal(direction)) == expected[:BEST_SHOWN]


def test_only_completed_trials_are_on_the_leaderboard() -> None:
    trials = [failed(0), completed(1, 0.5), Trial(2, {"x": 0.1}), failed(3, Outcome.CANCELLED)]
    assert [row["trial"] for row in leaderboard_rows(trials, Goal("maximize"))] == [1]


def test_a_row_has_a_rank_and_a_column_for_each_number() -> None:
    trial = Trial(
        7,
        {"lr": 0.1, "booster": "dart"},
        outcome=Outcome.COMPLETED,
        metric=0.9,
        extra={"loss": 0.3},
        duration=1.5,
        attempts=2,
    )
    assert leaderboard_rows([trial], Goal("maximize")) == [
        {
            "rank": 1,
            "trial": 7,
            "metric": 0.9,
            "param.lr": 0.1,
            "param.booster": "dart",
            "extra.loss": 0.3,
            "duration": 1.5,
            "attempts": 2,
        }
    ]


def test_all_rows_have_the_columns_of_the_first() -> None:
    trials = [
        completed(0, 3.0, x=1),
        Trial(1, {"x": 2}, outcome=Outcome.COMPLETED, metric=2.0, extra={"loss": 0.5}),
        Trial(2, {"x": 3}, outcome=Outcome.COMPLETED, metric=1.0, extra={"epochs": 4.0}),
    ]
    rows = leaderboard_rows(trials, Goal("maximize"))
    assert len({tuple(row) for row in rows}) == 1
    assert [row["extra.loss"] for row in rows] == [None, 0.5, None]
    assert [row["extra.epochs"] for row in rows] == [None, None, 4.0]


def test_rows_of_conditional_parameters_have_the_same_columns() -> None:
    trials = [
        Trial(0, {"kind": "a", "lr": 0.1}, outcome=Outcome.COMPLETED, metric=3.0),
        Trial(1, {"kind": "b", "depth": 3, "lr": 0.1}, outcome=Outcome.COMPLETED, metric=2.0),
    ]
    rows = leaderboard_rows(trials, Goal("maximize"))
    expected = ["rank", "trial", "metric", "param.kind", "param.depth", "param.lr"]
    assert [list(row)[:6] for row in rows] == [expected] * 2
    assert [row["param.depth"] for row in rows] == [None, 3]


def test_thousands_of_further_numbers_do_not_make_thousands_of_columns() -> None:
    extra = {f"fold {n}": float(n) for n in range(5000)}
    trials = [
        Trial(0, {"x": 1}, outcome=Outcome.COMPLETED, metric=0.5, extra=extra),
        Trial(1, {"x": 2}, outcome=Outcome.COMPLETED, metric=0.4, extra={"loss": 0.1}),
    ]
    for row in leaderboard_rows(trials, Goal("maximize")):
        assert sum(name.startswith("extra.") for name in row) == EXTRAS_SHOWN
        assert list(row)[-2:] == ["duration", "attempts"]


def test_values_keep_their_exact_types_in_json() -> None:
    values = [True, 1, 1.0, "1"]
    trials = [completed(number, -float(number), v=value) for number, value in enumerate(values)]
    rows = json.loads(json.dumps(leaderboard_rows(trials, Goal("maximize"))))
    shown = [row["param.v"] for row in rows]
    assert shown == values
    assert [type(value) for value in shown] == [bool, int, float, str]


def test_what_json_has_no_number_for_is_shown_as_text() -> None:
    trial = Trial(0, {"x": 1}, outcome=Outcome.COMPLETED, metric=0.5, extra={"loss": float("-inf")})
    (row,) = leaderboard_rows([trial], Goal("maximize"))
    assert row["extra.loss"] == "-inf"
    json.dumps(row, allow_nan=False)


def test_long_texts_are_cut() -> None:
    (row,) = failure_rows([failed(0, message="x" * 10_000)])
    assert len(row["message"]) == LONGEST_TEXT
    assert row["message"].endswith("…")


def test_failures_are_listed_latest_first_with_their_outcome() -> None:
    trials = [
        failed(0),
        completed(1, 0.5),
        failed(2, Outcome.TIMED_OUT, message="took too long"),
        failed(3, Outcome.CANCELLED),
        Trial(4, {"x": 0.1}),
    ]
    rows = failure_rows(trials)
    assert [(row["trial"], row["outcome"]) for row in rows] == [
        (3, "cancelled"),
        (2, "timed_out"),
        (0, "failed"),
    ]
    assert rows[1]["message"] == "took too long"


def test_tables_stay_small_however_many_trials_there_are() -> None:
    trials = [completed(n, float(n)) if n % 2 else failed(n) for n in range(10_000)]
    assert [row["metric"] for row in leaderboard_rows(trials, Goal("maximize"))] == [
        9999.0 - 2 * i for i in range(BEST_SHOWN)
    ]
    assert [t.number for t in failed_trials(trials)] == [9998 - 2 * i for i in range(FAILED_SHOWN)]


class CountedTrials(list[Trial]):
    """Counts how many trials are looked at from the end."""

    looked_at = 0

    def __reversed__(self) -> Any:
        for trial in super().__reversed__():
            self.looked_at += 1
            yield trial


def test_the_latest_failures_are_found_without_a_walk_through_all_trials() -> None:
    trials = CountedTrials(failed(n) for n in range(10_000))
    failed_trials(trials)
    assert trials.looked_at <= FAILED_SHOWN + 1


def test_the_summary_names_the_best_parameters_twice_to_read_and_to_copy() -> None:
    best = completed(3, 0.875, lr=0.1, flag=True, name="a")
    progress = Progress(elapsed=12.34, asked=5, completed=3, failed=2, best_trial=best)
    text = summary_markdown("churn", "maximize", progress, "Running")
    assert re.match(r"## churn\n\nRunning \(3 .*, 2 .*, 5 .*, 12\.3 s\)\.\n", text)
    assert re.search(r"\(\*\*maximize\*\*\): 3, .*\*\*0\.875\*\*", text)
    assert "| lr | 0.1 |" in text
    assert "| flag | True |" in text
    fenced = text.partition("```json\n")[2].partition("```")[0]
    assert json.loads(fenced) == {"lr": 0.1, "flag": True, "name": "a"}


def test_a_summary_without_a_metric_says_so() -> None:
    text = summary_markdown("churn", "maximize", Progress(asked=1, failed=1), "Failed: no")
    assert re.search(r"No trial.* metric\.$", text)


@pytest.mark.parametrize(
    "text",
    [
        "a|b",
        "<script>alert(1)</script>",
        "**bold**",
        "[link](https://example.org)",
        "`code`",
        "# title",
        "$x$",
        "&lt;",
    ],
)
def test_markup_in_names_and_values_is_shown_and_not_obeyed(text: str) -> None:
    best = completed(0, 1.0, **{text: text})
    markdown = summary_markdown(text, "maximize", Progress(completed=1, best_trial=best), text)
    before, fence, after = markdown.partition("```json")
    assert fence
    assert after.count("```") == 1
    for line in before.splitlines():
        plain = _without_escapes(line)
        assert "<" not in plain
        assert "`" not in plain
        if line.startswith("| ") and "---" not in line:
            assert plain.count("|") == 3
    assert "**bold**" not in before
    assert "](" not in before


def _without_escapes(line: str) -> str:
    characters = iter(line)
    return "".join(c for c in characters if c != "\\" or next(characters, "") is None)


def test_line_breaks_do_not_break_the_table() -> None:
    best = completed(0, 1.0, name="a\n\n| b | c |")
    markdown = summary_markdown(
        "two\nlines", "maximize", Progress(completed=1, best_trial=best), "Running"
    )
    assert markdown.splitlines()[0] == "## two lines"
    assert sum(line.startswith("| ") for line in markdown.splitlines()) == 3
