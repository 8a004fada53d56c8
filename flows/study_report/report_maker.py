"""Makes reports in another process, so that a study that runs is not held up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from importlib.util import find_spec

from pydantic import BaseModel

from prefect_tuner.errors import TunerError
from prefect_tuner.flows.ledger.study_state import StudyState

_PROGRAM = "prefect_tuner.flows.study_report.report_process"
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
_LONGEST_REASON = 500

_NOT_TOLD = {"state": {"evaluations", "evaluating"}}
"""A report has what they say together, and their keys are none that JSON has."""


class ReportNotMade(TunerError):
    """A report could not be made, or not in time."""


class ReportRequest(BaseModel):
    """What a report is made of, as the other process is told.

    Attributes:
        state: The study.
        name: What it is called.
        ending: In what state it is, a sentence without its point.
        elapsed: Seconds that it has run.
        timeout: Seconds after which the process gives up by itself.
        is_last: Whether the study has ended; while it runs, its trials go first.
    """

    state: StudyState
    name: str
    ending: str
    elapsed: float
    timeout: float
    is_last: bool


def can_make_reports() -> bool:
    """Whether the extra `report` is installed."""
    return "matplotlib" in sys.modules or find_spec("matplotlib") is not None


def make_report(request: ReportRequest) -> str:
    """The report as Markdown.

    The process has neither this one's output nor its terminal, works in one thread, and is killed
    when its time is over.

    Raises:
        ReportNotMade: It failed, or took too long.
    """
    told = request.model_dump_json(exclude=_NOT_TOLD).encode()
    with subprocess.Popen(
        [sys.executable, "-P", "-m", _PROGRAM],
        env={**os.environ, **_ONE_THREAD},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C in a terminal must not reach it.
    ) as process:
        try:
            report, complaint = process.communicate(told, request.timeout)
        except subprocess.TimeoutExpired:
            raise ReportNotMade(f"the report took longer than {request.timeout:g} s") from None
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    if process.returncode != 0:
        lines = complaint.decode(errors="replace").strip().splitlines() or ["it was killed"]
        raise ReportNotMade(f"the report could not be made: {lines[-1][:_LONGEST_REASON]}")
    return report.decode()
