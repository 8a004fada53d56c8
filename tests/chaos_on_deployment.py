"""The same chaos where each trial is a flow run: kills workers and the processes of flow runs, too.

    python -m tests.chaos_on_deployment [--seed N] [--kills 20] [--trials 60] [--concurrency 4]

The study that is left in peace runs its trials here: both have the same digest. A kill of the
study's own flow costs no trial: the next run adopts what goes on.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.chaos import Chaos, numbers_of, run_chaos
from tests.marked_processes import kill_one_of, runs
from tests.prefect_server import PrefectServer

if TYPE_CHECKING:
    from tests.tasks.engines.trial_pool import TrialPool

WORKERS = 2
START_TIMEOUT = 20.0
"""Seconds: what a killed worker had taken and not begun waits for them."""


class ChaosOnDeployment(Chaos):
    """A study on a work pool, and what is to be done to both.

    Args:
        pool: With its workers.
        server: It runs, also afterwards.
        folder: Where all is written.
        **size: As for `Chaos`.
    """

    targets = ("flow", "trial", "flow", "server", "worker", "flow run")

    def __init__(self, pool: TrialPool, server: PrefectServer, folder: Path, **size: Any) -> None:
        super().__init__(server, folder, **size)
        self._pool = pool

    def _where(self) -> dict[str, Any]:
        options = {"deployment": self._pool.deployment, "start_timeout": START_TIMEOUT}
        return {"engine": "deployment", "engine_options": options}

    def _kill(self, target: str) -> bool:
        match target:
            case "worker":
                worker = self._random.choice(self._pool.workers[-WORKERS:])
                worker.kill()
                worker.wait()
                self._pool.start_worker(self._folder)
            case "flow run":
                found = self._pool.processes.find("prefect.engine")
                return kill_one_of(self._random.sample(sorted(found), len(found)))
            case _:
                return super()._kill(target)
        return True

    def _fork_servers(self) -> list[int]:
        return [pid for pid in self._pool.processes.find() if runs(pid, "fork_server_main")]

    def _hits(self) -> int:
        kills = self.report.kills
        return super()._hits() + kills["flow run"] + kills["worker"] * self._concurrency

    def _interrupted(self) -> Counter[int]:
        return Counter(numbers_of(self._last, "interrupted"))

    def _check(self) -> None:
        super()._check()
        interrupted = self._interrupted()
        for number, calls in self.report.calls.items():
            # What a killed run of the study had begun went on, and was not called again.
            assert calls <= 1 + self.report.retried[number] + interrupted[number], number


@contextmanager
def _on_a_pool(
    server: PrefectServer, folder: Path, size: dict[str, Any]
) -> Iterator[ChaosOnDeployment]:
    server.take_over(os.environ)  # For the workers, and for Prefect in this process.
    from tests.tasks.engines.trial_pool import trial_pool

    with trial_pool() as pool:
        for _ in range(WORKERS):
            pool.start_worker(folder)
        pool.await_workers(WORKERS)
        yield ChaosOnDeployment(pool, server, folder, **size)


if __name__ == "__main__":
    run_chaos(__doc__, 20, _on_a_pool)
