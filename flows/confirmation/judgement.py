"""From the evaluations of a race to what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from prefect_tuner.flows.confirmation.confirmation import Confirmation, ConfirmedTrial, Place
from prefect_tuner.flows.confirmation.looks import error_at, evaluations_at
from prefect_tuner.flows.confirmation.race import (
    Evaluation,
    Evaluations,
    Race,
    RaceEnd,
    Standing,
    is_reliable,
)
from prefect_tuner.flows.confirmation.sample import Noise, mean_interval, mean_of
from prefect_tuner.flows.confirmation.verdict import verdict_of

_ORDER = (Place.WINNER, Place.TIED, Place.OPEN, Place.BEATEN, Place.FAILING)


def judged(race: Race, evaluations: Evaluations) -> Confirmation:
    """What came of a race, or how it stood when it was stopped.

    The winner is the candidate with the best mean among those that were not beaten; where these
    fail too often, among all that do not.

    Args:
        race: Its rules.
        evaluations: Those that have ended.

    Example:
        ```python
        from prefect_tuner.flows.confirmation.judgement import judged
        from prefect_tuner.flows.confirmation.race import Evaluation, Race
        from prefect_tuner.goal import Goal

        race = Race(Goal("maximize"), {3: 0.9, 8: 0.8}, budget=20)
        seen = {3: [0.71, 0.72, 0.71, 0.73, 0.72], 8: [0.61, 0.62, 0.62, 0.6, 0.61]}
        evaluations = {n: dict(enumerate(map(Evaluation, seen[n]))) for n in seen}
        came = judged(race, evaluations)
        assert came.winner.number == 3 and not came.tied
        assert round(came.winner.mean, 3) == 0.718
        ```
    """
    standing = race.standing(evaluations)
    counting = {
        number: _counting(evaluations.get(number, {}), standing, number) for number in race.firsts
    }
    places = _places(race, standing, counting)
    noise = Noise.of([_metrics(each) for each in counting.values()])
    judged_trials = [
        _judged_trial(race, standing, number, places[number], counting[number], noise)
        for number in race.firsts
    ]
    judged_trials.sort(key=lambda each: _rank(race, each))
    leading = [each for each in judged_trials if each.place in (Place.WINNER, Place.TIED)]
    cheapest = min(
        leading,
        key=lambda each: float("inf") if each.duration is None else each.duration,
        default=None,
    )
    end = standing.end or RaceEnd.STOPPED
    return Confirmation(
        candidates=judged_trials,
        end=end,
        budget=race.budget,
        spent=sum(len(evaluations.get(number, {})) for number in race.firsts),
        cheapest=None if cheapest is None else cheapest.number,
        verdict=verdict_of(judged_trials, end, race.goal, cheapest),
    )


def _counting(ended: Mapping[int, Evaluation], standing: Standing, number: int) -> list[Evaluation]:
    """The evaluations of a candidate up to its last look; before the first, all that there are."""
    look = standing.looks[number]
    if not look:
        return [ended[place] for place in sorted(ended)]
    return [ended[place] for place in range(evaluations_at(look))]


def _places(
    race: Race, standing: Standing, counting: Mapping[int, Sequence[Evaluation]]
) -> dict[int, Place]:
    no_noise = standing.end is RaceEnd.NO_NOISE
    if not no_noise and not any(standing.looks.values()):
        return dict.fromkeys(race.firsts, Place.OPEN)
    means = {n: mean_of(known) for n in race.firsts if (known := _metrics(counting[n]))}
    reliable = [n for n in means if no_noise or is_reliable([each.metric for each in counting[n]])]
    able = [n for n in reliable if n in standing.left] or reliable
    winner = min(able, key=lambda n: race.goal.loss(means[n]), default=None)
    places: dict[int, Place] = {}
    for number in race.firsts:
        if number == winner:
            places[number] = Place.WINNER
        elif number not in reliable:
            places[number] = Place.FAILING
        elif winner is not None and no_noise and means[number] != means[winner]:
            places[number] = Place.BEATEN
        else:
            places[number] = Place.TIED if number in standing.left else Place.BEATEN
    return places


def _judged_trial(
    race: Race,
    standing: Standing,
    number: int,
    place: Place,
    counting: Sequence[Evaluation],
    noise: Noise,
) -> ConfirmedTrial:
    metrics = _metrics(counting)
    durations = [each.duration for each in counting if each.duration is not None]
    look = standing.looks[number]
    interval: tuple[float, float] | None = None
    if look:
        interval = mean_interval(metrics, error_at(look, len(race.firsts)), race.step, noise)
    elif standing.end is RaceEnd.NO_NOISE:
        interval = (metrics[0], metrics[0])
    return ConfirmedTrial(
        number=number,
        place=place,
        first=race.firsts[number],
        mean=mean_of(metrics) if metrics else None,
        interval=interval,
        evaluations=len(metrics),
        failed=len(counting) - len(metrics),
        duration=mean_of(durations) if durations else None,
    )


def _metrics(evaluations: Sequence[Evaluation]) -> list[float]:
    return [each.metric for each in evaluations if each.metric is not None]


def _rank(race: Race, each: ConfirmedTrial) -> tuple[int, bool, float]:
    mean = each.mean
    loss = 0.0 if mean is None else race.goal.loss(mean)
    return _ORDER.index(each.place), mean is None, loss
