"""At how many trials a second a Prefect server keeps up: `python -m benchmarks.server.run`.

Starts and stops a server of each set-up, with folders and ports of its own:

- `sqlite`: one server, as `prefect server start` runs it;
- `postgres`: the same on PostgreSQL (`apt-get install postgresql`);
- `redis`: PostgreSQL, and Redis between two processes for the API and one for the services
  (`apt-get install postgresql redis-server`, `pip install prefect-redis`).

Each records a study of trials that do nothing, as fast as they come. What it recorded a second on
the way is then the measure for studies whose trials come at a pace: below it, at it, above it. A
server keeps up where it does not get further behind all the time. Right after each study a flow
that does nothing is run, which shows how long everybody else waits.

A set-up that lacks something here is left out, and what it lacks is said.

```
python -m benchmarks.server.run --trials 200 --pace-seconds 20    a first look
python -m benchmarks.server.run --out server.json                 all of it, half an hour
python -m benchmarks.server.run --setups sqlite --batch 100       what a setting of the server does
```
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import math
import os
import platform
import signal
import sys
from dataclasses import asdict
from pathlib import Path

from benchmarks.server.measuring import Load, Measured, measure
from benchmarks.server.setups import SETUPS

LEAST_TRIALS = 50
_RECORDER = "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER"
_HEAD = (
    f"{'set-up':18}{'trials':>7}  {'come':34}{'ended/s':>9}{'recorded/s':>12}{'behind by':>11}"
    f"{'for':>9}{'grows':>8}{'new flow':>10}{'503':>6}{'errors':>8}{'lost':>7}  keeps up"
)


def main() -> None:
    """Measure what the command line asks for, and print the table."""
    asked = _parsed()
    # So that what runs is stopped, as after Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    settings = _recorder_settings(asked.batch)
    rows: list[Measured] = []
    print(_HEAD, flush=True)
    for name in asked.setups:
        setup = SETUPS[name]
        if lacking := setup.to_install():
            print(f"{setup.title:18}left out. To install: {lacking}", flush=True)
            continue
        with setup.started(settings) as server:
            full = Load(asked.trials, asked.studies, asked.concurrency, None)
            measured = measure(server, setup.title, full)
            loads = [_paced(asked, measured, pace) for pace in asked.paces]
            rows.append(measured)
            _print_row(measured)
            for load in loads:
                rows.append(measure(server, setup.title, load))
                _print_row(rows[-1])
                _store(asked.out, asked, rows)
        _store(asked.out, asked, rows)
    print()
    for title in dict.fromkeys(row.setup for row in rows):
        print(_summary([row for row in rows if row.setup == title]))


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="At how many trials a second a server keeps up.")
    add = parser.add_argument
    add("--setups", nargs="+", choices=SETUPS, default=list(SETUPS), help="which (default: all)")
    add("--trials", type=int, default=2000, help="as fast as they come (default: 2000)")
    add("--concurrency", type=int, default=2, help="of each study (default: 2)")
    add("--studies", type=int, default=1, help="at the same time, at the least (default: 1)")
    add(
        "--paces",
        nargs="*",
        type=float,
        default=[0.5, 0.8, 1.0, 1.25],
        help="parts of the rate recorded first (default: 0.5 0.8 1.0 1.25)",
    )
    add("--pace-seconds", type=float, default=60.0, help="for each pace (default: 60)")
    add("--batch", type=int, default=1, help="events that the server records at once (default: 1)")
    add("--out", type=Path, help="a file for the results, as JSON")
    asked = parser.parse_args()
    for option in ("trials", "concurrency", "studies", "batch"):
        least = LEAST_TRIALS if option == "trials" else 1
        if getattr(asked, option) < least:
            parser.error(f"--{option} must be at least {least}, got {getattr(asked, option)}")
    return asked


def _recorder_settings(batch: int) -> dict[str, str]:
    """The server's settings for recording so many events at once, and each second at the least."""
    if batch == 1:
        return {}
    return {
        f"{_RECORDER}_READ_BATCH_SIZE": str(batch),
        f"{_RECORDER}_BATCH_SIZE": str(batch),
        f"{_RECORDER}_FLUSH_INTERVAL": "1",
    }


def _paced(asked: argparse.Namespace, full: Measured, pace: float) -> Load:
    """Trials at a part of the rate that was kept up with, by as many studies as it takes."""
    rate = pace * (full.produced_rate if full.kept_up else full.recorded_rate)
    by_one = full.produced_rate / asked.studies
    studies = max(asked.studies, math.ceil(rate / (0.9 * by_one)))
    trials = max(LEAST_TRIALS * studies, round(rate * asked.pace_seconds))
    return Load(trials, studies, asked.concurrency, rate)


def _print_row(measured: Measured) -> None:
    new_flow = measured.new_flow
    if not new_flow.startswith("failed"):
        new_flow = f"{float(new_flow):.1f} s"
    print(
        f"{measured.setup:18}{measured.load.trials:7}  {measured.load.title:34}"
        f"{measured.produced_rate:9.1f}{measured.recorded_rate:12.1f}{measured.trials_behind:11}"
        f"{measured.seconds_behind:7.1f} s{measured.growth:8.0%}{new_flow:>10}"
        f"{measured.unavailable:6}{measured.errors:8}{measured.lost:7}"
        f"  {'yes' if measured.kept_up else 'NO'}",
        flush=True,
    )


def _summary(rows: list[Measured]) -> str:
    """Between which rates a set-up stops to keep up."""
    kept = max((row.produced_rate for row in rows if row.kept_up), default=None)
    behind = min((row.produced_rate for row in rows if not row.kept_up), default=None)
    first = "keeps up at none of these rates" if kept is None else f"keeps up at {kept:.1f}/s"
    then = "" if behind is None else f", not at {behind:.1f}/s"
    return f"{rows[0].setup}: {first}{then}"


def _store(file: Path | None, asked: argparse.Namespace, rows: list[Measured]) -> None:
    if file is None:
        return
    packages = ("prefect", "prefect-tuner", "prefect-redis", "sqlalchemy", "asyncpg")
    document = {
        "options": {**vars(asked), "out": str(file)},
        "processors": os.cpu_count(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in packages},
        "rows": [{**asdict(row), **_derived(row)} for row in rows],
    }
    file.write_text(json.dumps(document, indent=1) + "\n")


def _derived(row: Measured) -> dict[str, object]:
    names = ("produced_rate", "recorded_rate", "seconds_behind", "trials_behind", "growth")
    return {name: getattr(row, name) for name in (*names, "kept_up")}


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


if __name__ == "__main__":
    main()
