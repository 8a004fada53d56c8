"""Regrets beside methods that are too slow to be run everywhere: on the runs that all of them have.

There are few seeds of each problem, so that differences are paired run by run, and intervals are
bootstrapped over the runs of a family, not over seeds as elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from benchmarks.search.comparison import estimate
from benchmarks.search.family_table import SHORT
from benchmarks.search.problems import ProblemSet
from benchmarks.search.report_tables import RunsByMethod, label, markdown, signed
from benchmarks.search.trajectories import Runs

SLOW: Final = ("hebo-0.3.6", "ax-1.3.1")
"""The methods that say which runs count."""

_METHODS: Final = ("gp", "tpe", *SLOW, "optuna-5.0.0-tpe", "optuna-5.0.0-gp")


def slice_tables(
    runs: Mapping[str, RunsByMethod],
    problems: Mapping[str, ProblemSet],
    budgets: Sequence[int] = SHORT,
) -> str:
    """For each budget a table: mean regrets of each family, and how `gp` differs from slow peers.

    Args:
        runs: For each set of problems the runs of the methods.
        problems: The sets; those that no slow method was run on are left out.
        budgets: Numbers of finished trials.
    """
    families: dict[str, list[Mapping[str, Runs]]] = {}
    for name, problem_set in problems.items():
        common = _common(runs[name], max(budgets))
        for family in dict.fromkeys(problem_set.families[key[0]] for key in sorted(common["gp"])):
            families[family] = [
                {
                    method: {k: v for k, v in done.items() if problem_set.families[k[0]] == family}
                    for method, done in common.items()
                }
            ]
    families["all"] = [part for parts in families.values() for part in parts]
    return "\n\n".join(
        f"**After {budget} trials**\n\n{_table(families, budget)}" for budget in budgets
    )


def _common(runs: RunsByMethod, trials: int) -> dict[str, Runs]:
    """The runs of each method that all methods have, of so many trials at least."""
    done = [
        {key for key, run in runs.get(method, {}).items() if run.trials >= trials}
        for method in _METHODS
    ]
    common = set.intersection(*done)
    return {m: {key: runs.get(m, {})[key] for key in sorted(common)} for m in _METHODS}


def _table(families: Mapping[str, Sequence[Mapping[str, Runs]]], budget: int) -> str:
    head = ["family", "runs", *map(label, _METHODS)]
    rows = [[*head, *(f"{label('gp')} minus {label(peer)}" for peer in SLOW)]]
    for family, parts in families.items():
        regrets = {
            method: [run.regret_at(budget) for part in parts for run in part[method].values()]
            for method in _METHODS
        }
        count = len(regrets["gp"])
        if not count:
            continue
        means = [f"{sum(regrets[method]) / count:.3f}" for method in _METHODS]
        gaps = [
            estimate([a - b for a, b in zip(regrets["gp"], regrets[peer], strict=True)])
            for peer in SLOW
        ]
        rows.append([family, str(count), *means, *(signed(gap, 3) for gap in gaps)])
    return markdown(rows)
