"""The command `report`: a study as one HTML file."""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.flows.ledger.stored_study import StoredStudy, StudyStatus, read_study
from prefect_tuner.flows.run.default_storage import storage_or_default
from prefect_tuner.flows.study_report.html_report import html_report
from prefect_tuner.flows.study_report.report_content import report_content
from prefect_tuner.flows.study_report.state_view import state_view
from prefect_tuner.printable_text import printable_line

NEEDS = 'needs matplotlib: pip install "prefect-tuner[report]"'
"""What is said where the extra is missing."""


def write_report(name: str, storage: str, output: Path | None) -> int:
    """Write a study's report, in the place of what is there.

    Args:
        name: The study's name or its key.
        storage: Where its ledger is; empty for the default.
        output: The file; named after the study when left out.

    Raises:
        InvalidConfiguration: There is no such study, the file cannot be written, or matplotlib is
            not installed.
        LedgerError: The ledger cannot be read.
    """
    require_matplotlib("report")
    study = read_study(storage_or_default(storage), name)
    view = state_view(study.readable_state, ending_sentence(study), study.elapsed)
    path = output or Path(f"{study.key}-report.html")
    replace_file(path, html_report(report_content(view)))
    sys.stderr.write(f"Wrote the report of study {printable_line(study.name)!r} to {path}\n")
    return 0


def ending_sentence(study: StoredStudy) -> str:
    """In what state a study is, a sentence without its point."""
    if study.status is StudyStatus.COMPLETE:
        return f"Complete, since {study.reason}"
    return f"{study.status.value.capitalize()}: {study.reason}"


def require_matplotlib(what: str) -> None:
    """Say what to install, where it is missing.

    Args:
        what: What needs it.

    Raises:
        InvalidConfiguration: matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
    except ImportError as error:
        raise InvalidConfiguration(f"{what}: {NEEDS}") from error
    mpl.set_loglevel("ERROR")  # That it makes a list of fonts the first time, is of no interest.


def replace_file(path: Path, text: str) -> None:
    """Write a file that is there as a whole, or as it was before.

    Raises:
        InvalidConfiguration: It cannot be written.
    """
    try:
        descriptor, temporary = tempfile.mkstemp(
            dir=path.parent, prefix=f".{path.name}-", suffix=".tmp"
        )
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            Path(temporary).chmod(0o644)
            Path(temporary).replace(path)
        except BaseException:
            with suppress(OSError):
                Path(temporary).unlink()
            raise
    except OSError as error:
        raise InvalidConfiguration(
            f"--output: must be a file that can be written, got {str(path)!r} ({error.strerror})"
        ) from error
