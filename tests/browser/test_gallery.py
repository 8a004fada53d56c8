"""The pictures of the gallery are the ones that are taken, and small."""

from __future__ import annotations

from tests.browser.gallery import CHECKOUT, IMAGES, LARGEST, PICTURES


def test_every_picture_that_is_taken_is_shown_and_small() -> None:
    page = (CHECKOUT / "docs" / "gallery.md").read_text("utf-8")
    for picture in PICTURES:
        assert f"(images/{picture.name}.png)" in page
        assert (IMAGES / f"{picture.name}.png").stat().st_size <= LARGEST
