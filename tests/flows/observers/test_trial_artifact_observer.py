"""Trials have artifacts of their own, as far as the server bears it, on the run that they were."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest
from prefect.client.schemas.actions import ArtifactCreate

from prefect_tuner import Trial, TrialCompleted, TrialFailed
from prefect_tuner.ending import TrialRun
from prefect_tuner.flows.observers.trial_artifact_observer import (
    AFTER_TROUBLE,
    FIRST_FAILURES,
    TrialArtifactObserver,
)
from prefect_tuner.flows.reports.leaderboard import LONGEST_TAIL, trial_markdown
from prefect_tuner.flows.study.tuning_events import Progress
from tests.flows.failing_objectives import quick_or_broken
from tests.flows.flow_runs import ask_server, run_tune
from tests.flows.studies import completed, failed, study_started
from tests.polling import eventually


class Clock:
    """Seconds that pass when a test says so."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Server:
    """Takes artifacts."""

    def __init__(self) -> None:
        self.taken: list[ArtifactCreate] = []
        self.is_away = False

    def __call__(self, artifact: ArtifactCreate) -> None:
        if self.is_away:
            raise ConnectionError("the server is away")
        self.taken.append(artifact)


class Watched:
    """An observer, its server and its clock."""

    def __init__(self, *, trials_per_task: int = 1) -> None:
        self.server, self.clock = Server(), Clock()
        self.observer = TrialArtifactObserver(self.server, self.clock)
        started = study_started("small", completed(0, 0.5))
        config = started.config.model_copy(update={"trials_per_task": trials_per_task})
        self.observer.notify(replace(started, config=config))

    def completes(self, metric: float, duration: float = 5.0, run: TrialRun | None = None) -> None:
        trial = replace(completed(1, metric), duration=duration)
        self.observer.notify(TrialCompleted(trial, Progress(), run or TrialRun(str(uuid4()))))

    def fails(self) -> None:
        run = TrialRun(str(uuid4()), log_tail="epoch 1")
        self.observer.notify(TrialFailed(failed(1), Progress(), run))


def test_one_says_which_place_its_trial_took_when_it_ended() -> None:
    watched = Watched()
    for metric in (0.4, 0.6, 0.55):
        watched.completes(metric)
        watched.clock.now += 10
    texts = [str(artifact.data) for artifact in watched.server.taken]
    assert ["rank 2 of 2" in texts[0], "rank 1 of 3" in texts[1], "rank 2 of 4" in texts[2]] == [
        True
    ] * 3
    assert all(a.key is None and a.flow_run_id is None for a in watched.server.taken)


def test_trials_that_are_short_or_follow_fast_do_without() -> None:
    watched = Watched()
    watched.completes(0.4, duration=1.0)
    watched.completes(0.4)
    watched.completes(0.4)
    assert len(watched.server.taken) == 1


def test_failures_have_one_until_there_are_many() -> None:
    watched = Watched()
    for _ in range(FIRST_FAILURES + 30):
        watched.fails()
    assert len(watched.server.taken) == FIRST_FAILURES
    watched.clock.now += 10
    watched.fails()
    watched.fails()
    assert len(watched.server.taken) == FIRST_FAILURES + 1


def test_trials_that_share_a_task_run_or_whose_run_is_not_known_do_without() -> None:
    shared = Watched(trials_per_task=5)
    shared.completes(0.4)
    assert shared.server.taken == []
    unknown = Watched()
    unknown.completes(0.4, run=TrialRun())
    assert unknown.server.taken == []


def test_a_server_in_trouble_is_left_alone() -> None:
    watched = Watched()
    watched.server.is_away = True
    with pytest.raises(ConnectionError):
        watched.completes(0.4)
    watched.server.is_away = False
    watched.clock.now += AFTER_TROUBLE - 1
    watched.completes(0.4)
    assert watched.server.taken == []
    watched.clock.now += 1
    watched.completes(0.4)
    assert len(watched.server.taken) == 1


def test_what_a_trial_says_is_shown_and_does_nothing_else() -> None:
    evil = Trial(
        3,
        {"a|b": "<script>alert(1)</script>"},
        outcome=failed(1).outcome,
        message="[click](http://evil.example)\n# Heading",
        extra={"path": "`rm`"},
    )
    tail = "x" * LONGEST_TAIL + "\n```\n<b>out of the fence</b>\x1b[31m"
    text = trial_markdown(evil, "maximize", None, 0, tail)
    assert "<script>" not in text
    assert "[click](" not in text
    assert text.count("```") == 2
    assert "\x1b" not in text
    assert "\n# Heading" not in text
    assert len(text) < LONGEST_TAIL + 1_000
    assert r"| a\|b |" in text


def test_parameters_have_names_of_their_own() -> None:
    trial = replace(completed(1, 0.5, seed=11, seconds=12), seed=7, extra={"seed": 13.0})
    text = trial_markdown(trial, "maximize", 1, 1, "")
    assert ["| seed | 11 |" in text, "| seed | 13.0 |" in text, "| seed | 7 |" in text] == [
        True
    ] * 3
    assert "| seconds | 12 |" in text


@pytest.mark.usefixtures("prefect_server")
def test_they_are_on_the_task_runs_of_their_trials() -> None:
    run = run_tune(
        quick_or_broken,
        {"x": [0.25, 0.75]},
        strategy={"name": "grid"},
        max_trials=2,
        max_concurrency=2,
    )

    def shown() -> dict[str, str]:
        task_runs = ask_server("task_runs/filter", flow_runs={"id": {"any_": [run.id]}})
        by_id = {each["id"]: each["name"] for each in task_runs}
        found = ask_server("artifacts/filter", artifacts={"task_run_id": {"any_": list(by_id)}})
        assert len(by_id) == len(found) == 2
        return {by_id[each["task_run_id"]].split()[-1]: each["data"] for each in found}

    texts = [text for _, text in sorted(eventually(shown).items())]
    assert "Metric **0.25** (maximize), rank 1 of 1 when it ended." in texts[0]
    assert "memory, MB" in texts[0]
    assert "**failed**: ValueError: singular matrix." in texts[1]
    log = texts[1].partition("```text")[2]
    assert "epoch 1: loss 0.3" in log
    assert 'raise ValueError("singular matrix")' in log
