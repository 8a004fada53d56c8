"""What is known of the studies in a storage, without running them."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest

from prefect_tuner import InvalidConfiguration, Trial, TunerConfig
from prefect_tuner.flows.ledger.ledger import Ledger
from prefect_tuner.flows.ledger.ledger_records import AttemptRecord, InterruptedRecord, Record
from prefect_tuner.flows.ledger.stored_study import StudyStatus, read_studies, read_study
from prefect_tuner.flows.ledger.study_state import StudyState
from prefect_tuner.flows.run.default_storage import storage_or_default
from prefect_tuner.flows.storage.holder import Holder
from prefect_tuner.flows.storage.storage_address import open_store
from prefect_tuner.flows.study.study_name import study_key
from tests.flows.stored_studies import (
    AT,
    LATER,
    run_record,
    store_study,
    study_record,
    trial_records,
)
from tests.flows.studies import completed


@pytest.mark.parametrize(
    ("ending", "reason", "status", "told"),
    [
        ("completed", "patience", StudyStatus.COMPLETE, "there was no improvement for too many"),
        ("failed", "no trial has a metric", StudyStatus.FAILED, "no trial has a metric"),
        ("cancelled", "interrupted (Ctrl-C)", StudyStatus.CANCELLED, "interrupted (Ctrl-C)"),
        (None, "", StudyStatus.DIED, "its last run was killed, or its machine went down"),
    ],
)
def test_a_study_is_in_the_state_in_which_its_last_run_left_it(
    ending: str | None, reason: str, status: StudyStatus, told: str
) -> None:
    store_study("small", completed(0, 0.5), ending=ending, reason=reason)  # type: ignore[arg-type]
    study = read_study(storage_or_default(""), "small")
    assert study.status is status
    assert told in study.reason


def test_a_study_that_is_held_runs_whatever_its_ledger_says() -> None:
    store_study("small", completed(0, 0.5))
    holder = Holder.of_this_process("brave-otter")
    with Ledger(open_store(storage_or_default(""), "small"), holder):
        study = read_study(storage_or_default(""), "small")
    assert study.status is StudyStatus.RUNNING
    assert re.fullmatch(rf"held by .*'brave-otter' .*{re.escape(holder.host)}", study.reason)
    assert read_study(storage_or_default(""), "small").status is StudyStatus.COMPLETE


@pytest.mark.parametrize("name", ["small", "Über/all ../x", "x" * 200])
def test_a_study_is_found_by_its_name_and_by_its_key(name: str) -> None:
    store_study(name, completed(0, 0.5))
    assert read_study(storage_or_default(""), name).name == name
    assert read_study(storage_or_default(""), study_key(name)).name == name


def test_an_unknown_name_lists_the_nearest_known_ones() -> None:
    for number in range(12):
        store_study(f"Churn {number}")
    store_study("digits")
    with pytest.raises(InvalidConfiguration) as raised:
        read_study(storage_or_default(""), "churn 11")
    message = str(raised.value)
    assert re.match(r"study 'churn 11' .*'Churn 11'\?", message)
    assert message.endswith("and 3 more")


def test_no_study_at_all_is_said() -> None:
    with pytest.raises(InvalidConfiguration, match=r"\bnone to choose from\b"):
        read_study(storage_or_default(""), "small")


def test_a_damaged_ledger_is_one_of_the_studies_and_says_so(ledgers: Path) -> None:
    store_study("bad", completed(0, 0.5), completed(1, 0.5))
    store_study("good", completed(0, 0.5))
    path = ledgers / "bad.jsonl"
    path.write_bytes(path.read_bytes().replace(b"far-away", b"far-awaY", 1))
    bad, good = read_studies(storage_or_default(""))
    assert (bad.name, bad.status, bad.state) == ("bad", StudyStatus.UNREADABLE, None)
    assert re.search(r"bad\.jsonl:2: .*damaged", bad.reason)
    assert good.status is StudyStatus.COMPLETE


def test_whoever_looks_at_a_study_does_not_keep_a_run_from_claiming_it() -> None:
    store_study("small", completed(0, 0.5))
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            open_store(storage_or_default(""), "small").holder()

    lookers = [threading.Thread(target=look) for _ in range(4)]
    for looker in lookers:
        looker.start()
    try:
        for _ in range(200):
            store = open_store(storage_or_default(""), "small")
            store.claim(Holder.of_this_process())
            store.release()
    finally:
        over.set()
        for looker in lookers:
            looker.join()


def test_trials_keep_their_times_and_runs_their_endings_when_a_study_is_adopted() -> None:
    hours = [f"2026-01-02T0{hour}:00:00.000+00:00" for hour in range(6)]
    state = StudyState.begin(study_record("small"))
    records: list[Record] = [run_record(TunerConfig(), [])]
    for number, x in enumerate((0.9, 0.1, 0.2)):
        asked, attempt, finished = trial_records(completed(number, 0.5, x=x))
        records += [
            asked,
            attempt.model_copy(update={"at": hours[number]}),
            finished.model_copy(update={"at": hours[number + 1]}),
        ]
    narrower = {"x": {"type": "float", "low": 0.0, "high": 0.5}}
    records += [study_record("small", space=narrower), run_record(TunerConfig(), [])]
    for record in records:
        state.take(record)
    assert [trial.params["x"] for trial in state.trials] == [0.1, 0.2]
    assert state.started == {0: hours[1], 1: hours[2]}
    assert state.ended == {0: hours[2], 1: hours[3]}
    assert state.endings == [None, None]


def test_a_trial_that_is_run_again_has_begun_when_it_was_run_last() -> None:
    state = StudyState.begin(study_record("small"))
    again = "2026-01-03T00:00:00.000+00:00"
    for record in (
        run_record(TunerConfig(), []),
        *trial_records(Trial(0, {"x": 0.5})),
        InterruptedRecord(at=LATER, number=0, message="Ctrl-C", attempts=1),
    ):
        state.take(record)
    assert (state.started, state.ended) == ({0: AT}, {0: LATER})
    state.take(AttemptRecord(at=again, number=0, attempt=2))
    assert (state.started, state.ended) == ({0: again}, {})
