"""Studies side by side: after equal numbers of trials, and with what makes them differ."""

from __future__ import annotations

import json

import pytest

from tests.flows.command_processes import Command, Told
from tests.flows.stored_studies import store_study
from tests.flows.studies import completed, failed

OTHER_SPACE = {
    "x": {"type": "float", "low": 0.0, "high": 2.0},
    "n": {"type": "int", "low": 1, "high": 3},
}


def rows(told: Told) -> dict[str, list[str]]:
    """The rows of all tables, by their first cells; the first of those that have the same."""
    lines = [line.split("│")[1:-1] for line in told.out.splitlines() if "│" in line]
    return {first.strip(): [each.strip() for each in rest] for first, *rest in reversed(lines)}


def store_two(**of_the_other: object) -> None:
    store_study("first", *(completed(n, metric) for n, metric in enumerate((0.1, 0.5, 0.2))))
    store_study(
        "other",
        failed(0),
        *(completed(n, metric) for n, metric in ((1, 0.3), (2, 0.4), (3, 0.9))),
        **of_the_other,  # type: ignore[arg-type]
    )


def test_the_best_is_compared_after_equal_numbers_of_trials(tuner: Command) -> None:
    store_two(strategy={"name": "grid", "points": 4}, seed=8)
    told = tuner("compare", "first", "other")
    assert (told.code, told.err) == (0, "")
    assert told.out.splitlines()[0] == "After 3 trials each, first is ahead, at 0.5"
    assert "They differ" not in told.out
    table = rows(told)
    assert table["1"] == ["0.1", ""]
    assert table["2"] == ["0.5 *", "0.3"]
    assert table["3"] == ["0.5 *", "0.4"]
    assert table["4"] == ["", "0.9"]
    assert table["trials"] == ["3, none failed", "4, 1 failed"]
    assert table["best metric"] == ["0.5", "0.9"]
    assert table["found by trial"] == ["1", "3"]
    assert table["strategy"] == ["random, seed 7", 'grid {"points": 4}, seed 8']
    assert table["x"] == ["0.5", "0.5"]


def test_what_makes_metrics_differ_is_said(tuner: Command) -> None:
    store_two(objective="others.py:train", space=OTHER_SPACE)
    told = tuner("compare", "first", "other")
    text = " ".join(told.out.split())
    assert "They differ in objective: first: objectives.py:train; other: others.py:train" in text
    assert "They differ in space.x: first: {" in text
    assert "They differ in space: n only in other" in text
    assert "first is ahead, at 0.5; but their metrics are those of different objectives" in text


def test_directions_that_differ_have_no_leader(tuner: Command) -> None:
    store_two(direction="minimize")
    told = tuner("compare", "first", "other")
    assert told.out.startswith("Their directions differ")
    assert " *" not in told.out.replace("(* the best)", "")


def test_a_comparison_for_programs_is_json(tuner: Command) -> None:
    store_two()
    store_study("third", failed(0))
    document = json.loads(tuner("compare", "first", "other", "third", "--json").out)
    assert [each["study"] for each in document["studies"]] == ["first", "other", "third"]
    assert document["studies"][1]["best_so_far"] == [None, 0.3, 0.4, 0.9]
    assert document["best_after"][0] == {
        "trials": 1,
        "metrics": {"first": 0.1, "other": None, "third": None},
    }
    assert document["studies"][2]["best_metric"] is None


def test_studies_without_trials_can_be_compared(tuner: Command) -> None:
    store_study("empty")
    store_study("failed", failed(0))
    told = tuner("compare", "empty", "failed")
    assert told.code == 0
    assert told.out.startswith("Not all of them have a trial")


@pytest.mark.parametrize("names", [(), ("first",), ("first", "first")])
def test_it_takes_two_studies(tuner: Command, names: tuple[str, ...]) -> None:
    store_two()
    told = tuner("compare", *names)
    assert told.code == 2
    assert "two or more studies, each once" in told.err


def test_a_study_that_is_not_there_is_named(tuner: Command) -> None:
    store_two()
    told = tuner("compare", "first", "otter")
    assert told.code == 2
    assert "'otter'" in told.err


def test_names_and_values_do_nothing_to_the_terminal(tuner: Command) -> None:
    store_study("[red]evil[/red]", completed(0, 0.5, kind="\x1b[31m[bold]b[/bold]"))
    store_study("other", completed(0, 0.5))
    told = tuner("compare", "[red]evil[/red]", "other")
    assert "[red]evil[/red]" in told.out
    assert "[bold]b[/bold]" in told.out
    assert "\x1b" not in told.out
