"""What the report of the search benchmark makes of stored runs."""

from __future__ import annotations

import re

import numpy as np
import pytest

from benchmarks.search import run as smoke
from benchmarks.search import tables
from benchmarks.search.ask_times import FIRST, MIXED, ask_times, ask_times_table, mixed
from benchmarks.search.comparison import (
    complete_seeds,
    curve,
    curve_over_time,
    estimate,
    mean_regret,
    paired_difference,
    paired_ratio,
)
from benchmarks.search.family_table import family_tables
from benchmarks.search.problems import ProblemSet, problem_set
from benchmarks.search.report import PAGE, report_tables, with_tables
from benchmarks.search.report_tables import groups, regret_table
from benchmarks.search.slice_table import slice_tables
from benchmarks.search.tables import FAMILIES
from benchmarks.search.targets import targets_table
from benchmarks.search.trajectories import STORE, Runs, Trajectory, changes


def trajectory(*regrets: float, seconds: float = 10.0) -> Trajectory:
    clocks = [seconds * number for number in range(1, len(regrets) + 1)]
    return Trajectory(changes(regrets, clocks), len(regrets), clocks[-1], 1.5, 0)


def test_differences_are_paired_by_seed_over_the_seeds_that_both_have_complete() -> None:
    ours: Runs = {("a", seed): trajectory(1.0, 0.5 + seed) for seed in range(8)}
    ours |= {("b", seed): trajectory(1.0, 1.0) for seed in range(8)}
    theirs: Runs = {("a", seed): trajectory(1.0, 1.0 + seed) for seed in range(10)}
    theirs |= {("b", seed): trajectory(1.0, 1.0) for seed in range(6)}
    theirs["b", 5] = trajectory(1.0)
    gap = paired_difference(ours, theirs, ["a", "b"], 2)
    assert gap is not None
    assert complete_seeds(theirs, ["a", "b"], 2) == {0, 1, 2, 3, 4}
    assert (gap.mean, gap.low, gap.high, gap.seeds) == (-0.25, -0.25, -0.25, 5)
    part = paired_ratio(theirs, theirs, ["a", "b"], 2)
    assert part is not None
    assert (part.mean, part.low, part.high) == (1.0, 1.0, 1.0)
    assert mean_regret(ours, ["a", "b"], 3) is None
    assert paired_difference(ours, {}, ["a"], 2) is None


def test_an_interval_covers_the_mean_of_what_was_drawn() -> None:
    rng = np.random.default_rng(5)
    covered = sum(
        one.low <= 2.0 <= one.high
        for one in (estimate(rng.normal(2.0, 1.0, size=30)) for _ in range(60))
    )
    assert covered >= 50
    with pytest.raises(ValueError, match="at least one value"):
        estimate([])


def test_a_curve_goes_through_the_means() -> None:
    runs: Runs = {("a", seed): trajectory(2.0, 1.0, seconds=5.0) for seed in range(6)}
    runs |= {("b", seed): trajectory(4.0, 3.0, seconds=10.0) for seed in range(6)}
    mean, low, high = curve(runs, ["a", "b"], [1, 2])
    assert mean.tolist() == low.tolist() == high.tolist() == [3.0, 2.0]
    mean, _, _ = curve_over_time(runs, ["a", "b"], {"a": 5.0, "b": 10.0}, [0.5, 1.0, 2.0])
    assert mean.tolist() == [3.0, 3.0, 2.0]


def test_saturated_problems_are_no_part_of_any_group_but_all() -> None:
    grouped = groups(problem_set("tables"))
    assert next(iter(grouped)) == "All but `car`"
    assert [title for title, names in grouped.items() if "car" in names] == ["All"]
    assert set(grouped["Held out"]) | set(grouped["Tuned on"]) | {"car"} == set(FAMILIES)
    few = ProblemSet("few", {"x": "f", "y": "f"}, (), (), tables.load)
    assert groups(few) == {"All": ["x", "y"]}


