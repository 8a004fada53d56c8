"""Functions on conditional spaces: which parameters there are depends on choices, level by level.

What a search makes of branches decides how soon it finds the best of them: models in a pipeline,
each with parameters of its own, widths of as many layers as there are, options that open others.
These functions hold such trees in several shapes: few branches and many, even and uneven, flat
and deep, one choice and several beside each other. Every branch has an optimum of its own
somewhere, some of them at ends, and a least value of its own; that of the best branch is 0, by
construction, and so the optimum of the function. All are deterministic.

Nothing but numpy is needed.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np

from benchmarks.search.synthetic import SHAPES, SyntheticFunction, unit_value
from prefect_tuner import Categorical, Float, Int, Params, SearchSpace
from prefect_tuner.search_space.conditions import When
from prefect_tuner.search_space.parameters import Parameter

# Least values of the branches of a choice, but for the best one, are drawn from this range.
_GAPS: Final = (0.05, 0.6)


@dataclass(frozen=True)
class _Node:
    """Some numbers, and choices of branches that are nodes themselves.

    Attributes:
        shape: Of the function of its numbers.
        numbers: How many it has.
        choices: For each choice its branches.
        layers: Up to so many layers, of which each has a width.
        weight: What the function of its numbers counts.
    """

    shape: str = "bowl"
    numbers: int = 0
    choices: tuple[tuple[_Node, ...], ...] = ()
    layers: int = 0
    weight: float = 1.0


_TWO, _THREE = _Node(numbers=2), _Node("valley", 3)

_FUNCTIONS: Final = {
    # A few models with what they share.
    "branches-models-4": _Node(
        numbers=2, weight=0.5, choices=((_TWO, _THREE, _Node("bumpy", 2), _Node(numbers=4)),)
    ),
    # Many models, with nothing in common.
    "branches-models-8": _Node(choices=((_TWO, _THREE) * 4,)),
    # A branch without parameters, and one with most of them.
    "branches-uneven-4": _Node(
        numbers=1, weight=0.5, choices=((_Node(), _Node(numbers=1), _THREE, _Node("bowl", 7)),)
    ),
    # Three steps of a pipeline, one of them a choice of models.
    "branches-steps-3": _Node(
        choices=(
            (_Node(),) * 4,
            (_Node(), _Node(numbers=1, weight=0.5), _Node(numbers=1, weight=0.5)),
            (_TWO, _THREE, _Node("bowl", 3), _Node("bumpy", 2)),
        )
    ),
    # Two levels: what a solver needs, and what its schedule needs.
    "branches-deep-3": _Node(
        numbers=2,
        choices=(
            (
                _Node(numbers=1, weight=0.5),
                _Node(numbers=2, choices=((_Node(), _Node(numbers=1, weight=0.5)),)),
                _Node(
                    numbers=1,
                    choices=(
                        (_Node(), _Node(numbers=1), _Node("valley", 2, weight=0.5)),
                        (_Node(), _Node(numbers=1, weight=0.5)),
                    ),
                ),
            ),
        ),
    ),
    # As many widths as layers, beside numbers that always count.
    "branches-layers-4": _Node("valley", 2, layers=4),
    # Options that are on or off, each with a number.
    "branches-options-5": _Node(
        numbers=1, choices=((_Node(), _Node(numbers=1, weight=0.5)),) * 5, weight=0.5
    ),
}

FAMILIES: Final = dict.fromkeys(_FUNCTIONS, "branches")
"""The family of each function."""

TUNED_ON: Final = tuple(_FUNCTIONS)
"""The functions that were looked at while the strategies were made: all."""

SATURATED: Final = ()
"""The functions on which random search is nearly as good as any: none."""


@cache
def load(name: str) -> SyntheticFunction:
    """One of the functions, its parameters named by where they are in the tree."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    tree = _grown(_FUNCTIONS[name], rng)
    space = SearchSpace(tree.parameters)
    return SyntheticFunction.drawn(name, FAMILIES[name], space, tree.best, tree.value, rng)


