"""The same chaos on a Dask cluster: kills its workers and its scheduler, too.

    python -m tests.chaos_on_dask [--seed N] [--kills 20] [--trials 60] [--concurrency 4]

The study that is left in peace runs without Dask: both have the same digest.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prefect_tuner.tasks.process_table.process_tree import descendants
from tests.chaos import Chaos, numbers_of, run_chaos
from tests.marked_processes import runs
from tests.prefect_server import PrefectServer
from tests.tasks.engines.dask_cluster import DaskCluster


class ChaosOnDask(Chaos):
    """A study on a Dask cluster, and what is to be done to both.

    Args:
        cluster: It runs, also afterwards.
        server: Likewise.
        folder: Where all is written.
        **size: As for `Chaos`.
    """

    targets = ("flow", "trial", "fork server", "server", "worker", "scheduler")

    def __init__(
        self, cluster: DaskCluster, server: PrefectServer, folder: Path, **size: Any
    ) -> None:
        super().__init__(server, folder, **size)
        self._cluster = cluster

    def _where(self) -> dict[str, Any]:
        return {"engine": "dask", "engine_options": {"address": self._cluster.address}}

    def _kill(self, target: str) -> bool:
        workers = len(self._cluster.workers)
        match target:
            case "worker":
                self._cluster.kill_worker(self._random.randrange(workers))
                self._cluster.start_worker()
            case "scheduler":  # Its workers end with it, as Dask has it.
                self._cluster.kill_scheduler()
                while self._cluster.workers:
                    self._cluster.kill_worker(0)
                self._cluster.start_scheduler()
                for _ in range(workers):
                    self._cluster.start_worker()
            case _:
                return super()._kill(target)
        return True

    def _fork_servers(self) -> list[int]:
        below = [pid for worker in self._cluster.workers for pid in descendants(worker.pid)]
        return [pid for pid in below if runs(pid, "fork_server_main")]

    def _hits(self) -> int:
        kills = self.report.kills
        return super()._hits() + (kills["worker"] + kills["scheduler"]) * self._concurrency

    def _interrupted(self) -> Counter[int]:
        return Counter(numbers_of(self._last, "interrupted"))


@contextmanager
def _on_a_cluster(
    server: PrefectServer, folder: Path, size: dict[str, Any]
) -> Iterator[ChaosOnDask]:
    server.take_over(os.environ)  # For the workers.
    with DaskCluster(folder, workers=size["concurrency"]) as cluster:
        yield ChaosOnDask(cluster, server, folder, **size)


if __name__ == "__main__":
    run_chaos(__doc__, 20, _on_a_cluster)
