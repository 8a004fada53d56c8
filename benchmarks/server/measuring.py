"""What a server does with studies: how many trials a second it records, how far behind it is."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from benchmarks.server.processes import Processes
from benchmarks.server.setups import Server
from benchmarks.server.study_program import StudyOrder

POLL_SECONDS = 0.5
GIVEN_UP_AFTER = 90.0
"""Seconds without a further task run recorded, after which the rest counts as lost."""

EXAMPLES = 5

MOST_GROWTH = 0.1
"""A server keeps up where the trials it is behind by grow by less than this for each trial."""

_TERMINAL = ["COMPLETED", "FAILED", "CRASHED", "CANCELLED"]
_UNAVAILABLE = "Encountered retryable exception in request"
_DROPPED = "dropping message"


@dataclass(frozen=True)
class Load:
    """The studies that run at the same time.

    Attributes:
        trials: How many in all.
        studies: How many studies they are divided among.
        concurrency: How many trials of each study run at a time.
        rate: How many trials a second end in all, at the most; None for as fast as they come.
    """

    trials: int
    studies: int
    concurrency: int
    rate: float | None

    @property
    def title(self) -> str:
        """What the tables call it."""
        pace = "as fast as they come" if self.rate is None else f"at {self.rate:.1f}/s"
        return pace if self.studies == 1 else f"{pace}, {self.studies} studies"


@dataclass(frozen=True)
class Sample:
    """What had been produced and recorded at a time, in trials."""

    time: float
    produced: int
    recorded: int


@dataclass
class Measured:
    """What came of a load.

    Attributes:
        setup: The set-up's title.
        load: The load.
        machine_load: Runnable processes on the machine before it, others' included.
        produced: When each trial was known to have ended.
        ended: When the last study returned.
        all_recorded: When the last trial was recorded.
        lost: How many never were.
        new_flow: Seconds for a new flow run when the studies had ended, or what went wrong.
        unavailable: How often the server answered 503.
        dropped: Events that the server's queue had no room for.
        errors: Other errors and warnings in the server's logs; uvicorn adds one to each 503.
        study_errors: Errors and warnings in the studies' logs.
        examples: The first of both.
        samples: What was seen on the way, twice a second.
    """

    setup: str
    load: Load
    machine_load: float
    produced: list[float] = field(default_factory=list)
    ended: float = 0.0
    all_recorded: float = 0.0
    lost: int = 0
    new_flow: str = ""
    unavailable: int = 0
    dropped: int = 0
    errors: int = 0
    study_errors: int = 0
    examples: list[str] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)

    @property
    def produced_rate(self) -> float:
        """Trials a second that the studies ended."""
        return (len(self.produced) - 1) / (self.produced[-1] - self.produced[0])

    @property
    def recorded_rate(self) -> float:
        """Trials a second that the server recorded, from the first trial to the last."""
        recorded = len(self.produced) - self.lost
        return (recorded - 1) / (self.all_recorded - self.produced[0])

    @property
    def seconds_behind(self) -> float:
        """Seconds from the end of the studies until the server had recorded them."""
        return max(0.0, self.all_recorded - self.ended)

    @property
    def trials_behind(self) -> int:
        """The most trials that had ended and were not recorded yet."""
        return max(sample.produced - sample.recorded for sample in self.samples)

    @property
    def growth(self) -> float:
        """By how many trials it came to be further behind for each trial of the second half."""
        on_the_way = [s for s in self.samples if self.produced[0] <= s.time <= self.produced[-1]]
        if len(on_the_way) < 8:  # Too short to look at a part of it.
            return self.trials_behind / len(self.produced)
        quarter = len(on_the_way) // 4
        second, fourth = on_the_way[quarter : 2 * quarter], on_the_way[-quarter:]
        further = _mean_behind(fourth) - _mean_behind(second)
        return further / (_mean_produced(fourth) - _mean_produced(second))

    @property
    def kept_up(self) -> bool:
        """Whether the server could have gone on like that."""
        return self.growth < MOST_GROWTH and not self.lost


def _mean_behind(samples: Sequence[Sample]) -> float:
    return sum(sample.produced - sample.recorded for sample in samples) / len(samples)


def _mean_produced(samples: Sequence[Sample]) -> float:
    return sum(sample.produced for sample in samples) / len(samples)


def measure(server: Server, setup: str, load: Load) -> Measured:
    """Run the studies, and look until the server has recorded them or records no more."""
    measured = Measured(setup, load, os.getloadavg()[0])
    sizes = server.processes.log_sizes()
    with (
        tempfile.TemporaryDirectory(prefix="prefect-tuner-studies-") as name,
        Processes(Path(name)) as clients,
    ):
        _run(server, clients, Path(name), measured)
        study_errors = _errors(clients.logged_since({}))
    lines = server.processes.logged_since(sizes)
    counted = (_UNAVAILABLE, _DROPPED)
    errors = [line for line in _errors(lines) if not any(text in line for text in counted)]
    measured.unavailable = sum(_UNAVAILABLE in line for line in lines)
    measured.dropped = sum(_DROPPED in line for line in lines)
    measured.errors, measured.study_errors = len(errors), len(study_errors)
    measured.examples = [*errors[:EXAMPLES], *study_errors[:EXAMPLES]]
    return measured


def _errors(lines: Sequence[str]) -> list[str]:
    return [line for line in lines if "| ERROR" in line or "| WARNING" in line]


def _run(server: Server, clients: Processes, folder: Path, measured: Measured) -> None:
    python = [sys.executable, "-m"]
    outcome, start_new_flow = folder / "new-flow", folder / "start-new-flow"
    command = [*python, "benchmarks.server.new_flow_program", str(outcome), str(start_new_flow)]
    clients.start("new-flow", command, server.environment)
    # Before the studies, which its imports would slow down.
    clients.await_ready("The program for a new flow run", outcome.exists)
    orders = _orders(folder, measured.load)
    for number, order in enumerate(orders):
        command = [*python, "benchmarks.server.study_program", order.argument()]
        clients.start(f"study-{number}", command, server.environment)
    latest = time.time()
    while True:
        server.processes.check()
        clients.check(may_finish=True)
        told = [_Told.of(order.told) for order in orders]
        measured.produced = sorted(stamp for each in told for stamp in each.produced)
        if all(each.ended for each in told) and not measured.ended:
            measured.ended = max(each.ended for each in told)
            start_new_flow.touch()
        recorded = _recorded(server, [each.flow_run for each in told if each.flow_run])
        now = time.time()
        if recorded is not None:
            if not measured.samples or recorded > measured.samples[-1].recorded:
                measured.all_recorded = latest = now
            sample = Sample(now, sum(stamp <= now for stamp in measured.produced), recorded)
            measured.samples.append(sample)
        has_new_flow = outcome.read_text().count("\n") == 2
        if recorded == measured.load.trials and measured.ended and has_new_flow:
            break
        if measured.ended and has_new_flow and now - latest > GIVEN_UP_AFTER:
            break
        time.sleep(POLL_SECONDS)
    measured.lost = measured.load.trials - measured.samples[-1].recorded
    measured.new_flow = outcome.read_text().splitlines()[-1]


def _orders(folder: Path, load: Load) -> list[StudyOrder]:
    orders = []
    for number in range(load.studies):
        own = folder / f"study-{number}"
        own.mkdir()
        trials = load.trials // load.studies + (number < load.trials % load.studies)
        rate = None if load.rate is None else load.rate / load.studies
        orders.append(StudyOrder(str(own), trials, load.concurrency, rate))
    return orders


@dataclass(frozen=True)
class _Told:
    """What a study has said so far."""

    flow_run: str
    produced: list[float]
    ended: float

    @classmethod
    def of(cls, file: Path) -> _Told:
        text = file.read_text() if file.exists() else ""
        lines = [line.split() for line in text.splitlines(keepends=True) if line.endswith("\n")]
        runs = [what for kind, what in lines if kind == "run"]
        ends = [float(what) for kind, what in lines if kind == "end"]
        produced = [float(what) for kind, what in lines if kind == "trial"]
        return cls(runs[0] if runs else "", produced, ends[0] if ends else 0.0)


def _recorded(server: Server, flow_runs: Sequence[str]) -> int | None:
    """How many of their task runs have ended for the server; None if it does not say."""
    if not flow_runs:
        return 0
    asked = {
        "flow_runs": {"id": {"any_": flow_runs}},
        "task_runs": {"state": {"type": {"any_": _TERMINAL}}},
    }
    try:
        answer = httpx.post(f"{server.api_url}/task_runs/count", json=asked, timeout=30.0)
    except httpx.HTTPError:
        return None
    return int(answer.json()) if answer.status_code == httpx.codes.OK else None
