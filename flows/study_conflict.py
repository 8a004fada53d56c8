"""Whether a study is the one that its ledger knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prefect_tuner.flows.ledger_records import StudyDefinition

_LONGEST_VALUE = 200


def differences(recorded: StudyDefinition, given: StudyDefinition) -> list[str]:
    """In what a study differs from the one that is recorded, a sentence for each thing.

    Example:
        ```python
        from prefect_tuner.flows.ledger_records import StudyDefinition
        from prefect_tuner.flows.study_conflict import differences

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
        if field in ("space", "strategy"):
            found += _differences_inside(field, before[field], now[field])
        elif not _equal(before[field], now[field]):
            found.append(_sentence(field, before[field], now[field]))
    return found


def _differences_inside(field: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    found = [
        _sentence(f"{field}.{name}", before[name], now[name])
        for name in before
        if name in now and not _equal(before[name], now[name])
    ]
    found += [
        f"{field}.{name}: {_shown(before[name])} in the ledger, now missing"
        for name in before
        if name not in now
    ]
    found += [
        f"{field}.{name}: not in the ledger, now {_shown(now[name])}"
        for name in now
        if name not in before
    ]
    if field == "space" and not found and list(before) != list(now):
        # A grid, and the order of random draws, go by it.
        found.append(f"space: the parameters stand in another order, {list(before)} in the ledger")
    return found


def _sentence(field: str, before: Any, now: Any) -> str:
    return f"{field}: {_shown(before)} in the ledger, now {_shown(now)}"


def _equal(one: Any, other: Any) -> bool:
    """Whether two pieces of JSON are the same; `1`, `1.0` and `true` differ."""
    return repr(one) == repr(other)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 3] + "..."
