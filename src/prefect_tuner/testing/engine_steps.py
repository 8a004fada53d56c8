"""What is asked of an engine in the tests of engines, and how its trials are watched."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from prefect_tuner.ending import Ending
from prefect_tuner.hyper_value import Params
from prefect_tuner.tasks.engine import Engine
from prefect_tuner.tasks.workers.trial_request import TrialRequest
from prefect_tuner.trial import Outcome, TrialLimits

Step: TypeAlias = Callable[[Engine, Path], Any]
"""Something that is asked of an engine, with a folder for what its trials note."""

ONE_MINUTE = TrialLimits(timeout=60.0)
PATIENCE = 120.0
"""Seconds that an attempt may take to arrive."""

ENDS: dict[str, tuple[Outcome, str]] = {
    "completes": (Outcome.COMPLETED, ""),
    "prints": (Outcome.COMPLETED, ""),
    "floods": (Outcome.COMPLETED, ""),
    "raises": (Outcome.FAILED, "ValueError: bad value"),
    "raises what cannot be pickled": (Outcome.FAILED, "Local: of a local class"),
    "is interrupted": (Outcome.FAILED, "KeyboardInterrupt: "),
    "calls sys.exit": (Outcome.CRASHED, r"the objective called sys.exit\(3\)"),
    "leaves a process": (Outcome.CRASHED, "the trial's process was killed by SIGABRT"),
    "exits": (Outcome.CRASHED, "the trial's process exited with code 7"),
    "is killed": (Outcome.CRASHED, r"the trial's process was killed by .*SIGSEGV.*"),
    "hangs": (Outcome.TIMED_OUT, r"ran longer than its limit of 2 s.*"),
    "takes memory": (Outcome.OUT_OF_MEMORY, r"took .* MB, more than its limit of 200.0 MB"),
    "gives nan": (Outcome.INVALID_METRIC, r".*nan \(float\)"),
    "gives nothing": (Outcome.INVALID_METRIC, r".*None.*"),
}
"""How trials of each kind end, whatever runs them."""


class Told:
    """What came of steps, to be looked up by the step.

    Attributes:
        of_step: What each has returned, or the error that it has raised.
    """

    def __init__(self) -> None:
        self.of_step: dict[Step, Any] = {}

    def __len__(self) -> int:
        return len(self.of_step)

    def __getitem__(self, step: Step) -> Any:
        found = self.of_step[step]
        if isinstance(found, Exception):
            raise found
        return found


def end_in_all_ways(engine: Engine, _: Path) -> dict[str, Ending]:
    """How a trial of each kind ends."""
    trials: list[Params] = [{"kind": kind} for kind in ENDS]
    limits = TrialLimits(timeout=2.0, memory=200_000_000, exit_grace=1.0)
    return dict(zip(ENDS, run_trials_on(engine, trials, limits), strict=True))


def stop_one(engine: Engine, folder: Path) -> tuple[Ending, Ending, Path]:
    """How a trial ends that is stopped, and one after it; with the note of the first."""
    note = folder / "stopped alone"
    engine.start(request_to(engine, 100, {"kind": "hangs", "note": str(note)}, TrialLimits()))
    assert engine.next_arrival(0.1) is None
    noted_by(note, 1)
    engine.stop_trial(100, "it is not promising")
    stopped = arrived(engine)
    (after,) = run_trials_on(engine, [{"kind": "completes"}], first=101)
    return stopped, after, note


def stop_all(engine: Engine, folder: Path) -> tuple[list[Ending], float, Ending, Path]:
    """How trials end that are stopped, in how many seconds, and one that comes too late."""
    note, concurrency = folder / "all stopped", engine.study.launch.concurrency
    # One more than run at a time: it waits, and is not begun.
    for number in range(200, 201 + concurrency):
        engine.start(
            request_to(engine, number, {"kind": "hangs", "note": str(note)}, TrialLimits())
        )
    assert engine.next_arrival(0.1) is None
    noted_by(note, concurrency)
    since = time.monotonic()
    engine.stop("the budget is spent")
    ended = [arrived(engine) for _ in range(concurrency + 1)]
    took = time.monotonic() - since
    engine.start(request_to(engine, 300, {"kind": "completes"}, TrialLimits()))
    return ended, took, arrived(engine), note


def request_to(engine: Engine, number: int, params: Params, limits: TrialLimits) -> TrialRequest:
    """A request as the study makes it."""
    return TrialRequest(
        study=engine.study.name,
        number=number,
        params=params,
        seed=17,
        objective=engine.study.objective,
        limits=limits,
        retry=engine.study.retry,
        launch=engine.study.launch,
    )


def run_trials_on(
    engine: Engine,
    trials: Sequence[Params],
    limits: TrialLimits = ONE_MINUTE,
    *,
    first: int = 0,
) -> list[Ending]:
    """Run trials to their ends, those tried again that are to be, as many at a time as there may.

    Args:
        engine: Made ready.
        trials: Their parameters.
        limits: What each may take.
        first: The number of the first.
    """
    ends: dict[int, Ending] = {}
    flying: dict[int, TrialRequest] = {}
    waiting = [request_to(engine, first + i, params, limits) for i, params in enumerate(trials)]
    while len(ends) < len(trials):
        while waiting and len(flying) < engine.most_in_flight:
            request = waiting.pop(0)
            flying[request.number] = request
            engine.start(request)
        arrival = engine.next_arrival(PATIENCE)
        assert arrival is not None, f"no trial has ended in {PATIENCE:g} s"
        ending = arrival.answer.ending
        if ending is None:
            raise arrival.answer.error
        request = flying.pop(arrival.number)
        if request.retry.tries_again(ending):
            flying[request.number] = request.again()
            engine.start(flying[request.number])
        else:
            ends[arrival.number] = ending
    return [ends[number] for number in sorted(ends)]


def noted_by(note: Path, count: int) -> list[int]:
    """The processes of so many trials, once they have noted that they run."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if note.exists():
            lines = [line.split() for line in note.read_text().split("\n")[:-1]]
            if len(lines) >= count:
                return [int(pid) for _, _, pid in lines]
        time.sleep(0.05)
    raise AssertionError(f"{count} trials did not begin in {PATIENCE:g} s")


def assert_gone(note: Path) -> None:
    """Assert that none of the processes that have noted that they run is left."""
    for pid in noted_by(note, 1):
        status = Path(f"/proc/{pid}/status")
        if status.exists():
            assert "State:\tZ" in status.read_text(), f"process {pid} is still there"


def arrived(engine: Engine) -> Ending:
    """How the next trial to arrive has ended."""
    arrival = engine.next_arrival(PATIENCE)
    assert arrival is not None
    assert arrival.answer.ending is not None
    return arrival.answer.ending
