"""How pictures look: sizes, colours, the figure that they are drawn on.

The background is transparent, and all colours lie in the middle between black and white: they can
be read on both. In SVG, others of the same hue take their place, which go with the theme. The hues
are those of Okabe and Ito ("Color Universal Design", 2008) that have such a lightness.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect_tuner.printable_text import printable_line, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#767a84"
"""Text and lines: a contrast of 4.3 to white, and of 4.6 to what is almost black."""

FAINT = "#767a8440"
"""Grids and what is in the background."""

BLUE, VERMILLION, GREEN, PURPLE = "#2585cc", "#d9600f", "#0f9e78", "#bb639d"
"""Trials; the best; a second quantity; trials without a metric."""

WIDTH, HEIGHT = 340, 256
"""Of a picture, in pixels: what a telephone shows without making it smaller."""

FONT = "DejaVu Sans"
"""Widths are reckoned with it; pages have a font of their own in its place, which is no wider."""

TEXT, SMALL = 11.0, 10.0
"""Sizes of text in pixels."""

POINTS = 72
"""Pixels of an inch."""

LONGEST_LABEL = 22
"""Characters of a name or a value."""

_TITLE_HEIGHT, _NOTE_HEIGHT = 34, 16
_PAD = 10
_LEGEND_HEIGHT = 20
_DPI = 144


def new_figure(title: str, note: str = "", height: float = HEIGHT) -> tuple[Figure, Axes]:
    """A figure with its title, and axes without ornaments.

    Args:
        title: A few words, which stand in the picture.
        note: More words, behind it.
        height: In pixels.
    """
    figure = bare_figure(title, note, height)
    axes = figure.add_subplot()
    undecorated(axes)
    return figure, axes


def bare_figure(title: str, note: str = "", height: float = HEIGHT) -> Figure:
    """The same without axes."""
    from matplotlib.figure import Figure

    figure = Figure(
        figsize=(WIDTH / POINTS, height / POINTS),
        dpi=_DPI,
        facecolor="none",
    )
    top = _TITLE_HEIGHT + (_NOTE_HEIGHT if note else 0)
    figure.set_layout_engine(
        "constrained",
        w_pad=4 / POINTS,
        h_pad=4 / POINTS,
        rect=(_PAD / WIDTH, 8 / height, 1.0 - 2 * _PAD / WIDTH, 1.0 - (top + 8) / height),
    )
    place: Any = {"x": (_PAD + 4) / WIDTH, "va": "top", "color": INK, "fontfamily": FONT}
    figure.text(
        y=1 - 14 / height, s=label(title, 36), fontsize=TEXT + 1.5, fontweight="bold", **place
    )
    if note:
        figure.text(y=1 - (_TITLE_HEIGHT + 1) / height, s=label(note, 50), fontsize=SMALL, **place)
    return figure


def undecorated(axes: Axes) -> None:
    """Take all lines away but those that help to read values off."""
    axes.set_facecolor("none")
    for side in axes.spines.values():
        side.set_visible(False)
    axes.grid(visible=True, axis="y", color=FAINT, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, colors=INK, labelsize=SMALL, labelfontfamily=FONT, pad=5)


def add_legend(figure: Figure, axes: Axes) -> None:
    """Say at the foot of the picture what its marks mean."""
    height = figure.get_figheight() * POINTS
    reserve_foot(figure, _LEGEND_HEIGHT)
    handles, labels = axes.get_legend_handles_labels()
    legend = figure.legend(
        handles,
        labels,
        loc="lower left",
        bbox_to_anchor=(_PAD / WIDTH, 6 / height),
        ncols=max(1, len(labels)),
        frameon=False,
        labelcolor=INK,
        prop={"family": FONT, "size": SMALL},
        handletextpad=0.5,
        columnspacing=1.4,
        borderpad=0.2,
        borderaxespad=0.2,
    )
    legend.set_in_layout(False)


def reserve_foot(figure: Figure, height: float) -> None:
    """Leave room at the foot of a picture, in pixels."""
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    engine = figure.get_layout_engine()
    if isinstance(engine, ConstrainedLayoutEngine):
        left, bottom, width, rest = engine.get()["rect"]
        room = height / (figure.get_figheight() * POINTS)
        engine.set(rect=(left, bottom + room, width, rest - room))


def name_axes(axes: Axes, x: str = "", y: str = "") -> None:
    """Say what the axes are."""
    font: Any = {"color": INK, "fontsize": SMALL, "fontfamily": FONT}
    if x:
        axes.set_xlabel(label(x, 50), **font)
    if y:
        axes.set_ylabel(label(y, 30), **font)


def empty_figure(title: str, sentence: str) -> Figure:
    """A figure that says why there is nothing to show."""
    figure, axes = new_figure(title, height=140)
    axes.set_axis_off()
    axes.text(
        0.0, 0.6, wrapped(sentence), color=INK, fontsize=TEXT, fontfamily=FONT, va="center",
        transform=axes.transAxes,
    )  # fmt: skip
    return figure


def wrapped(sentence: str, width: int = 46) -> str:
    """A sentence in lines."""
    import textwrap

    return "\n".join(textwrap.wrap(label(sentence, 400), width))


def label(text: str, longest: int = LONGEST_LABEL) -> str:
    r"""A text as matplotlib draws it as it stands, on one line, not too long.

    Example:
        ```python
        from prefect_tuner.flows.pictures.look import label

        assert label("$x$\n" + 40 * "y") == r"\$x\$ " + 17 * "y" + "…"
        ```
    """
    # Between two dollars, matplotlib would read a formula.
    return shortened(printable_line(text), longest).replace("$", r"\$")
