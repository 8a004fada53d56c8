"""Shows the study in the Prefect UI: progress, leaderboard, failures, best parameters."""

from __future__ import annotations

import time
from collections.abc import Callable
from uuid import UUID

from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)

from prefect_tuner.flows.observers.live_updates import LiveUpdates
from prefect_tuner.flows.observers.observer import TuningObserver
from prefect_tuner.flows.reports.leaderboard import (
    confirmation_rows,
    failure_rows,
    leaderboard_rows,
    summary_markdown,
)
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
from prefect_tuner.flows.study.tuning_result import TuningResult

SHORTEST_INTERVAL = 10.0
"""Seconds between two live updates: each leaves a version in the artifact's timeline, and costs the
server about a tenth of a second."""


class ArtifactObserver(TuningObserver):
    """Keeps the study's artifacts up to date, live but seldom, and exact at the end.

    Their keys are the study's name, made safe, with `-progress`, `-leaderboard`, `-failed-trials`,
    `-best-parameters` and `-confirmation` behind it.

    Args:
        clock: Seconds, rising.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._study: StudyStarted | None = None
        self._progress_artifact: UUID | None = None
        self._updates = LiveUpdates(clock, SHORTEST_INTERVAL)

    def on_study_started(self, event: StudyStarted) -> None:
        """Create the progress bar."""
        self._study = event
        created = create_progress_artifact(
            progress=0.0,
            key=self._key("progress"),
            description=f"Trials of study {markdown_text(event.study)} that have finished",
        )
        # Prefect's type allows for its asynchronous callers, which this is not.
        self._progress_artifact = created if isinstance(created, UUID) else None
        self._updates.begin()

    def on_trial_completed(self, event: TrialCompleted) -> None:
        """Update, if the last time was long enough ago."""
        self._update_seldom(event.progress)

    def on_trial_failed(self, event: TrialFailed) -> None:
        """Update, if the last time was long enough ago."""
        self._update_seldom(event.progress)

    def on_completed(self, event: StudyCompleted) -> None:
        """Write the final artifacts."""
        result = event.result
        if result.confirmation is not None and self._study is not None:
            create_table_artifact(
                table=confirmation_rows(result.confirmation),
                key=self._key("confirmation"),
                description=markdown_text(result.confirmation.verdict),
            )
        self._write(event.progress, ending_sentence(event), result=result)

    def on_failed(self, event: StudyFailed) -> None:
        """Write what was found before the end."""
        self._write(event.progress, ending_sentence(event))

    def _update_seldom(self, progress: Progress) -> None:
        self._updates.update(progress, lambda: self._write(progress, "Running"))

    def _write(
        self,
        progress: Progress,
        state: str,
        *,
        result: TuningResult | None = None,
    ) -> None:
        study = self._study
        if study is None:
            return
        create_markdown_artifact(
            markdown=summary_markdown(study.study, study.direction, progress, state, result),
            key=self._key("best-parameters"),
            description=f"What study {markdown_text(study.study)} has found",
        )
        name = markdown_text(study.study)
        trials = list(study.history)
        create_table_artifact(
            table=leaderboard_rows(trials, study.goal),
            key=self._key("leaderboard"),
            description=f"The best trials of study {name}, best first",
        )
        if failures := failure_rows(trials):
            create_table_artifact(
                table=failures,
                key=self._key("failed-trials"),
                description=f"The latest trials of study {name} without a metric",
            )
        # The last, since it alone needs one that is there already, and may have been deleted.
        if self._progress_artifact is not None:
            done = progress.finished / study.config.max_trials if result is None else 1.0
            update_progress_artifact(self._progress_artifact, progress=round(100 * done, 1))

    def _key(self, artifact: str) -> str:
        name = self._study.study if self._study else ""
        return f"{study_key(name)}-{artifact}"
