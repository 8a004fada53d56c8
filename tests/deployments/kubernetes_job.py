"""What the Kubernetes API takes as a job, as far as its client's models say so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

PREFECT_INSISTS = {"job.spec.template.spec.parallelism", "job.spec.template.spec.completions"}
"""Where Prefect's worker wants them, and where the API knows no such fields and passes them over.
Both are 1, which they are where they belong as well."""

_QUANTITIES = {"V1ResourceRequirements"}
"""What takes numbers as well as texts, such as 1 and "500m"."""

_PRIMITIVE = {"str": str, "int": int, "bool": bool}


def mistakes_in_job(manifest: dict[str, Any]) -> list[str]:
    """What is wrong with the manifest of a job: unknown, missing, and wrong fields, by place."""
    return [each for each in _mistakes(manifest, "V1Job", "job") if each not in PREFECT_INSISTS]


def _mistakes(data: Any, kind: str, place: str, number_is_text: bool = False) -> Iterator[str]:
    container, _, inner = kind.rstrip("])").replace("(", "[").partition("[")
    if container == "list" and inner:
        if not isinstance(data, list):
            yield place
            return
        for index, each in enumerate(data):
            yield from _mistakes(each, inner, f"{place}[{index}]")
    elif container == "dict" and inner:
        if not isinstance(data, dict):
            yield place
            return
        for key, each in data.items():
            yield from _mistakes(each, inner.split(", ")[1], f"{place}.{key}", number_is_text)
    elif kind in _PRIMITIVE:
        is_number = number_is_text and type(data) is int
        if type(data) is not _PRIMITIVE[kind] and not is_number:
            yield place
    else:
        # Here: it takes a second, which tests of other files do not wait for.
        from kubernetes_asyncio.client import models

        yield from _mistakes_in_model(data, getattr(models, kind), place)


def _mistakes_in_model(data: Any, model: Any, place: str) -> Iterator[str]:
    if not isinstance(data, dict):
        yield place
        return
    kinds = {name: model.openapi_types[of] for of, name in model.attribute_map.items()}
    yield from (f"{place}.{name}" for name in data if name not in kinds)
    yield from (f"{place}.{name}" for name in _required(model) if name not in data)
    for name, value in data.items():
        if name in kinds:
            quantity = model.__name__ in _QUANTITIES
            yield from _mistakes(value, kinds[name], f"{place}.{name}", quantity)


def _required(model: Any) -> Iterator[str]:
    """The fields that a model does not do without: it refuses None for them."""
    from kubernetes_asyncio.client import Configuration

    configuration = Configuration()
    configuration.client_side_validation = False
    instance = model(local_vars_configuration=configuration)
    configuration.client_side_validation = True
    for attribute, name in model.attribute_map.items():
        try:
            setattr(instance, attribute, None)
        except ValueError:
            yield name
