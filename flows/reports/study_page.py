"""One study in the terminal, in one look."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.flows.ledger.counted_trials import counted_trials
from prefect_tuner.flows.ledger.stored_study import StoredStudy
from prefect_tuner.flows.ledger.study_state import StudyState
from prefect_tuner.flows.reports.leaderboard import best_trials
from prefect_tuner.flows.reports.metric_plot import metric_plot
from prefect_tuner.flows.reports.study_listing import state_text, trials_text
from prefect_tuner.flows.reports.time_text import duration_text, local_time
from prefect_tuner.flows.study.study_digest import study_digest
from prefect_tuner.flows.study.study_sentence import study_sentence
from prefect_tuner.flows.study.tuner_config import TunerConfig
from prefect_tuner.printable_text import printable_line
from prefect_tuner.search_space.space import SearchSpace
from prefect_tuner.strategies.credit import Credit, credits_of
from prefect_tuner.trial import Outcome, Trial

BEST_SHOWN = 5
"""Trials with the best metrics that are listed."""

RUNS_SHOWN = 10
"""Runs that are listed, the latest."""

LONGEST_MESSAGE = 300
"""Characters of what a failed trial said."""


def study_page(study: StoredStudy, state: StudyState, width: int) -> Group:
    """All that a person wants to know of a study.

    Args:
        study: The study.
        state: What its ledger says.
        width: Columns of the terminal.
    """
    return Group(*_parts(study, state, width))


def _parts(study: StoredStudy, state: StudyState, width: int) -> Iterator[RenderableType]:
    trials = counted_trials(state)
    goal = state.definition.goal
    yield Text.assemble((printable_line(study.name), "bold"), "  ", state_text(study))
    yield Text(_sentence(state))
    best = best_trials(trials, goal)
    yield _summary(study, state, trials, best[0] if best else None)
    plot = metric_plot(trials, goal, width)
    if plot:
        yield Text(plot, no_wrap=True, overflow="crop")
    credit_by_proposer = credits_of(trials, goal)
    if len(credit_by_proposer) > 1:
        yield _credit_table(credit_by_proposer)
    if len(best) > 1:
        yield _best_table(best[:BEST_SHOWN])
    failures = [t for t in trials if t.outcome is not None and t.outcome.is_failure]
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
    study: StoredStudy, state: StudyState, trials: list[Trial], best: Trial | None
) -> Table:
    table = Table(box=box.ROUNDED, show_header=False)
    table.add_column(style="bold", overflow="fold")
    table.add_column(overflow="fold")

    def add(name: str, value: str, style: str = "") -> None:
        table.add_row(Text(printable_line(name)), Text(printable_line(value)), style=style)

    if best is None:
        add("best metric", "none yet")
    else:
        add("best metric", f"{best.metric!r} (trial {best.number})", "green")
        for name, extra in best.extra.items():
            add(name, repr(extra))
        table.add_section()
        for name, value in best.params.items():
            add(name, repr(value))
    table.add_section()
    config = state.config
    add("trials", trials_text(study))
    if state.known:
        add("known results", str(len(state.known)))
    limit = config.get("max_duration")
    spent = duration_text(study.elapsed)
    add("time", spent if limit is None else f"{spent} of {duration_text(limit)}")
    failed = sum(t.outcome is not None and t.outcome.is_failure for t in trials)
    if config.get("max_failures") is not None:
        add("failures", f"{failed} of {config['max_failures']}")
    add("strategy", _strategy(state.definition.strategy, state.definition.seed))
    table.add_section()
    add("begun", local_time(state.created))
    add("last activity", local_time(state.updated))
    add("digest", study_digest(trials))
    add("ledger", study.location)
    return table


def _strategy(strategy: Mapping[str, Any], seed: int) -> str:
    options = {name: value for name, value in strategy.items() if name != "name"}
    told = f" {json.dumps(options)}" if options else ""
    return f"{strategy.get('name', '?')}{told}, seed {seed}"


def _credit_table(credit_by_proposer: Mapping[str, Credit]) -> Table:
    table = Table(box=box.ROUNDED, title="Credit by strategy", title_justify="left")
    table.add_column("strategy", overflow="fold")
    for heading in ("trials", "improvements", "by, in all"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, credit in credit_by_proposer.items():
        table.add_row(
            Text(printable_line(name)),
            str(credit.trials),
            str(credit.improvements),
            f"{credit.gain:.6g}",
        )
    return table


def _best_table(best: list[Trial]) -> Table:
    table = Table(box=box.ROUNDED, title="Best trials", title_justify="left")
    table.add_column("trial", justify="right", no_wrap=True)
    table.add_column("metric", justify="right", no_wrap=True)
    table.add_column("duration", justify="right", no_wrap=True)
    table.add_column("parameters", overflow="fold")
    for trial in best:
        table.add_row(
            str(trial.number),
            f"{trial.metric:.6g}",
            "" if trial.duration is None else duration_text(trial.duration),
            Text(printable_line(", ".join(f"{n}={_short(v)}" for n, v in trial.params.items()))),
        )
    return table


def _failure_table(failures: list[Trial]) -> Table:
    table = Table(box=box.ROUNDED, title="Failures", title_justify="left")
    table.add_column("outcome", no_wrap=True)
    table.add_column("trials", justify="right", no_wrap=True)
    table.add_column("last message", overflow="fold")
    by_outcome: dict[Outcome, list[Trial]] = {}
    for trial in failures:
        if trial.outcome is not None:
            by_outcome.setdefault(trial.outcome, []).append(trial)
    for outcome, trials in sorted(by_outcome.items(), key=lambda pair: -len(pair[1])):
        message = printable_line(trials[-1].message)
        if len(message) > LONGEST_MESSAGE:
            message = message[: LONGEST_MESSAGE - 1] + "…"
        table.add_row(
            outcome.value.replace("_", " "),
            str(len(trials)),
            Text(f"trial {trials[-1].number}: {message}"),
        )
    return table


def _run_table(study: StoredStudy, state: StudyState) -> Table:
    hidden = len(state.runs) - RUNS_SHOWN
    title = f"Runs (the last {RUNS_SHOWN} of {len(state.runs)})" if hidden > 0 else "Runs"
    table = Table(box=box.ROUNDED, title=title, title_justify="left")
    table.add_column("began", no_wrap=True)
    for heading in ("host", "flow run", "ended"):
        table.add_column(heading, overflow="fold")
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
            Text(printable_line(run.host)),
            Text(printable_line(run.flow_run)),
            Text(printable_line(ended)),
        )
    return table


def _short(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else repr(value)
