"""A ledger in a local file: what it survives, and what it refuses."""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_tuner import LedgerError
from prefect_tuner.errors import InternalTunerError
from prefect_tuner.flows.ledger.ledger_records import (
    FORMAT,
    AskedRecord,
    BestRecord,
    FinishedRecord,
)
from prefect_tuner.flows.storage.ledger_file import LedgerFile
from prefect_tuner.flows.storage.ledger_line import seal, unseal
from prefect_tuner.flows.storage.ledger_store import LedgerStore
from prefect_tuner.flows.storage.utc_time import utc_now
from prefect_tuner.trial import Outcome
from tests.flows.ledgers import holder, open_ledger, run_record, state_of, study_record
from tests.flows.storage.ledger_process_conformance import LedgerProcessConformance
from tests.flows.storage.ledger_store_conformance import LedgerStoreConformance
from tests.flows.storage.other_run import OtherRun, StoreMaker
from tests.messages import LEDGER_WAS_CHANGED

# As people read it in the file.
RECORD_OF_A_TRIAL = '"number": 0, "params": {"x": 0.5, "kind": "a"}, "seed": 3'


def asked(number: int) -> AskedRecord:
    return AskedRecord(at=utc_now(), number=number, params={"x": 0.5, "kind": "a"}, seed=3)


def finished(number: int) -> FinishedRecord:
    return FinishedRecord(
        at=utc_now(),
        number=number,
        outcome=Outcome.COMPLETED,
        metric=0.25,
        attempts=1,
        host="here",
        elapsed=1.0,
    )


@pytest.fixture
def ledger_file(tmp_path: Path) -> Path:
    """A study of three trials, the last of which is in flight."""
    with open_ledger(tmp_path) as ledger:
        ledger.append(study_record(), run_record())
        for number in range(3):
            ledger.append(asked(number))
            if number < 2:
                ledger.append(finished(number))
    return tmp_path / "small.jsonl"


class TestLedgerFile(LedgerStoreConformance, LedgerProcessConformance):
    rounds = 20
    examples = 30
    contests = 10

    @pytest.fixture
    def make(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StoreMaker:
        # Many claims are refused here, each after this time.
        monkeypatch.setattr("prefect_tuner.flows.storage.ledger_file._MOMENT", 0.05)
        return partial(LedgerFile, tmp_path)

    def leave_torn_end(self, location: str) -> None:
        with Path(location).open("ab") as file:
            file.write(seal({"type": "attempt", "number": 2})[:-10])

    @contextmanager
    def failing_appends(self, location: str) -> Iterator[None]:
        """As where the disk is full in the middle of the second of two lines more."""
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        limit = int(2.5 * Path(location).stat().st_size)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    def take_over(self, make: StoreMaker) -> tuple[LedgerStore, LedgerStore]:
        """The second sees nothing of the first one's lock, as on some network file systems."""
        loser, winner = make("study"), make("study")
        loser.claim(holder("loser"))
        Path(loser.location).with_suffix(".claim").unlink()
        winner.claim(holder("winner"))
        return loser, winner


def test_what_was_recorded_is_read_again(ledger_file: Path) -> None:
    state = state_of(ledger_file.parent)
    assert [trial.outcome for trial in state.trials] == ["completed", "completed", None]
    assert state.trials[1].params == {"x": 0.5, "kind": "a"}
    assert state.elapsed == 1.0


def test_each_record_is_a_line_that_people_can_read(ledger_file: Path) -> None:
    line = ledger_file.read_text().splitlines()[2]
    assert line.startswith('{"type": "asked", "at": "20')
    assert RECORD_OF_A_TRIAL in line


def test_only_its_owner_can_read_it(ledger_file: Path) -> None:
    assert ledger_file.stat().st_mode & 0o777 == 0o600
    assert ledger_file.with_suffix(".claim").stat().st_mode & 0o777 == 0o600


def test_folders_that_are_made_for_it_are_its_owners(tmp_path: Path) -> None:
    with open_ledger(tmp_path / "one" / "two"):
        pass
    assert (tmp_path / "one").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "one" / "two").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("lost", [1, 2, 30, 100])
