"""Gives trials an artifact of their own in the Prefect UI, as far as the server bears it."""

from __future__ import annotations

import math
import time
from bisect import bisect_left, insort
from collections.abc import Callable
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactCreate

from prefect_tuner.ending import TrialRun
from prefect_tuner.flows.observers.observer import TuningObserver
from prefect_tuner.flows.reports.leaderboard import trial_markdown
from prefect_tuner.flows.study.tuning_events import StudyStarted, TrialCompleted, TrialFailed
from prefect_tuner.trial import Outcome, Trial

SHORTEST_TRIAL = 2.0
"""Seconds below which a trial that completed gets none: there may be thousands of such trials."""

SHORTEST_INTERVAL = 1.0
"""Seconds between two artifacts: each takes the server up to 50 ms."""

MOST = 1_000
"""Artifacts of one run of a study."""

FIRST_FAILURES = 20
"""Failed trials that get one however fast they follow each other."""

AFTER_TROUBLE = 60.0
"""Seconds for which a server that has not taken one is left alone."""


def create_artifact(artifact: ArtifactCreate) -> None:
    """Have the Prefect server keep an artifact."""
    with get_client(sync_client=True) as client:
        client.create_artifact(artifact)


class TrialArtifactObserver(TuningObserver):
    """Creates a Markdown artifact on the run of each trial: parameters, metric, rank, log tail.

    Trials that take less than two seconds get one where they fail alone; there is one a second at
    the most, the first failures aside, and none where several trials share a task run. It is
    created from the flow's side, whatever the engine, in the observer's own thread: no trial and no
    study waits for it.

    Args:
        create: Has the server keep an artifact.
        clock: Seconds, rising.
    """

    def __init__(
        self,
        create: Callable[[ArtifactCreate], object] = create_artifact,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._create = create
        self._clock = clock
        self._study: StudyStarted | None = None
        self._losses: list[float] = []
        self._next = -math.inf
        self._created = 0
        self._failures = 0

    def on_study_started(self, event: StudyStarted) -> None:
        """Take note of the study, and of the metrics that it has already."""
        self._study = event
        for trial in list(event.history):
            self._rank(trial)

    def on_trial_completed(self, event: TrialCompleted) -> None:
        """Tell which place the trial took."""
        rank = self._rank(event.trial)
        if (event.trial.duration or 0.0) >= SHORTEST_TRIAL and self._clock() >= self._next:
            self._tell(event.trial, event.run, rank)

    def on_trial_failed(self, event: TrialFailed) -> None:
        """Tell why it failed."""
        if event.trial.outcome is Outcome.CANCELLED:
            return
        self._failures += 1
        if self._failures <= FIRST_FAILURES or self._clock() >= self._next:
            self._tell(event.trial, event.run, None)

    def _rank(self, trial: Trial) -> int | None:
        """The place that a trial takes among those that have a metric, from 1."""
        if self._study is None or trial.metric is None:
            return None
        loss = self._study.goal.loss(trial.metric)
        rank = bisect_left(self._losses, loss) + 1
        insort(self._losses, loss)
        return rank

    def _tell(self, trial: Trial, run: TrialRun, rank: int | None) -> None:
        study = self._study
        has_run = run.task_run_id or run.flow_run_id
        if study is None or study.config.trials_per_task != 1 or not has_run:
            return
        if self._created >= MOST:
            return
        self._created += 1
        markdown = trial_markdown(trial, study.direction, rank, len(self._losses), run.log_tail)
        # Without a key, lest thousands stand among the artifacts of all flows.
        artifact = ArtifactCreate(
            type="markdown",
            description=f"Trial {trial.number}",
            data=markdown,
            task_run_id=UUID(run.task_run_id) if run.task_run_id else None,
            flow_run_id=UUID(run.flow_run_id) if run.flow_run_id else None,
        )
        self._next = self._clock() + AFTER_TROUBLE
        self._create(artifact)
        self._next = self._clock() + SHORTEST_INTERVAL
