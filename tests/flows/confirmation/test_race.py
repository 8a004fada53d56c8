"""Races: whom they evaluate next, when they end, and what comes of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefect_tuner import Outcome, Trial
from prefect_tuner.flows.confirmation.candidates import candidates_of
from prefect_tuner.flows.confirmation.confirmation import Confirmation, Place
from prefect_tuner.flows.confirmation.judgement import judged
from prefect_tuner.flows.confirmation.race import Evaluation, Race, RaceEnd, is_reliable
from prefect_tuner.goal import Goal

MAXIMIZE = Goal("maximize")


def run(race: Race, draw: Callable[[int, int], float | None]) -> Confirmation:
    """The race run to its end, with what `draw` says of a candidate and a place."""
    seen: dict[int, dict[int, Evaluation]] = {number: {} for number in race.firsts}
    while (standing := race.standing(seen)).end is None:
        assert standing.wanted
        for number, place in standing.wanted:
            assert place not in seen[number]
            seen[number][place] = Evaluation(draw(number, place), duration=1.0 + number)
    came = judged(race, seen)
    assert came.spent <= race.budget
    return came


def noisy(means: Sequence[float], scale: float, seed: int = 0) -> Callable[[int, int], float]:
    noise = np.random.default_rng(seed).normal(size=(len(means), 100)) * scale
    return lambda number, place: float(means[number] + noise[number, place])


def looked_up(metrics: np.ndarray) -> Callable[[int, int], float]:
    return lambda number, place: float(metrics[number, place])


def places(came: Confirmation) -> dict[int, Place]:
    return {each.number: each.place for each in came.candidates}


def test_one_that_is_clearly_better_wins_and_the_others_are_left_early() -> None:
    race = Race(MAXIMIZE, {0: 5.0, 1: 4.9, 2: 4.8}, budget=60)
    came = run(race, noisy([0.0, 3.0, 0.5], 0.1))
    assert came.end is RaceEnd.SETTLED
    assert came.winner is not None
    assert came.winner.number == 1
    assert places(came) == {1: Place.WINNER, 2: Place.BEATEN, 0: Place.BEATEN}
    assert came.spent == 15
    assert "Trial 1 wins" in came.verdict
    assert "flattered it by" in came.verdict


def test_within_the_noise_candidates_are_tied_and_the_cheapest_is_named() -> None:
    came = run(Race(MAXIMIZE, {2: 5.0, 1: 4.9, 0: 4.8}, budget=30), noisy([1.0, 1.0, 1.01], 1.0))
    assert came.end is RaceEnd.BUDGET
    assert came.spent == 30
    assert len(came.tied) == 2
    assert came.cheapest == 0
    assert "tied within the noise" in came.verdict


def test_minimizing_is_the_same_with_signs_turned() -> None:
    draw = noisy([0.0, 3.0, 0.5], 0.1)
    up = run(Race(MAXIMIZE, {0: 5.0, 1: 4.9, 2: 4.8}, budget=60), draw)
    down = run(
        Race(Goal("minimize"), {0: -5.0, 1: -4.9, 2: -4.8}, budget=60), lambda n, p: -draw(n, p)
    )
    assert places(up) == places(down)
    assert up.winner is not None
    assert down.winner is not None
    assert up.winner.mean == -(down.winner.mean or 0.0)


def test_an_objective_without_noise_takes_two_evaluations_of_each() -> None:
    firsts = {4: 0.91, 2: 0.9, 7: 0.9}
    came = run(Race(MAXIMIZE, firsts, budget=50), lambda number, _: firsts[number])
    assert came.end is RaceEnd.NO_NOISE
    assert came.spent == 6
    assert came.winner is not None
    assert came.winner.interval == (0.91, 0.91)
    assert places(came) == {4: Place.WINNER, 2: Place.BEATEN, 7: Place.BEATEN}
    same = run(Race(MAXIMIZE, dict.fromkeys(firsts, 1.0), budget=50), lambda *_: 1.0)
    assert len(same.tied) == 2


def test_equal_accuracies_are_asked_for_longer_and_leave_an_interval() -> None:
    race = Race(MAXIMIZE, {0: 1.0, 1: 0.99}, budget=50, step=0.01)
    came = run(race, lambda number, _: race.firsts[number])
    assert came.end is RaceEnd.NO_NOISE
    assert came.spent == 10
    assert came.winner is not None
    assert came.winner.interval is not None
    assert came.winner.interval[0] < 0.995


def failing_at_random(seed: int) -> Callable[[int, int], float | None]:
    fails, draw = np.random.default_rng(seed).random(100) < 0.5, noisy([9.0, 0.0], 0.1, seed)
    return lambda number, place: None if number == 0 and fails[place] else draw(number, place)


def test_a_candidate_that_fails_half_of_the_time_does_not_win() -> None:
    race = Race(MAXIMIZE, {0: 9.0, 1: 0.0}, budget=40)
    winners = [run(race, failing_at_random(seed)).winner for seed in range(800)]
    won = sum(winner is not None and winner.number == 0 for winner in winners)
    assert won <= 0.05 * len(winners)


def test_one_failure_among_many_evaluations_is_told_and_forgiven() -> None:
    draw = noisy([9.0, 0.0], 0.1)
    came = run(
        Race(MAXIMIZE, {0: 9.0, 1: 0.0}, budget=60),
        lambda n, p: None if (n, p) == (0, 2) else draw(n, p),
    )
    assert came.winner is not None
    assert (came.winner.number, came.winner.failed) == (0, 1)
    assert "1 more failed" in came.verdict
    assert is_reliable([1.0] * 9 + [None])
    assert not is_reliable([1.0] * 4 + [None])


def test_where_all_fail_there_is_no_winner() -> None:
    came = run(Race(MAXIMIZE, {0: 9.0, 1: 0.0}, budget=60), lambda *_: None)
    assert came.end is RaceEnd.FAILED
    assert came.winner is None
    assert came.spent == 10
    assert "No candidate can be relied on" in came.verdict


def test_one_candidate_alone_gets_its_mean() -> None:
    came = run(Race(MAXIMIZE, {3: 9.0}, budget=10), lambda _, place: 1.0 + place)
    assert came.end is RaceEnd.SETTLED
    assert came.winner is not None
    assert (came.winner.mean, came.winner.evaluations) == (3.0, 5)


def test_a_race_that_was_stopped_before_its_first_look_confirms_nothing() -> None:
    race = Race(MAXIMIZE, {0: 9.0, 1: 0.0}, budget=60)
    came = judged(race, {0: {0: Evaluation(1.0)}, 1: {}})
    assert came.end is RaceEnd.STOPPED
    assert came.winner is None
    assert set(places(came).values()) == {Place.OPEN}
    assert "Nothing is confirmed" in came.verdict


@settings(max_examples=25)
@given(st.randoms(use_true_random=False), st.integers(0, 30), st.integers(15, 60))
def test_the_order_in_which_evaluations_end_makes_no_difference(
    random: object, seed: int, budget: int
) -> None:
    """Whatever runs in parallel: one at a time, in any order, comes to the same as all at once."""
    draw = noisy([0.0, 0.4, 0.5], 0.3, seed)
    race = Race(MAXIMIZE, {0: 1.0, 1: 0.9, 2: 0.8}, budget)
    seen: dict[int, dict[int, Evaluation]] = {0: {}, 1: {}, 2: {}}
    while (standing := race.standing(seen)).end is None:
        number, place = random.choice(standing.wanted)  # type: ignore[attr-defined]
        seen[number][place] = Evaluation(draw(number, place), duration=1.0 + number)
    assert judged(race, seen) == run(race, draw)


def test_a_larger_budget_goes_on_from_where_a_smaller_one_ended() -> None:
    firsts, draw = {0: 5.0, 1: 4.9}, noisy([0.0, 0.4], 0.3)
    small, large = (Race(MAXIMIZE, firsts, budget) for budget in (20, 80))
    seen: dict[int, dict[int, Evaluation]] = {0: {}, 1: {}}
    for race in (small, large):
        while (standing := race.standing(seen)).end is None:
            for number, place in standing.wanted:
                seen[number][place] = Evaluation(draw(number, place), duration=1.0 + number)
    assert judged(large, seen) == run(large, draw)


NOISES: dict[str, Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]] = {
    "normal": lambda rng, size: rng.normal(size=size),
    "large": lambda rng, size: 4.0 * rng.normal(size=size),
    "another for each": lambda rng, size: (
        rng.normal(size=size) * np.exp(rng.normal(size=(*size[:-1], 1)))
    ),
    "heavy tails": lambda rng, size: rng.standard_t(2.1, size=size) / 3.0,
    "skewed": lambda rng, size: 1.0 - rng.exponential(size=size),
    "in steps": lambda rng, size: np.round(rng.normal(size=size)),
    "shared by all": lambda rng, size: (
        0.5 * rng.normal(size=size) + 2.0 * rng.normal(size=(1, size[-1]))
    ),
}


@pytest.mark.parametrize("noise", NOISES)
def test_over_200_studies_the_interval_holds_the_truth_and_the_winner_beats_the_raw_best(
    noise: str,
) -> None:
    studies, trials, count, most = 200, 30, 5, 45
    held, gains = 0, []
    for seed in range(studies):
        rng = np.random.default_rng([seed, list(NOISES).index(noise)])
        truth = rng.normal(size=trials)
        if noise == "in steps":
            truth = np.round(truth)
        metrics = truth[:, None] + NOISES[noise](rng, (trials, 1 + most))
        searched = [
            Trial(n, {"x": n}, outcome=Outcome.COMPLETED, metric=float(metrics[n, 0]))
            for n in range(trials)
        ]
        best = MAXIMIZE.best(searched)
        assert best is not None
        chosen = candidates_of(searched, best, MAXIMIZE, count)
        firsts = {trial.number: trial.metric or 0.0 for trial in chosen}
        race = Race(MAXIMIZE, firsts, 10 * count, 1.0 if noise == "in steps" else 0.0)
        winner = run(race, looked_up(metrics[:, 1:])).winner
        assert winner is not None
        assert winner.interval is not None
        held += winner.interval[0] <= truth[winner.number] <= winner.interval[1]
        gains.append(truth[winner.number] - truth[best.number])
    assert held >= 0.95 * studies
    margin = 1.96 * np.std(gains, ddof=1) / studies**0.5
    assert np.mean(gains) - margin > 0.0
