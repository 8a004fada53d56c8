"""Runs that use one ledger in any order, and beside it the list that it should be."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from prefect_tuner.errors import InternalTunerError, StudyConflict
from prefect_tuner.flows.storage.holder import Holder
from prefect_tuner.flows.storage.ledger_line import seal
from tests.flows.storage.other_run import StoreMaker

NAMES = ("ann", "bob", "eve")
RUNS = st.integers(0, len(NAMES) - 1)


class LedgerModel(RuleBasedStateMachine):
    """Three runs at one ledger.

    Args:
        make: What opens it.
    """

    def __init__(self, make: StoreMaker) -> None:
        super().__init__()
        self.make = make
        self.key = uuid.uuid4().hex
        self.runs = [make(self.key) for _ in NAMES]
        self.holder: int | None = None
        self.lines: list[bytes] = []
        self.elapsed = 0.0

    @rule(run=RUNS)
    def claim(self, run: int) -> None:
        me = Holder.of_this_process(NAMES[run])
        if self.holder is not None:
            with pytest.raises(StudyConflict, match=rf"\bheld by .*'{NAMES[self.holder]}'"):
                self.runs[run].claim(me)
            return
        assert self.runs[run].claim(me) is None
        assert self.runs[run].mend() == ""
        self.holder = run
        self.elapsed = 0.0

    @rule(run=RUNS, texts=st.lists(st.text(), max_size=3), times=st.sampled_from([1, 2, 33]))
    def append(self, run: int, texts: list[str], times: int) -> None:
        for time in range(times):
            count = len(self.lines)
            each = [seal({"count": count, "time": time, "text": text}) for text in texts]
            if run == self.holder:
                self.runs[run].append(b"".join(each))
                self.lines += [line.removesuffix(b"\n") for line in each]
            else:
                with pytest.raises(InternalTunerError):
                    self.runs[run].append(b"".join(each))

    @rule(run=RUNS, elapsed=st.floats(0.0, 1e6))
    def renew(self, run: int, elapsed: float) -> None:
        self.runs[run].renew(elapsed)
        if run == self.holder:
            self.elapsed = elapsed

    @rule(run=RUNS)
    def release(self, run: int) -> None:
        self.runs[run].release()
        if run == self.holder:
            self.holder = None

    @rule(run=RUNS)
    def delete(self, run: int) -> None:
        if run == self.holder:
            self.runs[run].delete()
            self.holder, self.lines = None, []
        else:
            with pytest.raises(InternalTunerError):
                self.runs[run].delete()

    @precondition(lambda self: self.holder is not None)
    @rule(run=RUNS)
    def come_anew(self, run: int) -> None:
        if run != self.holder:
            self.runs[run] = self.make(self.key)

    @invariant()
    def a_reader_sees_the_lines(self) -> None:
        reader = self.make(self.key)
        assert [line.text for line in reader.read()] == self.lines
        assert reader.exists() == bool(self.lines)

    @invariant()
    def a_reader_sees_who_holds_the_study(self) -> None:
        seen = self.make(self.key).holder()
        assert (seen and seen.flow_run) == (None if self.holder is None else NAMES[self.holder])
        assert seen is None or seen.elapsed == self.elapsed

    def teardown(self) -> None:
        for run in self.runs:
            run.release()
