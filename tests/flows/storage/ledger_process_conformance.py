"""What every store of ledgers keeps to between processes, as a test suite to inherit."""

from __future__ import annotations

from contextlib import suppress
from typing import ClassVar

import pytest

from prefect_tuner.errors import StudyConflict
from prefect_tuner.flows.storage.holder import Holder
from tests.flows.storage.ledger_lines import claimed, line, lines, texts, watch
from tests.flows.storage.other_run import OtherRun, StoreMaker


class LedgerProcessConformance:
    """The contract of `LedgerStore` between processes: what `make` gives can be pickled.

    Attributes:
        many_by_others: How many appends of another process are many.
        contests: How often two processes contend for a study.
    """

    many_by_others: ClassVar[int] = 200
    contests: ClassVar[int] = 30

    def test_one_of_two_processes_that_claim_at_once_wins(self, make: StoreMaker) -> None:
        with OtherRun(make, "ann") as ann, OtherRun(make, "bob") as bob:
            for number in range(self.contests):
                key = f"study-{number}"
                ann.begin("claim", key=key)
                bob.begin("claim", key=key)
                winners = []
                for run in (ann, bob):
                    with suppress(StudyConflict):
                        assert run.answer() is None
                        winners.append(run)
                assert len(winners) == 1
                winners[0].do("append", line(number), key=key)
                assert texts(make, key) == lines(number)

    def test_readers_see_what_another_process_appends(self, make: StoreMaker) -> None:
        with OtherRun(make, "writer") as writer:
            writer.do("claim")
            for number in range(self.many_by_others):
                writer.begin("append", line(number))
            watch(make, lambda: len(texts(make)) < self.many_by_others)
            for _ in range(self.many_by_others):
                writer.answer()
            holder = make("study").holder()
            assert holder is not None
            assert holder.pid == writer.pid
        assert texts(make) == lines(*range(self.many_by_others))

    def test_a_killed_holder_is_taken_over_at_once_and_named(self, make: StoreMaker) -> None:
        with OtherRun(make, "the killed") as killed:
            killed.do("claim")
            killed.do("append", line(0))
            killed.do("renew", 42.5)
            with pytest.raises(StudyConflict, match=f"'the killed' \\(process {killed.pid} on "):
                claimed(make)
            for number in range(1, self.many_by_others):
                killed.begin("append", line(number))
            killed.answer()
            killed.kill()
            appended = 2 + killed.answers_left()
            pid = killed.pid
        assert make("study").holder() is None
        store = make("study")
        taken_over = store.claim(Holder.of_this_process())
        assert taken_over is not None
        assert (taken_over.flow_run, taken_over.pid) == ("the killed", pid)
        assert taken_over.elapsed == 42.5  # What it had spent without writing it down.
        store.mend()
        there = texts(make)
        assert there == lines(*range(len(there)))
        assert len(there) - appended in {0, 1}  # One may have been in doubt.
        store.append(line(1000))
        store.release()
        assert texts(make) == [*there, *lines(1000)]
