"""From a study's name to the keys it has in Prefect."""

from __future__ import annotations

import hashlib
import re

_LONGEST_READABLE = 60
_DIGEST = 12


def study_slug(name: str) -> str:
    """A key of lower-case letters, digits and dashes, different for different names.

    Prefect allows no other characters in an artifact's key. A name that had to be changed gets a
    digest of the original behind it.

    Example:
        ```python
        from prefect_tuner.flows.study.study_name import study_slug

        assert study_slug("churn-nightly") == "churn-nightly"
        assert study_slug("Churn/nightly") != study_slug("churn.nightly")
        ```
    """
    readable = re.sub(r"[^a-z0-9]+", "-", name.lower())[:_LONGEST_READABLE].strip("-")
    if name and readable == name and not _looks_like_digest(name):
        return readable
    digest = hashlib.sha256(name.encode()).hexdigest()[:_DIGEST]
    return f"{readable}-{digest}" if readable else digest


def _looks_like_digest(name: str) -> bool:
    return re.search(rf"(^|-)[0-9a-f]{{{_DIGEST}}}$", name) is not None
