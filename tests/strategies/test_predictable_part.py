"""What the benchmark says no model can know, on tables of which it is known."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.search.predictable_part import best_of_the_predicted, standard_error
from benchmarks.search.tables import Table
from prefect_tuner import Int, SearchSpace

SPACE = SearchSpace({"a": Int(0, 29), "b": Int(0, 29)})


def table(jumps: float, seed: int = 0) -> Table:
    """A bowl whose candidates jump up or down, each trained four times with a deviation of 0.2."""
    rng = np.random.default_rng(seed)
    a, b = np.meshgrid(np.arange(30), np.arange(30), indexing="ij")
    bowl = ((a - 12.0) ** 2 + (b - 17.0) ** 2) / 100.0
    metrics = bowl + jumps * rng.standard_normal(bowl.shape)
    trainings = metrics[..., None] + 0.2 * rng.standard_normal((30, 30, 4))
    return Table("bowl", "none", SPACE, metrics, np.ones_like(metrics), trainings)


def test_where_neighbours_tell_all_the_oracle_finds_the_optimum_at_once() -> None:
    assert best_of_the_predicted(table(jumps=0.0), 1.0)[0] == 0.0


@pytest.mark.parametrize("seed", range(5))
def test_where_candidates_jump_the_oracle_has_to_try_many(seed: int) -> None:
    best = best_of_the_predicted(table(0.5, seed), 1.0)
    assert len(best) == 900
    assert best[4] > 0.0
    assert best[-1] == 0.0
    assert np.all(np.diff(best) <= 0.0)


def test_the_standard_error_is_that_of_the_trainings_in_units_of_regret() -> None:
    bowl = table(0.0)
    expected = 0.2 / np.sqrt(4) / (bowl.median - bowl.optimum)
    assert standard_error(bowl) == pytest.approx(expected, rel=0.25)
