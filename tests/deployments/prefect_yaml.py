"""deployments/prefect.yaml, read as Prefect reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

PREFECT_YAML = Path(__file__).parents[2] / "deployments" / "prefect.yaml"


def deployment_in_prefect_yaml(flow: str, name: str) -> dict[str, Any]:
    """What the file says of a deployment, by its flow's name and its own."""
    (entry,) = [
        entry
        for entry in yaml.safe_load(PREFECT_YAML.read_text("utf-8"))["deployments"]
        if entry["name"] == name and entry["entrypoint"].endswith(f".{flow}")
    ]
    found: dict[str, Any] = entry
    return found
