"""How heads are fitted: on labelled frames, stopped by the validation films, which also say how heads are mixed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cinelake.errors import CannotTrain
from cinelake.lake.onnx import import_tensorflow
from cinelake.lake.spill import joined
from cinelake.learning.fitting import Batches, FitProgress, fit, over_batches, over_rows
from cinelake.learning.split import folds
from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.example import Example
from cinelake.spec.model import Scores, Trained
from models.characters.config import Config
from models.characters.counts import size_weights
from models.characters.heads import (
    Objective,
    blend,
    build_regions,
    build_seed,
    linear_logits,
    objective_of,
    probabilities,
    rooted,
    standardised,
)
from models.characters.labels import BETWEEN, as_columns, cast_of
from models.characters.predict import in_context
from models.characters.seconds import offsets_of

if TYPE_CHECKING:
    from cinelake.spec.training import Training

FILMS_FOR_PICTURES = 5
"""A network that learns to see from nothing needs at least so many films (or series) to learn from."""
CROSS_FITS = 5
"""Parts that the films are cut into where probabilities are moved so that seconds add up."""
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
ROWS_AT_ONCE = 256
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True)
class Frames:
    """What a head learns from, or stops by. x: (n, …); present: (n, C), 1 where that character is there."""

    x: Array
    present: Array


def train(learn: Sequence[Example], stop: Sequence[Example], config: Config, training: Training) -> Trained:
    """Train the head, or both and their mixture. Raises `CannotTrain` when no character is ever there."""
    who = joined(learn, "character", of="targets")
    cast = list(config.characters) or cast_of(who)
    if not cast or not as_columns(who, cast).any():
        raise CannotTrain("no labelled frame of the films to learn from holds a character: label moments with some")
    exclusive = config.exclusive if config.exclusive is not None else not any(BETWEEN in str(names) for names in who)
    present, watched = as_columns(who, cast), as_columns(joined(stop, "character", of="targets"), cast)
    weighted = exclusive if config.class_weights is None else config.class_weights
    objective = objective_of(present, exclusive, weighted)
    heads, network, predicted = heads_of(config, learn), None, {}
    arrays = {"positive": objective.positive}
    if config.together and not exclusive:
        arrays["sizes"] = size_weights(np.concatenate([present, watched]))
    if "linear" in heads or "seed" in heads:
        x, watch_x, arrays_of_scale = scaled_vectors(learn, stop, by_roots="linear" in heads)
        arrays |= arrays_of_scale
    if "linear" in heads:
        arrays |= fit_linear(Frames(x, present), objective, config.regularisation)
        predicted["linear"] = probabilities(linear_logits(watch_x, arrays), objective)
    if "seed" in heads:
        network, _ = fit_seed(Frames(x, present), Frames(watch_x, watched), objective, training, config.seed_epochs)
        predicted["seed"] = probabilities(logits_of(network, watch_x), objective)
    if "regions" in heads:
        frames, watch = Frames(joined(learn, "picture"), present), Frames(joined(stop, "picture"), watched)
        network, _ = fit_regions(frames, watch, objective, training, config)
        predicted["regions"] = probabilities(logits_of(network, watch.x), objective)
    shares = shares_of(predicted, watched, exclusive)
    if config.calibrate == "seconds":
        if heads == ["linear"]:
            judged = left_out_by_linear([*learn, *stop], cast, objective, config)
        else:
            judged = [(film, blended(film, shares, network, arrays, objective)) for film in stop]
        arrays["offsets"] = offsets_on(judged, cast, objective, config, arrays)
    if "linear" in heads and config.refit:
        x, _, arrays_of_scale = scaled_vectors([*learn, *stop], stop, by_roots=True)
        frames = Frames(x, np.concatenate([present, watched]))
        arrays |= arrays_of_scale | fit_linear(frames, objective, config.regularisation)
    return Trained(network, arrays, {"characters": cast, "exclusive": exclusive, "shares": shares})


HeldOutFilms = list[tuple[Example, Array]]
"""Films, or parts of them, with (T, C) probabilities by heads that did not learn from them."""


def left_out_by_linear(
    films: Sequence[Example], cast: Sequence[str], objective: Objective, config: Config
) -> HeldOutFilms:
    """Each part of the films, judged by a linear head that learned from the other parts, where these have labels."""
    found: HeldOutFilms = []
    for learned, judged in folds([film for film in films if film.targets["known"].any()], CROSS_FITS):
        if not any(part.targets["known"].any() for part in learned):
            continue
        x, _, arrays = scaled_vectors(learned, judged, by_roots=True)
        present = as_columns(joined(learned, "character", of="targets"), cast)
        arrays |= fit_linear(Frames(x, present), objective, config.regularisation)
        found += [(part, blended(part, {"linear": 1.0}, None, arrays, objective)) for part in judged]
    return found


def blended(film: Example, shares: Mapping[str, float], network: Any, arrays: Arrays, objective: Objective) -> Array:
    """(T, C) of one film by heads that are still in memory, mixed with these shares."""
    probability = []
    for head in shares:
        x = film.features["picture"] if head == "regions" else standardised(film.features["embedding"], arrays)
        logits = linear_logits(x, arrays) if head == "linear" else logits_of(network, x)
        probability.append(probabilities(logits, objective))
    return blend(probability, list(shares.values()))


def offsets_on(
    judged: HeldOutFilms, cast: Sequence[str], objective: Objective, config: Config, arrays: Arrays
) -> Array:
    """(C,) offsets at which the labelled frames of these films come out with as many seconds as they have."""
    if not judged:
        return np.zeros(len(cast))
    films = [film for film, _ in judged]
    found = [in_context(probability, film.features, config, arrays) for film, probability in judged]
    present = as_columns(joined(films, "character", of="targets"), cast)
    known = [film.targets["known"] for film in films]
    seen = np.concatenate([probability[own] for probability, own in zip(found, known, strict=True)])
    return offsets_of(seen, present, objective.exclusive, config.threshold)


def heads_of(config: Config, learn: Sequence[Example]) -> list[str]:
    """The heads to train; see `Config.head`."""
    if config.head in ("linear", "seed", "regions"):
        return [config.head]
    films = len({example.group for example in learn})
    return ["linear", "regions"] if config.head == "both" or films >= FILMS_FOR_PICTURES else ["linear"]


def shares_of(predicted: Mapping[str, Array], present: Array, exclusive: bool) -> dict[str, float]:
    """Each head's share in the mean: that with the least validation loss."""
    names = sorted(predicted)
    if len(names) == 1:
        return {names[0]: 1.0}
    first, second = (predicted[name] for name in names)
    losses = [log_loss(blend([first, second], [1 - share, share]), present, exclusive) for share in SHARES]
    best = SHARES[int(np.argmin(losses))]
    return {names[0]: 1 - best, names[1]: best}


