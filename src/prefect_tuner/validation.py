"""What pydantic says about wrong input, as sentences that name the field and what would be right.

```
pydantic.ValidationError -> field_mistakes -> mistakes_from -> InvalidConfiguration(*sentences)
```
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, Union, get_args, get_origin

from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.redaction import HIDDEN, names_secret, shown

if TYPE_CHECKING:  # The processes of trials need no pydantic, which takes a while to load.
    from pydantic import BaseModel, ValidationError
    from pydantic_core import ErrorDetails


class FieldMistake(NamedTuple):
    """One wrong field.

    Attributes:
        field: Its path, such as `points.lr`; empty when the input as a whole is wrong.
        rule: What would be right and what was seen, such as `must be above 0, got -1`.
    """

    field: str
    rule: str


def mistakes_from(
    error: ValidationError, prefix: str, model: type[BaseModel] | None = None
) -> list[str]:
    """One sentence for each mistake that pydantic found.

    Args:
        error: What validation raised.
        prefix: What the fields belong to; it stands before their names.
        model: The model validated against. With it, unknown fields are answered with the known
            ones, and the alternatives of a union make one sentence.

    Example:
        ```python
        from pydantic import BaseModel, Field, ValidationError

        from prefect_tuner.validation import mistakes_from

        class Budget(BaseModel):
            max_trials: int = Field(ge=1)

        try:
            Budget(max_trials=0)
        except ValidationError as error:
            mistakes = mistakes_from(error, "config", Budget)
        assert mistakes == ["config.max_trials: must be greater than or equal to 1, got 0"]
        ```
    """
    sentences = []
    for field, rule in field_mistakes(error, model):
        path = ".".join(part for part in (prefix, field) if part)
        # A validator that reports on a field in full, such as `space.lr: ...`, has named it.
        named = rule.startswith((f"{path}:", f"{path}.")) or not path
        sentences.append(rule if named else f"{path}: {rule}")
    return sentences


def field_mistakes(
    error: ValidationError, model: type[BaseModel] | None = None
) -> list[FieldMistake]:
    """The mistakes that pydantic found, for callers with a sentence of their own.

    Args:
        error: What validation raised.
        model: The model validated against, as for `mistakes_from`.
    """
    found: dict[tuple[str, ...], list[str]] = {}
    alternatives: dict[tuple[str, ...], list[ErrorDetails]] = {}
    seen: dict[tuple[str, ...], str] = {}
    for details in error.errors(include_url=False):
        path, known = _locate(model, details["loc"])
        seen[path] = _seen(details)
        rules = found.setdefault(path, [])
        if told := _told_in_full(details, known):
            rules += told
        else:
            alternatives.setdefault(path, []).append(details)
    for path, rejected in alternatives.items():
        found[path].append(f"{_either(rejected)}, got {seen[path]}")
    # Of a union's alternatives, the one whose inner part was wrong is the one that was meant.
    meant = [path for path in found if not any(_is_inside(other, path) for other in found)]
    return [FieldMistake(".".join(path), rule) for path in meant for rule in found[path]]


def unknown_name(name: str, known: Iterable[str]) -> str:
    """The sentence's part on a name that is not known: the known ones, the nearest first.

    Example:
        ```python
        from prefect_tuner.validation import unknown_name

        assert unknown_name("gird", ["random", "grid"]) == (
            "is not known, did you mean 'grid'? Known are 'grid', 'random'"
        )
        ```
    """
    names = sorted(known)
    if not names:
        return "is not known, there are none to choose from"
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    listed = ", ".join(map(repr, near + [other for other in names if other not in near]))
    if near:
        return f"is not known, did you mean {near[0]!r}? Known are {listed}"
    return f"is not known, known are {listed}"


def _told_in_full(details: ErrorDetails, known: list[str]) -> list[str]:
    """The mistakes that need no value seen: its absence, an unknown name, a validator's own."""
    if details["type"] == "missing":
        return ["is required"]
    if details["type"] == "extra_forbidden":
        return [unknown_name(str(details["loc"][-1]), known) if known else "is not known"]
    raised = details.get("ctx", {}).get("error")
    return list(raised.mistakes) if isinstance(raised, InvalidConfiguration) else []


def _rule(details: ErrorDetails) -> str:
    """What would be right, such as `must be a valid integer`."""
    kind, message = details["type"], details["msg"]
    if kind in ("value_error", "assertion_error"):
        return str(details["ctx"]["error"])
    if kind.startswith(("int_", "float_", "bool_")):
        message = message.split(", ")[0]
    return re.sub(r"^\w+ should ", "must ", message)


def _either(rejected: list[ErrorDetails]) -> str:
    """What the alternatives of a union ask for; only those of the value's type, if there are."""
    of_its_type = [d for d in rejected if not d["type"].endswith(("_type", "literal_error"))]
    first, *others = dict.fromkeys(map(_rule, of_its_type or rejected))
    return " or ".join([first, *(other.removeprefix("must be ") for other in others)])


def _seen(details: ErrorDetails) -> str:
    if any(isinstance(part, str) and names_secret(part) for part in details["loc"]):
        return HIDDEN
    return shown(details["input"])


def _is_inside(inner: tuple[str, ...], outer: tuple[str, ...]) -> bool:
    return len(inner) > len(outer) and inner[: len(outer)] == outer


def _locate(model: Any, loc: tuple[int | str, ...]) -> tuple[tuple[str, ...], list[str]]:
    """The path of fields in pydantic's location, and the names known where it ends.

    Pydantic puts the alternatives of a union into the location, as in `("points", "int")`.
    """
    from pydantic import BaseModel

    annotation, path = model, []
    known: list[str] = []
    for part in loc:
        annotation = _plain(annotation)
        if _is_union(annotation):
            annotation = _alternative(annotation, part)
            continue
        path.append(str(part))
        known = []
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            known = list(annotation.model_fields)
            field = annotation.model_fields.get(str(part))
            annotation = field.annotation if field else None
        else:
            annotation = (get_args(annotation) or (None,))[-1]
    return tuple(path), known


def _plain(annotation: Any) -> Any:
    """The annotation without `Annotated` and without `None` as the only other alternative."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (Union, UnionType):
        others = [a for a in get_args(annotation) if a is not NoneType]
        return _plain(others[0]) if len(others) == 1 else annotation
    return annotation


def _is_union(annotation: Any) -> bool:
    return get_origin(annotation) in (Union, UnionType)


def _alternative(union: Any, tag: int | str) -> Any:
    """The member of a union that pydantic's tag stands for, None when it cannot be told."""
    for member in get_args(union):
        name = getattr(member, "__name__", "") if get_origin(member) is None else str(member)
        if name.replace(" ", "") == tag:
            return member
    return None
