"""What a user believes of where the optimum lies, as a density over the search space.

Notation:
    codes: candidates, shape (m, A), see `encoding`.
    pi: the density, in units of the uniform one; a product over the active axes.

A number is normally distributed around its centre, on the scale of its parameter, and cut off at
the ends; choices have the shares that their weights say. A tenth of each density is uniform: of
what a user believes, something may be wrong.

Source: C. Hvarfner et al., piBO: Augmenting Acquisition Functions with User Beliefs for Bayesian
Optimization, ICLR 2022 (arXiv 2204.11051), where the acquisition is multiplied by pi to the power
of beta / n (equation 6), so that what was observed outweighs in the end what was believed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, final

import numpy as np
from scipy.special import ndtr

from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.hyper_value import HyperValue, Params
from prefect_tuner.redaction import shown
from prefect_tuner.search_space.parameters import Categorical, Float, Int
from prefect_tuner.search_space.space import SearchSpace
from prefect_tuner.strategies.encoding.array_types import FloatArray
from prefect_tuner.strategies.encoding.axis import Axis, axis_of
from prefect_tuner.strategies.encoding.encoding import Encoding
from prefect_tuner.validation import unknown_name

PriorOption: TypeAlias = Mapping[str, Mapping[str, float]]
"""For each parameter `center` and `spread`, or the weights of its choices."""

BETA = 5.0
"""Confidence in the prior: after so many observations it is taken to the power of 1."""

_SPREAD = 0.2
_UNIFORM_SHARE = 0.1
_GRID = np.linspace(0.0, 1.0, 1025)


@dataclass(frozen=True)
class _Normal:
    """The density of a number: of codes in [0, 1]."""

    centre: float
    spread: float

    def log_density(self, codes: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Log pi at some codes, and its derivative, each of their shape."""
        z = (codes - self.centre) / self.spread
        mass = self._mass(1.0) - self._mass(0.0)
        peak = (1.0 - _UNIFORM_SHARE) / (mass * self.spread * math.sqrt(2.0 * math.pi))
        bell = peak * np.exp(-0.5 * z**2)
        density = bell + _UNIFORM_SHARE
        return np.log(density), -bell * z / self.spread / density

    def codes_at(self, units: FloatArray) -> FloatArray:
        """The quantiles: the codes below which the shares `units` of the density lie."""
        low, high = self._mass(0.0), self._mass(1.0)
        bell = (ndtr((_GRID - self.centre) / self.spread) - low) / (high - low)
        cumulative = (1.0 - _UNIFORM_SHARE) * bell + _UNIFORM_SHARE * _GRID
        return np.interp(units, cumulative, _GRID)

    def _mass(self, code: float) -> float:
        return float(ndtr((code - self.centre) / self.spread))


