"""A larger flow that is retried gets back what it asks for, and runs no finished trial again."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterName
from prefect.client.schemas.sorting import FlowRunSort
from prefect.runtime import flow_run

from prefect_tuner import Float, TunerConfig, TuningResult, tune
from tests.flows.failing_objectives import fails_once
from tests.flows.objectives import offset_value

pytestmark = pytest.mark.usefixtures("prefect_server")

SPACE = {"x": Float(0.0, 1.0)}
CONFIG = TunerConfig(max_trials=2)


def count(calls: Path) -> int:
    return len(calls.read_text().splitlines())


class Interrupted(Exception):
    """Ends the first attempt at the larger flow."""


Ask = Callable[[float], TuningResult]


def asking(calls: Path, *, named: bool, **options: Any) -> Ask:
    """Asks for a study by an offset, by which its result can be told."""

    def ask(offset: float) -> TuningResult:
        objective = partial(offset_value, offset=offset, calls=calls)
        study = f"{calls.parent.name}-{offset:g}" if named else ""
        result: TuningResult = tune(
            objective, SPACE, study=study, config=CONFIG, storage=str(calls.parent), **options
        )
        return result

    return ask


def run_twice(attempts: list[list[float]], ask: Ask) -> dict[float, TuningResult]:
    """A flow that asks for studies in one order, fails, and asks in another when it is retried."""

    @flow(retries=1)
    def pipeline() -> dict[float, TuningResult]:
        attempt = flow_run.run_count - 1
        results = {offset: ask(offset) for offset in attempts[attempt]}
        if attempt == 0:
            raise Interrupted
        return results

    return pipeline()


@pytest.mark.parametrize(
    ("attempts", "named"),
    [
        ([[10.0, 20.0, 30.0], [30.0, 10.0, 20.0]], True),
        ([[10.0, 20.0, 30.0], [30.0, 10.0, 20.0]], False),
        ([[10.0, 20.0], [20.0]], False),
        ([[20.0], [10.0, 20.0]], True),
    ],
    ids=["in another order, named", "in another order", "the first left out", "a new one before"],
)
def test_a_retried_parent_gets_what_it_asks_for(
    tmp_path: Path, attempts: list[list[float]], named: bool
) -> None:
    calls = tmp_path / "calls"
    results = run_twice(attempts, asking(calls, named=named))
    for offset, result in results.items():
        assert offset <= result.best_metric <= offset + 1
    assert count(calls) == CONFIG.max_trials * len(set(attempts[0]) | set(attempts[1]))


def test_what_was_asked_differently_is_another_study(tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    objective = partial(offset_value, offset=0.0, calls=calls)

    @flow(retries=1)
    def pipeline() -> TuningResult:
        seed = flow_run.run_count
        result: TuningResult = tune(objective, SPACE, seed=seed, config=CONFIG)
        if flow_run.run_count == 1:
            raise Interrupted
        return result

    pipeline()
    assert count(calls) == 2 * CONFIG.max_trials


@pytest.mark.parametrize("named", [True, False])
def test_a_study_that_failed_goes_on_when_its_parent_is_retried(
    tmp_path: Path, named: bool
) -> None:
    calls = tmp_path / "calls"
    config = TunerConfig(max_trials=4, on_failure="raise")

    @flow(retries=1)
    def pipeline() -> TuningResult:
        result: TuningResult = tune(
            partial(fails_once, calls=calls),
            SPACE,
            study=tmp_path.name if named else "",
            config=config,
            storage=str(tmp_path),
        )
        return result

    result = pipeline()
    assert [trial.number for trial in result.trials] == [0, 1, 2, 3]
    assert calls.read_text().split() == ["0", "1", "2", "3"]
    assert result.trials[1].message == "RuntimeError: the first time"


def test_equal_studies_without_a_name_are_studies_of_their_own(tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    objective = partial(offset_value, offset=0.0, calls=calls)

    @flow(retries=1)
    def pipeline() -> list[TuningResult]:
        results = [tune(objective, SPACE, config=CONFIG) for _ in range(2)]
        if flow_run.run_count == 1:
            raise Interrupted
        return results

    first, second = pipeline()
    assert first.study != second.study
    assert first.digest == second.digest
    assert count(calls) == 2 * CONFIG.max_trials


def test_other_flow_runs_read_the_result_of_a_subflow(tmp_path: Path) -> None:
    ask = asking(tmp_path / "calls", named=False)

    @flow
    def pipeline() -> TuningResult:
        return ask(10.0)

    @flow
    def reader(flow_run_id: str) -> TuningResult:
        with get_client(sync_client=True) as client:
            state = client.read_flow_run(UUID(flow_run_id)).state
        assert state is not None
        result: TuningResult = state.result()
        return result

    result = pipeline()
    with get_client(sync_client=True) as client:
        named = FlowRunFilter(name=FlowRunFilterName(any_=[result.study]))
        latest = FlowRunSort.START_TIME_DESC
        run, *_ = client.read_flow_runs(flow_run_filter=named, sort=latest)
    assert reader(str(run.id)).digest == result.digest
