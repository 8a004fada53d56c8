"""What confirming the best trials promises, held against synthetic studies: docs/confirm.md.

    python -m benchmarks.confirm [--studies 1000] [--trials 40] [--confirm 5]

Each study draws the true means of its trials from a normal distribution, and adds noise of one
kind. Its best trials are confirmed as `tune(..., confirm=5)` does it; nothing is trained.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from prefect_tuner.flows.confirmation.confirmation import Confirmation
from prefect_tuner.flows.confirmation.judgement import judged
from prefect_tuner.flows.confirmation.race import Evaluation, Race
from prefect_tuner.flows.confirmation.sample import step_of
from prefect_tuner.flows.reevaluation.confirmation_run import EVALUATIONS_EACH
from prefect_tuner.goal import Goal

Array: TypeAlias = NDArray[np.float64]
Metrics: TypeAlias = Callable[[np.random.Generator, Array, int], tuple[Array, Array]]
"""From the means of trials and a number of evaluations to what each gives, and the true means."""

GOAL = Goal("maximize")
MOST = 200
"""Evaluations of a trial that are drawn."""


def _added(noise: Callable[[np.random.Generator, tuple[int, int]], Array]) -> Metrics:
    def metrics(rng: np.random.Generator, means: Array, count: int) -> tuple[Array, Array]:
        return means[:, None] + noise(rng, (len(means), count)), means

    return metrics


def _accuracies(lowest: float, highest: float) -> Metrics:
    """Shares of 100 samples that are right."""

    def metrics(rng: np.random.Generator, means: Array, count: int) -> tuple[Array, Array]:
        right = lowest + (highest - lowest) / (1.0 + np.exp(-means))
        return rng.binomial(100, right[:, None], (len(means), count)) / 100.0, right

    return metrics


def _divergences(rng: np.random.Generator, means: Array, count: int) -> tuple[Array, Array]:
    """One training in ten goes wrong."""
    size = (len(means), count)
    wrong = rng.random(size) < 0.1
    return means[:, None] + 0.1 * rng.normal(size=size) - 3.0 * wrong, means - 0.3


NOISES: dict[str, Metrics] = {
    "normal": _added(lambda rng, size: rng.normal(size=size)),
    "normal, a tenth": _added(lambda rng, size: 0.1 * rng.normal(size=size)),
    "normal, fourfold": _added(lambda rng, size: 4.0 * rng.normal(size=size)),
    "another for each trial": _added(
        lambda rng, size: rng.normal(size=size) * np.exp(rng.normal(size=(size[0], 1)))
    ),
    "Student, 3 degrees": _added(lambda rng, size: rng.standard_t(3, size) / 3**0.5),
    "Student, 2.1 degrees": _added(lambda rng, size: rng.standard_t(2.1, size) / 3.0),
    "exponential, to the worse": _added(lambda rng, size: 1.0 - rng.exponential(size=size)),
    "lognormal, to the better": _added(
        lambda rng, size: (rng.lognormal(size=size) - np.exp(0.5)) / 2.16
    ),
    "lognormal, to the worse": _added(
        lambda rng, size: (np.exp(0.5) - rng.lognormal(size=size)) / 2.16
    ),
    "shared by all trials": _added(
        lambda rng, size: 0.3 * rng.normal(size=size) + 2.0 * rng.normal(size=(1, size[1]))
    ),
    "accuracy near 0.9, of 100": _accuracies(0.87, 0.93),
    "accuracy near 1, of 100": _accuracies(0.99, 0.9999),
    "a divergence in ten": _divergences,
}


class Row(NamedTuple):
    """What came of the studies with one kind of noise."""

    noise: str
    held: float
    all_held: float
    gain: float
    margin: float
    optimism: float
    evaluations: float
    won: float
    wrongly: float


def _confirmed(metrics: Array, confirm: int) -> tuple[Confirmation, int]:
    """What comes of a study whose trials have scored the first column, and its raw best."""
    firsts = metrics[:, 0]
    order = [int(number) for number in np.argsort(-firsts, kind="stable")[:confirm]]
    race = Race(
        GOAL,
        {number: float(firsts[number]) for number in order},
        EVALUATIONS_EACH * confirm,
        step_of(firsts.tolist()),
    )
    seen: dict[int, dict[int, Evaluation]] = {number: {} for number in order}
    while (standing := race.standing(seen)).end is None:
        for number, place in standing.wanted:
            seen[number][place] = Evaluation(float(metrics[number, 1 + place]))
    return judged(race, seen), order[0]


def row(noise: str, studies: int, trials: int, confirm: int) -> Row:
    """Run the studies with one kind of noise."""
    counts: Counter[str] = Counter()
    gains, optimism, spent = [], [], []
    for seed in range(studies):
        rng = np.random.default_rng([seed, list(NOISES).index(noise)])
        metrics, means = NOISES[noise](rng, rng.normal(size=trials), 1 + MOST)
        came, raw = _confirmed(metrics, confirm)
        winner = came.winner
        if winner is None or winner.mean is None:
            continue
        held = [
            each.interval is not None and each.interval[0] <= means[each.number] <= each.interval[1]
            for each in came.candidates
        ]
        counts["held"] += held[0]
        counts["all"] += all(held)
        if not came.tied:
            counts["won"] += 1
            best = max(means[each.number] for each in came.candidates)
            counts["wrongly"] += bool(means[winner.number] < best)
        gains.append(means[winner.number] - means[raw])
        optimism.append(winner.first - winner.mean)
        spent.append(came.spent)
    return Row(
        noise,
        counts["held"] / studies,
        counts["all"] / studies,
        float(np.mean(gains)),
        float(1.96 * np.std(gains, ddof=1) / len(gains) ** 0.5),
        float(np.mean(optimism)),
        float(np.mean(spent)),
        counts["won"] / studies,
        counts["wrongly"] / studies,
    )


def main() -> None:
    """Print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--confirm", type=int, default=5)
    given = parser.parse_args()
    began = time.monotonic()
    print(
        "| noise | winner's interval holds | all hold | winner over raw best | optimism "
        "| evaluations | alone | wrongly |\n|---|---|---|---|---|---|---|---|"
    )
    for noise in NOISES:
        r = row(noise, given.studies, given.trials, given.confirm)
        print(
            f"| {r.noise} | {r.held:.1%} | {r.all_held:.1%} | {r.gain:+.4f} ± {r.margin:.4f} "
            f"| {r.optimism:+.4f} | {r.evaluations:.1f} | {r.won:.1%} | {r.wrongly:.1%} |",
            flush=True,
        )
    print(f"\n{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
