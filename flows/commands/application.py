"""What the commands share: the application, types of arguments, exit codes, how errors are told."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeAlias

from cyclopts import App, Parameter

from prefect_tuner import __version__
from prefect_tuner.errors import InvalidConfiguration, ObjectiveNotFound, TunerError

FAILED = 1
"""Exit code: the study failed, is held by another run, or its ledger cannot be read; of `doctor`
also that something is wrong with it, of `preflight` that no trial has a metric."""

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

StudyPath: TypeAlias = Annotated[Path, Parameter(name="STUDY_FILE")]
Flag: TypeAlias = Annotated[bool, Parameter(negative="", show_default=False)]
Name: TypeAlias = Annotated[str, Parameter(name="NAME", allow_leading_hyphen=True)]
Storage: TypeAlias = Annotated[str, Parameter(show_default=False)]
Engine: TypeAlias = Annotated[str, Parameter(show_default=False)]
Budget = Parameter(show_default=False)


def with_errors_told(label: str, command: Callable[[], int]) -> int:
    """The exit code of a command, whose errors are printed behind what they are about."""
    try:
        return command()
    except (InvalidConfiguration, ObjectiveNotFound) as error:
        complain(f"{label}: {error}" if label else str(error))
        return WRONG_INPUT
    except TunerError as error:
        complain(f"{label}: {error}" if label else str(error))
        return FAILED


def complain(message: str) -> None:
    """Tell what is wrong."""
    print(message, file=sys.stderr)  # noqa: T201 - its output
