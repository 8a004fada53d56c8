"""The same chaos on a Dask cluster: kills its workers and its scheduler, too.

    python -m tests.chaos_on_dask [--seed N] [--kills 20] [--trials 60] [--concurrency 4]

The study that is left in peace runs without Dask: both have the same digest.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections import Counter
from pathlib import Path
from random import SystemRandom
from typing import Any

from prefect_tuner.tasks.process_table.process_tree import descendants
from tests.chaos import STUDY, Chaos, numbers_of
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

    def _environment_of(self, study: str) -> dict[str, str]:
        if study != STUDY:
            return self._environment
        return {**self._environment, "COUNTED_STUDY_ON_DASK": self._cluster.address}

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


def main() -> None:
    """Do it once, with the kills asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(2**32))
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--concurrency", type=int, default=4)
    asked = parser.parse_args()
    sys.stdout.write(f"seed {asked.seed}\n")
    sys.stdout.flush()
    with tempfile.TemporaryDirectory(prefix="prefect-tuner-chaos-") as name:
        folder = Path(name)
        server = PrefectServer()
        server.take_over(os.environ)
        size = {"trials": asked.trials, "concurrency": asked.concurrency}
        try:
            server.start()
            with DaskCluster(folder, workers=asked.concurrency) as cluster:
                chaos = ChaosOnDask(cluster, server, folder, seed=asked.seed, **size)
                sys.stdout.write(f"{chaos.run(asked.kills)}\n")
        finally:
            server.kill()
            server.remove()


if __name__ == "__main__":
    main()
