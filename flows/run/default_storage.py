"""Where ledgers are kept when nothing is said."""

from __future__ import annotations

import os
from pathlib import Path

from prefect_tuner.flows.storage.ledger_store import STORAGE_VARIABLE


def storage_or_default(storage: str) -> str:
    """A study's `storage` as it was given, or what stands for an empty one.

    That is the environment variable PREFECT_TUNER_STORAGE, or a folder below Prefect's home.
    """
    return storage or os.environ.get(STORAGE_VARIABLE) or str(_default_folder())


def _default_folder() -> Path:
    from prefect.settings import get_current_settings

    return Path(get_current_settings().home) / "prefect-tuner" / "studies"
