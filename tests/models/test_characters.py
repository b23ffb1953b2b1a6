"""Characters: what labels mean, what is learned, what is scored."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from _frames_of_characters import example, labels, trained

from cinelake.errors import CannotTrain, ModelUnusable
from cinelake.learning.images import MemoryTable
from cinelake.spec.example import Example
from cinelake.spec.training import Training
from models.characters import MODEL
from models.characters.config import Config
from models.characters.features import vectors_of
from models.characters.fitting import heads_of
from models.characters.heads import rooted, standardised
from models.characters.predict import smooth
from models.characters.scores import film_counts, summarise_films

HALF_SECONDS = {"time_s": np.arange(0, 4, 0.5)}
LINEAR = Config(head="linear", regularisation=1.0, smoothing_s=0)

SCHEMA = {
    "time_s": pa.float64(),
    "frame": pa.int64(),
    "shot": pa.int32(),
    "face": pa.int32(),
    "embedding": pa.list_(pa.float32(), 1),
}


def test_a_label_goes_to_the_nearest_frame_within_half_a_sampling_step():
    found = MODEL.targets(labels([(1.1, "ada"), (2.0, "bo"), (4.2, "ada")]), HALF_SECONDS, LINEAR)
    assert list(np.flatnonzero(found["known"])) == [2, 4]
    assert list(found["character"][[2, 4]]) == ["ada", "bo"]


def test_several_may_be_there_at_one_moment():
    found = MODEL.targets(labels([(1, "bo"), (1, "ada")]), HALF_SECONDS, LINEAR)
    assert found["character"][2] == "ada\nbo"


@pytest.mark.parametrize("nobody", ["nobody", "neither"])
def test_a_moment_without_anybody_is_known_and_empty(nobody):
    found = MODEL.targets(labels([(1, nobody)]), HALF_SECONDS, LINEAR)
    assert found["known"][2]
    assert found["character"][2] == ""


def test_only_listed_characters_count():
    found = MODEL.targets(labels([(1, "bo"), (1, "ada")]), HALF_SECONDS, Config(characters=("ada",)))
    assert found["character"][2] == "ada"


@pytest.mark.parametrize("exclusive", [False, True])
def test_a_linear_head_finds_who_is_there(tmp_path: Path, exclusive: bool):
    artefact, examples = trained(tmp_path, LINEAR, exclusive=exclusive)
    found = MODEL.predict(artefact, examples[-1].features)
    assert artefact.facts["exclusive"] is exclusive
    assert (found["character"] == examples[-1].targets["character"]).mean() > 0.9


@pytest.mark.slow
def test_the_linear_head_compares_roots_and_says_so(tmp_path: Path):
    artefact, examples = trained(tmp_path, LINEAR)
    vectors = np.concatenate([film.features["embedding"] for film in examples[:-1]]).astype(np.float64)
    assert "rooted" in artefact.arrays
    assert artefact.arrays["mean"] == pytest.approx(rooted(vectors).mean(axis=0), abs=0.2)


def test_a_version_that_was_trained_before_roots_sees_vectors_as_it_did():
    scale = {"mean": np.array([1.0, 0.0]), "scale": np.array([2.0, 1.0])}
    assert standardised(np.array([[9.0, -4.0]]), scale).tolist() == [[4.0, -4.0]]
    assert standardised(np.array([[9.0, -4.0]]), {**scale, "rooted": np.ones(1)}).tolist() == [[1.0, -2.0]]


def test_the_same_training_gives_the_same_model(tmp_path: Path):
    runs = [trained(tmp_path / name, Config(head="seed", seed_epochs=2), films=3) for name in ("one", "other")]
    first, second = (MODEL.predict(artefact, films[-1].features)["probability"] for artefact, films in runs)
    assert np.array_equal(first, second)


@pytest.mark.slow
def test_a_head_on_pictures_finds_a_small_figure_anywhere(tmp_path: Path):
    config = Config(head="regions", epochs=15, smoothing_s=0)
    artefact, examples = trained(tmp_path, config, films=5, frames=80)
    found = MODEL.predict(artefact, examples[-1].features)
    assert (found["character"] == examples[-1].targets["character"]).mean() > 0.8


def test_few_films_teach_no_network_to_see():
    assert heads_of(Config(), [example(number, LINEAR, frames=2) for number in range(3)]) == ["linear"]


def test_labels_without_any_character_cannot_be_learned_from(tmp_path: Path):
    films = [example(0, LINEAR)]
    films[0].targets["character"][:] = ""
    with pytest.raises(CannotTrain, match="holds a character"):
        MODEL.train(films, films, LINEAR, Training(tmp_path))


def test_vectors_of_another_backbone_are_refused(tmp_path: Path):
    artefact, examples = trained(tmp_path, LINEAR, films=3)
    other = {**examples[0].features, "embedding": np.zeros((40, 5), np.float32)}
    with pytest.raises(ModelUnusable, match="8 numbers, these have 5"):
        MODEL.predict(artefact, other)


def test_smoothing_stays_within_the_shot():
    found = smooth(np.array([[1.0], [1], [0], [0]]), np.arange(4.0), np.array([0, 0, 1, 1]), 10)
    assert found.ravel().tolist() == [1, 1, 0, 0]


def test_smoothing_takes_the_mean_of_its_window():
    found = smooth(np.array([[0.0], [3], [0]]), np.arange(3.0), np.zeros(3), 2)
    assert found.ravel().tolist() == [1.5, 1, 1.5]


def judged(said: list[str], found: list[str]) -> dict[str, float]:
    targets = {"character": np.array(said), "known": np.ones(len(said), bool)}
    return summarise_films([film_counts(targets, {"character": np.array(found)}, 0.5)])


def test_screen_time_error_is_relative_to_the_true_time():
    scores = judged(["ada", "ada", "bo", ""], ["ada", "", "bo", "bo"])
    assert scores["screen_time_error_ada"] == 0.5
    assert scores["screen_time_error_worst"] == 1.0


def test_accuracy_counts_frames_with_exactly_those_who_are_there():
    assert judged(["ada\nbo", "ada", ""], ["ada", "ada", ""])["accuracy"] == pytest.approx(2 / 3)


def test_the_trivial_predictor_says_everybody_which_no_random_answer_beats():
    film, rng = example(0, LINEAR), np.random.default_rng(0)
    who = np.array(["bo"] * 20 + ["ada"] * 10 + [""] * 10)
    one = Example("film", "film", film.features, {**film.targets, "character": who})
    guess = MODEL.baseline([one], LINEAR)(film.features)["character"]
    assert set(guess) == {"ada\nbo"}
    assert all(judged(who, guess)["f1"] > judged(who, rng.permutation(who))["f1"] for _ in range(5))


def test_beside_it_stands_who_is_there_most_often():
    film = example(0, LINEAR)
    one = Example("film", "film", film.features, {**film.targets, "character": np.array(["bo"] * 30 + [""] * 10)})
    majority = MODEL.simple["who is there most often"]([one], LINEAR)
    assert set(majority(film.features)["character"]) == {"bo"}


def test_the_linear_head_learns_from_the_validation_films_too(tmp_path: Path):
    config = Config(head="linear")
    learn, watch = [example(0, config)], [example(1, config)]
    found = [
        MODEL.train(*sides, config.model_copy(update={"refit": refit}), Training(tmp_path / name)).arrays["mean"]
        for name, refit, sides in (("refit", True, (learn, watch)), ("both", False, (learn + watch, watch)))
    ]
    assert np.array_equal(*found)


def test_of_a_network_that_names_classes_what_it_saw_before_is_learned_from():
    row = {"time_s": 0.0, "frame": 0, "shot": 0, "face": None, "embedding": [1.0], "features": [2.0, 3.0]}
    vector = pa.list_(pa.float32(), 2)
    rows = pa.Table.from_pylist([row], pa.schema({**SCHEMA, "features": vector}))
    assert vectors_of(MemoryTable(rows))["embedding"].tolist() == [[2.0, 3.0]]