def log_loss(probability: Array, present: Array, exclusive: bool) -> float:
    """Mean negative log likelihood of what is there, per frame."""
    p = np.clip(probability, 1e-6, 1 - 1e-6)
    if exclusive:
        nobody = np.clip(1 - p.sum(axis=1), 1e-6, 1)
        return float(-np.log(np.where(present.any(axis=1), (p * present).sum(axis=1), nobody)).mean())
    return float(-(present * np.log(p) + (1 - present) * np.log(1 - p)).sum(axis=1).mean())


def scaled_vectors(learn: Sequence[Example], stop: Sequence[Example], *, by_roots: bool) -> tuple[Array, Array, Arrays]:
    """Embeddings of both sides, or their roots, at mean 0 and deviation 1 of what is learned from, and these."""
    embedding = joined(learn, "embedding").astype(np.float64)
    x = rooted(embedding) if by_roots else embedding
    mean, deviation = x.mean(axis=0), x.std(axis=0)
    scale = {"mean": mean, "scale": np.where(deviation > 1e-9, deviation, 1.0)}
    scale |= {"rooted": np.ones(1)} if by_roots else {}
    return standardised(embedding, scale), standardised(joined(stop, "embedding"), scale), scale


def fit_linear(learn: Frames, objective: Objective, strength: float) -> Arrays:
    """coefficients (d, C) and intercepts (C,) of logistic regression; strength: the inverse of regularisation."""
    if objective.exclusive:
        return _multinomial(learn, objective, strength)
    characters = zip(learn.present.T, objective.positive, strict=True)
    columns = [_binary(learn.x, present, float(positive), strength) for present, positive in characters]
    coefficients, intercepts = zip(*columns, strict=True)
    return {"coefficients": np.stack(coefficients, axis=1), "intercepts": np.array(intercepts)}


