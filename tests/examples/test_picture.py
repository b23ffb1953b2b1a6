"""A page's photograph is small enough for a README, and without a page there is none."""

from pathlib import Path

import pytest
from PIL import Image

from examples.picture import BROWSERS, MOST_BYTES, NoPicture, photograph, shutil


def test_without_a_page_it_is_said_who_writes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    with pytest.raises(NoPicture, match=r"there is no page .*: `cinelake demo` writes the report"):
        photograph(tmp_path / "index.html", tmp_path / "picture.png")


def test_without_a_browser_it_is_said_which_are_sought(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(NoPicture, match=", ".join(BROWSERS)):
        photograph(tmp_path / "index.html", tmp_path / "picture.png")


def test_the_readmes_picture_is_small() -> None:
    picture = Path(__file__).parents[2] / "docs" / "report.png"
    with Image.open(picture) as image:
        assert image.size[0] >= 1000 and picture.stat().st_size <= MOST_BYTES
