"""Take what runs found into references: `python -m benchmarks.search.tasks_reference_renewal`.

Where a run found a better candidate than is known, it is run again up to there, for the candidate:
stored runs keep regrets alone. Then all stored runs are given regrets by the new references.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from benchmarks.search.store_runs import optimizer_of
from benchmarks.search.tasks import FAMILIES, Reference, load, references
from benchmarks.search.tasks_reference import store
from benchmarks.search.trajectories import OTHER_SEEDS, STORE, Runs, Steps, read, write
from prefect_tuner import Params

RUNS: Final = tuple(store / "tasks" / "sequential" for store in (STORE, STORE / OTHER_SEEDS))

DIGITS: Final = 1e-6
"""How far a metric may be from the one that a stored regret stands for, relative to the median."""


def main() -> None:
    """Renew references and the regrets of all stored runs."""
    stored = {path: read(path) for folder in RUNS for path in sorted(folder.glob("*.json"))}
    old = dict(references())
    new = {name: renewed(name, old[name], stored) for name in FAMILIES if name in old}
    store(new)
    for path, runs in stored.items():
        write(path, rescaled(runs, old, new))
    for name, reference in new.items():
        print(f"{name:18} {old[name].best:.6g} -> {reference.best:.6g} ({reference.found_by})")


def renewed(name: str, known: Reference, stored: dict[Path, Runs]) -> Reference:
    """The reference of a task, or what one of the runs found if that is better."""
    regret, method, seed, trials = min(
        (step_regret, path.stem, seed, trials)
        for path, runs in stored.items()
        for (task, seed), run in runs.items()
        if task == name
        for trials, step_regret, _ in run.steps
    )
    if regret > -DIGITS:
        return known
    metric, params = replayed(name, method, seed, trials)
    expected = known.best + regret * (known.median - known.best)
    if abs(metric - expected) > DIGITS * known.median:
        raise RuntimeError(
            f"{name}: {method} with seed {seed} was stored with the metric {expected} at trial "
            f"{trials}, and now has {metric}: the versions of the packages differ"
        )
    return known._replace(best=metric, found_by=f"{method}, seed {seed}", params=params)


def replayed(name: str, method: str, seed: int, trials: int) -> tuple[float, Params]:
    """The metric and the candidate of the last of so many trials."""
    task = load(name)
    optimizer = optimizer_of(method, task.space, seed)
    metric = float("inf")
    params: Params = {}
    for number in range(trials):
        params = optimizer.suggest(number)
        metric = task.metric(params)
        optimizer.tell(number, metric)
    return metric, params


def rescaled(runs: Runs, old: dict[str, Reference], new: dict[str, Reference]) -> Runs:
    """Runs with regrets by new references in place of old ones."""
    return {
        (name, seed): replace(run, steps=_rescaled(run.steps, old[name], new[name]))
        for (name, seed), run in runs.items()
    }


def _rescaled(steps: Steps, old: Reference, new: Reference) -> Steps:
    if new.best == old.best:
        return steps
    metrics = [old.best + regret * (old.median - old.best) for _, regret, _ in steps]
    return tuple(
        # Adding 0.0 takes the sign from a zero.
        (at, round((metric - new.best) / (new.median - new.best), 7) + 0.0, seconds)
        for (at, _, seconds), metric in zip(steps, metrics, strict=True)
    )


if __name__ == "__main__":
    main()
