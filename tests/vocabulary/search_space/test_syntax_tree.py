"""Source is parsed, whatever other threads parse at the same time."""

from __future__ import annotations

import ast
import gc
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from prefect_tuner.search_space.syntax_tree import parsed

SOURCE = Path(ast.__file__).read_text()


class Leftover:
    """Garbage whose removal, in the midst of another's work, gives other threads a turn."""

    def __init__(self) -> None:
        self.itself = self

    def __del__(self) -> None:
        for _ in range(50):
            pass


@pytest.fixture
def many_turns() -> Iterator[None]:
    interval, thresholds = sys.getswitchinterval(), gc.get_threshold()
    sys.setswitchinterval(1e-6)
    gc.set_threshold(50)
    yield
    sys.setswitchinterval(interval)
    gc.set_threshold(*thresholds)


@pytest.mark.usefixtures("many_turns")
def test_threads_that_parse_do_not_get_in_its_way() -> None:
    is_over = threading.Event()
    mistakes: list[BaseException] = []

    def disturb() -> None:
        while not is_over.is_set():
            Leftover()
            try:
                ast.parse(SOURCE)
            except SystemError:
                continue

    def ask() -> None:
        try:
            for _ in range(15):
                Leftover()
                assert len(parsed(lambda: ast.parse(SOURCE)).body) > 40
        except BaseException as error:  # noqa: BLE001 - it is told by the test
            mistakes.append(error)

    disturbing = threading.Thread(target=disturb)
    asking = [threading.Thread(target=ask) for _ in range(2)]
    for thread in (disturbing, *asking):
        thread.start()
    for thread in asking:
        thread.join()
    is_over.set()
    disturbing.join()
    assert mistakes == []


def test_what_is_wrong_with_the_source_is_told() -> None:
    with pytest.raises(SyntaxError):
        parsed(lambda: ast.parse("a +"))
