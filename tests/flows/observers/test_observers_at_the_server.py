"""What a study leaves at the Prefect server: logs, artifacts, events."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from prefect.artifacts import create_link_artifact
from prefect.logging import get_run_logger

from prefect_tuner import BestImproved, StopReason, StudyCompleted, TuningObserver
from prefect_tuner.flows.study.study_name import study_key
from tests.flows.flow_runs import FlowRun, artifacts, events, log_lines, run_tune
from tests.flows.objectives import by_number
from tests.messages import NO_TRIAL_HAS_A_METRIC
from tests.polling import eventually

pytestmark = pytest.mark.usefixtures("prefect_server")

STUDY = "Observed | study"
KEY = study_key(STUDY)


class Announcer(TuningObserver):
    """A user's own: one method, which uses the flow run's context."""

    def on_best_improved(self, event: BestImproved) -> None:
        get_run_logger().info("Hear, hear: trial %d leads", event.trial.number)
        create_link_artifact("https://example.org", key=f"leader-{event.trial.number}")


class Broken(TuningObserver):
    """A user's own, with a mistake in it."""

    def on_trial_completed(self, event: Any) -> None:
        raise LookupError(f"no such column in trial {event.trial.number}")


@pytest.fixture(scope="module")
def run(prefect_server: object) -> FlowRun:
    """A study of 5 trials, two of which fail, with two observers of its own."""
    assert prefect_server
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_TUNER_REPORTS", "1")
        return run_tune(
            by_number([0.25, "raise", 0.75, "nan", 0.5]),
            {"x": {"type": "float", "low": 0.0, "high": 1.0}, "booster": ["a|b"]},
            max_trials=5,
            study=STUDY,
            observers=[Broken(), Announcer],
        )


def in_log(run: FlowRun, *sentences: str) -> list[tuple[int, str]]:
    """The log, as soon as the server has all these sentences."""

    def written() -> list[tuple[int, str]]:
        lines = log_lines(run.id)
        text = "\n".join(line for _, line in lines)
        assert [sentence for sentence in sentences if sentence not in text] == []
        return lines

    return eventually(written)


def test_the_log_tells_the_study_from_its_start_to_its_end(run: FlowRun) -> None:
    first, *_, third, _, _ = run.result.trials
    lines = in_log(
        run,
        f"Study {STUDY!r}: maximize ",
        "over infinitely many candidates with strategy 'auto', up to 5 trials, 1 at a time",
        f"Trial 0 started: x={first.params['x']!r}, booster='a|b'",
        "Trial 0 completed: metric=0.25 with x=",
        "Best metric is now 0.25 (the first), found by trial 0",
        "Trial 1 failed: ValueError: singular matrix with x=",
        "Best metric is now 0.75 (before: 0.25), found by trial 2",
        "Trial 3 invalid metric: the objective must return a finite number, got nan",
        f"Study {STUDY!r} is complete after 5 trials (2 failed)",
        f"best metric 0.75 with x={third.params['x']!r}, booster='a|b'",
    )
    warned = [line for level, line in lines if level == 30 and line.startswith("Trial ")]
    assert len(warned) == 2


def test_an_observer_of_ones_own_works_in_the_flow_run(run: FlowRun) -> None:
    in_log(run, "Hear, hear: trial 0 leads", "Hear, hear: trial 2 leads")
    assert {"leader-0", "leader-2"} <= artifacts(run.id).keys()


def test_an_observer_that_raises_is_named_and_hurts_nobody(run: FlowRun) -> None:
    lines = in_log(run, "Observer Broken failed on TrialCompleted")
    assert sum("Observer Broken failed" in line for _, line in lines) == 3
    assert any("LookupError: no such column in trial 4" in line for _, line in lines)
    assert run.state.is_completed()


def test_the_artifacts_are_named_after_the_study(run: FlowRun) -> None:
    ours = {key for key in artifacts(run.id) if not key.startswith("leader-")}
    names = ("progress", "leaderboard", "failed-trials", "best-parameters", "report")
    assert ours == {f"{KEY}-{name}" for name in names}


def test_the_progress_is_complete_at_the_end(run: FlowRun) -> None:
    assert float(artifacts(run.id)[f"{KEY}-progress"]) == 100.0


def test_the_leaderboard_has_the_best_first(run: FlowRun) -> None:
    rows = artifacts(run.id)[f"{KEY}-leaderboard"]
    assert [(row["rank"], row["trial"], row["metric"]) for row in rows] == [
        (1, 2, 0.75),
        (2, 4, 0.5),
        (3, 0, 0.25),
    ]
    assert rows[0]["param.x"] == run.result.trials[2].params["x"]
    assert rows[0]["param.booster"] == "a|b"


