"""Regrets by family of problems, families of all sets side by side and each of the same weight.

Problems of one kind are alike in what they reward: a mean over all of them says what there are most
of. So each family stands for itself, and the mean over families is shown beside them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from benchmarks.search.comparison import Estimate, mean_regret, paired_difference, paired_ratio
from benchmarks.search.problems import ProblemSet
from benchmarks.search.report_tables import FEWEST_SEEDS, RunsByMethod, label, markdown, signed

SHORT: Final = (10, 25, 50)
"""Numbers of trials of short studies."""

_TPE = "optuna-5.0.0-tpe"
PEERS_OF_FAMILIES: Final = (_TPE, "optuna-5.0.0-gp")
"""The peers that stand beside ours."""


def family_tables(
    runs: Mapping[str, RunsByMethod],
    problems: Mapping[str, ProblemSet],
    budgets: Sequence[int] = SHORT,
    peers: Sequence[str] = PEERS_OF_FAMILIES,
) -> str:
    """For each budget a table: mean regrets of each family, and how ours differ from the peers'.

    A family that nobody was run on is left out.

    Args:
        runs: For each set of problems the runs of the methods.
        problems: The sets.
        budgets: Numbers of finished trials.
        peers: The methods of others, Optuna's TPE among them.
    """
    return "\n\n".join(
        f"**After {budget} trials**\n\n{_table(runs, problems, budget, peers)}"
        for budget in budgets
    )


def _table(
    runs: Mapping[str, RunsByMethod],
    problems: Mapping[str, ProblemSet],
    budget: int,
    peers: Sequence[str],
) -> str:
    methods = ("gp", "tpe", "random", *peers)
    head = ["family", *map(label, methods)]
    head += [f"{label('gp')} minus {label(peer)}" for peer in peers]
    rows = [[*head, f"{label('tpe')} as a part of {label(_TPE)}"]]
    means: list[list[float | None]] = []
    for name, problem_set in problems.items():
        for family in dict.fromkeys(problem_set.families.values()):
            members = [n for n, of in problem_set.families.items() if of == family]
            found = [_mean(runs[name], method, members, budget) for method in methods]
            if found.count(None) == len(found):
                continue
            means.append(found)
            part = _part(runs[name], members, budget)
            gaps = [_gap(runs[name], peer, members, budget) for peer in peers]
            rows.append([f"{family} ({len(members)})", *map(_shown, found), *gaps, part])
    whole = [_shown(_mean_of_all(column)) for column in zip(*means, strict=True)]
    rows.append(["mean of the families", *whole, *[""] * (len(peers) + 1)])
    return markdown(rows)


def _mean(runs: RunsByMethod, method: str, names: Sequence[str], budget: int) -> float | None:
    found = mean_regret(runs.get(method, {}), names, budget)
    return None if found is None else found.mean


def _mean_of_all(means: Sequence[float | None]) -> float | None:
    """None where one of them is not known."""
    known = [mean for mean in means if mean is not None]
    return float(np.mean(known)) if len(known) == len(means) else None


def _gap(runs: RunsByMethod, peer: str, names: Sequence[str], budget: int) -> str:
    found = paired_difference(runs.get("gp", {}), runs.get(peer, {}), names, budget)
    return "-" if found is None or found.seeds < FEWEST_SEEDS else signed(found, 3)


def _part(runs: RunsByMethod, names: Sequence[str], budget: int) -> str:
    found: Estimate | None = paired_ratio(runs.get("tpe", {}), runs.get(_TPE, {}), names, budget)
    return "-" if found is None or found.seeds < FEWEST_SEEDS else f"{found.mean:.2f}"


def _shown(mean: float | None) -> str:
    return "-" if mean is None else f"{mean:.3f}"
