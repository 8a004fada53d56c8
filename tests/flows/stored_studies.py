"""Ledgers of studies as runs leave them, written without a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from prefect_tuner import SearchSpace, Trial, TunerConfig
from prefect_tuner.flows.ledger.ledger import Ledger
from prefect_tuner.flows.ledger.ledger_records import (
    AskedRecord,
    AttemptRecord,
    FinishedRecord,
    Record,
    RunRecord,
    StoppedRecord,
    StudyDefinition,
    StudyRecord,
)
from prefect_tuner.flows.run.default_storage import storage_or_default
from prefect_tuner.flows.storage.holder import Holder
from prefect_tuner.flows.storage.storage_address import open_store
from prefect_tuner.flows.study.study_digest import study_digest
from prefect_tuner.flows.study.study_name import study_key

SPACE = SearchSpace({"x": {"type": "float", "low": 0.0, "high": 1.0}})
AT = "2026-01-02T03:04:05.678+00:00"
LATER = "2026-01-02T03:04:07.178+00:00"


def study_record(name: str, **changed: Any) -> StudyRecord:
    """The first record of a study."""
    fields: dict[str, Any] = {
        "objective": "objectives.py:train",
        "space": SPACE.to_json(),
        "strategy": {"name": "random"},
        "direction": "maximize",
        "seed": 7,
    }
    definition = StudyDefinition.model_validate({**fields, **changed})
    return StudyRecord(at=AT, study=name, definition=definition)


def run_record(
    config: TunerConfig, observers: list[str], engine: str = "", **engine_options: Any
) -> RunRecord:
    """The record of a run."""
    return RunRecord(
        at=AT,
        flow_run="gentle-otter",
        flow_run_id="",
        host="far-away",
        pid=1,
        version="0.1.0",
        config=config.model_dump(mode="json"),
        observers=observers,
        elapsed=0.0,
        engine=engine,
        engine_options=engine_options,
    )


def trial_records(trial: Trial) -> list[Record]:
    """What is recorded of a trial; one without an outcome is in flight."""
    number = trial.number
    records: list[Record] = [
        AskedRecord(at=AT, number=number, params=trial.params, seed=trial.seed),
        AttemptRecord(at=AT, number=number, attempt=1),
    ]
    if trial.outcome is not None:
        records.append(
            FinishedRecord(
                at=LATER,
                number=number,
                outcome=trial.outcome,
                metric=trial.metric,
                extra=dict(trial.extra),
                duration=trial.duration,
                attempts=1,
                message=trial.message,
                host="far-away",
                elapsed=3.0,
            )
        )
    return records


def store_study(
    name: str,
    *trials: Trial,
    ending: Literal["completed", "failed", "cancelled"] | None = "completed",
    reason: str = "max_trials",
    config: TunerConfig | None = None,
    observers: list[str] | None = None,
    best: int | None = None,
    engine: tuple[str, dict[str, Any]] = ("", {}),
    more: Sequence[Record] = (),
    **definition: Any,
) -> None:
    """Write the ledger of a study in the default storage.

    Args:
        name: Its name.
        trials: As they are recorded, in the order asked.
        ending: How its run ended; None for one that died.
        reason: Why.
        config: Of the run.
        observers: Likewise, by path.
        best: The trial that the strategy expected to be best, where that is not the leader.
        engine: Of the run, with its options; empty for the local one.
        more: What follows the end of the search.
        definition: What differs from the definition of `study_record`.
    """
    with Ledger(
        open_store(storage_or_default(""), study_key(name)), Holder.of_this_process("gentle-otter")
    ) as ledger:
        ledger.append(
            study_record(name, **definition),
            run_record(
                config or TunerConfig(max_trials=10), observers or [], engine[0], **engine[1]
            ),
        )
        for trial in trials:
            ledger.append(*trial_records(trial))
        if ending is not None:
            ledger.append(
                StoppedRecord(
                    at=LATER,
                    ending=ending,
                    reason=reason,
                    trials=len(trials),
                    digest=study_digest(trials),
                    elapsed=3.5,
                    best=best,
                )
            )
        if more:
            ledger.append(*more)
