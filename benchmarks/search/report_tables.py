"""The tables of the report, as markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias

from benchmarks.search.comparison import (
    BUDGETS,
    Estimate,
    Score,
    better_on,
    complete_seeds,
    mean_regret,
    paired_difference,
    paired_ratio,
)
from benchmarks.search.peers import PEERS
from benchmarks.search.problems import ProblemSet
from benchmarks.search.trajectories import Runs, Trajectory

LABELS: Final = {
    "optuna-5.0.0-tpe": "Optuna 5.0.0 TPE",
    "optuna-5.0.0-tpe-univariate": "Optuna 5.0.0 TPE, univariate",
    "optuna-5.0.0-gp": "Optuna 5.0.0 GPSampler",
    "hebo-0.3.6": "HEBO 0.3.6",
    "ax-1.3.1": "Ax 1.3.1",
    "smac-2.4.1": "SMAC 2.4.1",
    "nevergrad-1.0.12": "Nevergrad 1.0.12 NGOpt",
    "gp": "`gp`",
    "gp-noisy": "`gp`, `noisy`",
    "tpe": "`tpe`",
    "random": "`random`",
}
"""What methods are called in reports. Any other is called by its name."""

FEWEST_SEEDS: Final = 5
"""Seeds below which no interval is shown."""

RunsByMethod: TypeAlias = Mapping[str, Runs]


def label(method: str) -> str:
    """What a method is called in reports."""
    return LABELS.get(method, f"`{method}`")


def groups(problems: ProblemSet, names: Sequence[str] | None = None) -> dict[str, list[str]]:
    """The groups of problems that are reported, by title; without those that are empty or equal."""
    known = [name for name in problems.families if names is None or name in names]
    telling = [name for name in known if name not in problems.saturated]
    without = " and ".join(f"`{name}`" for name in known if name not in telling)
    named = {
        f"All but {without}" if without else "All": telling,
        "Held out": [name for name in telling if name not in problems.tuned_on],
        "Tuned on": [name for name in telling if name in problems.tuned_on],
        **{
            f"Family {family}": [n for n in telling if problems.families[n] == family]
            for family in dict.fromkeys(problems.families.values())
        },
        "All": known,
    }
    kept: dict[str, list[str]] = {}
    for title, members in named.items():
        if members and members not in kept.values():
            kept[title] = members
    return kept


def regret_table(
    runs: RunsByMethod,
    names: Sequence[str],
    compared: Sequence[str] = ("gp",),
    budgets: Iterable[int] = BUDGETS,
    score: Score = Trajectory.regret_at,
) -> str:
    """Mean regrets of all methods, and the paired differences of some of ours to the peers."""
    shown = [b for b in budgets if any(complete_seeds(done, names, b) for done in runs.values())]
    rows = [["mean regret after", *(f"{budget} trials" for budget in shown), "seeds"]]
    for method, done in runs.items():
        means = [mean_regret(done, names, budget, score) for budget in shown]
        if any(means):
            rows.append([label(method), *(_mean(mean) for mean in means), _seeds(means)])
    for ours in compared:
        for peer in [method for method in runs if method in PEERS and ours in runs]:
            gaps = [paired_difference(runs[ours], runs[peer], names, b, score) for b in shown]
            if any(gaps):
                rows.append(
                    [
                        f"{label(ours)} minus {label(peer)}",
                        *(signed(gap) for gap in gaps),
                        _seeds(gaps),
                    ]
                )
    return markdown(rows)


def grouped_regret_tables(
    runs: RunsByMethod,
    problems: ProblemSet,
    compared: Sequence[str] = ("gp",),
    names: Sequence[str] | None = None,
    budgets: Iterable[int] = BUDGETS,
) -> str:
    """The regret table of each group of problems, with its title."""
    return "\n\n".join(
        f"**{title}** ({_counted(members)})\n\n{regret_table(runs, members, compared, budgets)}"
        for title, members in groups(problems, names).items()
    )


def table_by_problem(
    ours: Runs, theirs: Runs, problems: ProblemSet, budgets: Sequence[int], titles: Sequence[str]
) -> str:
    """Mean regrets on each problem, and our part of theirs at the last budget."""
    rows = [["", *(f"{t} at {b}" for b in budgets for t in titles), f"ratio at {budgets[-1]}"]]
    for name in problems.families:
        cells = [_mean(mean_regret(runs, [name], b)) for b in budgets for runs in (ours, theirs)]
        part = paired_ratio(ours, theirs, [name], budgets[-1])
        marks = [
            mark
            for mark, marked in (("tuned on", problems.tuned_on), ("saturated", problems.saturated))
            if name in marked
        ]
        title = f"{name} ({marks[0]})" if marks else name
        rows.append([title, *cells, f"{part.mean:.2f}" if part else "-"])
    return markdown(rows)


def table_of_methods(runs: RunsByMethod, problems: ProblemSet, budget: int) -> str:
    """Mean regrets of all methods on each problem, after so many trials."""
    rows = [[f"mean regret after {budget} trials", *map(label, runs)]]
    rows += [
        [name, *(_mean(mean_regret(done, [name], budget)) for done in runs.values())]
        for name in problems.families
    ]
    return markdown(rows)


def wins_table(
    runs: RunsByMethod, names: Sequence[str], ours: str, budgets: Iterable[int] = BUDGETS
) -> str:
    """On how many problems the mean regret of one of our methods is smaller than a peer's."""
    shown = list(budgets)
    rows = [[f"{label(ours)} is better on", *(f"{budget} trials" for budget in shown)]]
    rows += [
        [
            f"than {label(peer)}",
            *(
                f"{better_on(runs[ours], runs[peer], names, budget)} of {len(names)}"
                if complete_seeds(runs[ours], names, budget)
                and complete_seeds(runs[peer], names, budget)
                else "-"
                for budget in shown
            ),
        ]
        for peer in runs
        if peer in PEERS
    ]
    return markdown(rows)