def test_the_failed_trials_have_a_table_of_their_own(run: FlowRun) -> None:
    rows = artifacts(run.id)[f"{KEY}-failed-trials"]
    assert [(row["trial"], row["outcome"]) for row in rows] == [
        (3, "invalid_metric"),
        (1, "failed"),
    ]
    assert rows[1]["message"] == "ValueError: singular matrix"


def test_the_best_parameters_are_there_to_read_and_to_copy(run: FlowRun) -> None:
    markdown = artifacts(run.id)[f"{KEY}-best-parameters"]
    assert f"Complete, since {StopReason.MAX_TRIALS.sentence} (3 trials completed, 2 failed, 5" in (
        markdown.replace("\\", "")
    )
    assert r"| booster | 'a\|b' |" in markdown
    fenced = markdown.partition("```json\n")[2].partition("```")[0]
    assert json.loads(fenced) == run.result.best_params


def test_the_report_is_complete_at_the_end(run: FlowRun) -> None:
    report = artifacts(run.id)[f"{KEY}-report"]
    shown = report.replace("\\", "")
    assert shown.startswith(f"# {STUDY}\n")
    assert f"Complete, since {StopReason.MAX_TRIALS.sentence}." in shown
    assert "The best metric is 0.75, found by trial 2 of 5; the first trial had 0.25." in shown
    assert "2 trials of 5 failed." in shown
    assert "auto chose gp" in shown.lower()
    assert "ValueError: singular matrix" in shown
    assert f"x: {run.result.best_params['x']!r}" in report
    alts = re.findall(r'<img src="data:image/svg\+xml;base64,[^"]+" alt="([^"]+)"', report)
    assert [alt.partition(":")[0] for alt in alts[:2]] == [
        "Best so far by trial",
        "Best so far by time",
    ]
    assert alts[2].startswith("Timeline of 5 trials in 1 slot over ")


def test_events_tell_automations_of_the_study(run: FlowRun) -> None:
    def emitted() -> list[dict[str, Any]]:
        found = events(f"prefect-tuner.study.{KEY}")
        assert len(found) == 4
        return found

    started, first, second, completed_event = eventually(emitted)
    assert [event["event"] for event in (started, first, second, completed_event)] == [
        "prefect-tuner.study.started",
        "prefect-tuner.study.best-improved",
        "prefect-tuner.study.best-improved",
        "prefect-tuner.study.completed",
    ]
    assert started["payload"]["strategy"] == "auto"
    assert started["payload"]["reason"].startswith("auto chose gp")
    assert started["payload"]["config"]["max_trials"] == 5
    assert second["payload"]["params"] == run.result.best_params
    payload = completed_event["payload"]
    assert payload["best_params"] == run.result.best_params
    assert payload["best_metric"] == 0.75
    assert payload["stop_reason"] == "max_trials"
    assert (payload["trials"], payload["failed"]) == (5, 2)
    assert completed_event["resource"]["prefect.resource.name"] == STUDY
    related = {resource["prefect.resource.id"] for resource in completed_event["related"]}
    assert f"prefect.flow-run.{run.id}" in related


def test_a_study_that_fails_says_so_in_all_three() -> None:
    failed_run = run_tune(by_number(["raise", "raise"]), max_trials=2, study="hopeless")
    reason = "no trial has a metric (2 failed)"
    in_log(failed_run, f"Study 'hopeless' failed after 2 trials: {reason}")
    found = artifacts(failed_run.id)
    assert len(found["hopeless-failed-trials"]) == 2
    assert found["hopeless-leaderboard"] == []
    assert f"Failed: {NO_TRIAL_HAS_A_METRIC}" in found["hopeless-best-parameters"].replace("\\", "")

    def emitted() -> None:
        last = events("prefect-tuner.study.hopeless")[-1]
        assert last["event"] == "prefect-tuner.study.failed"
        assert last["payload"]["error"].startswith(reason)
        assert last["payload"]["cancelled"] is False

    eventually(emitted)


def test_a_study_whose_objective_is_missing_has_never_started() -> None:
    missing = run_tune("no_such_module:train", study="never-started")
    assert artifacts(missing.id) == {}
    assert events("prefect-tuner.study.never-started") == []


def test_completed_is_heard_with_the_result(run: FlowRun) -> None:
    heard: list[StudyCompleted] = []

    class Last(TuningObserver):
        def on_completed(self, event: StudyCompleted) -> None:
            heard.append(event)

    again = run_tune(by_number([0.5]), max_trials=1, observers=[Last()])
    assert [event.result for event in heard] == [again.result]
    assert heard[0].progress.finished == 1
    assert run.id != again.id