def test_a_torn_last_line_is_dropped_and_told(ledger_file: Path, lost: int) -> None:
    text = ledger_file.read_bytes()
    ledger_file.write_bytes(text[:-lost])
    assert len(state_of(ledger_file.parent).trials) == 2
    with open_ledger(ledger_file.parent) as ledger:
        assert re.search(r"not written to.* end", ledger.mended)
        ledger.append(asked(2))
    assert len(state_of(ledger_file.parent).trials) == 3
    assert ledger_file.read_bytes().startswith(text[: text[:-1].rfind(b"\n") + 1])


def test_zeros_at_the_end_are_a_torn_line(ledger_file: Path) -> None:
    """What some file systems leave after a loss of power: the length, but not the bytes."""
    with ledger_file.open("ab") as file:
        file.write(b"\0" * 300)
    with open_ledger(ledger_file.parent) as ledger:
        assert "300 bytes" in ledger.mended
    assert len(state_of(ledger_file.parent).trials) == 3


def test_readers_leave_a_torn_line_alone(ledger_file: Path) -> None:
    ledger_file.write_bytes(text := ledger_file.read_bytes()[:-5])
    state_of(ledger_file.parent)
    assert ledger_file.read_bytes() == text


@pytest.mark.parametrize(
    "damage", [(b'"metric": 0.25', b'"metric": 0.75'), (b'"seed"', b"\0\0\0\0\0\0"), (b"\n", b" ")]
)
def test_damage_in_the_middle_is_an_error_that_names_the_line(
    ledger_file: Path, damage: tuple[bytes, bytes]
) -> None:
    text = ledger_file.read_bytes()
    at = text.index(damage[0], 1000)
    ledger_file.write_bytes(damaged := text[:at] + damage[1] + text[at + len(damage[0]) :])
    number = damaged[:at].count(b"\n") + 1
    with pytest.raises(LedgerError, match=rf"small\.jsonl:{number}: .*damaged"):
        open_ledger(ledger_file.parent)
    assert ledger_file.read_bytes() == damaged


def test_the_claim_on_a_damaged_ledger_is_given_back(ledger_file: Path) -> None:
    text = ledger_file.read_bytes()
    ledger_file.write_bytes(text.replace(b"0.25", b"0.75"))
    with pytest.raises(LedgerError):
        open_ledger(ledger_file.parent)
    ledger_file.write_bytes(text)
    open_ledger(ledger_file.parent).close()


def test_records_that_contradict_each_other_are_an_error_that_names_the_line(
    ledger_file: Path,
) -> None:
    with ledger_file.open("ab") as file:
        file.write(seal({"type": "asked", **asked(7).model_dump(mode="json")}))
    with pytest.raises(LedgerError, match=r"small\.jsonl:8: .*\b7\b.*\b2\b"):
        open_ledger(ledger_file.parent)


def test_a_trial_cannot_finish_twice(ledger_file: Path) -> None:
    with ledger_file.open("ab") as file:
        file.write(seal({"type": "finished", **finished(1).model_dump(mode="json")}))
    with pytest.raises(LedgerError, match=r"trial 1 .*finished already"):
        open_ledger(ledger_file.parent)


@pytest.mark.parametrize("sealed", [True, False])
def test_a_ledger_of_a_newer_format_is_refused_politely(tmp_path: Path, sealed: bool) -> None:
    record = {"type": "study", "at": utc_now(), "format": FORMAT + 1, "shape": "quite another"}
    line = seal(record) if sealed else json.dumps(record).encode() + b"\n"
    (tmp_path / "small.jsonl").write_bytes(line)
    with pytest.raises(LedgerError, match=rf"newer release .* reads {FORMAT}\b"):
        open_ledger(tmp_path)
    assert (tmp_path / "small.jsonl").read_bytes() == line


@pytest.mark.parametrize("text", ["lr,metric\n0.1,0.9\n", "lr,metric\n", "lr,metric"])
def test_a_file_of_another_kind_is_refused_and_left_as_it_is(tmp_path: Path, text: str) -> None:
    (tmp_path / "small.jsonl").write_text(text)
    with pytest.raises(LedgerError, match=r"small\.jsonl(:1: .*damaged| .*no ledger)"):
        open_ledger(tmp_path)
    assert (tmp_path / "small.jsonl").read_text() == text


def test_a_first_record_that_was_cut_short_was_no_study_yet(tmp_path: Path) -> None:
    (tmp_path / "small.jsonl").write_text('{"type": "study", "at": "2026-')
    with open_ledger(tmp_path) as ledger:
        assert ledger.state is None
        ledger.append(study_record())
    assert state_of(tmp_path).trials == []