def test_a_difference_is_bold_when_its_interval_excludes_zero() -> None:
    ours: Runs = {("a", seed): trajectory(1.0 + seed % 2) for seed in range(9)}
    theirs: Runs = {("a", seed): trajectory(4.0) for seed in range(9)}
    level: Runs = {("a", seed): trajectory(2.0 - seed % 2) for seed in range(9)}
    methods = {"gp": ours, "optuna-5.0.0-tpe": theirs, "optuna-5.0.0-gp": level}
    lines = regret_table(methods, ["a"], budgets=(1, 2)).splitlines()
    assert lines[0] == "| mean regret after | 1 trials | seeds |"
    assert lines[2] == "| `gp` | 1.4444 | 9 |"
    assert "**-2.5556 [" in lines[5]
    assert "**" not in lines[6]


def test_families_stand_side_by_side_and_weigh_the_same() -> None:
    few = ProblemSet("few", {"x": "f", "y": "f", "z": "g"}, (), (), tables.load)
    ours: Runs = {(name, seed): trajectory(1.0) for name in "xyz" for seed in range(5)}
    theirs: Runs = {(name, seed): trajectory(2.0) for name in "xy" for seed in range(5)}
    theirs |= {("z", seed): trajectory(4.0) for seed in range(4)}
    runs = {"gp": ours, "tpe": ours, "optuna-5.0.0-tpe": theirs}
    lines = family_tables({"few": runs}, {"few": few}, (1,)).splitlines()
    assert lines[0] == "**After 1 trials**"
    assert lines[4].startswith(
        "| f (2) | 1.000 | 1.000 | - | 2.000 | - | **-1.000 [-1.000, -1.000]**"
    )
    assert lines[4].endswith("| 0.50 |")
    # Four seeds are too few for an interval.
    assert lines[5] == "| g (1) | 1.000 | 1.000 | - | 4.000 | - | - | - | - |"
    assert lines[6].startswith("| mean of the families | 1.000 | 1.000 | - | 3.000 | - |")


def test_a_family_that_nobody_was_run_on_and_peers_that_were_not_asked_for_are_left_out() -> None:
    two = ProblemSet("two", {"x": "f", "y": "g"}, (), (), tables.load)
    runs = {
        method: {("x", seed): trajectory(1.0) for seed in range(6)}
        for method in ("gp", "tpe", "optuna-5.0.0-tpe", "optuna-5.0.0-gp")
    }
    lines = family_tables({"two": runs}, {"two": two}, (1,), ["optuna-5.0.0-tpe"]).splitlines()
    assert "GPSampler" not in lines[2]
    assert [line.split(" | ")[0] for line in lines[4:]] == ["| f (1)", "| mean of the families"]
    assert lines[4].endswith("| 1.000 | 1.000 | - | 1.000 | +0.000 [+0.000, +0.000] | 1.00 |")


def test_slow_peers_are_compared_on_the_runs_that_they_have() -> None:
    two = ProblemSet("two", {"x": "f", "y": "g"}, (), (), tables.load)
    ours: Runs = {(name, seed): trajectory(1.0) for name in "xy" for seed in range(9)}
    theirs: Runs = {("x", seed): trajectory(2.0) for seed in range(6)}
    theirs |= {("y", 0): trajectory(4.0), ("y", 10): trajectory(0.0)}
    runs = {"gp": ours, "hebo-0.3.6": theirs}
    hebo, ax = slice_tables({"two": runs}, {"two": two}, (1,)).split("\n\n**Ax 1.3.1**\n\n")
    assert hebo.splitlines()[0] == "**HEBO 0.3.6**"
    assert hebo.splitlines()[2] == "| family | runs | `gp` at 1 | HEBO 0.3.6 at 1 | difference |"
    assert hebo.splitlines()[4:] == [
        "| f | 6 | 1.000 | 2.000 | **-1.000 [-1.000, -1.000]** |",
        # Of one run there is no interval.
        "| g | 1 | 1.000 | 4.000 | -3.000 |",
        "| all | 7 | 1.000 | 2.286 | **-1.286 [-1.857, -1.000]** |",
    ]
    assert ax.splitlines()[2] == "| all | 0 | - | - | - |"


