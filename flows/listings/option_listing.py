"""What the listings of strategies and engines have in common: parts with options, as text."""

from __future__ import annotations

import inspect
import json
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo


@dataclass(frozen=True)
class OptionDescription:
    """One option of a strategy or an engine.

    Attributes:
        name: Its name.
        type: What values it takes, such as `int | null`.
        default: Its default as it is written in YAML and JSON; None for a required option.
        description: What it does.
    """

    name: str
    type: str
    default: str | None
    description: str


@dataclass(frozen=True)
class PartDescription:
    """A strategy or an engine.

    Attributes:
        name: Its name.
        summary: What it does, in a sentence.
        options: Its options.
        problem: Why it cannot be used; empty when it can.
    """

    name: str
    summary: str = ""
    options: tuple[OptionDescription, ...] = ()
    problem: str = ""

    @property
    def told(self) -> str:
        """What else there is to tell of it; or empty."""
        return ""


def listing(parts: Iterable[PartDescription], default: str, width: int = 80) -> str:
    """Parts as text.

    Args:
        parts: What to list.
        default: The name of the one that is taken where none is named.
        width: Characters in a line.
    """
    return "\n\n".join("\n".join(_lines(part, part.name == default, width)) for part in parts)


def _lines(part: PartDescription, is_default: bool, width: int) -> list[str]:
    lines = [f"{part.name} (default)" if is_default else part.name]
    lines += _indented(part.summary, width, 1)
    if part.problem:
        return lines + _indented(f"cannot be used: {part.problem}", width, 1)
    return lines + _indented(part.told, width, 1) + _option_lines(part.options, width)


def describe_options(model: type[BaseModel]) -> tuple[OptionDescription, ...]:
    """The options that a model has, in its order.

    Example:
        ```python
        from prefect_tuner.flows.listings.option_listing import describe_options
        from prefect_tuner.strategies.grid import GridSearch

        assert [option.name for option in describe_options(GridSearch.Options)] == [
            "points",
            "shuffle",
        ]
        ```
    """
    return tuple(_describe_option(name, field) for name, field in model.model_fields.items())


def _option_lines(options: Iterable[OptionDescription], width: int) -> list[str]:
    """Options as lines of a listing."""
    lines: list[str] = []
    for option in options:
        default = "required" if option.default is None else f"default {option.default}"
        lines += _indented(f"{option.name}: {option.type}, {default}", width, 1)
        lines += _indented(option.description, width, 2)
    return lines


def summary_of(described: type) -> str:
    """What a class is, by the first paragraph of its docstring."""
    first_paragraph = (inspect.getdoc(described) or "").partition("\n\n")[0]
    return " ".join(first_paragraph.split()) or described.__qualname__


def _indented(text: str, width: int, depth: int) -> list[str]:
    """A text in lines of at most so many characters, so many steps from the margin."""
    margin = " " * 4 * depth
    return textwrap.wrap(
        text,
        width,
        initial_indent=margin,
        subsequent_indent=margin,
        break_on_hyphens=False,  # A command is to be copied in one piece.
    )


def _describe_option(name: str, field: FieldInfo) -> OptionDescription:
    default = None
    if not field.is_required():
        value = field.get_default(call_default_factory=True, validated_data={})
        value = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
        default = json.dumps(value, default=repr)
    return OptionDescription(
        name, _type_name(field.annotation), default, " ".join((field.description or "").split())
    )


def _type_name(annotation: Any) -> str:
    """An annotation in few words: `int | null`, `list of str`, `mapping of str to int`."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type_name(arguments[0])
    if origin is Literal:
        return " | ".join(map(json.dumps, arguments))
    names = [_type_name(argument) for argument in arguments]
    if origin in (Union, UnionType):
        return " | ".join(names)
    if origin is dict:
        return f"mapping of {names[0]} to {names[1]}"
    if origin in (list, set, tuple):
        return f"list of {names[0]}"
    return "null" if annotation is NoneType else getattr(annotation, "__name__", str(annotation))
