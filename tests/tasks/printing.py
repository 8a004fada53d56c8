"""Objectives that print and log."""

# ruff: noqa: T201 - printing is what they are for

from __future__ import annotations

import logging
import os
import sys
import warnings
from typing import Any

from prefect_tuner import Params, TrialContext

logging.basicConfig(level=logging.INFO)  # As scripts do: the trial's log must not hear it twice.


def by_name(params: Params, trial: TrialContext) -> Any:
    return globals()[str(params["name"])](trial)


def everything(trial: TrialContext) -> float:
    print("printed")
    print("to the error stream", file=sys.stderr)
    logging.getLogger("mine").info("logged %s", 1)
    logging.getLogger("mine").debug("not shown")
    logging.getLogger("mine").error("logged as error")
    warnings.warn("careful", stacklevel=1)
    trial.log("said")
    trial.log("said as warning", logging.WARNING)
    trial.log(42)  # type: ignore[arg-type]
    return 1.0


def logs_an_exception(trial: TrialContext) -> float:
    try:
        float("x")
    except ValueError:
        logging.getLogger("mine").exception("it failed")
    return 1.0


def logs_badly(trial: TrialContext) -> float:
    logging.getLogger("mine").info("%d", "not a number")
    return 1.0


def prints_much(trial: TrialContext) -> float:
    for number in range(500_000):
        print(f"line {number:06} " + "x" * 88)
    return 1.0


def prints_one_long_line(trial: TrialContext) -> float:
    for _ in range(100):
        sys.stdout.write("x" * 100_000)
        sys.stdout.flush()
    print()
    print("after it")
    return 1.0


def logs_much(trial: TrialContext) -> float:
    for number in range(10_000):
        trial.log(f"record {number}")
    return 1.0


def prints_control_characters(trial: TrialContext) -> float:
    print("\x1b[1;31mbold red\x1b[0m \x07bell\x00 tab\there\x1b]0;title\x07")
    os.write(1, b"no \xff utf-8\n")
    print("a lone surrogate \udcff, and ü")
    return 1.0


def shows_progress(trial: TrialContext) -> float:
    for percent in range(101):
        sys.stderr.write(f"\r{percent:3}% {'#' * percent}")
        sys.stderr.flush()
    return 1.0


def logs_from_a_child(trial: TrialContext) -> float:
    if os.fork() == 0:
        logging.getLogger("child").info("from the child")
        trial.log("also from the child")
        os._exit(0)
    os.wait()
    return 1.0


def prints_without_end(trial: TrialContext) -> float:
    sys.stdout.write("no end of line")
    return 1.0


def dies_while_it_prints(trial: TrialContext) -> float:
    print("before")
    sys.stdout.write("unfinished")
    sys.stdout.flush()
    os._exit(1)
