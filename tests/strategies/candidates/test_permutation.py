from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_tuner.strategies.candidates.permutation import Permutation
from tests.search_spaces import UNHURRIED


@UNHURRIED
@given(st.integers(1, 500), st.integers(0, 2**64))
def test_every_number_stands_at_one_place(size: int, seed: int) -> None:
    order = Permutation(size, seed)
    assert sorted(order.at(place) for place in range(size)) == list(range(size))


@UNHURRIED
@given(st.integers(1, 10**40), st.integers(0, 100), st.data())
def test_numbers_of_any_size_stay_within_it_and_apart(
    size: int, seed: int, data: st.DataObject
) -> None:
    order = Permutation(size, seed)
    places = data.draw(st.sets(st.integers(0, size - 1), max_size=20))
    numbers = {order.at(place) for place in places}
    assert len(numbers) == len(places)
    assert all(0 <= number < size for number in numbers)


def test_the_seed_decides_the_order() -> None:
    orders = [[Permutation(1000, seed).at(place) for place in range(1000)] for seed in (1, 1, 2)]
    assert orders[0] == orders[1]
    assert orders[0] != orders[2]


def test_over_the_seeds_each_number_comes_first_about_as_often() -> None:
    firsts = Counter(Permutation(10, seed).at(0) for seed in range(5000))
    assert all(400 < firsts[number] < 600 for number in range(10))


def test_over_the_seeds_every_order_of_a_few_numbers_comes_about_as_often() -> None:
    orders = Counter(
        tuple(Permutation(3, seed).at(place) for place in range(3)) for seed in range(6000)
    )
    assert len(orders) == 6
    assert all(850 < count < 1150 for count in orders.values())


def test_neighbours_are_scattered() -> None:
    size = 10**6
    order = Permutation(size, seed=0)
    steps = [abs(order.at(place + 1) - order.at(place)) for place in range(2000)]
    # Two numbers at random are a third of the range apart.
    assert 0.3 < sum(steps) / len(steps) / size < 0.37


@pytest.mark.parametrize("place", [-1, 5])
def test_there_is_no_place_outside(place: int) -> None:
    with pytest.raises(IndexError, match=rf"place {place}\b.*\b5 numbers"):
        Permutation(5, 0).at(place)
