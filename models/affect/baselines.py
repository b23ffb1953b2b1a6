"""What the memory network must beat: ridge regression on single clips, an LSTM, a Transformer, and the same network
trained by truncated backpropagation in place of reinforcement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from cinelake.lake.onnx import import_tensorflow
from cinelake.spec.arrays import Array, Arrays
from models.affect.config import MemorySettings
from models.affect.films import AffectFilm
from models.affect.network import Sizes, act, encode, read, rewarded, start_weights, tensor_ops, write
from models.affect.predict import ridge_line

Sequential = Literal["lstm", "transformer"]


UNITS, HEADS, BLOCKS, DROPOUT = 64, 4, 2, 0.2
ALPHAS = np.logspace(0, 6, 13)
FOLDS = 5


# --- ridge regression


def clip_rows(film: AffectFilm) -> Array:
    """(T, K·F): each clip's steps concatenated."""
    return film.clips.reshape(len(film), film.clips.shape[1] * film.clips.shape[2])


def fit_ridge(films: Sequence[AffectFilm]) -> Arrays:
    """Coefficients of a ridge regression for each target (Hoerl & Kennard 1970), α by cross-validation over films.

    Clips of one film are alike: folds of clips, not films, would choose α far too small.
    """
    from sklearn.linear_model import RidgeCV
    from sklearn.model_selection import GroupKFold

    coefficients, intercepts = [], []
    for i in range(films[0].line.shape[1]):
        known = [film.known[:, i] > 0 for film in films]
        x = np.concatenate([clip_rows(film)[k] for film, k in zip(films, known, strict=True)])
        y = np.concatenate([film.line[k, i] for film, k in zip(films, known, strict=True)])
        film_of = np.repeat(np.arange(len(films)), [k.sum() for k in known])
        folds = min(FOLDS, len(np.unique(film_of)))
        apart = list(GroupKFold(folds).split(x, y, film_of)) if folds > 1 else None
        fitted = RidgeCV(ALPHAS, cv=apart).fit(x, y)
        coefficients.append(fitted.coef_)
        intercepts.append(fitted.intercept_)
    return {
        "coefficients": np.stack(coefficients, 1).astype(np.float32),
        "intercepts": np.array(intercepts, np.float32),
    }


def ridge_residuals(films: Sequence[AffectFilm], folds: int = FOLDS) -> list[AffectFilm]:
    """The films with their lines' residuals after ridge regressions that were fitted to other films."""
    folds = min(folds, len(films))
    if folds < 2:
        return list(films)
    fitted = [fit_ridge([film for i, film in enumerate(films) if i % folds != fold]) for fold in range(folds)]
    residuals = []
    for number, film in enumerate(films):
        line = film.known * (film.line - ridge_line(fitted[number % folds], film.clips))
        residuals.append(AffectFilm(film.clips, line.astype(np.float32), film.known))
    return residuals


# --- networks over whole films


def build_sequence(kind: Sequential, features: int, targets: int) -> Any:
    """A Keras network (batch, T, features) → (batch, T, targets) that sees only the past, as the memory does."""
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


def padded(films: Sequence[AffectFilm]) -> tuple[Array, Array, Array]:
    """(B, T, K·F), (B, T, targets), (B, T): films padded with zeros, which count for nothing."""
    longest = max(len(film) for film in films)
    x = np.zeros((len(films), longest, clip_rows(films[0]).shape[1]), np.float32)
    y = np.zeros((len(films), longest, films[0].line.shape[1]), np.float32)
    known = np.zeros((len(films), longest), np.float32)
    for row, film in enumerate(films):
        x[row, : len(film)], y[row, : len(film)] = clip_rows(film), film.line
        known[row, : len(film)] = film.known.min(axis=1)
    return x, y, known


# --- the memory network without reinforcement


class TruncatedLearner:
    """The memory network by truncated backpropagation through time; `round` goes over films once, window by window.

    The memory is carried from one window to the next, its gradient is not (Williams & Peng 1990). With `forgetful`
    every clip meets the memory as it is at a film's start: independent clips.
    """

    def __init__(self, sizes: Sizes, settings: MemorySettings, seed: int, forgetful: bool = False):
        import keras

        self._tf = tf = import_tensorflow()
        self._ops, self._sizes, self._settings, self._forgetful = tensor_ops(tf), sizes, settings, forgetful
        self._network = {name: tf.Variable(array) for name, array in start_weights(sizes, seed).items()}
        self._optimizer = keras.optimizers.AdamW(settings.policy_rate, weight_decay=settings.weight_decay, clipnorm=1.0)
        self._optimizer.build(list(self._network.values()))
        self._step = tf.function(self._step_of)
        self.rounds = tf.Variable(0, dtype=tf.int64)

    @property
    def variables(self) -> list[Any]:
        """All that changes: the state of a checkpoint."""
        return [self.rounds, *self._network.values(), *self._optimizer.variables]

    def weights(self) -> Arrays:
        """The memory network's weights as arrays."""
        return {name: variable.numpy() for name, variable in self._network.items()}

    def round(self, films: Sequence[AffectFilm]) -> float:
        """Go over the films once, window by window; returns the mean loss of windows with labels."""
        window, longest = self._settings.window, max(len(film) for film in films)
        m = self._tf.tile(self._network["memory"][None], [len(films), 1, 1])
        losses = []
        for start in range(0, longest, window):
            clips, line, known = (_window_of(films, name, start, window) for name in ("clips", "line", "known"))
            loss, m = self._step(clips, line, known, m, self._tf.constant(start == 0))
            losses += [float(loss)] if known.any() else []
        self.rounds.assign_add(1)
        return float(np.mean(losses))

    def _step_of(self, clips: Any, line: Any, known: Any, m: Any, fresh: Any) -> Any:
        tf, w = self._tf, self._network
        with tf.GradientTape() as tape:
            share = self._settings.dropout
            drawn = tf.random.uniform((clips.shape[0], 1, 1, clips.shape[3]))
            clips = clips * tf.cast(drawn >= share, tf.float32) / (1 - share)
            start = tf.tile(w["memory"][None], [clips.shape[0], 1, 1])
            predicted, m = self._over(clips, tf.where(fresh, start, m), start)
            gained = rewarded(self._ops, self._sizes, predicted, line, known)
            loss = -tf.reduce_sum(gained) / tf.maximum(tf.reduce_sum(known), 1.0)
        variables = list(w.values())
        gradients = tape.gradient(loss, variables, unconnected_gradients="zero")
        self._optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return loss, m

    def _over(self, clips: Any, m: Any, start: Any) -> tuple[Any, Any]:
        """y of the window, (B, W, targets), and the memory after it."""
        tf, ops, w = self._tf, self._ops, self._network
        films, window = clips.shape[:2]
        vectors = encode(ops, w, tf.reshape(clips, (films * window, *clips.shape[2:])))
        vectors, predicted = tf.reshape(vectors, (films, window, -1)), []
        for t in range(window):
            before = start if self._forgetful else m
            m = write(before, act(ops, w, vectors[:, t], before))
            predicted.append(read(ops, w, vectors[:, t], m))
        return tf.stack(predicted, axis=1), m


def _window_of(films: Sequence[AffectFilm], name: str, start: int, window: int) -> Array:
    """(films, window, …) `clips`, `line` or `known` of the films from `start` on, padded with zeros."""
    first = getattr(films[0], name)
    part = np.zeros((len(films), window, *first.shape[1:]), np.float32)
    for row, film in enumerate(films):
        values = getattr(film, name)[start : start + window]
        part[row, : len(values)] = values
    return part
