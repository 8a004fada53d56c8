"""How Sphinx makes the documentation site of these pages: `make docs`.

Built strictly: a warning is an error. Nothing is fetched, neither by the build nor by the pages
that come of it.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

from prefect_tuner import __version__

project = "prefect-tuner"
author = "prefect-tuner contributors"
project_copyright = author
version = release = __version__

extensions = [
    # Markdown pages, which read the same on the site and in the repository; and the notebook.
    "myst_nb",
    # The reference from docstrings.
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "markdown_docstrings",
    "plain_signatures",
    # A button that copies an example.
    "sphinx_copybutton",
]
exclude_patterns = ["_build", "**.ipynb_checkpoints"]

# Headings have the anchors that they have on GitHub.
myst_heading_anchors = 4
# The notebook has its outputs with it, and a test runs it: the build starts no kernel.
nb_execution_mode = "off"
nb_output_stderr = "remove"

# Dashes and dots, but no quotes: they are mostly those of code.
smartquotes_action = "De"

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
python_maximum_signature_line_length = 90
add_module_names = False
napoleon_numpy_docstring = False
napoleon_use_ivar = True

html_theme = "pydata_sphinx_theme"
html_title = "prefect-tuner"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
# Pages that stand alone have no section to navigate in.
html_sidebars: dict[str, list[str]] = {
    page: [] for page in ("index", "tutorial", "gallery", "genindex", "search")
}
html_theme_options = {
    "show_prev_next": False,
    "navbar_align": "left",
    "header_links_before_dropdown": 8,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "tango",
    "pygments_dark_style": "monokai",
}

copybutton_prompt_text = r"\$ "
copybutton_prompt_is_regexp = True
