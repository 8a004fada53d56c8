"""How many sick studies the doctor finds, and of how many healthy ones it says something.

    python -m benchmarks.doctor [--seeds 8] [--gp 2] [--first 2000]

The objectives are shaped like those of real tuning tasks, each with its optimum inside the space:
the healthy studies. Of each, sick ones are made:

no effect   one parameter more, which the objective does not use, of another kind in each; told
            apart by whether the objective is rough
log scale   its first parameter on a linear scale instead of a logarithmic one, where it has one
converged   none is made: those count to which as many trials again bring less than a hundredth of
            what the search has gained

The thresholds of the doctor were chosen by other seeds, and for the most part by other objectives.
"""

from __future__ import annotations

import argparse
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from prefect_tuner import Float, Int, Params, SearchSpace, Study, Trial
from prefect_tuner.flows.analysis.doctor import diagnose
from prefect_tuner.flows.analysis.finding import Finding
from prefect_tuner.search_space.parameters import Parameter

SIZES = (40, 60, 100)
MOST = 2 * SIZES[-1]
MOST_OF_GP = 2 * SIZES[1]
LITTLE = 0.01
"""Of what the search has gained: what more trials bring to a study that has converged."""


class Task(NamedTuple):
    """An objective.

    Attributes:
        space: With the optimum inside.
        loss: Least at the optimum.
        noise: Standard deviation of what is added to it.
        on_log: A parameter whose logarithm counts, with its best values low in the range.
        is_rough: Whether noise, or many optima, leave a tenth of the differences unexplained by a
            model of 60 trials.
    """

    space: Mapping[str, Parameter | list[str] | list[bool]]
    loss: Callable[[dict[str, float], Params], float]
    noise: float = 0.0
    on_log: str = ""
    is_rough: bool = False


def _elastic_net(x: dict[str, float], params: Params) -> float:
    strength = math.log10(x["alpha"]) + 2.3
    scaled = 0.0 if params["scale"] else 0.25
    return 0.5 + 0.12 * strength**2 + 0.5 * (x["ratio"] - 0.35) ** 2 + scaled


def _boosted_trees(x: dict[str, float], _: Params) -> float:
    pace = math.log10(x["rate"]) + 0.5 * math.log10(x["rounds"] / 300)
    return (
        0.2
        + 0.1 * (1.0 - math.exp(-((pace + 1.3) ** 2)))
        + 0.006 * (x["depth"] - 6) ** 2 / (1.0 + 0.05 * (x["depth"] - 6) ** 2)
        + 0.03 * math.log10(x["rounds"] / 350) ** 2
    )


def _image_network(x: dict[str, float], params: Params) -> float:
    best = {"sgd": -1.2, "adam": -3.1, "adamw": -2.9}[str(params["optimizer"])]
    off = math.log10(x["rate"]) - best
    return (
        0.08
        + 0.05 * off**2 / (1.0 + 0.2 * off**2)
        + 0.02 * (math.log2(x["width"]) - 6.5) ** 2
        + 0.3 * (x["dropout"] - 0.25) ** 2
        + (0.03 if params["optimizer"] == "sgd" else 0.0)
    )


def _neighbours(x: dict[str, float], params: Params) -> float:
    weighted = -0.04 if params["weights"] == "distance" else 0.0
    return 0.3 + 0.03 * (math.log2(x["k"]) - 3.4) ** 2 + 0.02 * abs(x["power"] - 2.0) + weighted


def _camel(x: dict[str, float], _: Params) -> float:
    """Six-hump camel function (Dixon and Szegö 1978)."""
    a, b = 4.0 * x["a"] - 2.0, 2.0 * x["b"] - 1.0
    return (4.0 - 2.1 * a**2 + a**4 / 3.0) * a**2 + a * b + (4.0 * b**2 - 4.0) * b**2


