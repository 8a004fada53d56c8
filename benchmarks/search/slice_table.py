"""Regrets beside methods that are too slow to be run everywhere: on the runs that they have.

There are few seeds of each problem, so that differences are paired run by run, and intervals are
bootstrapped over the runs of a family, not over seeds as elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from benchmarks.search.comparison import estimate
from benchmarks.search.family_table import SHORT
from benchmarks.search.problems import ProblemSet
from benchmarks.search.report_tables import RunsByMethod, label, markdown, signed
from benchmarks.search.trajectories import Trajectory

SLOW: Final = ("hebo-0.3.6", "ax-1.3.1")
"""The methods that were run on a slice."""

_OURS: Final = "gp"

Pairs: TypeAlias = Mapping[str, Sequence[tuple[Trajectory, Trajectory]]]
"""By family, runs of ours and theirs of the same problem and seed."""


def slice_tables(
    runs: Mapping[str, RunsByMethod],
    problems: Mapping[str, ProblemSet],
    budgets: Sequence[int] = SHORT,
) -> str:
    """For each slow method a table: mean regrets by family of it and of `gp`, and their difference.

    Args:
        runs: For each set of problems the runs of the methods.
        problems: The sets; families that a method was not run on are left out.
        budgets: Numbers of finished trials.
    """
    return "\n\n".join(
        f"**{label(peer)}**\n\n{_table(_pairs(runs, problems, peer, max(budgets)), peer, budgets)}"
        for peer in SLOW
    )


def _pairs(
    runs: Mapping[str, RunsByMethod], problems: Mapping[str, ProblemSet], peer: str, trials: int
) -> Pairs:
    """Of each family, and of all, our run and theirs of each problem and seed that both have."""
    pairs: dict[str, list[tuple[Trajectory, Trajectory]]] = {}
    for name, problem_set in problems.items():
        ours, theirs = (runs[name].get(method, {}) for method in (_OURS, peer))
        for key in sorted(ours.keys() & theirs.keys()):
            if min(ours[key].trials, theirs[key].trials) >= trials:
                family = problem_set.families[key[0]]
                pairs.setdefault(family, []).append((ours[key], theirs[key]))
    return {**pairs, "all": [pair for found in pairs.values() for pair in found]}


def _table(pairs: Pairs, peer: str, budgets: Sequence[int]) -> str:
    head = ["family", "runs"]
    for budget in budgets:
        head += [f"{label(_OURS)} at {budget}", f"{label(peer)} at {budget}", "difference"]
    rows = [head]
    for family, found in pairs.items():
        row = [family, str(len(found))]
        for budget in budgets if found else ():
            regrets = [(our.regret_at(budget), their.regret_at(budget)) for our, their in found]
            means = (sum(column) / len(found) for column in zip(*regrets, strict=True))
            row += [f"{mean:.3f}" for mean in means]
            row.append(signed(estimate([our - their for our, their in regrets]), 3))
        rows.append(row + ["-"] * (len(head) - len(row)))
    return markdown(rows)
