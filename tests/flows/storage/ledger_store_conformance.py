"""What every store of ledgers keeps to, as a test suite that each of them inherits.

A subclass gives a fixture `make`, and says how its store comes to harm.
"""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from typing import ClassVar

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from prefect_tuner.errors import InternalTunerError, LedgerError
from tests.flows.storage.ledger_claim_conformance import LedgerClaimConformance
from tests.flows.storage.ledger_lines import claimed, line, lines, texts, watch, written
from tests.flows.storage.ledger_model import LedgerModel
from tests.flows.storage.other_run import StoreMaker


class LedgerStoreConformance(LedgerClaimConformance):
    """The contract of `LedgerStore` within one process.

    Attributes:
        many: How many appends are many.
        examples: How many sequences of calls are compared with a list.
    """

    many: ClassVar[int] = 200
    examples: ClassVar[int] = 50

    def leave_torn_end(self, location: str) -> None:
        """Leave behind a ledger's last line what a write has left that was cut short."""
        raise NotImplementedError

    def failing_appends(self, location: str) -> AbstractContextManager[None]:
        """Have all appends fail meanwhile, in their middle where there is one."""
        raise NotImplementedError

    def test_a_ledger_that_nobody_wrote_to_is_empty(self, make: StoreMaker) -> None:
        def assert_empty() -> None:
            assert not make("study").exists()
            assert texts(make) == []

        assert_empty()
        assert make("study").holder() is None
        store = claimed(make)
        assert store.mend() == ""
        assert_empty()
        store.release()
        assert_empty()

    def test_lines_are_read_in_the_order_in_which_they_were_appended(
        self, make: StoreMaker
    ) -> None:
        store = claimed(make)
        store.append(line(0) + line(1))
        store.append(line(2))
        store.release()
        written(make, 3, 4)
        store = make("study")
        read = list(store.read())
        assert [each.text for each in read] == lines(0, 1, 2, 3, 4)
        assert all(each.where.startswith(store.location) for each in read)
        assert len({str(each) for each in read}) == 5

    def test_what_was_appended_is_there_for_anybody_at_once(self, make: StoreMaker) -> None:
        store, early_reader = claimed(make), make("study")
        for number in range(5):
            store.append(line(number))
            assert texts(make) == lines(*range(number + 1))
            assert [each.text for each in early_reader.read()] == texts(make)
            assert early_reader.exists()
        store.release()

    @pytest.mark.parametrize(
        "text",
        ["dritté 🦦", "one\u2028two\u0085three\x1cfour\rfive\nsix\0", "\ud800", "x" * 1_000_000],
        ids=["unicode", "line ends", "lone surrogate", "long"],
    )
    def test_any_text_is_read_as_it_was_written(self, make: StoreMaker, text: str) -> None:
        store = claimed(make)
        store.append(line(0, text) + line(1, text))
        store.append(line(2, text))
        store.release()
        assert texts(make) == [line(n, text).removesuffix(b"\n") for n in range(3)]

    def test_many_appends_are_read_as_if_they_were_one(self, make: StoreMaker) -> None:
        written(make, *range(self.many))
        assert texts(make) == lines(*range(self.many))
        written(make, self.many)
        assert texts(make) == lines(*range(self.many + 1))

    def test_an_append_of_nothing_adds_nothing(self, make: StoreMaker) -> None:
        store = claimed(make)
        store.append(b"")
        assert not make("study").exists()
        store.append(line(0))
        store.append(b"")
        store.release()
        assert texts(make) == lines(0)

    def test_ledgers_with_names_alike_do_not_touch(self, make: StoreMaker) -> None:
        written(make, 0, key="study-2")
        assert not make("study").exists()
        store = claimed(make)
        store.append(line(1))
        assert make("study-2").holder() is None
        store.delete()
        assert texts(make, "study-2") == lines(0)

    def test_what_a_write_has_left_that_was_cut_short_is_removed_and_told(
        self, make: StoreMaker
    ) -> None:
        written(make, 0, 1)
        self.leave_torn_end(make("study").location)
        assert texts(make) == lines(0, 1)
        store = claimed(make)
        told = store.mend()
        assert told.startswith(store.location)
        assert "removed" in told
        assert store.mend() == ""
        store.append(line(2))
        store.release()
        assert texts(make) == lines(0, 1, 2)

    def test_an_append_that_fails_is_there_whole_or_not_at_all(self, make: StoreMaker) -> None:
        store = claimed(make)
        store.append(line(0))
        with (
            self.failing_appends(store.location),
            pytest.raises(LedgerError, match=r"recorded before\b.*be read"),
        ):
            store.append(line(1) + line(2))
        there = texts(make)
        assert there in (lines(0), lines(0, 1, 2))
        store.release()
        written(make, 3)
        assert texts(make) == [*there, *lines(3)]

    def test_a_deleted_ledger_is_empty_and_free_and_can_be_begun_anew(
        self, make: StoreMaker
    ) -> None:
        written(make, *range(40))
        store = claimed(make)
        store.delete()
        assert not make("study").exists()
        assert texts(make) == []
        assert make("study").holder() is None
        with pytest.raises(InternalTunerError):
            store.append(line(0))
        written(make, 41)
        assert texts(make) == lines(41)

    def test_readers_see_a_ledger_that_only_grows(self, make: StoreMaker) -> None:
        writer = threading.Thread(target=written, args=(make, *range(self.many)))
        writer.start()
        watch(make, writer.is_alive)
        writer.join()
        assert texts(make) == lines(*range(self.many))

    def test_a_ledger_is_a_list_whoever_writes_to_it_when(self, make: StoreMaker) -> None:
        run_state_machine_as_test(
            lambda: LedgerModel(make),  # type: ignore[arg-type]
            settings=settings(deadline=None, max_examples=self.examples, stateful_step_count=15),
        )
