"""Pictures of the strategies that go on by generations: `cmaes`, and NSGA-II by `optuna`."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from benchmarks.search.strategies_at_work.landscape import (
    EARLIER,
    ORANGE,
    RED,
    SPACE,
    draw_map,
    draw_trials,
    finished,
    loss,
    panels,
    places_of_units,
    rate_ticks,
    run,
)
from prefect_tuner import Study

_ANGLES = np.linspace(0.0, 2.0 * np.pi, 73)


def cmaes() -> Figure:
    """The distribution of some generations of `cmaes`, and the trials drawn from it."""
    size = 8
    figure, axes = panels(4, height=2.7)
    study = Study(SPACE, {"name": "cmaes", "population_size": size}, "minimize", seed=1)
    shown = dict(zip((0, 3, 6, 8), axes.flat, strict=True))
    for generation in range(max(shown) + 1):
        drawn = run(study, loss, 1)
        # The strategy has no public name for its distribution, which users need not know.
        optimizer = study.strategy._generations._generations[-1].optimizer  # type: ignore[attr-defined]
        drawn += run(study, loss, size - 1)
        if generation not in shown:
            continue
        axis = shown[generation]
        draw_map(axis, f"generation {generation + 1}", is_first=generation == 0)
        rate_ticks(axis, (-5, -3, -1))
        covariance = optimizer._sigma**2 * optimizer._C * np.outer(optimizer._A, optimizer._A)
        for deviations, line in ((1.0, "-"), (2.0, ":")):
            circle = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)])
            ellipse = deviations * np.linalg.cholesky(covariance) @ circle
            x, y = ellipse + optimizer._mean[:, None]
            axis.plot(*places_of_units(x, y), line, color=RED, linewidth=1.4, zorder=4)
        draw_trials(axis, drawn)
    return figure


def optuna() -> Figure:
    """Some generations of Optuna's NSGA-II, and the trials that they descend from."""
    size = 10
    spec: dict[str, Any] = {
        "name": "optuna",
        "sampler": "nsgaii",
        "sampler_options": {"population_size": size},
    }
    figure, axes = panels(4, height=2.7)
    study = finished(spec, 6 * size, seed=1)
    for axis, generation in zip(axes.flat, (0, 1, 3, 5), strict=True):
        first = generation * size
        before, of_it = study.history[:first], study.history[first : first + size]
        draw_map(axis, f"generation {generation + 1}", is_first=generation == 0)
        rate_ticks(axis, (-5, -3, -1))
        draw_trials(axis, before, **EARLIER)
        best = sorted(before, key=lambda trial: trial.metric or 0.0)[:size]
        draw_trials(axis, best, color=ORANGE, s=16)
        draw_trials(axis, of_it)
    return figure
