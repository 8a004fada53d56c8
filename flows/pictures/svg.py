"""Pictures as SVG: small, for pages of any theme, and as plain as a picture can be."""

from __future__ import annotations

import base64
import io
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET

from prefect_tuner.flows.pictures.look import BLUE, GREEN, INK, PURPLE, VERMILLION
from prefect_tuner.flows.pictures.picture import DOTS, Picture

_SVG = "{http://www.w3.org/2000/svg}"
_HREF = "{http://www.w3.org/1999/xlink}href"
_POINTS = 72.0
_IMAGE_DPI = 108.0
_NUMBER = re.compile(r"-?\d+\.\d+")
_REFERENCE = re.compile(r"(?:url\(#|^#)([^)]+)\)?")
_FAMILY = re.compile(r"'[^;]*?sans-serif|'DejaVu Sans'")
_PLACES = ("d", "x", "y", "transform", "width", "height")
_FONT = "system-ui, sans-serif"

COLOURS = {
    INK: "soft",
    BLUE: "blue",
    VERMILLION: "vermillion",
    GREEN: "green",
    PURPLE: "purple",
}
"""The colours of pictures, and the variables that stand for them in a page."""

_LIGHT = (
    "--card:#fff;--line:#dfe2e8;--soft:#5c6473;--blue:#1f7ac0;--vermillion:#cc5500;"
    "--green:#0a8a68;--purple:#a8508a"
)
_DARK = (
    "--card:#181c25;--line:#363d4b;--soft:#a3abba;--blue:#4aa5ea;--vermillion:#f0802f;"
    "--green:#2dbd94;--purple:#d585b8"
)


@dataclass(frozen=True)
class DrawnPicture:
    """A picture as SVG.

    Attributes:
        svg: The element, without declaration and doctype.
        width: In pixels.
        height: Likewise.
        alt: The same in words.
        marks: Where trials stand in it: x and y in pixels from the upper left, and the number.
    """

    svg: str
    width: int
    height: int
    alt: str
    marks: tuple[tuple[float, float, int], ...]

    @property
    def data_uri(self) -> str:
        """The picture, on a card, as an address that holds all of it."""
        encoded = base64.b64encode(as_card(self).encode()).decode()
        return f"data:image/svg+xml;base64,{encoded}"


