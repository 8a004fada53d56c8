"""The pictures of `docs/strategies.md`: `python -m benchmarks.search.strategies_at_work`.

They show what the strategies propose when a `Study` asks them, with the seeds that stand in the
code. They are drawn by matplotlib (`python -m pip install matplotlib==3.11.2`) into `docs/images/`,
and take the extras `cmaes` and `optuna`.
"""

from __future__ import annotations

import argparse
import io
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.search.strategies_at_work.combinations import auto, portfolio
from benchmarks.search.strategies_at_work.designs import grid, random, sobol
from benchmarks.search.strategies_at_work.models import gp_of_one, gp_of_two, gp_prior, tpe
from benchmarks.search.strategies_at_work.populations import cmaes, optuna

IMAGES: Final = Path(__file__).parents[3] / "docs" / "images"
PICTURES: Final[Mapping[str, Callable[[], Figure]]] = {
    "auto": auto,
    "cmaes": cmaes,
    "gp": gp_of_one,
    "gp-prior": gp_prior,
    "gp-two-parameters": gp_of_two,
    "grid": grid,
    "optuna": optuna,
    "portfolio": portfolio,
    "random": random,
    "sobol": sobol,
    "tpe": tpe,
}
"""What draws `docs/images/strategy-NAME.svg`."""


def main() -> None:
    """Draw the pictures that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(PICTURES)}")
    parser.add_argument("--images", type=Path, default=IMAGES, help="where the pictures go")
    asked = parser.parse_args()
    if unknown := set(asked.names) - PICTURES.keys():
        parser.error(f"there is no picture {', '.join(sorted(unknown))}")
    asked.images.mkdir(parents=True, exist_ok=True)
    for name in asked.names or PICTURES:
        (asked.images / f"strategy-{name}.svg").write_text(drawn(name), "utf-8")


def drawn(name: str) -> str:
    """A picture as SVG, the same text whenever it is drawn."""
    text = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": name, "svg.fonttype": "none", "font.size": 9.0}):
        PICTURES[name]().savefig(text, format="svg", metadata={"Date": None})
    plain = re.sub(r"<!--.*?-->", "", re.sub(r"\n\s+", "\n", text.getvalue()))
    return re.sub(r"<[^>]*>", _shortened, plain)


def _shortened(tag: re.Match[str]) -> str:
    """A tag with fewer digits, as a tenth of a point is finer than most screens, and less space."""
    numbers = re.sub(r"(\d\.\d)\d+", r"\1", tag[0])
    return re.sub(r"\s*\b([MLCz])\s+(?=[-\d\"])", r"\1", numbers)


if __name__ == "__main__":
    main()
