"""What the benchmarks that time trials have in common."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


def seconds(call: Callable[[], object]) -> float:
    """How long a call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def logging_to(file: Path, call: Callable[[], T]) -> T:
    """Call with the standard error, where Prefect logs to, in a file; show it if the call fails."""
    sys.stderr.flush()
    terminal = os.dup(2)
    with file.open("wb") as log:
        os.dup2(log.fileno(), 2)
    try:
        return call()
    except BaseException:
        os.write(terminal, file.read_bytes()[-10_000:])
        raise
    finally:
        os.dup2(terminal, 2)
        os.close(terminal)
