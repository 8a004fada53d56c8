from __future__ import annotations

import copy
import json
import pickle
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_tuner import Outcome, StopReason, Trial, TuningResult
from prefect_tuner.flows.study.tuning_result import trial_row
from tests.flows.studies import completed, failed
from tests.search_spaces import same

VALUES = (
    st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
)


def result(*trials: Trial) -> TuningResult:
    return TuningResult(
        study="churn",
        direction="maximize",
        stop_reason=StopReason.MAX_TRIALS,
        best_trial=next(trial for trial in trials if trial.metric is not None),
        trials=list(trials),
        duration=1.5,
    )


@given(st.dictionaries(st.text(min_size=1), VALUES, min_size=1, max_size=4))
def test_values_keep_their_exact_types_through_json(params: dict[str, bool | float | str]) -> None:
    before = result(completed(0, 0.5, **params))
    after = TuningResult.model_validate_json(before.to_json())
    assert after == before
    assert list(after.best_params) == list(params)
    assert all(same(after.best_params[name], value) for name, value in params.items())


def test_true_one_and_one_point_zero_stay_apart_through_json() -> None:
    before = result(completed(0, 1.0, a=True, b=1, c=1.0, d="1"))
    after = TuningResult.model_validate(json.loads(before.to_json()))
    assert [type(value) for value in after.best_params.values()] == [bool, int, float, str]


def test_the_json_says_the_best_at_the_top_level() -> None:
    data = json.loads(result(failed(0), completed(1, 0.5, lr=0.1)).to_json())
    assert data["best_params"] == {"lr": 0.1}
    assert data["best_metric"] == 0.5
    assert data["stop_reason"] == "max_trials"
    assert [trial["outcome"] for trial in data["trials"]] == ["failed", "completed"]


def test_the_best_parameters_are_the_callers_own() -> None:
    found = result(completed(0, 0.5, lr=0.1))
    found.best_params["lr"] = 0.2
    assert found.best_params == {"lr": 0.1}


def test_a_result_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        result(completed(0, 0.5)).duration = 2.0


def test_the_dataframe_has_a_row_for_each_trial_and_a_column_for_each_number() -> None:
    frame = result(
        completed(0, 0.5, lr=0.1, booster="dart"),
        Trial(1, {"lr": 0.2, "booster": "gbtree"}, outcome=Outcome.FAILED, message="no"),
        Trial(
            2,
            {"lr": 0.3, "booster": "dart"},
            outcome=Outcome.COMPLETED,
            metric=0.25,
            extra={"loss": 2.0},
        ),
    ).to_dataframe()
    assert list(frame.index) == [0, 1, 2]
    assert frame.index.name == "trial"
    assert list(frame["outcome"]) == ["completed", "failed", "completed"]
    assert list(frame["param.lr"]) == [0.1, 0.2, 0.3]
    assert frame["metric"].idxmax() == 0
    assert frame["extra.loss"][2] == 2.0
    assert frame["message"][1] == "no"


def test_the_dataframe_keeps_types_where_parameters_are_missing() -> None:
    frame = result(
        Trial(0, {"kind": "a"}, outcome=Outcome.COMPLETED, metric=1.0),
        Trial(1, {"kind": "b", "depth": 3, "flag": True}, outcome=Outcome.COMPLETED, metric=2.0),
    ).to_dataframe()
    assert list(frame.columns[2:5]) == ["param.kind", "param.depth", "param.flag"]
    assert frame["param.depth"].isna().tolist() == [True, False]
    assert repr(int(frame["param.depth"][1])) == "3"
    assert str(frame["param.depth"].dtype) == "Int64"
    assert str(frame["param.flag"].dtype) == "boolean"


def test_a_missing_pandas_is_named_with_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r'pandas: pip install "prefect-tuner\[dataframe\]"'):
        result(completed(0, 0.5)).to_dataframe()


def test_a_row_says_running_while_there_is_no_outcome() -> None:
    assert trial_row(Trial(4, {"x": 1}))["outcome"] == "running"


@pytest.mark.parametrize("reason", list(StopReason))
def test_a_stop_reason_is_its_name_and_has_a_sentence(reason: StopReason) -> None:
    assert reason == reason.name.lower() == str(reason)
    assert " " in reason.sentence
    assert StopReason(str(reason)) is reason
    assert copy.deepcopy(reason) is reason
    assert pickle.loads(pickle.dumps(reason)) is reason
