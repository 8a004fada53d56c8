"""Whether a study is the one that its ledger knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prefect_tuner.flows.ledger.ledger_records import StudyDefinition
from prefect_tuner.hyper_value import exact_text
from prefect_tuner.redaction import shown
from prefect_tuner.search_space.space import CONSTRAINTS_TYPE


def differences(recorded: StudyDefinition, given: StudyDefinition) -> list[str]:
    """In what a study differs from the one that is recorded, a sentence for each thing.

    Example:
        ```python
        from prefect_tuner.flows.ledger.ledger_records import StudyDefinition
        from prefect_tuner.flows.ledger.study_conflict import differences

        recorded = StudyDefinition(
            objective="model:train",
            space={"lr": {"type": "float", "low": 0.0, "high": 1.0}},
            strategy={"name": "random"},
            direction="maximize",
            seed=0,
        )
        given = recorded.model_copy(update={"seed": 1})
        assert differences(recorded, given) == ["seed: 0 in the ledger, now 1"]
        ```
    """
    before, now = recorded.model_dump(mode="json"), given.model_dump(mode="json")
    found: list[str] = []
    for field in StudyDefinition.model_fields:
        if field == "space":
            found += _differences_in_space(before[field], now[field])
        elif field == "strategy":
            found += _differences_inside(field, before[field], now[field])
        elif not _equal(before[field], now[field]):
            found.append(_sentence(field, before[field], now[field]))
    return found


def _differences_in_space(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    was, is_now = _parameters(before), _parameters(now)
    found = _differences_inside("space", was, is_now)
    if not found and list(was) != list(is_now):
        # A grid, and the order of random draws, go by it.
        found.append(f"space: the parameters stand in another order, {list(was)} in the ledger")
    # All of them have to be met, in whatever order they stand.
    constraints, are_now = _constraints(before), _constraints(now)
    found += [
        f"space: constraint {shown(each)} in the ledger, now missing"
        for each in constraints
        if each not in are_now
    ]
    found += [
        f"space: constraint not in the ledger, now {shown(each)}"
        for each in are_now
        if each not in constraints
    ]
    return found


def _parameters(space: Mapping[str, Any]) -> dict[str, Any]:
    return {name: each for name, each in space.items() if each.get("type") != CONSTRAINTS_TYPE}


def _constraints(space: Mapping[str, Any]) -> list[str]:
    held = [each for each in space.values() if each.get("type") == CONSTRAINTS_TYPE]
    return [expression for each in held for expression in each.get("expressions", [])]


def _differences_inside(field: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    found = [
        _sentence(f"{field}.{name}", before[name], now[name])
        for name in before
        if name in now and not _equal(before[name], now[name])
    ]
    found += [
        f"{field}.{name}: {shown(before[name])} in the ledger, now missing"
        for name in before
        if name not in now
    ]
    found += [
        f"{field}.{name}: not in the ledger, now {shown(now[name])}"
        for name in now
        if name not in before
    ]
    return found


def _sentence(field: str, before: Any, now: Any) -> str:
    return f"{field}: {shown(before)} in the ledger, now {shown(now)}"


def _equal(one: Any, other: Any) -> bool:
    """Whether two pieces of JSON are the same; `1`, `1.0` and `true` differ, in lists as well."""
    return exact_text(one) == exact_text(other)
