"""Studies in another Python process, whose hashes of texts are others."""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from typing import Any

_PROGRAM = """
import importlib, json, sys, traceback
answers, sys.stdout = sys.stdout, sys.stderr
sys.path[:] = json.loads(sys.argv[1])
from prefect_tuner import Study
from prefect_tuner.testing.trials import run_trials

def run(count, strategy_class="", **given):
    if strategy_class:
        module, _, name = strategy_class.partition(":")
        given["strategy"] = getattr(importlib.import_module(module), name)
    return run_trials(Study(**given), count)

for line in sys.stdin:
    sys.path[:], asked = json.loads(line)
    try:
        answer = {"params": run(**asked)}
    except Exception:
        answer = {"error": traceback.format_exc()}
    print(json.dumps(answer), file=answers, flush=True)
"""


def run_in_another_process(asked: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The parameters of a study's trials, run by a process that is started once.

    Args:
        asked: `count`, how many trials, and the arguments of `Study`; with `strategy_class`, as
            `module:name`, in the place of `strategy` where that is a class.

    Raises:
        RuntimeError: The study has raised there.
    """
    process = _process()
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps([sys.path, asked]) + "\n")
    process.stdin.flush()
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"the other process has ended with code {process.wait()}")
    answer: dict[str, Any] = json.loads(line)
    if "error" in answer:
        raise RuntimeError(f"in another process:\n{answer['error']}")
    params: list[dict[str, Any]] = answer["params"]
    return params


@cache
def _process() -> subprocess.Popen[str]:
    seed = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"  # Than here.
    process = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, json.dumps(sys.path)],
        env=os.environ | {"PYTHONHASHSEED": seed},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(process.communicate)  # Its input ends, and so does it.
    return process
