"""One study in the terminal, in one look."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.flows.confirmation.confirmation import Confirmation
from prefect_tuner.flows.ledger.counted_trials import counted_trials, recorded_result
from prefect_tuner.flows.ledger.stored_study import StoredStudy, StudyStatus
from prefect_tuner.flows.ledger.study_state import StudyState
from prefect_tuner.flows.reports.leaderboard import best_trials
from prefect_tuner.flows.reports.metric_plot import metric_plot
from prefect_tuner.flows.reports.study_analysis import ImportanceMethod, shown_importance
from prefect_tuner.flows.reports.study_listing import state_text, trials_text
from prefect_tuner.flows.reports.terminal_table import (
    FactTable,
    cell,
    figures,
    terminal_table,
    terms,
    words,
)
from prefect_tuner.flows.reports.time_left import busy_workers, time_left_of
from prefect_tuner.flows.reports.time_text import duration_text, local_time
from prefect_tuner.flows.study.study_digest import study_digest
from prefect_tuner.flows.study.study_sentence import study_sentence
from prefect_tuner.flows.study.tuner_config import TunerConfig
from prefect_tuner.printable_text import printable_line, shortened
from prefect_tuner.search_space.space import SearchSpace
from prefect_tuner.strategies.credit import Credit, credits_of
from prefect_tuner.trial import Outcome, Trial

BEST_SHOWN = 5
"""Trials with the best metrics that are listed."""

IMPORTANT_SHOWN = 10
"""Parameters whose importance is listed, the largest."""

RUNS_SHOWN = 10
"""Runs that are listed, the latest."""

LONGEST_MESSAGE = 300
"""Characters of what a failed trial said."""


def study_page(
    study: StoredStudy,
    state: StudyState,
    width: int,
    importance: ImportanceMethod = "ped-anova",
) -> Group:
    """All that a person wants to know of a study.

    Args:
        study: The study.
        state: What its ledger says.
        width: Columns of the terminal.
        importance: How the importance of parameters is told.

    Raises:
        InvalidConfiguration: What that needs is not installed.
    """
    return Group(*_parts(study, state, width, importance))


def _parts(
    study: StoredStudy, state: StudyState, width: int, importance: ImportanceMethod
) -> Iterator[RenderableType]:
    trials = counted_trials(state)
    goal = state.definition.goal
    yield Text.assemble((printable_line(study.name), "bold"), "  ", state_text(study))
    yield Text(_sentence(state))
    best = best_trials(trials, goal)
    failures = [t for t in trials if t.outcome is not None and t.outcome.is_failure]
    yield _summary(study, state, trials, best[0] if best else None, len(failures))
    plot = metric_plot(trials, goal, width)
    if plot:
        yield Text(plot, no_wrap=True, overflow="crop")
    credit_by_proposer = credits_of(trials, goal)
    if len(credit_by_proposer) > 1:
        yield _credit_table(credit_by_proposer)
    if len(shares := shown_importance(state, importance)) > 1:
        yield _importance_table(shares, importance)
    if len(best) > 1:
        yield _best_table(best[:BEST_SHOWN])
    if state.confirmed is not None:
        yield _confirmation_table(state.confirmed.confirmation)
    if failures:
        yield _failure_table(failures)
    if state.runs:
        yield _run_table(study, state)


def _sentence(state: StudyState) -> str:
    definition = state.definition
    strategy = str(definition.strategy.get("name", "?"))
    try:
        space, config = SearchSpace(definition.space), TunerConfig(**state.config)
    except InvalidConfiguration:  # Of another release, with settings that are not known here.
        return printable_line(f"{definition.direction} {definition.objective} by {strategy}")
    sentence = study_sentence(definition.objective, space, strategy, definition.direction, config)
    return printable_line(sentence)


def _summary(
    study: StoredStudy, state: StudyState, trials: list[Trial], best: Trial | None, failed: int
) -> Table:
    table = FactTable()
    if best is None:
        table.add("best metric", "none yet")
        table.add_section()
    else:
        table.add_metric(best)
        result = recorded_result(state)
        if result is not None and result.confirmation is not None:
            table.add_confirmation(result.confirmation)
            best = result.winning_trial
        table.add_params(best)
    config = state.config
    table.add("trials", trials_text(study))
    if state.known:
        table.add("known results", str(len(state.known)))
    limit = config.get("max_duration")
    spent = duration_text(study.elapsed)
    table.add("time", spent if limit is None else f"{spent} of {duration_text(limit)}")
    if (left := time_left_of(study, state)) is not None:
        table.add("time left", f"about {duration_text(left)}")
    if study.status is StudyStatus.RUNNING:
        workers = config.get("max_concurrency", 1)
        table.add("workers", f"{busy_workers(study, state)} of {workers} busy")
    if config.get("max_failures") is not None:
        table.add("failures", f"{failed} of {config['max_failures']}")
    table.add("strategy", _strategy(state.definition.strategy, state.definition.seed))
    table.add_section()
    table.add("begun", local_time(state.created))
    table.add("last activity", local_time(state.updated))
    table.add("digest", study_digest(trials))
    table.add("ledger", study.location)
    return table


def _strategy(strategy: Mapping[str, Any], seed: int) -> str:
    options = {name: value for name, value in strategy.items() if name != "name"}
    told = f" {json.dumps(options)}" if options else ""
    return f"{strategy.get('name', '?')}{told}, seed {seed}"


def _credit_table(credit_by_proposer: Mapping[str, Credit]) -> Table:
    table = terminal_table(
        *words("strategy"),
        *figures("trials", "improvements", "total gain"),
        title="Credit by strategy",
    )
    for name, credit in credit_by_proposer.items():
        table.add_row(
            cell(name),
            str(credit.trials),
            str(credit.improvements),
            f"{credit.gain:.6g}",
        )
    return table


def _importance_table(shares: Mapping[str, float], method: ImportanceMethod) -> Table:
    title = "Importance (fANOVA)" if method == "fanova" else "Importance"
    table = terminal_table(*terms("parameter"), *figures("share"), title=title)
    for name, share in list(shares.items())[:IMPORTANT_SHOWN]:
        table.add_row(cell(name), f"{share:.0%}")
    hidden = len(shares) - IMPORTANT_SHOWN
    if hidden > 0:
        rest = sum(list(shares.values())[IMPORTANT_SHOWN:])
        table.add_row(cell(f"{hidden} others"), f"{rest:.0%}")
    return table


def _best_table(best: list[Trial]) -> Table:
    table = terminal_table(
        *figures("trial", "metric", "duration"), *words("parameters"), title="Best trials"
    )
    for trial in best:
        table.add_row(
            str(trial.number),
            f"{trial.metric:.6g}",
            "" if trial.duration is None else duration_text(trial.duration),
            cell(", ".join(f"{n}={_short(v)}" for n, v in trial.params.items())),
        )
    return table


def _confirmation_table(confirmation: Confirmation) -> Table:
    table = terminal_table(
        *figures("trial", "mean", "interval", "in the search", "evaluations", "failed", "duration"),
        *terms("place"),
        title="Best trials, evaluated anew",
    )
    for each in confirmation.candidates:
        low_high = each.interval
        table.add_row(
            str(each.number),
            "" if each.mean is None else f"{each.mean:.6g}",
            "" if low_high is None else f"{low_high[0]:.4g} to {low_high[1]:.4g}",
            f"{each.first:.6g}",
            str(each.evaluations),
            str(each.failed),
            "" if each.duration is None else duration_text(each.duration),
            cell(each.place.value),
        )
    return table


def _failure_table(failures: list[Trial]) -> Table:
    table = terminal_table(
        *terms("outcome"), *figures("trials"), *words("last message"), title="Failures"
    )
    by_outcome: dict[Outcome, list[Trial]] = {}
    for trial in failures:
        if trial.outcome is not None:
            by_outcome.setdefault(trial.outcome, []).append(trial)
    for outcome, trials in sorted(by_outcome.items(), key=lambda pair: -len(pair[1])):
        message = shortened(printable_line(trials[-1].message), LONGEST_MESSAGE)
        table.add_row(
            outcome.value.replace("_", " "),
            str(len(trials)),
            Text(f"trial {trials[-1].number}: {message}"),
        )
    return table


def _run_table(study: StoredStudy, state: StudyState) -> Table:
    hidden = len(state.runs) - RUNS_SHOWN
    title = f"Runs (the last {RUNS_SHOWN} of {len(state.runs)})" if hidden > 0 else "Runs"
    # Said where there is something to say: most studies run here.
    engines = any(run.engine for run in state.runs)
    columns = ["host", "engine", "flow run", "ended"] if engines else ["host", "flow run", "ended"]
    table = terminal_table(*terms("began"), *words(*columns), title=title)
    runs = list(zip(state.runs, state.endings, strict=True))
    for run, ending in runs[-RUNS_SHOWN:]:
        if ending is not None:
            ended = f"{ending.ending}: {ending.reason}"
        elif run is state.runs[-1] and study.holder is not None:
            ended = "running"
        else:
            ended = "died"
        table.add_row(
            local_time(run.at),
            cell(run.host),
            *([cell(run.engine or "local")] if engines else []),
            cell(run.flow_run),
            cell(ended),
        )
    return table


def _short(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else repr(value)
