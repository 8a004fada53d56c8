"""Trials to start from that lie elsewhere: in another study's ledger, or in a file."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect_tuner.errors import InvalidConfiguration, LedgerError
from prefect_tuner.flows.ledger.initial_trials import parse_initial_trials
from prefect_tuner.flows.ledger.ledger_records import InitialTrial
from prefect_tuner.flows.ledger.stored_study import read_study
from prefect_tuner.flows.ledger.table_cells import json_cell, needs_json
from prefect_tuner.search_space.categorical import Categorical
from prefect_tuner.search_space.numeric import Float
from prefect_tuner.search_space.space import SearchSpace
from prefect_tuner.trial import Direction

SUFFIXES = (".json", ".jsonl", ".csv")
"""Of files; anything else is a study's name."""

_COLUMN = "param."


@dataclass(frozen=True)
class SourcedTrials:
    """What a source holds for a study.

    Attributes:
        source: A study's name, or a file.
        trials: Those with a metric, in the search space.
        left_out: How many others there are with a metric.
    """

    source: str
    trials: list[InitialTrial]
    left_out: int

    @property
    def sentence(self) -> str:
        """What is taken, for the log."""
        text = f"{len(self.trials)} trials of {self.source!r} are known to begin with"
        if self.left_out:
            text += f"; {self.left_out} more do not lie in the search space"
        return text


def load_initial_trials(
    source: str, storage: str, space: SearchSpace, direction: Direction
) -> SourcedTrials:
    """The trials of another study, or of a file, that have a metric.

    Args:
        source: The path of a file: `.json`, with a list of mappings with `params` and `metric` or
            as `prefect-tuner export` writes it; `.jsonl`, with one such mapping a line, or a
            ledger; `.csv`, with the columns `metric` and `param.<name>`. Or a study's name.
        storage: Where the ledger of that study is.
        space: The search space, which tells what the texts of a table are.
        direction: That of the study that is to begin.

    Raises:
        InvalidConfiguration: There is no such study or file, it cannot be read, or its direction
            is another one.
    """
    field = f"initial_trials: {source!r}"
    try:
        found, recorded = _read(source, storage, space)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InvalidConfiguration(f"{field} cannot be read: {_reason(error)}") from error
    except (ValueError, KeyError, TypeError, LedgerError) as error:
        raise InvalidConfiguration(f"{field} holds no trials: {_reason(error)}") from error
    if recorded not in ("", direction):
        raise InvalidConfiguration(
            f"{field}: its metrics are meant to be large and those of this study small, or the "
            f"other way round: direction is {recorded!r} there, {direction!r} here"
        )
    known = [each for each in found if each.get("metric") is not None]
    inside = [each for each in known if _lies_in(space, each)]
    trials = parse_initial_trials(
        [{"params": each["params"], "metric": each["metric"]} for each in inside], space
    )
    return SourcedTrials(source, trials, len(known) - len(inside))


def _read(source: str, storage: str, space: SearchSpace) -> tuple[list[Mapping[str, Any]], str]:
    """Mappings with `params` and perhaps `metric`, and the direction where it is known."""
    path = Path(source).expanduser()
    if path.suffix == ".csv":
        with path.open(newline="", encoding="utf-8-sig") as file:
            return list(_rows(csv.DictReader(file), space)), ""
    if path.suffix == ".json":
        held = json.loads(path.read_text(encoding="utf-8-sig"))
        if isinstance(held, Mapping):
            return _mappings(held["trials"]), str(held.get("direction", ""))
        return _mappings(held), ""
    if path.suffix == ".jsonl":
        text = path.read_text(encoding="utf-8-sig")
        if not text.startswith('{"type": "study"'):
            return _mappings([json.loads(line) for line in text.splitlines() if line.strip()]), ""
        storage, source = str(path.parent), path.stem
    state = read_study(storage, source).state
    if state is None:
        return [], ""
    trials = [{"params": each.params, "metric": each.metric} for each in state.trials]
    return _mappings(trials), state.definition.direction


def _rows(table: csv.DictReader[str], space: SearchSpace) -> Iterator[Mapping[str, Any]]:
    for row in table:
        cells = {
            name.removeprefix(_COLUMN): text
            for name, text in row.items()
            if name and name.startswith(_COLUMN) and text
        }
        params = {name: _value(text, name, space) for name, text in cells.items()}
        yield {"params": params, "metric": float(row["metric"]) if row["metric"] else None}


def _value(text: str, name: str, space: SearchSpace) -> Any:
    """What a cell of a table says; the text itself where it is no value of its parameter."""
    parameter = space.get(name)
    if isinstance(parameter, Categorical):
        # As JSON where a choice has no plain text of its own, as tables are exported.
        told_apart = needs_json(parameter.choices)
        alike = [each for each in parameter.choices if told_apart and json_cell(each) == text]
        alike = alike or [each for each in parameter.choices if str(each) == text]
        return alike[0] if len(alike) == 1 else text
    try:
        return float(text) if isinstance(parameter, Float) else int(text)
    except ValueError:
        return text


def _mappings(held: Any) -> list[Mapping[str, Any]]:
    if not isinstance(held, list) or not all(
        isinstance(each, Mapping) and isinstance(each.get("params"), Mapping) for each in held
    ):
        raise ValueError("it must be a list of mappings with params and metric")
    return list(held)


def _lies_in(space: SearchSpace, trial: Mapping[str, Any]) -> bool:
    try:
        parse_initial_trials([{"params": trial["params"]}], space)
    except InvalidConfiguration:
        return False
    return True


def _reason(error: Exception) -> str:
    """Why, without what stands in the file."""
    if isinstance(error, OSError):
        return str(error.strerror or error)
    if isinstance(error, json.JSONDecodeError):
        return f"line {error.lineno}, column {error.colno}: {error.msg}"
    if isinstance(error, KeyError):
        return f"there is no {error}"
    return str(error)
