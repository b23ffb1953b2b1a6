"""The same memory network taught without acting: truncated backpropagation through time, or clip by clip.

Films are gone through in windows; the memory is carried from one to the next, its gradient is not (Williams & Peng
1990). With `forgetful` every clip meets the memory as it is at a film's start: independent clips.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cinelake.lake.onnx import import_tensorflow
from cinelake.learning.fitting import fit
from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.model import Scores
from cinelake.spec.training import Training
from models.affect.acting import NoOptimizer, loss_name, mean_loss, some_films
from models.affect.config import MemorySettings
from models.affect.films import Film
from models.affect.memory import Sizes, act, encode, read, rewarded, start_weights, tensor_ops, write


def learn_truncated(
    films: Sequence[Film],
    validation: Sequence[Film],
    sizes: Sizes,
    settings: MemorySettings,
    training: Training,
    forgetful: bool = False,
) -> tuple[Arrays, int]:
    """Weights best by the validation films, and their epoch. An epoch is as many passes over films as the agent's."""
    learner, name = TruncatedLearner(sizes, settings, training.seed, forgetful), loss_name(sizes)

    def epoch(number: int) -> float:
        rng = np.random.default_rng((training.seed, number))
        passes = [learner.round(some_films(films, settings.films_at_once, rng)) for _ in range(settings.rounds)]
        return float(np.mean(passes))

    def validate() -> Scores:
        if not validation:
            return {name: -float(learner.rounds)}
        return {name: mean_loss(learner.weights(), validation, sizes, forgetful)}

    done = fit(
        learner, NoOptimizer(), epoch, validate, training, epochs=settings.epochs, monitor=name,
        patience=settings.patience if validation else None,
    )  # fmt: skip
    return learner.weights(), done.best_epoch + 1


class TruncatedLearner:
    """The network and its optimisers; `round` goes over films once and updates after every window."""

    def __init__(self, sizes: Sizes, settings: MemorySettings, seed: int, forgetful: bool = False):
        import keras

        self._tf = tf = import_tensorflow()
        self._ops, self._sizes, self._settings, self._forgetful = tensor_ops(tf), sizes, settings, forgetful
        self._mind = {name: tf.Variable(array) for name, array in start_weights(sizes, seed).items()}
        self._optimizer = keras.optimizers.AdamW(settings.policy_rate, weight_decay=settings.weight_decay, clipnorm=1.0)
        self._optimizer.build(list(self._mind.values()))
        self._step = tf.function(self._step_of)
        self.rounds = tf.Variable(0, dtype=tf.int64)

    @property
    def variables(self) -> list[Any]:
        """All that changes: the state of a checkpoint."""
        return [self.rounds, *self._mind.values(), *self._optimizer.variables]

    def weights(self) -> Arrays:
        """The memory network's weights as arrays."""
        return {name: variable.numpy() for name, variable in self._mind.items()}

    def round(self, films: Sequence[Film]) -> float:
        """Go over the films once, window by window; gives the mean loss of windows with labels."""
        window, longest = self._settings.window, max(len(film) for film in films)
        m = self._tf.tile(self._mind["memory"][None], [len(films), 1, 1])
        losses = []
        for start in range(0, longest, window):
            clips, line, known = (_part(films, name, start, window) for name in ("clips", "line", "known"))
            loss, m = self._step(clips, line, known, m, self._tf.constant(start == 0))
            losses += [float(loss)] if known.any() else []
        self.rounds.assign_add(1)
        return float(np.mean(losses))

    def _step_of(self, clips: Any, line: Any, known: Any, m: Any, fresh: Any) -> Any:
        tf, w = self._tf, self._mind
        with tf.GradientTape() as tape:
            share = self._settings.dropout
            drawn = tf.random.uniform((clips.shape[0], 1, 1, clips.shape[3]))
            clips = clips * tf.cast(drawn >= share, tf.float32) / (1 - share)
            start = tf.tile(w["memory"][None], [clips.shape[0], 1, 1])
            said, m = self._over(clips, tf.where(fresh, start, m), start)
            gained = rewarded(self._ops, self._sizes, said, line, known)
            loss = -tf.reduce_sum(gained) / tf.maximum(tf.reduce_sum(known), 1.0)
        variables = list(w.values())
        gradients = tape.gradient(loss, variables, unconnected_gradients="zero")
        self._optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return loss, m

    def _over(self, clips: Any, m: Any, start: Any) -> tuple[Any, Any]:
        """y of the window, (B, W, targets), and the memory after it."""
        tf, ops, w = self._tf, self._ops, self._mind
        films, window = clips.shape[:2]
        vectors = encode(ops, w, tf.reshape(clips, (films * window, *clips.shape[2:])))
        vectors, said = tf.reshape(vectors, (films, window, -1)), []
        for t in range(window):
            before = start if self._forgetful else m
            m = write(before, act(ops, w, vectors[:, t], before))
            said.append(read(ops, w, vectors[:, t], m))
        return tf.stack(said, axis=1), m


def _part(films: Sequence[Film], name: str, start: int, window: int) -> Array:
    first = getattr(films[0], name)
    part = np.zeros((len(films), window, *first.shape[1:]), np.float32)
    for row, film in enumerate(films):
        found = getattr(film, name)[start : start + window]
        part[row, : len(found)] = found
    return part
