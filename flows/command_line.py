"""The command line: `prefect-tuner run`, `validate` and `strategies`.

Each command imports what it needs when it is called: listing the strategies need not wait for
Prefect.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import App, CycloptsError, Parameter

from prefect_tuner import __version__
from prefect_tuner.errors import InvalidConfiguration, ObjectiveNotFound

WRONG_INPUT = 2
"""Exit code: the command line, the study's file or its objective has a mistake."""

INTERRUPTED = 130
"""Exit code: stopped by Ctrl-C."""

app = App(
    name="prefect-tuner",
    help="Hyperparameter tuning that lives in Prefect.",
    help_epilogue=(
        "Exit codes: 0 when all went well, 1 when the study failed, 2 when the input has mistakes, "
        "130 after Ctrl-C."
    ),
    version=__version__,
    version_flags=["--version"],
    result_action="return_value",
)

_StudyFile = Annotated[Path, Parameter(name="STUDY_FILE")]
_Flag = Annotated[bool, Parameter(negative="", show_default=False)]


@app.command
def run(study_file: _StudyFile, /, *, log: _Flag = False, json: _Flag = False) -> int:
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
    strategy: random
    config: {max_trials: 50, max_concurrency: 2}
    ```

    Args:
        study_file: The study. A file that it names is relative to the working directory.
        log: Show everything that is logged, not warnings alone.
        json: Print the result as JSON.
    """
    from prefect_tuner.flows.run_command import RunCommand

    command = RunCommand(study_file, log=log, as_json=json)
    return _with_mistakes_told(study_file, command.run)


@app.command
def validate(study_file: _StudyFile, /) -> int:
    """Check a study without running it, and list all the mistakes at once.

    The objective is loaded, in a process of its own, and not called.

    Args:
        study_file: The study, as for `run`.
    """
    from prefect_tuner.flows.study_check import check_study_file

    def check() -> int:
        study = check_study_file(study_file)
        if study.warning:
            _complain(f"{study_file}: {study.warning}")
        print(f"{study_file} can be run: {study.sentence}")  # noqa: T201 - its output
        return 0

    return _with_mistakes_told(study_file, check)


@app.command
def strategies() -> int:
    """List the search strategies, built in and installed, with their options."""
    from prefect_tuner.flows.strategy_listing import describe_strategies, strategy_listing

    width = min(100, shutil.get_terminal_size().columns)
    print(strategy_listing(describe_strategies(), width))  # noqa: T201 - its output
    return 0


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
    except CycloptsError:  # It has told what is wrong.
        return WRONG_INPUT
    except KeyboardInterrupt:
        _complain("Interrupted")
        return INTERRUPTED
    return code or 0


def _with_mistakes_told(study_file: Path, command: Callable[[], int]) -> int:
    """The exit code of a command, whose complaints on the input are printed."""
    try:
        return command()
    except (InvalidConfiguration, ObjectiveNotFound) as error:
        _complain(f"{study_file}: {error}")
        return WRONG_INPUT


def _complain(message: str) -> None:
    print(message, file=sys.stderr)  # noqa: T201 - its output


if __name__ == "__main__":
    sys.exit(main())
