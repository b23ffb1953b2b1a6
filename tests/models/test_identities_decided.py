"""Identities: what people said of single faces holds in every table from then on, in the held-out films too."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from _identities_films import SIZE, face_of, faces, film, rows

from cinelake.lake.artefact import write_artefact
from cinelake.spec.example import Example
from cinelake.spec.task import Film, find_task
from cinelake.spec.training import Training
from models.identities import MODEL
from models.identities.config import Config
from models.identities.features import unit
from models.identities.people import People, inherit
from models.identities.predict import applied, pinned_tracks


def learned(folder: Path, learn: list[Example], everything: list[Example]):
    training = Training(folder, examples=everything)
    return write_artefact(folder, "identities", Config(), MODEL.train(learn, [], Config(), training))


def labels(*said: tuple[float, str, float | None, float | None]) -> pa.Table:
    columns = zip(*said, strict=True) if said else [[], [], [], []]
    kinds = [pa.float64(), pa.string(), pa.float64(), pa.float64()]
    return pa.table([pa.array(list(c), k) for c, k in zip(columns, kinds, strict=True)], ["time_s", "person", "x", "y"])


def decided(example: Example, *said: tuple[float, str, float | None, float | None]) -> Example:
    """The film with these labels."""
    return replace(example, targets=MODEL.targets(labels(*said), example.features, Config()))


def test_a_point_says_which_face_of_a_picture_it_is():
    features = rows(np.eye(SIZE)[:2])
    features["frame"][:], features["time_s"][:] = 0, 0.0
    features["box"] = np.array([[0.1, 0.4, 0.2, 0.2], [0.6, 0.4, 0.2, 0.2]])
    found = MODEL.targets(labels((0.0, "bo", 0.7, 0.5)), features, Config())
    assert found["character"].tolist() == ["", "bo"]


def test_a_point_beside_every_face_names_nobody():
    found = MODEL.targets(labels((0.0, "bo", 0.05, 0.05)), rows(np.eye(SIZE)[:1]), Config())
    assert found["character"].tolist() == [""]


def test_a_face_that_is_pointed_at_speaks_for_its_track():
    found = decided(film(1, [0, 3], {}), (1.0, "ada", 0.5, 0.5)).targets
    assert found["character"].tolist() == ["ada"] * 5 + [""] * 5 and found["known"].sum() == 5


def test_two_people_put_together_are_one_by_both_of_their_looks(tmp_path: Path):
    both = decided(film(1, [0, 1], {}), (0.0, "ada", 0.5, 0.5), (5.0, "ada", 0.5, 0.5))
    found = applied(learned(tmp_path, [both], [both]), film(9, [1, 0], {}).features)
    assert set(found["character"]) == {"ada"}


def test_a_film_that_is_held_out_is_obeyed_and_not_scored_by(tmp_path: Path):
    told, held_out = film(1, [0], {0.0: "ada"}), decided(film(2, [4], {}), (0.0, "bo", 0.5, 0.5))
    artefact = learned(tmp_path, [told], [told, held_out])
    assert set(applied(artefact, held_out.features)["character"]) == {"bo"}
    assert "bo" not in MODEL.predict(artefact, held_out.features)["character"]


def test_a_dark_face_that_was_named_has_that_name(tmp_path: Path):
    dark = film(2, [4], {})
    dark.features["counts"][:] = False
    said = decided(dark, (1.0, "bo", 0.5, 0.5))
    found = applied(learned(tmp_path, [film(1, [0], {0.0: "ada"})], [film(1, [0], {0.0: "ada"}), said]), dark.features)
    assert set(found["character"]) == {"bo"}


def test_who_is_parted_stays_parted_however_alike(tmp_path: Path):
    twins = film(1, [0, 0], {})
    said = decided(twins, (0.0, "ada", 0.5, 0.5), (5.0, "person_9", 0.5, 0.5))
    found = applied(learned(tmp_path, [said], [said]), said.features)["character"]
    assert found.tolist() == ["ada"] * 5 + ["person_9"] * 5


def test_a_track_of_two_people_is_parted_at_the_faces_that_were_named(tmp_path: Path):
    mixed = film(1, [0, 0], {}, shots=1)
    mixed.features["shot"][:] = 0
    said = decided(mixed, (1.0, "ada", 0.5, 0.5), (8.0, "bo", 0.5, 0.5))
    found = applied(learned(tmp_path, [said], [said]), said.features)["character"]
    assert (found[1], found[8]) == ("ada", "bo")


def test_of_a_track_only_the_face_that_was_named_is_kept_and_the_track_follows_it(tmp_path: Path):
    said = decided(film(1, [0, 3], {}), (1.0, "ada", 0.5, 0.5))
    artefact = learned(tmp_path, [said], [said])
    assert len(artefact.arrays["pins"]) == len(artefact.facts["pinned"]) == 1
    assert applied(artefact, said.features)["character"].tolist()[:5] == ["ada"] * 5


def test_faces_are_compared_with_pins_part_by_part(monkeypatch):
    vectors = unit(np.random.default_rng(0).normal(size=(9, SIZE))).astype(np.float32)
    tracks, pins = np.arange(9) // 3, vectors[[8, 1, 2]]
    whole = pinned_tracks(vectors, tracks, pins)
    monkeypatch.setattr("models.identities.predict.PAIRS_AT_ONCE", 1)
    found = [
        {track: said.tolist() for track, said in each.items()} for each in (whole, pinned_tracks(vectors, tracks, pins))
    ]
    assert found == [{0: [1, 2], 2: [0]}] * 2


def test_versions_from_before_say_what_they_said(tmp_path: Path):
    artefact = learned(tmp_path, [film(1, [0], {0.0: "ada"})], [])
    one = film(9, [0, 3], {}).features
    assert applied(artefact, one)["character"].tolist() == MODEL.predict(artefact, one)["character"].tolist()


def test_a_number_that_people_gave_is_no_longer_inherited():
    before = People(("person_3",), np.eye(SIZE, dtype=np.float32)[:1])
    assert inherit(np.eye(SIZE)[:1], before, 0.4, {"person_3", "person_7"}).names == ("person_8",)


def test_who_has_a_name_by_now_has_no_number_any_more(tmp_path: Path):
    films = [film(1, [4], {}), film(2, [4, 6], {})]
    before = learned(tmp_path / "1", films, films)
    named = [decided(films[0], (0.0, "ada", 0.5, 0.5)), films[1]]
    training = Training(tmp_path, champion=before, examples=named)
    after = write_artefact(tmp_path / "2", "identities", Config(), MODEL.train(named, [], Config(), training))
    assert set(applied(after, films[1].features)["character"]) == {"ada", "person_2"}


def test_a_face_without_a_vector_is_left_out():
    known = pa.array(face_of(0, np.random.default_rng(0)).ravel(), pa.float32())
    column = pa.FixedSizeListArray.from_arrays(pa.concat_arrays([known, pa.nulls(SIZE, pa.float32())]), SIZE)
    assert len(MODEL.features({"faces": faces(rows(np.eye(SIZE)[:2]), column)}, Config())["time_s"]) == 1


@pytest.fixture
def persons(tmp_path: Path):
    """The rows of the table `persons` of a film with ada, somebody who recurs, and a stranger."""
    both = [film(1, [0], {0.0: "ada"}), film(2, [5, 5], {})]
    artefact = learned(tmp_path, both, both)
    features = rows(unit(np.concatenate([face_of(p, np.random.default_rng(7), 5) for p in (0, 5, 8)])))
    features["shot"] = np.arange(15) // 5
    features["box"][7] = (0.3, 0.3, 0.4, 0.4)
    spec = find_task("persons")
    (batch,) = spec.make(spec.params(), Film("film"), artefact).run({"faces": faces(features)})
    spec.contract.check(batch, "film")
    return batch.to_pylist()


def test_each_face_through_a_shot_is_a_row_with_its_person(persons):
    found = [(row["person"], row["name"], row["faces"], row["shot"]) for row in persons]
    assert found == [("ada", "ada", 5, 0), ("person_1", None, 5, 1), (None, None, 5, 2)]


def test_the_picture_that_shows_the_face_best_is_named(persons):
    assert persons[1]["time_s"] == 7 and persons[1]["width"] == pytest.approx(0.4)


def test_the_table_says_whom_else_a_face_looks_like_and_how_many_films_know_the_person(persons):
    assert persons[0]["other"] == "person_1" and persons[0]["other_likeness"] < 0.3 < persons[0]["likeness"]
    assert [row["films"] for row in persons] == [1, 1, None]
