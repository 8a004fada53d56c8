"""The files of flows, which Prefect may load by their paths."""

from __future__ import annotations

import sys
from pathlib import Path


def leave_import_path(file: str) -> None:
    """Take the folder of a flow's file from the import path, where Prefect leaves it for good.

    There, a package such as `flows/reports` would stand before a module `reports` of the user's.

    Args:
        file: The file, which Prefect loads by its path just now.
    """
    folder = str(Path(file).resolve().parent)
    if folder in sys.path:
        sys.path.remove(folder)
