"""The best so far of several studies as a picture."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from matplotlib.lines import Line2D
from matplotlib.text import Text

from prefect_tuner import Float, SearchSpace
from prefect_tuner.flows.comparison.comparison_figure import _apart, comparison_picture
from prefect_tuner.flows.comparison.curve import By
from prefect_tuner.flows.pictures.picture import NothingToShowError, Picture
from prefect_tuner.flows.pictures.study_view import StudyView
from prefect_tuner.flows.pictures.svg import drawn
from prefect_tuner.goal import Goal
from tests.flows.reports.test_hostile_text import HOSTILE
from tests.flows.studies import completed
from tests.flows.study_report.viewed_studies import every_kind, usual

KINDS = every_kind()
LARGEST = 60_000


def texts(picture: Picture) -> str:
    return " | ".join(text.get_text() for text in picture.figure.findobj(Text))


@pytest.mark.parametrize("by", ["trial", "time"])
def test_studies_of_any_kind_stand_beside_the_usual_one(by: By) -> None:
    others = [view for kind, view in KINDS.items() if kind != "usual"]
    for views in (others[:9], others[9:]):
        picture = comparison_picture([*views, KINDS["usual"]], by)
        svg = drawn(picture, "p")
        ET.fromstring(svg.svg)
        assert len(svg.svg) <= LARGEST
        for x, y, _ in svg.marks:
            assert -8 <= x <= svg.width + 8
            assert -8 <= y <= svg.height + 8


def test_directions_that_differ_have_axes_of_their_own() -> None:
    one, other = usual(20), replace(usual(20), goal=Goal("minimize"))
    picture = comparison_picture([one, other])
    assert len(picture.figure.axes) == 2
    assert "not comparable: their directions differ" in texts(picture)
    assert "not comparable" in picture.alt
    assert len(comparison_picture([one, one]).figure.axes) == 1


def test_objectives_and_code_that_differ_are_said() -> None:
    one = replace(usual(20), code="a")
    assert "compare with care" not in texts(comparison_picture([one, one]))
    other = replace(one, code="b")
    assert "the objective's code differs" in texts(comparison_picture([one, other]))
    other = replace(one, objective="model:other")
    assert "their objectives differ" in texts(comparison_picture([one, other]))


def test_no_two_curves_look_alike_and_each_is_in_the_key() -> None:
    views = [replace(usual(10 + n), name=f"study {n}") for n in range(12)]
    picture = comparison_picture(views)
    shown = texts(picture)
    assert "the first 10 of 12 studies" in shown
    assert all(f"study {n} " in f"{shown} " for n in range(10))
    assert "study 10" not in shown
    key = [artist for artist in picture.figure.artists if isinstance(artist, Line2D)]
    assert len(key) == 10
    svg = drawn(picture, "p").svg
    strokes = set(re.findall(r'<path d="M14 [^"]*" [^>]*style="([^"]*)"', svg))
    assert len(strokes) == 10


def test_names_are_shown_and_obeyed_nowhere() -> None:
    names = [*HOSTILE[:7], "$\\frac{1}{2}$ and $", "学習率の探索" * 20, "e\u0301" * 200]
    views = [replace(usual(8), name=name) for name in names]
    svg = drawn(comparison_picture(views), "p").svg
    root = ET.fromstring(svg)
    shown = [element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert names[0] in shown
    assert "$\\frac{1}{2}$ and $" in shown
    assert max(map(len, shown)) <= 100
    assert "script" not in {element.tag.rpartition("}")[2] for element in root.iter()}


def test_thousands_of_records_of_ten_studies_are_a_small_picture() -> None:
    space = SearchSpace({"x": Float(0.0, 1.0)})
    trials = tuple(completed(n, n**0.5) for n in range(2_000))
    ends = {n: float(n) for n in range(2_000)}
    view = StudyView("long", Goal("maximize"), space, trials, ended=ends, elapsed=2e3)
    picture = drawn(comparison_picture([view] * 10, "time"), "p")
    assert len(picture.svg) <= LARGEST
    assert 500 < len(picture.marks) <= 1_600


def test_without_metrics_or_times_it_says_so() -> None:
    with pytest.raises(NothingToShowError, match="None of these studies has a metric"):
        comparison_picture([KINDS["no trial"], KINDS["only failures"]])
    with pytest.raises(NothingToShowError, match="When trials ended is not known"):
        comparison_picture([KINDS["no times"], KINDS["no trial"]], "time")
    some = comparison_picture([KINDS["no times"], KINDS["only failures"], usual(20)], "time")
    assert "no times" in texts(some)
    assert "no metric" in texts(some)


@pytest.mark.parametrize("heights", [[0.0, 0.0, 100.0], [150.0] * 10, [0.0] * 10, [3.0, 50.0]])
def test_letters_stand_apart_and_within_the_picture(heights: list[float]) -> None:
    found = sorted(_apart(np.array(heights), 150.0))
    assert all(above - below >= 10.0 for below, above in pairwise(found))
    assert found[0] >= 0.0
    assert found[-1] <= 150.0