FILL_THE_DISK = """
import resource, signal, sys
from pathlib import Path
from prefect_tuner import LedgerError
from tests.flows.ledgers import open_ledger
from tests.flows.storage.test_ledger_file import asked, finished

ledger = open_ledger(Path(sys.argv[1]))
file = Path(sys.argv[1]) / "small.jsonl"
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
limit = file.stat().st_size + 150  # In the middle of a record.
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
before = file.read_bytes()
try:
    ledger.append(finished(2), asked(3))
except LedgerError as error:
    print(error)
assert file.read_bytes() == before
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
try:
    ledger.append(finished(2))
except LedgerError as error:
    print("still:", error)
"""


def test_a_full_disk_is_an_error_and_leaves_what_was_recorded(ledger_file: Path) -> None:
    process = subprocess.run(
        [sys.executable, "-c", FILL_THE_DISK, str(ledger_file.parent)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    first, second = process.stdout.splitlines()
    assert re.search(r"small\.jsonl .*written.*too large.*recorded before", first)
    assert second == f"still: {first}"
    assert len(state_of(ledger_file.parent).trials) == 3


def test_nobody_else_may_write_to_it(ledger_file: Path) -> None:
    with open_ledger(ledger_file.parent) as ledger:
        with ledger_file.open("ab") as file:
            file.write(seal({"type": "best", "at": utc_now(), "number": 0, "metric": 0.25}))
        with pytest.raises(LedgerError, match=LEDGER_WAS_CHANGED):
            ledger.append(BestRecord(at=utc_now(), number=1, metric=0.25))


def test_a_ledger_that_was_removed_is_missed(ledger_file: Path) -> None:
    with open_ledger(ledger_file.parent) as ledger:
        ledger_file.unlink()
        with pytest.raises(LedgerError, match="changed or removed"):
            ledger.append(asked(3))


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerError, match=r"file/small\.claim .*written.*Not a directory"):
        open_ledger(tmp_path / "file")


def test_a_claim_that_could_not_be_made_holds_nothing(tmp_path: Path) -> None:
    (tmp_path / "small.jsonl").mkdir()
    store = LedgerFile(tmp_path, "small")
    with pytest.raises(LedgerError, match=r"small\.jsonl .*written.*Is a directory"):
        store.claim(holder())
    with pytest.raises(InternalTunerError):
        store.append(b"")
    (tmp_path / "small.jsonl").rmdir()
    assert store.claim(holder()) is None  # Nobody died.
    store.release()


def test_the_time_that_a_killed_holder_has_spent_is_not_lost(ledger_file: Path) -> None:
    with OtherRun(partial(LedgerFile, ledger_file.parent), "the killed") as killed:
        killed.do("claim", key="small")
        killed.do("renew", 42.5, key="small")
    with open_ledger(ledger_file.parent) as ledger:
        assert ledger.taken_over is not None
        assert ledger.elapsed == 42.5


def test_a_holder_on_another_machine_is_waited_for_and_left_alone(
    ledger_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prefect_tuner.flows.storage.ledger_file.LEASE", 1.0)
    elsewhere = holder("calm-heron").to_json().replace(holder().host, "another-machine")
    claim = ledger_file.with_suffix(".claim")
    claim.write_text(elsewhere)  # Its lock is not seen here.
    with open_ledger(ledger_file.parent) as ledger:
        assert ledger.taken_over is not None
        assert ledger.taken_over.host == "another-machine"


def test_a_deleted_ledger_leaves_no_file(ledger_file: Path) -> None:
    with open_ledger(ledger_file.parent) as ledger:
        ledger.store.delete()
    assert list(ledger_file.parent.iterdir()) == []


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), json_values))
def test_a_line_gives_back_what_was_put_in(record: dict[str, object]) -> None:
    line = seal(record)
    assert line.count(b"\n") == 1
    assert unseal(line[:-1]) == record


@given(st.dictionaries(st.text(max_size=5), json_values), st.data())
def test_a_line_with_one_byte_changed_is_damaged(
    record: dict[str, object], data: st.DataObject
) -> None:
    line = bytearray(seal(record)[:-1])
    place = data.draw(st.integers(0, len(line) - 1))
    line[place] ^= data.draw(st.integers(1, 255))
    assert unseal(bytes(line)) is None
