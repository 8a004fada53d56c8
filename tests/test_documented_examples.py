"""Every Python example of the docstrings, README.md and docs/ runs as it stands.

An example is what stands between a line "```python" and a line "```"; it runs as a script of its
own, in an empty folder.
"""

from __future__ import annotations

import ast
import re
import runpy
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
ROOMS_WITHOUT_PREFECT = ("src", "strategies")
ROOMS_WITH_PREFECT = ("flows", "tasks")
FENCE = re.compile(r"^( *)```python\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


class Example(NamedTuple):
    file: str
    line: int
    code: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def _examples_of_text(text: str, file: str, first_line: int) -> Iterator[Example]:
    for fence in FENCE.finditer(text):
        line = first_line + text.count("\n", 0, fence.start(2))
        yield Example(file, line, textwrap.dedent(fence[2]).rstrip())


def _pages() -> Iterator[Example]:
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        file = path.relative_to(ROOT).as_posix()
        for example in _examples_of_text(path.read_text("utf-8"), file, 1):
            # What serves does not end by itself: `tests/documentation/test_tutorial.py` runs it.
            if "from prefect import serve" not in example.code:
                yield example


def _examples(rooms: tuple[str, ...]) -> Iterator[Example]:
    for room in rooms:
        for path in sorted((ROOT / room).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_bytes())):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    file = path.relative_to(ROOT).as_posix()
                    yield from _examples_of_text(node.value, file, node.lineno)


def _run(example: Example, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = folder / "example.py"
    script.write_text(example.code)
    monkeypatch.chdir(folder)
    if "from ray import" in example.code:
        _run_with_ray(script)
        return
    runpy.run_path(str(script), run_name="__main__")


def _run_with_ray(script: Path) -> None:
    """Run a program that starts a Ray of its own, in a process that can be given up."""
    if " " in sys.executable:
        pytest.skip("Ray waits for ever for processes in a folder that has a space in its name")
    subprocess.run([sys.executable, str(script)], check=True, timeout=110)


@pytest.mark.parametrize("example", list(_examples(ROOMS_WITHOUT_PREFECT)), ids=str)
def test_an_example_without_prefect_runs(
    example: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _run(example, tmp_path, monkeypatch)


WITH_PREFECT = [
    # So all of them begin early, and no worker is at them when the others have nothing left.
    pytest.param(example, marks=pytest.mark.slow) if "from ray import" in example.code else example
    for example in (*_pages(), *_examples(ROOMS_WITH_PREFECT))
]


@pytest.mark.usefixtures("prefect_server")
@pytest.mark.parametrize("example", WITH_PREFECT, ids=str)
def test_an_example_with_prefect_runs(
    example: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _run(example, tmp_path, monkeypatch)


def test_an_indented_example_keeps_its_line_and_loses_its_indent() -> None:
    text = "Example:\n    ```python\n    if True:\n        pass\n    ```\n"
    assert list(_examples_of_text(text, "a.py", 10)) == [Example("a.py", 12, "if True:\n    pass")]
