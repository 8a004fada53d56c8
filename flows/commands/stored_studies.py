"""The commands that look at studies where their ledgers are, as the command line has them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from prefect_tuner.flows.commands.application import Flag, Name, Storage, app, with_errors_told


@app.command(name="list")
def list_(*, storage: Storage = "", json: Flag = False) -> int:
    """List all studies: their state, trials and best metric, and when they were used.

    Args:
        storage: The folder or the URL of the ledgers; that of `tune` when it is left out.
        json: Print them as JSON.
    """
    from prefect_tuner.flows.commands.study_commands import list_studies

    return with_errors_told("", lambda: list_studies(storage, as_json=json))


@app.command
def show(
    name: Name,
    /,
    *,
    importance: Literal["ped-anova", "fanova"] = "ped-anova",
    storage: Storage = "",
    json: Flag = False,
) -> int:
    """Show a study: its state and budget, the best trials, a plot, failures and runs.

    Args:
        name: The study's name, or the name of its ledger's file without its ending.
        importance: How to tell which parameters matter: ped-anova, by what sets the best tenth of
            the trials apart; fanova, by the variance of the metric that a parameter explains in a
            random forest (extra importance).
        storage: The folder or the URL of the ledgers; that of `tune` when it is left out.
        json: Print all that is known of it as JSON.
    """
    from prefect_tuner.flows.commands.study_commands import show_study

    return with_errors_told(
        "", lambda: show_study(name, storage, as_json=json, importance=importance)
    )


@app.command
def compare(
    *names: Name,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"], show_default=False)] = None,
    storage: Storage = "",
    json: Flag = False,
) -> int:
    """Show studies side by side: curves of the best so far, trials, failures, time, parameters.

    They are compared after equal numbers of trials. It is said where their objectives, directions
    or spaces differ. With --output, the comparison becomes one HTML file with pictures by trials
    and by time, which needs nothing from elsewhere (extra `report`).

    Args:
        names: Two or more studies, by their names or the names of their ledgers' files.
        output: An HTML file to write, which is replaced where it is there.
        storage: The folder or the URL of the ledgers; that of `tune` when it is left out.
        json: Print the comparison as JSON, with the best metric after each trial.
    """
    from prefect_tuner.flows.commands.compare_command import compare_studies

    return with_errors_told(
        "", lambda: compare_studies(names, storage, as_json=json, output=output)
    )


@app.command
def doctor(name: Name, /, *, storage: Storage = "", json: Flag = False) -> int:
    """Say what is wrong with a study, and what to do about it.

    It looks for one error in all trials, failures or slow trials in one part of the space; a metric
    that hardly changes, that is noise, or too good to be true; a best value at the end of a range,
    a range to search on a logarithmic scale, parameters without effect; workers that idle, time
    that goes into overhead, and whether more trials are likely to bring anything. The exit code is
    1 where it has found something, and 0 otherwise.

    Args:
        name: The study's name, or the name of its ledger's file without its ending.
        storage: The folder or the URL of the ledgers; that of `tune` when it is left out.
        json: Print what was found as JSON, with search spaces to try.
    """
    from prefect_tuner.flows.commands.study_commands import examine_study

    return with_errors_told("", lambda: examine_study(name, storage, as_json=json))


@app.command
def report(
    name: Name,
    /,
    *,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"], show_default=False)] = None,
    storage: Storage = "",
) -> int:
    """Write a study's report: one HTML file with pictures, which needs nothing from elsewhere.

    It has a verdict, the best parameters to copy, the best so far, how much each parameter matters
    and what it does, when each trial ran, how trials ended, and what is wrong with the study. It
    needs the extra `report`.

    Args:
        name: The study's name, or the name of its ledger's file without its ending.
        output: The file, which is replaced where it is there; by default NAME-report.html.
        storage: The folder or the URL of the ledgers; that of `tune` when it is left out.
    """
    from prefect_tuner.flows.commands.report_command import write_report

    return with_errors_told("", lambda: write_report(name, storage, output))


@app.command
def export(
    name: Name,
    /,
    *,
    kind: Annotated[Literal["csv", "json", "parquet", "optuna"], Parameter(name="--format")],
    storage: Storage = "",
    output: Annotated[Path | None, Parameter(show_default=False)] = None,
) -> int:
    """Write a study for other programs.

    Args:
        name: The study's name, or the name of its ledger's file without its ending.
        kind: A table of the trials (csv, parquet), everything (json), or an SQLite storage for
            Optuna and its dashboard (optuna).
        storage: The folder or the URL of the ledgers; that of `tune` when it is left out.
        output: A new file. Without it, csv and json are printed.
    """
    from prefect_tuner.flows.commands.study_commands import export_study

    return with_errors_told("", lambda: export_study(name, storage, kind, output))


@app.command
def delete(name: Name, /, *, storage: Storage = "", yes: Flag = False) -> int:
    """Delete a study's ledger, when no run holds it. What Prefect has recorded stays.

    Args:
        name: The study's name, or the name of its ledger's file without its ending.
        storage: The folder or the URL of the ledgers; that of `tune` when it is left out.
        yes: Do not ask.
    """
    from prefect_tuner.flows.commands.study_commands import delete_study

    return with_errors_told("", lambda: delete_study(name, storage, yes=yes))
