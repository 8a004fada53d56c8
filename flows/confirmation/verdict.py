"""What came of a race, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from prefect_tuner.flows.confirmation.confirmation import ConfirmedTrial, Place
from prefect_tuner.flows.confirmation.looks import ALPHA, FIRST
from prefect_tuner.flows.confirmation.race import RaceEnd
from prefect_tuner.goal import Goal

_PERCENT = round(100 * (1 - ALPHA))


def verdict_of(
    candidates: Sequence[ConfirmedTrial],
    end: RaceEnd,
    goal: Goal,
    cheapest: ConfirmedTrial | None,
) -> str:
    """Who won, how sure that is, and how far the search flattered it.

    Args:
        candidates: The winner first, those tied with it next.
        end: Why the race is over.
        goal: Which of two metrics is better.
        cheapest: Which of the winner and those tied with it takes the least time.
    """
    first = candidates[0]
    if first.place is Place.OPEN:
        return (
            f"Nothing is confirmed: the race was stopped before each of the {len(candidates)} "
            f"candidates had {FIRST} evaluations. It goes on when the study is run again with more "
            "time."
        )
    failing = [each for each in candidates if each.place is Place.FAILING]
    if first.place is not Place.WINNER:
        return f"No candidate can be relied on. {_of_failing(failing)}"
    tied = [each for each in candidates if each.place is Place.TIED]
    sentences = [_of_winner(first, tied, len(candidates), end), _of_optimism(first, goal)]
    if tied and cheapest is not None and cheapest.number != first.number:
        sentences.append(_of_cheapest(first, cheapest))
    if failing:
        sentences.append(_of_failing(failing))
    if end is RaceEnd.STOPPED:
        sentences.append("The race was stopped before it was over.")
    return " ".join(filter(None, sentences))


def _of_winner(
    winner: ConfirmedTrial, tied: Sequence[ConfirmedTrial], count: int, end: RaceEnd
) -> str:
    if end is RaceEnd.NO_NOISE:
        same = f"as {_listed(tied)}" if tied else ""
        led = "wins" if not tied else f"is as good {same}"
        return (
            f"Trial {winner.number} {led} with {_shown(winner.mean)}: every candidate gave the "
            "same metric again, so nothing here is noise."
        )
    told = _shown(winner.mean)
    if winner.interval is not None:
        low, high = winner.interval
        told += f" ({_PERCENT} % interval {_shown(low)} to {_shown(high)})"
    told += f" over {winner.evaluations} evaluations"
    if winner.failed:
        told += f", {winner.failed} more failed"
    if tied:
        them = [winner, *tied]
        return (
            f"{_listed(them, capital=True)} are tied within the noise; of these, trial "
            f"{winner.number} has the best mean, {told}."
        )
    others = {1: "", 2: ", better than the other candidate"}
    beyond = others.get(count, f", better than the {count - 1} other candidates")
    return f"Trial {winner.number} wins: mean {told}{beyond}."


def _of_optimism(winner: ConfirmedTrial, goal: Goal) -> str:
    optimism = optimism_of(winner, goal)
    if not optimism:
        return ""
    kind = "flattered it" if optimism > 0 else "was too modest"
    return f"Its metric in the search, {_shown(winner.first)}, {kind} by {abs(optimism):.3g}."


def _of_cheapest(winner: ConfirmedTrial, cheapest: ConfirmedTrial) -> str:
    if cheapest.duration is None or winner.duration is None:
        return ""
    return (
        f"Trial {cheapest.number} is the cheapest of them: {cheapest.duration:.3g} s rather than "
        f"{winner.duration:.3g} s."
    )


def _of_failing(failing: Sequence[ConfirmedTrial]) -> str:
    return " ".join(
        f"Trial {each.number} cannot win: it failed in {each.failed} of "
        f"{each.failed + each.evaluations} evaluations."
        for each in failing
    )


def optimism_of(candidate: ConfirmedTrial, goal: Goal) -> float:
    """By how much a candidate's metric in the search was better than its mean since."""
    if candidate.mean is None:
        return 0.0
    return goal.loss(candidate.mean) - goal.loss(candidate.first)


def _listed(candidates: Sequence[ConfirmedTrial], *, capital: bool = False) -> str:
    numbers = sorted(each.number for each in candidates)
    noun = "trial" if len(numbers) == 1 else "trials"
    *most, last = map(str, numbers)
    told = f"{', '.join(most)} and {last}" if most else last
    return f"{noun.capitalize() if capital else noun} {told}"


def _shown(value: float | None) -> str:
    return "none" if value is None else f"{value:.6g}"
