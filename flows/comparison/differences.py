"""In what studies differ by which their metrics may not be comparable."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prefect_tuner.flows.comparison.compared_study import ComparedStudy
from prefect_tuner.printable_text import printable_line, shortened
from prefect_tuner.search_space.space import CONSTRAINTS_TYPE

LONGEST_VALUE = 60
"""Characters of what a study has."""

CODE = "code of the objective"
"""What differs where the same objective was edited in between."""

_OF_SPACE = "space."


@dataclass(frozen=True)
class Difference:
    """Something that is not the same in all studies.

    Attributes:
        field: What: `direction`, `objective`, `code of the objective` or `space.` and a parameter.
        held: What each of the studies has, in their order; None for one that has no such thing.
    """

    field: str
    held: tuple[str | None, ...]


def differences_of(studies: Sequence[ComparedStudy]) -> list[Difference]:
    """All differences of some studies: what is searched for first, then what is searched."""
    definitions = [study.state.definition for study in studies]
    found = [
        Difference("direction", tuple(each.direction for each in definitions)),
        Difference("objective", tuple(each.objective for each in definitions)),
    ]
    if len(set(found[1].held)) == 1:
        found.append(Difference(CODE, _codes(studies)))
    spaces = [each.space for each in definitions]
    for name in dict.fromkeys(name for space in spaces for name in space):
        held = (_declared(space[name]) if name in space else None for space in spaces)
        found.append(Difference(f"{_OF_SPACE}{name}", tuple(held)))
    return [each for each in found if len(set(each.held)) > 1]


def difference_sentences(
    differences: Sequence[Difference], studies: Sequence[ComparedStudy]
) -> list[str]:
    """The same in words, behind "They differ in"."""
    names = [study.name for study in studies]
    return list(_sentences(differences, names))


def _sentences(differences: Sequence[Difference], names: Sequence[str]) -> Iterator[str]:
    only_in: dict[tuple[str, ...], list[str]] = {}
    for each in differences:
        field = printable_line(each.field)
        pairs = zip(names, each.held, strict=True)
        held = [(name, text) for name, text in pairs if text is not None]
        if each.field == CODE:
            yield "objective: its code is not the same in all of them"
            continue
        if len(held) < len(names):
            holders = tuple(name for name, _ in held)
            only_in.setdefault(holders, []).append(field.removeprefix(_OF_SPACE))
        by_text: dict[str, list[str]] = {}
        for name, text in held:
            by_text.setdefault(text, []).append(name)
        if len(by_text) > 1:
            told = (
                f"{', '.join(of)}: {shortened(printable_line(text), LONGEST_VALUE)}"
                for text, of in by_text.items()
            )
            yield f"{field}: {'; '.join(told)}"
    for holders, parameters in only_in.items():
        yield f"space: {', '.join(parameters)} only in {', '.join(holders)}"


def _codes(studies: Sequence[ComparedStudy]) -> tuple[str | None, ...]:
    """Numbers for the code of each; all the same where less than two studies know theirs."""
    codes = [json.dumps(s.state.code, sort_keys=True) if s.state.code else None for s in studies]
    known = list(dict.fromkeys(code for code in codes if code is not None))
    if len(known) < 2:
        return (None,) * len(codes)
    return tuple(None if code is None else f"version {known.index(code) + 1}" for code in codes)


def _declared(parameter: Mapping[str, Any]) -> str:
    held = {key: value for key, value in parameter.items() if key != "type"}
    kind = parameter.get("type")
    return json.dumps(held["expressions"] if kind == CONSTRAINTS_TYPE else {"type": kind, **held})
