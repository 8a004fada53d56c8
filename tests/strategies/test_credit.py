from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_tuner import History, Outcome, Trial
from prefect_tuner.goal import Goal
from prefect_tuner.strategies.credit import START, WINDOW, Credit, CreditBandit, credits_of

NAMES = ["a", "b", "c"]


def trials_of(*told: tuple[str, float | Outcome | None]) -> list[Trial]:
    """Trials by proposer, each with a metric, an outcome without one, or still running."""
    return [
        Trial(number, {"x": number}, proposer=proposer, outcome=end)
        if end is None or isinstance(end, Outcome)
        else Trial(
            number, {"x": number}, proposer=proposer, outcome=Outcome.COMPLETED, metric=float(end)
        )
        for number, (proposer, end) in enumerate(told)
    ]


def turn(trials: Sequence[Trial], names: Sequence[str] = ("a", "b")) -> str:
    return CreditBandit(names, Goal("maximize")).ranking(History(trials))[0]


def test_credit_counts_the_trials_better_than_all_asked_before_them() -> None:
    trials = trials_of(
        ("a", 1.0), ("b", 3.0), ("a", 2.0), ("a", 3.5), ("b", Outcome.FAILED), ("b", None)
    )
    assert credits_of(trials, Goal("maximize")) == {"a": Credit(3, 1, 0.5), "b": Credit(3, 1, 2.0)}
    assert credits_of(trials, Goal("minimize")) == {"a": Credit(3), "b": Credit(3)}


def test_trials_that_nobody_proposed_have_to_be_improved_on_too() -> None:
    trials = trials_of(("", 5.0), ("a", 4.0), ("b", 6.0))
    assert credits_of(trials, Goal("maximize")) == {"a": Credit(1), "b": Credit(1, 1, 1.0)}


@pytest.mark.parametrize(
    ("credit", "sentence"),
    [
        (Credit(1), "1 trial, no improvement"),
        (Credit(4, 1, 0.25), "4 trials, 1 improvement by 0.25 in all"),
        (Credit(12, 3, 1 / 3), "12 trials, 3 improvements by 0.333333 in all"),
    ],
)
def test_credit_is_told_in_words(credit: Credit, sentence: str) -> None:
    assert str(credit) == sentence


def test_all_take_turns_at_first() -> None:
    trials: list[Trial] = []
    for number in range(START * 3):
        proposer = turn(trials, NAMES)
        trials.append(Trial(number, {"x": number}, proposer=proposer))
    assert [trial.proposer for trial in trials] == NAMES * START


def test_who_improves_gets_the_next_trial() -> None:
    told = [(name, 1.0) for name in ("a", "b") * START]
    assert turn(trials_of(*told, ("a", 2.0))) == "a"
    assert turn(trials_of(*told, ("b", 2.0))) == "b"


def test_who_improves_no_more_loses_its_turn() -> None:
    improving = [(name, float(n) if name == "a" else 0.0) for n, name in enumerate(["a", "b"] * 10)]
    stuck = list[tuple[str, float]]()
    while turn(trials_of(*improving, *stuck)) == "a":
        stuck.append(("a", 0.0))
    assert START < len(stuck) < 10 * START


def test_running_trials_count_as_uses_so_that_workers_share_out() -> None:
    told = [(name, 1.0) for name in ("a", "b") * START]
    running = trials_of(*told, *[("a", None)] * 16)
    assert turn(running) == "b"


def test_cancelled_trials_do_not_count() -> None:
    told = [(name, 1.0) for name in ("a", "b") * START]
    assert turn(trials_of(*told, ("b", 2.0), *[("b", Outcome.CANCELLED)] * 50)) == "b"


def test_who_was_not_used_within_the_window_gets_a_trial() -> None:
    told = [(name, 1.0) for name in ("a", "b") * START]
    improving = [("a", 2.0 + n) for n in range(WINDOW)]
    assert turn(trials_of(*told, *improving)) == "b"


def test_the_scale_of_the_metric_does_not_matter() -> None:
    metrics = [3.0, 1.0, 4.0, 1.5, 5.0, 9.0, 2.0, 6.0, 5.5, 3.5, 8.0, 9.5]
    told = list(zip(["a", "b"] * 6, metrics, strict=True))
    tiny = [(name, metric * 1e-300) for name, metric in told]
    bandit = CreditBandit(["a", "b"], Goal("maximize"))
    ranking = bandit.ranking(History(trials_of(*told)))
    assert bandit.ranking(History(trials_of(*tiny))) == ranking


@given(
    st.lists(st.tuples(st.sampled_from(NAMES), st.integers(0, 20)), max_size=60),
    st.randoms(use_true_random=False),
)
def test_what_is_counted_once_is_what_counting_anew_gives(
    told: list[tuple[str, int]], random: Random
) -> None:
    history = History()
    bandit = CreditBandit(NAMES, Goal("minimize"))
    running: list[Trial] = []
    for number, (proposer, metric) in enumerate(told):
        trial = Trial(number, {"x": metric}, proposer=proposer)
        history.add(trial)
        running.append(trial)
        while running and random.random() < 0.5:
            ended = running.pop(random.randrange(len(running)))
            history.finish(
                Trial(
                    ended.number,
                    ended.params,
                    proposer=ended.proposer,
                    outcome=Outcome.COMPLETED,
                    metric=float(ended.params["x"]),
                )
            )
        ranking = bandit.ranking(history)
        assert ranking == CreditBandit(NAMES, Goal("minimize")).ranking(History(history))
        assert sorted(ranking) == NAMES
