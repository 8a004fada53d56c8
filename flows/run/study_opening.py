"""From a study's plan to the study itself, rebuilt from its ledger where it has one."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from prefect_tuner import __version__
from prefect_tuner.errors import LedgerError, StudyConflict
from prefect_tuner.flows.ledger.counted_trials import recorded_result
from prefect_tuner.flows.ledger.initial_trials_source import SourcedTrials, load_initial_trials
from prefect_tuner.flows.ledger.ledger import Ledger, read_state
from prefect_tuner.flows.ledger.ledger_records import PreflightPoint, RunRecord, StudyRecord
from prefect_tuner.flows.ledger.recorded_study import RecordedStudy
from prefect_tuner.flows.ledger.study_conflict import differences
from prefect_tuner.flows.ledger.study_state import StudyState
from prefect_tuner.flows.preflight.preflight_points import preflight_points
from prefect_tuner.flows.run.study_plan import StudyPlan
from prefect_tuner.flows.storage.holder import Holder
from prefect_tuner.flows.storage.storage_address import open_store
from prefect_tuner.flows.storage.utc_time import utc_now
from prefect_tuner.flows.study.study_name import study_key
from prefect_tuner.flows.study.tuning_result import TuningResult
from prefect_tuner.tasks.engines.engine_registry import DEFAULT_ENGINE
from prefect_tuner.tasks.objectives.objective_code import changed_code

_ID = 8
_CHANGES_SHOWN = 5


@dataclass(frozen=True)
class OpenStudy:
    """A study that this run holds.

    Attributes:
        name: Its name, as it is shown.
        plan: What it is, with the lag that it has.
        ledger: Claimed.
        recorded: The study, rebuilt.
        result: What its ledger holds as the result of a complete study; None where there is none,
            and where the study was adopted just now.
        notes: What a person should know about how it was opened: the level of the log line, and a
            sentence.
        continuation: The sentence for one that goes on; empty for one that begins.
    """

    name: str
    plan: StudyPlan
    ledger: Ledger
    recorded: RecordedStudy
    result: TuningResult | None
    notes: list[tuple[int, str]]
    continuation: str = ""


def open_study(
    plan: StudyPlan,
    name: str,
    holder: Holder,
    on_lost: Callable[[str], None],
    outermost_run: str = "",
    runs_before: Sequence[tuple[str, str]] = (),
) -> OpenStudy:
    """Claim a study's ledger and rebuild the study from it. Nothing is written yet.

    Args:
        plan: The study, checked.
        name: Its name; empty for one that belongs to the flow run alone.
        holder: This run.
        on_lost: Called with a sentence, by another thread, when the claim was lost.
        outermost_run: Id of the flow run to which a fresh study belongs.
        runs_before: Names and ids of the flow runs that were at a study without a name before.

    Raises:
        StudyConflict: The name belongs to another study, or another run holds it.
        LedgerError: The ledger cannot be read or written.
    """
    recorded = f"{name}-{outermost_run[:_ID]}" if plan.fresh else name
    for candidate in _candidates(plan, recorded, holder, runs_before):
        store = open_store(plan.storage, study_key(candidate))
        try:
            ledger = Ledger(store, holder, on_lost)
        except StudyConflict as error:
            raise StudyConflict(
                f"study {candidate!r} is {error}. Wait until that run has ended, or give this "
                "study another name"
            ) from None
        try:
            _check_name(ledger.state, candidate, store.location)
            opened = _open(plan, candidate, ledger)
            if plan.fresh:
                opened = replace(opened, name=name)
        except _Taken:
            ledger.close()
            continue
        except BaseException:
            ledger.close()
            raise
        return opened
    raise AssertionError("there is always another name")  # pragma: no cover


class _Taken(Exception):
    """The name belongs to another study, and the next one is to be tried."""


def _candidates(
    plan: StudyPlan, name: str, holder: Holder, runs_before: Sequence[tuple[str, str]]
) -> Iterator[str]:
    """The names to try, the first that is free or the same study's being the right one."""
    if not name:
        # The names of flow runs are not unique: another may have had it before.
        for run, run_id in (*runs_before, (holder.flow_run, holder.flow_run_id)):
            is_own = run_id == holder.flow_run_id
            for candidate in (run, f"{run}-{run_id[:_ID]}"):
                state = _glance(plan, candidate)
                if state is None or not state.runs:
                    if is_own:
                        yield candidate
                elif state.runs[0].flow_run_id == run_id:
                    yield candidate
        return
    yield name
    if "new" in (plan.on_conflict, plan.on_code_change):
        for number in itertools.count(2):
            yield f"{name}-{number}"


def _glance(plan: StudyPlan, name: str) -> StudyState | None:
    return read_state(open_store(plan.storage, study_key(name)))


def _check_name(state: StudyState | None, name: str, location: str) -> None:
    if state is not None and state.study != name:
        raise LedgerError(f"{location} belongs to study {state.study!r}, not to {name!r}")


