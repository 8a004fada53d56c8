"""The program that makes a report, started by `report_maker`.

It reads a request from its standard input and writes Markdown to its standard output.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from dataclasses import replace

from prefect_tuner.printable_text import printable_line

_LOW_PRIORITY = 10
_LOOK_SECONDS = 0.5


def main() -> None:
    """Make one report."""
    # Whoever prints something meanwhile does not print into the report.
    output = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()

    try:
        report = _made(sys.stdin.buffer.read())
    except Exception as error:  # noqa: BLE001 - it is told, in one line
        sys.exit(printable_line(f"{type(error).__name__}: {error}"))
    with os.fdopen(output, "wb") as file:
        file.write(report)


def _made(told: bytes) -> bytes:
    # Imported here: what fails in it is told as well.
    from prefect_tuner.flows.study_report.markdown_report import markdown_report
    from prefect_tuner.flows.study_report.report_content import report_content
    from prefect_tuner.flows.study_report.report_maker import ReportRequest
    from prefect_tuner.flows.study_report.state_view import state_view

    request = ReportRequest.model_validate_json(told)
    if not request.is_last:
        os.nice(_LOW_PRIORITY)
    signal.alarm(max(1, round(request.timeout)))
    view = state_view(request.state, request.ending, request.elapsed)
    return markdown_report(report_content(replace(view, name=request.name))).encode()


def _end_with_parent(parent: int) -> None:
    """Nobody waits for a report whose study was killed."""
    while os.getppid() == parent:
        time.sleep(_LOOK_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    main()
