"""What a claim of a study says that is kept in an object store, and how claims are read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from prefect_tuner.flows.storage.holder import Holder
from prefect_tuner.flows.storage.ledger_segments import Segment
from prefect_tuner.flows.storage.object_folder import PATIENCE, ObjectFolder

_NAME = re.compile(r"claim-(\d{12})\.json")


@dataclass(frozen=True, slots=True)
class Claim:
    """The content of a claim.

    Attributes:
        generation: Its number, from 1.
        token: Tells it from any other with this number.
        holder: Who made it; None when it cannot be understood.
        start: The number of its first append; None when it has none yet.
        released: Whether it was given back.
    """

    generation: int
    token: str
    holder: Holder | None
    start: int | None = None
    released: bool = False

    @classmethod
    def from_bytes(cls, generation: int, content: bytes) -> Claim:
        """What `to_bytes` gave; where it is something else, a claim of nobody."""
        try:
            read = json.loads(content)
            holder = Holder.from_json(json.dumps(read["holder"]))
            return cls(generation, read["token"], holder, read["start"], read["released"])
        except (KeyError, TypeError, ValueError):
            return cls(generation, "", None)

    def to_bytes(self) -> bytes:
        """The claim as JSON."""
        content = {
            "token": self.token,
            "start": self.start,
            "released": self.released,
            "holder": None if self.holder is None else asdict(self.holder),
        }
        return json.dumps(content, indent=1).encode() + b"\n"

    @property
    def name(self) -> str:
        """The object's name in its folder; it is sorted behind all segments."""
        return claim_name(self.generation)


def claim_name(generation: int) -> str:
    """The name of the claim with this number."""
    return f"claim-{generation:012}.json"


def claim_generations(names: Iterable[str]) -> list[int]:
    """The numbers of the claims among the names of objects, newest first."""
    found = (_NAME.fullmatch(name) for name in names)
    return sorted((int(each[1]) for each in found if each), reverse=True)


def segments_among(objects: dict[str, int]) -> list[Segment]:
    """The segments among objects, given their names and sizes."""
    found = (Segment.named(name, size) for name, size in objects.items())
    return [segment for segment in found if segment is not None]


def read_claim(folder: ObjectFolder, generation: int, patience: float = PATIENCE) -> Claim | None:
    """The claim with this number, None when there is none (any more)."""
    name = claim_name(generation)
    content = folder.read([name], patience).get(name)
    return None if content is None else Claim.from_bytes(generation, content)


def newest_start(folder: ObjectFolder, names: Iterable[str]) -> tuple[int, int]:
    """The newest generation that has begun to write, and the number of its first append.

    The claims must be read after the objects were listed: what a generation wrote is listed only
    when its claim says where it began.
    """
    for generation in claim_generations(names):
        claim = read_claim(folder, generation)
        if claim is not None and claim.start is not None:
            return generation, claim.start
    return 0, 0
