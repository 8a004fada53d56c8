"""The tables of the documentation from the stored runs: `python -m benchmarks.search.report`.

Prints all of them as markdown. With `--write` they replace those of a page: what stands between
`<!-- table: NAME -->` and `<!-- end of table -->`.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.search.ask_times import ask_times_table, read_ask_times
from benchmarks.search.family_table import family_tables
from benchmarks.search.optimizers import OURS
from benchmarks.search.peers import PEERS
from benchmarks.search.problems import problem_set
from benchmarks.search.report_tables import (
    cost_table,
    grouped_regret_tables,
    groups,
    regret_table,
    table_by_problem,
    table_of_methods,
    wins_table,
    workers_table,
)
from benchmarks.search.simulated_workers import SETTINGS
from benchmarks.search.slice_table import slice_tables
from benchmarks.search.store_runs import RunsFile
from benchmarks.search.targets import targets_table
from benchmarks.search.trajectories import OTHER_SEEDS, STORE, Runs, Trajectory, read

PAGE: Final = Path(__file__).parents[2] / "docs" / "search_benchmark.md"
FIRST_PEER: Final = "optuna-5.0.0-tpe"
FAMILY_SETS: Final = ("yahpo", "synthetic", "branches", "tables", "tasks", "coco")
"""The sets whose families are shown side by side."""


def main() -> None:
    """Print all tables, or write them into a page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--write", type=Path, nargs="?", const=PAGE, help=f"a page; {PAGE.name}")
    parser.add_argument("--store", type=Path, default=STORE, help="the folder of the stored runs")
    asked = parser.parse_args()
    made = {name: make() for name, make in report_tables(asked.store).items()}
    if asked.write:
        asked.write.write_text(with_tables(asked.write.read_text("utf-8"), made), "utf-8")
        return
    for name, table in made.items():
        print(f"# {name}\n\n{table}\n")


def stored_runs(store: Path, problems: str, setting: str) -> dict[str, Runs]:
    """The stored runs of all methods, ours first."""
    runs = {m: read(RunsFile(store, problems, setting, m).path) for m in (*OURS, *PEERS)}
    return {method: done for method, done in runs.items() if done}


def report_tables(store: Path) -> dict[str, Callable[[], str]]:
    """What makes each table of the report, by name."""
    tables = problem_set("tables")
    telling = groups(tables)[next(iter(groups(tables)))]
    sequential = stored_runs(store, "tables", "sequential")
    noisy = stored_runs(store, "tables", "noisy")
    by_setting = {
        setting: stored_runs(store, "tables", setting)
        for setting in SETTINGS
        if setting == "sequential" or "workers" in setting
    }
    times = read_ask_times(store / "ask_times.json")
    ours = [method for method in ("gp", "tpe") if method in sequential]
    ours_noisy = [method for method in ("gp", "gp-noisy", "tpe") if method in noisy]
    everywhere = {**by_setting, "noisy": noisy}
    tasks = problem_set("tasks")
    on_tasks = stored_runs(store, "tasks", "sequential")
    on_coco = stored_runs(store, "coco", "sequential")
    sets = {name: problem_set(name) for name in FAMILY_SETS}
    everywhere_once = {name: stored_runs(store, name, "sequential") for name in sets}
    elsewhere = {name: stored_runs(store / OTHER_SEEDS, name, "sequential") for name in sets}
    return {
        "targets": partial(targets_table, everywhere, tables, telling, times, on_tasks),
        "families": partial(family_tables, everywhere_once, sets),
        "other seeds": partial(family_tables, elsewhere, sets, peers=(FIRST_PEER,)),
        "slice": partial(slice_tables, everywhere_once, sets),
        "regret": partial(grouped_regret_tables, sequential, tables, ours),
        "wins": partial(wins_table, sequential, telling, "gp"),
        "by table": partial(
            table_by_problem,
            sequential.get("gp", {}),
            sequential.get(FIRST_PEER, {}),
            tables,
            (100, 200),
            ("`gp`", "Optuna TPE"),
        ),
        "cost": partial(cost_table, sequential, telling),
        "ask times": partial(ask_times_table, times),
        "noisy": partial(grouped_regret_tables, noisy, tables, ours_noisy),
        "noisy, best tried": partial(
            regret_table, noisy, telling, ours_noisy, score=Trajectory.tried_at
        ),
        "tasks": partial(
            regret_table, on_tasks, list(tasks.families), [m for m in ours if m in on_tasks]
        ),
        "tasks, all seeds": partial(
            regret_table,
            {method: on_tasks[method] | runs for method, runs in elsewhere["tasks"].items()},
            list(tasks.families),
            [m for m in ours if m in elsewhere["tasks"]],
        ),
        "task by task": partial(table_of_methods, on_tasks, tasks, 50),
        "coco": partial(table_of_methods, on_coco, problem_set("coco"), 50),
        "workers": partial(workers_table, by_setting, telling, [*ours, FIRST_PEER], FIRST_PEER),
    }


def with_tables(page: str, tables: Mapping[str, str]) -> str:
    """A page with the tables that it has a place for.

    Raises:
        LookupError: The page has a place for a table that there is not.
    """

    def replaced(place: re.Match[str]) -> str:
        name = place["name"]
        if name not in tables:
            raise LookupError(f"there is no table {name!r}: there are {', '.join(tables)}")
        return f"<!-- table: {name} -->\n\n{tables[name]}\n\n<!-- end of table -->"

    place = r"<!-- table: (?P<name>[^\n]+?) -->\n.*?<!-- end of table -->"
    return re.sub(place, replaced, page, flags=re.DOTALL)


if __name__ == "__main__":
    main()
