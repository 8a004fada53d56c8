"""Trials as columns of numbers, as a random forest takes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from prefect_tuner.search_space.categorical import Categorical
from prefect_tuner.search_space.parameters import Parameter
from prefect_tuner.search_space.space import SearchSpace
from prefect_tuner.strategies.encoding.array_types import FloatArray
from prefect_tuner.trial import Trial

_LARGEST, _SMALLEST = 1e37, 1e-37
_CLOSE = 1e-4
"""Of its size, how little a range may be that numbers of 32 bits tell the values of."""


@dataclass(frozen=True)
class Columns:
    """The values of some trials.

    A number is one column, as it is, on whatever scale it is searched; from 0 to 1 where numbers of
    32 bits, which the forest has, could not hold its range. A choice is a column for each, 1 where
    it was made and 0 otherwise.

    Attributes:
        values: Of shape (n, D).
        low: The least value of each column, shape (D,).
        high: The largest one, shape (D,).
        of: Which columns belong to each parameter.
    """

    values: FloatArray
    low: FloatArray
    high: FloatArray
    of: dict[str, slice]


def columns_of(space: SearchSpace, trials: Sequence[Trial], seed: int) -> Columns:
    """The columns of all parameters of more than one value that a trial has.

    A conditional parameter that a trial does not have has a value at random, from the whole of its
    domain: whatever it is makes no difference there. With one value for all, the forest would tell
    by that value whether it is active, and not by the parameter on which this depends.

    Args:
        space: The search space.
        trials: Any.
        seed: Of what is drawn.
    """
    seen = {name for trial in trials for name in trial.params}
    # The order decides what the forest draws at random; Optuna's is that of the names.
    names = sorted(name for name in space if name in seen and space[name].cardinality != 1)
    rng = np.random.default_rng(seed)
    blocks = [_block(name, space[name], trials, rng) for name in names]
    starts = np.cumsum([0, *(block.shape[1] for block in blocks)]).tolist()
    ends = [
        (0.0, 1.0) if _is_scaled(space[name]) else _ends(space[name])
        for name, block in zip(names, blocks, strict=True)
        for _ in block.T
    ]
    return Columns(
        np.hstack(blocks) if blocks else np.empty((len(trials), 0)),
        np.array([low for low, _ in ends], dtype=np.float64),
        np.array([high for _, high in ends], dtype=np.float64),
        {name: slice(starts[i], starts[i + 1]) for i, name in enumerate(names)},
    )


def count_columns(space: SearchSpace) -> int:
    """How many columns all parameters of a space have, those of one value included."""
    return sum(each.cardinality if isinstance(each, Categorical) else 1 for each in space.values())


def _block(
    name: str, parameter: Parameter, trials: Sequence[Trial], rng: np.random.Generator
) -> FloatArray:
    fills = rng.random(len(trials)).tolist()
    if isinstance(parameter, Categorical):
        count = parameter.cardinality
        places = [
            parameter.index_of(trial.params[name]) if name in trial.params else int(fill * count)
            for trial, fill in zip(trials, fills, strict=True)
        ]
        return np.eye(count)[places]
    low, high = _ends(parameter)
    values = [
        trial.params.get(name, low + fill * (high - low))
        for trial, fill in zip(trials, fills, strict=True)
    ]
    column = np.array(values, dtype=np.float64)[:, np.newaxis]
    return _scaled(column, low, high) if _is_scaled(parameter) else column


def _is_scaled(parameter: Parameter) -> bool:
    """Whether numbers of 32 bits cannot hold the range of a parameter, or not tell its values."""
    if isinstance(parameter, Categorical):
        return False
    low, high = _ends(parameter)
    size, span = max(abs(low), abs(high)), high / 2 - low / 2
    return size > _LARGEST or span < max(_SMALLEST, _CLOSE * size)


def _scaled(values: FloatArray, low: float, high: float) -> FloatArray:
    """Values from 0 to 1, however large or small the ends of their range are."""
    exponent = -int(np.frexp(max(abs(low), abs(high)))[1])
    places, least, most = (np.ldexp(each, exponent) for each in (values, low, high))
    return np.asarray((places - least) / (most - least))


def _ends(parameter: Parameter) -> tuple[float, float]:
    if isinstance(parameter, Categorical):
        return 0.0, 1.0
    return float(parameter.low), float(parameter.high)