def _levy(x: dict[str, float], _: Params) -> float:
    """Levy and Montalvo 1985, in three dimensions."""
    w = [1.0 + (14.0 * value - 7.5) / 4.0 for value in (x["a"], x["b"], x["c"])]
    middle = sum((v - 1.0) ** 2 * (1.0 + 10.0 * math.sin(math.pi * v + 1.0) ** 2) for v in w[:-1])
    end = (w[-1] - 1.0) ** 2 * (1.0 + math.sin(2.0 * math.pi * w[-1]) ** 2)
    return math.sin(math.pi * w[0]) ** 2 + middle + end


_UNIT = Float(0.0, 1.0)
_NETWORK: Mapping[str, Parameter | list[str]] = {
    "rate": Float(1e-5, 1.0, log=True),
    "width": Int(8, 512, log=True),
    "dropout": Float(0.0, 0.7),
    "optimizer": ["sgd", "adam", "adamw"],
}
_TREES: Mapping[str, Parameter] = {
    "rate": Float(1e-3, 1.0, log=True),
    "rounds": Int(50, 2000, log=True),
    "depth": Int(1, 16),
}
TASKS: Mapping[str, Task] = {
    "elastic net": Task(
        {"alpha": Float(1e-5, 10.0, log=True), "ratio": _UNIT, "scale": [True, False]},
        _elastic_net,
        on_log="alpha",
    ),
    "boosted trees": Task(_TREES, _boosted_trees, on_log="rate"),
    "boosted trees, noisy": Task(_TREES, _boosted_trees, 0.01, on_log="rate", is_rough=True),
    "image network": Task(_NETWORK, _image_network, on_log="rate"),
    "image network, noisy": Task(_NETWORK, _image_network, 0.01, on_log="rate", is_rough=True),
    "neighbours": Task(
        {"k": Int(1, 200, log=True), "power": Float(1.0, 4.0), "weights": ["uniform", "distance"]},
        _neighbours,
        0.005,
        on_log="k",
    ),
    "camel": Task({"a": _UNIT, "b": _UNIT}, _camel),
    "levy": Task({"a": _UNIT, "b": _UNIT, "c": _UNIT}, _levy, is_rough=True),
}
UNUSED: tuple[tuple[str, Parameter | list[str]], ...] = (
    ("unused_share", Float(0.0, 1.0)),
    ("unused_choice", ["p", "q", "r"]),
    ("unused_rate", Float(1e-6, 1e-1, log=True)),
    ("unused_count", Int(1, 64)),
)


def trials_of(task: Task, space: SearchSpace, strategy: str, seed: int, count: int) -> list[Trial]:
    """The trials of a study, every second one of which maximises."""
    direction = "maximize" if seed % 2 else "minimize"
    study = Study(space, strategy=strategy, direction=direction, seed=seed)  # type: ignore[arg-type]
    rng = np.random.default_rng(seed)
    for _ in range(count):
        trial = study.ask()
        if trial is None:
            break
        numbers = {
            name: float(value)
            for name, value in trial.params.items()
            if isinstance(value, int | float)
        }
        loss = task.loss(numbers, trial.params) + task.noise * float(rng.normal())
        study.tell(trial, study.goal.loss(loss))  # The sign is its own inverse.
    return list(study.history)


def findings(space: SearchSpace, trials: list[Trial], seed: int) -> list[Finding]:
    """What the doctor says of a study of `trials_of`."""
    study = Study(space, direction="maximize" if seed % 2 else "minimize")
    return diagnose(space, study.goal, trials)


