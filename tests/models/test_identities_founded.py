"""Identities: which faces found a person, and that nobody is twice in one picture."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from _identities_films import SIZE, face_of, film, rows

from cinelake.errors import CannotTrain
from cinelake.lake.artefact import write_artefact
from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.artefact import Artefact
from cinelake.spec.example import Example
from cinelake.spec.model import Trained
from cinelake.spec.training import Training
from models.identities import MODEL
from models.identities.config import Config
from models.identities.features import apart, contrast_and_sharpness, track, track_vectors, unit
from models.identities.people import People, assign, gallery_of, grouped, joined_looks

GALLERY = [film(1, [0], {0.0: "ada"}), film(2, [1], {0.0: "bo"})]
DARK = 15
"""The axis to which a recogniser puts dark and blurred faces, whosever they are."""


def learned(folder: Path, films: list[Example], champion: Artefact | None = None) -> Artefact:
    training = Training(folder, champion=champion, examples=films)
    return write_artefact(folder, "identities", Config(), MODEL.train(films, [], Config(), training))


def looking(example: Example, *, counts: bool, sharpness: float = 0.03, contrast: float = 15.0) -> Example:
    """The film with faces that look so."""
    count = len(example)
    looks = {"counts": np.full(count, counts), "sharpness": np.full(count, sharpness)}
    features = {**example.features, **looks, "contrast": np.full(count, contrast)}
    targets = {**example.targets, "known": example.targets["known"] & counts}
    return replace(example, features=features, targets=targets)


def poor(number: int, people: list[int]) -> Example:
    """A film of people in the dark: all of them near one axis."""
    example = film(number, people, {})
    embedding = unit(example.features["embedding"] * 0.4 + np.eye(SIZE)[DARK]).astype(np.float32)
    return looking(replace(example, features={**example.features, "embedding": embedding}), counts=False)


def beside(*people: int, pictures: int = 3) -> Arrays:
    """Pictures that each show these people from left to right."""
    rng = np.random.default_rng(5)
    features = rows(unit(np.concatenate([face_of(person, rng) for _ in range(pictures) for person in people])))
    features["frame"] = np.repeat(np.arange(pictures), len(people))
    features["time_s"] = features["frame"].astype(float)
    features["box"] = np.array([(0.3 * at, 0.4, 0.2, 0.2) for _ in range(pictures) for at in range(len(people))])
    return features


# --- what is seen of a face


def blurred(patches: Array, times: int) -> Array:
    for _ in range(times):
        patches = (patches + sum(np.roll(patches, (dy, dx), (1, 2)) for dy in (-1, 1) for dx in (-1, 1))) / 5
    return patches


def test_blur_takes_sharpness_and_darkness_takes_contrast():
    patches = blurred(np.random.default_rng(0).uniform(0, 255, (1, 48, 48)), 2).astype(np.float32)
    clear, soft, dark = (contrast_and_sharpness(p)[:, 0] for p in (patches, blurred(patches, 12), patches * 0.1))
    assert soft[1] < clear[1] / 3 and dark[1] == pytest.approx(clear[1], rel=0.01)
    assert dark[0] == pytest.approx(clear[0] / 10, rel=0.01)


# --- who founds a person


def test_dark_and_blurred_faces_found_nobody(tmp_path: Path):
    with pytest.raises(CannotTrain, match="no picture shows a face that counts"):
        learned(tmp_path, [poor(3, [5, 6, 7, 8])])


def test_dark_and_blurred_faces_are_nobody_beside_those_who_are_known(tmp_path: Path):
    artefact = learned(tmp_path, [*GALLERY, poor(3, [5, 6, 7])])
    assert artefact.facts["people"] == ["ada", "bo"]
    assert set(MODEL.predict(artefact, poor(9, [0, 5]).features)["character"]) == {""}


def test_a_group_that_is_hardly_better_than_dark_faces_and_like_them_gets_no_number(tmp_path: Path):
    dim = looking(poor(4, [6, 7]), counts=True)
    assert learned(tmp_path / "1", [*GALLERY, dim]).facts["people"] == ["ada", "bo", "person_1"]
    assert learned(tmp_path / "2", [*GALLERY, dim, poor(3, [5, 8, 9, 10])]).facts["people"] == ["ada", "bo"]


def test_a_group_that_is_unlike_dark_faces_gets_a_number_however_dim(tmp_path: Path):
    dim = looking(film(4, [6], {}), counts=True)
    dark = poor(3, [5, 8, 9, 10])
    assert learned(tmp_path, [*GALLERY, dim, dark]).facts["people"] == ["ada", "bo", "person_1"]


def test_a_clear_group_gets_a_number_though_most_dark_faces_are_its_own(tmp_path: Path):
    shade = poor(3, [5, 5, 5, 5])
    dark = replace(shade, features={**shade.features, "embedding": film(3, [5] * 4, {}).features["embedding"]})
    assert learned(tmp_path, [*GALLERY, film(4, [5], {}), dark]).facts["people"] == ["ada", "bo", "person_1"]


def test_who_else_is_on_photos_is_nobody_of_the_films(tmp_path: Path):
    photos = [replace(film(n, [0, 5], {0.0: "ada"}), in_time=False) for n in (3, 4)]
    artefact = learned(tmp_path, photos)
    assert artefact.facts["people"] == ["ada"] and artefact.facts["films"] == {}


def test_people_whom_an_earlier_code_founded_keep_their_number_and_not_their_face(tmp_path: Path):
    before = learned(tmp_path / "1", [film(3, [5], {}), film(4, [6, 6], {})])
    older = replace(before, code=1)
    after = learned(tmp_path / "2", [film(5, [5], {}), film(6, [7, 7, 7], {})], older)
    assert after.facts["people"] == ["person_3", "person_2"] and after.facts["last_number"] == 3
    assert "person_1" not in learned(tmp_path / "3", [film(7, [8], {}), film(5, [5], {})], after).facts["people"]


# --- two faces of one picture


def test_faces_of_one_picture_are_two_persons_however_many_stand_between_them():
    """The second is like both others, which are seen together."""
    angles = np.radians([0, 40, 80])
    chain = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    assert [len(group) for group in grouped(chain, 0.4, 1, np.ones(3))] == [3]
    together = grouped(chain, 0.4, 1, np.ones(3), {0: {2}, 2: {0}})
    assert all({0, 2} - set(group.tolist()) for group in together)


def test_strangers_who_are_all_somewhat_alike_are_no_person():
    """Cosines of .45, as a recogniser of photos gives for a baby, a man in the dark and one with a hat."""
    strangers = np.sqrt(0.45) * np.eye(6)[[0] * 4] + np.sqrt(0.55) * np.eye(6)[1:5]
    again = unit(strangers[:1] + 0.6 * np.eye(6)[5:])
    groups = grouped(np.concatenate([strangers, again]), 0.4, 1, np.ones(5))
    assert sorted(sorted(group.tolist()) for group in groups) == [[0, 4], [1], [2], [3]]


@pytest.mark.parametrize(("looks", "alike"), [(5, 0.395), (1, 0.45)])
def test_who_is_somewhat_like_all_looks_of_a_person_is_a_stranger(looks: int, alike: float):
    """Looks are alike by .52: the first stranger is clearly like the middle of them, and less like each; the other one,
    as like the only one as a stranger's photo may be."""
    known = np.sqrt(0.52) * np.eye(8)[[0] * looks] + np.sqrt(0.48) * np.eye(8)[1 : looks + 1]
    shared = np.array([[np.sqrt(0.52)], [alike / np.sqrt(0.52)]])
    ada, stranger = shared * np.eye(8)[[0, 0]] + np.sqrt(1 - shared**2) * np.eye(8)[[6, 7]]
    names, found = assign(np.stack([ada, stranger]), gallery_of(known, np.array(["ada"] * looks), 0.4), 0.4)
    assert names.tolist() == ["ada", ""] and found == pytest.approx([0.52, alike], abs=1e-6)


