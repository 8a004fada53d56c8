"""Secrets among a study's parameters are told to nobody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from prefect_tuner import History, InvalidConfiguration, Params, SearchStrategy, tune
from prefect_tuner.flows.listings import strategy_listing as listing
from prefect_tuner.strategies.strategy import StrategyOptions
from tests.flows.flow_runs import FlowRun, flow_run, log_lines, run_tune
from tests.flows.objectives import value
from tests.polling import eventually

pytestmark = pytest.mark.usefixtures("prefect_server")

SECRET = "x7-very-secret"


@pytest.mark.parametrize(
    "parameters",
    [
        {"strategy_options": f"token={SECRET}"},
        {"strategy_options": [{"api_key": SECRET}]},
        {"strategy": {"api_key": SECRET}},
        {"strategy": "grid", "strategy_options": {"points": {"password": SECRET}}},
        {"strategy": "grid", "strategy_options": {"points": f"s3://a:{SECRET}@bucket"}},
        {"config": [f"https://user:{SECRET}@example.org"]},
        {"config": {"max_trials": {"secret": SECRET}}},
        {"objective": f"https://user:{SECRET}@example.org/train"},
        {"objective": {"credentials": SECRET}},
        {"observers": f"slack?token={SECRET}"},
        {"observers": [f"https://example.org/?token={SECRET}:Observer"]},
        {"observers": [{"webhook": f"https://a:{SECRET}@example.org"}]},
    ],
    ids=str,
)
def test_a_mistake_does_not_show_the_secrets_in_what_was_given(parameters: dict[str, Any]) -> None:
    with pytest.raises(InvalidConfiguration) as raised:
        tune(**{"objective": value, "space": {"x": [1, 2]}, **parameters})
    assert SECRET not in str(raised.value)
    assert str(raised.value).startswith(tuple(parameters))


def test_neither_log_nor_state_of_a_flow_run_with_a_mistake_shows_a_secret() -> None:
    run = run_tune(
        value, strategy_options={"options": {"token": SECRET}}, observers=f"k?token={SECRET}"
    )
    assert run.state.type == "FAILED"
    assert SECRET not in str(flow_run(run.id)["state"])
    assert not [line for line in delivered_log(run) if SECRET in line]


def delivered_log(run: FlowRun) -> list[str]:
    """The log of a flow run, once its last line has come."""

    def delivered() -> list[str]:
        lines = [line for _, line in log_lines(run.id)]
        assert any("Finished in state" in line for line in lines)
        return lines

    return eventually(delivered)


class BoughtOptions(StrategyOptions):
    licence: SecretStr = SecretStr(SECRET)


class Bought(SearchStrategy):
    """A strategy that asks a service, which wants a key."""

    Options = BoughtOptions

    def next_candidate(self, history: History) -> Params | None:
        options = self.options
        assert isinstance(options, BoughtOptions)
        assert options.licence.get_secret_value() == SECRET
        return {"x": 1} if len(history) == 0 else None


def test_a_secret_option_is_in_no_repr_and_in_no_list_of_strategies(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert SECRET not in repr(BoughtOptions())
    monkeypatch.setattr(listing, "strategy_names", lambda: ["bought"])
    monkeypatch.setattr(listing, "strategy_class", lambda _: Bought)
    text = listing.strategy_listing(listing.describe_strategies())
    assert "licence: SecretStr" in text
    assert SECRET not in text


def test_a_secret_option_reaches_the_strategy_and_neither_log_nor_ledger(tmp_path: Path) -> None:
    run = run_tune(
        value,
        {"x": [1, 2]},
        strategy=Bought,
        strategy_options={"licence": SECRET},
        storage=str(tmp_path),
    )
    assert run.outcomes == ["completed"]
    assert not [line for line in delivered_log(run) if SECRET in line]
    stored = [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    assert any('"metric"' in text for text in stored)
    assert not any(SECRET in text for text in stored)
