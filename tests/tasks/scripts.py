"""Scripts that run objectives of their own as trials, without Prefect."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

RUNNER = """
import json, sys

def run_trial(objective, **settings):
    run_trials(objective, [{"x": 2}], **settings)

def run_trials(objective, each_params, **settings):
    from prefect_tuner.tasks.processes.attempt import run_attempt
    from prefect_tuner.trial import TrialLimits
    from prefect_tuner.tasks.messages.attempt_request import AttemptRequest
    from prefect_tuner.tasks.processes.isolation import LaunchSettings
    from prefect_tuner.tasks.processes.launcher import Launcher
    from prefect_tuner.tasks.objectives.objective import describe_objective

    launcher = Launcher(describe_objective(objective), LaunchSettings(**settings))
    told = []
    try:
        for number, params in enumerate(each_params):
            lines = []
            # After the last, no process imports ahead of its time.
            more = len(each_params) - 1 - number
            request = AttemptRequest("script", number, params, 0, more=more)
            report = run_attempt(
                launcher, request, TrialLimits(60.0), lambda _, t: lines.append(t)
            )
            told.append([report.metric, report.message, lines])
    finally:
        launcher.stop()
    for each in told:
        print(json.dumps(each))
"""
"""What a script needs to run an objective of its own as a trial."""


def run_script(
    folder: Path, code: str, *arguments: str, options: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    """Run a script, which may import the runner."""
    (folder / "script.py").write_text(textwrap.dedent(code))
    return run_python(folder, *options, "script.py", *arguments)


def run_python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a folder, where the runner can be imported."""
    (folder / "runner.py").write_text(RUNNER)
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
