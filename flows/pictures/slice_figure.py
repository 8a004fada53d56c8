"""One parameter against the metric."""

from __future__ import annotations

import numpy as np

from prefect_tuner.flows.pictures.look import BLUE, INK, add_legend, name_axes, new_figure
from prefect_tuner.flows.pictures.number_axis import metric_axis
from prefect_tuner.flows.pictures.parameter_axis import ChoiceAxis, condition_text, parameter_axis
from prefect_tuner.flows.pictures.picture import (
    Marks,
    NothingToShowError,
    Picture,
    add_beyond,
    add_points,
    add_star,
    beyond_text,
    chosen,
    dot_size,
)
from prefect_tuner.flows.pictures.study_view import StudyView
from prefect_tuner.printable_text import printable_line

_GOLDEN = 0.6180339887498949


def slice_picture(view: StudyView, name: str) -> Picture:
    """The metric of each trial by its value of one parameter, the best tenth in colour.

    Args:
        view: The study.
        name: The parameter. Trials in which it is not active are left out.

    Raises:
        NothingToShowError: No trial with a metric has it.
    """
    trials = [trial for trial in view.measured if name in trial.params]
    if not trials:
        raise NothingToShowError(f"No trial with a metric has {name!r}.")
    across = parameter_axis(view, name)
    up = metric_axis(view.losses, view.metrics)
    x = across.place([trial.params[name] for trial in trials])
    if isinstance(across, ChoiceAxis):
        # Side by side within their choice: without them, ten points look like one.
        x += 0.5 * np.modf(np.array([t.number for t in trials]) * _GOLDEN)[0] - 0.25
    y = up.place([trial.metric for trial in trials])
    best = view.best
    good = {i for i, trial in enumerate(trials) if trial.number in view.good}
    at_best = next((i for i, t in enumerate(trials) if best and t.number == best.number), None)
    shown = chosen(len(trials), [] if at_best is None else [at_best])
    beyond = up.is_beyond([trial.metric for trial in trials])
    told = (condition_text(view, name), beyond_text(int(beyond.sum())))
    figure, axes = new_figure(name, "; ".join(filter(None, told)))
    across.dress(axes, "x")
    up.dress(axes, "y")
    name_axes(axes, across.name(_scale_text(view, name)), up.name("metric"))
    size = dot_size(shown)
    rest = [i for i in shown if i not in good and not beyond[i]]
    tenth, outside = [i for i in shown if i in good], [i for i in shown if beyond[i]]
    add_points(axes, x[rest], y[rest], color=INK, alpha=0.6, size=size, text="trial")
    add_points(axes, x[tenth], y[tenth], color=BLUE, size=size + 0.5, text="best tenth")
    add_beyond(axes, x[outside], y[outside], up)
    if at_best is not None:
        add_star(axes, float(x[at_best]), float(y[at_best]))
    add_legend(figure, axes)
    best_text = "" if at_best is None else f"; the best has {trials[at_best].params[name]!r}"
    alt = f"Metric by {printable_line(name)}, {len(trials)} trials{printable_line(best_text)}."
    return Picture(
        figure, alt, (Marks(axes, x[shown], y[shown], [trials[i].number for i in shown]),)
    )


def _scale_text(view: StudyView, name: str) -> str:
    return "logarithmic" if getattr(view.space[name], "log", False) else ""
