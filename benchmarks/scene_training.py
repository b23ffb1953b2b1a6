"""How long a WaveNet-like network of scenes takes to train, beside the padded way, in one run at equal loss.

  python -m benchmarks.scene_training               64 films × about 1,500 shots × 3,584 features, 20 epochs
  python -m benchmarks.scene_training --films 16    a smaller one

The padded way: every film padded to 3,100 shots, Keras' `fit` with its defaults. Ours: films of like length together,
compiled steps, padding without weight. Both train the same network from the same start with the same optimiser on the
same features; both are judged by the same loss: the cross-entropy of the shots that exist. Features are random
with a trace of the boundary in them; lengths run from 607 to 3,096 shots as in the eluv.io films.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.figures import Figure, Report, run, say
from cinelake.lake.onnx import import_tensorflow
from cinelake.spec.arrays import Array
from cinelake.spec.training import Training
from models.scenes.config import Config
from models.scenes.fitting import FilmPart, fit_network
from models.scenes.networks import build_optimizer, build_wavenet

PADDED, SIZE, EPOCHS, TARGET = 3100, 3584, 20, 1.7
SHORTEST, LONGEST, MEAN = 607, 3096, 1500
BOUNDARIES = 0.083
CONFIG = Config(network="wavenet", optimizer="rmsprop", learning_rate=2e-5, epochs=EPOCHS, patience=None)


def draw_films(count: int, seed: int = 0) -> list[FilmPart]:
    """Features, boundaries and weights of films of several lengths."""
    rng = np.random.default_rng(seed)
    return [_film(rng, length) for length in film_lengths(count, rng)]


def film_lengths(count: int, rng: np.random.Generator) -> list[int]:
    """Shots of each film: the shortest and the longest are among them, about 1,500 on average."""
    spread = rng.beta(1.2, 1.2 * (LONGEST - MEAN) / (MEAN - SHORTEST), count)
    lengths = (SHORTEST + spread * (LONGEST - SHORTEST)).astype(int)
    lengths[[0, -1]] = SHORTEST, LONGEST
    return [int(length) for length in lengths]


def _film(rng: np.random.Generator, shots: int) -> FilmPart:
    boundary = rng.random(shots) < BOUNDARIES
    x = rng.standard_normal((shots, SIZE), np.float32)
    x[boundary, :64] += 1.0
    known = np.ones(shots)
    boundary[0], known[0] = False, 0
    return x, boundary, known


def pad(films: Sequence[FilmPart]) -> tuple[Array, Array]:
    """Features (films, 3100, 3584) and boundaries (films, 3100, 1): zeros where a film is over."""
    import keras

    x = keras.utils.pad_sequences([film[0] for film in films], maxlen=PADDED, padding="post", dtype="float32")
    y = keras.utils.pad_sequences([film[1] for film in films], maxlen=PADDED, padding="post", dtype="float32")
    return x, y[..., None]


def loss_of(network: Any, films: Sequence[FilmPart]) -> float:
    """Cross-entropy over the shots that exist, but the first of each film."""
    total = shots = 0.0
    for x, boundary, known in films:
        predicted = np.clip(np.asarray(network(x[None], training=False))[0, :, 0], 1e-6, 1 - 1e-6)
        total -= float(np.log(np.where(boundary, predicted, 1 - predicted))[known > 0].sum())
        shots += float(known.sum())
    return total / shots


def plain_wavenet() -> Any:
    """The network as it was first published: no regard to padding."""
    import keras

    rates = [2**layer for layer in range(CONFIG.num_layers)] * CONFIG.num_blocks
    layers = [
        keras.layers.Conv1D(CONFIG.filters1, 2, padding="same", activation="relu", dilation_rate=rate) for rate in rates
    ]
    last = [keras.layers.Conv1D(CONFIG.filters2, 1), keras.layers.Dense(1, activation="sigmoid")]
    return keras.Sequential([keras.Input((None, SIZE)), *layers, *last])


def train_ours(count: int, folder: Path, seed: int) -> tuple[float, float]:
    """Seconds and loss of films of like length together."""
    films = draw_films(count)
    began = time.perf_counter()
    fitted = fit_network(films, [], CONFIG, Training(folder / f"fitting-{seed}", seed, resume=False))
    return time.perf_counter() - began, loss_of(fitted.network, films)


def train_padded(count: int, seed: int) -> tuple[float, float]:
    """Seconds, the padding included, and loss of Keras' default `fit`, from the same start.

    The films are drawn again for the loss: with them and their padded copy at once it would need 1.4 GB more.
    """
    import keras

    keras.utils.set_random_seed(seed)
    start, _ = build_wavenet(CONFIG, SIZE)
    network = plain_wavenet()
    network.set_weights(start.get_weights())
    films = draw_films(count)
    began = time.perf_counter()
    x, y = pad(films)
    del films
    network.compile(loss="binary_crossentropy", optimizer=build_optimizer(CONFIG, 1), metrics=["accuracy"])
    network.fit(x, y, epochs=EPOCHS, verbose=0)
    seconds = time.perf_counter() - began
    del x
    return seconds, loss_of(network, draw_films(count))


def measure(given: argparse.Namespace) -> Report:
    """Both ways in turn, as often as requested."""
    import_tensorflow()
    ours, padded = [], []
    for seed in range(given.repeat):
        ours.append(train_ours(given.films, given.folder, seed))
        say(f"round {seed + 1} of {given.repeat}: ours {ours[-1][0]:.1f} s, loss {ours[-1][1]:.4f}")
        padded.append(train_padded(given.films, seed))
        say(f"padded {padded[-1][0]:.1f} s, loss {padded[-1][1]:.4f}")
    figures = [
        Figure(
            "times faster", [slow / fast for (slow, _), (fast, _) in zip(padded, ours, strict=True)], at_least=TARGET
        ),
        Figure("ours", [seconds for seconds, _ in ours], "s"),
        Figure("padded", [seconds for seconds, _ in padded], "s"),
        Figure("ours, loss", [loss for _, loss in ours]),
        Figure("padded, loss", [loss for _, loss in padded]),
        Figure("ours less padded, loss", [a - b for (_, a), (_, b) in zip(ours, padded, strict=True)], at_most=0.005),
    ]
    shots = sum(film_lengths(given.films, np.random.default_rng(0)))
    peak_gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    material = [f"{given.films} films, {shots} shots, {SIZE} features, {EPOCHS} epochs; peak {peak_gib:.1f} GiB"]
    return Report("scene_training", figures, material)


if __name__ == "__main__":
    option = ("--films", {"type": int, "default": 64, "help": "how many films (default: %(default)s)"})
    raise SystemExit(run(__doc__ or "", measure, option, repeat=1))
