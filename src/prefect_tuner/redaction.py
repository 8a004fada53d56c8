"""Values from outside as they may be shown in messages and logs: without the secrets in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qsl, urlsplit

HIDDEN = "***"
"""What stands for a secret."""

_LONGEST_ERROR = 500

LONGEST_SHOWN = 200
"""Characters of a value in a message."""

# Words of a name, such as those of `api_key`, `apiKey` and `X-Api-Key`, that say it is a secret.
_SECRET_WORDS = frozenset({"auth", "bearer", "pwd", "sas", "sig"})
_SECRET_ENDINGS = (
    "accesskey",
    "apikey",
    "authorization",
    "credential",
    "credentials",
    "passphrase",
    "passwd",
    "password",
    "passwords",
    "privatekey",
    "secret",
    "secretkey",
    "secrets",
    "signature",
    "token",
)
"""What such words end with, where they are written without a mark between them: `authtoken`."""

_SECRET_KEYS = frozenset({"access", "account", "api", "encryption", "private", "secret", "shared"})
"""Words before the word `key` that make a secret of it."""

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
# Keys may have slashes in them; what is a number up to the first one is a port.
_PASSWORD = re.compile(r"(?<=://)[^/@\s]*:(?!\d+/)[^\s]*@")
_USER_INFO = re.compile(r"(?<=://)[^/@\s]*:[^\s]*@|(?<=://)[^/@\s]+@")
# `token=...` in a query or a connection string, `"token": "..."` in JSON and the like.
_ASSIGNED = re.compile(r"([\w.-]+)=(\"[^\"]*\"|'[^']*'|[^\s&#;,'\")}\]]*)")
_QUOTED_NAME = re.compile(r"([\"'])([\w.-]+)\1(\s*:\s*)(\"[^\"]*\"|'[^']*'|[^\s,}\]]+)")
_BEARER = re.compile(r"\b(Bearer|Basic)\s+[\w.~+/=-]{8,}", re.IGNORECASE)


class _Hidden:
    def __repr__(self) -> str:
        return HIDDEN


_HIDDEN = _Hidden()


def redacted(value: object) -> str:
    """The `repr` of a value, with `***` in the place of what looks like a secret.

    Secrets are the values under names such as `password`, `api_key` and `token`, in mappings, query
    strings and connection strings, and the users and passwords in addresses. A secret under a name
    that does not say so is shown: a mapping's name decides, not what the value looks like.

    Example:
        ```python
        from prefect_tuner.redaction import redacted

        assert redacted({"api_key": "x7", "n": 3}) == "{'api_key': ***, 'n': 3}"
        assert redacted("s3://key:x7@bucket/studies") == "'s3://***@bucket/studies'"
        ```
    """
    try:
        hidden = _without_secrets(value)
        text = repr(hidden)
    except Exception:  # noqa: BLE001 - a user's __repr__ may raise anything, a cycle has no end
        return f"a {type(value).__name__} whose repr() raises"
    # What objects show of themselves was not looked into.
    return text if isinstance(hidden, str) else _without_secrets_in_text(text)


def shown(value: object, longest: int = LONGEST_SHOWN) -> str:
    """The same, cut short where it is long: what a message says of a value that it was given.

    Args:
        value: The value.
        longest: Characters.

    Example:
        ```python
        from prefect_tuner.redaction import shown

        assert shown({"token": "x7"}) == "{'token': ***}"
        assert len(shown("x" * 1000)) == 200
        ```
    """
    text = redacted(value)
    return text if len(text) <= longest else text[: longest - 3] + "..."


def shown_error(error: BaseException) -> str:
    """The same of an exception, which may hold the data that it was raised for.

    Example:
        ```python
        from prefect_tuner.redaction import shown_error

        assert shown_error(ValueError("too large")) == "ValueError('too large')"
        ```
    """
    return shown(error, _LONGEST_ERROR)


def names_secret(name: str) -> bool:
    """Whether what bears this name is a secret.

    Example:
        ```python
        from prefect_tuner.redaction import names_secret

        assert names_secret("aws_secret_access_key")
        assert not names_secret("max_tokens")
        ```
    """
    words = [word.lower() for word in _WORD.findall(name)]
    return any(word in _SECRET_WORDS or word.endswith(_SECRET_ENDINGS) for word in words) or any(
        first in _SECRET_KEYS and second in ("key", "keys") for first, second in pairwise(words)
    )


def has_credentials(address: str) -> bool:
    """Whether an address holds a password, or something in its query that may be a key.

    Example:
        ```python
        from prefect_tuner.redaction import has_credentials

        assert has_credentials("s3://user:x7@bucket/studies")
        assert has_credentials("az://studies?sas=x7")
        assert not has_credentials("s3://bucket/studies?region=eu")
        ```
    """
    if _PASSWORD.search(address):
        return True
    # A lone `key` is one in an address; elsewhere it is what a mapping calls its keys.
    queries = [urlsplit(link).query for link in address.split("::")]
    names = [name for query in queries for name, _ in parse_qsl(query, keep_blank_values=True)]
    return any(names_secret(name) or "key" in name.lower() for name in names)


def without_credentials(address: str) -> str:
    """An address without what may be a password or a key in it, as it is shown.

    Example:
        ```python
        from prefect_tuner.redaction import without_credentials

        assert without_credentials("s3://user:x7@bucket/studies?key=x8") == "s3://bucket/studies"
        ```
    """
    return _PASSWORD.sub("", address).partition("?")[0]


def secrets_in(value: object, place: tuple[object, ...] = ()) -> Iterator[tuple[object, ...]]:
    """Where JSON data holds what looks like a secret: the keys and indices that lead there.

    What refers to the environment, such as `API_KEY=$API_KEY` in a script, is none.

    Example:
        ```python
        from prefect_tuner.redaction import secrets_in

        data = {"env": {"API_KEY": "x7"}, "args": ["--token=x8", "--token=$TOKEN"]}
        assert list(secrets_in(data)) == [("env", "API_KEY"), ("args", 0)]
        ```
    """
    if isinstance(value, dict):
        for name, item in value.items():
            if isinstance(name, str) and names_secret(name) and _holds_text(item):
                yield (*place, name)
            else:
                yield from secrets_in(item, (*place, name))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from secrets_in(item, (*place, i))
    elif isinstance(value, str) and _holds_secret(value):
        yield place


def _holds_text(value: object) -> bool:
    if isinstance(value, dict | list):
        return any(map(_holds_text, value.values() if isinstance(value, dict) else value))
    return isinstance(value, str) and value != "" and not value.startswith("$")


def _holds_secret(text: str) -> bool:
    if _PASSWORD.search(text):
        return True
    assigned = [(m[1], m[2]) for m in _ASSIGNED.finditer(text)]
    assigned += [(m[2], m[4]) for m in _QUOTED_NAME.finditer(text)]
    if any(names_secret(name) and _holds_text(given.strip("\"'")) for name, given in assigned):
        return True
    return any(m[1].lower() == "bearer" for m in _BEARER.finditer(text))


def _without_secrets(value: Any) -> Any:
    if isinstance(value, str):
        return _without_secrets_in_text(value)
    if type(value) is dict:
        return {
            name: _HIDDEN
            if isinstance(name, str) and names_secret(name)
            else _without_secrets(item)
            for name, item in value.items()
        }
    if type(value) in (list, tuple, set, frozenset):
        return type(value)(map(_without_secrets, value))
    return value


def _without_secrets_in_text(text: str) -> str:
    text = _USER_INFO.sub(f"{HIDDEN}@", text)
    text = _ASSIGNED.sub(
        lambda m: f"{m[1]}={HIDDEN}" if m[2] and names_secret(m[1]) else m[0], text
    )
    text = _QUOTED_NAME.sub(
        lambda m: f"{m[1]}{m[2]}{m[1]}{m[3]}{HIDDEN}" if names_secret(m[2]) else m[0], text
    )
    return _BEARER.sub(rf"\1 {HIDDEN}", text)
