"""Syntax trees, also where several threads parse at the same time.

CPython 3.11 counts the depth of the trees that it builds for all threads together: one that parses
while another does may fail with `SystemError: AST constructor recursion depth mismatch`, though
nothing is wrong with either source. It needs no more than to be parsed again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

_Tree = TypeVar("_Tree")

# Two in a row fail seldom. No lock: one that is held while a process forks is never released there.
_TRIES = 50
_PAUSE = 0.001


def parsed(parse: Callable[[], _Tree]) -> _Tree:
    """What `parse` returns, after some tries where other threads get in its way.

    Args:
        parse: Calls `ast.parse` with what is to be parsed.

    Raises:
        SystemError: It did so each time.

    Example:
        ```python
        import ast

        from prefect_tuner.search_space.syntax_tree import parsed

        assert ast.unparse(parsed(lambda: ast.parse("a  +  b", mode="eval"))) == "a + b"
        ```
    """
    for _ in range(_TRIES):
        try:
            return parse()
        except SystemError:
            time.sleep(_PAUSE)
    return parse()