def has_converged(trials: list[Trial], count: int, seed: int) -> bool:
    """Whether as many trials again bring next to nothing."""
    sign = -1.0 if seed % 2 else 1.0
    losses = [sign * trial.metric for trial in trials if trial.metric is not None]
    best, first = min(losses[:count]), losses[: max(10, count // 10)]
    gained = min(first) - best + 0.05 * (float(np.quantile(first, 0.25)) - best)
    return best - min(losses[: 2 * count]) <= LITTLE * gained


class Answer(NamedTuple):
    """Of one study.

    Attributes:
        kind: `healthy`, or what is wrong with it.
        size: Of how many trials.
        is_right: Whether the doctor says so, and nothing else of a healthy one.
        note: What it says of one that is healthy.
    """

    kind: str
    size: int
    is_right: bool
    note: str = ""


def answers(strategy: str, seeds: range, most: int) -> Iterator[Answer]:
    """Of all tasks, for each seed and size. That one has converged is judged apart."""
    for place, (called, task) in enumerate(TASKS.items()):
        healthy = SearchSpace(task.space)
        for seed in seeds:
            name, unused = UNUSED[(place + seed) % len(UNUSED)]
            sick = SearchSpace({**task.space, name: unused})
            trials = trials_of(task, healthy, strategy, seed, most)
            with_unused = trials_of(task, sick, strategy, seed, most // 2)
            linear = _on_linear(task) if task.on_log else healthy
            on_linear = trials_of(task, linear, strategy, seed, most // 2) if task.on_log else []
            for size in SIZES:
                if size > most // 2:
                    continue
                said = findings(healthy, trials[:size], seed)
                converges = any(each.check == "converged" for each in said)
                others = [each for each in said if each.check != "converged"]
                note = "; ".join(f"{each.check} {each.parameter}" for each in others)
                yield Answer("healthy", size, not others, f"{called}, {strategy}, {size}: {note}")
                if has_converged(trials, size, seed):
                    yield Answer("converged", size, converges)
                else:
                    yield Answer("not converged", size, not converges)
                said = findings(sick, with_unused[:size], seed)
                found = ("parameter_without_effect", name) in _told(said)
                kind = "no effect, rough" if task.is_rough else "no effect"
                yield Answer(kind, size, found)
                if on_linear:
                    said = findings(linear, on_linear[:size], seed)
                    found = ("log_scale_advisable", task.on_log) in _told(said)
                    yield Answer("log scale", size, found)


def _told(said: list[Finding]) -> set[tuple[str, str]]:
    return {(each.check, each.parameter) for each in said}


def _on_linear(task: Task) -> SearchSpace:
    """The space with the parameter `on_log` on a linear scale."""
    described = SearchSpace(task.space).to_json()
    described[task.on_log]["log"] = False
    return SearchSpace(described)


_SICK = ("no effect", "no effect, rough", "log scale")


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--seeds", type=int, default=8, help="studies of each kind and task")
    parser.add_argument("--gp", type=int, default=2, help="the same of gp, which takes its time")
    parser.add_argument("--first", type=int, default=2000, help="the first seed")
    given = parser.parse_args()
    print(f"| {'studies':16} | strategy | {' | '.join(f'{size:3} trials' for size in SIZES)} |")
    print(f"|{'-' * 18}|{'-' * 10}|{'|'.join('-' * 12 for _ in SIZES)}|")
    wrong: Counter[str] = Counter()
    for strategy, seeds, most in (
        ("random", given.seeds, MOST),
        ("tpe", given.seeds, MOST),
        ("gp", given.gp, MOST_OF_GP),
    ):
        right: Counter[tuple[str, int]] = Counter()
        total: Counter[tuple[str, int]] = Counter()
        for each in answers(strategy, range(given.first, given.first + seeds), most):
            total[each.kind, each.size] += 1
            right[each.kind, each.size] += each.is_right
            if each.kind == "healthy" and not each.is_right:
                wrong[each.note] += 1
        for kind in ("healthy", "not converged", "converged", *_SICK):
            cells = [
                f"{right[kind, size]} of {total[kind, size]}" if total[kind, size] else ""
                for size in SIZES
            ]
            row = " | ".join(f"{cell:>10}" for cell in cells)
            print(f"| {kind:16} | {strategy:8} | {row} |", flush=True)
    print("\nSaid of healthy studies:", *(f"{n} x {note}" for note, n in wrong.items()), sep="\n")


if __name__ == "__main__":
    main()
