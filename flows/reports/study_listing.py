"""All studies of a storage as a table in the terminal."""

from __future__ import annotations

from collections.abc import Iterable

from rich.table import Table
from rich.text import Text

from prefect_tuner.flows.ledger.counted_trials import best_counted
from prefect_tuner.flows.ledger.stored_study import StoredStudy, StudyStatus
from prefect_tuner.flows.ledger.study_state import StudyState
from prefect_tuner.flows.reports.study_document import trial_counts
from prefect_tuner.flows.reports.terminal_table import cell, figures, terminal_table, terms, words
from prefect_tuner.flows.reports.time_text import ago
from prefect_tuner.printable_text import shortened

STYLES = {
    StudyStatus.RUNNING: "cyan",
    StudyStatus.COMPLETE: "green",
    StudyStatus.FAILED: "red",
    StudyStatus.CANCELLED: "yellow",
    StudyStatus.PREFLIGHT: "yellow",
    StudyStatus.DIED: "red",
    StudyStatus.UNREADABLE: "red",
}
"""The colour of each state."""

_LONGEST_REASON = 200


def study_listing(studies: Iterable[StoredStudy]) -> Table:
    """One row for each study: its name, its state, its trials, the best metric, when it was used.

    Args:
        studies: In any order; those used last come first, those that cannot be read at the end.
    """
    table = terminal_table(
        *words("study", "state", "trials"), *figures("best metric"), *terms("last activity")
    )
    ordered = sorted(studies, key=lambda s: "" if s.state is None else s.state.updated)
    for study in reversed(ordered):
        state = study.state
        table.add_row(
            cell(study.name),
            state_text(study),
            trials_text(study),
            "" if state is None else _best(state),
            "" if state is None else ago(state.updated),
        )
    return table


def state_text(study: StoredStudy) -> Text:
    """The state of a study in its colour, and why it is in it."""
    status = study.status
    reason = shortened(study.reason, _LONGEST_REASON)
    return Text.assemble((status.value, STYLES[status]), f": {reason}")


def trials_text(study: StoredStudy) -> str:
    """How many trials have finished, of how many; how many run or were cut short, and failed."""
    if study.state is None:
        return ""
    counts = trial_counts(study.state)
    budget = study.state.config.get("max_trials")
    parts = [str(counts["finished"]) if budget is None else f"{counts['finished']} of {budget}"]
    in_flight = "running" if study.status is StudyStatus.RUNNING else "unfinished"
    for count, word in ((counts["in_flight"], in_flight), (counts["failed"], "failed")):
        if count:
            parts.append(f"{count} {word}")
    return ", ".join(parts)


def _best(state: StudyState) -> str:
    best = best_counted(state)
    return "none" if best is None else f"{best.metric:.6g}"
