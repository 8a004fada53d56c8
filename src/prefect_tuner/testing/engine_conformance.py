"""What every engine keeps, as a test suite for engines of your own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar

import pytest
from prefect import flow

from prefect_tuner.ending import Ending
from prefect_tuner.hyper_value import Params
from prefect_tuner.tasks.engine import Engine, EngineStudy
from prefect_tuner.tasks.objectives.objective import describe_objective
from prefect_tuner.tasks.processes.isolation import LaunchSettings
from prefect_tuner.tasks.workers.trial_request import RetryPolicy
from prefect_tuner.testing.engine_steps import (
    ENDS,
    Step,
    Told,
    assert_gone,
    end_in_all_ways,
    run_trials_on,
    stop_all,
    stop_one,
)
from prefect_tuner.trial import Outcome

OBJECTIVE = "prefect_tuner.testing.trial_kinds:by_kind"
NO_RETRIES = RetryPolicy()


class EngineConformance:
    """The contract of `Engine`, for the engine that `engine` gives.

    The tests need a Prefect server, such as that of `prefect.testing.utilities`.

    Attributes:
        concurrency: How many trials run at the same time.
        stop_timeout: Seconds within which stopped trials have ended.
        steps: What is asked of one engine, in this order: to open one may take seconds.

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
    steps: ClassVar[Sequence[Step]] = (end_in_all_ways, stop_one, stop_all)

    @classmethod
    def engine(cls, study: EngineStudy) -> AbstractContextManager[Engine]:
        """The engine, opened inside a flow run."""
        raise NotImplementedError

    @pytest.fixture(scope="class")
    @classmethod
    def told(cls, tmp_path_factory: pytest.TempPathFactory) -> Told:
        """What came of each step, all asked of one engine."""
        return cls.ask(cls.steps, tmp_path_factory.mktemp("conformance"))

    @pytest.fixture(scope="class")
    @classmethod
    def ends(cls, told: Told) -> dict[str, Ending]:
        """How a trial of each kind has ended."""
        found: dict[str, Ending] = told[end_in_all_ways]
        return found

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

    def test_one_trial_is_stopped_and_others_go_on(self, told: Told) -> None:
        stopped, after, note = told[stop_one]
        assert stopped.outcome is Outcome.CANCELLED
        assert stopped.message == "the trial was stopped: it is not promising"
        assert after.outcome is Outcome.COMPLETED
        assert_gone(note)

    def test_all_trials_are_stopped_in_time_with_the_reason(self, told: Told) -> None:
        ended, took, late, note = told[stop_all]
        assert took <= self.stop_timeout
        assert {ending.outcome for ending in ended} == {Outcome.CANCELLED}
        for ending in ended:
            assert "the study was stopped" in ending.message
            assert "the budget is spent" in ending.message
        assert (late.outcome, late.attempts) == (Outcome.CANCELLED, 0)
        assert_gone(note)

    @classmethod
    def ask(cls, steps: Sequence[Step], folder: Path) -> Told:
        """Ask the steps of one engine, and those that follow one that fails of another."""
        told = Told()

        def ask(engine: Engine) -> None:
            for step in steps[len(told) :]:
                try:
                    told.of_step[step] = step(engine, folder)
                except Exception as error:  # noqa: BLE001 - the test of this step raises it
                    told.of_step[step] = error
                    return

        while len(told) < len(steps):
            cls.in_a_flow(ask)
        return told

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
