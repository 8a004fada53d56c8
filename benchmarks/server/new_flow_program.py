"""How long a new flow run takes: `python -m benchmarks.server.new_flow_program`, with two files.

When everything is imported it makes the first one, and when somebody makes the second one it runs a
flow that does nothing. The seconds from the call to the return go to the first, or what was raised.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from prefect import flow


@flow
def nothing() -> None:
    """Do nothing."""


def main() -> None:
    """Run it once."""
    file, starting = Path(sys.argv[1]), Path(sys.argv[2])
    file.write_text("ready\n")
    while not starting.exists():
        time.sleep(0.05)
    start = time.monotonic()
    try:
        nothing()
        outcome = f"{time.monotonic() - start}"
    except Exception as error:  # noqa: BLE001 - a server that refuses is what is measured
        outcome = f"failed after {time.monotonic() - start:.0f} s: {type(error).__name__}"
    with file.open("a") as appended:
        appended.write(f"{outcome}\n")


if __name__ == "__main__":
    main()
