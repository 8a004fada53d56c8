"""The commands that look at studies where their ledgers are: `list`, `show`, `doctor` and others.

None of them needs a Prefect server.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from rich.text import Text

from prefect_tuner.errors import InvalidConfiguration, LedgerError, StudyConflict
from prefect_tuner.flows.exports.study_export import (
    TEXT_FORMATS,
    ExportFormat,
    export_file,
    export_text,
)
from prefect_tuner.flows.ledger.stored_study import (
    StoredStudy,
    find_study,
    read_studies,
    read_study,
)
from prefect_tuner.flows.ledger.study_state import StudyState
from prefect_tuner.flows.reports.plain_console import is_live, plain_console
from prefect_tuner.flows.reports.study_analysis import (
    ImportanceMethod,
    findings_document,
    findings_in,
    findings_text,
)
from prefect_tuner.flows.reports.study_document import study_document, study_outline
from prefect_tuner.flows.reports.study_listing import study_listing, trials_text
from prefect_tuner.flows.reports.study_page import study_page
from prefect_tuner.flows.run.default_storage import storage_or_default
from prefect_tuner.flows.storage.holder import Holder
from prefect_tuner.printable_text import printable
from prefect_tuner.redaction import without_credentials


def list_studies(storage: str, *, as_json: bool) -> int:
    """Print all studies of a storage.

    Raises:
        InvalidConfiguration: There is no such storage.
        LedgerError: The storage cannot be read.
    """
    place = storage_or_default(storage)
    studies = list(read_studies(place))
    if as_json:
        _write(json.dumps([study_outline(study) for study in studies], indent=2) + "\n")
    elif studies:
        plain_console().print(study_listing(studies))
    else:
        _say(f"There are no studies in {without_credentials(place)}")
    return 0


def show_study(
    name: str, storage: str, *, as_json: bool, importance: ImportanceMethod = "ped-anova"
) -> int:
    """Print all that is known of a study.

    Args:
        name: The study's name or its key.
        storage: Where its ledger is; empty for the default.
        as_json: Whether to print it as JSON.
        importance: How the importance of parameters is told.

    Raises:
        InvalidConfiguration: There is no such study, or what `importance` needs is not installed.
        LedgerError: Its ledger cannot be read.
    """
    study, state = _read(name, storage)
    if as_json:
        _write(json.dumps(study_document(study, state, importance), indent=2) + "\n")
    else:
        console = plain_console()
        console.print(study_page(study, state, console.width, importance))
    return 0


def examine_study(name: str, storage: str, *, as_json: bool) -> int:
    """Print what is wrong with a study, as far as its trials tell.

    Returns:
        0; 1 when something is.

    Raises:
        InvalidConfiguration: There is no such study, or this release cannot read its space.
        LedgerError: Its ledger cannot be read.
    """
    _, state = _read(name, storage)
    findings = findings_in(state)
    if as_json:
        _write(json.dumps(findings_document(state, findings), indent=2) + "\n")
    else:
        _write(findings_text(state, findings))
    return 1 if findings else 0


def export_study(name: str, storage: str, kind: ExportFormat, output: Path | None) -> int:
    """Print a study, or write it to a file.

    Raises:
        InvalidConfiguration: There is no such study, or the file is there already.
        LedgerError: Its ledger cannot be read, or the file cannot be written.
    """
    study, state = _read(name, storage)
    if output is not None:
        with _status(f"Writing {len(state.trials)} trials ..."):
            export_file(study, state, kind, output)
        _say(f"Wrote {len(state.trials)} trials of study {study.name!r} to {output}")
    elif kind in TEXT_FORMATS:
        _write(export_text(study, state, kind))
    else:
        raise InvalidConfiguration(f"--output: is required, {kind} is not for the terminal")
    return 0


def delete_study(name: str, storage: str, *, yes: bool) -> int:
    """Remove a study's ledger, once that was confirmed.

    Args:
        name: The study's name or its key.
        storage: Where its ledger is; empty for the default.
        yes: Whether it was confirmed already.

    Returns:
        0; 1 when it was not confirmed.

    Raises:
        InvalidConfiguration: There is no such study, or nobody to ask.
        StudyConflict: A run holds it.
        LedgerError: The storage cannot be read or written.
    """
    storage = storage_or_default(storage)
    store, key = find_study(storage, name)
    if not yes:
        if not sys.stdin.isatty():
            raise InvalidConfiguration("--yes: is required where nobody can be asked")
        if not _confirmed(f"Delete {_described(storage, key)} in {store.location}?"):
            _say("Nothing was deleted")
            return 1
    try:
        store.claim(Holder.of_this_process())
    except StudyConflict as error:
        raise StudyConflict(
            f"study {name!r} is {error}. Wait until that run has ended; nothing was deleted"
        ) from None
    try:
        store.delete()
    except BaseException:
        store.release()
        raise
    _say(f"Deleted {store.location}")
    return 0


def _read(name: str, storage: str) -> tuple[StoredStudy, StudyState]:
    study = read_study(storage_or_default(storage), name)
    return study, study.readable_state


def _described(storage: str, key: str) -> str:
    try:
        study, _ = _read(key, storage)
    except LedgerError:
        return f"study {key!r}, which cannot be read,"
    return f"study {study.name!r} (trials: {trials_text(study)})"


def _confirmed(question: str) -> bool:
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _write(text: str) -> None:
    """Print a text, which no terminal shall obey, whatever its encoding has no characters for."""
    if sys.stdout.isatty():
        text = printable(text)
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))


@contextmanager
def _status(message: str) -> Iterator[None]:
    """Say on a terminal what is waited for; Optuna takes a minute for thousands of trials."""
    console = plain_console(stderr=True)
    with console.status(Text(message)) if is_live(console) else nullcontext():
        yield


def _say(message: str) -> None:
    plain_console(stderr=True).print(message, soft_wrap=True)
