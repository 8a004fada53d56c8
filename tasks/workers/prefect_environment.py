"""Prefect's settings, for the processes of trials."""

from __future__ import annotations

from prefect.client.orchestration import get_client
from prefect.settings import get_current_settings


def prefect_environment() -> dict[str, str]:
    """Variables with which Prefect, in another process, has this one's settings and server."""
    settings = get_current_settings().to_environment_variables(exclude_unset=True)
    with get_client(sync_client=True) as client:  # Of this flow run: the server is there.
        return {**settings, "PREFECT_API_URL": str(client.api_url).rstrip("/")}
