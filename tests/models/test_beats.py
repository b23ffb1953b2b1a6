"""Beats: labels and categories as data, two stages, the sliding window, and the printed figures of the paper."""

from pathlib import Path

import numpy as np
import pytest
from _tagged_films import BEATS, shots, spans

from cinelake.errors import CannotTrain
from cinelake.lake.artefact import write_artefact
from cinelake.learning.metrics import by_confusion
from cinelake.spec.artefact import Artefact
from cinelake.spec.example import Example
from cinelake.spec.training import Training
from models.beats import MODEL
from models.beats.config import CATEGORIES, Config
from models.beats.predict import BeatEvent, belonging, composition, face_evidence, find_events, windowed
from models.beats.scores import summary

PRINTED = np.array(
    [
        [354, 2, 1, 4, 3, 0, 22, 2, 0, 0, 0],
        [5, 237, 10, 13, 4, 0, 18, 5, 0, 0, 0],
        [3, 0, 120, 1, 3, 0, 5, 6, 1, 0, 0],
        [1, 19, 0, 69, 3, 0, 2, 2, 2, 0, 0],
        [66, 10, 33, 8, 186, 0, 35, 40, 3, 0, 0],
        [47, 23, 4, 3, 5, 6, 16, 3, 1, 0, 1],
        [30, 0, 5, 0, 2, 0, 168, 0, 0, 0, 0],
        [3, 0, 26, 1, 1, 0, 0, 84, 3, 0, 0],
        [6, 0, 1, 1, 1, 0, 1, 0, 14, 0, 0],
        [6, 0, 2, 0, 1, 1, 0, 2, 0, 6, 0],
        [28, 2, 3, 0, 0, 0, 1, 0, 0, 0, 12],
    ]
)
"""The confusion matrix of Ejaz et al. (2017): battle, good argue good, good argue bad, romance, despair good,
preparation, pursuit, joy bad, bad argue bad, victory bad, victory good."""
TABLE = {
    "battle": (0.64, 0.91, 0.76),
    "good argue good": (0.81, 0.81, 0.81),
    "good argue bad": (0.59, 0.86, 0.70),
    "romance": (0.69, 0.70, 0.70),
    "despair good": (0.89, 0.49, 0.63),
    "preparation": (0.86, 0.06, 0.10),
    "pursuit": (0.63, 0.82, 0.71),
    "joy bad": (0.58, 0.71, 0.64),
    "bad argue bad": (0.58, 0.58, 0.58),
    "victory bad": (1.00, 0.33, 0.50),
    "victory good": (0.92, 0.26, 0.41),
}
"""Precision, recall and F as printed beside it."""


def test_the_papers_table_follows_from_its_matrix_to_the_last_printed_figure():
    """Every figure agrees within its rounding."""
    assert by_confusion(PRINTED) == pytest.approx(np.array(list(TABLE.values())), abs=0.0051)


def test_the_papers_means_follow_too():
    found = summary(PRINTED, list(TABLE))
    assert (found["mean_precision"], found["mean_recall"], found["mean_f"]) == pytest.approx(
        (0.74, 0.59, 0.59), abs=0.01
    )


@pytest.mark.parametrize(
    ("labels", "decided"),
    [
        ([1, 2, 3], [1, 2, 3]),
        ([1, 2, 1], [1, 1, 1]),
        ([1, 1, 2, 2], [1, 1, 2, 2]),
        ([1, 1, 2, 1, 3, 3], [1, 1, 1, 1, 3, 3]),
        ([1, 2], [1, 2]),
        ([4], [4]),
        ([], []),
    ],
    ids=["all different", "majority", "a border stays", "an outlier goes", "two", "one", "none"],
)
def test_the_window_of_three_decides(labels, decided):
    assert windowed(labels).tolist() == decided


def test_an_event_lasts_while_the_label_stays():
    """The second shot is the window's; the last two follow each other."""
    probabilities = np.array([[0.9, 0.1], [0.4, 0.6], [0.8, 0.2], [0.7, 0.3], [0.3, 0.7], [0.1, 0.9]])
    assert find_events(probabilities) == [
        BeatEvent(0, 4, 0, pytest.approx(0.7)),
        BeatEvent(4, 6, 1, pytest.approx(0.8)),
    ]


def test_a_film_without_shots_has_no_events():
    assert find_events(np.zeros((0, 3))) == []


def targets(*rows: dict) -> dict[str, list]:
    found = MODEL.targets(spans(MODEL.labels, *rows), shots(4), BEATS)
    return {name: values.tolist() for name, values in found.items()}


def test_a_subcategory_is_what_is_trained_and_its_category_what_is_scored():
    found = targets({"start_shot": 1, "end_shot": 2, "category": "fight", "subcategory": "swords"})
    assert list(BEATS.ordered)[found["category"][1]] == "fight"
    assert BEATS.leaves[found["leaf"][1]] == ("fight", "swords")


def test_categories_of_one_first_class_are_trained_as_one():
    found = targets(
        {"start_shot": 0, "end_shot": 1, "category": "good quarrel"},
        {"start_shot": 1, "end_shot": 2, "category": "bad quarrel"},
    )
    assert found["leaf"][0] == found["leaf"][1] and found["category"][:2] == [2, 0]


def test_difficult_and_unlabelled_shots_do_not_count():
    row = {"category": "fight", "start_shot": 0, "end_shot": 2}
    assert targets(row, {**row, "end_shot": 1, "difficult": True})["known"] == [False, True, False, False]


