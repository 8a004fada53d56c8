"""The deployment of the flow `trial` that a study's trials are made from, and its work pool."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowFilter, FlowFilterName
from prefect.client.schemas.objects import WorkerStatus, WorkPool
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import ObjectNotFound

from prefect_tuner.errors import EngineError, InvalidConfiguration
from prefect_tuner.redaction import redacted
from prefect_tuner.validation import unknown_name

FLOW = "trial"
"""The name of the flow that such deployments are of."""

_PARAMETER = "request"


class TrialDeployment:
    """A deployment of the flow `trial`, found by its name.

    Args:
        client: Connected.
        name: `flow/deployment`, or the deployment's alone.

    Raises:
        EngineError: There is none of the name, or it is of another flow.
    """

    def __init__(self, client: SyncPrefectClient, name: str) -> None:
        self._client = client
        self.name = name if "/" in name else f"{FLOW}/{name}"
        self._found = self._read()
        self._check_flow()

    @property
    def id(self) -> UUID:
        """Its id."""
        return self._found.id

    def check_job_variables(self, given: Mapping[str, object]) -> None:
        """Check that the work pool knows job variables: Prefect takes no notice of others.

        Raises:
            InvalidConfiguration: It does not know one.
        """
        pool = self._pool()
        known = (pool.base_job_template if pool else {}).get("variables", {}).get("properties", {})
        mistakes = [
            f"engine_options.job_variables.{name}: {unknown_name(name, known)} (those of work pool "
            f"{self._found.work_pool_name!r})"
            for name in given
            if known and name not in known
        ]
        if mistakes:
            raise InvalidConfiguration(*mistakes)

    def notes(self, concurrency: int) -> list[tuple[int, str]]:
        """What the user should know before any trial is started.

        Args:
            concurrency: How many trials the study has at a time.
        """
        notes: list[tuple[int, str]] = []
        pool = self._pool()
        limits = {
            f"deployment {self.name!r}": self._deployment_limit(),
            f"work pool {self._found.work_pool_name!r}": pool.concurrency_limit if pool else None,
        }
        for what, limit in limits.items():
            if limit is not None and limit < concurrency:
                told = (
                    f"config.max_concurrency: {concurrency} trials at a time, but {what} lets "
                    f"{limit} flow runs run at a time: others wait for a place"
                )
                notes.append((logging.WARNING, told))
        if pool is not None and (why := self._why_idle(pool)):
            notes.append((logging.WARNING, f"{why[0].upper()}{why[1:]}: trials wait"))
        return notes

    def why_nothing_begins(self) -> str:
        """Why the flow runs of trials may wait, half a sentence."""
        pool = self._pool()
        if pool is None:
            return f"deployment {self.name!r} has no work pool: is what serves it running?"
        if why := self._why_idle(pool):
            return why
        return (
            f"work pool {pool.name!r} has workers online: they may be busy, have no place left, or "
            "need their time to start something"
        )

    def has_workers(self) -> bool:
        """Whether somebody may start flow runs; taken for granted where nobody can tell."""
        pool = self._pool()
        return pool is None or self._is_push(pool) or self._online(pool) > 0

    def _why_idle(self, pool: WorkPool) -> str:
        """Why nothing starts flow runs in a pool; empty where something does."""
        if pool.is_paused:
            return (
                f"work pool {pool.name!r} is paused; go on with it by `prefect work-pool resume "
                f"{pool.name!r}`"
            )
        if not self._is_push(pool) and self._online(pool) == 0:
            return (
                f"work pool {pool.name!r} has no worker online; start one by `prefect worker start "
                f"--pool {pool.name!r}`"
            )
        return ""

    def _is_push(self, pool: WorkPool) -> bool:
        """Whether Prefect's own service starts the flow runs of a pool, without workers."""
        return pool.type.endswith((":push", ":managed"))

    def _online(self, pool: WorkPool) -> int:
        workers = self._client.read_workers_for_work_pool(pool.name)
        return sum(worker.status is WorkerStatus.ONLINE for worker in workers)

    def _pool(self) -> WorkPool | None:
        name = self._found.work_pool_name
        if not name:
            return None
        with suppress(ObjectNotFound):
            return self._client.read_work_pool(name)
        return None

    def _deployment_limit(self) -> int | None:
        limit = self._found.global_concurrency_limit
        return None if limit is None else limit.limit

    def _read(self) -> DeploymentResponse:
        try:
            return self._client.read_deployment_by_name(self.name)
        except ObjectNotFound:
            known = self._client.read_deployments(
                flow_filter=FlowFilter(name=FlowFilterName(any_=[FLOW]))
            )
            names = sorted(f"{FLOW}/{each.name}" for each in known)
            told = (
                unknown_name(self.name, names)
                if names
                else "is not known, and the server has no deployment of the flow `trial`: deploy "
                "prefect_tuner.flows.trial.trial (see docs/engines.md)"
            )
        raise EngineError(f"engine_options.deployment: {redacted(self.name)} {told}")

    def _check_flow(self) -> None:
        flow = self._client.read_flow(self._found.flow_id)
        takes = set((self._found.parameter_openapi_schema or {}).get("properties", {}))
        if flow.name != FLOW or takes != {_PARAMETER}:
            raise EngineError(
                f"engine_options.deployment: must be one of the flow `trial` of this package "
                f"(prefect_tuner.flows.trial.trial), but {redacted(self.name)} is of the flow "
                f"{redacted(flow.name)}, which takes {', '.join(sorted(takes)) or 'nothing'}"
            )
