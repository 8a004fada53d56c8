"""The engine `deployment`: each trial is a flow run of its own, on any of Prefect's work pools."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from typing import Any, Self, final

from prefect.client.orchestration import get_client

from prefect_tuner.errors import TuningCancelled
from prefect_tuner.tasks.engine import Arrival, Engine, EngineStudy
from prefect_tuner.tasks.engines.flow_context import study_flow_run
from prefect_tuner.tasks.flow_runs.deployment_options import DeploymentOptions, check_options
from prefect_tuner.tasks.flow_runs.flow_run_ends import FlowRunEnds
from prefect_tuner.tasks.flow_runs.job_variables import filled, template_values
from prefect_tuner.tasks.flow_runs.signs_of_life import SignsOfLife
from prefect_tuner.tasks.flow_runs.trial_deployment import TrialDeployment
from prefect_tuner.tasks.flow_runs.trial_desk import TrialDesk
from prefect_tuner.tasks.flow_runs.trial_flow_runs import TrialFlowRuns
from prefect_tuner.tasks.workers.trial_request import TrialAnswer, TrialRequest
from prefect_tuner.tasks.workers.worker_paths import travelling


@final
class DeploymentEngine(Engine):
    """Has each attempt at a trial run as a flow run, made from a deployment of the flow `trial`.

    What an earlier run of the study has started goes on, and is adopted.

    Args:
        study: What it needs to know of the study.
        options: Which deployment, and what its infrastructure gets for each trial.
    """

    Options = DeploymentOptions
    outlives_the_study = True
    stop_timeout = 30.0

    def __init__(self, study: EngineStudy, options: DeploymentOptions) -> None:
        super().__init__(study)
        self._options = options
        self._run = uuid.uuid4().hex[:12]
        self._client = get_client(sync_client=True)
        self._flow_run = ""
        self._desk: TrialDesk | None = None
        self._is_stopped = False

    @classmethod
    @contextmanager
    def opened(cls, study: EngineStudy, options: DeploymentOptions) -> Iterator[Self]:
        """See `Engine`."""
        check_options(study, options)
        with closing(cls(study, options)) as engine:
            yield engine

    def prepare(self) -> list[tuple[int, str]]:
        """See `Engine`."""
        self._flow_run = study_flow_run()
        self._client.__enter__()
        deployment = TrialDeployment(self._client, self._options.deployment)
        deployment.check_job_variables(self._options.job_variables)
        notes = deployment.notes(self.study.launch.concurrency)
        study_id = self.study.id or self._run
        runs = TrialFlowRuns(self._client, deployment.id, self._flow_run, study_id)
        runs.begin()
        self._desk = TrialDesk(
            self.study.name,
            runs=runs,
            ends=FlowRunEnds(runs, deployment.name, self.study.log),
            life=SignsOfLife(deployment, self.study.log, self._options.start_timeout),
            job_variables=self._job_variables,
            tags=self._options.tags,
            answered=self._answered,
        )
        self._desk.open()
        if self._is_stopped:
            raise TuningCancelled(self.describe_stop())
        return notes

    def start(self, request: TrialRequest) -> None:
        """See `Engine`."""
        self._at_the_desk.start(self._as_sent(request))

    def adopt(self, request: TrialRequest) -> bool:
        """See `Engine`."""
        run = self._at_the_desk.adopt(self._as_sent(request))
        if run is None:
            return False
        self.study.log(
            logging.INFO,
            f"{request.title} goes on in the flow run that an earlier run of the study has "
            f"started for it, {run.id}",
        )
        return True

    def stop_trial(self, number: int, reason: str) -> None:
        """See `Engine`."""
        self._at_the_desk.stop_trial(number, reason)

    def let_go(self) -> None:
        """See `Engine`."""
        if self._desk is not None:
            self._desk.let_go()

    def close(self) -> None:
        """See `Engine`."""
        if self._desk is not None:
            if self._desk.is_busy:
                self.stop()
            self._desk.close()
        with suppress(Exception):
            self._client.__exit__(None, None, None)

    def _stop_all(self) -> None:
        self._is_stopped = True
        if self._desk is not None:
            self._desk.stop(self.stop_reason)

    @property
    def _at_the_desk(self) -> TrialDesk:
        if self._desk is None:
            raise RuntimeError("prepare comes first")
        return self._desk

    def _as_sent(self, request: TrialRequest) -> TrialRequest:
        """A request for a process that has nothing but its flow run, and one trial."""
        objective = replace(
            travelling(self.study.objective),
            path=self.study.objective.importable_path,
            argv=(),  # Of this program, for all to read: there may be secrets among them.
        )
        return replace(
            request,
            objective=objective,
            launch=replace(request.launch, concurrency=1),
            more=0,
            flow_run=self._flow_run,
            run=self._run,
        )

    def _job_variables(self, request: TrialRequest) -> dict[str, Any]:
        attempt = request.before + request.attempt
        values = template_values(request.study, request.number, attempt, request.limits)
        return filled(self._options.job_variables, values)

    def _answered(self, request: TrialRequest, answer: TrialAnswer, run: uuid.UUID | None) -> None:
        flow_run = "" if run is None else str(run)
        arrival = Arrival(request.number, answer, request.attempt, flow_run_id=flow_run)
        self._arrive(lambda: arrival)
