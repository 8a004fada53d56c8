"""What `tests.chaos` did to a study."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Report:
    """What was done to a study, and what came of it.

    Attributes:
        kills: How often each target was hit.
        starts: How often the program was started.
        failed_starts: How often it ended by itself with an error, since the server was away.
        in_flight: For each kill of the flow the trials in flight.
        retried: How often an attempt at each trial was followed by another in the same run.
        calls: How often each trial was run.
        seconds: How long it took.
        digest: That of the study, and of the one that was left in peace.
    """

    kills: Counter[str] = field(default_factory=Counter)
    starts: int = 0
    failed_starts: int = 0
    in_flight: list[set[int]] = field(default_factory=list)
    retried: Counter[int] = field(default_factory=Counter)
    calls: dict[int, int] = field(default_factory=dict)
    seconds: float = 0.0
    digest: tuple[str, str] = ("", "")

    def __str__(self) -> str:
        again = sum(self.calls.values()) - len(self.calls)
        return (
            f"{sum(self.kills.values())} kills ({dict(self.kills)}), {self.starts} starts "
            f"({self.failed_starts} failed without a server), {len(self.calls)} trials, "
            f"{again} calls repeated ({sum(map(len, self.in_flight))} in flight at a kill of the "
            f"flow, {self.retried.total()} retried), {self.seconds:.0f} s, digest {self.digest[0]}"
        )
