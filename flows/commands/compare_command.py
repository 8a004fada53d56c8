"""The command `compare`: several studies side by side, in the terminal or as one HTML file."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.flows.commands.report_command import replace_file, require_matplotlib
from prefect_tuner.flows.comparison.compared_study import ComparedStudy
from prefect_tuner.flows.comparison.comparison_content import comparison_content
from prefect_tuner.flows.comparison.comparison_document import comparison_document
from prefect_tuner.flows.comparison.comparison_page import comparison_page
from prefect_tuner.flows.ledger.stored_study import read_study
from prefect_tuner.flows.reports.plain_console import plain_console
from prefect_tuner.flows.run.default_storage import storage_or_default
from prefect_tuner.flows.study_report.html_report import html_report


def compare_studies(
    names: Sequence[str], storage: str, *, as_json: bool, output: Path | None = None
) -> int:
    """Print several studies side by side, or write them to a file.

    Args:
        names: Two or more studies, by their names or their keys.
        storage: Where their ledgers are; empty for the default.
        as_json: Whether to print the comparison as JSON.
        output: An HTML file to write, in the place of what is there. Nothing is printed then, but
            for JSON.

    Raises:
        InvalidConfiguration: There is no such study, there are not two different ones, the file
            cannot be written, or it is to be and matplotlib is not installed.
        LedgerError: A ledger cannot be read.
    """
    studies = [_read(name, storage) for name in names]
    if len({each.study.key for each in studies}) < max(2, len(studies)):
        raise InvalidConfiguration(
            f"NAMES: must be two or more studies, each once, got {', '.join(names) or 'none'}"
        )
    if output is not None:
        require_matplotlib("compare: --output")
        replace_file(output, html_report(comparison_content(studies)))
        sys.stderr.write(f"Wrote the comparison of {len(studies)} studies to {output}\n")
    if as_json:
        sys.stdout.write(json.dumps(comparison_document(studies), indent=2) + "\n")
    elif output is None:
        console = plain_console()
        console.print(comparison_page(studies, console.width))
    return 0


def _read(name: str, storage: str) -> ComparedStudy:
    return ComparedStudy.of(read_study(storage_or_default(storage), name))