@dataclass(frozen=True)
class _Tree:
    """What a node stands for: parameters, the best candidate, and the function that it is best of.

    Attributes:
        parameters: Declared parameters by name.
        best: Values of those that are active in the best candidate.
        value: From a candidate to a value that is 0 at the best one.
    """

    parameters: dict[str, Parameter]
    best: Params
    value: Callable[[Params], float]


def _grown(
    node: _Node, rng: np.random.Generator, stem: str = "", when: When | None = None
) -> _Tree:
    """The tree of a node, its names beginning with a stem, its parameters under a condition."""
    parts = [_numbers(node, rng, stem, when)]
    parts += [
        _choice(branches, rng, f"{stem}c{place}", when)
        for place, branches in enumerate(node.choices)
    ]
    if node.layers:
        parts.append(_layers(node.layers, rng, stem, when))
    return _Tree(
        _parameters(parts),
        {name: value for part in parts for name, value in part.best.items()},
        lambda params: sum(part.value(params) for part in parts),
    )


def _numbers(node: _Node, rng: np.random.Generator, stem: str, when: When | None) -> _Tree:
    declared = {
        f"{stem}x{place}": (
            Float(0.0, 1.0, when=when),
            Float(1e-5, 1.0, log=True, when=when),
            Int(0, 1000, when=when),
        )[place % 3]
        for place in range(node.numbers)
    }
    optimum = np.clip(rng.uniform(-0.2, 1.2, size=node.numbers), 0.0, 1.0)
    shape = SHAPES[node.shape](rng, node.numbers)

    def value(params: Params) -> float:
        at = [unit_value(number, params[name]) for name, number in declared.items()]
        return node.weight * shape(np.array(at) - optimum)

    optima = zip(declared.items(), optimum.tolist(), strict=True)
    best = {name: number.from_unit(at) for (name, number), at in optima}
    return _Tree(dict(declared), best, value)


def _choice(
    branches: tuple[_Node, ...], rng: np.random.Generator, name: str, when: When | None
) -> _Tree:
    """A choice of branches, each of which has a least value of its own."""
    options = [chr(ord("a") + place) for place in range(len(branches))]
    trees = {
        option: _grown(branch, rng, f"{name}{option}_", {name: option})
        for option, branch in zip(options, branches, strict=True)
    }
    # A branch without parameters is the best one only where none has any.
    has_any = any(tree.parameters for tree in trees.values())
    may_be_best = [bool(tree.parameters) or not has_any for tree in trees.values()]
    gaps = dict(zip(options, _gaps(rng, may_be_best), strict=True))
    chosen = min(gaps, key=gaps.__getitem__)

    def value(params: Params) -> float:
        option = str(params[name])
        return gaps[option] + trees[option].value(params)

    choice = Categorical(options, when=when)
    return _Tree(
        {name: choice, **_parameters(trees.values())}, {name: chosen, **trees[chosen].best}, value
    )


def _layers(layers: int, rng: np.random.Generator, stem: str, when: When | None) -> _Tree:
    """A number of layers, and a width for each layer that there is."""
    name = f"{stem}layers"
    counts = range(1, layers + 1)
    trees = {
        layer: _numbers(
            _Node(numbers=1, weight=0.5),
            rng,
            f"{stem}layer{layer}_",
            {name: [count for count in counts if count >= layer]},
        )
        for layer in counts
    }
    gaps = dict(zip(counts, _gaps(rng, [True] * layers), strict=True))
    chosen = min(gaps, key=gaps.__getitem__)
    best = {n: v for layer in range(1, chosen + 1) for n, v in trees[layer].best.items()}

    def value(params: Params) -> float:
        count = int(params[name])
        return gaps[count] + sum(trees[layer].value(params) for layer in range(1, count + 1))

    return _Tree(
        {name: Int(1, layers, when=when), **_parameters(trees.values())},
        {name: chosen, **best},
        value,
    )


def _parameters(trees: Iterable[_Tree]) -> dict[str, Parameter]:
    return {name: parameter for tree in trees for name, parameter in tree.parameters.items()}


def _gaps(rng: np.random.Generator, may_be_best: Sequence[bool]) -> list[float]:
    gaps = rng.uniform(*_GAPS, size=len(may_be_best))
    gaps[rng.choice(np.flatnonzero(may_be_best))] = 0.0
    return [float(gap) for gap in gaps]