def test_the_default_categories_are_the_papers_eleven():
    assert len(Config().categories) == 11
    assert len([sub for c in CATEGORIES.values() for sub in c.subcategories]) == 11


def test_a_first_class_that_is_another_category_is_refused():
    with pytest.raises(ValueError, match="'first' of 'b' is the name of another category"):
        Config.model_validate({"categories": {"a": {}, "b": {"first": "a"}, "c": {}}})


def test_subtitles_are_read_only_where_asked_for():
    assert "subtitles" not in MODEL.reads(Config())
    assert "subtitles" in MODEL.reads(Config(use=("place", "subtitles")))


def film(number: int, count: int = 24) -> Example:
    """Events of four shots; pictures tell fights (of two kinds) from quarrels, faces good people from bad ones."""
    rng = np.random.default_rng(number)
    events = rng.permuted(np.tile([[0, 1], [2, 3]], (1, 2)), axis=1).T.ravel()[: count // 4]
    kind = np.repeat(events, 4)
    names = [("fight", "fists"), ("fight", "swords"), ("good quarrel", None), ("bad quarrel", None)]
    features = shots(len(kind)) | {"picture": np.eye(3)[np.minimum(kind, 2)] * 3 + rng.normal(0, 0.3, (len(kind), 3))}
    face = np.where(kind == 2, 1.0, np.where(kind == 3, -1.0, rng.choice([-1.0, 1.0], len(kind))))
    vectors = np.zeros((len(kind), 2, 2), np.float32)
    vectors[:, 0, 0] = face + rng.normal(0, 0.2, len(kind))
    seen = np.zeros((len(kind), 2), bool)
    seen[:, 0] = rng.random(len(kind)) < 0.7
    faces = {"faces": np.zeros((len(kind), 6)), "looks": np.zeros((len(kind), 4))}
    features |= faces | {"face_vectors": vectors, "face_seen": seen}
    rows = [
        {"start_shot": i, "end_shot": i + 1, "category": names[k][0], "subcategory": names[k][1]}
        for i, k in enumerate(kind)
    ]
    labels = spans(MODEL.labels, *rows)
    return Example(f"film_{number}", f"film_{number}", features, MODEL.targets(labels, features, BEATS))


WITH_FACES = BEATS.model_copy(update={"use": ("picture", "faces")})


def trained(folder: Path, config: Config) -> Artefact:
    found = MODEL.train([film(n) for n in range(4)], [film(4)], config, Training(folder / "work"))
    return write_artefact(folder / "model", "beats", config, found)


def scores(artefact: Artefact, config: Config) -> dict[str, float]:
    films = [film(n) for n in range(10, 13)]
    film_scores = [MODEL.score_film(f.features, f.targets, MODEL.predict(artefact, f.features), config) for f in films]
    return MODEL.summarise(film_scores)


def test_the_faces_of_an_event_tell_categories_of_one_first_class_apart(tmp_path: Path):
    found = scores(trained(tmp_path, WITH_FACES), WITH_FACES)
    assert found["mean_f"] > 0.95 > found["svm_mean_f"]


def test_without_faces_only_the_first_stage_is_right(tmp_path: Path):
    found = scores(trained(tmp_path, BEATS), BEATS)
    assert found["f_fight"] > 0.95 > found["mean_f"]


def test_whoever_draws_categories_by_chance_is_no_better_than_the_trivial_predictor():
    rng, config, shots_of_a_film = np.random.default_rng(0), Config(), 100
    rows = [
        {"category": rng.choice(3, shots_of_a_film, p=(0.6, 0.3, 0.1)), "known": np.ones(shots_of_a_film, bool)}
        for _ in range(6)
    ]
    films = [Example(f"{n}", f"{n}", {"time_s": n + np.arange(100.0)}, row) for n, row in enumerate(rows)]

    def mean_f(said: list[np.ndarray]) -> float:
        given = [{"category": each, "svm": each, "probability": np.eye(len(config.categories))[each]} for each in said]
        scored = [MODEL.score_film(f.features, f.targets, g, config) for f, g in zip(films, given, strict=True)]
        return MODEL.summarise(scored)["mean_f"]

    guess, pooled = MODEL.baseline(films, config), np.concatenate([row["category"] for row in rows])
    by_chance = [mean_f(np.split(rng.permutation(pooled), len(films))) for _ in range(40)]
    assert mean_f([guess(film.features)["category"] for film in films]) == pytest.approx(np.mean(by_chance), abs=0.06)


def test_one_kind_of_beat_teaches_nothing(tmp_path: Path):
    example = film(0)
    example.targets["leaf"][:] = 1
    with pytest.raises(CannotTrain, match="one kind of beat only"):
        MODEL.train([example], [], BEATS, Training(tmp_path))


def test_an_event_ends_where_its_class_does():
    """Shot 3 is of the class too, but shot 2 between is not."""
    assert belonging(np.array([1.0, 0.8, 0.1, 0.9]))[0] == pytest.approx([1, 0.8, 0.1, 0.1])


def test_two_sides_seen_speak_for_the_category_that_shows_both():
    sides = np.array([[[0.99, 0.01], [0.01, 0.99]]])
    shares = np.stack([composition(people, ["bad", "good"]) for people in (["bad"], ["good"], ["bad", "good"])])
    assert face_evidence(sides, np.ones((1, 2), bool), shares)[0].argmax() == 2


def test_a_shot_without_faces_says_nothing():
    assert not face_evidence(np.full((1, 2, 2), 0.5), np.zeros((1, 2), bool), np.eye(2)).any()