def _binary(x: Array, present: Array, positive: float, strength: float) -> tuple[Array, float]:
    """One character against its absence; a character that is always or never there has no coefficients."""
    from sklearn.linear_model import LogisticRegression

    if present.min() == present.max():
        return np.zeros(x.shape[1]), 10.0 if present.max() else -10.0
    fitted = LogisticRegression(C=strength, max_iter=500).fit(x, present, np.where(present > 0, positive, 1.0))
    return fitted.coef_[0], float(fitted.intercept_[0])


def _multinomial(learn: Frames, objective: Objective, strength: float) -> Arrays:
    """Softmax over nobody and the characters; nobody's logit is taken off the others'."""
    from sklearn.linear_model import LogisticRegression

    classes = np.where(learn.present.any(axis=1), 1 + learn.present.argmax(axis=1), 0)
    full = np.zeros((1 + learn.present.shape[1], learn.x.shape[1] + 1))
    full[:, -1] = -10.0  # who never came up in training
    if len(np.unique(classes)) == 1:  # nothing is to be told apart
        full[classes[0], -1] = 10.0
        return {"coefficients": (full[1:] - full[0])[:, :-1].T, "intercepts": (full[1:] - full[0])[:, -1]}
    fitted = LogisticRegression(C=strength, max_iter=500).fit(learn.x, classes, objective.weights(learn.present))
    rows = np.column_stack([fitted.coef_, fitted.intercept_])
    full[fitted.classes_] = rows if len(fitted.classes_) > 2 else np.concatenate([-rows / 2, rows / 2])
    relative = full[1:] - full[0]
    return {"coefficients": relative[:, :-1].T, "intercepts": relative[:, -1]}


def fit_seed(
    learn: Frames, stop: Frames, objective: Objective, training: Training, epochs: int
) -> tuple[Any, FitProgress]:
    """Train the tutorial's network: Adam, the checkpoint of the least validation loss."""
    network = _seeded(training.seed, lambda: build_seed(learn.x.shape[1], learn.present.shape[1]))
    from keras.optimizers import Adam

    optimizer, weights = Adam(), objective.weights(learn.present)
    epoch = over_rows(
        network, optimizer, weighted_loss(objective), learn.x, learn.present, weights, batch_size=32, seed=training.seed
    )
    return network, fit(network, optimizer, epoch, _validation(network, stop, objective), training, epochs=epochs)


