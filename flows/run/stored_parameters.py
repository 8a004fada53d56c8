"""The parameters of `tune` as Prefect stores them: plain JSON, and no more than it can hold.

Prefect writes them into its database before anybody has checked them. A number that its JSON cannot
hold is then in the way of all who list their runs.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from prefect.settings import get_current_settings
from pydantic import BaseModel, PlainSerializer

from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.flows.run.study_parameters import StudyParameters
from prefect_tuner.hyper_value import TOO_LARGE, fits_json, native

_LONGEST_NUMBER = 40
_MOST_MISTAKES = 10

# Values are not checked yet, and pydantic dumps those of a valid model alone.
_SERIALIZERS: dict[str, Any] = {
    name: metadata.func
    for name, field in StudyParameters.model_fields.items()
    for metadata in field.metadata
    if isinstance(metadata, PlainSerializer)
}


def stored_parameters(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as a deployment would be given them, as far as they have such a form.

    Example:
        ```python
        from prefect_tuner import Float
        from prefect_tuner.flows.run.stored_parameters import stored_parameters

        stored = stored_parameters({"objective": max, "space": {"x": Float(0.0, 1.0)}})
        assert stored["objective"] == "builtins:max"
        assert stored["space"]["x"]["type"] == "float"
        ```
    """
    return {name: _plain(_stored(name, value)) for name, value in parameters.items()}


def check_stored(stored: Mapping[str, Any]) -> None:
    """Check that Prefect can store parameters, and hand them out again.

    Raises:
        InvalidConfiguration: Some number or text is not to be had in its JSON, or it is too much.
    """
    mistakes = [mistake for name in stored for mistake in _mistakes_in(stored[name], name)]
    if len(mistakes) > _MOST_MISTAKES:
        more = len(mistakes) - _MOST_MISTAKES
        mistakes = [*mistakes[:_MOST_MISTAKES], f"and {more} more of the kind"]
    if not mistakes:
        mistakes = _mistakes_in_size(stored)
    if mistakes:
        raise InvalidConfiguration(*mistakes)


def _mistakes_in_size(stored: Mapping[str, Any]) -> list[str]:
    sizes = {name: len(json.dumps(value)) for name, value in stored.items()}
    limit = get_current_settings().server.api.max_parameter_size
    if sum(sizes.values()) < limit:
        return []
    largest = max(sizes, key=lambda name: sizes[name])
    remedy = ""
    if largest == "initial_trials":
        remedy = (
            "; give the name of the study that has them, or the path of a file with them "
            "(.json or .csv, as prefect-tuner export writes it)"
        )
    mistake = (
        f"{largest}: must be small enough for Prefect, which stores {limit:,} bytes of parameters "
        f"for a run, got {sizes[largest]:,} bytes"
    )
    return [mistake + remedy]


def _mistakes_in(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _mistakes_in(each, f"{path}.{key}")
    elif isinstance(value, list):
        for i, each in enumerate(value):
            yield from _mistakes_in(each, f"{path}.{i}")
    elif isinstance(value, int) and not fits_json(value):
        yield f"{path}: {TOO_LARGE}, got {_shown(value)}"
    elif isinstance(value, float) and not math.isfinite(value):
        yield f"{path}: must be a finite number, got {value!r}"


def _shown(number: int) -> str:
    digits = len(f"{number:x}")  # Decimal digits of a number of millions take long.
    return str(number) if digits < _LONGEST_NUMBER else f"a number of {4 * digits} bits"


def _stored(name: str, value: Any) -> Any:
    return _SERIALIZERS[name](value) if name in _SERIALIZERS else value


def _plain(value: Any) -> Any:
    """JSON data; what has no such form is named by its class."""
    value = native(value)
    if value is None or isinstance(value, bool | int | float | str):
        # Not all databases hold all characters.
        return _printable(value) if isinstance(value, str) else value
    if isinstance(value, Mapping):
        return {_printable(str(key)): _plain(each) for key, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [_plain(each) for each in value]
    as_json = value.model_dump if isinstance(value, BaseModel) else getattr(value, "to_json", None)
    if callable(as_json) and not isinstance(value, type):
        return _plain(as_json())
    return f"<{type(value).__name__}>"


def _printable(text: str) -> str:
    return text.replace("\0", "\ufffd").encode(errors="replace").decode()
