"""Parameters to copy: as YAML and as Python, exactly as they were tried."""

from __future__ import annotations

import json
import re
from typing import Any

from prefect_tuner.hyper_value import Params

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# YAML 1.1, which most libraries read, takes these for bools.
_NO_KEYS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}
_ASTRAL = 0xFFFF


def yaml_params(params: Params) -> str:
    r"""Parameters as YAML, that of 1.1 and 1.2 alike.

    Example:
        ```python
        from prefect_tuner.flows.study_report.parameter_text import yaml_params

        text = yaml_params({"lr": 1e-05, "layers": [64, 32], "no": None, "kind": "yes"})
        assert text == 'lr: 1.0e-05\nlayers: [64, 32]\n"no": null\nkind: "yes"\n'
        ```
    """
    return "".join(f"{_key(name)}: {_yaml(value)}\n" for name, value in params.items())


def python_params(params: Params) -> str:
    """Parameters as a statement in Python."""
    lines = "".join(f"    {name!r}: {value!r},\n" for name, value in params.items())
    return f"params = {{\n{lines}}}\n"


def _key(name: str) -> str:
    is_plain = _PLAIN_KEY.fullmatch(name) and name.lower() not in _NO_KEYS
    return name if is_plain else _quoted(name)


def _yaml(value: Any) -> str:
    match value:
        case str():
            return _quoted(value)
        case list():
            return f"[{', '.join(map(_yaml, value))}]"
        case dict():
            return f"{{{', '.join(f'{_quoted(k)}: {_yaml(v)}' for k, v in value.items())}}}"
        case float():
            # Without a point, YAML 1.1 has a text.
            mantissa, e, exponent = repr(value).partition("e")
            return f"{mantissa}.0e{exponent}" if e and "." not in mantissa else repr(value)
    return json.dumps(value)


def _quoted(text: str) -> str:
    return "".join(_escaped(c) for c in json.dumps(text, ensure_ascii=False))


def _escaped(character: str) -> str:
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\U{code:08x}" if code > _ASTRAL else f"\\u{code:04x}"
