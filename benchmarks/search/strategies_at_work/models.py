"""Pictures of the strategies that model the metric: `gp` and `tpe`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from benchmarks.search.strategies_at_work.landscape import (
    BLUE,
    DIM,
    GREEN,
    GREENS,
    INK,
    ORANGE,
    RED,
    SHADES,
    draw_map,
    draw_next,
    draw_trials,
    fill,
    finished,
    frame,
    loss,
    panels,
    places_of_units,
    rate_ticks,
)
from prefect_tuner import Float, Params, SearchSpace, Study
from prefect_tuner.strategies.encoding.encoding import Encoding
from prefect_tuner.strategies.encoding.observations import HistoryEncoder
from prefect_tuner.strategies.gaussian_process.belief import Belief
from prefect_tuner.strategies.gaussian_process.hyperparameters import FitSchedule
from prefect_tuner.strategies.gaussian_process.preference import Preference
from prefect_tuner.strategies.gaussian_process.regression import Posterior
from prefect_tuner.strategies.gaussian_process.views import view_of
from prefect_tuner.strategies.parzen.density_ratio import good_count
from prefect_tuner.strategies.parzen.parzen_density import ParzenDensity

RATES: Final = SearchSpace({"learning_rate": Float(1e-5, 1e-1, log=True)})
_UNITS = np.linspace(0.0, 1.0, 301)


@dataclass(frozen=True)
class Model:
    """What `gp` knows, made anew from a history by the parts that it consists of.

    Attributes:
        codes: The candidates with a metric, shape (n, A).
        targets: Their metrics as the model sees them, shape (n,).
        mean: Of the metric at the points asked for, shape (m,).
        deviation: Likewise, shape (m,).
        log_improvement: The logarithm of the expected improvement there, with all that `gp` adds to
            it, shape (m,).
    """

    codes: NDArray[Any]
    targets: NDArray[Any]
    mean: NDArray[Any]
    deviation: NDArray[Any]
    log_improvement: NDArray[Any]

    @classmethod
    def of(cls, study: Study, points: NDArray[Any]) -> Model:
        """The model of a study's history at points of the unit cube, shape (m, A)."""
        encoding = Encoding(study.space)
        encoder = HistoryEncoder(encoding, study.goal)
        codes = encoder.codes(study.history)
        view = view_of(len(study.history))
        observations = encoder.observations(study.history, codes).warped_by(view.warp)
        pending = codes[encoder.running(study.history)]
        y, extra = observations.targets
        posterior = Posterior(
            encoding.embed(observations.codes),
            y,
            extra,
            encoding.embed(pending),
            encoding.owners,
            FitSchedule(encoding, noisy=False).hyperparameters(observations, view),
        )
        mean, variance = posterior.at(encoding.embed(points))
        belief = Belief.after(len(y), None)
        improvement = Preference(encoding, posterior, observations, pending, belief).at(points)
        return cls(observations.codes, y, mean, np.sqrt(variance), improvement)


def gp_of_one() -> Figure:
    """Mean, deviation and acquisition of `gp` over one parameter, as trials come."""
    figure, axes = panels(3, rows=2, height=2.3)
    for column, (trials, running) in enumerate(((5, 0), (8, 0), (8, 1))):
        study = finished("gp", trials, space=RATES, objective=rate_loss, seed=1)
        asked = [study.ask() for _ in range(running)]
        model = Model.of(study, _UNITS[:, None])
        candidate = study.ask()
        if candidate is None:
            raise AssertionError("a continuous space has no end")
        above, below = axes[:, column]
        rates = 10.0 ** (4.0 * _UNITS - 5.0)
        above.fill_between(
            rates,
            model.mean - 2.0 * model.deviation,
            model.mean + 2.0 * model.deviation,
            color=BLUE,
            alpha=0.25,
            linewidth=0.0,
        )
        above.plot(rates, model.mean, color=BLUE)
        above.plot(10.0 ** (4.0 * model.codes[:, 0] - 5.0), model.targets, "o", color=INK, ms=4)
        below.plot(rates, model.log_improvement, color=GREEN)
        top = float(model.log_improvement.max())
        below.set(ylim=(top - 14.0, top + 1.5), xlabel="learning rate")
        for axis in (above, below):
            axis.set(xscale="log", xlim=(1e-5, 1e-1))
            rate_ticks(axis, (-5, -3, -1))
            axis.axvline(candidate.params["learning_rate"], color=RED, linewidth=1.0)
            for trial in asked:
                if trial is not None:
                    rate = trial.params["learning_rate"]
                    axis.axvline(rate, color=DIM, linewidth=1.0, linestyle="--")
        also = ", one running (dashed)" if running else ""
        above.set_title(f"{trials} trials{also}", fontsize="medium")
    axes[0, 0].set_ylabel("warped loss")
    axes[1, 0].set_ylabel("log EI")
    return figure