def fit_regions(
    learn: Frames, stop: Frames, objective: Objective, training: Training, config: Config
) -> tuple[Any, FitProgress]:
    """Train the regions head; the weights are those of the least validation loss."""
    network = _seeded(training.seed, lambda: build_regions(learn.present.shape[1]))
    from keras.optimizers import AdamW
    from keras.optimizers.schedules import CosineDecay

    steps = max(1, config.epochs * -(-len(learn.x) // config.batch_size))
    optimizer = AdamW(CosineDecay(2e-3, steps), weight_decay=1e-4)
    batches = drawn_batches(learn, objective, config.batch_size, training.seed, config.variation)
    epoch = over_batches(network, optimizer, weighted_loss(objective), batches)
    validate = _validation(network, stop, objective)
    return network, fit(network, optimizer, epoch, validate, training, epochs=config.epochs)


def _seeded(seed: int, build: Callable[[], Any]) -> Any:
    import_tensorflow()
    import keras

    keras.utils.set_random_seed(seed)
    return build()


def weighted_loss(objective: Objective) -> Any:
    """The loss of `cinelake.learning.fitting`: softmax with `nobody`, or a sigmoid per character."""
    tf = import_tensorflow()

    def exclusive(present: Any, logits: Any, weight: Any) -> Any:
        nobody = 1 - tf.reduce_max(present, axis=1, keepdims=True)
        full = tf.concat([tf.zeros_like(logits[:, :1]), logits], axis=1)
        each = tf.nn.softmax_cross_entropy_with_logits(tf.concat([nobody, present], axis=1), full)
        return tf.reduce_sum(weight * each) / tf.maximum(tf.reduce_sum(weight), 1e-6)

    def together(present: Any, logits: Any, weight: Any) -> Any:
        positive = tf.constant(objective.positive, tf.float32)
        each = tf.reduce_mean(tf.nn.weighted_cross_entropy_with_logits(present, logits, positive), axis=1)
        return tf.reduce_sum(weight * each) / tf.maximum(tf.reduce_sum(weight), 1e-6)

    return exclusive if objective.exclusive else together


def _validation(network: Any, stop: Frames, objective: Objective) -> Callable[[], Scores]:
    """Validation loss after an epoch."""

    def validate() -> Scores:
        predicted = probabilities(logits_of(network, stop.x), objective)
        return {"loss": log_loss(predicted, stop.present, objective.exclusive)}

    return validate


def logits_of(network: Any, x: Array) -> Array:
    """The network's logits, a few rows at a time."""
    parts = [x[i : i + ROWS_AT_ONCE].astype(np.float32) for i in range(0, len(x), ROWS_AT_ONCE)]
    return np.concatenate([np.asarray(network(part, training=False)) for part in parts])


def drawn_batches(learn: Frames, objective: Objective, batch_size: int, seed: int, strength: float) -> Batches:
    """Batches of an epoch in an order, and with variations, drawn from the seed and the epoch's number."""
    weight = objective.weights(learn.present)

    def batches(epoch: int) -> Iterator[tuple[Array, Array, Array]]:
        rng = np.random.default_rng((seed, epoch))
        order = rng.permutation(len(learn.x))
        for start in range(0, len(order), batch_size):
            chosen = np.sort(order[start : start + batch_size])
            yield vary(learn.x[chosen], rng, strength), learn.present[chosen], weight[chosen]

    return batches


def vary(pictures: Array, rng: np.random.Generator, strength: float) -> Array:
    """(B, h, w, 3) float32 in 0…255: mirrored, nearer or farther, elsewhere, in another light and colour.

    strength: 0 changes nothing; 1: up to a third nearer or farther, up to a third brighter or darker.
    """
    if not strength:
        return pictures.astype(np.float32)
    moved = np.stack([_moved(picture, rng, strength) for picture in pictures]).astype(np.float32)
    rows = (len(moved), 1, 1)
    light = rng.uniform(-0.3, 0.3, (*rows, 1)) + rng.uniform(-0.1, 0.1, (*rows, 3))
    saturation = 1 + strength * rng.uniform(-0.25, 0.25, (*rows, 1))
    grey = (moved @ _LUMA)[..., None]
    relit = (grey + (moved - grey) * saturation.astype(np.float32)) * np.exp(strength * light).astype(np.float32)
    return np.clip(relit, 0, 255, out=relit)


def _moved(picture: Array, rng: np.random.Generator, strength: float) -> Array:
    import cv2

    height, width = picture.shape[:2]
    zoom = np.exp(strength * rng.uniform(-0.3, 0.3))
    dx, dy = (1 - zoom) * width * rng.uniform(), (1 - zoom) * height * rng.uniform()
    matrix = np.array([[zoom, 0, dx], [0, zoom, dy]])
    if rng.uniform() < 0.5:
        matrix[0] = [-zoom, 0, width - 1 - dx]
    return cv2.warpAffine(picture, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)
