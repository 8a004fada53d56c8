"""Serves `tune` and the pipeline from this checkout: start them in the Prefect UI.

    python deployments/serve.py

needs a Prefect server (`prefect server start`, or `PREFECT_API_URL`), and no work pool: every run
is a process on this machine, for as long as this one runs.
"""

import os
from pathlib import Path

from pipeline import pipeline  # type: ignore[import-not-found]
from prefect import serve
from prefect.types.entrypoint import EntrypointType

from prefect_tuner import tune

CHECKOUT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Serve until interrupted."""
    # Runs start in this folder: paths of objectives and of the flows below are seen from here.
    os.chdir(CHECKOUT)
    serve(
        # A packaged flow is named by its module, which is right wherever the package is installed.
        # The ignored type allows for asynchronous callers, which this is not.
        tune.to_deployment("tune", entrypoint_type=EntrypointType.MODULE_PATH),  # type: ignore[arg-type]
        pipeline.to_deployment("pipeline"),
    )


if __name__ == "__main__":
    main()
