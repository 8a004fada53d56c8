"""Search along the Halton sequence, which covers the space more evenly than random draws do."""

from __future__ import annotations

from typing import ClassVar, final

from pydantic import BaseModel, Field

from prefect_tuner import History, Params, SearchSpace, SearchStrategy
from prefect_tuner.strategies.strategy import StrategyOptions
from prefect_tuner.trial import Direction

_PRIMES = (2, 3, 5, 7, 11, 13)


class HaltonOptions(StrategyOptions):
    """Options of the strategy `halton`."""

    skip: int = Field(default=0, ge=0, description="Points of the sequence to leave out first.")


@final
class HaltonSearch(SearchStrategy):
    """Candidate n is point `skip + n` of the Halton sequence."""

    Options: ClassVar[type[BaseModel]] = HaltonOptions

    def __init__(
        self, space: SearchSpace, direction: Direction, seed: int, options: HaltonOptions
    ) -> None:
        super().__init__(space, direction, seed, options)
        self._skip = options.skip

    def next_candidate(self, history: History) -> Params | None:
        """The next point of the sequence."""
        point = self._skip + len(history) + 1
        return {
            name: parameter.from_unit(radical_inverse(point, base))
            for (name, parameter), base in zip(self.space.items(), _PRIMES, strict=False)
        }


def radical_inverse(number: int, base: int) -> float:
    """The digits of `number`, mirrored at the point."""
    inverse, place = 0.0, 1.0
    while number:
        number, digit = divmod(number, base)
        place /= base
        inverse += digit * place
    return inverse
