"""What the memory network must beat: ridge regression on single clips, an LSTM, a Transformer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from cinelake.lake.onnx import import_tensorflow
from cinelake.learning.fitting import fit, over_batches
from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.model import Scores
from cinelake.spec.training import Training
from models.affect.films import Film

Sequential = Literal["lstm", "transformer"]
UNITS, HEADS, BLOCKS, DROPOUT = 64, 4, 2, 0.2
ALPHAS = np.logspace(0, 6, 13)
FOLDS = 5


def clip_rows(film: Film) -> Array:
    """(T, K·F): each clip's steps on end."""
    return film.clips.reshape(len(film), film.clips.shape[1] * film.clips.shape[2])


def fit_ridge(films: Sequence[Film]) -> Arrays:
    """Coefficients of a ridge regression for each target (Hoerl & Kennard 1970); its strength by films left out.

    Clips of one film are alike: leaving out clips, not films, would choose it far too weak.
    """
    from sklearn.linear_model import RidgeCV
    from sklearn.model_selection import GroupKFold

    coefficients, intercepts = [], []
    for i in range(films[0].line.shape[1]):
        there = [film.known[:, i] > 0 for film in films]
        x = np.concatenate([clip_rows(film)[k] for film, k in zip(films, there, strict=True)])
        y = np.concatenate([film.line[k, i] for film, k in zip(films, there, strict=True)])
        film_of = np.repeat(np.arange(len(films)), [k.sum() for k in there])
        folds = min(FOLDS, len(np.unique(film_of)))
        apart = list(GroupKFold(folds).split(x, y, film_of)) if folds > 1 else None
        fitted = RidgeCV(ALPHAS, cv=apart).fit(x, y)
        coefficients.append(fitted.coef_)
        intercepts.append(fitted.intercept_)
    return {
        "coefficients": np.stack(coefficients, 1).astype(np.float32),
        "intercepts": np.array(intercepts, np.float32),
    }


def ridge_line(fitted: Arrays, clips: Array) -> Array:
    """(T, targets) what the regression says of clips (T, K, F)."""
    rows = clips.reshape(len(clips), clips.shape[1] * clips.shape[2])
    return np.asarray(rows @ fitted["coefficients"] + fitted["intercepts"])


def left_by_ridge(films: Sequence[Film], folds: int = FOLDS) -> list[Film]:
    """The films with what is left of their lines by ridge regressions that were fitted to other films."""
    folds = min(folds, len(films))
    if folds < 2:
        return list(films)
    fitted = [fit_ridge([film for i, film in enumerate(films) if i % folds != fold]) for fold in range(folds)]
    left = []
    for number, film in enumerate(films):
        line = film.known * (film.line - ridge_line(fitted[number % folds], film.clips))
        left.append(Film(film.clips, line.astype(np.float32), film.known))
    return left


def build_sequence(kind: Sequential, features: int, targets: int) -> Any:
    """A Keras network (batch, T, features) → (batch, T, targets) that looks at the past alone, as the memory does."""
    import keras

    x = inputs = keras.Input((None, features))
    if kind == "lstm":
        x = keras.layers.LSTM(UNITS, return_sequences=True, dropout=DROPOUT)(x)
    else:
        x = keras.layers.Conv1D(UNITS, 5, padding="causal")(x)  # tells neighbours apart, in place of positions
        for _ in range(BLOCKS):
            x = _block(x)
    return keras.Model(inputs, keras.layers.Dense(targets)(x))


def _block(x: Any) -> Any:
    import keras

    layers = keras.layers
    normed = layers.LayerNormalization()(x)
    x = x + layers.MultiHeadAttention(HEADS, UNITS // HEADS, dropout=DROPOUT)(normed, normed, use_causal_mask=True)
    wide = layers.Dense(2 * UNITS, activation="relu")(layers.LayerNormalization()(x))
    return x + layers.Dense(UNITS)(layers.Dropout(DROPOUT)(wide))


def learn_sequence(
    kind: Sequential,
    films: Sequence[Film],
    validation: Sequence[Film],
    training: Training,
    *,
    epochs: int,
    patience: int,
    together: int = 8,
) -> tuple[Any, int]:
    """The network best by the validation films' MAE, by backpropagation through whole films; and the epoch."""
    import keras

    tf = import_tensorflow()
    keras.utils.set_random_seed(training.seed)
    network = build_sequence(kind, clip_rows(films[0]).shape[1], films[0].line.shape[1])
    optimizer = keras.optimizers.Adam(2e-3, clipnorm=1.0)

    def loss(line: Any, said: Any, known: Any) -> Any:
        return tf.reduce_sum(known * tf.reduce_mean(abs(said - line), -1)) / tf.maximum(tf.reduce_sum(known), 1.0)

    def batches(number: int) -> Any:
        order = np.random.default_rng((training.seed, number)).permutation(len(films))
        for start in range(0, len(films), together):
            yield padded([films[i] for i in order[start : start + together]])

    def validate() -> Scores:
        if not validation:
            return {"mae": -float(optimizer.iterations)}
        return {"mae": float(np.mean([loss(y, network(x), k) for x, y, k in (padded([f]) for f in validation)]))}

    done = fit(
        network, optimizer, over_batches(network, optimizer, loss, batches), validate, training,
        epochs=epochs, patience=patience if validation else None, monitor="mae",
    )  # fmt: skip
    return network, done.best_epoch + 1


def padded(films: Sequence[Film]) -> tuple[Array, Array, Array]:
    """(B, T, K·F), (B, T, targets), (B, T): films on end of zeros, which count for nothing."""
    longest = max(len(film) for film in films)
    x = np.zeros((len(films), longest, clip_rows(films[0]).shape[1]), np.float32)
    y = np.zeros((len(films), longest, films[0].line.shape[1]), np.float32)
    known = np.zeros((len(films), longest), np.float32)
    for row, film in enumerate(films):
        x[row, : len(film)], y[row, : len(film)] = clip_rows(film), film.line
        known[row, : len(film)] = film.known.min(axis=1)
    return x, y, known