@dataclass(frozen=True)
class _Weights:
    """The density of a choice, by its index; `has_order` tells how codes stand for it."""

    shares: FloatArray
    has_order: bool

    def log_density(self, codes: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Log pi at some codes, and 0, each of their shape."""
        count = len(self.shares)
        indices = np.floor(codes * count) if self.has_order else codes
        known = np.clip(np.nan_to_num(indices), 0, count - 1).astype(np.intp)
        return np.log(count * self.shares)[known], np.zeros_like(codes)

    def codes_at(self, units: FloatArray) -> FloatArray:
        """The codes of the choices whose shares of [0, 1] hold the units."""
        indices = np.searchsorted(np.cumsum(self.shares)[:-1], units, side="right")
        return (indices + 0.5) / len(self.shares) if self.has_order else indices.astype(float)


@final
class UserPrior:
    """The prior that a user gave for some parameters of a space; the others are uniform.

    Args:
        space: The search space.
        encoding: Its encoding.
        given: For each parameter the prior, as the option `prior` of `gp` has it.

    Attributes:
        names: The parameters that it says something of.

    Raises:
        InvalidConfiguration: Lists all the mistakes in it.

    Example:
        ```python
        import numpy as np

        from prefect_tuner import Float, SearchSpace
        from prefect_tuner.strategies.encoding.encoding import Encoding
        from prefect_tuner.strategies.encoding.user_prior import UserPrior

        space = SearchSpace({"lr": Float(1e-5, 1e-1, log=True)})
        prior = UserPrior(space, Encoding(space), {"lr": {"center": 1e-3, "spread": 0.1}})
        near, far = prior.log_density(np.array([[0.5], [0.9]]))[0]
        assert near > 1.2 and far < -2.0
        assert abs(prior.candidate_at([0.5])["lr"] - 1e-3) < 1e-9
        ```
    """

    def __init__(self, space: SearchSpace, encoding: Encoding, given: PriorOption) -> None:
        self._encoding = encoding
        mistakes: list[str] = []
        by_name: dict[str, _Normal | _Weights] = {}
        for name, belief in given.items():
            if name not in space:
                mistakes.append(f"option prior.{name} {unknown_name(name, space)}")
                continue
            parameter = space[name]
            try:
                if isinstance(parameter, Categorical):
                    by_name[name] = _weights(parameter, belief)
                else:
                    by_name[name] = _normal(parameter, belief)
            except InvalidConfiguration as error:
                mistakes += [f"option prior.{name}: {mistake}" for mistake in error.mistakes]
        if mistakes:
            raise InvalidConfiguration(*mistakes)
        self.names = frozenset(by_name)
        self._beliefs = [
            (j, by_name[axis.name]) for j, axis in enumerate(encoding.axes) if axis.name in by_name
        ]
        places = {name: place for place, name in enumerate(space)}
        self._places = [places[axis.name] for axis in encoding.axes]

    def log_density(self, codes: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Log pi of some candidates, shape (m,), and its gradient by their codes, shape (m, A)."""
        logs, gradient = np.zeros(len(codes)), np.zeros(codes.shape)
        for j, belief in self._beliefs:
            of_axis, slope = belief.log_density(codes[:, j])
            is_active = ~np.isnan(codes[:, j])
            logs += np.where(is_active, of_axis, 0.0)
            gradient[:, j] = np.where(is_active, slope, 0.0)
        return logs, gradient

    def codes_at(self, points: FloatArray) -> FloatArray:
        """The codes at points of [0, 1]**A, shape (m, A); each value has its share by pi."""
        codes = self._encoding.all_from_unit_cube(points)
        for j, belief in self._beliefs:
            codes[:, j] = belief.codes_at(points[:, j])
        return self._encoding.snap(codes)

    def candidate_at(self, units: Sequence[float]) -> Params:
        """The candidate at a point of the unit cube that has a coordinate for each parameter."""
        point = np.array([units[place] for place in self._places])
        return self._encoding.decode(self.codes_at(point[None])[0])


def _normal(parameter: Float | Int, belief: Mapping[str, float]) -> _Normal:
    example = '{"center": 0.001, "spread": 0.1}'
    if not belief.keys() <= {"center", "spread"} or "center" not in belief:
        raise InvalidConfiguration(
            f"must hold a center, and may hold a spread, such as {example}, got {dict(belief)}"
        )
    centre, spread = belief["center"], belief.get("spread", _SPREAD)
    mistakes = []
    if not parameter.low <= centre <= parameter.high:
        mistakes.append(
            f"center must lie between {parameter.low!r} and {parameter.high!r}, got {centre!r}"
        )
    if not 1e-3 <= spread <= 10.0:
        mistakes.append(
            "spread must lie between 0.001 and 10, a share of the parameter's range on its own "
            f"scale, got {spread!r}"
        )
    if mistakes:
        raise InvalidConfiguration(*mistakes)
    if parameter.low == parameter.high:
        return _Normal(0.5, spread)
    return _Normal(_place(axis_of("", parameter), parameter, float(centre)), spread)


def _place(axis: Axis, parameter: Float | Int, centre: float) -> float:
    """The place of a number in [0, 1], which need not be one of the values."""
    if axis.count is None:
        return axis.code_of(centre)
    if axis.log_scale is not None:
        return float(axis.log_scale.codes(np.array(centre)))
    share = (centre - parameter.low) / (parameter.high - parameter.low)
    return (share * (axis.count - 1) + 0.5) / axis.count


def _weights(parameter: Categorical, belief: Mapping[str, float]) -> _Weights:
    keys = [_key(choice) for choice in parameter.choices]
    mistakes = [f"{key!r} {unknown_name(key, keys)}" for key in belief if key not in keys]
    mistakes += [
        f"{key!r} stands for more than one choice of {shown(list(parameter.choices))}; leave it out"
        for key in belief
        if keys.count(key) > 1
    ]
    mistakes += [
        f"the weight of {key!r} must be a finite number above 0, got {weight!r}"
        for key, weight in belief.items()
        if not 0.0 < weight < math.inf
    ]
    if not belief:
        mistakes.append(f"must hold weights of choices, such as {{{keys[0]!r}: 3}}, got {{}}")
    if mistakes:
        raise InvalidConfiguration(*mistakes)
    weights = np.array([belief.get(key, 1.0) for key in keys])
    believed = (1.0 - _UNIFORM_SHARE) * (weights / weights.max()) / np.sum(weights / weights.max())
    return _Weights(believed + _UNIFORM_SHARE / len(keys), parameter.ordered)


def _key(choice: HyperValue) -> str:
    """A choice as the key of a JSON object: its own JSON, a text as it is."""
    return choice if isinstance(choice, str) else json.dumps(choice, sort_keys=True)
