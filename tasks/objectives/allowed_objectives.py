"""What may be imported and run by its path, where whoever runs the machine has limited that.

The limit is for paths, which come from parameters: whoever hands in a callable from Python runs
code here already.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from fnmatch import fnmatchcase
from itertools import takewhile
from pathlib import Path
from typing import Any

from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.redaction import redacted

ALLOWED_OBJECTIVES = "PREFECT_TUNER_ALLOWED_OBJECTIVES"

_OF_DEVICES = re.compile("VISIBLE|DEVICE|AFFINITY")
"""Environment variable with the patterns, separated by commas; unset or empty: all is allowed."""

_WILD = re.compile(r"[*?\[]")


def is_limited() -> bool:
    """Whether anything is limited at all."""
    return _patterns() is not None


def check_allowed(path: str, field: str) -> None:
    """Check by its path alone whether something may be imported; nothing is imported for it.

    A pattern is a path with wildcards, such as `mycompany.models:*` or `/srv/models/*.py:train`.
    `*`, `?` and `[...]` stand for characters within one part of a name, never for a dot between
    modules or attributes or a slash between folders; a part `**` stands for any number of modules
    or folders. A wildcard in place of an attribute stands for names that do not begin with an
    underscore. Letters count as they are, upper or lower case. Files are compared by where they
    really are, links and `..` resolved; relative ones, and relative patterns, are looked for in
    the working directory.

    Args:
        path: `"package.module:attribute"` or `"path/to/file.py:attribute"`.
        field: The parameter that it stands in, for the message.

    Raises:
        InvalidConfiguration: It may not be imported, or a pattern is wrong.
    """
    patterns = _patterns()
    if patterns is None or any(_matches(path, pattern) for pattern in patterns):
        return
    location, _, _ = path.rpartition(":")
    is_file = location.endswith(".py") and path.isprintable()
    found_at = f" (the file {str(_resolved(location))!r})" if is_file else ""
    raise InvalidConfiguration(
        f"{field}: must match one of the patterns in {ALLOWED_OBJECTIVES}, which limits what runs "
        f"here: {_listed(patterns)}; got {redacted(path)}{found_at}. Give one that matches, or ask "
        "whoever runs this machine to add it"
    )


def check_definition(path: str, found: Any, field: str) -> None:
    """Check that what was found at an allowed path is defined there, not imported from elsewhere.

    A module has attributes of other modules, such as those that it imports: a pattern such as
    `mycompany.models:*` is not meant for them. One that names the attribute in full is.

    Args:
        path: Where it was found.
        found: A function, a class or an object; an object counts as defined where its class is.
        field: The parameter that the path stands in, for the message.

    Raises:
        InvalidConfiguration: It is from elsewhere, and no pattern names it in full.
    """
    patterns = _patterns()
    if patterns is None or any(
        _matches(path, pattern) and not _WILD.search(pattern.rpartition(":")[2])
        for pattern in patterns
    ):
        return
    location, _, _ = path.rpartition(":")
    defined = found if hasattr(found, "__qualname__") else type(found)
    home = getattr(defined, "__module__", None) or "nowhere"
    if home == location:
        return
    if location.endswith(".py"):
        file = getattr(sys.modules.get(home), "__file__", None)
        if file is not None and _resolved(file) == _resolved(location):
            return
    raise InvalidConfiguration(
        f"{field}: must be defined in {location!r} itself, since {ALLOWED_OBJECTIVES} names it by "
        f"a wildcard only: {_listed(patterns)}; got {redacted(path)}, which is defined in "
        f"{home!r}. Whoever runs this machine can add it by its full name"
    )


def check_device_variable(name: str) -> None:
    """Check that a variable which trials are to get names devices, where it is limited what runs.

    Others decide what a program loads, such as `LD_PRELOAD` and `PYTHONPATH`.

    Args:
        name: The variable's.

    Raises:
        InvalidConfiguration: It may be one of those.
    """
    if is_limited() and _OF_DEVICES.search(name) is None:
        raise InvalidConfiguration(
            "config.device_variable: must be a variable that names devices, such as "
            f"ROCR_VISIBLE_DEVICES, since {ALLOWED_OBJECTIVES} limits what runs; got {name!r}"
        )


def _patterns() -> list[str] | None:
    """The patterns; None where nothing is limited."""
    listed = os.environ.get(ALLOWED_OBJECTIVES, "")
    if not listed.strip():
        return None
    patterns = [pattern.strip() for pattern in listed.split(",") if pattern.strip()]
    for pattern in patterns:
        location, _, attribute = pattern.rpartition(":")
        if not location or not attribute:
            raise InvalidConfiguration(
                f'{ALLOWED_OBJECTIVES}: a pattern must look like "package.module:attribute" or '
                f'"/path/to/file.py:attribute", with wildcards or without, got {pattern!r}'
            )
    return patterns


def _listed(patterns: list[str]) -> str:
    return ", ".join(map(repr, patterns)) or "none at all"


def _matches(path: str, pattern: str) -> bool:
    location, _, attribute = path.rpartition(":")
    allowed_location, _, allowed_attribute = pattern.rpartition(":")
    well_formed = location and ":" not in location and path.isprintable()
    if not well_formed or not _matches_attribute(attribute, allowed_attribute):
        return False
    for_files = "/" in allowed_location or allowed_location.endswith(".py")
    if for_files != location.endswith(".py"):
        return False
    if for_files:
        return _matches_file(_resolved(location), allowed_location)
    return _matches_parts(location.split("."), allowed_location.split("."))


def _matches_attribute(attribute: str, pattern: str) -> bool:
    names, allowed = attribute.split("."), pattern.split(".")
    return len(names) == len(allowed) and all(
        fnmatchcase(name, part) and (part.startswith("_") or not name.startswith("_"))
        for name, part in zip(names, allowed, strict=True)
    )


def _matches_file(file: Path, pattern: str) -> bool:
    parts = Path(os.path.expanduser(pattern)).parts  # noqa: PTH111 - as in `_resolved`
    plain = tuple(takewhile(lambda part: not _WILD.search(part), parts))
    folder = _resolved(str(Path(*plain))).parts
    begins_there = file.parts[: len(folder)] == folder
    return begins_there and _matches_parts(file.parts[len(folder) :], parts[len(plain) :])


def _matches_parts(names: Sequence[str], patterns: Sequence[str]) -> bool:
    if not patterns:
        return not names
    first, *others = patterns
    if first == "**":
        return _matches_parts(names, others) or (
            bool(names) and _matches_parts(names[1:], patterns)
        )
    return bool(names) and fnmatchcase(names[0], first) and _matches_parts(names[1:], others)


def _resolved(location: str) -> Path:
    # Unlike their like in `pathlib`, these never raise.
    return Path(os.path.realpath(os.path.expanduser(location)))  # noqa: PTH111
