"""What a flow run of a trial asks for, and what its machine lets it have."""

from __future__ import annotations

import uuid
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from prefect.exceptions import PrefectHTTPStatusError
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, get_current_settings

from prefect_tuner.errors import ObjectiveNotFound
from prefect_tuner.tasks.objectives.allowed_objectives import ALLOWED_OBJECTIVES
from prefect_tuner.tasks.objectives.objective import ObjectiveSpec
from prefect_tuner.tasks.processes.isolation import LaunchSettings
from prefect_tuner.tasks.workers.flow_run_host import FlowRunHost
from prefect_tuner.tasks.workers.flow_run_notes import is_away, without_retries
from prefect_tuner.tasks.workers.study_mailbox import Signals
from prefect_tuner.tasks.workers.trial_mailbox import TrialMailbox
from prefect_tuner.tasks.workers.trial_request import TrialRequest
from prefect_tuner.trial import TrialLimits


@pytest.mark.parametrize(
    ("path", "allowed", "launch"),
    [
        ("json:loads", "company.models:*", LaunchSettings()),
        (
            "json:loads",
            "company.models:*",
            LaunchSettings(devices=("",), device_variable=ALLOWED_OBJECTIVES),
        ),
        ("models/own.py:train", "models/*.py:train", LaunchSettings()),
    ],
    ids=["as it is", "a variable of the request", "a folder of the request"],
)
def test_a_request_does_not_say_what_may_be_imported(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    path: str,
    allowed: str,
    launch: LaunchSettings,
) -> None:
    monkeypatch.setenv(ALLOWED_OBJECTIVES, allowed)
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
    monkeypatch.setattr(TrialMailbox, "signals", lambda _: Signals())
    monkeypatch.setattr(TrialMailbox, "claim", lambda *_: None)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "own.py").write_text("def train(params):\n    return 1.0\n")
    objective = ObjectiveSpec(path, path, path, directory=str(tmp_path))
    request = TrialRequest("study", 0, {}, 1, objective, TrialLimits(), launch=launch)
    own = str(uuid.uuid4())
    host = FlowRunHost(own, str(UUID(int=1)))
    with pytest.raises(ObjectiveNotFound):
        host.admit(request, lambda *_: None)
    host.close()


@pytest.mark.parametrize(("status", "away"), [(429, True), (408, True), (503, True), (404, False)])
def test_a_server_that_has_too_much_to_do_is_asked_again(status: int, away: bool) -> None:
    request = httpx.Request("GET", "http://server/api")
    response = httpx.Response(status, request=request)
    error = httpx.HTTPStatusError("refused", request=request, response=response)
    assert is_away(PrefectHTTPStatusError.from_httpx_error(error)) is away


def test_requests_are_not_repeated_where_that_is_asked_for_and_other_settings_stay() -> None:
    before = get_current_settings()
    assert before.client.max_retries > 0
    with without_retries():
        within = get_current_settings()
        assert PREFECT_CLIENT_MAX_RETRIES.value() == 0
        assert within.api == before.api
        with without_retries():
            assert get_current_settings() is within
    assert get_current_settings() is before
    assert before.client.max_retries > 0
