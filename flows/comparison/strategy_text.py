"""How a study was searched, in a few words."""

from __future__ import annotations

import json

from prefect_tuner.flows.ledger.ledger_records import StudyDefinition


def strategy_text(definition: StudyDefinition) -> str:
    """The strategy with its options and its seed."""
    options = {name: value for name, value in definition.strategy.items() if name != "name"}
    told = f" {json.dumps(options)}" if options else ""
    return f"{definition.strategy.get('name', '?')}{told}, seed {definition.seed}"
