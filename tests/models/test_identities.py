"""Identities: tracks, persons of the gallery, and numbers that stay with a person."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from _identities_films import SIZE, faces, film, rows

from cinelake.errors import CannotTrain, ModelUnusable
from cinelake.lake.artefact import write_artefact
from cinelake.learning.gate import decide
from cinelake.learning.images import MemoryTable
from cinelake.spec.artefact import Artefact
from cinelake.spec.example import Example
from cinelake.spec.training import Training
from models.identities import MODEL
from models.identities.config import Config
from models.identities.features import NO_VECTORS, by_cosine, overlaps, track, unit
from models.identities.people import People, inherit
from models.identities.scores import face_counts, summarise_people

GALLERY = [film(1, [0], {0.0: "ada"}), film(2, [1], {0.0: "bo"})]


def learned(folder: Path, films: list[Example], champion: Artefact | None = None) -> Artefact:
    training = Training(folder, champion=champion)
    return write_artefact(folder, "identities", Config(), MODEL.train([*GALLERY, *films], [], Config(), training))


def test_persons_of_the_gallery_are_known_again(tmp_path: Path):
    found = MODEL.predict(learned(tmp_path, []), film(9, [1, 0], {}).features)
    assert found["character"].tolist() == ["bo"] * 5 + ["ada"] * 5


def test_others_who_recur_get_numbers_across_films(tmp_path: Path):
    artefact = learned(tmp_path, [film(3, [5, 6], {}), film(4, [5], {})])
    found = MODEL.predict(artefact, film(9, [6, 5], {}).features)
    assert found["character"].tolist() == ["person_2"] * 5 + ["person_1"] * 5


def test_who_never_came_up_is_a_stranger(tmp_path: Path):
    assert set(MODEL.predict(learned(tmp_path, []), film(9, [8], {}).features)["character"]) == {""}


def test_a_retraining_keeps_the_numbers(tmp_path: Path):
    before = learned(tmp_path / "1", [film(3, [5], {}), film(4, [6, 6], {})])
    after = learned(tmp_path / "2", [film(5, [5, 5, 5], {}), film(6, [7], {})], champion=before)
    names = {person: MODEL.predict(after, film(9, [person], {}).features)["character"][0] for person in (5, 6, 7)}
    assert names == {5: "person_2", 6: "person_1", 7: "person_3"}


def test_a_number_is_never_given_to_somebody_else():
    before = People(("person_4",), np.eye(SIZE, dtype=np.float32)[:1])
    assert inherit(np.eye(SIZE)[3:4], before, 0.4).names == ("person_5", "person_4")


def test_a_track_follows_a_face_that_moves_and_ends_with_the_shot():
    features = film(3, [0, 0], {}).features
    features["shot"] = np.array([0] * 5 + [1] * 5)
    assert track(features, 0.4).tolist() == [0] * 5 + [1] * 5


def test_a_blurred_face_in_the_same_place_stays_in_its_track():
    turned = unit(np.eye(SIZE)[:1] * 0.3 + np.eye(SIZE)[1:2])
    features = rows(np.concatenate([np.eye(SIZE)[:1], turned]))
    assert track(features, 0.4).tolist() == [0, 0]


def test_two_faces_of_one_picture_are_two_tracks():
    features = rows(np.repeat(np.eye(SIZE)[:1], 2, axis=0))
    features["frame"][:] = 0
    assert len(set(track(features, 0.4))) == 2


def test_overlap_is_intersection_over_union():
    assert overlaps(np.array([[0, 0, 2, 1.0]]), np.array([[1, 0, 2, 1.0]])) == pytest.approx(1 / 3)


def test_a_moment_with_two_names_tells_nothing_of_the_main_face():
    table = pa.table({"time_s": [0.0, 0.0, 2.0], "person": ["ada", "bo", "bo"]})
    found = MODEL.targets(table, rows(np.eye(SIZE)[:4]), Config())
    assert found["character"].tolist() == ["", "", "bo", ""]


def test_a_gallery_without_faces_cannot_be_learned_from(tmp_path: Path):
    photo = film(3, [0], {9.0: "ada"})
    with pytest.raises(CannotTrain, match="shows a face"):
        MODEL.train([photo], [], Config(), Training(tmp_path))


def test_films_without_names_are_learned_from_alone(tmp_path: Path):
    found = MODEL.train([film(3, [5, 6], {}), film(4, [5], {})], [], Config(), Training(tmp_path))
    assert found.facts["people"] == ["person_1", "person_2"]


def test_films_in_which_nobody_recurs_teach_nobody(tmp_path: Path):
    with pytest.raises(CannotTrain, match="nobody has 20 faces"):
        MODEL.train([film(3, [5, 6], {})], [], Config(at_least=20), Training(tmp_path))


def test_unnamed_faces_of_one_picture_are_two_persons_and_those_of_one_track_one():
    """Six of seven faces are somebody; both pictures with two have two persons; three of four steps stay with one."""
    frame, tracks = np.array([0, 0, 1, 1, 2, 2, 3]), np.array([0, 1, 0, 1, 0, 1, 0])
    who = {"character": np.array(["ada", "bo", "ada", "bo", "bo", "", "bo"])}
    counts = face_counts(frame, tracks, {"character": np.array([""] * 7), "known": np.ones(7, bool)}, who)
    scores = summarise_people([counts])
    told = 1 + 3 / 4 - 1
    assert scores.pop("f1") == scores.pop("f1_unnamed") == pytest.approx(2 * 6 / 7 * told / (6 / 7 + told))
    assert scores == {"recognised": 6 / 7, "apart": 1.0, "together": 0.75}


def test_answers_at_random_tell_nobody_from_anybody():
    rng = np.random.default_rng(0)
    frame, tracks = np.repeat(np.arange(4000), 2), np.tile([0, 1], 4000)
    given = {"character": np.full(8000, ""), "known": np.ones(8000, bool)}
    who = {"character": rng.choice([f"person_{i}" for i in range(5)], 8000)}
    assert summarise_people([face_counts(frame, tracks, given, who)])["f1"] == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize("seed", range(5))
def test_names_at_random_do_not_beat_the_trivial_predictor(seed: int):
    rng = np.random.default_rng(seed)
    films = [film(number, [0, 1], {0.0: "ada", 5.0: "bo"}) for number in range(6)]
    trivial, by_chance = (
        [MODEL.score_film(each.features, each.targets, guess(each.features), Config()) for each in films]
        for guess in (
            MODEL.baseline(GALLERY, Config()),
            lambda features: {"character": rng.choice(["ada", "bo"], len(features["time_s"]))},
        )
    )
    assert not decide(by_chance, trivial, None, MODEL.summarise, "f1", epsilon=0.01).passes


def test_named_films_are_judged_by_their_names_alone():
    given = {"character": np.array(["ada", ""]), "known": np.array([True, False])}
    counts = face_counts(np.array([0, 0]), np.array([0, 1]), given, {"character": np.array(["ada", "bo"])})
    assert summarise_people([counts]) == {"f1": 1.0, "accuracy": 1.0, "f1_ada": 1.0}


def test_without_two_faces_in_a_picture_nothing_speaks_against_one_person():
    trivial = MODEL.baseline([film(3, [5], {})], Config())(film(4, [5, 6], {}).features)
    example = film(4, [5, 6], {})
    counts = MODEL.score_film(example.features, example.targets, trivial, Config())
    scores = MODEL.summarise([counts])
    assert np.isnan(scores.pop("f1")) and scores == {"recognised": 1.0, "together": 1.0}


def without_vectors(size: int) -> MemoryTable:
    """A table `faces` in which no face has a vector."""
    return faces(rows(np.eye(SIZE)[:1]), pa.FixedSizeListArray.from_arrays(pa.nulls(size, pa.float32()), size))


def test_faces_without_vectors_are_refused_with_what_to_do():
    with pytest.raises(ModelUnusable) as error:
        MODEL.features({"faces": without_vectors(SIZE)}, Config())
    assert str(error.value) == NO_VECTORS


def test_vectors_of_dlib_are_compared_by_their_distance():
    rng = np.random.default_rng(0)
    one = rng.normal(0, 0.12, (50, 128)).astype(np.float32)
    step = rng.normal(0, 1, (50, 128))
    step /= np.linalg.norm(step, axis=1, keepdims=True)
    for distance, cosine in ((0.0, 1.0), (0.3, 0.8), (0.6, 0.4), (0.9, 0.13)):
        alike = (by_cosine(one) * by_cosine(np.float32(one + distance * step))).sum(axis=1)
        assert alike.mean() == pytest.approx(cosine, abs=0.03)


def test_vectors_of_length_one_stay_as_they_are():
    vectors = unit(np.random.default_rng(0).normal(0, 1, (4, 128)))
    assert by_cosine(vectors) == pytest.approx(vectors)


def test_a_film_with_small_faces_alone_has_nobody():
    assert len(MODEL.features({"faces": without_vectors(128)}, Config())["time_s"]) == 0
