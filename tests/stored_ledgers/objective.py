"""What the stored ledgers tuned: quick, the same everywhere, and at times it fails."""

from __future__ import annotations

import time
from typing import Any


def train(params: dict[str, Any]) -> dict[str, float | str]:
    """A bowl over whatever parameters there are, which raises in a corner of it."""
    metric = 0.0
    for name, value in sorted(params.items()):
        if isinstance(value, str):
            metric += {"a": 0.5, "b": 0.0, "c": 1.0}[value]
        else:
            metric += (float(value) - 0.3) ** 2 * (1.0 + len(name))
    if "x" in params and params["x"] > 0.8:
        raise ValueError(f"x is too large: {params['x']:.2f}")
    return {"metric": metric, "size": len(params), "kind": str(params.get("kind", "none"))}


def train_slowly(params: dict[str, Any]) -> dict[str, float | str]:
    """The same, with time to kill the study in its midst."""
    time.sleep(0.3)
    return train(params)
