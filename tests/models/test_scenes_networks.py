"""Networks of scene segmentation: their shapes are the published ones, and padding says nothing to them."""

from typing import Any

import numpy as np
import pytest
from _made_scenes import made_features, made_films

from cinelake.lake.spill import is_on_disk
from models.scenes.config import Config
from models.scenes.features import learn_inputs
from models.scenes.fitting import padded_batch, parts_of, step_weights
from models.scenes.networks import BUILDERS, beside_linear, cross_entropy_over
from models.scenes.similarity import boundary_features, fit_whitening

SEQUENCES = ["bilstm", "wavenet"]


@pytest.mark.parametrize("network", SEQUENCES)
def test_padding_reaches_no_step_of_the_film(network: Any) -> None:
    whole, padded = BUILDERS[network](Config(network=network), 6)
    film = np.random.default_rng(0).normal(size=(1, 9, 6)).astype(np.float32)
    longer = np.concatenate([film, np.zeros((1, 30, 6), np.float32)], axis=1)
    assert np.allclose(np.asarray(whole(film)), np.asarray(padded(longer))[:, :9], atol=1e-5)


def test_the_dilated_network_has_the_published_number_of_weights() -> None:
    network, _ = BUILDERS["wavenet"](Config(network="wavenet"), 3584)
    first, others, last = 2 * 3584 * 10 + 10, 7 * (2 * 10 * 10 + 10), 10 * 5 + 5 + 5 + 1
    assert network.count_params() == first + others + last


def test_the_recurrent_network_has_the_published_number_of_weights() -> None:
    network, _ = BUILDERS["bilstm"](Config(network="bilstm"), 3584)
    layers = [2 * 4 * 32 * (size + 32 + 1) for size in (3584, 64)]
    assert network.count_params() == sum(layers) + 64 + 1


def test_steps_without_weight_change_no_loss() -> None:
    loss = cross_entropy_over("sum")
    y, p = np.array([[[1.0], [0.0]]], np.float32), np.array([[[0.5], [0.9]]], np.float32)
    assert float(loss(y, p, np.array([[1.0, 0.0]], np.float32))) == pytest.approx(np.log(2), abs=1e-5)


def test_films_of_several_lengths_are_padded_with_weight_nothing() -> None:
    films = [(np.ones((n, 2)), np.ones(n, bool), np.ones(n)) for n in (2, 3)]
    x, y, weight = padded_batch(films)
    assert (x.shape, y.shape) == ((2, 3, 2), (2, 3, 1))
    assert weight.tolist() == [[1, 1, 0], [1, 1, 1]]


def test_with_full_balance_boundaries_weigh_as_much_as_all_other_shots() -> None:
    (film,) = made_films(1)
    weight, boundary = step_weights([film], 1.0)[0], film.targets["boundary"]
    assert weight[boundary].sum() == pytest.approx(weight[~boundary].sum())
    assert weight[0] == 0


def test_a_shot_beside_a_scenes_first_may_weigh_less() -> None:
    (film,) = made_films(1)
    weight, first = step_weights([film], 0.0, near=0.25)[0], np.flatnonzero(film.targets["boundary"])
    assert weight[first].tolist() == [1.0] * len(first) and set(weight[first + 1]) == {0.25}


def test_shots_of_two_scenes_are_less_alike_than_those_of_one() -> None:
    features = made_features([10, 10])
    place = {"place": features["place"]}
    whitening = {"place": fit_whitening([features["place"]], 0)}
    found = boundary_features(place, whitening, features["start_frame"], features["end_frame"])
    mean_of_four = found[1:, 9 + 1 + 2 * 6]  # after nine lengths, width 1, widths 2 and 3: the mean of width 4
    assert mean_of_four.argmin() == 9


@pytest.mark.parametrize("shots", [1, 2, 700])
def test_similarities_are_finite_for_films_of_any_length(shots: int) -> None:
    features = made_features([shots])
    whitening = {"cast": fit_whitening([features["cast"]], 0)}
    empty = {"cast": np.where(np.arange(shots)[:, None] % 2, features["cast"], 0)}
    found = boundary_features(empty, whitening, features["start_frame"], features["end_frame"])
    assert found.shape[0] == shots and np.isfinite(found).all()


def test_long_films_are_compared_piece_by_piece_with_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    features = made_features([30] * 3)
    given = ({"place": features["place"]}, {"place": fit_whitening([features["place"]], 0)})
    frames = features["start_frame"], features["end_frame"]
    whole = boundary_features(*given, *frames)
    monkeypatch.setattr("models.scenes.similarity.STEPS_TOGETHER", 16)
    assert np.allclose(boundary_features(*given, *frames), whole, atol=1e-4)


def test_the_linear_path_has_its_share_of_the_logit() -> None:
    network, _ = BUILDERS["similarity"](Config(), 2)
    x = np.array([[1.0, -2.0]], np.float32)
    alone, both = (np.asarray(n(x))[0, 0] for n in (network, beside_linear(network, np.array([3.0, 1.0]), 0.5, 0.25)))
    logit = 0.75 * np.log(alone / (1 - alone)) + 0.25 * (3.0 - 2.0 + 0.5)
    assert both == pytest.approx(1 / (1 + np.exp(-logit)), abs=1e-5)


def test_films_that_do_not_fit_memory_teach_the_same(monkeypatch):
    films, config = made_films(2), Config(network="wavenet", use=("place",))
    learned = learn_inputs(films, config, 0)
    in_memory = parts_of(films, learned, config)
    monkeypatch.setenv("CINELAKE_TRAINING_GB", "0")
    on_disk = parts_of(films, learned, config)
    assert is_on_disk(*(x for x, _, _ in on_disk))
    assert all(np.array_equal(a, b) for (a, _, _), (b, _, _) in zip(in_memory, on_disk, strict=True))