def cost_table(runs: RunsByMethod, names: Sequence[str]) -> str:
    """What a suggestion costs on the problems, and how many candidates came twice."""
    rows = [["", "CPU per suggestion, ms", "repeated candidates", "trials", "runs"]]
    for method, done in runs.items():
        of_group = [run for (name, _), run in done.items() if name in names]
        if of_group:
            asked = sum(run.trials for run in of_group)
            spent = sum(run.milliseconds * run.trials for run in of_group) / asked
            repeated = sum(run.repeated for run in of_group) / asked
            trials = sorted({run.trials for run in of_group})
            rows.append(
                [
                    label(method),
                    f"{spent:.1f}",
                    f"{repeated:.1%}",
                    ", ".join(map(str, trials)),
                    str(len(of_group)),
                ]
            )
    return markdown(rows)


def workers_table(
    by_setting: Mapping[str, RunsByMethod],
    names: Sequence[str],
    methods: Sequence[str],
    baseline: str,
    budgets: Sequence[int] = (25, 50, 100),
) -> str:
    """Regrets with several workers, next to the same method's one by one and a peer's.

    Args:
        by_setting: For each setting the runs of the methods; `sequential` among them.
        names: The problems.
        methods: The methods, as rows.
        baseline: The peer whose sequential runs the last column compares with.
        budgets: Numbers of finished trials.
    """
    last = budgets[-1]
    rows = [
        [
            "",
            "",
            *(f"{budget} finished" for budget in budgets),
            f"ratio to sequential at {last}",
            f"minus sequential {label(baseline)} at {last}",
            "seeds",
        ]
    ]
    sequential = by_setting["sequential"]
    for setting, runs in by_setting.items():
        for method in methods:
            done = runs.get(method, {})
            means = [mean_regret(done, names, budget) for budget in budgets]
            if not any(means):
                continue
            part = paired_ratio(done, sequential.get(method, {}), names, last)
            gap = paired_difference(done, sequential.get(baseline, {}), names, last)
            rows.append(
                [
                    setting.replace("-", " "),
                    label(method),
                    *(_mean(mean) for mean in means),
                    f"{part.mean:.2f} [{part.low:.2f}, {part.high:.2f}]" if part else "-",
                    signed(gap),
                    _seeds(means),
                ]
            )
    return markdown(rows)


def markdown(rows: Sequence[Sequence[str]], *, numbers: bool = True) -> str:
    """A markdown table; the first row is its head. Without any other there is nothing to show.

    Args:
        rows: The cells.
        numbers: Whether all columns but the first hold numbers, and are aligned to the right.
    """
    if len(rows) == 1:
        return "Not run yet."
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    aligned = "| --- |" + (" ---: |" if numbers else " --- |") * (len(rows[0]) - 1)
    return "\n".join([lines[0], aligned, *lines[1:]])


def _mean(mean: Estimate | None) -> str:
    return f"{mean.mean:.4f}" if mean else "-"


def signed(gap: Estimate | None, digits: int = 4) -> str:
    """A difference with its interval, bold when the interval does not hold zero."""
    if gap is None:
        return "-"
    mean, low, high = (f"{number:+.{digits}f}" for number in (gap.mean, gap.low, gap.high))
    if gap.seeds < FEWEST_SEEDS:
        return mean
    text = f"{mean} [{low}, {high}]"
    return f"**{text}**" if gap.low > 0.0 or gap.high < 0.0 else text


def _seeds(estimates: Iterable[Estimate | None]) -> str:
    counts = sorted({each.seeds for each in estimates if each})
    return " to ".join(dict.fromkeys([str(counts[0]), str(counts[-1])]))


def _counted(members: Sequence[str]) -> str:
    return f"{len(members)} problems" if len(members) > 1 else "1 problem"
