"""The emotional line: targets, learners, what bad input gets."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from _affect_films import QUICK, made_features, made_film, made_films, moments

from cinelake.errors import CannotTrain, ModelUnusable, TrainingFailed
from cinelake.lake.artefact import write_artefact
from cinelake.spec.artefact import Artefact
from cinelake.spec.example import Example
from cinelake.spec.training import Member, Training
from models.affect import MODEL
from models.affect.agent import MemoryLearner
from models.affect.config import Config
from models.affect.films import AffectFilm
from models.affect.fitting import learn_memory, learn_truncated
from models.affect.network import Sizes, follow, start_weights
from models.affect.predict import members_of, smoothed
from models.affect.scores import best_slot


def taught(folder: Path, learner: str, films: int = 8, **others: object) -> Artefact:
    config = Config.model_validate({**QUICK.model_dump(), "learner": learner, **others})
    given = made_films(films)
    trained = MODEL.train(given[2:], given[:2], config, Training(folder / "work"))
    return write_artefact(folder / "artefact", "affect", config, trained)


@pytest.fixture(scope="module")
def acted(tmp_path_factory: pytest.TempPathFactory) -> Artefact:
    """The memory network, taught by acting."""
    return taught(tmp_path_factory.mktemp("affect"), "memory")


def pcc(artefact: Artefact) -> float:
    films = made_films(4, first_seed=100)
    film_scores = [
        MODEL.score_film(f.features, f.targets, MODEL.predict(artefact, f.features), artefact.config) for f in films
    ]
    return MODEL.summarise(film_scores)["pcc"]


# --- targets


def test_a_clips_target_is_the_mean_of_the_labels_within_it() -> None:
    rows = [{"time_s": float(t), "valence": t / 10, "arousal": 0.0} for t in range(4)]
    found = MODEL.targets(moments(*rows), made_features(2), QUICK)
    assert found["line"][:, 0] == pytest.approx([0.05, 0.25])


def test_gaps_and_nulls_in_the_labels_are_not_known() -> None:
    rows = [{"time_s": 0.0, "valence": 0.5}, {"time_s": 4.0, "valence": None, "arousal": 0.1}]
    found = MODEL.targets(moments(*rows), made_features(4), QUICK)
    assert found["there"].tolist() == [[1, 0], [0, 0], [0, 1], [0, 0]]
    assert found["known"].tolist() == [True, False, True, False]


def test_any_other_line_is_learned_from_names_and_values() -> None:
    rows = [{"time_s": 2.5, "name": "importance", "value": 4.0}, {"time_s": 0.5, "name": "tension", "value": 9.0}]
    found = MODEL.targets(moments(*rows), made_features(2), Config(targets=("importance",)))
    assert found["line"][:, 0].tolist() == [0, 4] and found["known"].tolist() == [False, True]


# --- learners


SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ("memory_clips", "memory_tbptt", "lstm")]


@pytest.mark.parametrize("learner", ["ridge", *SLOW])
def test_every_learner_tells_the_line_of_other_films(learner: str, tmp_path: Path) -> None:
    assert pcc(taught(tmp_path, learner)) > 0.8


def test_the_memory_network_tells_the_line_of_other_films(acted: Artefact) -> None:
    assert pcc(acted) > 0.8


@pytest.mark.slow
@pytest.mark.parametrize("learner", ["memory", "memory_tbptt", "lstm", "transformer"])
def test_learners_do_without_the_linear_part(learner: str, tmp_path: Path) -> None:
    memory = {**QUICK.memory.model_dump(), "epochs": 30}
    assert pcc(taught(tmp_path, learner, linear=False, memory=memory, epochs=40)) > 0.7


@pytest.mark.slow
def test_the_papers_critic_does_not_spoil_what_the_ridge_tells(tmp_path: Path) -> None:
    memory = {**QUICK.memory.model_dump(), "critic": "value"}
    assert pcc(taught(tmp_path, "memory", memory=memory)) > 0.8


def test_a_line_that_nothing_tells_is_the_mean_and_no_worse(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noise = [rng.uniform(-1, 1, film.targets["line"].shape) for film in made_films(8)]
    films = [replace(f, targets={**f.targets, "line": line}) for f, line in zip(made_films(8), noise, strict=True)]
    config = QUICK.model_copy(update={"learner": "ridge"})
    found = MODEL.train(films[2:], films[:2], config, Training(tmp_path))
    assert max(found.facts["slope"]) < 0.2


def test_a_line_the_wrong_way_round_is_blocked_and_the_other_is_not() -> None:
    lines = np.random.default_rng(1).uniform(-1, 1, (6, 30))
    said = [{"true_valence": x, "said_valence": -x, "true_arousal": x, "said_arousal": x} for x in lines]
    mean = [{name: np.zeros(30) if "said" in name else x for name, x in film.items()} for film in said]
    found = MODEL.blocked(said, mean)
    assert list(found) == ["valence"] and "not surely above 0" in found["valence"]
    assert set(MODEL.without(said[0], found)) == {"true_arousal", "said_arousal"}


@pytest.mark.parametrize("count", [3, 4, 5])
def test_a_line_that_few_films_tell_equally_well_is_not_blocked_and_one_that_none_tells_is(count: int) -> None:
    lines = np.random.default_rng(1).uniform(-1, 1, (count, 30))
    said = [{"true_valence": x, "said_valence": 0 * x, "true_arousal": x, "said_arousal": x} for x in lines]
    mean = [{name: 0 * x if "said" in name else x for name, x in film.items()} for film in said]
    assert list(MODEL.blocked(said, mean)) == ["valence"]


def test_a_line_farther_off_than_the_mean_is_blocked_however_it_correlates() -> None:
    lines = np.random.default_rng(1).uniform(-0.2, 0.2, (6, 30))
    said = [{"true_arousal": x, "said_arousal": 5 * x} for x in lines]
    mean = [{"true_arousal": x, "said_arousal": 0 * x} for x in lines]
    assert "square error" in MODEL.blocked(said, mean)["arousal"]


def test_the_mean_has_no_correlation_and_the_error_of_the_variance(tmp_path: Path) -> None:
    films = made_films(3)
    guess = MODEL.baseline(films, QUICK)
    film_scores = [MODEL.score_film(f.features, f.targets, guess(f.features), QUICK) for f in films]
    line = np.concatenate([f.targets["line"] for f in films])
    found = MODEL.summarise(film_scores)
    assert (found["pcc"], found["mse"]) == (0, pytest.approx(line.var(axis=0).mean(), rel=1e-5))


@pytest.mark.slow
def test_the_same_seed_gives_the_same_model(acted: Artefact, tmp_path: Path) -> None:
    once, again = (members_of(a.arrays)[0] for a in (acted, taught(tmp_path, "memory")))
    assert all(np.allclose(once[name], again[name], atol=1e-5) for name in once)


def test_the_memory_kept_for_learning_does_not_grow_with_the_film() -> None:
    learner, sizes = MemoryLearner(Sizes(3, 1, 4, 3, 2, 5), QUICK.memory, 0), []
    for length in (20, 200):
        film = AffectFilm(np.zeros((length, 1, 3), np.float32), np.zeros((length, 1)), np.ones((length, 1)))
        sizes.append(learner.play([film], np.arange(8)[None], 0).numpy().nbytes)
    assert sizes[0] == sizes[1]


# --- bad input


def test_constant_labels_are_refused_by_name_and_value() -> None:
    film = made_film(0)
    line = film.targets["line"].copy()
    line[:, 1] = 0.25
    flat = Example("film", "film", film.features, {**film.targets, "line": line})
    with pytest.raises(CannotTrain, match=r"every label of 'arousal' is 0\.25"):
        MODEL.train([flat], [], QUICK, Training(Path("unused")))


def test_a_line_that_nobody_labelled_is_refused() -> None:
    film = made_film(0)
    none = Example("film", "film", film.features, {**film.targets, "there": np.zeros((30, 2))})
    with pytest.raises(CannotTrain, match="no label of 'valence'"):
        MODEL.train([none], [], QUICK, Training(Path("unused")))


@pytest.mark.slow
def test_a_diverging_critic_stops_with_the_update_and_the_numbers(tmp_path: Path) -> None:
    memory = {**QUICK.memory.model_dump(), "critic_rate": 1e6}
    with pytest.raises(TrainingFailed, match=r"after \d+ updates the critic's loss is"):
        taught(tmp_path, "memory", memory=memory)


@pytest.mark.slow
def test_labels_with_gaps_are_learned_from_where_they_are(tmp_path: Path) -> None:
    films = made_films(8)
    for film in films:
        film.targets["there"][10:20] = 0
        film.targets["known"][10:20] = False
    trained = MODEL.train(films[2:], films[:2], QUICK, Training(tmp_path / "work"))
    assert pcc(write_artefact(tmp_path / "artefact", "affect", QUICK, trained)) > 0.8


def test_films_without_sound_get_a_line_from_what_is_seen(tmp_path: Path) -> None:
    features = made_film(0).features
    silent = {**features, "sound": features["sound"] * 0, "sound_there": features["sound_there"] * 0}
    assert MODEL.predict(taught(tmp_path, "ridge"), silent)["line"].std() > 0.05


def test_features_of_another_size_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelUnusable, match="sound has 5 numbers, the model learned from 3"):
        MODEL.predict(taught(tmp_path, "ridge"), made_features(4, size=5))


def test_no_clip_gives_no_line(acted: Artefact) -> None:
    assert MODEL.predict(acted, made_features(0))["line"].shape == (0, 2)


def test_smoothing_keeps_a_constant_line() -> None:
    assert smoothed(np.full((9, 2), 0.3), 2.0) == pytest.approx(np.full((9, 2), 0.3))


def test_figures_show_lines_and_the_memory(acted: Artefact) -> None:
    films = made_films(2, 50)
    found = MODEL.figures(films, [MODEL.predict(acted, film.features) for film in films], acted.config)
    assert set(found) == {"lines", "memory"}


def test_the_slot_that_goes_most_with_a_line_is_found_and_its_sign_too() -> None:
    written = np.array([[0.0, 0.9], [0.1, 0.5], [0.0, 0.1]])
    assert best_slot(written, np.array([-0.9, -0.5, -0.1])) == (1, pytest.approx(-1))


def test_epochs_of_all_members_are_reported_one_after_another_each_with_its_own_number(tmp_path: Path) -> None:
    reported: list[tuple[int, Member]] = []
    config = QUICK.model_copy(update={"members": 2, "memory": QUICK.memory.model_copy(update={"epochs": 2})})
    training = Training(tmp_path, report=lambda number, _, member: reported.append((number, member)))
    MODEL.train(made_films(3), [], config, training)
    assert reported == [(number, Member(1 + number // 2, number % 2)) for number in range(config.planned_epochs)]


def test_epochs_that_are_settled_are_reported_at_the_places_of_each_member(tmp_path: Path) -> None:
    numbers: list[int] = []
    settled = {"epochs": [1, 2, 1], "slope": [1.0, 1.0]}
    training = Training(tmp_path, report=lambda number, _, member: numbers.append(number), settled=settled)
    MODEL.train(made_films(3), [], QUICK.model_copy(update={"members": 3}), training)
    assert numbers == [0, 4, 5, 8]  # a member has four places


def test_following_a_film_of_one_clip_is_possible() -> None:
    assert follow(start_weights(Sizes(3, 2), 0), np.zeros((1, 2, 3), np.float32))[0].shape == (1, 2)


def odd_films() -> tuple[AffectFilm, AffectFilm]:
    """A film, and the same with labels that are no numbers: every reward is NaN."""
    film = AffectFilm(np.ones((12, 1, 3), np.float32), np.ones((12, 1)) / 2, np.ones((12, 1)))
    return film, AffectFilm(film.clips, film.line * np.nan, film.known)


def test_after_a_reward_that_is_no_number_the_last_good_checkpoint_is_still_there(tmp_path: Path) -> None:
    (film, broken), sizes = odd_films(), Sizes(3, 1, 4, 3, 2, 5)
    training, once = Training(tmp_path), QUICK.memory.model_copy(update={"epochs": 1})
    learn_memory([film], [], sizes, once, training)
    kept = (tmp_path / "fitting.npz").read_bytes()
    with pytest.raises(TrainingFailed, match=r"after \d+ updates .* the policy's nan"):
        learn_memory([broken], [], sizes, QUICK.memory, training)
    assert (tmp_path / "fitting.npz").read_bytes() == kept


def test_truncated_backpropagation_stops_at_a_loss_that_is_no_number(tmp_path: Path) -> None:
    with pytest.raises(TrainingFailed, match="epoch 0: the loss is nan"):
        learn_truncated([odd_films()[1]], [], Sizes(3, 1, 4, 3, 2, 5), QUICK.memory, Training(tmp_path))
