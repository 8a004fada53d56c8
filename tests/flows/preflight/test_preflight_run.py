"""The trials of a preflight come first, others wait for them, and they are judged once."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from prefect_tuner import Outcome, Params, Study, Trial
from prefect_tuner.ending import Ending
from prefect_tuner.flows.ledger.ledger_records import InitialTrial, PreflightPoint
from prefect_tuner.flows.ledger.recorded_study import RecordedStudy
from prefect_tuner.flows.preflight.preflight_points import preflight_points
from prefect_tuner.flows.preflight.preflight_run import Preflight, PreflightRun
from prefect_tuner.flows.study.tuning_events import PreflightEnded, TuningEvent
from prefect_tuner.flows.study.tuning_result import StopReason
from tests.flows.ledgers import SPACE, Killed, SimulatedRun, state_of, study_record

KNOWN = InitialTrial(params={"x": 0.125, "kind": "b"}, metric=0.5)
FIRST = InitialTrial(params={"x": 0.25, "kind": "a"})


def study() -> Study:
    return Study(SPACE, "random", "minimize", seed=7)


def points() -> list[PreflightPoint]:
    return preflight_points(study().strategy, 20)


def train(params: Params, seed: int) -> float:
    return float(params["x"]) + seed % 5


def run_of(
    folder: Path, *, initial: tuple[InitialTrial, ...] = (), with_preflight: bool = True
) -> SimulatedRun:
    planned = points() if with_preflight else []
    return SimulatedRun(folder, study(), train, 2, initial, planned)


def failed() -> Ending:
    return Ending(Outcome.FAILED, "KeyError: 'lr'", duration=0.1)


def finish_next(recorded: RecordedStudy, most: int, ending: Ending) -> Trial:
    assert recorded.can_ask(most)
    trial = recorded.ask(most)
    assert trial is not None
    recorded.start(trial)
    recorded.finish(trial.number, ending)
    while recorded.tell_next() is not None:
        pass
    return trial


def preflight_of(
    run: SimulatedRun, kind: Preflight = "first"
) -> tuple[PreflightRun, list[TuningEvent]]:
    events: list[TuningEvent] = []
    return PreflightRun(run.study, kind, events.append), events


@settings(max_examples=12, deadline=None)
@given(kills=st.lists(st.integers(0, 9), max_size=3), seed=st.integers(0, 99))
def test_a_run_that_was_killed_goes_on_with_the_same_trials(kills: list[int], seed: int) -> None:
    def trials_of(steps: list[int | None], order: Random) -> list[Trial]:
        with tempfile.TemporaryDirectory() as folder:
            trials: list[Trial] = []
            for number, limit in enumerate(steps):
                run = run_of(Path(folder), initial=(FIRST, KNOWN), with_preflight=number == 0)
                with suppress(Killed):
                    trials = run.run(9, order, limit)
            return trials

    def told(trials: list[Trial]) -> list[tuple[Params, int, float | None]]:
        return [(trial.params, trial.seed, trial.metric) for trial in trials]

    undisturbed = told(trials_of([None], Random(0)))
    assert [params for params, _, _ in undisturbed[1:6]] == [
        *(point.params for point in points()),
        FIRST.params,
    ]
    assert told(trials_of([*kills, None], Random(seed))) == undisturbed


def test_a_reproducible_study_has_the_same_trials_with_any_number_of_workers(
    tmp_path: Path,
) -> None:
    digests = set()
    for workers in (1, 2, 4):
        built = Study(SPACE, "tpe", "minimize", seed=7, lag=4)
        folder = tmp_path / str(workers)
        run = SimulatedRun(folder, built, train, workers, (FIRST,), points())
        run.run(16, Random(workers))
        digests.add(state_of(folder).digest)
    assert len(digests) == 1


def test_other_trials_wait_until_it_has_ended(tmp_path: Path) -> None:
    run = run_of(tmp_path)
    preflight, events = preflight_of(run)
    count = len(points())
    for number in range(count):
        most = preflight.most_trials(20)
        assert most == count
        assert preflight.judge() is None
        assert finish_next(run.study, most, Ending(Outcome.COMPLETED, metric=1.0)).number == number
    assert not run.study.can_ask(preflight.most_trials(20))
    assert preflight.judge() is None
    assert preflight.judge() is None
    (event,) = events
    assert isinstance(event, PreflightEnded)
    assert list(event.trials) == ["middle", "low corner", "high corner", "middle again"]
    assert event.trials["middle"].seed != event.trials["middle again"].seed
    assert preflight.most_trials(20) == 20
    run.ledger.close()


def test_a_study_whose_trials_all_fail_alike_ends_with_it(tmp_path: Path) -> None:
    run = run_of(tmp_path)
    preflight, events = preflight_of(run)
    for _ in points():
        finish_next(run.study, preflight.most_trials(20), failed())
    assert preflight.judge() is StopReason.PREFLIGHT_FAILED
    (event,) = events
    assert isinstance(event, PreflightEnded)
    assert event.is_pointless
    run.ledger.close()


def test_a_trial_that_was_cancelled_alone_does_not_have_the_study_wait_for_ever(
    tmp_path: Path,
) -> None:
    run = run_of(tmp_path)
    preflight, events = preflight_of(run)
    ends = [Ending(Outcome.COMPLETED, metric=1.0)] * len(points())
    ends[2] = Ending(Outcome.CANCELLED, "the trial's flow run was cancelled")
    for ending in ends:
        finish_next(run.study, preflight.most_trials(20), ending)
    assert preflight.judge() is None
    (event,) = events
    assert isinstance(event, PreflightEnded)
    assert [trial.outcome for trial in event.trials.values()] == [end.outcome for end in ends]
    assert not event.is_pointless
    assert run.study.can_ask(preflight.most_trials(20))
    run.ledger.close()
    # It is run again when the study goes on, which is judged then.
    again = run_of(tmp_path, with_preflight=False)
    preflight, events = preflight_of(again)
    assert finish_next(again.study, preflight.most_trials(20), ends[0]).number == 2
    assert preflight.judge() is None
    (event,) = events
    assert isinstance(event, PreflightEnded)
    assert {trial.outcome for trial in event.trials.values()} == {Outcome.COMPLETED}
    again.ledger.close()


def test_after_one_that_has_failed_the_next_run_makes_another(tmp_path: Path) -> None:
    first = run_of(tmp_path)
    for _ in points():
        finish_next(first.study, 20, failed())
    first.study.stop("failed", "no trial has a metric")
    first.ledger.close()
    second = run_of(tmp_path)
    preflight, events = preflight_of(second)
    assert preflight.judge() is None
    asked = []
    while second.study.can_ask(preflight.most_trials(20)):
        trial = second.study.ask(20)
        assert trial is not None
        asked.append(trial.params)
        second.study.start(trial)
        second.study.finish(trial.number, Ending(Outcome.COMPLETED, metric=1.0))
        while second.study.tell_next() is not None:
            pass
    assert asked == [point.params for point in points()]
    preflight.judge()
    assert len(events) == 1
    second.ledger.close()
    assert len(state_of(tmp_path).preflights) == 2


def test_a_study_that_has_begun_has_none(tmp_path: Path) -> None:
    before = run_of(tmp_path, with_preflight=False)
    before.run(3, Random(0))
    after = run_of(tmp_path)
    preflight, events = preflight_of(after)
    assert not preflight.can_be_made
    assert preflight.most_trials(20) == 20
    assert preflight.judge() is None
    assert events == []
    after.ledger.close()


def test_what_was_made_before_is_told_again_to_who_asks_for_nothing_else(tmp_path: Path) -> None:
    count = len(points())
    run_of(tmp_path).run(count, Random(0))
    for kind, reason in (("first", None), ("only", StopReason.PREFLIGHT)):
        again = run_of(tmp_path)
        while again.study.tell_next() is not None:
            pass
        preflight, events = preflight_of(again, kind)  # type: ignore[arg-type]
        assert preflight.judge() is reason
        assert len(events) == (kind == "only")
        assert not again.study.can_ask(count)
        again.ledger.close()


def test_a_study_that_is_adopted_has_one_of_its_own(tmp_path: Path) -> None:
    run_of(tmp_path).run(len(points()), Random(0))
    state = state_of(tmp_path)
    assert state.preflighted == {0, 1, 2, 3}
    state.take(study_record(seed=8))
    assert state.preflights == []
