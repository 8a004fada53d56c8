"""What a ledger costs: one append, synchronised with the disk, and opening a long study.

```
python benchmarks/ledger.py [--folder FOLDER] [--trials 10000]
```

An append is compared with a bare write and fdatasync of the same bytes, opening with parsing the
same lines as JSON, in turns and in the same run.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from prefect_tuner.flows.ledger.ledger import Ledger, read_state
from prefect_tuner.flows.ledger.ledger_records import (
    AskedRecord,
    AttemptRecord,
    BestRecord,
    FinishedRecord,
    Record,
    StudyDefinition,
    StudyRecord,
)
from prefect_tuner.flows.storage.holder import Holder
from prefect_tuner.flows.storage.ledger_file import LedgerFile
from prefect_tuner.flows.storage.utc_time import utc_now
from prefect_tuner.trial import Outcome

APPENDS = 400
OPENINGS = 5


def asked(number: int) -> list[Record]:
    """What is written before a trial of ten parameters runs."""
    params = {f"parameter_{i}": number / 7 + i for i in range(10)}
    return [
        AskedRecord(at=utc_now(), number=number, params=dict(params), seed=number),
        AttemptRecord(at=utc_now(), number=number, attempt=1),
    ]


def finished(number: int) -> list[Record]:
    """What is written when it has ended; every tenth is the best so far."""
    record = FinishedRecord(
        at=utc_now(),
        number=number,
        outcome=Outcome.COMPLETED,
        metric=number / 3,
        extra={"std": 0.01},
        duration=12.5,
        attempts=1,
        host="a-host",
        elapsed=12.5 * number,
    )
    best = BestRecord(at=utc_now(), number=number, metric=number / 3)
    return [record, best] if number % 10 == 0 else [record]


def begin(folder: Path) -> Ledger:
    """A new ledger."""
    ledger = Ledger(LedgerFile(folder, "benchmark"), Holder.of_this_process())
    definition = StudyDefinition(
        objective="model:train",
        space={f"parameter_{i}": {"type": "float", "low": 0.0, "high": 1e6} for i in range(10)},
        strategy={"name": "random"},
        direction="maximize",
        seed=0,
    )
    ledger.append(StudyRecord(at=utc_now(), study="benchmark", definition=definition))
    return ledger


def seconds(action: Callable[[], object]) -> float:
    """How long it takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def measure_appends(folder: Path) -> None:
    """Append to a ledger and to a bare file in turns."""
    bare = os.open(folder / "bare", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    ours: list[float] = []
    theirs: list[float] = []
    with begin(folder) as ledger:
        for number in range(APPENDS):
            for records in (asked(number), finished(number)):
                ours.append(seconds(lambda records=records: ledger.append(*records)))  # type: ignore[misc]

                def write() -> None:
                    os.write(bare, b"x" * 500)
                    os.fdatasync(bare)

                theirs.append(seconds(write))
    os.close(bare)
    ours_ms, theirs_ms = (1e3 * statistics.median(times) for times in (ours, theirs))
    worst = 1e3 * sorted(ours)[int(0.99 * len(ours))]
    print(f"append, median of {len(ours)}:      {ours_ms:8.3f} ms (99th percentile {worst:.1f} ms)")
    print(f"bare write and fdatasync:    {theirs_ms:8.3f} ms")
    print(f"ratio:                       {ours_ms / theirs_ms:8.2f}")


def measure_opening(folder: Path, trials: int) -> None:
    """Open a long study, and parse its lines as JSON, in turns."""
    with begin(folder) as ledger:
        records = [record for number in range(trials) for record in asked(number)]
        records += [record for number in range(trials) for record in finished(number)]
        ledger.append(*records)
    store = LedgerFile(folder, "benchmark")
    path = Path(store.location)
    ours, theirs = [], []
    for _ in range(OPENINGS):
        ours.append(seconds(lambda: read_state(store)))
        theirs.append(seconds(lambda: [json.loads(line) for line in path.open("rb")]))
    lines = path.read_bytes().count(b"\n")
    print(f"opening {trials:,} trials ({lines:,} records, {path.stat().st_size / 1e6:.1f} MB):")
    print(f"  ledger, best of {OPENINGS}:         {min(ours):8.3f} s")
    print(f"  json.loads of every line:  {min(theirs):8.3f} s")
    print(f"  ratio:                     {min(ours) / min(theirs):8.2f}")


def main() -> None:
    """Measure both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--folder", type=Path, help="on the disk to measure; by default here")
    parser.add_argument("--trials", type=int, default=10_000)
    arguments = parser.parse_args()
    base = arguments.folder or Path.cwd()
    for measure in (measure_appends, lambda path: measure_opening(path, arguments.trials)):
        with tempfile.TemporaryDirectory(dir=base) as folder:
            measure(Path(folder))


if __name__ == "__main__":
    main()
