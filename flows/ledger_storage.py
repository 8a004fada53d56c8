"""Where ledgers are kept: the store that goes with a study's `storage`."""

from __future__ import annotations

from pathlib import Path

from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.flows.ledger_file import LedgerFile
from prefect_tuner.flows.ledger_store import LedgerStore


def default_folder() -> Path:
    """The folder of ledgers under Prefect's home."""
    from prefect.settings import get_current_settings

    return Path(get_current_settings().home) / "prefect-tuner" / "studies"


def open_store(storage: str, slug: str) -> LedgerStore:
    """The store of one study's ledger."""
    return LedgerFile(Path(storage).expanduser() if storage else default_folder(), slug)


def list_slugs(storage: str) -> list[str]:
    """The slugs of all studies that are kept there."""
    folder = Path(storage).expanduser() if storage else default_folder()
    return sorted(path.stem for path in folder.glob("*.jsonl"))


def check_storage(storage: object) -> None:
    """Check the form of `storage`."""
    if not isinstance(storage, str):
        raise InvalidConfiguration(f"storage: must be a folder or a URL, got {storage!r}")
