"""What a study came to, as a person reads it in a terminal."""

from __future__ import annotations

import shlex
import shutil
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from prefect.settings import get_current_settings
from prefect.utilities.urls import url_for
from rich.table import Table

from prefect_tuner.flows.reports.terminal_table import FactTable
from prefect_tuner.flows.run.study_plan import StudyPlan
from prefect_tuner.flows.study.tuning_events import Progress
from prefect_tuner.flows.study.tuning_result import TuningResult
from prefect_tuner.strategies.credit import credits_of
from prefect_tuner.trial import describe_params


def summary_table(result: TuningResult) -> Table:
    """The best trial, and what it took to find it."""
    table = FactTable()
    best = result.best_trial
    table.add_metric(best)
    leader = result.goal.best(result.trials)
    if leader is not None and leader.metric != best.metric:
        luckiest = (
            f"{leader.metric!r} (trial {leader.number}), which the strategy takes to be noise"
        )
        table.add("luckiest metric", luckiest)
    if result.confirmation is not None:
        table.add_confirmation(result.confirmation)
    table.add_params(result.winning_trial)
    failed = sum(t.outcome is not None and t.outcome.is_failure for t in result.trials)
    table.add("trials", f"{len(result.trials)}, {failed or 'none'} failed")
    credit_by_proposer = credits_of(result.trials, result.goal)
    if len(credit_by_proposer) > 1:
        for name, credit in credit_by_proposer.items():
            table.add(f"by {name}", str(credit))
    table.add("duration", str(timedelta(seconds=round(result.duration))))
    table.add("ended because", result.stop_reason.sentence)
    return table


def interim_sentence(progress: Progress) -> str:
    """What was found before a study was cut short.

    Example:
        ```python
        from prefect_tuner import Trial
        from prefect_tuner.flows.commands.study_summary import interim_sentence
        from prefect_tuner.flows.study.tuning_events import Progress

        best = Trial(number=1, params={"lr": 0.1}, metric=0.9756)
        assert interim_sentence(Progress(asked=4, completed=2, failed=1, best_trial=best)) == (
            "3 trials finished; best metric so far 0.9756 (trial 1) with lr=0.1"
        )
        ```
    """
    done = progress.completed + progress.failed
    finished = f"{done} trial{'' if done == 1 else 's'} finished"
    best = progress.best_trial
    if best is None:
        return f"{finished}, none has a metric"
    return (
        f"{finished}; best metric so far {best.metric!r} (trial {best.number}) "
        f"with {describe_params(best.params)}"
    )


def kept_sentence(file: str, plan: StudyPlan, study: str) -> str:
    """What becomes of the trials of a preflight.

    Args:
        file: The study's file.
        plan: The study.
        study: Its name, or that of the flow run to which it belongs.
    """
    if plan.fresh:
        return (
            "The trials are kept in a ledger of their own: with fresh, each run begins a study, "
            "and they do not count in another"
        )
    if plan.name:
        return f"The trials count: prefect-tuner run {shlex.quote(file)} goes on with them"
    storage = plan.given.get("storage", "")
    command = ["prefect-tuner", "resume", study, *(["--storage", storage] if storage else [])]
    return (
        "The study has no name: prefect-tuner run would begin anew. To go on with these trials: "
        f"{shlex.join(command)}"
    )


@dataclass(frozen=True)
class RunPage:
    """Where a flow run is shown.

    Attributes:
        url: Its page in the Prefect UI; empty when there is no UI.
        command: What has to be run first, for a server that is not there yet; or empty.
    """

    url: str
    command: str = ""

    def __str__(self) -> str:
        if not self.command:
            return f"In the Prefect UI:\n  {self.url}"
        return (
            "To see it in the Prefect UI, run the first and open the second:\n"
            f"  {self.command}\n"
            f"  {self.url}"
        )


def run_page(flow_run_id: UUID, *, embedded: bool) -> RunPage | None:
    """The page of a flow run.

    Args:
        flow_run_id: The flow run.
        embedded: Whether it was recorded by the embedded server, which has no UI and is gone.

    Returns:
        The page; None when the server has no UI that is known.
    """
    if not embedded:
        url = url_for("flow-run", obj_id=flow_run_id)
        return RunPage(url) if url else None
    api = get_current_settings().server.api
    # A server started with the same settings has the same database.
    host = "127.0.0.1" if api.host == "0.0.0.0" else api.host  # noqa: S104 - compared, not bound
    return RunPage(
        f"http://{host}:{api.port}/runs/flow-run/{flow_run_id}",
        f"{_prefect_command()} server start",
    )


def _prefect_command() -> str:
    """How the `prefect` beside this Python is called from the working directory."""
    ours = Path(sys.executable).parent / "prefect"
    found = shutil.which("prefect")
    if found is not None and Path(found).resolve() == ours.resolve():
        return "prefect"
    here = ours.relative_to(Path.cwd()) if ours.is_relative_to(Path.cwd()) else ours
    return shlex.quote(str(here))
