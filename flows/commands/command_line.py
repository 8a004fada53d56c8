"""The command line: `prefect-tuner run`, `list`, `show`, `resume` and others.

Each command imports what it needs when it is called: listing the strategies need not wait for
Prefect.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, CycloptsError, Parameter

from prefect_tuner import __version__
from prefect_tuner.errors import InvalidConfiguration, ObjectiveNotFound, TunerError

FAILED = 1
"""Exit code: the study failed, is held by another run, or its ledger cannot be read; of `doctor`
also that something is wrong with it."""

WRONG_INPUT = 2
"""Exit code: the command line, the study's file or its objective has a mistake."""

INTERRUPTED = 130
"""Exit code: stopped by Ctrl-C."""

app = App(
    name="prefect-tuner",
    help="Hyperparameter tuning that lives in Prefect.",
    help_epilogue=(
        "Exit codes: 0 when all went well, 1 when the study failed, is held by another run or "
        "cannot be read, 2 when the input has mistakes, 130 after Ctrl-C."
    ),
    version=__version__,
    version_flags=["--version"],
    result_action="return_value",
)

_StudyFile = Annotated[Path, Parameter(name="STUDY_FILE")]
_Flag = Annotated[bool, Parameter(negative="", show_default=False)]
_Name = Annotated[str, Parameter(name="NAME", allow_leading_hyphen=True)]
_Storage = Annotated[str, Parameter(show_default=False)]
_Engine = Annotated[str, Parameter(show_default=False)]
_Budget = Parameter(show_default=False)


@app.command
def run(
    study_file: _StudyFile, /, *, engine: _Engine = "", log: _Flag = False, json: _Flag = False
) -> int:
    """Run a study and show how it goes.

    The study is a run of the flow `tune` on the Prefect server that is configured, by
    PREFECT_API_URL or in the active profile. Where there is none, Prefect's embedded server is
    started for the time of the study; what it records stays. A study's file is YAML and names
    the parameters of `tune`, the first two at least:

    ```yaml
    objective: my_model.py:train
    space:
      lr: {type: float, low: 1e-5, high: 0.1, log: true}
      booster: [gbtree, dart]
    strategy: auto
    config: {max_trials: 50, max_concurrency: 2}
    ```

    Args:
        study_file: The study. A file that it names is relative to the working directory.
        engine: Where trials run, whatever the file says; its engine_options are for its own
            engine. `prefect-tuner engines` lists them.
        log: Show everything that is logged, not warnings alone.
        json: Print the result as JSON.
    """
    from prefect_tuner.flows.commands.run_command import RunCommand
    from prefect_tuner.flows.commands.study_file import (
        load_study_file,
        on_engine,
        plan_study_file,
    )

    label = str(study_file)
    study = RunCommand(
        label,
        lambda: plan_study_file(on_engine(load_study_file(study_file), engine), study_file),
        log=log,
        as_json=json,
    )
    return _with_errors_told(label, study.run)


@app.command
def validate(study_file: _StudyFile, /) -> int:
    """Check a study without running it, and list all the mistakes at once.

    The objective is loaded, in a process of its own, and not called.

    Args:
        study_file: The study, as for `run`.
    """
    from prefect_tuner.flows.commands.study_check import check_study_file

    def check() -> int:
        study = check_study_file(study_file)
        print(f"{study_file} can be run: {study.sentence}")  # noqa: T201 - its output
        for note in study.notes:
            print(note)  # noqa: T201 - its output
        return 0

    return _with_errors_told(str(study_file), check)


@app.command
def strategies() -> int:
    """List the search strategies, built in and installed, with their options."""
    from prefect_tuner.flows.commands.strategy_listing import describe_strategies, strategy_listing

    width = min(100, shutil.get_terminal_size().columns)
    print(strategy_listing(describe_strategies(), width))  # noqa: T201 - its output
    return 0


@app.command
def engines() -> int:
    """List the engines that run trials, built in and installed, with their options."""
    from prefect_tuner.flows.commands.engine_listing import describe_engines, engine_listing

    width = min(100, shutil.get_terminal_size().columns)
    print(engine_listing(describe_engines(), width))  # noqa: T201 - its output
    return 0


@app.command(name="list")
def list_(*, storage: _Storage = "", json: _Flag = False) -> int:
    """List all studies: their state, trials and best metric, and when they were used.

    Args:
        storage: The folder or the URL of the ledgers; that of `tune` when it is left out.
        json: Print them as JSON.
    """
    from prefect_tuner.flows.commands.study_commands import list_studies

    return _with_errors_told("", lambda: list_studies(storage, as_json=json))


