"""The reference pages name all that there is, and nothing that there is not."""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from types import ModuleType

import pytest

import prefect_tuner
import prefect_tuner.plots
import prefect_tuner.testing
from prefect_tuner import Outcome, StopReason, TunerConfig
from prefect_tuner.flows.commands import command_line  # noqa: F401 - defines the commands
from prefect_tuner.flows.commands.application import app
from prefect_tuner.strategies.factory import strategy_class, strategy_names

PAGES = Path(__file__).parents[2] / "docs" / "reference"
STRATEGIES = {
    name: each
    for name, each in ((name, strategy_class(name)) for name in strategy_names())
    if each.__module__.startswith("prefect_tuner.")
}
OF_THE_APP = {"--help", "-h", "--version"}
NO_OUTCOME_YET = {Outcome.PRUNED}
"""No trial ends so: nothing reports before its end."""


def _page(name: str) -> str:
    return (PAGES / f"{name}.md").read_text("utf-8")


def _rows(page: str, head: str) -> list[list[str]]:
    """The cells of a table, by its first heading."""
    table = re.search(rf"^\| {re.escape(head)} \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", page, re.MULTILINE)
    assert table is not None, head
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in table[1].splitlines()]


def _names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("api", prefect_tuner),
        ("plots", prefect_tuner.plots),
        ("testing", prefect_tuner.testing),
    ],
)
def test_every_public_name_is_described(name: str, module: ModuleType) -> None:
    directive = r"^\.\. (?:auto|py:)\w+:: (?:[a-z_.]+\.)?(\w+)$"
    described = re.findall(directive, _page(name), re.MULTILINE)
    assert sorted(described) == sorted(module.__all__)


def test_every_field_of_the_configuration_has_its_default() -> None:
    said = {_names(name)[0]: default for name, default, _ in _rows(_page("configuration"), "field")}
    fields = TunerConfig.model_fields
    assert set(said) == set(fields)
    elsewhere = {"threads_per_trial", "lag"}  # What stands for None is said in words.
    for name in set(fields) - elsewhere:
        default = fields[name].default
        given = said[name].strip("`")
        shown = None if given == "none" else given if default == given else json.loads(given)
        assert shown == (default or None if default == [] else default), name


def test_every_reason_to_stop_has_its_sentence() -> None:
    rows = {
        _names(reason)[0]: why for reason, why in _rows(_page("configuration"), "`stop_reason`")
    }
    assert rows == {reason.value: reason.sentence for reason in StopReason}


def test_every_outcome_is_described() -> None:
    rows = [_names(row[0])[0] for row in _rows(_page("outcomes"), "outcome")]
    assert rows == [each.value for each in Outcome if each not in NO_OUTCOME_YET]


def test_every_strategy_has_its_options() -> None:
    said = {_names(row[0])[0]: _names(row[1]) for row in _rows(_page("strategies"), "name")}
    assert said == {name: list(STRATEGIES[name].Options.model_fields) for name in said}
    assert set(said) == set(STRATEGIES)


def test_every_parameter_of_a_study_is_a_key_of_its_file() -> None:
    keys = [_names(row[0])[0] for row in _rows(_page("study_file"), "key")]
    assert sorted(keys) == sorted(inspect.signature(prefect_tuner.tune.fn).parameters)


def test_every_command_has_its_options() -> None:
    page = _page("command_line")
    said = {
        _names(command)[0].split()[0]: set(_names(options))
        for command, _, options in _rows(page, "command")
    }
    commands = {name: app[name] for name in app if not name.startswith("-")}
    assert set(said) == set(commands)
    for name, command in commands.items():
        options = {
            each
            for argument in command.assemble_argument_collection()
            for each in argument.names
            if each.startswith("--")
        }
        # What must be given stands with the command.
        assert said[name] == options - OF_THE_APP - {"--format"}, name
