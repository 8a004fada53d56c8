"""What every engine keeps, as a test suite for engines of your own."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from prefect import flow

from prefect_tuner.ending import Ending
from prefect_tuner.hyper_value import Params
from prefect_tuner.tasks.engine import Engine, EngineStudy
from prefect_tuner.tasks.objectives.objective import describe_objective
from prefect_tuner.tasks.processes.isolation import LaunchSettings
from prefect_tuner.tasks.workers.trial_request import RetryPolicy, TrialRequest
from prefect_tuner.trial import Outcome, TrialLimits

OBJECTIVE = "prefect_tuner.testing.trial_kinds:by_kind"
NO_RETRIES = RetryPolicy()
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


class EngineConformance:
    """The contract of `Engine`, for the engine that `engine` gives.

    The tests need a Prefect server, such as that of `prefect.testing.utilities`.

    Attributes:
        concurrency: How many trials run at the same time.
        stop_timeout: Seconds within which stopped trials have ended.

    Example:
        ```python
        from prefect_tuner.tasks.engine import EngineOptions
        from prefect_tuner.tasks.engines.local import LocalEngine
        from prefect_tuner.testing import EngineConformance


        class TestMyEngine(EngineConformance):
            @classmethod
            def engine(cls, study):
                return LocalEngine.opened(study, EngineOptions())
        ```
    """

    concurrency = 2
    stop_timeout = 10.0

    @classmethod
    def engine(cls, study: EngineStudy) -> AbstractContextManager[Engine]:
        """The engine, opened inside a flow run."""
        raise NotImplementedError

    @pytest.fixture(scope="class")
    @classmethod
    def ends(cls) -> dict[str, Ending]:
        """How a trial of each kind has ended, all run by one engine."""
        trials: list[Params] = [{"kind": kind} for kind in ENDS]
        limits = TrialLimits(timeout=2.0, memory=200_000_000, exit_grace=1.0)

        def run_all(engine: Engine) -> list[Ending]:
            return run_trials_on(engine, trials, limits)

        return dict(zip(ENDS, cls.in_a_flow(run_all), strict=True))

    @pytest.mark.parametrize("kind", ENDS)
    def test_outcomes_and_messages_are_the_same_everywhere(
        self, ends: dict[str, Ending], kind: str
    ) -> None:
        outcome, message = ENDS[kind]
        assert ends[kind].outcome is outcome
        assert re.fullmatch(message, ends[kind].message, re.DOTALL)
        assert ends[kind].attempts == 1

    def test_what_a_trial_returns_comes_back(self, ends: dict[str, Ending]) -> None:
        ending = ends["completes"]
        assert ending.metric == 1.5
        assert ending.extra == {"number": 0.0, "seed": 17.0}
        assert ending.duration is not None

    def test_an_attempt_that_is_followed_by_another_waits_for_it(self, tmp_path: Path) -> None:
        trials: list[Params] = [{"kind": "raises first", "note": str(tmp_path / "notes")}]

        def run_all(engine: Engine) -> list[Ending]:
            return run_trials_on(engine, trials)

        (ending,) = self.in_a_flow(run_all, RetryPolicy(retries=1))
        assert (ending.outcome, ending.metric, ending.attempts) == (Outcome.COMPLETED, 2.0, 2)
        lines = (tmp_path / "notes").read_text().split("\n")
        assert [line.split()[:2] for line in lines if line] == [["0", "1"], ["0", "2"]]

    def test_all_trials_are_stopped_in_time_with_the_reason(self, tmp_path: Path) -> None:
        note = tmp_path / "notes"

        def run_and_stop(engine: Engine) -> tuple[list[Ending], float, Ending]:
            # One more than run at a time: it waits, and is not begun.
            for number in range(self.concurrency + 1):
                engine.start(
                    request_to(engine, number, {"kind": "hangs", "note": str(note)}, TrialLimits())
                )
            assert engine.next_arrival(0.1) is None
            noted_by(note, self.concurrency)
            since = time.monotonic()
            engine.stop("the budget is spent")
            ended = [_arrived(engine) for _ in range(self.concurrency + 1)]
            took = time.monotonic() - since
            engine.start(request_to(engine, 9, {"kind": "completes"}, TrialLimits()))
            return ended, took, _arrived(engine)

        ended, took, late = self.in_a_flow(run_and_stop)
        assert took <= self.stop_timeout
        assert {ending.outcome for ending in ended} == {Outcome.CANCELLED}
        for ending in ended:
            assert "the study was stopped" in ending.message
            assert "the budget is spent" in ending.message
        assert (late.outcome, late.attempts) == (Outcome.CANCELLED, 0)
        assert_gone(note)

    def test_one_trial_is_stopped_and_others_go_on(self, tmp_path: Path) -> None:
        note = tmp_path / "notes"

        def run_and_stop_one(engine: Engine) -> Ending:
            engine.start(request_to(engine, 0, {"kind": "hangs", "note": str(note)}, TrialLimits()))
            assert engine.next_arrival(0.1) is None
            noted_by(note, 1)
            engine.stop_trial(0, "it is not promising")
            ending = _arrived(engine)
            (after,) = run_trials_on(engine, [{"kind": "completes"}], first=1)
            assert after.outcome is Outcome.COMPLETED
            return ending

        ending = self.in_a_flow(run_and_stop_one)
        assert ending.outcome is Outcome.CANCELLED
        assert ending.message == "the trial was stopped: it is not promising"
        assert_gone(note)

    @classmethod
    def in_a_flow(cls, run: Any, retry: RetryPolicy = NO_RETRIES) -> Any:
        """What a function gives of the engine, made ready inside a flow run."""

        @flow(name="engine conformance")
        def conformance() -> Any:
            study = EngineStudy(
                "conformance",
                describe_objective(OBJECTIVE),
                LaunchSettings(concurrency=cls.concurrency),
                retry,
                lambda *_: None,
            )
            with cls.engine(study) as engine:
                engine.prepare()
                return run(engine)

        return conformance()


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


def _arrived(engine: Engine) -> Ending:
    arrival = engine.next_arrival(PATIENCE)
    assert arrival is not None
    assert arrival.answer.ending is not None
    return arrival.answer.ending
