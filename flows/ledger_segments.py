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
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from prefect_tuner.errors import LedgerError
from prefect_tuner.flows.ledger_line import seal, unseal

FAN = 32
"""Objects that are merged into one."""

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


@dataclass(frozen=True, slots=True)
class Piece:
    """The appends `first` to `last` of a segment, which are read from there."""

    segment: Segment
    first: int
    last: int


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


def cover(segments: Sequence[Segment], generation: int, start: int) -> list[Piece]:
    """Where each append is read, in order.

    An append that several objects hold is read from the newest generation's, as an older one may
    have gone on writing after it had lost its claim: of the appends from `start` on, nothing
    that is older than `generation` counts.

    Raises:
        MissingAppend: An object is gone.
    """
    end = end_of(segments, generation, start)
    pieces: list[Piece] = []
    at = 0
    while at < end:
        here = [
            s
            for s in segments
            if s.first <= at <= s.last and (s.generation >= generation or at < start)
        ]
        if not here:
            raise MissingAppend(f"append {at} of {end} is missing")
        best = max(here, key=lambda s: (s.generation, s.count))
        stops = [s.first for s in segments if s.generation > best.generation and s.first > at]
        if best.generation < generation:
            stops.append(start)
        last = min([best.last, *(stop - 1 for stop in stops)])
        pieces.append(Piece(best, at, last))
        at = last + 1
    return pieces


def unfinished_blocks(pieces: Sequence[Piece]) -> Iterator[tuple[int, int]]:
    """The blocks, as first and last append, that are whole and in several objects.

    The largest come first: what they hold need not be merged on its own.
    """
    end = pieces[-1].last + 1 if pieces else 0
    done: list[tuple[int, int]] = []
    width = FAN
    while width * FAN <= end:
        width *= FAN
    while width >= FAN:
        for first in range(0, end - width + 1, width):
            last = first + width - 1
            parts = pieces_of(pieces, first, last)
            if (
                len(parts) > 1
                and sum(part.segment.size for part in parts) <= _LARGEST
                and not any(a <= first and last <= b for a, b in done)
            ):
                done.append((first, last))
                yield first, last
        width //= FAN


def pieces_of(pieces: Iterable[Piece], first: int, last: int) -> list[Piece]:
    """The pieces that hold something of a block."""
    return [piece for piece in pieces if piece.first <= last and piece.last >= first]


def lines_of(piece: Piece, content: bytes, where: str) -> Iterator[tuple[int, list[bytes]]]:
    """The appends of a piece: the number of the first line in the object, and the lines.

    Args:
        piece: Which ones.
        content: Of the segment.
        where: The segment's address.

    Raises:
        LedgerError: The object is damaged.
    """
    lines = content.split(b"\n")
    if lines.pop() or not lines:
        raise LedgerError(f"{where} is damaged: it does not end in a whole line")
    counts = [len(lines)]
    number = 1
    if piece.segment.count > 1:
        index = unseal(lines[0])
        if index is None:
            raise LedgerError(f"{where}:1 is damaged")
        counts = index["lines"]
        number = 2
        if len(counts) != piece.segment.count or sum(counts) != len(lines) - 1:
            raise LedgerError(f"{where} is damaged: it does not hold the lines that line 1 tells")
    for at, count in enumerate(counts, start=piece.segment.first):
        if piece.first <= at <= piece.last:
            yield number, lines[number - 1 : number - 1 + count]
        number += count


def merged(appends: Sequence[Sequence[bytes]]) -> bytes:
    """The content of an object that holds several appends.

    Its first line tells how many lines each of them has.
    """
    index = seal({"type": "merged", "lines": [len(lines) for lines in appends]})
    return index + b"".join(line + b"\n" for lines in appends for line in lines)
