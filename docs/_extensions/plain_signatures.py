"""Has autodoc show the parameters of flows by the types that a caller gives.

Those of `tune` are annotated with what Prefect needs for the form and the store, which would fill
pages, and their defaults are constants of the package.
"""

from __future__ import annotations

import inspect
from functools import reduce
from operator import or_
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from sphinx.application import Sphinx
from sphinx.util.inspect import stringify_signature
from sphinx.util.typing import stringify_annotation

_PLAIN_DEFAULTS = (str, int, float, bool, list, tuple)


class _Shown:
    """A default that is shown as a text."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def _shown_default(default: Any) -> Any:
    if default is inspect.Parameter.empty or isinstance(default, _PLAIN_DEFAULTS) or not default:
        return default
    return _Shown(f"{type(default).__name__}()" if isinstance(default, BaseModel) else "...")


def without_metadata(annotation: Any) -> Any:
    """A type without what pydantic is told of it, also where it is one of several.

    Example:
        ```python
        assert without_metadata(Annotated[int, "at least 1"] | None) == int | None
        ```
    """
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return without_metadata(parts[0])
    if origin in (Union, UnionType):
        return reduce(or_, map(without_metadata, parts))
    return annotation


def _simplify(
    app: Sphinx, what: str, name: str, thing: Any, options: object, signature: str, returns: str
) -> tuple[str, str] | None:
    if what not in ("function", "class") or "Annotated" not in (signature or ""):
        return None
    full = inspect.signature(thing)
    plain = full.replace(
        parameters=[
            each.replace(
                annotation=without_metadata(each.annotation), default=_shown_default(each.default)
            )
            for each in full.parameters.values()
        ]
    )
    shown = stringify_signature(plain, show_return_annotation=False, unqualified_typehints=True)
    return shown, stringify_annotation(full.return_annotation, "smart") if returns else ""


def setup(app: Sphinx) -> dict[str, bool]:
    """Replace what autodoc has found."""
    app.connect("autodoc-process-signature", _simplify)
    return {"parallel_read_safe": True}
