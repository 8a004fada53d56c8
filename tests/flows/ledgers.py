"""Ledgers and runs without Prefect, for the tests of what they hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

from prefect_tuner import Params, SearchSpace, Study, Trial, TunerConfig
from prefect_tuner.ending import Ending
from prefect_tuner.flows.ledger.ledger import Ledger, read_state
from prefect_tuner.flows.ledger.ledger_records import (
    InitialTrial,
    PreflightPoint,
    RunRecord,
    StudyDefinition,
    StudyRecord,
)
from prefect_tuner.flows.ledger.recorded_study import RecordedStudy
from prefect_tuner.flows.ledger.study_state import StudyState
from prefect_tuner.flows.storage.holder import Holder
from prefect_tuner.flows.storage.ledger_file import LedgerFile
from prefect_tuner.flows.storage.ledger_line import seal, unseal
from prefect_tuner.flows.storage.utc_time import utc_now
from prefect_tuner.trial import Outcome

SPACE = SearchSpace({"x": {"type": "float", "low": 0.0, "high": 1.0}, "kind": ["a", "b"]})


def definition(**changed: Any) -> StudyDefinition:
    fields: dict[str, Any] = {
        "objective": "model:train",
        "space": SPACE.to_json(),
        "strategy": {"name": "random"},
        "direction": "minimize",
        "seed": 7,
    }
    return StudyDefinition.model_validate({**fields, **changed})


def study_record(**changed: Any) -> StudyRecord:
    return StudyRecord(at=utc_now(), study="small", definition=definition(**changed))


def run_record(elapsed: float = 0.0) -> RunRecord:
    return RunRecord(
        at=utc_now(),
        flow_run="gentle-otter",
        flow_run_id="",
        host="here",
        pid=1,
        version="0.1.0",
        config=TunerConfig().model_dump(mode="json"),
        observers=[],
        elapsed=elapsed,
    )


def holder(flow_run: str = "gentle-otter") -> Holder:
    return Holder.of_this_process(flow_run, "")


def open_ledger(folder: Path, key: str = "small") -> Ledger:
    return Ledger(LedgerFile(folder, key), holder())


def state_of(folder: Path, key: str = "small") -> StudyState:
    state = read_state(LedgerFile(folder, key))
    assert state is not None
    return state


class Killed(BaseException):
    """The run was killed."""


class SimulatedRun:
    """A run of a study: trials end in an order of the caller's, and it may be killed at any step.

    Args:
        folder: Where the ledger is.
        study: Empty.
        train: From parameters and seed to the metric; None is a failure.
        concurrency: Trials at a time.
        initial_trials: What the study starts from.
        preflight: What it tries before that.
    """

    def __init__(
        self,
        folder: Path,
        study: Study,
        train: Callable[[Params, int], float | None],
        concurrency: int = 1,
        initial_trials: Sequence[InitialTrial] = (),
        preflight: Sequence[PreflightPoint] = (),
    ) -> None:
        self.ledger = open_ledger(folder)
        definition = study_record(lag=study.lag) if self.ledger.state is None else None
        self.study = RecordedStudy(
            study, self.ledger, run_record(), definition, initial_trials, preflight
        )
        self.study.begin()
        self.calls: list[int] = []
        self._train = train
        self._concurrency = concurrency
        self._in_flight: list[Trial] = []

    def run(self, max_trials: int, order: Random, steps: int | None = None) -> list[Trial]:
        """Run to the end, or kill the run after some steps.

        Raises:
            Killed: The steps are over; the ledger is left as a killed process leaves it.
        """
        try:
            return self.go_on(max_trials, order, steps)
        finally:
            self.ledger.close()

    def go_on(self, max_trials: int, order: Random, steps: int | None = None) -> list[Trial]:
        """The same, with the ledger left open."""
        while self._step(max_trials, order):
            if steps is not None:
                steps -= 1
                if steps < 0:
                    raise Killed
        self.study.stop("completed", "max_trials")
        return list(self.study.study.history)

    def _step(self, max_trials: int, order: Random) -> bool:
        if self.study.tell_next() is not None:
            return True
        if len(self._in_flight) < self._concurrency and self.study.can_ask(max_trials):
            trial = self.study.ask(max_trials)
            if trial is not None:
                self.study.start(trial)
                self.calls.append(trial.number)
                self._in_flight.append(trial)
                return True
        if not self._in_flight:
            return False
        trial = self._in_flight.pop(order.randrange(len(self._in_flight)))
        metric = self._train(trial.params, trial.seed)
        outcome = Outcome.FAILED if metric is None else Outcome.COMPLETED
        self.study.finish(trial.number, Ending(outcome, metric=metric, duration=0.1))
        return True


def as_before_format_2(file: Path) -> None:
    """Rewrite a ledger as a release wrote it that did not know the code of objectives."""
    lines = []
    for line in file.read_bytes().splitlines():
        record = unseal(line)
        assert record is not None
        record.pop("code", None)
        record |= {"format": 1} if "format" in record else {}
        record.get("definition", {}).pop("initial_sources", None)
        lines.append(seal(record))
    file.write_bytes(b"".join(lines))
