"""The name of a study, and the keys it has in Prefect by it."""

from __future__ import annotations

import hashlib
import re

from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.redaction import shown

LONGEST_STUDY_NAME = 200
"""Characters of a study's name."""

_LONGEST_READABLE = 60
_DIGEST = 12


def check_study_name(name: object) -> None:
    """Check that a name can be shown; an empty one is for studies that have none.

    Raises:
        InvalidConfiguration: It is no string, too long, or holds what cannot be printed.
    """
    if isinstance(name, str) and len(name) <= LONGEST_STUDY_NAME and name.isprintable():
        return
    rule = f"must be a name of at most {LONGEST_STUDY_NAME} printable characters"
    raise InvalidConfiguration(f"study: {rule}, got {shown(name)}")


def study_key(name: str) -> str:
    """A key of lower-case letters, digits and dashes, different for different names.

    Prefect allows no other characters in an artifact's key. A name that had to be changed gets a
    digest of the original behind it.

    Example:
        ```python
        from prefect_tuner.flows.study.study_name import study_key

        assert study_key("churn-nightly") == "churn-nightly"
        assert study_key("Churn/nightly") != study_key("churn.nightly")
        ```
    """
    readable = re.sub(r"[^a-z0-9]+", "-", name.lower())[:_LONGEST_READABLE].strip("-")
    if name and readable == name and not _looks_like_digest(name):
        return readable
    digest = hashlib.sha256(name.encode()).hexdigest()[:_DIGEST]
    return f"{readable}-{digest}" if readable else digest


def _looks_like_digest(name: str) -> bool:
    return re.search(rf"(^|-)[0-9a-f]{{{_DIGEST}}}$", name) is not None
