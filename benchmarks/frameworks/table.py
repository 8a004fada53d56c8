"""What runs in a trial, framework by framework: `python -m benchmarks.frameworks.table`.

Runs each program of `programs/` plainly, `python program.py`, and in trials: with the framework
imported and at work while the program's module is imported, and with the framework imported in the
objective. Says what each took, and whether all gave the same. `--write FILE` puts the table into a
page, between the lines that mark its place; `make frameworks` runs it.
"""

from __future__ import annotations

import argparse
import ast
import os
import platform
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from benchmarks.frameworks.running import PROGRAMS, Program, Trials, run_in_trials, run_plainly

BEGIN, END = "<!-- the table begins -->", "<!-- the table ends -->"
HEADER = (
    "| framework | program | plain | trial, warm import | | trial, lazy import | | same result |\n"
    "|---|---|---|---|---|---|---|---|\n"
    "| | | | first | later | first | later | |"
)

_SPARE_TIME = 2.0
"""Seconds for which a process that has imported ahead waits for its trial."""


def main() -> None:
    """Measure, and print or write the table."""
    parser = argparse.ArgumentParser(description="What runs in a trial.")
    parser.add_argument("programs", nargs="*", help="of programs/ (default: all)")
    parser.add_argument("--write", type=Path, metavar="FILE", help="the page to renew")
    options = parser.parse_args()
    chosen = [each for each in PROGRAMS if not options.programs or each.name in options.programs]
    lines = [
        f"Python {platform.python_version()}, {len(os.sched_getaffinity(0))} cores. Seconds.",
        "",
        HEADER,
    ]
    for line in lines:
        print(line, flush=True)
    wrong = 0
    for program in chosen:
        row, is_same = _row(program)
        wrong += not is_same
        lines.append(row)
        print(row, flush=True)
    if options.write:
        page = options.write.read_text()
        before, _, rest = page.partition(BEGIN)
        _, _, after = rest.partition(END)
        options.write.write_text("\n".join([before + BEGIN, *lines, END + after]))
    if wrong:
        sys.exit(
            f"{wrong} of {len(chosen)} programs did not give in a trial what they give plainly"
        )


def _row(program: Program) -> tuple[str, bool]:
    plain = [run_plainly(program) for _ in range(2)]  # The first one fills the caches.
    seconds, value, kept = min(plain)
    pause = seconds + _SPARE_TIME
    trials = {each: run_in_trials(program, each, pause=pause) for each in program.imports}
    faults = [fault for each in trials.values() if (fault := _fault(each, value, kept))]
    cells = [
        ", ".join(f"{each} {version(each)}" for each in program.packages) or "Python",
        f"[{_title(program)}](../benchmarks/frameworks/programs/{program.file.name})",
        f"{seconds:.2f}",
        *(_times(trials.get("warm"))),
        *(_times(trials.get("lazy"))),
        f"yes{f': {kept[0]}' if kept else ''}" if not faults else f"**no**: {'; '.join(faults)}",
    ]
    return f"| {' | '.join(cells)} |", not faults


def _times(trials: Trials | None) -> tuple[str, str]:
    if trials is None:
        return "", ""
    how = "fresh" if trials.are_fresh else "forked"
    return f"{trials.first:.2f}", f"{trials.later:.2f}, {how}"


def _fault(trials: Trials, value: float, kept: Sequence[str]) -> str:
    """What is not as in the plain run; empty where nothing is."""
    for report in trials.reports:
        if report.metric != value:
            return f"{report.outcome.value} {report.message} {report.metric}".strip()
    if set(trials.kept) != set(kept):
        left, plainly = (
            " and ".join(sorted(set(each))) or "nothing" for each in (trials.kept, kept)
        )
        return f"left {left}, plainly {plainly}"
    return ""


def _title(program: Program) -> str:
    """What it does: its first line, after the framework's name."""
    text = ast.get_docstring(ast.parse(program.file.read_text())) or ""
    return text.partition(": ")[2].rstrip(".")


if __name__ == "__main__":
    main()