def drawn(picture: Picture, name: str) -> DrawnPicture:
    """Draw a picture.

    Nothing of matplotlib's settings stays changed, but other threads must not draw meanwhile.

    Args:
        picture: The picture. It is drawn once.
        name: What ids in the SVG begin with; of its own for each picture of a page.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    figure = picture.figure
    figure.set_dpi(_IMAGE_DPI)
    settings: Any = {"svg.fonttype": "none", "svg.hashsalt": name, "path.simplify": True}
    with mpl.rc_context(settings), warnings.catch_warnings():
        # Texts stay texts: whoever shows them has a font for them.
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from font", UserWarning)
        # By hand, where `savefig` would lay it out and draw it three times.
        engine = figure.get_layout_engine()
        if engine is not None:
            engine.execute(figure)
        figure.set_layout_engine("none")
        marks = tuple(_marks(picture))
        buffer = io.BytesIO()
        unsaid: Any = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        canvas: Any = FigureCanvasSVG(figure)
        canvas.print_svg(buffer, metadata=unsaid)
    root = ET.fromstring(buffer.getvalue())  # noqa: S314 - written just now
    width, height = (round(side * _POINTS) for side in figure.get_size_inches())
    svg = _simplified(root, name, width, height)
    return DrawnPicture(svg, width, height, picture.alt, marks)


def themed(svg: str) -> str:
    """An SVG whose colours are those of the page that it stands in, by variables of its style."""
    for color, name in COLOURS.items():
        svg = svg.replace(color, f"var(--{name})")
    return svg


def as_card(picture: DrawnPicture) -> str:
    """A picture on a card of its own, as an SVG that stands alone.

    It goes with the theme of its page where the browser tells, and can be read on any page where
    it does not, since the card is no part of the page.
    """
    style = f"svg{{{_LIGHT}}}@media(prefers-color-scheme:dark){{svg{{{_DARK}}}}}"
    card = (
        f'<rect x="3.5" y="3.5" width="{picture.width - 7}" height="{picture.height - 7}" rx="9" '
        'style="fill:var(--card);stroke:var(--line)" />'
    )
    head, end, rest = themed(picture.svg).partition(">")
    return f"{head}{end}<style>{style}</style>{card}{rest}"


def _marks(picture: Picture) -> Iterator[tuple[float, float, int]]:
    figure = picture.figure
    scale = _POINTS / figure.dpi
    height = figure.get_size_inches()[1] * _POINTS
    for marks in picture.marks:
        pixels = marks.axes.transData.transform(list(zip(marks.x, marks.y, strict=True)))
        for (x, y), number in zip(pixels * scale, marks.numbers, strict=True):
            yield round(float(x), 1), round(height - float(y), 1), number


def _simplified(root: ET.Element, name: str, width: int, height: int) -> str:
    """The SVG without what nobody sees: metadata, unused ids, digits, names of fonts."""
    for unseen in [*root.findall(f"{_SVG}metadata"), *_style_sheets(root)]:
        root.remove(unseen)
    for group in list(root.iter(f"{_SVG}g")):
        if group.get("id", "").startswith(DOTS):
            _join_dots(group)
    used = {found for element in root.iter() for found in _references(element)}
    short = {old: f"{name}{i}" for i, old in enumerate(sorted(used))}
    for element in root.iter():
        element.tag = element.tag.removeprefix(_SVG)
        _shorten(element, short)
    _without_empty_groups(root)
    root.attrib = {
        "xmlns": "http://www.w3.org/2000/svg",
        "viewBox": f"0 0 {width} {height}",
        "width": str(width),
        "height": str(height),
        "font-family": _FONT,
        "stroke-linejoin": "round",
    }
    return ET.tostring(root, encoding="unicode")


def _shorten(element: ET.Element, short: Mapping[str, str]) -> None:
    """Shorten what an element says of itself.

    Args:
        element: The element.
        short: The ids that are used, and what stands for them.
    """
    own, target = element.attrib.pop("id", None), element.attrib.pop(_HREF, None)
    if own is not None and own in short:
        element.set("id", short[own])
    if target is not None:
        element.set("href", _shorter(target, short))
    for attribute, value in list(element.attrib.items()):
        if attribute in ("clip-path", "style"):
            element.set(attribute, _style(_shorter(value, short)))
        elif attribute == "transform" and value.startswith("rotate(-0 "):
            del element.attrib[attribute]
        elif attribute in _PLACES:
            element.set(attribute, _rounded(value))
    element.text = element.text if (element.text or "").strip() else None
    element.tail = element.tail if (element.tail or "").strip() else None


def _join_dots(group: ET.Element) -> None:
    """Make one path of many dots: a line of no length with round ends, for each."""
    dots = list(group.iter(f"{_SVG}use"))
    if not dots:
        return
    style = dict(part.split(":") for part in dots[0].get("style", "").split(";") if ":" in part)
    style = {name.strip(): value.strip() for name, value in style.items()}
    moves = "".join(f"M{dot.get('x')} {dot.get('y')}h0" for dot in dots)
    diameter = group.get("id", "").removeprefix(DOTS)
    # What a mark looks like is named by the legend, too.
    group[:] = list(group.iter(f"{_SVG}defs"))
    painted = {
        "stroke": style.get("fill", "#000000"),
        "stroke-width": diameter,
        "stroke-opacity": style.get("fill-opacity", "1"),
        "stroke-linecap": "round",
    }
    told = ";".join(f"{name}:{value}" for name, value in painted.items())
    ET.SubElement(group, f"{_SVG}path", {"d": moves, "style": told})


def _style_sheets(root: ET.Element) -> list[ET.Element]:
    """Definitions of styles, which would be those of the whole page."""
    return [d for d in root.findall(f"{_SVG}defs") if d.find(f"{_SVG}style") is not None]


def _without_empty_groups(element: ET.Element) -> None:
    """Lift what stands alone in a group that says nothing, and drop what is not painted."""
    for i, child in enumerate(list(element)):
        _without_empty_groups(child)
        if child.tag == "g" and not child.attrib and len(child) == 1:
            element[i] = child[0]
    for child in list(element):
        is_unseen = child.tag == "path" and child.get("style") in ("fill:none", "fill: none")
        if is_unseen or (child.tag == "g" and len(child) == 0):
            element.remove(child)


def _references(element: ET.Element) -> Iterator[str]:
    for attribute in (_HREF, "clip-path", "style"):
        for found in _REFERENCE.finditer(element.get(attribute, "")):
            yield found[1]


def _shorter(value: str, short: Mapping[str, str]) -> str:
    return _REFERENCE.sub(
        lambda found: found[0].replace(found[1], short.get(found[1], found[1])), value
    )


def _style(style: str) -> str:
    short = re.sub(r"\s*([:;,])\s*", r"\1", _FAMILY.sub(_FONT, style))
    return re.sub(r"image-rendering:[^;]*;?", "", short)


def _rounded(value: str) -> str:
    """Places to the tenth of a pixel; scales of images are kept as they are."""
    if value.startswith("matrix"):
        return value
    short = _NUMBER.sub(lambda found: f"{float(found[0]):.1f}".removesuffix(".0"), value)
    return re.sub(r" *([A-Za-z]) *", r"\1", short) if value.startswith("M") else short
