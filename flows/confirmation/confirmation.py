"""What came of confirming a study's best trials: plain data."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from prefect_tuner.flows.confirmation.looks import ALPHA
from prefect_tuner.flows.confirmation.race import RaceEnd
from prefect_tuner.hyper_value import Params

CONFIDENCE = 1.0 - ALPHA
"""The chance that all intervals of a confirmation hold the means that they are for."""


class Place(StrEnum):
    """How a candidate came out of the race."""

    WINNER = "winner"
    """It has the best mean of those that were not beaten and do not fail too often."""
    TIED = "tied"
    """It cannot be told from the winner within the noise."""
    BEATEN = "beaten"
    """It is worse than another candidate, beyond the noise."""
    FAILING = "failing"
    """It fails too often to be relied on."""
    OPEN = "open"
    """The race was stopped before its first look."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class ConfirmedTrial(_Model):
    """A candidate, and what its evaluations with fresh seeds say of it.

    Attributes:
        number: The trial's place in the study.
        place: How it came out of the race.
        first: Its metric in the search.
        mean: The mean of its metrics since; None where it has none. `first` is no part of it.
        interval: Holds the mean of all such evaluations there could be; see `CONFIDENCE`.
        evaluations: How many gave a metric, of those that count.
        failed: How many failed, of those that count.
        duration: Seconds that one takes, in the mean.
    """

    number: int
    place: Place
    first: float
    mean: float | None = None
    interval: tuple[float, float] | None = None
    evaluations: int = 0
    failed: int = 0
    duration: float | None = None


class Winner(_Model):
    """The trial to rely on.

    Attributes:
        number: Its place in the study.
        params: Its parameters.
        mean: The mean of its metrics when it was evaluated with fresh seeds.
        interval: Holds the mean of all such evaluations there could be, with `confidence`,
            whichever trial won and whenever the race ended; None where that could not be told.
        confidence: The chance of that.
        evaluations: How many of its evaluations gave a metric.
        failed: How many failed.
        optimism: By how much its metric in the search was better than the mean; where it was worse,
            below 0.
        tied: The trials that cannot be told from it within the noise.
        cheapest: Which of all these takes the least time; itself where none is tied.
        verdict: All that in a sentence or two.
    """

    number: int
    params: Params
    mean: float
    interval: tuple[float, float] | None
    confidence: float = CONFIDENCE
    evaluations: int
    failed: int
    optimism: float
    tied: list[int]
    cheapest: int
    verdict: str


class Confirmation(_Model):
    """What came of confirming a study's best trials.

    Attributes:
        candidates: All that raced: the winner, those tied with it by their means, the others
            likewise.
        end: Why the race was over.
        budget: How many evaluations there could have been.
        spent: How many there were, failed ones included.
        cheapest: Which of the winner and those tied with it takes the least time.
        verdict: What it means, in a sentence or two.
    """

    candidates: list[ConfirmedTrial]
    end: RaceEnd
    budget: int
    spent: int
    cheapest: int | None = None
    verdict: str

    @property
    def winner(self) -> ConfirmedTrial | None:
        """The candidate to rely on; None where none can be."""
        return next((each for each in self.candidates if each.place is Place.WINNER), None)

    @property
    def tied(self) -> list[ConfirmedTrial]:
        """Those that cannot be told from the winner within the noise."""
        return [each for each in self.candidates if each.place is Place.TIED]
