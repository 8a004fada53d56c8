"""Which trials of a ledger count, compared with what the study itself has given."""

from __future__ import annotations

from pathlib import Path

import pytest

from prefect_tuner import (
    LedgerError,
    Outcome,
    Params,
    StopReason,
    TrialContext,
    TunerConfig,
    TuningResult,
    tune,
)
from prefect_tuner.flows.ledger.counted_trials import (
    AHEAD_OF_THE_STOP,
    best_counted,
    counted_trials,
    recorded_result,
)
from prefect_tuner.flows.ledger.ledger import read_state
from prefect_tuner.flows.ledger.study_state import StudyState
from prefect_tuner.flows.run.default_storage import storage_or_default
from prefect_tuner.flows.storage.storage_address import open_store
from prefect_tuner.flows.study.study_digest import study_digest
from tests.flows.stored_studies import store_study
from tests.flows.studies import completed, failed
from tests.flows.study.test_study import CautiousSearch
from tests.polling import eventually

REPRODUCIBLE = TunerConfig(max_trials=10, reproducible=True, lag=4)


def state_of(name: str) -> StudyState:
    state = read_state(open_store(storage_or_default(""), name))
    assert state is not None
    return state


@pytest.mark.usefixtures("prefect_server")
def test_a_complete_study_is_told_from_its_ledger_as_its_run_told_it(ledgers: Path) -> None:
    def other_has_finished() -> None:
        assert b'"type": "finished"' in (ledgers / "ahead.jsonl").read_bytes()

    def train(_: Params, trial: TrialContext) -> float:
        if trial.number == 0:  # Ends after the other, whose better metric is not to count then.
            eventually(other_has_finished)
            return 1.0
        return 2.0

    result: TuningResult = tune(
        train,
        {"x": {"type": "float", "low": 0.0, "high": 1.0}},
        study="ahead",
        config=TunerConfig(max_concurrency=2, reproducible=True, target_metric=1.0),
    )
    assert [t.outcome for t in result.trials] == [Outcome.COMPLETED, Outcome.CANCELLED]
    state = state_of("ahead")
    assert state.trials[1].metric == 2.0
    assert counted_trials(state) == result.trials
    told = recorded_result(state)
    assert told is not None
    assert told.model_copy(update={"duration": result.duration}) == result


@pytest.mark.usefixtures("prefect_server")
@pytest.mark.parametrize("reproducible", [False, True])
def test_the_trial_that_the_strategy_relies_on_is_told_from_the_ledger_too(
    reproducible: bool,
) -> None:
    def train(params: Params) -> float:
        return float(params["n"])

    def run(max_trials: int) -> TuningResult:
        result: TuningResult = tune(
            train,
            {
                "x": {"type": "float", "low": -1.0, "high": 1.0},
                "n": {"type": "int", "low": 0, "high": 100},
            },
            strategy=CautiousSearch,
            direction="maximize",
            study="cautious",
            config=TunerConfig(
                max_trials=max_trials, patience=10, max_concurrency=1, reproducible=reproducible
            ),
        )
        return result

    result = run(3)
    assert (result.best_metric, result.best_trial.number) == (0.0, 0)
    state = state_of("cautious")
    assert state.stopped is not None
    assert state.stopped.best == 0
    told = recorded_result(state)
    assert told is not None
    assert told.best_trial == result.best_trial
    again = run(3)  # It is complete: nothing is run.
    assert again.best_trial == result.best_trial
    assert run(5).best_trial.number == 0
    assert best_counted(state_of("cautious")) == result.best_trial


def test_a_ledger_cannot_call_a_trial_the_best_that_has_no_metric() -> None:
    for best in (1, 2, -1):
        with pytest.raises(LedgerError, match=f"trial {best} cannot be the best"):
            store_study(f"odd{best}", completed(0, 0.5), failed(1), best=best)
        with pytest.raises(LedgerError, match=f"trial {best} cannot be the best"):
            state_of(f"odd{best}")


def test_what_ended_after_the_trial_that_stopped_a_reproducible_study_does_not_count() -> None:
    config = REPRODUCIBLE.model_copy(update={"patience": 2})
    trials = [completed(0, 0.5), completed(1, 0.4), failed(2), completed(3, 0.9), failed(4)]
    store_study("small", *trials, reason=StopReason.PATIENCE, config=config, lag=4)
    counted = counted_trials(state_of("small"))
    assert counted[:3] == trials[:3]
    assert [t.outcome for t in counted[3:]] == [Outcome.CANCELLED] * 2
    assert {t.message for t in counted[3:]} == {AHEAD_OF_THE_STOP}
    assert best_counted(state_of("small")) == trials[0]
    assert study_digest(counted) == study_digest(trials[:3])


@pytest.mark.parametrize(
    ("reason", "lag"), [(StopReason.MAX_DURATION, 4), (StopReason.PATIENCE, None)]
)
def test_everything_counts_where_time_or_nobody_says_in_which_order(
    reason: StopReason, lag: int | None
) -> None:
    config = REPRODUCIBLE.model_copy(update={"patience": 1})
    trials = [completed(0, 0.5), completed(1, 0.4), completed(2, 0.9)]
    store_study("small", *trials, reason=reason, config=config, lag=lag)
    assert counted_trials(state_of("small")) == trials
    assert best_counted(state_of("small")) == trials[2]


def test_everything_counts_while_a_study_can_go_on() -> None:
    config = REPRODUCIBLE.model_copy(update={"patience": 1})
    trials = [completed(0, 0.5), completed(1, 0.4), completed(2, 0.9)]
    store_study("small", *trials, ending=None, config=config, lag=4)
    assert counted_trials(state_of("small")) == trials
