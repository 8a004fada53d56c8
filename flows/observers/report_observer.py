"""Shows the study's report in the Prefect UI: seldom while it runs, complete at its end."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from http import HTTPStatus
from uuid import UUID

from prefect.artifacts import create_markdown_artifact
from prefect.client.orchestration import get_client
from prefect.exceptions import PrefectHTTPStatusError

from prefect_tuner.flows.ledger.study_state import StudyState
from prefect_tuner.flows.observers.live_updates import LiveUpdates
from prefect_tuner.flows.observers.observer import TuningObserver
from prefect_tuner.flows.reports.markdown_text import markdown_text
from prefect_tuner.flows.study.study_name import study_key
from prefect_tuner.flows.study.tuning_events import (
    Progress,
    StudyCompleted,
    StudyFailed,
    StudyStarted,
    TrialCompleted,
    TrialFailed,
    ending_sentence,
)
from prefect_tuner.flows.study_report.report_maker import (
    ReportRequest,
    can_make_reports,
    make_report,
)

VARIABLE = "PREFECT_TUNER_REPORTS"
"""The environment variable that, set to 0, keeps reports from being made."""

SHORTEST_INTERVAL = 20.0
"""Seconds between two live reports, and before the first one."""

COST_SHARE = 0.05
"""Share of the time that goes into reports at the most: each takes seconds of a processor."""

LIVE_TIMEOUT, LAST_TIMEOUT, HASTY_TIMEOUT = 12.0, 17.0, 8.0
"""Seconds for a report while the study runs, at its end, and when it is stopped from outside: the
live and the last one together are within what observers may take."""


def reports_are_made() -> bool:
    """Whether studies have reports here: the extra is installed, and nobody has said no."""
    return os.environ.get(VARIABLE, "") != "0" and can_make_reports()


class ReportObserver(TuningObserver):
    """Keeps the study's report up to date.

    It is one artifact, whose key is the study's name, made safe, with `-report` behind it; it is
    changed in its place, since a version of each live report would fill the server's database.

    Args:
        state: Gives what the study's ledger says at the time.
        clock: Seconds, rising.
    """

    def __init__(
        self, state: Callable[[], StudyState], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._state = state
        self._name = ""
        self._artifact: UUID | None = None
        self._updates = LiveUpdates(clock, SHORTEST_INTERVAL, COST_SHARE)

    def on_study_started(self, event: StudyStarted) -> None:
        """Begin to wait."""
        self._name = event.study
        self._updates.begin()

    def on_trial_completed(self, event: TrialCompleted) -> None:
        """Make a report, if the last one was long enough ago."""
        self._update_seldom(event.progress)

    def on_trial_failed(self, event: TrialFailed) -> None:
        """Make a report, if the last one was long enough ago."""
        self._update_seldom(event.progress)

    def on_completed(self, event: StudyCompleted) -> None:
        """Make the last report."""
        self._write(event.progress, ending_sentence(event), LAST_TIMEOUT)

    def on_failed(self, event: StudyFailed) -> None:
        """Make the last report."""
        timeout = HASTY_TIMEOUT if event.cancelled else LAST_TIMEOUT
        self._write(event.progress, ending_sentence(event), timeout)

    def _update_seldom(self, progress: Progress) -> None:
        self._updates.update(progress, lambda: self._write(progress, "Running", LIVE_TIMEOUT))

    def _write(self, progress: Progress, ending: str, timeout: float) -> None:
        if not self._name:
            return
        # The loop writes meanwhile: a copy is of one moment, or nearly.
        request = ReportRequest.model_construct(
            state=self._state().copy(),
            name=self._name,
            ending=ending,
            elapsed=progress.elapsed,
            timeout=timeout,
            is_last=timeout != LIVE_TIMEOUT,
        )
        self._send(make_report(request))

    def _send(self, markdown: str) -> None:
        if self._artifact is not None:
            try:
                # Not by the client's `update_artifact`: it emits an event that holds all of it.
                get_client(sync_client=True).request(
                    "PATCH",
                    "/artifacts/{id}",
                    json={"data": markdown},
                    path_params={"id": self._artifact},
                )
                return
            except PrefectHTTPStatusError as error:
                if error.response.status_code != HTTPStatus.NOT_FOUND:
                    raise
                self._artifact = None  # Somebody has deleted it.
        created = create_markdown_artifact(
            markdown=markdown,
            key=f"{study_key(self._name)}-report",
            description=f"The report of study {markdown_text(self._name)}",
        )
        # Prefect's type allows for its asynchronous callers, which this is not.
        self._artifact = created if isinstance(created, UUID) else None
