"""Flow runs of `tune`, and what the Prefect server has recorded of them."""

from __future__ import annotations

import json
import os
from typing import Any, NamedTuple
from urllib.request import Request, urlopen

from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.states import Suspended

from prefect_tuner import (
    TrialCompleted,
    TunerConfig,
    TuningEvent,
    TuningObserver,
    TuningResult,
    tune,
)

X = {"x": {"type": "float", "low": 0.0, "high": 1.0}}
"""A search space for objectives that care for the number of the trial alone."""


class FlowRun(NamedTuple):
    """A flow run that has ended."""

    id: str
    state: State[Any]

    @property
    def result(self) -> TuningResult:
        found = self.state.result()
        assert isinstance(found, TuningResult)
        return found

    @property
    def outcomes(self) -> list[str]:
        """The outcomes of the trials, in the order asked."""
        return [str(trial.outcome) for trial in self.result.trials]


class SuspendAtFirst(TuningObserver):
    """Does what Prefect does when a flow run is suspended in the UI, and hears the rest."""

    def __init__(self) -> None:
        self.heard: list[TuningEvent] = []

    def notify(self, event: TuningEvent) -> None:
        self.heard.append(event)
        context = FlowRunContext.get()
        if isinstance(event, TrialCompleted) and context is not None:
            context.flow_run_suspension_request.mark_requested(Suspended())


def run_tune(objective: Any, space: Any = X, *, tuned: Any = tune, **parameters: Any) -> FlowRun:
    """Run `tune` to its end, whichever that is.

    Args:
        objective: What to tune.
        space: The search space.
        tuned: `tune`, or a variant of it.
        parameters: Fields of `TunerConfig` and parameters of `tune`.
    """
    config = {name: parameters.pop(name) for name in TunerConfig.model_fields & parameters.keys()}
    if config:
        parameters["config"] = TunerConfig(**config)
    state = tuned(objective, space, **parameters, return_state=True)
    return FlowRun(str(state.state_details.flow_run_id), state)


def ask_server(path: str, **body: Any) -> Any:
    """The server's answer to a POST request."""
    request = Request(
        f"{os.environ['PREFECT_API_URL']}/{path}",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urlopen(request, timeout=30) as response:
        return json.load(response)


def flow_run(flow_run_id: str) -> dict[str, Any]:
    """The flow run, as the server knows it."""
    (found,) = ask_server("flow_runs/filter", flow_runs={"id": {"any_": [flow_run_id]}})
    return dict(found)


def task_runs(flow_run_id: str) -> list[dict[str, Any]]:
    """The task runs of a flow run of which the server knows a state by now.

    It has others for a moment, where what belongs to a task run has come before its first state.
    """
    found = ask_server("task_runs/filter", flow_runs={"id": {"any_": [flow_run_id]}})
    return [each for each in found if each["state"] is not None]


def log_lines(flow_run_id: str) -> list[tuple[int, str]]:
    """Level and text of the lines in a flow run's log, those of its task runs included."""
    found = ask_server(
        "logs/filter", logs={"flow_run_id": {"any_": [flow_run_id]}}, sort="TIMESTAMP_ASC"
    )
    return [(line["level"], line["message"]) for line in found]


def artifacts(flow_run_id: str) -> dict[str, Any]:
    """The data of a flow run's artifacts by key, the latest of each; tables and numbers read."""
    found = ask_server(
        "artifacts/filter",
        artifacts={"flow_run_id": {"any_": [flow_run_id]}},
        sort="UPDATED_DESC",
    )
    latest: dict[str, Any] = {}
    for artifact in found:
        data = artifact["data"]
        if artifact["type"] == "table" and isinstance(data, str):
            data = json.loads(data)
        if artifact["key"] is not None:  # Prefect keeps the results of runs beside them.
            latest.setdefault(artifact["key"], data)
    return latest


def events(resource: str) -> list[dict[str, Any]]:
    """The events of a resource, the oldest first."""
    wanted = {"resource": {"id": [resource]}, "order": "ASC"}
    return list(ask_server("events/filter", filter=wanted)["events"])
