"""How the result of a flow run is stored: as JSON that gives back a `TuningResult`."""

from __future__ import annotations

from typing import Any

from prefect.serializers import JSONSerializer, prefect_json_object_encoder

import prefect_tuner

RESULT_SERIALIZER: JSONSerializer[Any] = JSONSerializer(
    object_encoder="prefect_tuner.flows.result_serializer.encode"
)
"""Prefect's own, with `encode`. To read what it stores takes no more than Prefect."""


def encode(value: object) -> Any:
    """What stands in JSON for an object: the name of its class, and its data.

    Example:
        ```python
        from prefect_tuner import Trial
        from prefect_tuner.flows.result_serializer import encode

        assert encode(Trial(0, {"lr": 0.1}))["data"]["params"] == {"lr": 0.1}
        ```
    """
    encoded: dict[str, Any] = prefect_json_object_encoder(value)
    name = type(value).__name__
    if getattr(prefect_tuner, name, None) is type(value):
        encoded["__class__"] = f"prefect_tuner.{name}"  # Where it will be found in later releases.
    # Prefect would take class and data alone for a result of its own older format, and hand the
    # bare data to whoever reads it: a parent flow that is retried, for one.
    return {**encoded, "metadata": None}
