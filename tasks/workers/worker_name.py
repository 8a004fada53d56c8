"""What a worker's process is called, so that a user finds it."""

from __future__ import annotations

import os
import socket
import sys
from contextlib import suppress
from typing import Any


def this_worker() -> str:
    """What this process is called in messages: by its cluster, if it has one, and by its machine.

    Example:
        ```python
        import os

        from prefect_tuner.tasks.workers.worker_name import this_worker

        assert str(os.getpid()) in this_worker()
        ```
    """
    here = f"process {os.getpid()} on {socket.gethostname()}"
    dask: Any = sys.modules.get("distributed")  # Loaded in its workers, and hardly elsewhere.
    with suppress(Exception):
        return f"Dask worker {dask.get_worker().address} ({here})"
    ray: Any = sys.modules.get("ray")
    with suppress(Exception):
        if ray.is_initialized():  # Asked for anything else, Ray starts a cluster of its own.
            return f"Ray worker of node {ray.get_runtime_context().get_node_id()[:12]} ({here})"
    return here
