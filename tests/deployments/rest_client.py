"""Prefect's REST API, as far as the tests need it: what a user without Python would call."""

from __future__ import annotations

import json
from typing import Any, Self

import httpx

from tests.polling import eventually

FINAL = frozenset({"COMPLETED", "FAILED", "CRASHED", "CANCELLED"})


class RestClient:
    """Asks and tells one Prefect server.

    Args:
        api_url: The value of `PREFECT_API_URL`.
    """

    def __init__(self, api_url: str) -> None:
        self.api_url = api_url
        self._http = httpx.Client(base_url=api_url, timeout=30.0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, path: str) -> Any:
        """The JSON at `path`; not finding it is an assertion that failed."""
        answer = self._request("GET", path)
        assert answer.status_code == 200, f"{path}: {answer.text}"
        return answer.json()

    def post(self, path: str, body: dict[str, Any]) -> httpx.Response:
        """The answer to `body`, whatever its status."""
        return self._request("POST", path, body)

    def delete(self, path: str) -> None:
        """Delete what is there; what is not there was deleted already."""
        answer = self._request("DELETE", path)
        assert answer.status_code in (202, 204, 404), answer.text

    def filter(self, kind: str, body: dict[str, Any]) -> list[dict[str, Any]]:
        """All objects of a kind, such as `flow_runs`, that a filter lets through."""
        answer = self.post(f"/{kind}/filter", body)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()
        return found

    def deployment(self, name: str) -> dict[str, Any]:
        """A deployment by its flow's name and its own, such as `"tune/nightly"`."""
        found: dict[str, Any] = self.get(f"/deployments/name/{name}")
        return found

    def delete_automations_of(self, deployment: str) -> None:
        """Delete what a deployment has as triggers, so that nothing starts it any more."""
        self.delete(f"/automations/owned-by/prefect.deployment.{self.deployment(deployment)['id']}")

    def start_run(self, deployment: str, **parameters: Any) -> str:
        """Start a run of a deployment, and return its id."""
        answer = self.try_to_start_run(deployment, **parameters)
        assert answer.status_code == 201, answer.text
        run: str = answer.json()["id"]
        return run

    def try_to_start_run(self, deployment: str, **parameters: Any) -> httpx.Response:
        """The server's answer to the wish to start a run."""
        path = f"/deployments/{self.deployment(deployment)['id']}/create_flow_run"
        return self.post(path, {"parameters": parameters})

    def runs(self, deployment: str) -> list[str]:
        """The ids of the runs of a deployment, the latest first."""
        by_deployment = {"deployments": {"id": {"any_": [self.deployment(deployment)["id"]]}}}
        latest_first = {"sort": "EXPECTED_START_TIME_DESC"}
        return [run["id"] for run in self.filter("flow_runs", by_deployment | latest_first)]

    def cancel(self, run: str) -> None:
        """What the button `Cancel` in the UI does."""
        answer = self.post(f"/flow_runs/{run}/set_state", {"state": {"type": "CANCELLING"}})
        assert answer.status_code == 201, answer.text

    def wait_for_end(self, run: str, timeout: float = 100.0) -> dict[str, Any]:
        """The final state of a flow run."""

        def final_state() -> dict[str, Any]:
            state: dict[str, Any] = self.get(f"/flow_runs/{run}")["state"]
            assert state["type"] in FINAL, f"run {run} is {state['name']}: {state['message']}"
            return state

        return eventually(final_state, timeout=timeout, interval=0.3)

    def wait_for_success(self, run: str, timeout: float = 100.0) -> None:
        """Wait until a flow run has completed."""
        state = self.wait_for_end(run, timeout)
        assert state["type"] == "COMPLETED", state["message"]

    def finished_task_runs(self, run: str, count: int) -> list[dict[str, Any]]:
        """The task runs of a flow run, in the order they were started, when all have ended.

        The server hears of them by events, which may arrive after the flow run's own end.
        """

        def all_ended() -> list[dict[str, Any]]:
            found = self.filter("task_runs", {"flow_runs": {"id": {"any_": [run]}}})
            states = [task_run["state_type"] for task_run in found]
            assert len(found) == count, states
            assert FINAL.issuperset(states), states
            return found

        task_runs = eventually(all_ended, interval=0.3)
        return sorted(task_runs, key=lambda task_run: int(task_run["name"].rpartition("-")[2]))

    def artifact(self, key: str) -> Any:
        """The latest artifact with a key: the rows of a table, or the text of a markdown."""
        found = self.get(f"/artifacts/{key}/latest")
        return json.loads(found["data"]) if found["type"] == "table" else found["data"]

    def _request(
        self, method: str, path: str, body: dict[str, Any] | None = None
    ) -> httpx.Response:
        """Ask until the server is not busy: what it answers when SQLite is locked is a 503.

        A busy one may also not answer at all; what only reads is then asked once more.
        """

        def answer() -> httpx.Response:
            try:
                answer = self._http.request(method, path, json=body)
            except httpx.ReadTimeout as error:
                if method != "GET":
                    raise
                raise AssertionError(str(error)) from error
            assert answer.status_code != httpx.codes.SERVICE_UNAVAILABLE, answer.text
            return answer

        return eventually(answer, timeout=60.0, interval=0.3)
