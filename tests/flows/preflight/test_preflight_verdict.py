"""What the first trials of a study say of it: time, memory, noise, and what is wrong."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from rich.console import Console

from prefect_tuner import Outcome, Trial, TunerConfig
from prefect_tuner.flows.preflight.preflight_report import (
    preflight_document,
    preflight_lines,
    preflight_page,
)
from prefect_tuner.flows.preflight.preflight_verdict import (
    Circumstances,
    PreflightVerdict,
    judge,
)
from prefect_tuner.flows.study.tuning_events import PreflightPlace

PLACES: tuple[PreflightPlace, ...] = ("middle", "low corner", "high corner", "middle again")


def completed(metric: float, duration: float = 10.0, memory: int | None = None) -> Trial:
    return Trial(
        0, {"x": 1.0}, outcome=Outcome.COMPLETED, metric=metric, duration=duration, memory=memory
    )


def failed(
    message: str = "KeyError: 'lr'", outcome: Outcome = Outcome.FAILED, duration: float = 0.1
) -> Trial:
    return Trial(0, {"x": 1.0}, outcome=outcome, message=message, duration=duration)


def verdict_of(*trials: Trial, notes: tuple[str, ...] = (), **config: Any) -> PreflightVerdict:
    """The verdict on trials at the places, in their order."""
    at = dict(zip(PLACES, trials, strict=False))
    machine, elapsed = config.pop("machine", None), config.pop("elapsed", None)
    return judge(at, Circumstances(TunerConfig(**config), None, 1.0, notes, machine, elapsed))


def rendered(page: Any) -> str:
    output = io.StringIO()
    Console(file=output, width=120, color_system=None, markup=False).print(page)
    return output.getvalue()


def checks(verdict: PreflightVerdict) -> list[str]:
    return [finding.check for finding in verdict.findings]


def test_nothing_is_wrong_with_a_healthy_study() -> None:
    verdict = verdict_of(completed(0.5), completed(0.1), completed(0.9), completed(0.51))
    assert checks(verdict) == []
    assert not verdict.is_pointless
    assert verdict.noise == pytest.approx(0.01)
    assert verdict.spread == pytest.approx(0.8)


def test_the_time_of_the_study_follows_from_budget_and_concurrency() -> None:
    trials = (completed(0.5, 10.0), completed(0.1, 4.0), completed(0.9, 40.0), completed(0.5, 14.0))
    alone = verdict_of(*trials, max_trials=90, max_duration=1800.0)
    assert alone.durations is not None
    assert list(alone.durations) == pytest.approx([4.0, (12 + 4 + 40) / 3, 40.0])
    assert alone.study_duration == pytest.approx(90 * 56 / 3)
    assert alone.trials_in_time == 90
    four = verdict_of(*trials, max_trials=90, max_concurrency=4)
    assert four.study_duration == pytest.approx(90 * 56 / 3 / 4)


def test_what_an_engine_takes_to_start_trials_is_part_of_the_time() -> None:
    trials = [completed(metric, 2.0) for metric in (0.5, 0.1, 0.9, 0.51)]
    given: dict[str, Any] = {"max_trials": 100, "max_concurrency": 2, "max_duration": 300.0}
    verdict = verdict_of(*trials, elapsed=20.0, **given)  # Two rounds of 10 s.
    assert verdict.overhead == pytest.approx(8.0)
    assert verdict.study_duration == pytest.approx(500.0)
    assert verdict.trials_in_time == 60
    assert checks(verdict) == ["time"]
    told = list(preflight_lines(verdict))
    assert "Of that, 8.0 s of each trial are not its own, but what it takes to be started." in told
    at_once = verdict_of(*trials, elapsed=4.1, **given)
    assert at_once.study_duration == pytest.approx(102.5)
    assert not any("not its own" in line for line in preflight_lines(at_once))


def test_a_trial_that_fails_at_once_does_not_make_the_study_short() -> None:
    verdict = verdict_of(completed(0.5, 10.0), completed(0.1, 20.0), failed(duration=0.1))
    assert verdict.durations == (10.0, 15.0, 20.0)
    timed_out = failed("ran longer", Outcome.TIMED_OUT, duration=60.0)
    assert verdict_of(completed(0.5, 10.0), timed_out).durations == (10.0, 35.0, 60.0)


def test_a_budget_that_does_not_fit_is_said_with_what_would() -> None:
    verdict = verdict_of(completed(0.5, 60.0), completed(0.4, 60.0), max_trials=100)
    assert checks(verdict) == ["time"]
    assert verdict.trials_in_time == 30
    assert "max_trials to 30" in verdict.findings[0].advice
    assert "about 30 of them" in verdict.findings[0].sentence
    assert not checks(verdict_of(completed(0.5, 60.0), completed(0.4, 60.0), max_trials=30))


def test_a_study_is_pointless_where_all_fail_alike_and_the_cause_is_told_once() -> None:
    verdict = verdict_of(failed("ValueError: bad 0.1"), failed("ValueError: bad 0.7"))
    assert verdict.is_pointless
    assert checks(verdict) == ["all_failed"]
    assert "ValueError: bad 0.1" in verdict.findings[0].sentence


def test_failures_of_several_kinds_are_told_and_do_not_end_it() -> None:
    verdict = verdict_of(failed(), failed(outcome=Outcome.TIMED_OUT, message="ran longer"))
    assert not verdict.is_pointless
    assert checks(verdict) == ["all_failed", "place_failed", "place_failed"]


def test_a_corner_that_fails_is_a_warning_with_what_to_do() -> None:
    timed_out = failed("ran longer than its limit", Outcome.TIMED_OUT, 600.0)
    verdict = verdict_of(completed(0.5), completed(0.1), timed_out, completed(0.5))
    assert not verdict.is_pointless
    (finding,) = (f for f in verdict.findings if f.check == "place_failed")
    assert finding.sentence.startswith("in the high corner")
    assert "trial_timeout" in finding.advice


def test_a_middle_that_fails_with_one_seed_alone_is_unsteady() -> None:
    verdict = verdict_of(failed(), completed(0.1), completed(0.2), completed(0.3))
    assert checks(verdict) == ["unsteady"]


def test_a_single_candidate_that_fails_is_all_there_is() -> None:
    verdict = verdict_of(failed())
    assert verdict.is_pointless
    assert verdict.findings[0].sentence.startswith("the only trial")


def test_noise_and_a_constant_metric_are_told() -> None:
    noisy = verdict_of(completed(0.5), completed(0.45), completed(0.52), completed(0.7))
    assert checks(noisy) == ["noise"]
    constant = verdict_of(completed(0.5), completed(0.5), completed(0.5), completed(0.5))
    assert checks(constant) == ["constant_metric"]
    assert constant.noise == 0.0


def test_limits_that_are_near_are_told() -> None:
    trials = (completed(0.5, 550.0, 90_000_000), completed(0.1, 10.0, 1_000_000))
    verdict = verdict_of(*trials, trial_memory_mb=100.0, max_trials=2)
    assert checks(verdict) == ["near_timeout", "near_memory_limit"]
    assert verdict.memory == 90_000_000


def test_trials_that_do_not_fit_into_the_machine_together_are_told() -> None:
    trials = (completed(0.5, memory=2_000_000_000), completed(0.1, memory=1_000_000))
    verdict = verdict_of(*trials, machine=8_000_000_000, max_concurrency=8)
    assert checks(verdict) == ["machine_memory"]
    assert verdict.findings[0].advice == "set max_concurrency to 3"
    assert not checks(verdict_of(*trials, machine=8_000_000_000, max_concurrency=2))


def test_many_short_trials_had_better_share_task_runs() -> None:
    short = (completed(0.5, 0.01), completed(0.1, 0.02))
    assert checks(verdict_of(*short, max_trials=1000)) == ["short_trials"]
    assert checks(verdict_of(*short, max_trials=1000, trials_per_task="auto")) == []


def test_the_report_tells_all_of_it_and_nothing_hostile_gets_through() -> None:
    evil = failed("\x1b[31m[bold]gone[/bold]\nsecond line")
    verdict = verdict_of(
        completed(0.5, memory=5_000_000),
        completed(0.1),
        evil,
        completed(0.51),
        notes=("each trial imports it, since it started 4 native threads (OpenMP)",),
    )
    text = rendered(preflight_page("chu[red]rn", verdict))
    assert "\x1b" not in text
    assert "[bold]gone[/bold]" in text
    assert "chu[red]rn" in text
    assert "5.0 MB" in text
    assert "4 native threads (OpenMP)." in text
    document = preflight_document("churn", verdict)
    assert json.loads(json.dumps(document)) == document
    assert [each["place"] for each in document["trials"]] == list(PLACES)
    assert document["findings"][0]["check"] == "place_failed"


def test_lines_need_no_metric() -> None:
    lines = list(preflight_lines(verdict_of(failed())))
    assert lines[0] == "A trial takes 0.1 s."
    assert lines[-1] == "Trials could run after 1.0 s, with the import of the objective."
