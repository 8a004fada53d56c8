"""How much memory the processes of this machine have together."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
"""Where the kernel has the limit of a container, by the version of its control groups."""


def machine_memory() -> int:
    """Bytes of memory of this machine, or of the container in which this process is.

    Example:
        ```python
        from prefect_tuner.tasks.process_table.machine_memory import machine_memory

        assert machine_memory() > 1_000_000
        ```
    """
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for place in _LIMITS:
        with suppress(OSError, ValueError):  # There is none, or it is "max".
            memory = min(memory, int(Path(place).read_text()))
    return memory
