"""From a study's `storage` to the store of its ledger."""

from __future__ import annotations

import os
import re
from glob import has_magic
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from prefect_tuner.errors import InvalidConfiguration, LedgerError
from prefect_tuner.flows.ledger_file import LedgerFile
from prefect_tuner.flows.ledger_objects import LedgerObjects
from prefect_tuner.flows.ledger_store import STORAGE_VARIABLE, LedgerStore
from prefect_tuner.flows.object_filesystem import open_filesystem, without_secrets
from prefect_tuner.flows.object_folder import ObjectFolder

_EXAMPLES = "such as '~/studies', 's3://bucket/studies' or 'gs://bucket/studies'"
_SECRETS = re.compile(r"key|secret|token|passw|credential|signature|^sig$|^sas", re.IGNORECASE)
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def open_store(storage: str, slug: str) -> LedgerStore:
    """The ledger of one study; nothing is read or written yet.

    Args:
        storage: A folder, or any address that fsspec knows; empty for that of the environment
            variable PREFECT_TUNER_STORAGE, or Prefect's home. Local files are appended to, in
            anything else each append is an object.
        slug: The study's key, see `study_slug`.

    Raises:
        InvalidConfiguration: As `check_storage`.
    """
    check_storage(storage)
    storage = _chosen(storage)
    folder = _local_folder(storage)
    return LedgerObjects(storage, slug) if folder is None else LedgerFile(folder, slug)


def default_folder() -> Path:
    """Where ledgers are kept when nothing is said: below Prefect's home."""
    from prefect.settings import get_current_settings

    return Path(get_current_settings().home) / "prefect-tuner" / "studies"


def list_slugs(storage: str) -> list[str]:
    """The keys of all studies that have a ledger there, sorted.

    Raises:
        InvalidConfiguration: As `check_storage`.
        LedgerError: The storage cannot be read.
    """
    check_storage(storage)
    storage = _chosen(storage)
    folder = _local_folder(storage)
    if folder is None:
        inside = ObjectFolder(storage, "", without_secrets(storage)).folders()
        slugs = [slug for slug in inside if _SLUG.fullmatch(slug)]
    else:
        try:
            slugs = [path.stem for path in folder.iterdir() if path.suffix == ".jsonl"]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise LedgerError(f"{folder} cannot be read: {error.strerror or error}") from error
    return sorted(slug for slug in slugs if open_store(storage, slug).exists())


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
    storage = _chosen(storage)
    if _local_folder(storage) is not None:
        return
    shown = without_secrets(storage)
    if _has_credentials(storage):
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


def _chosen(storage: str) -> str:
    return storage or os.environ.get(STORAGE_VARIABLE, "")


def _local_folder(storage: str) -> Path | None:
    """The folder on this machine; None for an address of anything else."""
    if not storage:
        return default_folder()
    if "::" in storage:
        return None
    protocol, separator, path = storage.partition("://")
    if separator:
        return Path(path).expanduser() if protocol in {"file", "local"} else None
    return Path(storage).expanduser()


def _has_credentials(url: str) -> bool:
    for link in url.split("::"):
        parts = urlsplit(link)
        user, at, _ = parts.netloc.rpartition("@")
        if at and ":" in user:
            return True
        if any(_SECRETS.search(name) for name, _ in parse_qsl(parts.query, True)):
            return True
    return False
