"""Screen time that adds up: as many seconds are found as there are, on frames that were not learned from."""

from pathlib import Path

import numpy as np
import pytest
from _frames_of_characters import example, trained

from cinelake.spec.training import Training
from models.characters import MODEL
from models.characters.config import Config
from models.characters.predict import is_there
from models.characters.seconds import moved_by, offsets_of


@pytest.mark.parametrize("exclusive", [False, True])
def test_a_character_who_is_missed_too_often_is_found_as_often_as_labelled(exclusive: bool) -> None:
    rng = np.random.default_rng(0)
    present = np.eye(3)[rng.integers(3, size=300)][:, 1:]
    odds = present * 2 + rng.normal(size=present.shape) - np.array([3.0, 0.5])
    probability = 1 / (1 + np.exp(-odds))
    probability = probability / 2 if exclusive else probability
    moved = moved_by(probability, offsets_of(probability, present, exclusive, 0.5), exclusive)
    found, before = (is_there(p, exclusive, 0.5).sum(axis=0) for p in (moved, probability))
    assert np.abs(found - present.sum(axis=0)).max() <= 4 < np.abs(before - present.sum(axis=0)).max()


def test_of_a_few_frames_nothing_is_concluded() -> None:
    present = np.zeros((50, 2))
    present[:3, 0] = 1
    assert offsets_of(np.full((50, 2), 0.1), present, False, 0.5).tolist() == [0, 0]


def test_probabilities_stay_where_nothing_is_moved() -> None:
    probability = np.array([[0.2, 0.5], [0.0, 1.0]])
    for exclusive in (False, True):
        assert moved_by(probability, np.zeros(2), exclusive) == pytest.approx(probability, abs=1e-5)


@pytest.mark.parametrize("exclusive", [False, True])
def test_a_model_is_calibrated_by_films_that_it_did_not_learn_from(tmp_path: Path, exclusive: bool) -> None:
    config = Config(head="linear", smoothing_s=0, calibrate="seconds")
    artefact, films = trained(tmp_path, config, exclusive=exclusive)
    found = MODEL.predict(artefact, films[-1].features)
    assert artefact.arrays["offsets"].shape == (2,)
    assert (found["character"] == films[-1].targets["character"]).mean() > 0.9


def test_without_it_nothing_is_moved(tmp_path: Path) -> None:
    films = [example(number, Config()) for number in range(3)]
    assert "offsets" not in MODEL.train(films[:2], films[2:], Config(head="linear"), Training(tmp_path)).arrays


@pytest.mark.parametrize("who", ["ada", ""])
def test_a_film_of_one_character_and_one_without_labels_do_not_end_a_training(tmp_path: Path, who: str) -> None:
    config = Config(head="linear", calibrate="seconds", smoothing_s=0)
    films = [example(number, config, exclusive=True) for number in range(3)]
    films[1].targets["character"][:] = who
    films[2].targets["known"][:] = False
    offsets = MODEL.train(films, films[:1], config, Training(tmp_path)).arrays["offsets"]
    assert offsets.shape == (2,) and np.isfinite(offsets).all()
