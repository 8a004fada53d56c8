"""What every store of ledgers keeps to about who may write, as a test suite to inherit."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import ClassVar

import pytest

from prefect_tuner.errors import InternalTunerError, LedgerError, StudyConflict
from prefect_tuner.flows.storage.holder import Holder
from prefect_tuner.flows.storage.ledger_store import LedgerStore
from tests.flows.storage.ledger_lines import (
    claimed,
    line,
    lines,
    run_together,
    texts,
    winners_among,
    written,
)
from tests.flows.storage.other_run import StoreMaker


class LedgerClaimConformance:
    """The contract of `LedgerStore`, as far as claims go, within one process.

    Attributes:
        rounds: How often a thing is tried that depends on who comes first.
    """

    rounds: ClassVar[int] = 40

    def take_over(self, make: StoreMaker) -> tuple[LedgerStore, LedgerStore]:
        """A run that has lost its claim though it lives, and the one that has it now."""
        raise NotImplementedError

    def test_one_run_holds_a_study_until_it_gives_it_back(self, make: StoreMaker) -> None:
        first = claimed(make, "first")
        holder = make("study").holder()
        assert holder is not None
        assert holder.flow_run == "first"
        for contender in (make("study"), first):
            with pytest.raises(StudyConflict, match=r"\bheld by .*'first' \(process \d"):
                contender.claim(Holder.of_this_process("second"))
        first.append(line(0))
        first.release()
        first.release()
        assert make("study").holder() is None
        second = make("study")
        assert second.claim(Holder.of_this_process("second")) is None
        second.release()

    def test_a_renewal_tells_how_long_the_study_has_run(self, make: StoreMaker) -> None:
        store = claimed(make)
        store.renew(12.5)
        holder = make("study").holder()
        assert holder is not None
        assert holder.elapsed == 12.5
        assert holder.renewed >= holder.claimed
        store.release()

    def test_one_of_several_contenders_wins(self, make: StoreMaker) -> None:
        for number in range(self.rounds):
            winners = winners_among([make("study") for _ in range(4)])
            assert len(winners) == 1
            winners[0].append(line(number))
            winners[0].release()
        assert texts(make) == lines(*range(self.rounds))

    def test_who_has_not_claimed_may_not_write(self, make: StoreMaker) -> None:
        written(make, 0)
        released = claimed(make)
        released.release()
        for store in (make("study"), released):
            writes: list[Callable[[], object]] = [
                lambda store=store: store.append(line(1)),  # type: ignore[misc]
                store.mend,
                store.delete,
            ]
            for write in writes:
                with pytest.raises(InternalTunerError):
                    write()
            store.renew(1.0)
            store.release()
        assert texts(make) == lines(0)
        assert make("study").holder() is None

    def test_nothing_is_written_once_the_claim_is_lost(self, make: StoreMaker) -> None:
        written(make, 0)
        loser, winner = self.take_over(make)
        winner.append(line(1))
        with suppress(StudyConflict):
            loser.renew(1.0)
        with pytest.raises((LedgerError, StudyConflict)):
            loser.append(line(2))
        with pytest.raises((LedgerError, StudyConflict)):
            loser.delete()
        loser.release()
        assert texts(make) == lines(0, 1)
        winner.append(line(3))
        assert texts(make) == lines(0, 1, 3)
        winner.release()

    def test_who_claims_a_study_while_it_is_deleted_is_the_only_one(self, make: StoreMaker) -> None:
        for _ in range(self.rounds):
            written(make, 0)
            deleter = claimed(make)
            deletion = threading.Thread(target=deleter.delete)
            winners = winners_among([make("study") for _ in range(3)], deletion)
            winners += winners_among([make("study")])
            assert len(winners) == 1
            winners[0].append(line(1))
            assert texts(make) == lines(1)
            winners[0].delete()

    def test_renewals_by_another_thread_disturb_nothing(self, make: StoreMaker) -> None:
        store = make("study")
        ended = threading.Event()

        def renew() -> None:
            while not ended.is_set():
                store.renew(1.0)

        def write() -> None:
            try:
                for number in range(self.rounds):
                    store.claim(Holder.of_this_process())
                    store.append(line(number))
                    store.release()
            finally:
                ended.set()

        interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)
        try:
            run_together(threading.Thread(target=renew), threading.Thread(target=write))
        finally:
            sys.setswitchinterval(interval)
        assert texts(make) == lines(*range(self.rounds))
        assert make("study").holder() is None
