"""The page on the strategies has all of them, with all their options and pictures."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from prefect_tuner.strategies.factory import strategy_class, strategy_names

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "strategies.md").read_text(encoding="utf-8")
LARGEST_PICTURE = 72_000
STRATEGIES = {
    name: each
    for name, each in ((name, strategy_class(name)) for name in strategy_names())
    if each.__module__.startswith("prefect_tuner.")
}


def _section(heading: str) -> str:
    pattern = rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)"
    found = re.search(pattern, PAGE, re.DOTALL | re.MULTILINE)
    assert found is not None, f"docs/strategies.md has no section {heading}"
    return found[1]


def _options(section: str) -> set[str]:
    """What stands in the first column of the section's table of options."""
    _, _, table = section.partition("| option | default | meaning |\n")
    return set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_strategy_has_a_section_with_all_its_options_and_no_others(name: str) -> None:
    assert _options(_section(f"`{name}`")) == set(STRATEGIES[name].Options.model_fields)


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_strategy_has_a_picture_in_its_section(name: str) -> None:
    assert f"(images/strategy-{name}.svg)" in _section(f"`{name}`")


def test_what_strategies_support_is_what_they_declare() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (yes|no) \| (yes|no) \|$", PAGE, re.MULTILINE)
    documented = {name: (conditions, constraints) for name, conditions, constraints in rows}
    answers = {True: "yes", False: "no"}
    assert documented == {
        name: (answers[each.supports_conditions], answers[each.supports_constraints])
        for name, each in STRATEGIES.items()
    }


def test_every_picture_that_is_linked_exists_and_every_one_drawn_is_linked() -> None:
    linked = set(re.findall(r"!\[[^\]]+\]\((images/[^)]+)\)", PAGE))
    drawn = {path.relative_to(DOCS).as_posix() for path in (DOCS / "images").glob("strategy-*")}
    assert linked == drawn
    assert all((DOCS / picture).stat().st_size < LARGEST_PICTURE for picture in linked)


def test_the_strategy_of_the_example_passes_the_suite_that_is_part_of_it(tmp_path: Path) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", _section("A strategy of your own"), re.DOTALL)
    (tmp_path / "test_example.py").write_text(example)
    pytest_alone = [sys.executable, "-m", "pytest", "-q", "--rootdir", "."]
    run = subprocess.run(
        pytest_alone, cwd=tmp_path, check=False, capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 0, run.stdout + run.stderr
