"""The command line: `prefect-tuner run`, `list`, `show`, `resume` and others.

Each command imports what it needs when it is called: listing the strategies need not wait for
Prefect.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import CycloptsError

from prefect_tuner.flows.commands import stored_studies  # noqa: F401 - has more of the commands
from prefect_tuner.flows.commands.application import (
    FAILED,
    INTERRUPTED,
    WRONG_INPUT,
    Budget,
    Engine,
    Flag,
    Name,
    Storage,
    StudyPath,
    app,
    complain,
    with_errors_told,
)


@app.command
def run(
    study_file: StudyPath, /, *, engine: Engine = "", log: Flag = False, json: Flag = False
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
    return _run(study_file, engine, log=log, as_json=json)


@app.command
def preflight(
    study_file: StudyPath, /, *, engine: Engine = "", log: Flag = False, json: Flag = False
) -> int:
    """Run the first trials of a study, and say what it will take and what to change.

    They are the middle of the search space, its low and its high corner, and the middle once more
    with another seed, on the engine and with the limits of the study. What they take tells how long
    the study will be, how noisy its metric is, what its import starts and what fails. They count:
    `run` goes on with them where the study has a name. The exit code is 1 where no trial has a
    metric, or all have failed alike.

    Args:
        study_file: The study, as for `run`.
        engine: Where trials run, whatever the file says.
        log: Show everything that is logged, not warnings alone.
        json: Print what was found as JSON.
    """
    return _run(study_file, engine, log=log, as_json=json, preflight=True)


def _run(
    study_file: Path, engine: str, *, log: bool, as_json: bool, preflight: bool = False
) -> int:
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
        as_json=as_json,
        is_preflight=preflight,
    )
    return with_errors_told(label, study.run)


@app.command
def validate(study_file: StudyPath, /) -> int:
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

    return with_errors_told(str(study_file), check)


@app.command
def strategies() -> int:
    """List the search strategies, built in and installed, with their options."""
    from prefect_tuner.flows.listings.strategy_listing import describe_strategies, strategy_listing

    width = min(100, shutil.get_terminal_size().columns)
    print(strategy_listing(describe_strategies(), width))  # noqa: T201 - its output
    return 0


@app.command
def engines() -> int:
    """List the engines that run trials, built in and installed, with their options."""
    from prefect_tuner.flows.listings.engine_listing import describe_engines, engine_listing

    width = min(100, shutil.get_terminal_size().columns)
    print(engine_listing(describe_engines(), width))  # noqa: T201 - its output
    return 0


@app.command
def resume(
    name: Name,
    /,
    *,
    storage: Storage = "",
    max_trials: Annotated[int | None, Budget] = None,
    max_duration: Annotated[float | None, Budget] = None,
    confirm: Annotated[int | None, Budget] = None,
    engine: Engine = "",
    log: Flag = False,
    json: Flag = False,
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

    return with_errors_told("", command)


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
        complain("Interrupted")
        return INTERRUPTED
    except BrokenPipeError:  # Whoever reads, such as `head`, has read enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    return code or 0


if __name__ == "__main__":
    sys.exit(main())
