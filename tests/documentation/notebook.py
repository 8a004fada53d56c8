"""The notebook of the documentation, run as Jupyter runs it.

    python -m tests.documentation.notebook

runs it with a server of its own, and writes it down with its outputs, as the site shows it.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

NOTEBOOK = Path(__file__).parents[2] / "docs" / "how_to" / "tune_in_a_notebook.ipynb"
CELL_TIMEOUT = 300


def read_notebook() -> NotebookNode:
    """The notebook as it is stored."""
    notebook: NotebookNode = nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]
    return notebook


def run_notebook(folder: Path) -> NotebookNode:
    """Run all its cells in a kernel of its own.

    Args:
        folder: Where it runs, and where Jupyter keeps its files meanwhile.

    Returns:
        The notebook with its outputs, without those on standard error.

    Raises:
        CellExecutionError: A cell raised.
    """
    notebook = read_notebook()
    client = NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute(
        env={
            **os.environ,
            "JUPYTER_RUNTIME_DIR": str(folder / "jupyter"),
            "IPYTHONDIR": str(folder / "ipython"),
        }
    )
    for cell in notebook.cells:
        if cell.cell_type == "code":
            # Logs, which are on standard error, are of that day and machine.
            cell.outputs = [each for each in cell.outputs if each.get("name") != "stderr"]
    return notebook


def main() -> None:
    """Run it and write it down."""
    from tests.prefect_server import PrefectServer

    server = PrefectServer()
    server.take_over(os.environ)
    try:
        with server, tempfile.TemporaryDirectory() as folder:
            notebook = run_notebook(Path(folder))
    finally:
        server.remove()
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    nbformat.write(notebook, NOTEBOOK)  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()
