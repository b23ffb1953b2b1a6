"""Scenes: what is learned from labels, how well, and what bad input gets."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from _made_scenes import made_features, made_film, made_films, spans
from pydantic import ValidationError

from cinelake.errors import CannotTrain, ModelUnusable
from cinelake.lake.artefact import write_artefact
from cinelake.learning.candidate import cross_fitted, missing_classes
from cinelake.learning.split import split
from cinelake.manifest.entries import ModelEntry
from cinelake.spec.arrays import Arrays
from cinelake.spec.artefact import Artefact
from cinelake.spec.model import Scores
from cinelake.spec.training import Training
from models.scenes import MODEL, fitting
from models.scenes.config import Config
from models.scenes.fitting import Fitted, calibration
from models.scenes.predict import moved, scaled, threshold_for_count

QUICK = Config(epochs=25, members=2, batch_shots=64, learning_rate=1e-2)


def train(folder: Path, config: Config = QUICK, films: int = 8) -> Artefact:
    given = made_films(films)
    trained = MODEL.train(given[2:], given[:2], config, Training(folder / "fitting"))
    return write_artefact(folder / "artefact", "scenes", config, trained)


@pytest.fixture(scope="module")
def artefact(tmp_path_factory: pytest.TempPathFactory) -> Artefact:
    return train(tmp_path_factory.mktemp("scenes"))


def scores(artefact: Artefact) -> dict[str, float]:
    film_scores = [
        MODEL.score_film(film.features, film.targets, MODEL.predict(artefact, film.features), artefact.config)
        for film in made_films(4, first_seed=100)
    ]
    return MODEL.summarise(film_scores)


# --- targets


def test_a_scene_begins_at_the_shot_whose_start_is_nearest() -> None:
    labels = spans({"start_s": 0, "end_s": 6.8}, {"start_s": 6.8, "end_s": 20})
    found = MODEL.targets(labels, made_features([10]), Config())
    assert np.flatnonzero(found["boundary"]).tolist() == [3]


def test_the_first_shot_is_never_known_and_shots_outside_labels_are_not() -> None:
    found = MODEL.targets(spans({"start_s": 0, "end_s": 6}), made_features([10]), Config())
    assert np.flatnonzero(found["known"]).tolist() == [1, 2]


def test_labels_by_shot_count_where_there_is_no_time() -> None:
    labels = spans({"start_shot": 0, "end_shot": 4}, {"start_shot": 4, "end_shot": 7})
    found = MODEL.targets(labels, made_features([10]), Config())
    assert np.flatnonzero(found["boundary"]).tolist() == [4]
    assert np.flatnonzero(found["known"]).tolist() == [1, 2, 3, 4, 5, 6]


def test_a_single_shot_can_be_said_to_begin_a_scene_or_not() -> None:
    rows = [{"start_shot": 3, "end_shot": 4, "begins": True}, {"start_shot": 5, "end_shot": 6, "begins": False}]
    found = MODEL.targets(spans(*rows), made_features([10]), Config())
    assert np.flatnonzero(found["boundary"]).tolist() == [3] and np.flatnonzero(found["known"]).tolist() == [3, 5]


def test_time_counts_before_shots() -> None:
    labels = spans(
        {"start_shot": 0, "end_shot": 1, "start_s": 0, "end_s": 4}, {"start_shot": 1, "start_s": 4, "end_s": 8}
    )
    assert np.flatnonzero(MODEL.targets(labels, made_features([10]), Config())["boundary"]).tolist() == [2]


# --- learning


def test_scenes_of_other_films_are_found(artefact: Artefact) -> None:
    assert scores(artefact)["map"] > 0.95
    assert scores(artefact)["f1"] > 0.8


def test_who_ranks_shots_at_random_is_no_better_than_chance_which_finds_no_scene() -> None:
    films, rng = made_films(4), np.random.default_rng(0)

    def found(guess: Callable[[Arrays], Arrays]) -> Scores:
        return MODEL.summarise([MODEL.score_film(f.features, f.targets, guess(f.features), Config()) for f in films])

    chance = found(MODEL.baseline(films, Config()))
    random = [found(lambda features: {"probability": rng.random(len(features["time_s"]))}) for _ in range(300)]
    assert (chance["map"], chance["f1"]) == (pytest.approx(np.mean([each["map"] for each in random]), abs=0.02), 0)


def test_the_first_shot_gets_no_probability(artefact: Artefact) -> None:
    assert MODEL.predict(artefact, made_film([4, 4]).features)["probability"][0] == 0


def test_a_film_of_one_shot_has_an_answer(artefact: Artefact) -> None:
    assert MODEL.predict(artefact, made_features([1]))["probability"].tolist() == [0]


def test_the_same_seed_gives_the_same_model(artefact: Artefact, tmp_path: Path) -> None:
    film = made_film([4, 4, 4], 7)
    again = MODEL.predict(train(tmp_path), film.features)["probability"]
    assert np.allclose(again, MODEL.predict(artefact, film.features)["probability"], atol=1e-6)


def test_the_threshold_becomes_one_half_and_the_order_stays() -> None:
    found = moved(np.array([0.1, 0.2, 0.9]), threshold=0.2)
    assert found[1] == pytest.approx(0.5) and found[0] < 0.5 < found[2]


def test_a_film_is_cut_into_as_many_scenes_as_its_probabilities_add_up_to() -> None:
    raw = np.array([0.9, 0.2, 0.6, 0.1, 0.3, 0.7, 0.1])  # the first begins no other scene; the rest add up to 2
    assert (raw[1:] > threshold_for_count(raw, raw[1:].sum())).sum() == 2
    assert (raw[1:] > threshold_for_count(raw, 0.1)).sum() == 0


def judged_films(pace: float, films: int = 24) -> list[tuple[np.ndarray, np.ndarray, float]]:
    """Films whose boundaries follow from log-odds, twice too sure and too high, and from the length of their shots."""
    rng, judged = np.random.default_rng(0), []
    for length in rng.uniform(0.5, 2.5, films):
        logit = rng.normal(-1, 2, 400)
        truth = rng.random(400) < 1 / (1 + np.exp(-0.5 * logit + 1 - pace * (length - 1.5)))
        judged.append((truth, 1 / (1 + np.exp(-logit)), float(length)))
    return judged


@pytest.mark.parametrize("pace", [0.0, 0.6, 1.0])
def test_calibration_finds_how_sure_the_network_is_and_whether_scenes_last_a_time(pace: float) -> None:
    found = calibration(judged_films(pace))
    assert (found["slope"], found["offset"]) == pytest.approx((0.5, -1.0), abs=0.1)
    assert found["pace"] == pytest.approx(pace, abs=0.15)


def test_a_film_of_longer_shots_is_cut_into_more_scenes_as_far_as_such_films_were_learned_from() -> None:
    facts = {"slope": 1.0, "offset": 0.0, "pace": 1.0, "usual": 1.0, "shortest": 0.5, "longest": 2.0}
    short, usual, longer, longest = (scaled(np.full(9, 0.1), facts, length).sum() for length in (0.0, 1.0, 2.0, 5.0))
    assert short < usual < longer == longest


def test_a_version_of_an_earlier_release_knows_no_pace() -> None:
    facts = {"slope": 1.0, "offset": 0.0}
    assert scaled(np.array([0.25]), facts, 3.0) == pytest.approx(0.25)


def test_calibrated_probabilities_add_up_to_the_boundaries_that_are_told(artefact: Artefact) -> None:
    found = MODEL.predict(artefact, made_film([4, 6, 5, 5], 3).features)
    assert (found["probability"] >= 0.5).sum() == round(float(found["unmoved"].sum()))


def test_the_logistic_regression_alone_is_a_learner_too(tmp_path: Path) -> None:
    assert scores(train(tmp_path, QUICK.model_copy(update={"network": "logistic"})))["map"] > 0.9


def test_where_all_films_are_learned_from_the_epochs_are_settled_and_other_films_calibrate(tmp_path: Path) -> None:
    config = QUICK.model_copy(update={"members": 1})
    facts = MODEL.train(made_films(4), [], config, Training(tmp_path, settled={"epochs": 2, "threshold": 0.9})).facts
    assert facts["epochs"] == 2 and facts["threshold"] != 0.9 and 0 <= facts["pace"] <= 1


def test_what_is_only_compared_is_not_calibrated_by_networks_of_its_own(tmp_path: Path, monkeypatch: Any) -> None:
    """It is compared by `map`, which no calibration changes."""
    config, films = QUICK.model_copy(update={"network": "logistic"}), made_films(4)
    maps = []
    for final in (True, False):
        trained = MODEL.train(films[1:], films[:1], config, Training(tmp_path / str(final), final=final))
        maps.append(scores(write_artefact(tmp_path / f"of_{final}", "scenes", config, trained))["map"])
        monkeypatch.setattr(fitting, "judged_by_others", None)
    assert maps[0] == maps[1]


def test_a_part_of_the_films_that_teaches_nothing_is_left_out_of_cross_fitting(tmp_path: Path) -> None:
    config = QUICK.model_copy(update={"network": "logistic"})
    films = [made_film([10, 10], 0), made_film([20], 1), made_film([20], 2)]
    assert cross_fitted(MODEL, films, config, Training(tmp_path))["epochs"] == 1
    with pytest.raises(CannotTrain, match="no shot at which a scene begins"):
        cross_fitted(MODEL, films[1:], config, Training(tmp_path))


@pytest.mark.parametrize("scenes", [[[1] * 8, [8]], [[1] * 8, [8], [8], [8]], [[1] * 8, [4, 4]]])
def test_films_of_one_class_each_are_calibrated_by_what_there_is(scenes: list[list[int]], tmp_path: Path) -> None:
    config = QUICK.model_copy(update={"network": "logistic"})
    films = [made_film(lengths, seed) for seed, lengths in enumerate(scenes)]
    assert MODEL.train(films, [], config, Training(tmp_path)).facts["slope"] >= 0.1


def test_a_film_without_a_shot_does_not_stand_in_the_way(tmp_path: Path) -> None:
    config, films = QUICK.model_copy(update={"network": "logistic"}), made_films(3)
    empty = films[0].steps(0, 0)
    trained = MODEL.train([*films, empty], [], config, Training(tmp_path / "fitting"))
    assert trained.facts["usual"] == pytest.approx(np.log(2))
    assert not len(MODEL.predict(write_artefact(tmp_path / "a", "scenes", config, trained), empty.features)["unmoved"])


@pytest.mark.parametrize("names", ["aaabcd", "aabbcc", "ab", "a"])
def test_nobody_is_judged_by_a_network_that_knows_the_film_or_its_series(names: str, monkeypatch: Any) -> None:
    def learns(films: Any, *_: Any, **__: Any) -> Any:
        return Fitted([id(film) for film in films], 1)

    def judges(fitted: Any, own: Any, films: Any, _config: Any) -> list[Any]:
        assert len(set(names)) == 1 or not {e.group for e in own} & {of[film] for film in fitted.network}
        return [(film, None, 0.0) for film in films]

    examples = [
        replace(made_film([4, 4], seed), movie_id=f"{name}{seed}", group=name) for seed, name in enumerate(names)
    ]
    films = fitting.parts_of(examples, fitting.learn_inputs(examples, QUICK, 0), QUICK)
    of = {id(film): example.group for film, example in zip(films, examples, strict=True)}
    monkeypatch.setattr(fitting, "fit_network", learns)
    monkeypatch.setattr(fitting, "_answers", judges)
    found = fitting.judged_by_others(examples, films, QUICK, Training(Path()), 1)
    assert sorted(map(id, (film for film, *_ in found))) == sorted(of)


@pytest.mark.slow
@pytest.mark.parametrize("network", ["bilstm", "wavenet"])
def test_the_networks_of_sequences_learn_too(network: Any, tmp_path: Path) -> None:
    config = Config(network=network, epochs=8, learning_rate=1e-2, num_layers=2, n_layers=1, n_neurons=8)
    assert scores(train(tmp_path, config, films=16))["map"] > 0.8


# --- bad input


@pytest.mark.parametrize(("scenes", "what"), [([20], "no shot"), ([1] * 20, "only shots")])
def test_one_class_only_is_refused(scenes: list[int], what: str, tmp_path: Path) -> None:
    with pytest.raises(CannotTrain, match=what):
        MODEL.train([made_film(scenes)], [], QUICK, Training(tmp_path))


LABELLED_FIRST = replace(
    whole := made_film([8, 8, 8], 99), targets=whole.targets | {"known": whole.targets["known"] & (np.arange(24) < 12)}
)
"""A film of whose shots the first half is labelled."""


@pytest.mark.parametrize("films", [[*made_films(9), made_film([1], 50)], [*made_films(2), LABELLED_FIRST]])
@pytest.mark.parametrize("support", [MODEL.support, lambda film_scores: {"all": float(len(film_scores))}])
def test_films_and_blocks_without_a_known_boundary_do_not_stand_in_the_way(films: Any, support: Any) -> None:
    entry = ModelEntry("scenes", replace(MODEL, support=support), Config(), "scenes")
    assert missing_classes(entry, split(films)) == ""


def test_features_of_another_backbone_are_refused(artefact: Artefact) -> None:
    features = made_features([4, 4]) | {"place": np.ones((8, 7), np.float32)}
    with pytest.raises(ModelUnusable, match="another backbone"):
        MODEL.predict(artefact, features)


def test_a_film_in_which_nobody_has_a_face_is_cut_all_the_same(artefact: Artefact) -> None:
    features = made_features([4, 4]) | {"cast": np.zeros((8, 1), np.float32)}
    assert np.isfinite(MODEL.predict(artefact, features)["probability"]).all()


@pytest.mark.parametrize("use", [[], ["place", "place"]])
def test_kinds_of_features_are_some_and_each_once(use: list[str]) -> None:
    with pytest.raises(ValidationError):
        Config(use=use)


def test_figures_are_drawn(artefact: Artefact) -> None:
    films = made_films(2)
    drawn = MODEL.figures(films, [MODEL.predict(artefact, f.features) for f in films], artefact.config)
    assert set(drawn) == {"precision_recall", "probability_line"}
