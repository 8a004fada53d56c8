"""A study's ledger in object storage: in memory, and in a real server that speaks S3."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
import time
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from prefect_tuner.errors import (
    InternalTunerError,
    InvalidConfiguration,
    LedgerError,
    StudyConflict,
)
from prefect_tuner.flows.claim import Holder
from prefect_tuner.flows.ledger_objects import LedgerObjects
from tests.polling import eventually

SERVER = Path(__file__).with_name("s3_server.py")


@dataclass
class S3Server:
    process: subprocess.Popen[str]
    port: int

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def requests(self) -> int:
        with urllib.request.urlopen(f"{self.address}/-/requests") as answer:
            return int(answer.read())

    def fail(self, times: int, *, done: bool) -> None:
        control = f"{self.address}/-/fail?times={times}&done={int(done)}"
        with urllib.request.urlopen(control, data=b""):
            pass

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


def start_server() -> S3Server:
    process = subprocess.Popen([sys.executable, str(SERVER)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return S3Server(process, int(process.stdout.readline()))


def use(server: S3Server, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("AWS_ENDPOINT_URL", server.address)
    patch.setenv("AWS_ACCESS_KEY_ID", "someone")
    patch.setenv("AWS_SECRET_ACCESS_KEY", "something")
    patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    fsspec.get_filesystem_class("s3").clear_instance_cache()  # They are for another server.
    fsspec.filesystem("s3").mkdir("bucket")


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    server = start_server()
    with pytest.MonkeyPatch.context() as patch:
        try:
            use(server, patch)
            yield server
        finally:
            server.stop()


@pytest.fixture(params=["memory", "s3", "file"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "file":
        return f"file://{tmp_path}/studies"
    if request.param == "s3":
        request.getfixturevalue("s3")
    return f"{request.param}://bucket/{uuid.uuid4().hex}"


@pytest.fixture
def s3_url(s3: S3Server) -> str:
    return f"s3://bucket/{uuid.uuid4().hex}"


def me(name: str = "") -> Holder:
    return Holder.of_this_process(name)


def elsewhere(name: str) -> Holder:
    return replace(me(name), host="another", boot="another")


def claimed(url: str, holder: Holder | None = None) -> LedgerObjects:
    ledger = LedgerObjects(url, "study")
    ledger.claim(holder or me())
    return ledger


def texts(url: str) -> list[bytes]:
    return [line.text for line in LedgerObjects(url, "study").read()]


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


def test_one_run_holds_a_study_until_it_gives_it_back(url: str) -> None:
    first = claimed(url, me("first"))
    reader = LedgerObjects(url, "study")
    holder = reader.holder()
    assert holder is not None
    assert holder.flow_run == "first"
    with pytest.raises(StudyConflict, match="held by flow run 'first'"):
        claimed(url, me("second"))
    first.renew(12.5)
    renewed = reader.holder()
    assert renewed is not None
    assert renewed.elapsed == 12.5
    first.release()
    first.release()
    assert reader.holder() is None
    assert LedgerObjects(url, "study").claim(me("second")) is None


def test_who_has_not_claimed_may_not_write(url: str) -> None:
    with pytest.raises(InternalTunerError):
        LedgerObjects(url, "study").append(b"line\n")


def test_one_of_several_contenders_wins(url: str) -> None:
    for _ in range(6 if url.startswith("s3") else 40):
        together = threading.Barrier(4)
        winners: list[LedgerObjects] = []

        def contend(together: threading.Barrier, winners: list[LedgerObjects]) -> None:
            ledger = LedgerObjects(url, "study")
            together.wait()
            with suppress(StudyConflict):
                ledger.claim(me())
                winners.append(ledger)

        threads = [threading.Thread(target=contend, args=(together, winners)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(winners) == 1
        winners[0].append(b"line\n")
        winners[0].release()


def test_a_killed_holder_is_taken_over_at_once(s3_url: str) -> None:
    script = (
        "import sys, time\n"
        "from prefect_tuner.flows.claim import Holder\n"
        "from prefect_tuner.flows.ledger_objects import LedgerObjects\n"
        "ledger = LedgerObjects(sys.argv[1], 'study')\n"
        "ledger.claim(Holder.of_this_process('the killed'))\n"
        "while True:\n"
        "    ledger.append(b'line\\n')\n"
        "    print('appended', flush=True)\n"
    )
    command = [sys.executable, "-c", script, s3_url]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "appended\n"
    holder = LedgerObjects(s3_url, "study").holder()
    assert holder is not None
    assert holder.pid == process.pid
    with pytest.raises(StudyConflict, match="the killed"):
        claimed(s3_url)
    process.send_signal(signal.SIGKILL)
    appended = 1 + len(process.communicate()[0].splitlines())
    assert LedgerObjects(s3_url, "study").holder() is None
    ledger = LedgerObjects(s3_url, "study")
    taken_over = ledger.claim(me())
    assert taken_over is not None
    assert taken_over.flow_run == "the killed"
    assert len(texts(s3_url)) - appended in {0, 1}  # One may have been in doubt.
    ledger.append(b"last\n")
    assert texts(s3_url)[-1] == b"last"


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
    with pytest.raises(StudyConflict, match="taken over by a run"):
        silent.append(b"too late\n")
    with pytest.raises(StudyConflict, match="taken over by a run"):
        silent.append(b"too late again\n")
    with pytest.raises(StudyConflict, match="taken over by a run"):
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
        with pytest.raises(StudyConflict, match="held by flow run 'alive'"):
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

            assert "could not be renewed for" in eventually(renewals_fail, timeout=20)
            with pytest.raises(LedgerError, match="could not be renewed for"):
                ledger.append(b"two\n")
            ledger.release()
    finally:
        server.stop()
        fsspec.get_filesystem_class("s3").clear_instance_cache()


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
