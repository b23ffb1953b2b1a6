"""What labels say of one class is taken out of all versions, and nothing else."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import Mock

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from _labelled import rows_of

from cinelake.labels import erasing
from cinelake.labels.erasing import erase_class, find_class
from cinelake.labels.film_facts import FilmFacts
from cinelake.labels.images import image_file, image_rows, keep_images, numbered, scan_images
from cinelake.labels.store import import_labels, label_versions, stored_labels
from cinelake.spec.contract import Column
from cinelake.spec.labels import LabelContract

WHO = LabelContract(
    doc="Who it is.", shape="moments", columns=(Column("person", pa.string(), "Who.", nullable=True),),
    class_column="person",
)  # fmt: skip
FILMS = {film: FilmFacts(duration_s=100.0) for film in ("dawn", "dusk", "images_heat", "images_ada")}
NOWHERE = {"source": "a.csv", "source_digest": "abc", "vocabularies": {}, "annotator": "jo"}


def keep(root: Path, *rows: tuple[str, float, str]) -> None:
    """Import rows of film, time and person."""
    table = rows_of(*({"movie_id": film, "time_s": at, "person": who} for film, at, who in rows))
    import_labels(root, "cast", WHO, table, FILMS, **NOWHERE)


def kept(root: Path, number: int | None = None) -> list[tuple[str, float, str | None]]:
    rows = stored_labels(root, "cast", number=number)
    return [(row["movie_id"], row["time_s"], row["person"]) for row in rows.to_pylist()]


def forget(root: Path, name: str) -> None:
    erase_class(root, "person", {name}, find_class(root, "cast", "person", {name}))


def test_a_name_leaves_every_version_and_what_older_ones_said_does_not_come_back(tmp_path: Path):
    keep(tmp_path, ("dawn", 1, "ada"), ("dawn", 2, "bo"), ("dusk", 1, "bo"))
    keep(tmp_path, ("dawn", 1, "ada"))
    forget(tmp_path, "ada")
    assert kept(tmp_path) == [("dawn", 1, None), ("dusk", 1, "bo")]
    assert kept(tmp_path, 1) == [("dawn", 1, None), ("dawn", 2, "bo"), ("dusk", 1, "bo")]
    assert [version.annotator for version in label_versions(tmp_path, "cast")] == ["jo", "jo"]


def photos(root: Path, *names: str) -> None:
    """Import pictures of noise, of a folder a person."""
    for number, name in enumerate(names):
        path = root / "gallery" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.random.default_rng(number).integers(0, 255, (48, 64, 3), np.uint8))
    scan = scan_images(root / "gallery", WHO)
    numbers = numbered(root, "cast", scan.pictures)
    keep_images(root, "cast", scan.pictures, numbers)
    import_labels(root, "cast", WHO, image_rows(root / "gallery", scan, WHO, numbers).rows, FILMS, **NOWHERE)


def test_a_photo_among_those_of_others_is_blank_and_the_others_keep_their_numbers(tmp_path: Path):
    photos(tmp_path, "ada/heat_1.jpg", "bo/heat_2.jpg")
    before = pq.read_table(image_file(tmp_path, "cast", "images_heat")).to_pylist()
    forget(tmp_path, "ada")
    blank, other = pq.read_table(image_file(tmp_path, "cast", "images_heat")).to_pylist()
    assert other == before[1] and (blank["name"], blank["width"]) == ("", 8)
    assert len(blank["jpeg"]) < 1000 and kept(tmp_path) == [("images_heat", 0, None), ("images_heat", 1, "bo")]


def test_photos_of_nobody_else_go_with_the_film_whose_name_may_be_the_persons(tmp_path: Path):
    photos(tmp_path, "ada/ada.jpg", "bo/heat_2.jpg")
    forget(tmp_path, "ada")
    assert not image_file(tmp_path, "cast", "images_ada").exists()
    assert kept(tmp_path) == [("images_heat", 0, "bo")] and not find_class(tmp_path, "cast", "person", {"ada"}).rows


def test_a_set_of_one_person_alone_is_empty_after_that(tmp_path: Path):
    photos(tmp_path, "ada/ada.jpg")
    forget(tmp_path, "ada")
    assert label_versions(tmp_path, "cast") == ()


def test_a_photo_that_was_given_to_somebody_else_stays_without_the_name(tmp_path: Path):
    photos(tmp_path, "ada/heat_1.jpg", "bo/heat_2.jpg")
    before = pq.read_table(image_file(tmp_path, "cast", "images_heat")).to_pylist()
    keep(tmp_path, ("images_heat", 0, "bo"), ("images_heat", 1, "bo"))
    forget(tmp_path, "ada")
    after = pq.read_table(image_file(tmp_path, "cast", "images_heat")).to_pylist()
    assert [row["jpeg"] for row in after] == [row["jpeg"] for row in before] and after[0]["name"] == ""
    assert kept(tmp_path, 1)[0] == ("images_heat", 0, None) and kept(tmp_path)[0] == ("images_heat", 0, "bo")


@pytest.mark.parametrize("killed_at", range(1, 5))
def test_a_killed_erasing_goes_on_when_it_is_done_again(tmp_path: Path, monkeypatch, killed_at: int):
    photos(tmp_path, "ada/ada.jpg", "ada/heat_1.jpg", "bo/heat_2.jpg")
    keep(tmp_path, ("images_ada", 0, "ada"), ("dawn", 2, "ada"))
    done = Mock(side_effect=[None] * (killed_at - 1) + [KeyboardInterrupt])
    for name in ("replace_images", "write_whole"):
        whole = getattr(erasing, name)
        monkeypatch.setattr(erasing, name, lambda *given, whole=whole: done() or whole(*given))
    with pytest.raises(KeyboardInterrupt):
        forget(tmp_path, "ada")
    monkeypatch.undo()
    forget(tmp_path, "ada")
    assert not find_class(tmp_path, "cast", "person", {"ada"}).versions
    assert [path.stem for path in (tmp_path / "cast" / "images").glob("*.parquet")] == ["images_heat"]
    assert kept(tmp_path) == [("dawn", 2, None), ("images_heat", 0, None), ("images_heat", 1, "bo")]


def test_photos_that_a_killed_erasing_left_blank_go_with_the_next(tmp_path: Path, monkeypatch):
    photos(tmp_path, "ada/ada.jpg", "bo/heat_2.jpg")
    with monkeypatch.context() as killed, pytest.raises(KeyboardInterrupt):
        killed.setattr(Path, "unlink", Mock(side_effect=KeyboardInterrupt))
        forget(tmp_path, "ada")
    assert image_file(tmp_path, "cast", "images_ada").exists()
    forget(tmp_path, "ada")
    assert not image_file(tmp_path, "cast", "images_ada").exists()
