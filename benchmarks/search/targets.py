"""What the strategies are to reach, next to what they reach in the stored runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

import numpy as np

from benchmarks.search.ask_times import FIRST, LONG, TABLES, AskTimes
from benchmarks.search.comparison import Estimate, mean_regret, paired_difference, paired_ratio
from benchmarks.search.problems import ProblemSet
from benchmarks.search.report_tables import FEWEST_SEEDS, RunsByMethod, markdown
from benchmarks.search.tasks import FAMILIES as TASKS
from benchmarks.search.trajectories import Runs

TPE: Final = "optuna-5.0.0-tpe"
GP_SAMPLER: Final = "optuna-5.0.0-gp"

REGRETS: Final = {25: 0.065, 50: 0.030, 100: 0.013}
"""Mean regrets of `gp` on all 15 tables, by trials: at most these."""


def targets_table(
    by_setting: Mapping[str, RunsByMethod],
    problems: ProblemSet,
    headline: list[str],
    times: AskTimes,
    on_tasks: RunsByMethod | None = None,
) -> str:
    """Each target with what was measured, and whether it is reached; no row for what was not run.

    Args:
        by_setting: For each setting the runs of the methods.
        problems: The tables.
        headline: Those of the averages.
        times: The times of suggestions.
        on_tasks: The runs of the methods on the real tasks.
    """
    rows = [["target", "measured", "reached"]]
    sequential = by_setting.get("sequential", {})
    noisy = by_setting.get("noisy", {})
    for target, measured, reached in (
        *_regrets(sequential, list(problems.families)),
        *_costs(times),
        *_repeated(sequential, headline),
        *_ask_times(times),
        *_conditional(on_tasks or {}),
        *_workers(by_setting, headline),
        *_stuck(sequential, problems),
        *_noisy(noisy, headline),
        *_long(times),
    ):
        said = {True: "yes", False: "no", None: "too few seeds"}[reached]
        rows.append([target, measured, said])
    return markdown(rows, numbers=False)


Row: TypeAlias = tuple[str, str, bool | None]
"""A target, what was measured, and whether it is reached; None with too few seeds to say."""


def _regrets(runs: RunsByMethod, names: list[str]) -> Iterator[Row]:
    for trials, most in REGRETS.items():
        if mean := mean_regret(runs.get("gp", {}), names, trials):
            yield (
                f"`gp`, all 15 tables, {trials} trials: at most {most}",
                f"{mean.mean:.4f} [{mean.low:.4f}, {mean.high:.4f}]",
                mean.mean <= most,
            )
    for peer, title in ((TPE, "TPE"), (GP_SAMPLER, "GPSampler")):
        for trials in REGRETS:
            gap = paired_difference(runs.get("gp", {}), runs.get(peer, {}), names, trials)
            if gap:
                yield (f"below Optuna's {title} at {trials} trials", _interval(gap), _below(gap))


def _costs(times: AskTimes) -> Iterator[Row]:
    ours, theirs = (
        [ms for name in TABLES for ms in times.get(method, {}).get(name, {}).get(FIRST, [])]
        for method in ("gp", GP_SAMPLER)
    )
    if ours and theirs:
        mine, other = float(np.mean(ours)), float(np.mean(theirs))
        yield (
            "`gp`, CPU per suggestion, mean over 100 trials: a tenth of GPSampler's",
            f"{mine:.1f} ms to {other:.1f} ms, {mine / other:.3f}",
            mine <= other / 10.0,
        )


def _repeated(runs: RunsByMethod, names: list[str]) -> Iterator[Row]:
    ours = [run for (name, _), run in runs.get("gp", {}).items() if name in names]
    if ours:
        repeated = sum(run.repeated for run in ours)
        yield "`gp`, repeated candidates: none", str(repeated), repeated == 0


def _ask_times(times: AskTimes) -> Iterator[Row]:
    for size, most in ((10, 50.0), (100, 50.0), (200, 50.0), (500, 150.0)):
        measured = {
            name: float(np.quantile(sizes[str(size)], 0.95))
            for name, sizes in times.get("gp", {}).items()
            if sizes.get(str(size))
        }
        if measured:
            worst = max(measured, key=lambda name: measured[name])
            yield (
                f"`gp`, 95 % of suggestions with {size} trials: at most {most:.0f} ms",
                f"{measured[worst]:.0f} ms ({worst})",
                measured[worst] <= most,
            )


def _conditional(runs: RunsByMethod) -> Iterator[Row]:
    for method in ("gp", "tpe"):
        if part := paired_ratio(runs.get(method, {}), runs.get(TPE, {}), list(TASKS), 50):
            yield (
                f"`{method}`, conditional spaces, 50 trials: half of the regret of Optuna's TPE",
                f"{part.mean:.2f} [{part.low:.2f}, {part.high:.2f}] of it, {part.seeds} seeds",
                part.mean <= 0.5 if part.seeds >= FEWEST_SEEDS else None,
            )


def _workers(by_setting: Mapping[str, RunsByMethod], names: list[str]) -> Iterator[Row]:
    sequential = by_setting.get("sequential", {})
    eight = by_setting.get("8-workers-stragglers", {}).get("gp", {})
    sixteen = by_setting.get("16-workers-stragglers", {}).get("gp", {})
    if part := paired_ratio(eight, sequential.get("gp", {}), names, 100):
        yield (
            "`gp`, 8 workers with stragglers, 100 trials: within 15 % of one worker",
            f"{part.mean - 1.0:+.0%} [{part.low - 1.0:+.0%}, {part.high - 1.0:+.0%}]",
            part.mean <= 1.15,
        )
    if gap := paired_difference(sixteen, sequential.get(TPE, {}), names, 100):
        yield "16 workers: below Optuna's TPE with one", _interval(gap), _below(gap)


def _stuck(runs: RunsByMethod, problems: ProblemSet) -> Iterator[Row]:
    ratios = {
        name: part.mean
        for name in problems.families
        if (part := paired_ratio(runs.get("gp", {}), runs.get(TPE, {}), [name], 200))
    }
    above = {name: part for name, part in ratios.items() if part > 1.1}
    if ratios:
        yield (
            "`gp`, 200 trials: on no table more than 10 % above Optuna's TPE",
            ", ".join(f"{name} {part:.2f}" for name, part in above.items())
            or f"at most {np.nanmax(list(ratios.values())):.2f}",
            not above,
        )


def _noisy(runs: RunsByMethod, names: list[str]) -> Iterator[Row]:
    ours: Runs = runs.get("gp-noisy", {})
    for peer, title in ((TPE, "TPE"), (GP_SAMPLER, "GPSampler")):
        for trials in (50, 100):
            if gap := paired_difference(ours, runs.get(peer, {}), names, trials):
                yield (
                    f"noisy tables, {trials} trials: below Optuna's {title}",
                    _interval(gap),
                    _below(gap),
                )


def _long(times: AskTimes) -> Iterator[Row]:
    totals = {
        method: float(np.mean(times[method]["mixed"][LONG])) / 1000.0
        for method in ("tpe", TPE)
        if times.get(method, {}).get("mixed", {}).get(LONG)
    }
    if len(totals) == 2:
        yield (
            "`tpe`, all suggestions of 2,000 trials: a quarter of the time of Optuna's TPE",
            f"{totals['tpe']:.1f} s to {totals[TPE]:.1f} s",
            totals["tpe"] <= totals[TPE] / 4.0,
        )


def _below(gap: Estimate) -> bool | None:
    """Whether a difference is below zero, by its interval."""
    return None if gap.seeds < FEWEST_SEEDS else gap.high < 0.0


def _interval(gap: Estimate) -> str:
    return f"{gap.mean:+.4f} [{gap.low:+.4f}, {gap.high:+.4f}], {gap.seeds} seeds"
