"""The view of a study that has a ledger."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import replace

from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.flows.ledger.counted_trials import best_counted, counted_trials
from prefect_tuner.flows.ledger.ledger_records import StudyDefinition
from prefect_tuner.flows.ledger.study_state import StudyState
from prefect_tuner.flows.pictures.study_view import StudyView
from prefect_tuner.flows.reports.study_analysis import findings_in, shown_importance
from prefect_tuner.flows.reports.time_text import seconds_of
from prefect_tuner.flows.study_report.trials_view import inferred_space
from prefect_tuner.search_space.space import SearchSpace
from prefect_tuner.strategies.factory import make_strategy
from prefect_tuner.strategies.strategy import Budget


def state_view(state: StudyState, ending: str, elapsed: float | None = None) -> StudyView:
    """A study as its ledger has it.

    Args:
        state: What the ledger says.
        ending: In what state the study is, a sentence without its point.
        elapsed: Seconds that it has run; as the ledger has it when left out.
    """
    view = bare_view(state, elapsed)
    try:
        findings = tuple(findings_in(state))
    except InvalidConfiguration:  # Of another release, with what is not known here.
        findings = ()
    return replace(
        view,
        reason=_reason(state.definition, view.space, state.config),
        ending=ending,
        importance=shown_importance(state),
        findings=findings,
    )


def bare_view(state: StudyState, elapsed: float | None = None) -> StudyView:
    """The same without what has to be found out: importance, findings, the strategy's reason.

    Args:
        state: What the ledger says.
        elapsed: Seconds that the study has run; as the ledger has it when left out.
    """
    definition = state.definition
    trials = tuple(counted_trials(state))
    try:
        space = SearchSpace(definition.space)
    except InvalidConfiguration:  # Of another release, with what is not known here.
        space = inferred_space(trials)
    seconds = _StudyTime(state)
    ended = seconds.of(state.ended)
    run = state.runs[-1] if state.runs else None
    concurrency = state.config.get("max_concurrency")
    return StudyView(
        name=state.study,
        goal=definition.goal,
        space=space,
        trials=trials,
        best=best_counted(state),
        known=frozenset(state.known),
        started=seconds.of(state.started),
        ended=ended,
        elapsed=max(state.elapsed, elapsed or 0.0),
        searched=None if state.confirmed is None else max(ended.values(), default=None),
        slots=concurrency if isinstance(concurrency, int) else 0,
        engine="" if run is None else run.engine or "local",
        objective=definition.objective,
        code=json.dumps(state.code, sort_keys=True) if state.code else "",
        strategy=str(definition.strategy.get("name", "")),
        confirmation=None if state.confirmed is None else state.confirmed.confirmation,
    )


class _StudyTime:
    """From the clock on the wall to seconds that the study had run by then.

    The time between its runs does not count.
    """

    def __init__(self, state: StudyState) -> None:
        begun = [(seconds_of(run.at), run.elapsed) for run in state.runs]
        self._runs = [(at, elapsed) for at, elapsed in begun if at is not None]
        self._moments = [at for at, _ in self._runs]

    def of(self, times: Mapping[int, str]) -> dict[int, float]:
        """Times of trials, those left out that lie before the first run."""
        found = {}
        for number, at in times.items():
            moment = seconds_of(at)
            place = 0 if moment is None else bisect_right(self._moments, moment)
            if moment is not None and place:
                begun, elapsed = self._runs[place - 1]
                found[number] = elapsed + moment - begun
        return found


def _reason(definition: StudyDefinition, space: SearchSpace, config: Mapping[str, object]) -> str:
    """Why the strategy decides as it does, by the strategy itself."""
    known = {name: config.get(name) for name in ("max_trials", "max_concurrency")}
    whole = {name: value for name, value in known.items() if isinstance(value, int)}
    if definition.lag is not None:
        whole["max_concurrency"] = definition.lag
    try:
        strategy = make_strategy(definition.strategy, space, definition.direction, definition.seed)
        return strategy.reason(Budget(**whole))
    except Exception:  # noqa: BLE001 - it may be another package's, or not be installed here
        return ""
