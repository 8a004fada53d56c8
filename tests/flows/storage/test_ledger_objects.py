"""A study's ledger in object storage: in memory, in files, in a real server that speaks S3."""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import fsspec
import pytest

from prefect_tuner.errors import InvalidConfiguration, LedgerError
from prefect_tuner.flows.storage.ledger_objects import LedgerObjects
from prefect_tuner.flows.storage.ledger_segments import Segment
from prefect_tuner.flows.storage.ledger_store import LedgerStore
from prefect_tuner.flows.storage.object_folder import ObjectFolder
from tests.flows.s3_storage import S3Server, claimed, elsewhere, me, texts
from tests.flows.storage.ledger_process_conformance import LedgerProcessConformance
from tests.flows.storage.ledger_store_conformance import LedgerStoreConformance
from tests.flows.storage.other_run import StoreMaker


class ObjectsConformance(LedgerStoreConformance):
    """The contract for ledgers in objects, wherever these are."""

    @pytest.fixture
    def make(self, url: str) -> StoreMaker:
        return partial(LedgerObjects, url)

    def leave_torn_end(self, location: str) -> None:
        """An append that came too late: its run had lost the claim before."""
        filesystem, path = fsspec.core.url_to_fs(location)
        late = Segment(last=2, count=1, generation=0, size=5)
        filesystem.pipe_file(f"{path}/{late.name}", b"late\n")

    @contextmanager
    def failing_appends(self, location: str) -> Iterator[None]:
        def refuse(folder: ObjectFolder, name: str, content: bytes) -> None:
            del folder, name, content
            raise PermissionError(f"{location} is locked")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ObjectFolder, "_make", refuse)
            yield

    def take_over(self, make: StoreMaker) -> tuple[LedgerStore, LedgerStore]:
        loser = make("study")
        loser.claim(elsewhere("loser"))
        time.sleep(0.3)  # Many of the leases that the other one goes by.
        url, _, key = loser.location.rpartition("/")
        winner = LedgerObjects(url, key, lease=0.05, renewal=0.01)
        winner.claim(me("winner"))
        return loser, winner


class TestLedgerObjectsInMemory(ObjectsConformance):
    many = 1500

    @pytest.fixture
    def url(self) -> str:
        return f"memory://{uuid.uuid4().hex}"


class TestLedgerObjectsInFiles(ObjectsConformance, LedgerProcessConformance):
    examples = 10

    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return f"file://{tmp_path}/studies"


class TestLedgerObjectsInS3(ObjectsConformance, LedgerProcessConformance):
    many = 70
    rounds = 4
    examples = 4
    many_by_others = 70
    contests = 5

    @pytest.fixture
    def url(self, s3_url: str) -> str:
        return s3_url


def test_each_line_tells_which_object_it_is_in(url: str) -> None:
    ledger = claimed(url)
    ledger.append(b"first\nsecond\n")
    ledger.append(b"third\n")
    ledger.release()
    lines = list(ledger.read())
    assert [line.number for line in lines] == [1, 2, 1]
    assert all(line.where.startswith(f"{url}/study/appends-") for line in lines)


def test_many_appends_become_few_objects(url: str) -> None:
    ledger = claimed(url)
    for number in range(100):
        ledger.append(b"%d\n" % number)
    assert len({line.where for line in ledger.read()}) == 3 + 4
    ledger.release()


def test_a_study_that_is_deleted_leaves_no_object(url: str) -> None:
    ledger = claimed(url)
    for number in range(40):
        ledger.append(b"%d\n" % number)
    ledger.delete()
    assert fsspec.core.url_to_fs(url)[0].find(url) == []


def test_a_storage_within_a_study_is_left_alone_when_that_is_deleted() -> None:
    url = f"memory://{uuid.uuid4().hex}"
    inner = claimed(f"{url}/study")
    inner.append(b"inner\n")
    outer = claimed(url)
    outer.append(b"outer\n")
    outer.delete()
    assert texts(f"{url}/study") == [b"inner"]


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
        with pytest.raises(LedgerError, match=r"s3://there-is-no.* cannot .*not exist"):
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
    with pytest.raises(InvalidConfiguration, match=r"storage: .*not known.* s4"):
        LedgerObjects("s4://bucket", "study")
