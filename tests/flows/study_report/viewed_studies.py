"""Views of studies of every kind, as reports have to bear them."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from prefect_tuner import Categorical, Float, Int, Outcome, SearchSpace, Trial
from prefect_tuner.flows.analysis.doctor import diagnose
from prefect_tuner.flows.pictures.study_view import StudyView
from prefect_tuner.flows.reports.study_analysis import importance_of
from prefect_tuner.goal import Goal
from prefect_tuner.trial import Direction

USUAL = SearchSpace(
    {
        "lr": Float(1e-5, 1.0, log=True),
        "depth": Int(2, 12),
        "booster": ["gbtree", "dart"],
        "drop": Float(0.0, 0.5, when={"booster": ["dart"]}),
    }
)


def usual_metric(params: dict[str, Any]) -> float:
    """A metric that depends on `lr` most of all."""
    return float(-abs(math.log10(params["lr"]) + 2.0) - 0.02 * params["depth"])


def tried(
    space: SearchSpace, metric: Callable[[dict[str, Any]], float | None], count: int, seed: int = 0
) -> list[Trial]:
    """Random trials; those without a metric have failed."""
    rng = random.Random(seed)
    trials = []
    for number in range(count):
        params = space.from_units([rng.random() for _ in space])
        value = metric(params)
        trials.append(
            Trial(
                number,
                params,
                outcome=Outcome.FAILED if value is None else Outcome.COMPLETED,
                metric=value,
                duration=1.0 + rng.random(),
                attempts=1,
                message="ValueError: singular matrix" if value is None else "",
            )
        )
    return trials


def viewed(
    space: SearchSpace,
    trials: Sequence[Trial],
    direction: Direction = "maximize",
    name: str = "study",
    **fields: Any,
) -> StudyView:
    """The view of trials that ran in two slots, one after the other."""
    goal = Goal(direction)
    starts = {trial.number: 2.0 * (trial.number // 2) for trial in trials}
    done = [trial for trial in trials if trial.outcome is not None]
    view = StudyView(
        name=name,
        goal=goal,
        space=space,
        trials=tuple(trials),
        best=goal.best(trials),
        started=starts,
        ended={t.number: starts[t.number] + (t.duration or 0.0) for t in done},
        elapsed=2.0 * len(trials),
        slots=2,
        engine="local",
        objective="model:train",
        strategy="random",
        ending="Complete, since all trials of the budget were run",
        importance=importance_of(space, trials, goal),
        findings=tuple(diagnose(space, goal, trials)),
    )
    return replace(view, **fields)


def usual(count: int = 60) -> StudyView:
    """A study of four parameters, in which every seventh trial failed."""
    trials = tried(USUAL, usual_metric, count)
    return viewed(USUAL, [_failed(trial) if trial.number % 7 == 3 else trial for trial in trials])


def _failed(trial: Trial) -> Trial:
    return replace(trial, outcome=Outcome.FAILED, metric=None, message="ValueError: no")


def _numbered(metrics: Sequence[float]) -> StudyView:
    space = SearchSpace({"x": Float(0.0, 1.0), "y": Int(1, 3)})
    trials = tried(space, lambda _: 0.0, len(metrics))
    return viewed(
        space,
        [replace(t, metric=m) for t, m in zip(trials, metrics, strict=True)],
        "minimize",
    )


def hostile(texts: Sequence[str]) -> StudyView:
    """A study whose names, choices and messages are such texts, where they may be."""
    names = [text for text in texts if text.isprintable()]
    space = SearchSpace(
        {names[0]: Categorical(texts)} | {name: Float(0.0, 1.0) for name in names[1:]}
    )
    trials = tried(space, lambda params: params[names[1]], 20)
    trials += [
        Trial(
            number, trials[0].params, outcome=Outcome.CRASHED, message=text, attempts=1,
            proposer=text,
        )
        for number, text in enumerate(texts, start=20)
    ]  # fmt: skip
    view = viewed(space, trials, name=texts[0], reason=texts[1], ending=texts[2])
    return replace(view, objective=texts[3], strategy=texts[4], engine=texts[5])


def every_kind() -> dict[str, StudyView]:
    """One study of each kind, by what is special about it."""
    one = SearchSpace({"x": Float(0.0, 1.0)})
    sixty = SearchSpace({f"parameter_{i}": Float(0.0, 1.0) for i in range(60)})
    choices = SearchSpace({"kind": Categorical([f"choice number {i}" for i in range(200)])})
    wide = SearchSpace(
        {
            "tiny": Float(1e-300, 1e-290, log=True),
            "huge": Float(-8e307, 8e307),
            "whole": Int(1, 2**62, log=True),
            "single": Categorical([None]),
        }
    )
    nested = SearchSpace({"layers": [[64], [64, 32], None, {"a": 1}, 3, 3.5, True], "n": Int(1, 2)})
    running = [Trial(n, {"x": 0.5}) for n in range(3)]
    return {
        "no trial": viewed(one, []),
        "only running": viewed(one, running),
        "one trial": viewed(one, tried(one, lambda p: p["x"], 1)),
        "two trials": viewed(one, tried(one, lambda p: p["x"], 2)),
        "only failures": viewed(USUAL, tried(USUAL, lambda _: None, 12)),
        "constant": _numbered([7.0] * 20),
        "one parameter": viewed(one, tried(one, lambda p: p["x"], 30)),
        "sixty parameters": viewed(sixty, tried(sixty, lambda p: p["parameter_7"], 40)),
        "many choices": viewed(choices, tried(choices, lambda p: len(p["kind"]), 300)),
        "wide ranges": viewed(wide, tried(wide, lambda p: math.log(p["tiny"]), 30)),
        "nested choices": viewed(nested, tried(nested, lambda p: float(p["n"]), 30)),
        "huge metrics": _numbered([1e300, -1e300, 1.7e308, -1.7e308, 0.0, 1e-300] * 3),
        "tiny metrics": _numbered([5e-324, 1e-310, 3e-320, 0.0, 1e-300] * 3),
        "close metrics": _numbered([1.0 + n * 2.0**-52 for n in range(12)]),
        "an outlier": _numbered([*(n / 10 for n in range(20)), 1e12]),
        "no times": replace(usual(), started={}, ended={}, elapsed=None, slots=0, engine=""),
        "usual": usual(),
    }
