"""Reports of studies of every kind: right, small, whole, and of nothing but themselves."""

from __future__ import annotations

import json
import re
import sys
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest
from markdown_it import MarkdownIt

from prefect_tuner.flows.analysis.fanova import brief_fanova
from prefect_tuner.flows.pictures.study_view import StudyView
from prefect_tuner.flows.study_report import report_content as report_content_module
from prefect_tuner.flows.study_report.html_report import html_report
from prefect_tuner.flows.study_report.markdown_report import (
    LARGEST,
    LARGEST_PICTURE,
    markdown_report,
)
from prefect_tuner.flows.study_report.report_content import report_content
from prefect_tuner.flows.study_report.report_parts import Paragraph, Pictures, Report
from tests.flows.reports.test_hostile_text import HOSTILE
from tests.flows.study_report.viewed_studies import every_kind, hostile, usual

KINDS = every_kind()
VOID = {"meta", "img", "br"}


class WellFormed(HTMLParser):
    """A page in which every element that is opened is closed, in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.text = ""
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def check_page(page: str) -> WellFormed:
    """Nothing in a page is fetched, and nothing of a study's is run."""
    read = WellFormed(page)
    for tag, name, value in read.attributes:
        assert not name.startswith("on"), (tag, name)
        if name in ("src", "href", "xlink:href"):
            assert value.startswith(("data:image/png;base64,", "#")), (tag, value[:80])
        if name == "xmlns":
            assert value == "http://www.w3.org/2000/svg"
    assert re.findall(r"@import|url\((?!#)", page) == []
    ids = [value for _, name, value in read.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    return read


def check_pictures(report: Report) -> int:
    """Each is well-formed, small, and has words for who cannot see it; how many there are."""
    pictures = [
        picture
        for section in report.sections
        for block in section.blocks
        if isinstance(block, Pictures)
        for picture in block.pictures
    ]
    for picture in pictures:
        root = ET.fromstring(picture.svg)
        assert root.get("viewBox") == f"0 0 {picture.width} {picture.height}"
        assert "{http://www.w3.org/2000/svg}style" not in {element.tag for element in root.iter()}
        assert len(picture.data_uri) <= LARGEST_PICTURE
        assert len(picture.alt) > 20
        for x, y, number in picture.marks:
            assert -8 <= x <= picture.width + 8
            assert -8 <= y <= picture.height + 8
            assert report.trials[number].number == number
    return len(pictures)


@pytest.fixture(scope="module", params=KINDS)
def report(request: pytest.FixtureRequest) -> tuple[str, StudyView, Report]:
    view = KINDS[request.param]
    return request.param, view, report_content(view)


def test_a_study_of_any_kind_has_a_page(report: tuple[str, StudyView, Report]) -> None:
    kind, view, content = report
    count = check_pictures(content)
    read = check_page(html_report(content))
    assert content.lead in " ".join(read.text.split())
    assert (count == 0) == (kind in ("no trial", "only running"))
    if view.best is not None:
        assert repr(view.best.params[next(iter(view.best.params))]) in read.text


def test_a_study_of_any_kind_has_a_markdown_page(report: tuple[str, StudyView, Report]) -> None:
    _, _, content = report
    markdown = markdown_report(content)
    assert len(markdown.encode()) <= LARGEST
    page = MarkdownIt("commonmark", {"html": True}).enable("table").render(markdown)
    images = re.findall(
        r'<img src="data:image/svg\+xml;base64,[^"]+" alt="[^"]+" width="\d+"', page
    )
    assert len(images) == check_pictures(content) == page.count("<img")


def test_what_is_shown_of_the_usual_study() -> None:
    view = usual(120)
    report = report_content(view)
    assert [section.title for section in report.sections] == [
        "",
        "What to look at",
        "Best parameters",
        "Progress and workers",
        "Parameters",
        "Outcomes",
        "Best trials",
    ]
    page = html_report(report)
    assert [finding.check for finding in view.findings] == ["parameter_without_effect"]
    assert "<strong>The parameters booster and drop have no effect on the metric" in page
    assert "only with booster = dart" in page
    for alt in ("Best so far by trial", "Best so far by time", "Timeline of 120 trials in 2 slots"):
        assert f'aria-label="{alt}' in page
    told = json.loads(page.partition('id="trials">')[2].partition("</script>")[0])
    best = view.best
    assert best is not None
    assert told[str(best.number)][0] == f"Trial {best.number}"
    assert any(line.startswith("lr = ") for line in told[str(best.number)])


def test_ten_thousand_trials_are_shown_in_little_room() -> None:
    report = report_content(usual(10_000))
    markdown = markdown_report(report)
    assert check_pictures(report) >= 9
    assert len(markdown.encode()) <= LARGEST
    assert "more pictures are in the HTML report" not in markdown
    page = html_report(report)
    assert len(page) < 2_000_000
    check_page(page)


def test_both_kinds_of_importance_are_told_with_what_they_rest_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(report_content_module, "MOST_SLICES", 0)
    text = importance_told(usual(60))
    assert "by PED-ANOVA: lr " in text
    assert "; by fANOVA: lr " in text
    assert "in a random forest of these trials" in text
    monkeypatch.setattr(brief_fanova, "MOST_TRIALS", 40)
    monkeypatch.setattr(brief_fanova, "FEWEST_TRIALS", 40)
    assert "of 40 of the 51 trials with a metric, spread evenly" in importance_told(usual(60))


def test_without_scikit_learn_or_in_a_large_space_it_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(report_content_module, "MOST_SLICES", 0)
    with monkeypatch.context() as patch:
        patch.setattr(brief_fanova, "MOST_COLUMNS", 3)
        assert "fANOVA is not shown" in importance_told(usual(30))
    monkeypatch.setitem(sys.modules, "sklearn.ensemble", None)
    text = importance_told(usual(30))
    assert 'pip install "prefect-tuner[importance]"' in text
    assert "by fANOVA" not in text


def importance_told(view: StudyView) -> str:
    """What stands in the section on parameters, and in place of its first picture."""
    report = report_content(view)
    (section,) = (each for each in report.sections if each.title == "Parameters")
    words = [block.text for block in section.blocks if isinstance(block, Paragraph)]
    pictures = [block for block in section.blocks if isinstance(block, Pictures)]
    return " ".join([*words, pictures[0].pictures[0].alt])


def test_hostile_texts_are_shown_and_obeyed_nowhere() -> None:
    report = report_content(hostile(HOSTILE))
    check_pictures(report)
    page = html_report(report)
    read = check_page(page)
    assert {tag for tag, _, _ in read.attributes} & {"b", "iframe", "object", "a"} == set()
    markdown = markdown_report(report)
    shown = MarkdownIt("commonmark", {"html": True}).enable("table").render(markdown)
    assert set(re.findall(r"<([a-z0-9]+)", shown)) <= {
        "h1", "h2", "p", "strong", "table", "thead", "tbody", "tr", "th", "td", "pre", "code",
        "img", "ul", "li", "br",
    }  # fmt: skip
    for text in (page, markdown):
        assert [c for c in text if not (c.isprintable() or c in "\n\t\u2060")] == []
