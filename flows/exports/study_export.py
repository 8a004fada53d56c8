"""A study's trials in the formats of other programs."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal, TypeAlias

from prefect_tuner.errors import InvalidConfiguration, LedgerError
from prefect_tuner.flows.exports.optuna_export import write_optuna_storage
from prefect_tuner.flows.ledger.counted_trials import counted_trials
from prefect_tuner.flows.ledger.stored_study import StoredStudy
from prefect_tuner.flows.ledger.study_state import StudyState
from prefect_tuner.flows.ledger.table_cells import ABSENT, json_cells, needs_json
from prefect_tuner.flows.reports.study_document import study_document
from prefect_tuner.flows.study.tuning_result import row_columns, trial_row
from prefect_tuner.search_space.space import CONSTRAINTS_TYPE
from prefect_tuner.trial import Trial

ExportFormat: TypeAlias = Literal["csv", "json", "parquet", "optuna"]
"""What a study can be exported as."""

TEXT_FORMATS: tuple[ExportFormat, ...] = ("csv", "json")
"""Those that can be printed."""


def export_text(study: StoredStudy, state: StudyState, kind: ExportFormat) -> str:
    """A study as text.

    Args:
        study: The study.
        state: What its ledger says.
        kind: `"csv"`: a row for each trial, the columns of `TuningResult.to_dataframe`; `"json"`:
            all that is known of the study. A column of choices among which are None, lists or
            dicts has them as JSON: `null` is the choice None, an empty cell a parameter that is
            not active.
    """
    if kind == "json":
        return json.dumps(study_document(study, state), indent=2) + "\n"
    columns = {
        name: json_cells(values) if needs_json(values) else _without_absent(values)
        for name, values in _table(state).items()
    }
    rows = zip(*columns.values(), strict=True)
    return "".join(map(_csv_line, [list(columns), *map(list, rows)]))


def export_file(study: StoredStudy, state: StudyState, kind: ExportFormat, output: Path) -> None:
    """Write a study to a new file, which is there in full or not at all.

    Args:
        study: The study.
        state: What its ledger says.
        kind: `"csv"` and `"json"` as in `export_text`; `"parquet"`: the table of the former, null
            for the choice None where no row lacks the parameter; `"optuna"`: an SQLite database
            that Optuna and its dashboard open.
        output: The file.

    Raises:
        InvalidConfiguration: There is such a file, or no such folder, or a package is missing.
        LedgerError: The file cannot be written.
    """
    with _new_file(output) as path:
        if kind == "parquet":
            _write_parquet(state, path)
        elif kind == "optuna":
            write_optuna_storage(state, path)
        else:
            text = export_text(study, state, kind)
            path.write_text(text, encoding="utf-8", errors="backslashreplace")


@contextmanager
def _new_file(output: Path) -> Iterator[Path]:
    """A file to write to, which becomes the output when all went well; otherwise none is left."""
    try:
        output.touch(exist_ok=False)  # From here on, the name is ours.
    except FileExistsError:
        raise InvalidConfiguration(
            f"output: {str(output)!r} is there already, name another file"
        ) from None
    except FileNotFoundError:
        raise InvalidConfiguration(f"output: there is no folder {str(output.parent)!r}") from None
    except OSError as error:
        raise _unwritable(output, error) from error
    unfinished = output.with_name(f".unfinished-{os.getpid()}-{output.name[-200:]}")
    try:
        yield unfinished
        unfinished.replace(output)
    except BaseException as error:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
            output.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise _unwritable(output, error) from error
        raise


def _unwritable(output: Path, error: OSError) -> LedgerError:
    return LedgerError(f"{output} cannot be written: {error.strerror or error}")


def _table(state: StudyState) -> dict[str, list[Any]]:
    """The columns by name, with a value for each trial; those of parameters may be absent."""
    rows = [trial_row(trial) for trial in counted_trials(state)]
    no_trial = trial_row(Trial(0, dict.fromkeys(_parameters(state), "")))
    # What is None elsewhere is not known; of a parameter it is the value.
    known = [
        {n: ABSENT if v is None and not n.startswith("param.") else v for n, v in row.items()}
        for row in rows
    ]
    return {
        name: [row.get(name, ABSENT) for row in known] for name in row_columns([no_trial, *rows])
    }


def _without_absent(values: list[Any]) -> list[Any]:
    return [None if value is ABSENT else value for value in values]


def _csv_line(row: list[Any]) -> str:
    text = io.StringIO()
    # With this end, a carriage return in a text is quoted as well; lines end as files here do.
    csv.writer(text, lineterminator="\r\n").writerow(row)
    return text.getvalue().removesuffix("\r\n") + "\n"


def _parameters(state: StudyState) -> list[str]:
    space = state.definition.space
    return [name for name, each in space.items() if each.get("type") != CONSTRAINTS_TYPE]


def _write_parquet(state: StudyState, path: Path) -> None:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise InvalidConfiguration(
            'format: "parquet" needs pyarrow: pip install "prefect-tuner[parquet]"'
        ) from error
    table = pa.table({name: _uniform(values) for name, values in _table(state).items()})
    parquet.write_table(table, path)


def _uniform(values: list[Any]) -> list[Any]:
    """Values of one type: a column has one, where choices such as 3 and "auto" have several."""
    known = _without_absent(values)
    types = {type(value) for value in known if value is not None}
    if types & {list, dict} or (None in values and ABSENT in values):
        return json_cells(values)
    if types == {int, float}:
        return [None if value is None else float(value) for value in known]
    if len(types) > 1:
        return [None if value is None else str(value) for value in known]
    return known
