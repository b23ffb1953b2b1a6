"""Files beside films: which film a file belongs to."""

from __future__ import annotations

from pathlib import Path

import pytest

from cinelake.catalogue.sidecars import names_here, sidecar_name, sidecars_of


def names(folder: Path, *films: str) -> dict[str, list[str]]:
    found = sidecars_of([str(folder / film) for film in films], (".srt", ".vtt"), names_here)
    return {Path(film).name: [Path(file).name for file in files] for film, files in found.items()}


@pytest.mark.parametrize("name", ["night.srt", "night.en.srt", "night.pt-BR.forced.vtt", "night.SRT"])
def test_a_file_belongs_to_the_film_whose_name_it_continues(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    assert names(tmp_path, "night.mp4") == {"night.mp4": [name]}


@pytest.mark.parametrize("name", ["nights.srt", "night.txt", "night.2.srt", "day.srt", "nightsrt"])
def test_others_do_not(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    assert names(tmp_path, "night.mp4") == {}


def test_the_film_with_the_longest_name_has_it(tmp_path: Path) -> None:
    (tmp_path / "night.cut.srt").touch()
    assert names(tmp_path, "night.mp4", "night.cut.mp4") == {"night.cut.mp4": ["night.cut.srt"]}


def test_a_link_that_leads_round_in_a_circle_hides_no_other_file(tmp_path: Path) -> None:
    (tmp_path / "night.srt").touch()
    (tmp_path / "round.srt").symlink_to("round.srt")
    assert names(tmp_path, "night.mp4", "round.mp4") == {"night.mp4": ["night.srt"]}


def test_a_folder_that_is_not_there_holds_none(tmp_path: Path) -> None:
    assert names(tmp_path / "gone", "night.mp4") == {}


def test_a_file_is_named_by_what_it_adds() -> None:
    assert sidecar_name("films/night.mp4", "films/night.en.srt") == ".en.srt"