def _open(plan: StudyPlan, name: str, ledger: Ledger) -> OpenStudy:
    state = ledger.state
    notes = [(logging.WARNING, ledger.mended)] if ledger.mended else []
    if plan.config.reproducible and plan.config.lag is None and state is not None:
        # The number of trials at a time may change from run to run, what they are may not.
        plan = plan.with_lag(state.definition.lag or plan.definition.lag)
    definition: StudyRecord | None = None
    continuation = ""
    if state is None:
        definition = _study_record(plan, name)
    elif changed := differences(state.definition, plan.definition):
        definition = _adoption(plan, name, changed, ledger.store.location)
        notes.append((logging.WARNING, _adopted(state, definition, changed)))
    else:
        notes += _code_notes(plan, name, state, ledger.store.location)
        continuation = _continuation(name, state)
    if ledger.taken_over is not None:
        taken_over = f"Took the study over from {ledger.taken_over}, which has died"
        notes.append((logging.WARNING, taken_over))
    initial = list(plan.definition.initial_trials)
    for found in _sourced(plan) if definition is not None or not (state and state.begun) else ():
        initial += found.trials
        notes.append((logging.INFO, found.sentence))
    points = _points(plan, state)
    recorded = RecordedStudy(
        plan.study, ledger, _run_record(plan, ledger), definition, initial, points
    )
    result = None if state is None or definition is not None else recorded_result(state)
    return OpenStudy(name, plan, ledger, recorded, result, notes, continuation)


def _points(plan: StudyPlan, state: StudyState | None) -> list[PreflightPoint]:
    """What a preflight tries, as far as the budget goes."""
    if plan.preflight == "none":
        return []
    asked = 0 if state is None else len(state.trials) - len(state.known)
    return preflight_points(plan.study.strategy, max(0, plan.config.max_trials - asked))


def _adoption(plan: StudyPlan, name: str, changed: list[str], location: str) -> StudyRecord:
    """The record with which another study goes on under the name.

    Raises:
        StudyConflict: It is not to.
    """
    if plan.on_conflict == "new":
        raise _Taken
    if plan.on_conflict == "error":
        raise StudyConflict(_conflict(name, changed, location))
    return _study_record(plan, name)


def _adopted(state: StudyState, adoption: StudyRecord, changed: list[str]) -> str:
    kept = StudyState.after(state.copy(), adoption).trials
    return (
        f"Study {state.study!r} was adopted: {len(kept)} of {len(state.finished)} finished trials "
        f"lie in the search space; changed: {'; '.join(changed)}"
    )


def _code_notes(
    plan: StudyPlan, name: str, state: StudyState, location: str
) -> list[tuple[int, str]]:
    """What to say where the code of the objective is not what it was.

    Raises:
        StudyConflict: The study is not to go on then.
    """
    changes = changed_code(state.code, plan.code) if state.code and plan.code else []
    if not changes:
        return []
    if plan.on_code_change == "new":
        raise _Taken
    if plan.on_code_change == "error":
        raise StudyConflict(_code_conflict(name, changes, location))
    return [(logging.WARNING, _code_warning(name, changes))]


def _sourced(plan: StudyPlan) -> Iterator[SourcedTrials]:
    study = plan.study
    for source in plan.definition.initial_sources:
        yield load_initial_trials(source, plan.storage, study.space, study.direction)


def _continuation(name: str, state: StudyState) -> str:
    sentence = f"Study {name!r} goes on from its ledger. Trials finished: {len(state.finished)}"
    if state.in_flight:
        sentence += f", in flight when its last run ended: {len(state.in_flight)}"
    return f"{sentence}, time spent: {state.elapsed:.1f} s"


def _code_warning(name: str, changes: list[str]) -> str:
    return (
        f"The code of the objective is not what it was in the last run of study {name!r}: "
        f"{_listed(changes)}. Its finished trials still count; on_code_change='new' begins "
        "a study of its own instead, 'error' refuses"
    )


def _code_conflict(name: str, changes: list[str], location: str) -> str:
    return (
        f"the code of the objective is not what it was in the last run of study {name!r} "
        f"({location}): {_listed(changes)}. Give this study another name, or set on_code_change: "
        "'new' goes on under the next free name, 'continue' takes its finished trials as they are"
    )


def _listed(changes: list[str]) -> str:
    shown = changes[:_CHANGES_SHOWN]
    more = len(changes) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _study_record(plan: StudyPlan, name: str) -> StudyRecord:
    return StudyRecord(at=utc_now(), study=name, definition=plan.definition)


def _run_record(plan: StudyPlan, ledger: Ledger) -> RunRecord:
    holder = ledger.holder
    return RunRecord(
        at=utc_now(),
        flow_run=holder.flow_run,
        flow_run_id=holder.flow_run_id,
        host=holder.host,
        pid=holder.pid,
        version=__version__,
        config=plan.config.model_dump(mode="json"),
        observers=plan.observer_paths,
        taken_over="" if ledger.taken_over is None else str(ledger.taken_over),
        elapsed=ledger.elapsed,
        code=plan.code,
        engine="" if plan.engine == DEFAULT_ENGINE else plan.engine,
        engine_options=plan.engine_options,
        confirm=plan.confirm or None,
    )


def _conflict(name: str, changed: list[str], location: str) -> str:
    listed = "\n".join(f"- {difference}" for difference in changed)
    return (
        f"study {name!r} is another one in its ledger ({location}):\n{listed}\n"
        "Give this study another name, or set on_conflict: 'new' goes on under the first free of "
        f"'{name}-2', '{name}-3', …; 'adopt' keeps the old trials that lie in the new space"
    )
