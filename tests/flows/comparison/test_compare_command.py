"""Studies side by side: after equal numbers of trials, and with what makes them differ."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from tests.flows.command_processes import Command, Told
from tests.flows.stored_studies import store_study
from tests.flows.studies import completed, failed
from tests.flows.study_report.test_reports import check_page

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


def test_the_best_so_far_of_all_is_drawn_in_the_terminal(tuner: Command) -> None:
    store_two(objective="others.py:train")
    lines = tuner("compare", "first", "other").out.splitlines()
    head = lines.index("Best so far by trial (compare with care: their objectives differ)")
    assert lines[head + 1].startswith("0.9 ┫")
    assert lines[head + 1].endswith("B")
    assert any(re.search("┃ *A+", line) for line in lines)
    assert [line for line in lines if re.match("  [A-Z] ", line)] == ["  A first", "  B other"]


def test_directions_that_differ_have_plots_of_their_own(tuner: Command) -> None:
    store_two(direction="minimize")
    store_study("none", failed(0))
    out = tuner("compare", "first", "other", "none").out
    doubt = "(not comparable: their directions differ)"
    assert f"Best so far by trial, maximized {doubt}" in out
    assert f"Best so far by trial, minimized {doubt}" in out
    assert "  C none  no metric" in out


def test_letters_stand_for_many_studies(tuner: Command) -> None:
    names = [f"a study with a long name, the {n}th of them" for n in range(12)]
    for n, name in enumerate(names):
        store_study(name, completed(0, n / 100), completed(1, n / 10))
    told = tuner("compare", *names)
    assert all(f"  {'ABCDEFGHIJKL'[n]} {name}" in told.out for n, name in enumerate(names))
    assert "The curves are those of the first 10 of them" in told.out
    assert rows(told)["K"][:2] == ["complete", "random, seed 7"]
    assert "│ L │ 0.11 * │ 1.1 * │" in told.out


def test_the_comparison_is_a_file_that_needs_nothing_else(tuner: Command, tmp_path: Path) -> None:
    store_two(space=OTHER_SPACE, strategy={"name": "grid", "points": 4})
    file = tmp_path / "two.html"
    file.write_text("before")
    told = tuner("compare", "first", "other", "-o", str(file))
    assert (told.code, told.out) == (0, "")
    assert f"Wrote the comparison of 2 studies to {file}" in told.err
    page = file.read_text("utf-8")
    text = " ".join(check_page(page).text.split())
    for said in (
        "first and other",
        "After 3 trials each, first is ahead, at 0.5.",
        "In what they differ",
        "space.n",
        'grid {"points": 4}, seed 7',
        "Best so far after equal numbers of trials",
        "Parameters of the best",
    ):
        assert said in text
    for by in ("trial", "time"):
        assert f'aria-label="Best so far by {by} of 2 studies' in page
    told_trials = json.loads(page.partition('id="trials">')[2].partition("</script>")[0])
    marks = [mark for found in re.findall('data-marks="(.*?)"', page) for mark in json.loads(found)]
    assert {str(number) for _, _, number in marks} == set(told_trials)
    assert ["B other", "Trial 3", "metric 0.9"] in [lines[:3] for lines in told_trials.values()]


def test_what_is_ahead_is_in_the_file_where_it_can_be_said(tuner: Command, tmp_path: Path) -> None:
    store_two()
    store_study("down", completed(0, 0.5), direction="minimize")
    file = tmp_path / "all.html"
    assert tuner("compare", "first", "other", "-o", str(file)).code == 0
    assert "<td>A</td>" in file.read_text("utf-8").partition("equal numbers")[2]
    assert tuner("compare", "first", "down", "-o", str(file)).code == 0
    page = file.read_text("utf-8")
    assert ">ahead<" not in page
    assert "B down, minimized" in page
    assert "not comparable: their directions differ" in page


def test_a_file_of_studies_with_hostile_names_obeys_none(tuner: Command, tmp_path: Path) -> None:
    names = ["<script>alert(1)</script>", "$x$ | `c`", "学習率" * 30, "</svg><b>"]
    for name in names:
        store_study(name, completed(0, 0.5, kind="<i>"), completed(1, 0.75, kind="<i>"))
    file = tmp_path / "all.html"
    assert tuner("compare", *names, "-o", str(file)).code == 0
    read = check_page(file.read_text("utf-8"))
    assert {tag for tag, _, _ in read.attributes} & {"b", "i", "a"} == set()
    assert all(name in read.text for name in names)


def test_json_goes_with_a_file(tuner: Command, tmp_path: Path) -> None:
    store_two()
    told = tuner("compare", "first", "other", "--json", "-o", str(tmp_path / "two.html"))
    assert len(json.loads(told.out)["studies"]) == 2
    assert (tmp_path / "two.html").exists()


def test_what_a_file_needs_is_said(tuner: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    store_two()
    told = tuner("compare", "first", "other", "-o", "no/such/folder/two.html")
    assert told.code == 2
    assert told.err.startswith("--output: must be a file that can be written")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert tuner("compare", "first", "other").code == 0
    told = tuner("compare", "first", "other", "-o", "two.html")
    assert told.code == 2
    assert told.err.startswith("compare: --output: needs matplotlib: pip install")
