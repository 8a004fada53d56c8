"""The README and the other Markdown files: short, in order, and with no dead link.

What Sphinx builds it checks as well; this looks at the pages as the repository shows them, which
are files and headings, and at those that are no part of the site.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    ROOT / "deployments" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
LONGEST_README = 150
ELSEWHERE = re.compile(r"[a-z]+:")


def _tokens(text: str) -> Iterator[Token]:
    for token in MarkdownIt("gfm-like", {"linkify": False}).parse(text):
        yield token
        yield from token.children or []


def _anchor(heading: str) -> str:
    """The anchor that GitHub, and the site, give a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


@cache
def _anchors(path: Path) -> set[str]:
    tokens = list(MarkdownIt("gfm-like", {"linkify": False}).parse(path.read_text("utf-8")))
    headings = [
        "".join(child.content for child in inline.children or [])
        for opening, inline in pairwise(tokens)
        if opening.type == "heading_open"
    ]
    return {_anchor(heading) for heading in headings}


def dead_links(path: Path, text: str) -> list[str]:
    """The links of a page that lead to no file, or to no heading."""
    dead = []
    for token in _tokens(text):
        link = token.attrGet("href") or token.attrGet("src")
        if not isinstance(link, str) or ELSEWHERE.match(link):
            continue
        file, _, anchor = unquote(link).partition("#")
        target = (path.parent / file).resolve() if file else path
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            dead.append(link)
    return dead


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_link_is_dead(path: Path) -> None:
    assert dead_links(path, path.read_text("utf-8")) == []


def test_a_dead_link_and_a_dead_anchor_are_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A `name`, and more\n")
    good = "[a](page.md#a-name-and-more) [b](#a-name-and-more) [c](https://example.org/#x)\n"
    assert dead_links(page, good) == []
    bad = ["other.md", "page.md#another", "#another", "picture.png"]
    text = "[a](other.md) [b](page.md#another) [c](#another) ![d](picture.png)\n"
    assert dead_links(page, text) == bad


def test_every_picture_says_what_it_shows() -> None:
    silent = [
        f"{path.name}: {token.attrGet('src')}"
        for path in PAGES
        for token in _tokens(path.read_text("utf-8"))
        if token.type == "image" and not token.content.strip()
    ]
    assert silent == []


def test_the_readme_is_short_and_begins_with_what_a_newcomer_needs() -> None:
    text = README.read_text("utf-8")
    assert len(text.splitlines()) <= LONGEST_README
    wanted = ["![", "pip install", "make tune", "make test", "config=config", "import Float, Study"]
    places = [text.index(each) for each in [*wanted, "deployments/serve.py", "docs/tutorial.md"]]
    assert places == sorted(places)
