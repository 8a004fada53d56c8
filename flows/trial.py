"""The flow `trial`: one trial of a study as a flow run of its own, on any work pool."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from prefect import flow
from prefect.runtime import flow_run

from prefect_tuner.flows.flow_file import leave_import_path
from prefect_tuner.tasks.trial_task import supervise_trial
from prefect_tuner.tasks.workers.flow_run_host import FlowRunHost
from prefect_tuner.tasks.workers.trial_host import hosted_by
from prefect_tuner.tasks.workers.trial_request import message_from_text

if __name__ != "prefect_tuner.flows.trial":
    leave_import_path(__file__)


# Whether another attempt follows is for the study to say; an answer is kept at the flow run.
@flow(name="trial", retries=0, retry_delay_seconds=0, persist_result=False, log_prints=False)
def trial(request: str) -> Any:
    """Run one attempt at a trial, in a process of its own with the limits of its study.

    Studies with engine `deployment` start it, from a deployment of this flow; it is not meant to be
    started otherwise. The state of the flow run is the trial's outcome.

    Args:
        request: What to run, as JSON; written by the study.

    Returns:
        The state: `Completed`, `TimedOut`, `Crashed`, `Cancelled`, or `Failed` for all else that
        can go wrong, with the reason as its message.

    Raises:
        EngineError: The request cannot be read.
    """
    message = message_from_text(request)
    own = str(flow_run.id)
    with closing(FlowRunHost(own, message.get("flow_run") or own)) as host, hosted_by(host):
        return supervise_trial(message)
