"""Crashes, takeovers and late requests at any moment: what was recorded is read, once, in order."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace

import pytest
from fsspec.implementations.memory import MemoryFileSystem
from hypothesis import example, given, settings
from hypothesis import strategies as st

from prefect_tuner.errors import LedgerError, StudyConflict
from prefect_tuner.flows.storage import ledger_objects, ledger_segments
from prefect_tuner.flows.storage.holder import Holder
from prefect_tuner.flows.storage.ledger_objects import LedgerObjects
from prefect_tuner.flows.storage.ledger_segments import FAN, Segment, cover, unfinished_blocks
from tests.flows.faulty_filesystem import Died, FaultyFileSystem, register

NO_SUCH_PROCESS = 1 << 23  # Above what Linux gives out.


@dataclass
class Append:
    lines: list[bytes]
    returned: bool = False
    is_out: bool = False


@dataclass
class World:
    """One study, and runs that follow one another; each believes that the one before is dead."""

    bucket: str = field(default_factory=lambda: uuid.uuid4().hex)
    appends: list[Append] = field(default_factory=list)
    fixed: list[bytes] = field(default_factory=list)
    ledger: LedgerObjects | None = None
    connection: FaultyFileSystem | None = None
    old: LedgerObjects | None = None
    runs: int = 0

    def read(self) -> list[bytes]:
        ledger = LedgerObjects(f"memory://{self.bucket}", "study")
        return [line.text for line in ledger.read()]

    def attempt(self, act: Callable[[], None]) -> None:
        mine = self.ledger
        try:
            act()
        except (Died, LedgerError, StudyConflict):
            if self.ledger is mine:
                self.ledger = None
        if self.connection is not None:
            self.connection.countdown = -1  # An accident that did not come is not kept for later.

    def take_over(self, countdown: int = -1, accident: str | Callable[[], None] = "before") -> None:
        self.old, self.ledger = self.ledger or self.old, None
        ledger = LedgerObjects(f"faulty://{self.bucket}", "study")
        connection = FaultyFileSystem.latest
        connection.countdown, connection.accident = countdown, accident
        self.runs += 1
        dead = replace(Holder.of_this_process(), pid=NO_SUCH_PROCESS + self.runs)

        def claim() -> None:
            ledger.claim(dead)
            self.ledger, self.connection = ledger, connection
            ledger.mend()
            self.fixed = self.read()
            for each in self.appends:
                each.is_out = each.lines[0] not in self.fixed

        self.attempt(claim)

    def append(
        self,
        times: int,
        lines: int,
        countdown: int = -1,
        accident: str | Callable[[], None] = "before",
    ) -> None:
        ledger = self.ledger
        if ledger is None or self.connection is None:
            return
        self.connection.countdown, self.connection.accident = countdown, accident

        def act() -> None:
            for _ in range(times):
                self.append_to(ledger, lines)

        self.attempt(act)

    def append_to(self, ledger: LedgerObjects, lines: int) -> None:
        each = Append([f"{len(self.appends)}.{n}".encode() for n in range(lines)])
        self.appends.append(each)
        ledger.append(b"".join(line + b"\n" for line in each.lines))
        each.returned = True

    def old_run_goes_on(self, times: int) -> None:
        """The run before, which is not dead at all, appends."""
        if self.old is not None:
            with suppress(Died, LedgerError, StudyConflict):
                for _ in range(times):
                    self.append_to(self.old, 1)

    def check(self) -> None:
        found = self.read()
        at = 0
        for each in self.appends:
            if found[at : at + len(each.lines)] == each.lines:
                assert not each.is_out, "a run has read the ledger without this before"
                at += len(each.lines)
            else:
                assert not each.returned, f"{each} is not among {found}"
        assert at == len(found), f"{found} has what was not written"
        assert found[: len(self.fixed)] == self.fixed, "what a run has read has changed"


ACCIDENTS = st.sampled_from(["before", "after", "late", "taken over", "old run", "arrives"])
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["append", "claim", "arrive", "old run"]),
        st.integers(0, 30),
        ACCIDENTS,
        st.integers(1, 5),
        st.integers(1, 3),
    ),
    min_size=1,
    max_size=14,
)


@settings(max_examples=250)
@given(STEPS, st.integers(2, 3))
@example([("append", 0, "late", 1, 1), ("claim", 30, "before", 1, 1), ("arrive",) * 5], 2)
def test_what_was_recorded_is_read_once_and_in_order_whatever_happens_when(
    steps: list[tuple[str, int, str, int, int]], fan: int
) -> None:
    register()
    FaultyFileSystem.in_flight.clear()
    world = World()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger_segments, "FAN", fan)
        patch.setattr(ledger_objects, "FAN", fan)
        patch.setattr(ledger_objects, "_PAUSE", 0.0)
        world.take_over()
        for step, countdown, name, times, lines in steps:

            def taken_over(times: int = times) -> None:
                world.take_over()
                world.append(times, 1)

            accidents: dict[str, Callable[[], None]] = {
                "old run": lambda times=times: world.old_run_goes_on(times),  # type: ignore[misc]
                "taken over": taken_over,
                "arrives": FaultyFileSystem.arrive,
            }
            accident = accidents.get(name, name)
            if step == "arrive":
                FaultyFileSystem.arrive()
            elif step == "old run":
                world.old_run_goes_on(times)
            elif step == "claim" or world.ledger is None:
                world.take_over(countdown, accident)
            else:
                world.append(times, lines, countdown, accident)
            world.check()
        FaultyFileSystem.arrive()
        world.check()
        world.take_over()
        world.append(3, 1)
        world.check()
        assert all(each.returned for each in world.appends[-3:])
    MemoryFileSystem.store.clear()


def test_objects_stay_few_and_the_bytes_written_again_grow_slowly() -> None:
    register()
    world = World()
    world.take_over()
    assert world.connection is not None
    world.append(2 * FAN * FAN + 5, 1, countdown=-2)
    sent = -2 - world.connection.countdown
    world.check()
    assert len(world.fixed) == 0
    objects = world.connection.find(f"/{world.bucket}")
    assert len(objects) == 2 + 5 + 1  # Two large ones, five small ones, the claim.
    # Written, looked for a newer claim, deleted one by one; merged objects are a few per cent.
    assert sent / len(world.appends) < 3.2


def test_what_a_killed_run_left_of_a_merge_is_removed_by_the_next() -> None:
    register()
    world = World()
    world.take_over()
    world.append(FAN - 1, 1)
    # Written, checked, merged; dead before the parts are deleted.
    world.append(1, 1, countdown=3, accident="before")
    assert world.ledger is None
    world.check()
    ledger = LedgerObjects(f"memory://{world.bucket}", "study")
    ledger.claim(Holder.of_this_process())
    assert f"had {FAN} objects" in ledger.mend()
    assert ledger.mend() == ""
    ledger.release()
    world.check()


def test_nothing_is_written_after_an_append_that_failed() -> None:
    register()
    ledger = LedgerObjects(f"faulty://{uuid.uuid4().hex}", "study")
    connection = FaultyFileSystem.latest
    ledger.claim(Holder.of_this_process())
    ledger.append(b"first\n")

    def refuse() -> None:
        raise PermissionError("the key was withdrawn")

    connection.countdown, connection.accident = 0, refuse
    for text in (b"second\n", b"third\n"):
        with pytest.raises(LedgerError, match=r"\bwritten.* key was withdrawn"):
            ledger.append(text)
    assert [line.text for line in ledger.read()] == [b"first"]
    # A new claim knows what is there, and goes on.
    ledger.release()
    ledger.claim(Holder.of_this_process())
    ledger.append(b"fourth\n")
    assert [line.text for line in ledger.read()] == [b"first", b"fourth"]


def test_an_object_that_is_gone_is_an_error_and_not_a_shorter_ledger() -> None:
    world = World()
    ledger = LedgerObjects(f"memory://{world.bucket}", "study")
    ledger.claim(Holder.of_this_process())
    for number in range(3):
        ledger.append(b"%d\n" % number)
    ledger.release()
    (second,) = [line.where for line in ledger.read() if line.text == b"1"]
    MemoryFileSystem().rm(second)
    with pytest.raises(LedgerError, match=r"\b1 of 3\b.* missing"):
        list(ledger.read())


@settings(max_examples=30)
@given(st.integers(0, 40_000))
def test_blocks_become_one_object_each(appends: int) -> None:
    singles = [Segment(number, 1, 1, 100) for number in range(appends)]
    blocks = unfinished_blocks(cover(singles, 1, 0))
    merged = [
        Segment(block[-1].last, sum(part.count for part in block), 1, 100) for block in blocks
    ]
    parts = {part for block in blocks for part in block}
    chosen = cover([*merged, *(each for each in singles if each not in parts)], 1, 0)
    assert sum(segment.count for segment in chosen) == appends
    assert [segment.first for segment in chosen[1:]] == [each.last + 1 for each in chosen[:-1]]
    assert unfinished_blocks(chosen) == []
    assert len(chosen) <= 3 * (FAN - 1)
