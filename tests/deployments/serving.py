"""`deployments/serve.py` for as long as a test needs it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.deployments.programs import Program, running
from tests.deployments.rest_client import RestClient
from tests.polling import eventually

SCRIPT = Path(__file__).parents[2] / "deployments" / "serve.py"


@contextmanager
def serving(rest: RestClient, folder: Path) -> Iterator[Program]:
    """Serve from `folder` until the block ends; what is served is ready in the block."""
    with running([str(SCRIPT)], folder) as program:

        def it_is_ready() -> None:
            program.assert_it_runs()
            assert "Your deployments are being served" in program.output(), program.output()

        eventually(it_is_ready, timeout=60.0)
        deployments = [rest.deployment(name)["id"] for name in ("tune/tune", "pipeline/pipeline")]
        yield program
    for deployment in deployments:
        rest.delete(f"/deployments/{deployment}")
