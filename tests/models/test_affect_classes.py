"""Targets that are classes: shares of what holds, learned by the log-likelihood."""

from pathlib import Path

import numpy as np
import pytest
from _affect_films import QUICK, made_features, made_film, made_films, moments
from pydantic import ValidationError

from cinelake.errors import CannotTrain
from cinelake.lake.artefact import write_artefact
from cinelake.spec.example import Example
from cinelake.spec.training import Training
from models.affect import MODEL
from models.affect.config import Config
from models.affect.network import log_likelihood

CLASSES = Config.model_validate({**QUICK.model_dump(), "targets": ("joy", "fear"), "classes": True})


def felt(film: Example) -> Example:
    """The film with joy where its valence is above 0, fear elsewhere."""
    joy = (film.targets["line"][:, :1] > 0).astype(float)
    return Example(film.movie_id, film.group, film.features, {**film.targets, "line": np.hstack([joy, 1 - joy])})


def test_the_reward_of_classes_is_the_logarithm_of_the_share_of_the_one_that_holds() -> None:
    shares = np.log(np.array([[0.25, 0.75], [0.5, 0.5]]))
    found = log_likelihood(shares, np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[1.0, 1.0], [0.0, 0.0]]))
    assert found == pytest.approx([np.log(0.25), 0])


def test_where_one_class_is_labelled_the_others_do_not_hold() -> None:
    rows = [{"time_s": 0.5, "name": "joy", "value": 1.0}, {"time_s": 4.5, "name": "fear", "value": 1.0}]
    found = MODEL.targets(moments(*rows), made_features(3), CLASSES)
    assert found["line"].tolist() == [[1, 0], [0, 0], [0, 1]] and found["known"].tolist() == [True, False, True]


def test_a_class_that_never_holds_is_refused() -> None:
    film = felt(made_film(0))
    film.targets["line"][:] = [1, 0]
    with pytest.raises(CannotTrain, match="every label of 'joy' is 1"):
        MODEL.train([film], [], CLASSES, Training(Path("unused")))


def test_learners_that_know_no_classes_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"none of the learners lstm, transformer, ridge\. Received: 2, 'line'"):
        Config.model_validate({**CLASSES.model_dump(), "learner": "ridge"})


@pytest.mark.slow
@pytest.mark.parametrize("learner", ["memory", "memory_tbptt"])
def test_shares_of_classes_add_up_and_tell_other_films(learner: str, tmp_path: Path) -> None:
    memory = {**QUICK.memory.model_dump(), "epochs": 20}
    config = Config.model_validate({**CLASSES.model_dump(), "learner": learner, "memory": memory})
    films = [felt(film) for film in made_films(8)]
    trained = MODEL.train(films[2:], films[:2], config, Training(tmp_path / "work"))
    artefact = write_artefact(tmp_path / "artefact", "affect", config, trained)
    others = [felt(film) for film in made_films(4, first_seed=100)]
    said = [MODEL.predict(artefact, film.features)["line"] for film in others]
    right = [np.mean(y.argmax(axis=1) == f.targets["line"].argmax(axis=1)) for y, f in zip(said, others, strict=True)]
    assert said[0].sum(axis=1) == pytest.approx(np.ones(30), abs=1e-5) and np.mean(right) > 0.75
