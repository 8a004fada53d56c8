"""Several studies side by side: what each came to, after equal numbers of trials and in all."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from prefect_tuner.flows.ledger.counted_trials import best_counted, counted_trials
from prefect_tuner.flows.ledger.stored_study import StoredStudy
from prefect_tuner.flows.ledger.study_state import StudyState
from prefect_tuner.flows.reports.terminal_table import cell, terminal_table, terms, words
from prefect_tuner.flows.reports.time_text import duration_text
from prefect_tuner.goal import Goal
from prefect_tuner.printable_text import printable_line, shortened
from prefect_tuner.search_space.space import CONSTRAINTS_TYPE
from prefect_tuner.trial import Outcome, Trial

LONGEST_VALUE = 60
"""Characters of a value in a cell, and of what a study has in a difference."""


@dataclass(frozen=True)
class ComparedStudy:
    """A study as others are compared with it.

    Attributes:
        study: As it lies in its storage.
        state: What its ledger says.
        trials: Those of its budget that have ended, in the order asked; results from elsewhere
            are none, and trials that were stopped with a run neither.
        best: The one to rely on, which may be a result from elsewhere.
        best_so_far: The best metric after each of the trials; None before the first.
    """

    study: StoredStudy
    state: StudyState
    trials: Sequence[Trial]
    best: Trial | None
    best_so_far: Sequence[float | None]

    @classmethod
    def of(cls, study: StoredStudy, state: StudyState) -> ComparedStudy:
        """A study of which the ledger can be read."""
        trials = [
            trial
            for trial in counted_trials(state)
            if trial.number not in state.known and trial.outcome not in (None, Outcome.CANCELLED)
        ]
        return cls(
            study,
            state,
            trials,
            best_counted(state),
            _best_so_far(trials, state.definition.goal),
        )

    @property
    def name(self) -> str:
        """Its name, on one line."""
        return printable_line(self.study.name)

    @property
    def failed(self) -> int:
        """How many of the trials failed."""
        return sum(t.outcome is not None and t.outcome.is_failure for t in self.trials)

    @property
    def mean_duration(self) -> float | None:
        """Seconds of a trial on average."""
        durations = [t.duration for t in self.trials if t.duration is not None]
        return mean(durations) if durations else None

    def best_after(self, trials: int) -> float | None:
        """The best metric after so many trials; None without one, or where there were fewer."""
        return self.best_so_far[trials - 1] if 0 < trials <= len(self.best_so_far) else None


def _best_so_far(trials: Sequence[Trial], goal: Goal) -> list[float | None]:
    best: float | None = None
    curve: list[float | None] = []
    for trial in trials:
        if goal.is_better(trial.metric, than=best):
            best = trial.metric
        curve.append(best)
    return curve


def differences_of(studies: Sequence[ComparedStudy]) -> list[str]:
    """In what the studies differ by which their metrics may not be comparable, a sentence each."""
    found = [
        _difference("direction", {s.name: s.state.definition.direction for s in studies}),
        _difference("objective", {s.name: s.state.definition.objective for s in studies}),
    ]
    codes = {s.name: json.dumps(s.state.code, sort_keys=True) for s in studies if s.state.code}
    if found[1] is None and len(set(codes.values())) > 1:
        found.append("objective: its code is not the same in all of them")
    return [*filter(None, found), *_differences_of_spaces(studies)]


def _differences_of_spaces(studies: Sequence[ComparedStudy]) -> Iterator[str]:
    spaces = {s.name: s.state.definition.space for s in studies}
    only_in: dict[tuple[str, ...], list[str]] = {}
    for name in dict.fromkeys(name for space in spaces.values() for name in space):
        held = {study: _declared(space[name]) for study, space in spaces.items() if name in space}
        if len(held) < len(spaces):
            only_in.setdefault(tuple(held), []).append(printable_line(name))
        if told := _difference(f"space.{printable_line(name)}", held):
            yield told
    for holders, names in only_in.items():
        yield f"space: {', '.join(names)} only in {', '.join(holders)}"


def _declared(parameter: Mapping[str, Any]) -> str:
    held = {key: value for key, value in parameter.items() if key != "type"}
    kind = parameter.get("type")
    return json.dumps(held["expressions"] if kind == CONSTRAINTS_TYPE else {"type": kind, **held})


def _difference(field: str, held: Mapping[str, str]) -> str | None:
    """What the studies have, those with the same together; None where all have the same."""
    by_text: dict[str, list[str]] = {}
    for name, text in held.items():
        by_text.setdefault(text, []).append(name)
    if len(by_text) == 1:
        return None
    told = (
        f"{', '.join(names)}: {shortened(printable_line(text), LONGEST_VALUE)}"
        for text, names in by_text.items()
    )
    return f"{field}: {'; '.join(told)}"


def compared_counts(studies: Sequence[ComparedStudy]) -> list[int]:
    """After how many trials the studies are compared: 1, 2, 5, 10, 20, …, and as many as all have.

    Args:
        studies: The studies.
    """
    most = max(len(s.trials) for s in studies)
    rounded = (digit * 10**power for power in range(len(str(most))) for digit in (1, 2, 5))
    counts = {count for count in rounded if count <= most}
    return sorted(counts | {most, min(len(s.trials) for s in studies)} - {0})


def comparison_document(studies: Sequence[ComparedStudy]) -> dict[str, Any]:
    """A comparison as JSON data, for programs."""
    return {
        "studies": [_document(study) for study in studies],
        "differences": differences_of(studies),
        "best_after": [
            {"trials": count, "metrics": {s.study.name: s.best_after(count) for s in studies}}
            for count in compared_counts(studies)
        ],
    }


def _document(compared: ComparedStudy) -> dict[str, Any]:
    definition, best = compared.state.definition, compared.best
    return {
        "study": compared.study.name,
        "state": compared.study.status.value,
        "objective": definition.objective,
        "strategy": definition.strategy,
        "direction": definition.direction,
        "seed": definition.seed,
        "trials": len(compared.trials),
        "failed": compared.failed,
        "known": len(compared.state.known),
        "elapsed": compared.study.elapsed,
        "mean_duration": compared.mean_duration,
        "best_metric": None if best is None else best.metric,
        "best_trial": None if best is None else best.number,
        "best_params": None if best is None else dict(best.params),
        "best_so_far": list(compared.best_so_far),
    }


def comparison_page(studies: Sequence[ComparedStudy]) -> Group:
    """A comparison in the terminal.

    Args:
        studies: Two or more.
    """
    return Group(*_parts(studies))


def _parts(studies: Sequence[ComparedStudy]) -> Iterator[RenderableType]:
    yield Text(leading_sentence(studies))
    yield from (Text(f"They differ in {each}", "yellow") for each in differences_of(studies))
    yield _facts(studies)
    if counts := compared_counts(studies):
        yield _best_so_far_table(studies, counts)
    if any(s.best is not None for s in studies):
        yield _params_table(studies)


def leading_sentence(studies: Sequence[ComparedStudy]) -> str:
    """Which study is ahead after as many trials as all of them have."""
    count = min(len(s.trials) for s in studies)
    after = f"After {count} trial{'' if count == 1 else 's'} each"
    if len({s.state.definition.direction for s in studies}) > 1:
        return "Their directions differ: which of them is ahead cannot be said"
    goal = studies[0].state.definition.goal
    metrics = {s.name: m for s in studies if (m := s.best_after(count)) is not None}
    if not metrics:
        return f"{after}, none of them has a metric" if count else "Not all of them have a trial"
    best = min(metrics.values(), key=goal.loss)
    ahead = [name for name, metric in metrics.items() if metric == best]
    others = len({s.state.definition.objective for s in studies}) > 1
    doubt = "; but their metrics are those of different objectives" if others else ""
    if len(ahead) == len(studies):
        return f"{after}, they are level, at {best:.6g}{doubt}"
    verb = "is" if len(ahead) == 1 else "are"
    return f"{after}, {' and '.join(ahead)} {verb} ahead, at {best:.6g}{doubt}"


def _table(studies: Sequence[ComparedStudy], heading: str, title: str = "") -> Table:
    return terminal_table(*terms(heading), *words(*(s.name for s in studies)), title=title)


def _facts(studies: Sequence[ComparedStudy]) -> Table:
    table = _table(studies, "study")
    rows = {
        "state": [s.study.status.value for s in studies],
        "strategy": [_strategy(s) for s in studies],
        "trials": [f"{len(s.trials)}, {s.failed or 'none'} failed" for s in studies],
        "known results": [str(len(s.state.known) or "") for s in studies],
        "best metric": ["" if s.best is None else f"{s.best.metric:.6g}" for s in studies],
        "found by trial": ["" if s.best is None else str(s.best.number) for s in studies],
        "time": [duration_text(s.study.elapsed) for s in studies],
        "time of a trial": [
            "" if s.mean_duration is None else duration_text(s.mean_duration) for s in studies
        ],
    }
    for name, cells in rows.items():
        if any(cells):
            table.add_row(name, *map(cell, cells))
    return table


def _strategy(compared: ComparedStudy) -> str:
    definition = compared.state.definition
    options = {name: value for name, value in definition.strategy.items() if name != "name"}
    told = f" {json.dumps(options)}" if options else ""
    return f"{definition.strategy.get('name', '?')}{told}, seed {definition.seed}"


def _best_so_far_table(studies: Sequence[ComparedStudy], counts: Sequence[int]) -> Table:
    table = _table(studies, "trials", "Best so far after equal numbers of trials (* the best)")
    comparable = len({s.state.definition.direction for s in studies}) == 1
    for count in counts:
        metrics = [s.best_after(count) for s in studies]
        known = [metric for metric in metrics if metric is not None]
        goal = studies[0].state.definition.goal
        best = min(known, key=goal.loss) if comparable and len(known) > 1 else None
        table.add_row(str(count), *(_metric(metric, best) for metric in metrics))
    return table


def _metric(metric: float | None, best: float | None) -> Text:
    if metric is None:
        return Text("")
    return Text(f"{metric:.6g} *", "green") if metric == best else Text(f"{metric:.6g}")


def _params_table(studies: Sequence[ComparedStudy]) -> Table:
    table = _table(studies, "parameter", "Parameters of the best")
    best = [{} if s.best is None else s.best.params for s in studies]
    for name in dict.fromkeys(name for params in best for name in params):
        cells = [_value(params[name]) if name in params else "" for params in best]
        table.add_row(cell(name), *map(cell, cells))
    return table


def _value(value: object) -> str:
    return shortened(f"{value:.6g}" if type(value) is float else repr(value), LONGEST_VALUE)