def gp_of_two() -> Figure:
    """The trials, the mean and the acquisition of `gp` over two parameters."""
    figure, ((left, middle, right),) = panels(3)
    study = finished("gp", 12, seed=5)
    points, x, y = _square()
    model = Model.of(study, points)
    candidate = _next(study)
    draw_map(left, "the loss, and 12 trials")
    fill(middle, x, y, model.mean.reshape(x.shape), SHADES)
    frame(middle, "mean of the model", is_first=False)
    shown = np.maximum(model.log_improvement, model.log_improvement.max() - 12.0)
    fill(right, x, y, shown.reshape(x.shape), GREENS)
    frame(right, "log EI, and the next candidate", is_first=False)
    for axis in (left, middle, right):
        draw_trials(axis, study.history[:12], numbered=axis is left)
    draw_next(right, candidate)
    return figure


def gp_prior() -> Figure:
    """The first trials without a prior, with a good one, and with a wrong one."""
    figure, axes = panels(3)
    for axis, (title, centre) in zip(
        axes.flat,
        (("no prior", None), ("a good prior", 5e-3), ("a wrong prior", 5e-5)),
        strict=True,
    ):
        options: dict[str, Any] = {"name": "gp"}
        if centre is not None:
            options["prior"] = {"learning_rate": {"center": centre, "spread": 0.1}}
        study = finished(options, 20, seed=3)
        early = min(loss(trial.params) for trial in study.history[:10])
        scores = f"{early:.2f} after 10 trials, {study.best_metric:.2f} after 20"
        draw_map(axis, f"{title}\n{scores}", is_first=centre is None)
        if centre is not None:
            spread = 10.0 ** (4.0 * 0.1)
            axis.axvspan(centre / spread, centre * spread, color=ORANGE, alpha=0.25, linewidth=0.0)
        draw_trials(axis, study.history, numbered=True)
    return figure


def tpe() -> Figure:
    """The densities of good and of other trials and their ratio, on one parameter and on two."""
    figure, axes = panels(3, rows=2, height=2.4)
    rates = 10.0 ** (4.0 * _UNITS - 5.0)
    for column, trials in enumerate((15, 30)):
        study = finished("tpe", trials, space=RATES, objective=rate_loss, seed=4)
        good, others, log_good, log_others = _densities(study, _UNITS[:, None])
        above, below = axes[:, column]
        above.plot(rates, np.exp(log_good), color=BLUE, label="good, l")
        above.plot(rates, np.exp(log_others), color=ORANGE, label="others, g")
        top = float(np.exp(log_good).max())
        for rows, colour, place in ((good, BLUE, -0.06), (others, ORANGE, -0.14)):
            codes = 10.0 ** (4.0 * rows[:, 0] - 5.0)
            above.plot(codes, np.full(len(rows), place * top), "|", color=colour, ms=7)
        below.plot(rates, log_good - log_others, color=GREEN)
        candidate = _next(study)["learning_rate"]
        for axis in (above, below):
            axis.set(xscale="log", xlim=(1e-5, 1e-1))
            rate_ticks(axis, (-5, -3, -1))
            axis.axvline(candidate, color=RED, linewidth=1.0)
        below.set_xlabel("learning rate")
        above.set_title(f"{trials} trials, {len(good)} of them good", fontsize="medium")
    axes[0, 0].set_ylabel("density")
    axes[1, 0].set_ylabel("log l / g")
    axes[0, 0].legend(loc="upper left", frameon=False, fontsize="small")
    study = finished("tpe", 25, seed=4)
    points, x, y = _square()
    good, _, log_good, log_others = _densities(study, points)
    above, below = axes[:, 2]
    draw_map(above, "two parameters, 25 trials")
    fill(below, x, y, (log_good - log_others).reshape(x.shape), GREENS)
    frame(below, "log l / g")
    ranked = sorted(study.history.completed, key=lambda trial: trial.metric or 0.0)
    for axis in (above, below):
        draw_trials(axis, ranked[len(good) :], color=ORANGE)
        draw_trials(axis, ranked[: len(good)])
    draw_next(below, _next(study))
    return figure


def rate_loss(params: Params) -> float:
    """A loss over the learning rate alone, with two minima; the one on the right is the lower."""
    unit = (math.log10(float(params["learning_rate"])) + 5.0) / 4.0
    left = 0.33 * math.exp(-(((unit - 0.28) / 0.13) ** 2))
    right = 0.5 * math.exp(-(((unit - 0.74) / 0.1) ** 2))
    return 0.9 - left - right


def _densities(
    study: Study, points: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """The good and the other candidates of a study, and the logarithms of both densities."""
    encoding = Encoding(study.space)
    encoder = HistoryEncoder(encoding, study.goal)
    codes = encoder.codes(study.history)
    observations = encoder.observations(study.history, codes)
    ranked = observations.codes[np.argsort(observations.metrics, kind="stable")]
    count = good_count(len(ranked))
    good, others = ranked[:count], ranked[count:]
    log_good = ParzenDensity(encoding.axes, good).log_density(points)
    return good, others, log_good, ParzenDensity(encoding.axes, others).log_density(points)


def _next(study: Study) -> Params:
    trial = study.ask()
    if trial is None:
        raise AssertionError("a continuous space has no end")
    return trial.params


def _square() -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Points of the unit square, shape (m, 2), and their learning rates and dropouts on a mesh."""
    units = np.linspace(0.0, 1.0, 29)
    x, y = np.meshgrid(units, units)
    return np.stack([x.ravel(), y.ravel()], axis=1), *places_of_units(x, y)
