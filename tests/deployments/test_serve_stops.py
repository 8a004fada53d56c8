"""How `python deployments/serve.py` ends; in a file of its own, so that it is the only one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.deployments.programs import Program
from tests.deployments.rest_client import RestClient
from tests.deployments.serving import serving
from tests.deployments.studies import STOPPED_WITHIN, start_hanging_run
from tests.polling import eventually


def _nothing_is_left_of(program: Program) -> None:
    assert not program.children()


@pytest.mark.slow
def test_sigterm_ends_it_with_all_that_it_runs(rest: RestClient, tmp_path: Path) -> None:
    with serving(rest, tmp_path) as program:
        start_hanging_run(rest, program, "tune/tune", "served-terminated")
        program.terminate()
        eventually(lambda: _nothing_is_left_of(program), timeout=STOPPED_WITHIN)
