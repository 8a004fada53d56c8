"""Waiting for something that becomes true soon: asks again and again, up to a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(assertion: Callable[[], T], timeout: float = 30.0, interval: float = 0.1) -> T:
    """Call `assertion` until it raises no `AssertionError`, and return what it returns.

    Args:
        assertion: Asserts what should become true. Any other error is raised at once.
        timeout: Seconds after which the last `AssertionError` is raised as it is.
        interval: Seconds between two calls.

    Example:
        ```python
        from tests.polling import eventually

        numbers = iter([1, 2, 3])

        def three() -> int:
            number = next(numbers)
            assert number == 3
            return number

        assert eventually(three, interval=0.0) == 3
        ```
    """
    deadline = time.monotonic() + timeout
    while True:
        try:
            return assertion()
        except AssertionError:
            if time.monotonic() >= deadline:
                raise
        time.sleep(interval)