def test_a_page_gets_the_tables_it_has_places_for() -> None:
    page = "a\n<!-- table: x -->\nold\n<!-- end of table -->\nb\n"
    made = with_tables(page, {"x": "| new |", "y": "| other |"})
    assert made == "a\n<!-- table: x -->\n\n| new |\n\n<!-- end of table -->\nb\n"
    assert with_tables(made, {"x": "| new |"}) == made
    with pytest.raises(LookupError, match="no table 'x'"):
        with_tables(page, {})


def test_the_smoke_run_fails_when_gp_is_behind_or_not_there() -> None:
    good: Runs = {("a", 0): trajectory(1.0)}
    bad: Runs = {("a", 0): trajectory(2.0)}
    peer = smoke.SMOKE_PEER
    assert smoke.smoke_failures({"gp": good, "random": bad, peer: bad}, ["a"], 1) == []
    assert len(smoke.smoke_failures({"gp": bad, "random": good, peer: bad}, ["a"], 1)) == 2
    assert "no runs of both" in smoke.smoke_failures({"gp": good, "random": bad}, ["a"], 1)[0]


def test_a_target_is_reached_or_not_or_there_are_too_few_seeds_to_say() -> None:
    def runs(regret: float, seeds: int) -> Runs:
        return {("a", seed): trajectory(*[regret] * 100) for seed in range(seeds)}

    problems = ProblemSet("small", {"a": "f"}, (), (), tables.load)
    methods = {
        "gp": runs(0.02, 9),
        "optuna-5.0.0-tpe": runs(0.03, 9),
        "optuna-5.0.0-gp": runs(0.03, 3),
    }
    times = {
        "gp": {"mixed": {"100": [10.0, 60.0], "500": [20.0, 90.0]}, "cifar10": {FIRST: [3.0]}},
        "optuna-5.0.0-gp": {"cifar10": {FIRST: [29.0]}},
    }
    rows = targets_table({"sequential": methods}, problems, ["a"], times, {}).splitlines()
    said = {row.split(" | ")[0].strip("| "): row.split(" | ")[2].strip("| ") for row in rows[2:]}
    assert said["`gp`, all 15 tables, 50 trials: at most 0.03"] == "yes"
    assert said["`gp`, all 15 tables, 100 trials: at most 0.013"] == "no"
    assert said["below Optuna's TPE at 100 trials"] == "yes"
    assert said["below Optuna's GPSampler at 100 trials"] == "too few seeds"
    cost = "`gp`, CPU per suggestion, mean over 100 trials: a tenth of GPSampler's"
    assert said[cost] == "no"
    assert said["`gp`, 95 % of suggestions with 100 trials: at most 50 ms"] == "no"
    assert said["`gp`, 95 % of suggestions with 500 trials: at most 150 ms"] == "yes"
    assert not any("workers" in target or "200 trials" in target for target in said)


def test_every_ask_and_tell_of_a_study_is_timed() -> None:
    spent = ask_times("random", MIXED, mixed, 0, 30)
    assert len(spent) == 30
    assert min(spent) >= 0.0 < sum(spent)
    times = {"random": {"mixed": {"10": [1.0, 2.0, 3.0]}}}
    assert "| `random` | mixed space | 2.0 / 2.9 | - |" in ask_times_table(times)


def test_the_page_shows_what_the_stored_runs_say() -> None:
    page = PAGE.read_text("utf-8")
    places = set(re.findall("<!-- table: (.+) -->", page))
    made = {name: make() for name, make in report_tables(STORE).items() if name in places}
    # If not: python -m benchmarks.search.everything --report-only
    assert with_tables(page, made) == page
    assert all((PAGE.parent / link).exists() for link in re.findall(r"!\[.*?\]\((.*?)\)", page))
