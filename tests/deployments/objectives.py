"""Objectives for deployed studies, given to them by the path of this file."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from typing import Any

TYPED_SPACE: dict[str, list[Any]] = {
    "mixed": [True, 1, 1.0, "1"],
    "flag": [True],
    "count": [1],
    "scale": [1.0],
    "label": ["1"],
}
"""Values that are easily taken for one another."""

HANGING_SPACE = {"x": {"type": "float", "low": 0.0, "high": 1.0}}


def rank_types(params: dict[str, Any]) -> float:
    """The place of the type of `mixed` in its choices; fails if a value has lost its type."""
    types = {name: [type(choice) for choice in choices] for name, choices in TYPED_SPACE.items()}
    for name, value in params.items():
        if type(value) not in types[name]:
            raise TypeError(f"{name} is {value!r}")
    return float(types["mixed"].index(type(params["mixed"])))


def hang_after_two(params: dict[str, float], trial: Any) -> float:
    """Completes twice; then hangs, deaf to SIGTERM, with a process of its own in a new session."""
    if trial.number < 2:
        return params["x"]
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    while True:
        time.sleep(1.0)
