"""One record of a ledger as one line of text: JSON with a checksum at its end."""

from __future__ import annotations

import json
import zlib
from typing import Any

_SEAL = b', "crc": "%08x"}'
_SEAL_LENGTH = len(_SEAL % 0)


def seal(record: dict[str, Any]) -> bytes:
    r"""A record as a line with its end.

    The last member is the CRC-32 of the line up to it, so that a flipped bit is noticed even where
    the line is JSON still.

    Example:
        ```python
        from prefect_tuner.flows.storage.ledger_line import seal, unseal

        line = seal({"type": "attempt", "number": 3, "attempt": 1})
        assert unseal(line.rstrip(b"\n")) == {"type": "attempt", "number": 3, "attempt": 1}
        assert unseal(line.replace(b"3", b"4").rstrip(b"\n")) is None
        ```
    """
    text = json.dumps(record, ensure_ascii=False, allow_nan=False)
    # A lone surrogate, which UTF-8 lacks, becomes the escape that JSON has for it.
    body = text.encode("utf-8", "backslashreplace")[:-1]
    return body + _SEAL % zlib.crc32(body) + b"\n"


def unseal(line: bytes) -> dict[str, Any] | None:
    """The record in a line without its end, None when the line is damaged."""
    body, sealed = line[:-_SEAL_LENGTH], line[-_SEAL_LENGTH:]
    if sealed != _SEAL % zlib.crc32(body):
        return None
    try:
        record = json.loads(body + b"}")
    except ValueError:
        return None
    return record if isinstance(record, dict) else None
