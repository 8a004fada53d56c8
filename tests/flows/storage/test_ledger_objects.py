"""A study's ledger in object storage: in memory, and in a real server that speaks S3."""

from __future__ import annotations

import asyncio
import threading
import uuid
from pathlib import Path

import fsspec
import pytest

from prefect_tuner.errors import InternalTunerError, InvalidConfiguration, LedgerError
from prefect_tuner.flows.storage.ledger_objects import LedgerObjects
from tests.flows.s3_storage import S3Server, claimed, me, texts


def test_lines_are_read_in_the_order_in_which_they_were_appended(url: str) -> None:
    assert not LedgerObjects(url, "study").exists()
    assert texts(url) == []
    ledger = claimed(url)
    ledger.append(b"first\nsecond\n")
    ledger.append("dritt\u00e9\n".encode())
    assert LedgerObjects(url, "study").exists()
    ledger.release()
    again = claimed(url)
    again.append(b"fourth\n")
    lines = list(again.read())
    again.release()
    assert [line.text.decode() for line in lines] == ["first", "second", "dritt\u00e9", "fourth"]
    assert [line.number for line in lines] == [1, 2, 1, 1]
    assert all(line.where.startswith(f"{url}/study/") for line in lines)


def test_many_appends_are_merged_and_read_the_same(url: str) -> None:
    ledger = claimed(url)
    written = [b"%d" % number for number in range(100)]
    for text in written:
        ledger.append(text + b"\n")
    assert texts(url) == written
    assert len({line.where for line in ledger.read()}) == 3 + 4
    ledger.release()


def test_a_study_that_is_deleted_leaves_nothing(url: str) -> None:
    ledger = claimed(url)
    for number in range(40):
        ledger.append(b"%d\n" % number)
    ledger.delete()
    assert texts(url) == []
    assert LedgerObjects(url, "study").holder() is None
    assert fsspec.core.url_to_fs(url)[0].find(url) == []
    claimed(url).append(b"new\n")
    assert texts(url) == [b"new"]


def test_who_reads_while_objects_are_merged_sees_a_ledger_that_only_grows() -> None:
    url = f"memory://{uuid.uuid4().hex}"
    ledger = claimed(url)

    def write() -> None:
        for number in range(1500):
            ledger.append(b"%d\n" % number)

    writer = threading.Thread(target=write)
    writer.start()
    seen = 0
    while writer.is_alive():
        found = texts(url)
        assert found == [b"%d" % number for number in range(len(found))]
        assert len(found) >= seen
        seen = len(found)
    writer.join()
    assert len(texts(url)) == 1500


def test_a_storage_within_a_study_is_left_alone_when_that_is_deleted() -> None:
    url = f"memory://{uuid.uuid4().hex}"
    inner = claimed(f"{url}/study")
    inner.append(b"inner\n")
    outer = claimed(url)
    outer.append(b"outer\n")
    outer.delete()
    assert texts(f"{url}/study") == [b"inner"]


def test_who_has_not_claimed_may_not_write(url: str) -> None:
    with pytest.raises(InternalTunerError):
        LedgerObjects(url, "study").append(b"line\n")


def test_an_overloaded_server_is_asked_again(s3: S3Server, s3_url: str) -> None:
    ledger = claimed(s3_url)
    s3.fail(2, done=False)
    ledger.append(b"one\n")
    s3.fail(2, done=False)
    assert texts(s3_url) == [b"one"]
    ledger.release()


def test_an_append_whose_answer_was_lost_is_there_once(s3: S3Server, s3_url: str) -> None:
    ledger = claimed(s3_url)
    s3.fail(2, done=True)
    ledger.append(b"one\n")
    ledger.append(b"two\n")
    assert texts(s3_url) == [b"one", b"two"]
    ledger.release()
    s3.fail(4, done=True)
    again = claimed(s3_url)
    again.append(b"three\n")
    assert texts(s3_url) == [b"one", b"two", b"three"]


def test_a_bucket_that_is_missing_is_an_error(s3: S3Server) -> None:
    ledger = LedgerObjects("s3://there-is-no-such-bucket/studies", "study")
    for ask in (ledger.exists, lambda: list(ledger.read()), lambda: ledger.claim(me())):
        with pytest.raises(LedgerError, match=r"s3://there-is-no.* cannot be .*does not exist"):
            ask()


def test_it_works_where_an_event_loop_is_running(s3_url: str) -> None:
    async def study() -> list[bytes]:
        ledger = claimed(s3_url)
        thread = threading.Thread(target=ledger.renew, args=(1.0,))
        thread.start()
        ledger.append(b"line\n")
        thread.join()
        ledger.release()
        return texts(s3_url)

    assert asyncio.run(study()) == [b"line"]


def test_an_append_takes_two_requests_and_a_large_ledger_few(s3: S3Server, s3_url: str) -> None:
    ledger = claimed(s3_url)
    before = s3.requests
    for number in range(64):
        ledger.append(b"%d\n" % number)
    assert (s3.requests - before) / 64 <= 2.1  # A merge has two, for 32 appends.
    before = s3.requests
    assert len(texts(s3_url)) == 64
    assert s3.requests - before <= 2 + 2
    ledger.release()


def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    claimed(f"file://{tmp_path}/studies").append(b"line\n")
    for path in (tmp_path / "studies" / "study").iterdir():
        assert path.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "studies" / "study").stat().st_mode & 0o777 == 0o700


def test_passwords_are_not_shown() -> None:
    ledger = LedgerObjects("memory://someone:secret@bucket/x", "study")
    assert ledger.location == "memory://bucket/x/study"


def test_an_unknown_protocol_is_a_mistake_of_the_input() -> None:
    with pytest.raises(InvalidConfiguration, match="storage: Protocol not known: s4"):
        LedgerObjects("s4://bucket", "study")
