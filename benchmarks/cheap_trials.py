"""Ten thousand trials of 10 ms, beside Optuna's: `python -m benchmarks.cheap_trials`.

The same objective by random search, on two processes of the same machine, one after the other:

- Optuna, two processes that call `study.optimize` on one study in a journal file, and once more in
  an SQLite database: from the start of the processes to the end of the second;
- prefect-tuner, two trials at a time, with `trials_per_task`, on a Prefect server of its own
  (SQLite): from the call of `tune` to its return. Right after it, a flow that does nothing.

`--trials` sets how many, `--per-task` the setting, `--spin` has an objective that computes for
10 ms rather than sleeps.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx

from benchmarks.server.processes import Processes
from benchmarks.server.setups import SETUPS, Server

PROCESSES = 2
SECONDS = 0.01

_ASLEEP = (
    "import time\n\n\ndef objective(params):\n    time.sleep({seconds})\n    return params['x']\n"
)
_SPINNING = """
import time


def objective(params):
    until = time.perf_counter() + {seconds}
    while time.perf_counter() < until:
        pass
    return params['x']
"""

_OPTUNA = """
import sys
sys.path.insert(0, sys.argv[1])
import optuna
from objective import objective
from optuna.storages import JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend

optuna.logging.set_verbosity(optuna.logging.WARNING)
kind, path, trials = sys.argv[2], sys.argv[3], int(sys.argv[4])
storage = (
    JournalStorage(JournalFileBackend(path))
    if kind == "journal"
    else RDBStorage(f"sqlite:///{path}", engine_kwargs={"connect_args": {"timeout": 60}})
)
study = optuna.create_study(
    storage=storage, study_name="cheap", sampler=optuna.samplers.RandomSampler(),
    direction="maximize", load_if_exists=True,
)
study.optimize(lambda t: objective({"x": t.suggest_float("x", 0.0, 1.0)}), n_trials=trials)
"""

_OURS = """
import sys, time
from prefect_tuner import TunerConfig, tune

folder, trials, per_task = sys.argv[1], int(sys.argv[2]), sys.argv[3]
start = time.monotonic()
result = tune(
    f"{folder}/objective.py:objective",
    {"x": {"type": "float", "low": 0.0, "high": 1.0}},
    strategy="random",
    study="cheap",
    config=TunerConfig(
        max_trials=trials, max_concurrency=int(sys.argv[4]), max_duration=None,
        trials_per_task=per_task if per_task == "auto" else int(per_task),
    ),
)
assert len(result.trials) == trials
print(time.monotonic() - start)
"""


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description="Cheap trials, beside Optuna's.")
    add = parser.add_argument
    add("--trials", type=int, default=10_000, help="how many (default: 10000)")
    add("--per-task", default="auto", help="trials_per_task (default: auto)")
    add("--spin", action="store_true", help="compute for 10 ms rather than sleep")
    asked = parser.parse_args()
    told = "computing" if asked.spin else "asleep"
    print(f"{asked.trials:,} trials of {SECONDS * 1e3:g} ms, {told}, {PROCESSES} at a time")
    with tempfile.TemporaryDirectory(prefix="prefect-tuner-cheap-") as name:
        folder = Path(name)
        source = (_SPINNING if asked.spin else _ASLEEP).format(seconds=SECONDS)
        (folder / "objective.py").write_text(source)
        peers = {kind: by_optuna(folder, kind, asked.trials) for kind in ("journal", "sqlite")}
        for kind, took in peers.items():
            row(f"Optuna, {kind}", took, asked.trials)
        took, after = ours(folder, asked.trials, asked.per_task)
        row(f"prefect-tuner, trials_per_task={asked.per_task}", took, asked.trials)
    for kind, peer in peers.items():
        print(f"{took / peer:.2f} times Optuna with {kind}")
    print(after)


def row(title: str, took: float, trials: int) -> None:
    """Print what was measured of one."""
    print(f"{title:44}{took:9.1f} s{took / trials * 1e3:9.2f} ms a trial", flush=True)


def by_optuna(folder: Path, kind: str, trials: int) -> float:
    """Seconds that two processes of Optuna take."""
    shares = [trials // PROCESSES + (i < trials % PROCESSES) for i in range(PROCESSES)]
    command = [sys.executable, "-c", _OPTUNA, str(folder), kind, str(folder / kind)]
    subprocess.run([*command, "0"], check=True)  # The study is made before, and not counted.
    start = time.perf_counter()
    running = [subprocess.Popen([*command, str(share)]) for share in shares]
    codes = [process.wait() for process in running]
    if any(codes):
        raise RuntimeError(f"Optuna with {kind} has failed")
    return time.perf_counter() - start


def ours(folder: Path, trials: int, per_task: str) -> tuple[float, str]:
    """Seconds that `tune` takes; what is to be said of the server afterwards."""
    with SETUPS["sqlite"].started({}) as server, Processes(folder) as clients:
        outcome, start_new_flow = folder / "new-flow", folder / "start-new-flow"
        program = [sys.executable, "-m", "benchmarks.server.new_flow_program"]
        clients.start("new-flow", [*program, str(outcome), str(start_new_flow)], server.environment)
        clients.await_ready("The program for a new flow run", outcome.exists)
        study = [sys.executable, "-c", _OURS, str(folder), str(trials), per_task, str(PROCESSES)]
        told = subprocess.run(
            study, env=dict(server.environment), check=True, stdout=subprocess.PIPE, text=True
        )
        start_new_flow.touch()
        while outcome.read_text().count("\n") < 2:
            time.sleep(0.05)
        runs = task_runs(server)
        new_flow = outcome.read_text().split("\n")[1]
        after = f"a new flow run took {float(new_flow):.2f} s; {runs} task runs at the server"
        return float(told.stdout), after


def task_runs(server: Server) -> int:
    """How many task runs the server knows."""
    return int(httpx.post(f"{server.api_url}/task_runs/count", json={}, timeout=60.0).json())


if __name__ == "__main__":
    main()
