"""A ledger in an object store: written in segments, merged, claimed by numbered objects."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import final

from prefect_tuner.errors import InternalTunerError, LedgerError, StudyConflict
from prefect_tuner.flows.storage.holder import LEASE, RENEWAL, Holder
from prefect_tuner.flows.storage.ledger_segments import (
    FAN,
    MissingAppend,
    Segment,
    cover,
    unfinished_blocks,
)
from prefect_tuner.flows.storage.ledger_store import LedgerLine, LedgerStore
from prefect_tuner.flows.storage.object_claim import ObjectClaim
from prefect_tuner.flows.storage.object_claim_record import (
    claim_generations,
    claim_name,
    newest_start,
    read_claim,
    segments_among,
)
from prefect_tuner.flows.storage.object_folder import ObjectFolder
from prefect_tuner.redaction import without_credentials

_READINGS = 8
_PAUSE = 0.05


@final
class LedgerObjects(LedgerStore):
    r"""A ledger in the objects below `<url>/<key>/`.

    Each append writes one object, and then looks whether the claim still holds: two requests. An
    append that ends in an error may have been written or not, which nobody can tell once the
    answer is lost; nothing more is written after it by this claim.

    Args:
        url: An address that fsspec knows, such as `s3://bucket/prefix`, without credentials.
        key: The study's, see `study_key`.
        lease: Seconds after which a holder elsewhere that has not renewed its claim is dead.
        renewal: Seconds between two calls of `renew`.

    Example:
        ```python
        from prefect_tuner.flows.storage.holder import Holder
        from prefect_tuner.flows.storage.ledger_objects import LedgerObjects

        ledger = LedgerObjects("memory://studies", "churn")
        ledger.claim(Holder.of_this_process())
        ledger.append(b'{"type":"asked"}\n')
        ledger.release()
        assert [line.text for line in ledger.read()] == [b'{"type":"asked"}']
        ```

    Raises:
        InvalidConfiguration: Nothing is known of such an address.
    """

    def __init__(
        self, url: str, key: str, *, lease: float = LEASE, renewal: float = RENEWAL
    ) -> None:
        self.location = f"{without_credentials(url).rstrip('/')}/{key}"
        self._folder = ObjectFolder(url, key, self.location)
        self._lease = lease
        self._renewal = renewal
        self._claim = ObjectClaim(self._folder, lease, renewal)
        self._segments: list[Segment] = []
        self._recent: dict[str, bytes] = {}
        self._next = 0
        self._doubt = ""

    def exists(self) -> bool:
        """Whether there are objects with lines."""
        return bool(segments_among(self._folder.list()))

    def read(self) -> Iterator[LedgerLine]:
        """Yield the lines of all objects that count.

        Objects that are merged while they are read are looked up again.
        """
        for reading in range(_READINGS):
            objects = self._folder.list()
            generation, start = newest_start(self._folder, objects)
            try:
                chosen = cover(segments_among(objects), generation, start)
                contents = self._contents(chosen)
                break
            except MissingAppend as missing:
                if reading == _READINGS - 1:
                    raise LedgerError(f"{self.location} is damaged: {missing}") from missing
            time.sleep(_PAUSE)
        else:
            raise InternalTunerError("a loop ended that is left before")
        for segment, content in zip(chosen, contents, strict=True):
            where = f"{self.location}/{segment.name}"
            for number, line in enumerate(content.removesuffix(b"\n").split(b"\n"), start=1):
                yield LedgerLine(line, where, number)

    def holder(self) -> Holder | None:
        """Who made the newest claim, unless it was given back or its holder is dead."""
        for generation in claim_generations(self._folder.list())[:1]:
            claim = read_claim(self._folder, generation)
            if claim is None or claim.released or claim.holder is None:
                return None
            if claim.holder.is_neighbour(Holder.of_this_process()):
                return claim.holder if claim.holder.is_alive_here() else None
            return claim.holder if claim.holder.age < self._lease else None
        return None

    def claim(self, holder: Holder) -> Holder | None:
        """Make the claim with the next number.

        A holder on another machine is watched for as long as its lease, unless its claim is many
        leases old.
        """
        previous = self._claim.take(holder)
        try:
            self._segments = segments_among(self._folder.list())
        except BaseException:
            self._claim.release()
            raise
        self._next = self._claim.start[1]
        self._recent = {}
        self._doubt = ""
        return previous

    def mend(self) -> str:
        """Remove what interrupted runs have left: objects that were merged, or came too late."""
        generation, start = self._claim.start
        self._segments = segments_among(self._folder.list())
        try:
            used = set(cover(self._segments, generation, start))
        except MissingAppend:
            return ""  # Who reads it is told.
        left = sorted(segment for segment in self._segments if segment not in used)
        if not left:
            return ""
        self._folder.delete(segment.name for segment in left)
        self._segments = sorted(used)
        return (
            f"{self.location} had {len(left)} objects that an interrupted run had left and that "
            f"are no part of it; they were removed: {', '.join(s.name for s in left[:3])}"
            f"{', ...' if len(left) > 3 else ''}"
        )

    def renew(self, elapsed: float) -> None:
        """Write the time into the claim."""
        self._claim.renew(elapsed)

    def append(self, text: bytes) -> None:
        """Write an object, and then make sure that the claim held until then."""
        generation, _ = self._claim.start
        if self._doubt:
            raise LedgerError(self._doubt)
        if not text:
            return
        self._claim.stay_fresh()
        segment = Segment(self._next, 1, generation, len(text))
        try:
            is_ours = self._folder.make(segment.name, text)
            # Only what was written before the next claim was made is seen by its holder.
            self._claim.check()
        except LedgerError as error:
            self._doubt = (
                f"{error}; what was recorded before is there and can be read, and nothing more "
                "is written by this run"
            )
            raise LedgerError(self._doubt) from error
        if not is_ours:
            self._doubt = f"{self.location}/{segment.name} was written by somebody else"
            raise StudyConflict(self._doubt)
        self._next += 1
        self._segments.append(segment)
        self._recent[segment.name] = text
        if self._next % FAN == 0:
            # The append is done, whatever becomes of this; it is made up for later.
            with suppress(LedgerError):
                self._merge()
            self._recent = {}

    def release(self) -> None:
        """Write into the claim that it was given back."""
        self._claim.release()

    def delete(self) -> None:
        """Remove all objects, the newest first: what is left at any moment is a ledger."""
        self._claim.check()
        lines = segments_among(self._folder.list())
        self._folder.delete(segment.name for segment in sorted(lines, reverse=True))
        objects = self._folder.list()
        if segments_among(objects):
            raise LedgerError(f"{self.location} cannot be removed: some objects are still there")
        self._claim.forget()
        # Not all that is there: another storage may be in this folder.
        self._folder.delete(claim_name(generation) for generation in claim_generations(objects))

    def _merge(self) -> None:
        generation, start = self._claim.start
        try:
            for parts in unfinished_blocks(cover(self._segments, generation, start)):
                self._merge_block(parts)
        except MissingAppend:
            # Another run has merged before it lost its claim.
            self._segments = segments_among(self._folder.list())

    def _merge_block(self, parts: Sequence[Segment]) -> None:
        """Write an object with all appends of a block before those that it replaces go."""
        content = b"".join(self._contents(parts))
        count = sum(part.count for part in parts)
        whole = Segment(parts[-1].last, count, self._claim.start[0], len(content))
        self._folder.write(whole.name, content, self._renewal)
        replaced = set(parts)
        self._segments = [s for s in self._segments if s not in replaced and s != whole]
        self._segments.append(whole)
        self._folder.delete((part.name for part in parts), self._renewal)

    def _contents(self, segments: Sequence[Segment]) -> list[bytes]:
        names = [segment.name for segment in segments]
        there = {name: self._recent[name] for name in names if name in self._recent}
        there |= self._folder.read([name for name in names if name not in there])
        for name in names:
            if name not in there:
                raise MissingAppend(f"{name} is missing")
        return [there[name] for name in names]