@app.command
def show(name: _Name, /, *, storage: _Storage = "", json: _Flag = False) -> int:
    """Show a study: its state and budget, the best trials, a plot, failures and runs.

    Args:
        name: The study's name, or the name of its ledger's file without its ending.
        storage: The folder or the URL of the ledgers; that of `tune` when it is left out.
        json: Print all that is known of it as JSON.
    """
    from prefect_tuner.flows.commands.study_commands import show_study

    return _with_errors_told("", lambda: show_study(name, storage, as_json=json))


@app.command
def doctor(name: _Name, /, *, storage: _Storage = "", json: _Flag = False) -> int:
    """Say what is wrong with a study, and what to do about it.

    It looks for a best value at the end of a range, failures or slow trials in one part of the
    space, one error in all trials, and a metric that does not change. The exit code is 1 where it
    has found something, and 0 otherwise.

    Args:
        name: The study's name, or the name of its ledger's file without its ending.
        storage: The folder or the URL of the ledgers; that of `tune` when it is left out.
        json: Print what was found as JSON, with search spaces to try.
    """
    from prefect_tuner.flows.commands.study_commands import examine_study

    return _with_errors_told("", lambda: examine_study(name, storage, as_json=json))


@app.command
def resume(
    name: _Name,
    /,
    *,
    storage: _Storage = "",
    max_trials: Annotated[int | None, _Budget] = None,
    max_duration: Annotated[float | None, _Budget] = None,
    confirm: Annotated[int | None, _Budget] = None,
    engine: _Engine = "",
    log: _Flag = False,
    json: _Flag = False,
) -> int:
    """Go on with a study that was interrupted, or give it a larger budget.

    Everything but the budget is as in its last run, from the ledger alone; the engine and its
    options, too, and observers that were given by path. The objective's module or file has to be
    found from the working directory. A study that is complete gives its result.

    Args:
        name: The study's name, or the name of its ledger's file without its ending.
        storage: The folder or the URL of the ledgers; that of `tune` when it is left out.
        max_trials: Trials in all, those that were run before included.
        max_duration: Seconds in all, those of earlier runs included.
        confirm: How many of the best trials to evaluate anew, with fresh seeds.
        engine: Another engine to run the trials, with its default options.
        log: Show everything that is logged, not warnings alone.
        json: Print the result as JSON.
    """
    from prefect_tuner.flows.commands.resume_command import resume_study

    def command() -> int:
        return resume_study(
            name,
            storage,
            max_trials=max_trials,
            max_duration=max_duration,
            confirm=confirm,
            engine=engine,
            log=log,
            as_json=json,
        )

    return _with_errors_told("", command)


@app.command
def export(
    name: _Name,
    /,
    *,
    kind: Annotated[Literal["csv", "json", "parquet", "optuna"], Parameter(name="--format")],
    storage: _Storage = "",
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

    return _with_errors_told("", lambda: export_study(name, storage, kind, output))


@app.command
def delete(name: _Name, /, *, storage: _Storage = "", yes: _Flag = False) -> int:
    """Delete a study's ledger, when no run holds it. What Prefect has recorded stays.

    Args:
        name: The study's name, or the name of its ledger's file without its ending.
        storage: The folder or the URL of the ledgers; that of `tune` when it is left out.
        yes: Do not ask.
    """
    from prefect_tuner.flows.commands.study_commands import delete_study

    return _with_errors_told("", lambda: delete_study(name, storage, yes=yes))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: Of the command line; those of this process by default.

    Returns:
        The exit code.
    """
    # As with `python -m`: objectives and observers of the working directory can be imported.
    directory = str(Path.cwd())
    if directory not in sys.path:
        sys.path.insert(0, directory)
    try:
        code: int | None = app(arguments, exit_on_error=False)
        sys.stdout.flush()
    except CycloptsError:  # It has told what is wrong.
        return WRONG_INPUT
    except KeyboardInterrupt:
        _complain("Interrupted")
        return INTERRUPTED
    except BrokenPipeError:  # Whoever reads, such as `head`, has read enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    return code or 0


def _with_errors_told(label: str, command: Callable[[], int]) -> int:
    """The exit code of a command, whose errors are printed behind what they are about."""
    try:
        return command()
    except (InvalidConfiguration, ObjectiveNotFound) as error:
        _complain(f"{label}: {error}" if label else str(error))
        return WRONG_INPUT
    except TunerError as error:
        _complain(f"{label}: {error}" if label else str(error))
        return FAILED


def _complain(message: str) -> None:
    print(message, file=sys.stderr)  # noqa: T201 - its output


if __name__ == "__main__":
    sys.exit(main())
