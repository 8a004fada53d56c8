"""The notebook runs, and what it shows is what is stored with it."""

from __future__ import annotations

from pathlib import Path

import pytest
from nbformat import NotebookNode

from tests.documentation.notebook import read_notebook, run_notebook

# Of Jupyter's own, whatever its release has to say.
pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning")


def _kinds(notebook: NotebookNode) -> list[list[str]]:
    """What kinds of outputs each cell has: its numbers are a matter of the machine's libraries."""
    return [
        [each.output_type for each in cell.outputs]
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


@pytest.mark.usefixtures("prefect_server")
def test_the_notebook_runs_and_shows_what_is_stored_with_it(tmp_path: Path) -> None:
    stored = _kinds(read_notebook())
    assert any(stored), "it was stored without its outputs: python -m tests.documentation.notebook"
    assert _kinds(run_notebook(tmp_path)) == stored
