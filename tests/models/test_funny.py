"""The funny agent: what labels mean, what is learned, and what bad input gets."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from _funny_films import QUICK, made_features, made_films, spans
from pydantic import ValidationError
from sklearn.linear_model import LogisticRegression

from cinelake.errors import CannotTrain, ModelUnusable, TrainingFailed
from cinelake.lake.artefact import write_artefact
from cinelake.spec.artefact import Artefact
from cinelake.spec.example import Example
from cinelake.spec.model import Scores
from cinelake.spec.training import StopTraining, Training
from models.funny import MODEL
from models.funny.config import Config
from models.funny.features import embeddings, learn_scaling
from models.funny.fitting import load_network
from models.funny.predict import act
from models.funny.scores import best_threshold, summarise
from models.funny.supervised import LOGISTIC_C, known_steps, learn_supervised


def train(folder: Path, config: Config = QUICK, films: list[Example] | None = None, **more: Any) -> Artefact:
    given = films or made_films(8)
    trained = MODEL.train(given[2:], given[:2], config, Training(folder / "fitting", **more))
    return write_artefact(folder / "artefact", "funny", config, trained)


@pytest.fixture(scope="module")
def episodes() -> dict[int, float]:
    """Number of an episode → its score."""
    return {}


@pytest.fixture(scope="module")
def artefact(tmp_path_factory: pytest.TempPathFactory, episodes: dict[int, float]) -> Artefact:
    def keep(first: int, found: Sequence[float]) -> None:
        episodes.update(enumerate(found, first))

    return train(tmp_path_factory.mktemp("funny"), episodes=keep)


def scores(artefact: Artefact) -> dict[str, float]:
    films = made_films(6, first_seed=100)
    return MODEL.summarise(
        [MODEL.score_film(f.features, f.targets, MODEL.predict(artefact, f.features), artefact.config) for f in films]
    )


@pytest.mark.parametrize("learner", ["logistic", "mlp"])
def test_the_simple_learners_find_funny_moments_of_other_films(learner: str, tmp_path: Path) -> None:
    config = QUICK.model_copy(update={"learner": learner})
    assert scores(train(tmp_path, config))["f1"] > 0.7


def test_the_margin_of_the_logistic_regression_is_its_log_odds(tmp_path: Path) -> None:
    films = made_films(4)
    scaling = learn_scaling(films, QUICK)
    network, _ = learn_supervised("logistic", films, [], scaling, QUICK, Training(tmp_path))
    x, y = known_steps(films, scaling, QUICK)
    q = np.asarray(network(np.pad(x, ((0, 0), (0, 2)), constant_values=0.5)))
    expected = LogisticRegression(C=LOGISTIC_C, max_iter=500).fit(x, y).decision_function(x)
    assert np.allclose(q[:, 1] - q[:, 0], expected, atol=1e-4)


# --- labels


def test_spans_alone_say_that_the_rest_is_not_funny() -> None:
    found = MODEL.targets(spans({"start_s": 2, "end_s": 4}), made_features([False] * 6), QUICK)
    assert found["funny"].tolist() == [False, False, True, True, False, False]
    assert found["known"].all()


def test_where_is_funny_is_said_all_else_is_unknown() -> None:
    rows = spans({"start_s": 0, "end_s": 2, "is_funny": True}, {"start_s": 3, "end_s": 4, "is_funny": False})
    found = MODEL.targets(rows, made_features([False] * 5), QUICK)
    assert found["known"].tolist() == [True, True, False, True, False]
    assert found["funny"].tolist() == [True, True, False, False, False]


def test_a_film_that_was_watched_and_nothing_found_is_one_row() -> None:
    found = MODEL.targets(spans({"is_funny": False}), made_features([False] * 4), QUICK)
    assert found["known"].all() and not found["funny"].any()


def test_steps_of_which_nothing_is_seen_are_not_known() -> None:
    features = made_features([False] * 4) | {"seen": np.array([True, False, True, True])}
    assert MODEL.targets(spans({"is_funny": False}), features, QUICK)["known"].tolist() == [True, False, True, True]


# --- learning


def test_what_sounds_funny_is_found_in_other_films(artefact: Artefact) -> None:
    assert scores(artefact)["auc"] > 0.88 and scores(artefact)["f1"] > 0.75


@pytest.mark.slow
def test_a_tenth_of_the_labels_teaches_too(tmp_path: Path) -> None:
    assert scores(train(tmp_path, films=made_films(8, labelled=0.1)))["auc"] > 0.85


def test_the_exported_network_acts_like_the_trained_one(artefact: Artefact) -> None:
    network, film = load_network(artefact), made_features([True] * 20, 9)
    x = embeddings(film, artefact.arrays, artefact.config)
    trained = act(lambda states: np.asarray(network(states)), x, film, artefact.config)
    assert np.allclose(act(artefact.run_rows, x, film, artefact.config), trained, atol=1e-5)


def test_the_greater_q_value_decides(artefact: Artefact) -> None:
    found = MODEL.predict(artefact, made_features([True] * 5 + [False] * 5, 3))
    assert np.allclose(found["margin"], found["q"][:, 1] - found["q"][:, 0])


@pytest.mark.usefixtures("artefact")
def test_the_score_of_each_episode_is_kept_in_order(episodes: dict[int, float]) -> None:
    assert set(episodes) == set(range(416)) and all(abs(score) <= 1 for score in episodes.values())


@pytest.mark.slow
def test_the_same_seed_gives_the_same_agent(tmp_path: Path) -> None:
    quick = QUICK.model_copy(update={"scenes": 96})
    film = made_features([True, False] * 5, 4)
    one, two = (MODEL.predict(train(tmp_path / name, quick), film)["q"] for name in "ab")
    assert np.allclose(one, two, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [{"double": False, "n_step": 3, "both_actions": False}, {"supervision": 1.0}, {"remember_unlabelled": True}],
)
def test_other_ways_of_learning_learn_too(change: dict[str, object], tmp_path: Path) -> None:
    assert scores(train(tmp_path, QUICK.model_copy(update=change)))["auc"] > 0.9


def test_a_champion_goes_on_with_labels_that_came_later(artefact: Artefact, tmp_path: Path) -> None:
    later = train(tmp_path, QUICK.model_copy(update={"update_scenes": 64}), champion=artefact, from_champion=True)
    assert later.facts["from_champion"] and (later.arrays["sound_centre"] == artefact.arrays["sound_centre"]).all()
    assert scores(later)["auc"] > 0.9


def test_a_champion_that_saw_something_else_cannot_go_on(artefact: Artefact, tmp_path: Path) -> None:
    config = QUICK.model_copy(update={"context": 1})
    with pytest.raises(CannotTrain, match="another context"):
        train(tmp_path, config, champion=artefact, from_champion=True)


# --- scores


def summary(truth: object, margin: object) -> Scores:
    return summarise([{"truth": np.asarray(truth, bool), "margin": np.asarray(margin, np.float32)}])


def test_f1_is_by_counts_and_nothing_found_where_nothing_is_is_right() -> None:
    # 3 right of 4 predicted, 6 true: 2 · 3 / (4 + 6)
    cases = [([1] * 6 + [0], [1, 1, 1, -1, -1, -1, 1]), ([0, 0], [1, 1]), ([0, 0], [-1, -1])]
    assert [summary(*case)["f1"] for case in cases] == [0.6, 0.0, 1.0]


def test_the_order_is_scored_as_scikit_learn_does_ties_included() -> None:
    from sklearn.metrics import average_precision_score, roc_auc_score

    rng = np.random.default_rng(0)
    truth, margin = rng.random(200) < 0.3, rng.integers(0, 20, 200).astype(np.float32)
    expected = roc_auc_score(truth, margin), average_precision_score(truth, margin)
    assert (summary(truth, margin)["auc"], summary(truth, margin)["ap"]) == pytest.approx(expected)


@pytest.mark.parametrize(("truth", "auc", "ap"), [([1, 1], 0.5, 1.0), ([0, 0], 0.5, 0.0), ([], 0.5, 0.0)])
def test_an_order_of_one_kind_of_steps_has_no_worth(truth: list[int], auc: float, ap: float) -> None:
    scores = summary(truth, np.arange(len(truth)))
    assert (scores["auc"], scores["ap"]) == (auc, ap)


def test_the_threshold_is_halfway_below_the_last_step_that_is_worth_taking() -> None:
    truth, margin = np.array([True, True, False, True, False]), np.array([4.0, 3.0, 2.0, 1.0, -3.0])
    assert best_threshold(truth, margin) == -1.0  # F1 6/7 with four taken, 4/5 with two


# --- bad input


@pytest.mark.parametrize(("value", "what"), [(True, "are funny"), (False, "are not funny")])
def test_constant_labels_are_refused(value: bool, what: str, tmp_path: Path) -> None:
    films = [replace(f, targets={**f.targets, "funny": np.full(len(f), value)}) for f in made_films(3)]
    with pytest.raises(CannotTrain, match=what):
        MODEL.train(films, [], QUICK, Training(tmp_path))


def test_films_of_which_nothing_is_seen_are_refused(tmp_path: Path) -> None:
    films = [replace(f, targets={**f.targets, "known": np.zeros(len(f), bool)}) for f in made_films(3)]
    with pytest.raises(CannotTrain, match="shows or sounds anything"):
        MODEL.train(films, [], QUICK, Training(tmp_path))


def test_diverging_q_values_stop_with_the_numbers(tmp_path: Path) -> None:
    config = QUICK.model_copy(update={"learning_rate": 30.0, "target_every": 1, "gamma": 0.999})
    with pytest.raises(TrainingFailed, match=r"round \d+, update \d+: .*diverge"):
        MODEL.train(made_films(4), [], config, Training(tmp_path))


@pytest.mark.slow
def test_a_reward_that_is_no_number_stops_the_training(tmp_path: Path) -> None:
    config = QUICK.model_copy(update={"vote_weight": float("nan")})
    with pytest.raises(TrainingFailed, match="mean reward is nan"):
        MODEL.train(made_films(4), [], config, Training(tmp_path))


@pytest.mark.slow
def test_a_training_that_failed_leaves_the_last_good_checkpoint_and_goes_on_from_it(tmp_path: Path) -> None:
    def stop(number: int, _metrics: Any) -> None:
        if number == 3:
            raise StopTraining

    with pytest.raises(StopTraining):
        train(tmp_path, report=stop)
    good = (tmp_path / "fitting" / "fitting.npz").read_bytes()
    with pytest.raises(TrainingFailed, match=r"round 4, update \d+: the mean reward is nan"):
        train(tmp_path, QUICK.model_copy(update={"vote_weight": float("nan")}))
    assert (tmp_path / "fitting" / "fitting.npz").read_bytes() == good
    assert scores(train(tmp_path))["auc"] > 0.88


def test_features_of_another_size_are_refused(artefact: Artefact) -> None:
    with pytest.raises(ModelUnusable, match="sound has 7 numbers"):
        MODEL.predict(artefact, made_features([True] * 4, size=7))


def test_a_film_shorter_than_a_scene_has_an_answer(artefact: Artefact) -> None:
    assert MODEL.predict(artefact, made_features([True]))["q"].shape == (1, 2)


def test_a_film_without_steps_has_none(artefact: Artefact) -> None:
    assert MODEL.predict(artefact, made_features([]))["q"].shape == (0, 2)


def test_scenes_played_at_once_fit_the_memory() -> None:
    with pytest.raises(ValidationError, match="at least the steps"):
        Config(memory=100)


def test_figures_are_drawn(artefact: Artefact) -> None:
    films = made_films(2)
    drawn = MODEL.figures(films, [MODEL.predict(artefact, f.features) for f in films], artefact.config)
    assert set(drawn) == {"roc", "margin"}
