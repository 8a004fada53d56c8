"""The objects that hold a ledger's lines: their names, and which of them count.

An object store has no append. Each append of a ledger is an object of its own, and from time to
time many of them are merged into one. The appends are numbered from 0; an object's name says
which ones it holds and which generation of the claim wrote it:

    appends-<last>-<count>-<generation>.jsonl

Merged objects hold aligned blocks of `FAN ** level` appends, so that of two objects one holds the
other, or they share nothing. Their names are sorted behind those of their parts: whoever lists
the objects in the order of their names while some are being merged sees the parts or the whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from prefect_tuner.errors import LedgerError

FAN = 32
"""Objects that are merged into one; a power of two, whatever it becomes."""

_LARGEST = 32 << 20
_NAME = re.compile(r"appends-(\d{12})-(\d{12})-(\d{12})\.jsonl")


@dataclass(frozen=True, order=True, slots=True)
class Segment:
    """An object that holds `count` appends.

    Attributes:
        last: The number of the last of them.
        count: How many there are.
        generation: Of the claim whose holder wrote it.
        size: In bytes.
    """

    last: int
    count: int
    generation: int
    size: int = field(compare=False)

    @classmethod
    def named(cls, name: str, size: int) -> Segment | None:
        """The segment with this name; None when it is the name of something else."""
        found = _NAME.fullmatch(name)
        return cls(int(found[1]), int(found[2]), int(found[3]), size) if found else None

    @property
    def name(self) -> str:
        """The object's name in its folder."""
        return f"appends-{self.last:012}-{self.count:012}-{self.generation:012}.jsonl"

    @property
    def first(self) -> int:
        """The number of its first append."""
        return self.last - self.count + 1


class MissingAppend(LedgerError):
    """No object holds an append, though there are later ones."""


def end_of(segments: Iterable[Segment], generation: int, start: int) -> int:
    """The number that the next append has.

    Args:
        segments: Those that there are.
        generation: The newest of which is known where it started.
        start: Where it started.
    """
    ends = (s.last if s.generation >= generation else min(s.last, start - 1) for s in segments)
    return max(ends, default=-1) + 1


def cover(segments: Iterable[Segment], generation: int, start: int) -> list[Segment]:
    """The objects that hold all appends, each once and in order.

    An older generation may have gone on writing after it had lost its claim: one append at most,
    as it looks for a newer claim before it takes that for done, or merges it. So an object of
    several appends holds the right ones, and of two with one append the newer generation's
    counts; none from `start` on that is older than `generation`.

    Raises:
        MissingAppend: An object is gone.
    """
    known = [s for s in segments if s.generation >= generation or s.last < start]
    end = end_of(known, generation, start)
    at_first: dict[int, Segment] = {}
    for segment in known:
        best = at_first.setdefault(segment.first, segment)
        if (segment.count, segment.generation) > (best.count, best.generation):
            at_first[segment.first] = segment
    chosen: list[Segment] = []
    at = 0
    while at < end:
        if at not in at_first:
            raise MissingAppend(f"append {at} of {end} is missing")
        chosen.append(at_first[at])
        at = chosen[-1].last + 1
    return chosen


def unfinished_blocks(chosen: Sequence[Segment]) -> list[list[Segment]]:
    """The blocks that are whole and in several objects.

    The largest ones alone: what is in them need not be merged on its own.
    """
    end = chosen[-1].last + 1 if chosen else 0
    width = FAN
    while width * FAN <= end:
        width *= FAN
    found: list[list[Segment]] = []
    done: set[Segment] = set()
    while width >= FAN:
        blocks: dict[int, list[Segment]] = {}
        for segment in chosen:
            block = segment.last // width
            if segment.count < width and segment not in done and (block + 1) * width <= end:
                blocks.setdefault(block, []).append(segment)
        for parts in blocks.values():
            if sum(part.size for part in parts) <= _LARGEST:
                found.append(parts)
                done.update(parts)
        width //= FAN
    return found
