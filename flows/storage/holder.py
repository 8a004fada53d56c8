"""Who holds a study: one run at a time writes to a ledger."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from prefect_tuner.flows.storage.utc_time import utc_now
from prefect_tuner.tasks.process_table.process_tree import stat_fields

LEASE = 60.0
"""Seconds after which a holder on another machine that has not renewed its claim is dead."""

RENEWAL = 10.0
"""Seconds between two renewals of a claim."""


@dataclass(frozen=True)
class Holder:
    """A run that holds a study, or held it until it died.

    Attributes:
        host: Name of its machine.
        boot: Identifies the machine and its last start.
        namespace: In which its process number means something: containers have their own.
        pid: Its process.
        started: When the process was started, in clock ticks since the machine's start.
        flow_run: Name of the flow run; empty outside of one.
        flow_run_id: Its id; empty outside of one.
        claimed: When it claimed the study (ISO 8601, UTC).
        renewed: When it last renewed its claim (ISO 8601, UTC).
        elapsed: Seconds that the study had run by then.
    """

    host: str
    boot: str
    namespace: str
    pid: int
    started: int
    flow_run: str
    flow_run_id: str
    claimed: str
    renewed: str
    elapsed: float = 0.0

    @classmethod
    def of_this_process(cls, flow_run: str = "", flow_run_id: str = "") -> Self:
        """This process, from now on."""
        now = utc_now()
        pid = os.getpid()
        return cls(
            host=socket.gethostname(),
            boot=Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip(),
            namespace=str(Path("/proc/self/ns/pid").readlink()),
            pid=pid,
            started=_started(pid) or 0,
            flow_run=flow_run,
            flow_run_id=flow_run_id,
            claimed=now,
            renewed=now,
        )

    @classmethod
    def from_json(cls, text: str) -> Self | None:
        """What `to_json` gave; None when it is something else."""
        try:
            return cls(**json.loads(text))
        except (TypeError, ValueError):
            return None

    def to_json(self) -> str:
        """The holder as one line of JSON."""
        return json.dumps(asdict(self))

    def renew(self, elapsed: float) -> Self:
        """The same holder, alive now; the study has run for `elapsed` seconds."""
        return replace(self, renewed=utc_now(), elapsed=elapsed)

    @property
    def age(self) -> float:
        """Seconds since the claim was renewed, by this machine's clock."""
        return (datetime.now(UTC) - datetime.fromisoformat(self.renewed)).total_seconds()

    def is_neighbour(self, of: Holder) -> bool:
        """Whether its process could be seen by another holder's."""
        return (self.host, self.boot, self.namespace) == (of.host, of.boot, of.namespace)

    def is_alive_here(self) -> bool:
        """Whether its process runs; asked by a process that could see it."""
        return _started(self.pid) == self.started

    def __str__(self) -> str:
        run = f"flow run {self.flow_run!r}" if self.flow_run else "a run"
        return f"{run} (process {self.pid} on {self.host}) since {self.claimed}"


def _started(pid: int) -> int | None:
    """When a process was started, in ticks; None when there is none, or a dead one."""
    try:
        fields = stat_fields(pid)
    except OSError:
        return None
    return None if fields[0] in {b"Z", b"X"} else int(fields[19])
