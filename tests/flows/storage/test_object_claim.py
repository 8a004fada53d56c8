"""Who may write to a ledger in object storage: one run, whatever becomes of the others."""

from __future__ import annotations

import re
import threading
import time
import uuid
from contextlib import suppress

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from prefect_tuner.errors import LedgerError, StudyConflict
from prefect_tuner.flows.storage.ledger_objects import LedgerObjects
from prefect_tuner.flows.storage.object_folder import ObjectFolder
from tests.flows.faulty_filesystem import FaultyFileSystem, register
from tests.flows.s3_storage import S3Server, claimed, elsewhere, me, start_server, texts, use
from tests.polling import eventually

NOT_RENEWED = re.compile(r"\bcould not be renewed for \d")


def test_a_holder_elsewhere_is_watched_until_its_lease_ends(url: str) -> None:
    silent = claimed(url, elsewhere("silent"))
    silent.append(b"before\n")
    ledger = LedgerObjects(url, "study", lease=0.5, renewal=0.1)
    began = time.monotonic()
    taken_over = ledger.claim(me())
    assert time.monotonic() - began >= 0.5
    assert taken_over is not None
    assert taken_over.flow_run == "silent"
    ledger.append(b"after\n")
    # The one that was silent wakes up.
    with pytest.raises(StudyConflict, match=r"\btaken over by\b"):
        silent.append(b"too late\n")
    with pytest.raises(StudyConflict, match=r"\btaken over by\b"):
        silent.append(b"too late again\n")
    with pytest.raises(StudyConflict, match=r"\btaken over by\b"):
        silent.renew(1.0)
    silent.release()
    assert ledger.holder() is not None
    assert texts(url) == [b"before", b"after"]
    assert "1 object" in ledger.mend()
    assert texts(url) == [b"before", b"after"]


def test_a_holder_elsewhere_that_renews_its_claim_keeps_it(url: str) -> None:
    alive = claimed(url, elsewhere("alive"))
    ended = threading.Event()

    def renew() -> None:
        while not ended.wait(0.1):
            alive.renew(1.0)

    thread = threading.Thread(target=renew)
    thread.start()
    try:
        with pytest.raises(StudyConflict, match=r"\bheld by .*'alive'"):
            LedgerObjects(url, "study", lease=20.0, renewal=0.5).claim(me())
    finally:
        ended.set()
        thread.join()
    alive.append(b"line\n")


def test_a_claim_that_is_many_leases_old_is_dead_at_once(url: str) -> None:
    ledger = LedgerObjects(url, "study")
    ledger.claim(elsewhere("old"))
    time.sleep(0.3)  # What the lease below is measured by.
    began = time.monotonic()
    taken_over = LedgerObjects(url, "study", lease=0.05, renewal=0.01).claim(me())
    assert taken_over is not None
    assert time.monotonic() - began < 5


def test_when_the_server_stays_away_the_claim_is_given_up_in_time(s3: S3Server) -> None:
    server = start_server()
    try:
        with pytest.MonkeyPatch.context() as patch:
            use(server, patch)
            ledger = LedgerObjects("s3://bucket", "study", lease=2.0, renewal=0.4)
            ledger.claim(me())
            ledger.append(b"one\n")
            server.stop()
            ledger.renew(1.0)  # There is time left.

            def renewals_fail() -> str:
                try:
                    ledger.renew(1.0)
                except LedgerError as error:
                    return str(error)
                raise AssertionError("the claim may still be renewed")

            assert NOT_RENEWED.search(eventually(renewals_fail, timeout=20))
            with pytest.raises(LedgerError, match=NOT_RENEWED):
                ledger.append(b"two\n")
            ledger.release()
    finally:
        server.stop()
        fsspec.get_filesystem_class("s3").clear_instance_cache()


@pytest.mark.parametrize("requests", range(10))
def test_who_claims_a_study_that_is_deleted_and_begun_anew_in_between_is_no_second_holder(
    requests: int,
) -> None:
    register()
    bucket = uuid.uuid4().hex
    first = claimed(f"memory://{bucket}")
    first.append(b"old\n")
    first.release()
    slow = LedgerObjects(f"faulty://{bucket}", "study")
    holders: list[LedgerObjects] = []

    def begin_anew() -> None:
        with suppress(StudyConflict):
            claimed(f"memory://{bucket}").delete()
            holders.append(claimed(f"memory://{bucket}"))

    connection = FaultyFileSystem.latest
    connection.countdown, connection.accident = requests, begin_anew
    with suppress(StudyConflict):
        slow.claim(me())
        holders.append(slow)
    (holder,) = holders
    holder.append(b"new\n")
    with pytest.raises(StudyConflict):
        claimed(f"memory://{bucket}")
    assert texts(f"memory://{bucket}")[-1] == b"new"
    holder.release()
    claimed(f"memory://{bucket}").release()


def test_what_was_there_and_is_gone_was_somebody_elses() -> None:
    register()
    bucket = uuid.uuid4().hex
    mine = ObjectFolder(f"faulty://{bucket}", "study", "")
    connection = FaultyFileSystem.latest
    other = ObjectFolder(f"memory://{bucket}", "study", "")
    assert other.make("claim", b"other")
    # Refused, and then it looks for what is there.
    connection.countdown, connection.accident = 1, lambda: other.delete(["claim"])
    assert not mine.make("claim", b"mine")
    assert mine.make("claim", b"mine")


class CarelessFileSystem(fsspec.AbstractFileSystem):  # type: ignore[misc]
    """Objects in memory, behind a server that does not keep the condition of `create`."""

    protocol = "s3-careless"

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite") -> None:
        del mode
        MemoryFileSystem().pipe_file(f"/{path}", value)

    def cat_file(self, path: str, **options: object) -> bytes:
        del options
        return bytes(MemoryFileSystem().cat_file(f"/{path}"))

    def find(self, path: str, detail: bool = False) -> dict[str, object]:
        found = MemoryFileSystem().find(f"/{path}", detail=True)
        return {name.lstrip("/"): each for name, each in found.items()} if detail else {}

    def rm_file(self, path: str) -> None:
        MemoryFileSystem().rm_file(f"/{path}")

    def rm(self, path: list[str]) -> None:
        for each in path:
            self.rm_file(each)


def test_a_store_that_overwrites_has_one_winner_too() -> None:
    fsspec.register_implementation("s3-careless", CarelessFileSystem, clobber=True)
    for _ in range(5):
        url = f"s3-careless://bucket/{uuid.uuid4().hex}"
        together = threading.Barrier(4)
        winners: list[LedgerObjects] = []

        def contend(url: str, together: threading.Barrier, winners: list[LedgerObjects]) -> None:
            ledger = LedgerObjects(url, "study", lease=4.0)
            together.wait()
            with suppress(StudyConflict):
                ledger.claim(me())
                winners.append(ledger)

        arguments = (url, together, winners)
        threads = [threading.Thread(target=contend, args=arguments) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(winners) == 1
