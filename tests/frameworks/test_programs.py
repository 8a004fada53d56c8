"""What the programs of `benchmarks/frameworks` give plainly, they give in trials."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest

from benchmarks.frameworks.running import (
    PROGRAMS,
    Import,
    Program,
    run_in_trials,
    run_plainly,
)
from prefect_tuner import Outcome
from prefect_tuner.tasks.processes.isolation import Isolation
from tests.polling import eventually
from tests.tasks.attempts import in_shared_memory
from tests.tasks.modules import run_once, write_module
from tests.tasks.scripts import run_script

CASES = [(program, each) for program in PROGRAMS for each in program.imports]

plainly = cache(run_plainly)


@pytest.mark.parametrize(
    ("program", "imports"), CASES, ids=[f"{program.name}-{each}" for program, each in CASES]
)
@pytest.mark.parametrize("isolation", ["auto", "fresh"])
def test_a_trial_gives_what_the_program_gives(
    program: Program, imports: Import, isolation: Isolation
) -> None:
    _, metric, kept = plainly(program)
    before = in_shared_memory()
    trials = run_in_trials(program, imports, isolation, count=2)
    assert [report.metric for report in trials.reports] == [metric, metric], trials.reports
    assert set(trials.kept) == set(kept)
    eventually(lambda: _assert_no_more_than(before))


def _assert_no_more_than(before: set[str]) -> None:
    # What else runs on this machine may have something there for a while.
    assert in_shared_memory() <= before


SEEDED = {
    "torch": ("import torch", "torch.rand(1).item()"),
    "tensorflow": ("import tensorflow as tf", "float(tf.random.uniform([1])[0])"),
}


@pytest.mark.parametrize("framework", SEEDED)
@pytest.mark.parametrize("imports", ["warm", "lazy"])
def test_the_trials_seed_is_the_frameworks(tmp_path: Path, framework: str, imports: str) -> None:
    load, draw = SEEDED[framework]
    top, inner = (load, "") if imports == "warm" else ("", load)
    code = f"{top}\ndef train(params):\n    {inner or 'pass'}\n    return {draw}\n"
    module = write_module(tmp_path, code)
    drawn = [run_once(module, timeout=120, seed=seed).report.metric for seed in (3, 4, 3)]
    assert None not in drawn
    assert drawn[0] == drawn[2] != drawn[1]


OPTIONS = {
    "torch": ("torch.set_default_dtype(torch.float64)", "torch.zeros(1).dtype"),
    "jax": ("jax.config.update('jax_enable_x64', True)", "jax.numpy.ones(1).dtype"),
    "keras": ("keras.config.set_floatx('float64')", "keras.ops.ones(1).dtype"),
}


@pytest.mark.parametrize("guard", ['if __name__ == "__main__":', "if True:"])
@pytest.mark.parametrize("framework", OPTIONS)
def test_what_a_framework_computes_in_is_what_the_script_says(
    tmp_path: Path, framework: str, guard: str
) -> None:
    sets, told = OPTIONS[framework]
    done = run_script(
        tmp_path,
        f"import {framework}\nfrom runner import run_trial\n"
        f"def train(params):\n    print({told})\n    return 1.0\n"
        f"{guard}\n    {sets}\n    train({{}})\n    run_trial(train)\n",
    )
    plain, trial = done.stdout.splitlines()
    assert "float64" in plain
    metric, _, lines = json.loads(trial)  # Some tell of more.
    assert (metric, lines[-1]) == (1.0, plain), done.stderr


def test_a_fork_that_hangs_says_what_to_set(tmp_path: Path) -> None:
    module = write_module(
        tmp_path,
        """
        import torch

        def train(params):
            x = torch.randn(500, 500, requires_grad=True)
            (x @ x).sum().backward()
            return 1.0

        train({})
        """,
    )
    run = run_once(module, settings={"isolation": "fork"}, timeout=10, grace=5)
    assert run.report.outcome is Outcome.TIMED_OUT
    assert "isolation" in run.report.message
    assert "in train" in run.report.traceback
