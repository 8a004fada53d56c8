"""Who holds a study whose ledger is in an object store: one object for each claim, numbered.

Whoever claims a study makes the object of the next generation, which a store does for one of
several contenders. From then on the holder before it is fenced off: it looks for a newer claim
after each append, before it takes the append for done. What it wrote too late is not read, as the
new claim says from which append on only its own count.
"""

from __future__ import annotations

import threading
import time
import uuid
from contextlib import suppress
from dataclasses import replace

from prefect_tuner.errors import InternalTunerError, LedgerError, StudyConflict
from prefect_tuner.flows.storage.holder import Holder
from prefect_tuner.flows.storage.ledger_segments import end_of
from prefect_tuner.flows.storage.object_claim_record import (
    Claim,
    claim_generations,
    claim_name,
    newest_start,
    read_claim,
    segments_among,
)
from prefect_tuner.flows.storage.object_folder import PATIENCE, ObjectFolder

_TOLERANCE = 5
"""Leases after which a claim is dead by its time alone, however wrong the clocks may be."""

_KEPT = 64
"""Claims that are kept: a holder that slept while others came and went looks for the next one."""

_DELETED = "held by another run, or being deleted by one"

_mine: set[str] = set()
"""The tokens of the claims that this process holds."""


class ObjectClaim:
    """This process's claim of a study.

    Args:
        folder: The study's objects.
        lease: Seconds after which a claim that is not renewed is dead.
        renewal: Seconds between two renewals.
    """

    def __init__(self, folder: ObjectFolder, lease: float, renewal: float) -> None:
        self._folder = folder
        self._lease = lease
        self._renewal = renewal
        self._claim: Claim | None = None
        self._lost = ""
        self._renewed = 0.0
        self._turn = threading.Lock()  # Renewals come from a thread of their own.

    @property
    def start(self) -> tuple[int, int]:
        """The claim's generation and the number of its first append."""
        claim = self._held()
        if claim.start is None:
            raise InternalTunerError(f"the claim {claim.name} has no start")
        return claim.generation, claim.start

    def take(self, holder: Holder) -> Holder | None:
        """Make the next claim, when the newest one is dead or was given back.

        Returns:
            The dead holder; None when there was none.
        """
        newest = next(iter(claim_generations(self._folder.list())), 0)
        before = read_claim(self._folder, newest) if newest else None
        if newest and before is None:
            raise StudyConflict(_DELETED)
        previous = None if before is None else self._outlive(before, holder)
        alive = holder.renew(holder.elapsed)
        mine = Claim(newest + 1, uuid.uuid4().hex, alive)
        renewed = _now()
        _mine.add(mine.token)
        try:
            self._make(mine)
            started = self._begin(mine, before)
        except BaseException:
            _mine.discard(mine.token)
            self._withdraw(mine)
            raise
        with self._turn:
            self._claim, self._lost, self._renewed = started, "", renewed
        return previous

    def check(self, patience: float = PATIENCE) -> None:
        """Make sure that nobody has taken over up to now.

        Args:
            patience: Seconds for which a request is repeated.

        Raises:
            StudyConflict: Somebody has.
            LedgerError: It cannot be found out.
        """
        mine = self._held()
        newer = read_claim(self._folder, mine.generation + 1, patience)
        if newer is not None:
            self._lose(f"the study was taken over by {newer.holder or 'another run'}")

    def renew(self, elapsed: float | None = None) -> None:
        """Show that the holder is alive; `elapsed` is known from before when it is not given."""
        with self._turn:
            mine = self._claim
            if mine is None or mine.holder is None:
                return
            if self._lost:
                raise StudyConflict(self._lost)
            began = _now()
            known = mine.holder.elapsed if elapsed is None else elapsed
            renewed = replace(mine, holder=mine.holder.renew(known))
            try:
                self._check_own(mine)
                self._folder.write(mine.name, renewed.to_bytes(), self._renewal)
            except LedgerError as error:
                if self._is_fresh():
                    return  # There is time to try again.
                since = _now() - self._renewed
                raise LedgerError(
                    f"the claim could not be renewed for {since:.0f} seconds, and other runs may "
                    f"take the study over: {error}"
                ) from error
            self._claim, self._renewed = renewed, began

    def stay_fresh(self) -> None:
        """Renew the claim where that has not been done in time, as after a suspend."""
        mine = self._held()
        if not self._is_fresh():
            self.renew()
        if self._lost:
            raise StudyConflict(self._lost)
        if self._claim is None:
            raise InternalTunerError(f"the claim {mine.name} was given back")

    def release(self) -> None:
        """Give the claim back. Where that cannot be written, its lease ends it."""
        with self._turn:
            mine, self._claim = self._claim, None
            if mine is not None and not self._lost:
                with suppress(LedgerError):
                    released = replace(mine, released=True)
                    self._folder.write(mine.name, released.to_bytes(), self._renewal)
            if mine is not None:
                _mine.discard(mine.token)

    def forget(self) -> None:
        """Hold nothing more, and write nothing about it."""
        with self._turn:
            if self._claim is not None:
                _mine.discard(self._claim.token)
            self._claim = None

    def _held(self) -> Claim:
        if self._claim is None:
            raise InternalTunerError("the study was not claimed")
        return self._claim

    def _is_fresh(self) -> bool:
        return _now() - self._renewed < self._lease - self._renewal

    def _lose(self, reason: str) -> None:
        self._lost = f"{reason}; this run holds it no more"
        raise StudyConflict(self._lost)

    def _check_own(self, mine: Claim) -> None:
        self.check(self._renewal)
        there = read_claim(self._folder, mine.generation, self._renewal)
        if there is None:
            self._lose("the study's claim was removed")
        elif there.token != mine.token:
            self._lose(f"the study was claimed by {there.holder or 'another run'} as well")

    def _outlive(self, claim: Claim, me: Holder) -> Holder | None:
        """The dead holder of the newest claim; None when it was given back."""
        if claim.released:
            return None
        holder = claim.holder
        if holder is not None and holder.is_neighbour(me):
            if _is_alive(claim, holder, me):
                raise StudyConflict(f"held by {holder}")
            return holder
        if holder is not None and holder.age > _TOLERANCE * self._lease:
            return holder
        return self._watch(claim)

    def _watch(self, claim: Claim) -> Holder | None:
        """Wait until a holder elsewhere shows that it lives, or its lease has ended."""
        deadline = time.monotonic() + self._lease
        while time.monotonic() < deadline:
            time.sleep(self._renewal / 5)
            current = read_claim(self._folder, claim.generation)
            if current is not None and current.released:
                return None
            if current != claim:
                raise StudyConflict(f"held by {(current or claim).holder or 'another run'}")
        return claim.holder

    def _make(self, mine: Claim) -> None:
        """Win against all who make the same claim."""
        if not self._folder.make(mine.name, mine.to_bytes()):
            winner = read_claim(self._folder, mine.generation)
            raise StudyConflict(f"held by {(winner and winner.holder) or 'another run'}")
        if not self._folder.makes_once(mine.name, mine.to_bytes()):
            # The last of several contenders wins, once all of them have written.
            time.sleep(self._lease / 20)
            there = read_claim(self._folder, mine.generation)
            if there is None or there.token != mine.token:
                raise StudyConflict(f"held by {(there and there.holder) or 'another run'}")

    def _begin(self, mine: Claim, before: Claim | None) -> Claim:
        """Find out and write down where the claim's appends begin.

        Args:
            mine: The claim, just made.
            before: The one that was found dead or given back.
        """
        objects = self._folder.list()
        claims = claim_generations(objects)
        if claims[:1] != [mine.generation]:
            # Older claims are removed: one that is made very late may be of an old number.
            raise StudyConflict("held by another run")
        if before is not None and not self._is_there(before):
            # The study was deleted. Who has begun it anew counts from 1 and would not be fenced
            # off by this claim, nor outlived by those who see this one before theirs.
            self._folder.delete([mine.name])
            raise StudyConflict(_DELETED)
        generation, start = newest_start(self._folder, (claim_name(each) for each in claims[1:]))
        segments = segments_among(objects)
        # Left by those who wrote to a ledger of this name that was deleted.
        strays = [s.name for s in segments if s.generation >= mine.generation]
        self._folder.delete(strays)
        known = [s for s in segments if s.generation < mine.generation]
        begun = replace(mine, start=end_of(known, generation, start))
        self._folder.write(begun.name, begun.to_bytes())
        with suppress(LedgerError):  # Old claims are in nobody's way.
            self._folder.delete([claim_name(each) for each in claims[_KEPT:]], self._renewal)
        return begun

    def _is_there(self, claim: Claim) -> bool:
        there = read_claim(self._folder, claim.generation)
        return there is not None and there.token == claim.token

    def _withdraw(self, mine: Claim) -> None:
        with suppress(LedgerError):
            there = read_claim(self._folder, mine.generation)
            if there is not None and there.token == mine.token:
                released = replace(there, released=True)
                self._folder.write(mine.name, released.to_bytes(), self._renewal)


def _is_alive(claim: Claim, holder: Holder, me: Holder) -> bool:
    if (holder.pid, holder.started) == (me.pid, me.started):
        return claim.token in _mine  # A claim that could not be given back is nobody's.
    return holder.is_alive_here()


def _now() -> float:
    """Seconds by a clock that goes on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