def test_of_two_faces_in_a_picture_only_the_one_more_alike_is_the_person():
    people, like = People(("ada",), np.eye(2)[:1]), unit(np.array([[1, 0.2], [1, 0.1]]))
    assert assign(like, people, 0.4, {0: {1}, 1: {0}})[0].tolist() == ["", "ada"]


def test_whom_another_face_of_the_picture_leaves_gets_the_next_person_who_is_alike():
    people = People(("ada", "bo"), unit(np.array([[1, 0], [0.9, 0.5]])))
    vectors = unit(np.array([[1, 0.05], [1, 0]]))
    assert assign(vectors, people, 0.4, {0: {1}, 1: {0}})[0].tolist() == ["bo", "ada"]


def test_nobody_beside_a_face_that_people_named_has_its_name():
    people, both = People(("ada",), np.eye(2)[:1]), np.eye(2)[[0, 0]]
    assert assign(both, people, 0.4, {0: {1}, 1: {0}}, {1: {"ada"}})[0][0] == ""


def test_nobody_is_twice_in_a_picture_of_a_film(tmp_path: Path):
    found = MODEL.predict(learned(tmp_path, GALLERY), beside(0, 0))
    assert sorted(found["character"][:2]) == ["", "ada"] and len(set(found["track"])) == 2


