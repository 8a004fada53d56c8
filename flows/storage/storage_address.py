"""From a study's `storage` to the store of its ledger."""

from __future__ import annotations

import re
from glob import has_magic
from pathlib import Path

from prefect_tuner.errors import InvalidConfiguration, LedgerError
from prefect_tuner.flows.storage.ledger_file import LedgerFile
from prefect_tuner.flows.storage.ledger_objects import LedgerObjects
from prefect_tuner.flows.storage.ledger_store import LedgerStore
from prefect_tuner.flows.storage.object_filesystem import open_filesystem
from prefect_tuner.flows.storage.object_folder import ObjectFolder
from prefect_tuner.redaction import has_credentials, without_credentials

_EXAMPLES = "such as '~/studies', 's3://bucket/studies' or 'gs://bucket/studies'"
_KEY = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def open_store(storage: str, key: str) -> LedgerStore:
    """The ledger of one study; nothing is read or written yet.

    Args:
        storage: A folder, or any address that fsspec knows. Local files are appended to, in
            anything else each append is an object.
        key: The study's, see `study_key`.

    Raises:
        InvalidConfiguration: As `check_storage`.
    """
    check_storage(storage)
    folder = _local_folder(storage)
    return LedgerObjects(storage, key) if folder is None else LedgerFile(folder, key)


def list_keys(storage: str) -> list[str]:
    """The keys of all studies that have a ledger there, sorted.

    Raises:
        InvalidConfiguration: As `check_storage`.
        LedgerError: The storage cannot be read.
    """
    check_storage(storage)
    folder = _local_folder(storage)
    if folder is None:
        inside = ObjectFolder(storage, "", without_credentials(storage)).folders()
        keys = [key for key in inside if _KEY.fullmatch(key)]
    else:
        try:
            keys = [path.stem for path in folder.iterdir() if path.suffix == ".jsonl"]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise LedgerError(f"{folder} cannot be read: {error.strerror or error}") from error
    return sorted(key for key in keys if open_store(storage, key).exists())


def check_storage(storage: object) -> None:
    """Check a study's `storage`, without asking whether it can be reached.

    Raises:
        InvalidConfiguration: It is no string, of a kind that is not known or not installed, or it
            holds credentials, which would be shown in Prefect's interface.
    """
    if not isinstance(storage, str):
        raise InvalidConfiguration(
            f"storage: must be a folder or an address, {_EXAMPLES}, not a {type(storage).__name__}"
        )
    if not storage:
        raise InvalidConfiguration(f"storage: must name a folder or an address, {_EXAMPLES}")
    if _local_folder(storage) is not None:
        return
    shown = without_credentials(storage)
    if has_credentials(storage):
        raise InvalidConfiguration(
            f"storage: must not hold credentials (seen: {shown}): Prefect's database keeps what "
            "a study is started with; set them in the environment, such as AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, or in fsspec's configuration"
        )
    if has_magic(storage):
        raise InvalidConfiguration(
            f"storage: must name one place, without '*', '?' or '[', has {storage!r}"
        )
    if "cache" in storage.partition("://")[0]:
        raise InvalidConfiguration(
            f"storage: must not go through a cache, has {shown!r}: what other runs write would "
            "not be seen"
        )
    open_filesystem(storage)


def _local_folder(storage: str) -> Path | None:
    """The folder on this machine; None for an address of anything else."""
    if "::" in storage:
        return None
    protocol, separator, path = storage.partition("://")
    if separator:
        return Path(path).expanduser() if protocol in {"file", "local"} else None
    return Path(storage).expanduser()
