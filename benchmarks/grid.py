"""What it costs to walk a grid: `python -m benchmarks.grid`.

Compares `GridSearch.cells()` with `itertools.product` making the same dictionaries of values that
are already listed, and measures how a grid of 10**12 cells starts.
"""

from __future__ import annotations

import time
import tracemalloc
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice, product
from typing import Any

from prefect_tuner import Float, Int, Params, SearchSpace, Study
from prefect_tuner.strategies.grid import GridSearch, GridSearchOptions

MILLION: dict[str, dict[str, Any]] = {
    "6 parameters with 10 values": {name: Int(0, 9) for name in "abcdef"},
    "3 parameters with 100 values": {name: Int(0, 99) for name in "abc"},
    "1 parameter with 1,000,000 values": {"a": Int(1, 10**6)},
    "1,000,000 values and a single one": {"a": Int(1, 10**6), "b": ["x"]},
    "floats with 1,000 steps, squared": {name: Float(0.0, 99.9, step=0.1) for name in "ab"},
}
HUGE: dict[str, Any] = {name: Int(0, 999) for name in "abcd"}
ROUNDS = 5


def main() -> None:
    """Print the table."""
    print(f"{'a million cells':36}{'product':>10}{'cells()':>10}{'ratio':>8}")
    for title, parameters in MILLION.items():
        by_product, by_cells = compare(grid(parameters))
        print(f"{title:36}{by_product:9.3f}s{by_cells:9.3f}s{by_cells / by_product:8.2f}")
    print()
    print(f"{'a million million cells':36}{'seconds':>10}{'peak memory':>16}")
    for title, start in STARTS.items():
        seconds, peak = cost(start)
        print(f"{title:36}{seconds:9.4f}s{peak / 1e6:13.2f} MB")


def grid(parameters: dict[str, Any], *, shuffle: bool = False) -> GridSearch:
    """The strategy for a space."""
    options = GridSearchOptions(shuffle=shuffle)
    return GridSearch(SearchSpace(parameters), "minimize", 0, options)


def compare(strategy: GridSearch) -> tuple[float, float]:
    """Seconds to walk all cells by `itertools.product` and by `cells()`, the best of some rounds.

    Taken in turns, so that both meet the same machine.
    """
    values = listed(strategy.space)
    names = list(strategy.space)

    def by_product() -> Iterator[Params]:
        return (dict(zip(names, cell)) for cell in product(*values))  # noqa: B905 - the fastest

    rounds = [(seconds(by_product), seconds(strategy.cells)) for _ in range(ROUNDS)]
    return min(first for first, _ in rounds), min(second for _, second in rounds)


def listed(space: SearchSpace) -> list[list[Any]]:
    """All values of each parameter."""
    return [[p.value_at(index) for index in range(p.cardinality or 0)] for p in space.values()]


def seconds(cells: Callable[[], Iterable[Params]]) -> float:
    """How long it takes to walk all the cells."""
    start = time.perf_counter()
    deque(cells(), maxlen=0)
    return time.perf_counter() - start


def cost(start: Callable[[], object]) -> tuple[float, int]:
    """Seconds and peak bytes of a call; the memory is traced in a call of its own."""
    before = time.perf_counter()
    start()
    elapsed = time.perf_counter() - before
    tracemalloc.start()
    start()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return elapsed, peak


STARTS: dict[str, Callable[[], object]] = {
    "first cell": lambda: next(grid(HUGE).cells()),
    "first cell, shuffled": lambda: next(grid(HUGE, shuffle=True).cells()),
    "first trial of a study": lambda: Study(HUGE, strategy="grid").ask(),
    "a million cells walked": lambda: deque(islice(grid(HUGE).cells(), 10**6), maxlen=0),
}


if __name__ == "__main__":
    main()