def test_people_who_are_mixed_up_are_not_apart_because_nobody_is_twice_in_a_picture(tmp_path: Path):
    """Both persons known are mixtures of the two who are seen: by themselves these are the same one."""
    mixed = unit(np.eye(SIZE)[:1] + np.eye(SIZE)[1:2] + np.array([[0], [0.5]]) * np.eye(SIZE)[2:3])
    trained = Trained(arrays={"centroids": mixed}, facts={"people": ["person_1", "person_2"]})
    found = MODEL.predict(write_artefact(tmp_path, "identities", Config(), trained), seen := beside(0, 1))
    unnamed = {"character": np.full(6, ""), "known": np.ones(6, bool)}
    counts = MODEL.score_film(seen, unnamed, found, Config())
    assert sorted(found["character"][:2]) == ["person_1", "person_2"]
    assert MODEL.summarise([counts])["apart"] == 0


def test_a_face_that_was_found_twice_is_no_second_person():
    features = beside(0, 0)
    features["box"][1::2] = features["box"][::2] + np.array((0.02, 0, 0, 0))
    assert apart(features, track(features, 0.4)) == {}


# --- looks of one person


def at_angles(*degrees: float) -> Array:
    return np.stack([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], axis=1)


def test_groups_that_are_alike_and_unlike_all_others_are_looks_of_one_person():
    """Cosines: 0.64 between the first two, 0.17 and less to the third."""
    assert [rows.tolist() for rows in joined_looks(at_angles(0, 50, 130), 0.4)] == [[0, 1], [2]]


def test_groups_of_which_one_is_somewhat_like_another_are_left_alone():
    """A third group is between the second and the first: 0.57 and −0.26."""
    assert len(joined_looks(at_angles(0, 50, 105), 0.4)) == 3


def test_looks_that_are_seen_beside_each_other_are_two_persons():
    assert len(joined_looks(at_angles(0, 10), 0.4, {0: {1}, 1: {0}})) == 2


# --- a track is recognised as one


def test_the_best_faces_of_a_track_say_who_it_is():
    features = rows(np.eye(4)[[0, 0, 1, 2]])
    features |= {"sharpness": np.array([0.1, 0.09, 0.03, 0.2]), "counts": np.array([True, True, True, False])}
    assert track_vectors(features, np.zeros(4, int))[0] == pytest.approx(np.eye(4)[0])


def test_a_track_of_which_no_face_counts_is_like_nobody():
    features = rows(np.eye(4)[:1])
    features["counts"][:] = False
    assert not track_vectors(features, np.zeros(1, int)).any()


def test_a_blurred_face_between_two_people_does_not_make_them_one_track():
    middle = unit(np.ones((1, 2)))
    features = rows(np.concatenate([np.eye(2)[:1], middle, np.eye(2)[1:]]))
    features["counts"] = np.array([True, False, True])
    assert track(features, 0.4).tolist() == [0, 0, 1]


@pytest.mark.parametrize("likeness", [0.4, 0.9])
def test_faces_that_are_all_but_the_same_are_one_person_however_alike_all_faces_are(likeness: float):
    rng = np.random.default_rng(7)
    vectors = unit(np.concatenate([np.tile(face_of(person, rng), (5, 1)) for person in range(2)]))
    assert [len(rows) for rows in grouped(vectors, likeness, 3, np.ones(len(vectors)))] == [5, 5]
