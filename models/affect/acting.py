"""How the memory network learns by acting: play films, keep some after-states, update critic and policy in turn.

The algorithm is deep deterministic policy gradient (Lillicrap et al. 2015) on after-states, as in Zhang et al. (2022):

    play     pass over some films with the policy and noise of variance 0.05; of each film keep R memories, wherever
             they occur; nothing else is kept, so a film of 5,000 clips costs as much memory as one of 100
    critic   learn what the after-state is worth (models/affect/critic.py)
    policy   from a kept memory m_{t−1}: write m_t, say y_t, write m_{t+1}; maximise r_t + λ Q(m_{t+1}), one step ahead
    targets  follow by Polyak's average
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cinelake.errors import TrainingFailed
from cinelake.lake.onnx import import_tensorflow
from cinelake.learning.fitting import fit
from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.model import Scores
from cinelake.spec.training import Training
from models.affect.critic import opinion, start_critic, value
from models.affect.films import Film, kept_clips, learning_rows, segments
from models.affect.memory import (
    PREDICTOR,
    Actions,
    Sizes,
    act,
    encode,
    follow,
    numpy_ops,
    read,
    rewarded,
    start_weights,
    tensor_ops,
    write,
)
from models.affect.returns import moved_towards, one_step_target, renormalised

if TYPE_CHECKING:
    from models.affect.config import MemorySettings

OUT_OF_REACH = 20.0
"""A critic that expects a line so far outside −1…1 has diverged."""
VALIDATED_CLIPS = 20_000
"""At most so many clips of the validation films are gone through after each epoch."""


def learn_memory(
    films: Sequence[Film], validation: Sequence[Film], sizes: Sizes, settings: MemorySettings, training: Training
) -> tuple[Arrays, int]:
    """Weights of the memory network, best by the validation films (the last without any), and their epoch.

    Raises `TrainingFailed` with the update and the numbers when the critic or a loss leaves all bounds; the checkpoint
    of the last good epoch stays in the training's folder.
    """
    learner, name = MemoryLearner(sizes, settings, training.seed), loss_name(sizes)

    def epoch(number: int) -> float:
        rng = np.random.default_rng((training.seed, number))
        return float(np.mean([learner.round(some_films(films, settings.films_at_once, rng), rng)
                              for _ in range(settings.rounds)]))  # fmt: skip

    def validate() -> Scores:
        return {name: mean_loss(learner.weights(), validation, sizes) if validation else -float(learner.updates)}

    done = fit(
        learner, NoOptimizer(), epoch, validate, training, epochs=settings.epochs, monitor=name,
        patience=settings.patience if validation else None,
    )  # fmt: skip
    return learner.weights(), done.best_epoch + 1


def loss_name(sizes: Sizes) -> str:
    """What the loss on validation films is called."""
    return "cross_entropy" if sizes.classes else "mae"


def mean_loss(weights: Arrays, films: Sequence[Film], sizes: Sizes, forgetful: bool = False) -> float:
    """The mean of what rewards lack, over what is known of the films: MAE, or the cross-entropy of classes."""
    said, ops = [follow(weights, film.clips[:VALIDATED_CLIPS], forgetful)[0] for film in films], numpy_ops()
    lost = -sum(
        float(rewarded(ops, sizes, y, film.line[: len(y)], film.known[: len(y)]).sum())
        for film, y in zip(films, said, strict=True)
    )
    return lost * sizes.targets / max(1.0, sum(float(film.known.sum()) for film in films))


def some_films(films: Sequence[Film], count: int, rng: np.random.Generator) -> list[Film]:
    """`count` films at random; every one as often as any other where there are fewer."""
    order = np.concatenate([rng.permutation(len(films)) for _ in range(-(-count // len(films)))])
    return [films[i] for i in order[:count]]


@dataclass(frozen=True)
class NoOptimizer:
    """In place of an optimiser of its own: a learner's variables hold those of its optimisers."""

    variables: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Told:
    """What one round's updates were like, as the last one left it."""

    critic: float
    policy: float
    farthest: float


class MemoryLearner:
    """The networks, their targets and optimisers; `round` plays and updates once."""

    def __init__(self, sizes: Sizes, settings: MemorySettings, seed: int):
        import keras

        self._tf = tf = import_tensorflow()
        self._ops, self._sizes, self._settings, self._seed = tensor_ops(tf), sizes, settings, seed
        start, critic = start_weights(sizes, seed), start_critic(sizes, settings.critic, seed)
        self._mind = {name: tf.Variable(array) for name, array in start.items()}
        self._critic = {name: tf.Variable(array) for name, array in critic.items()}
        self._mind_target = {name: tf.Variable(array) for name, array in start.items()}
        self._critic_target = {name: tf.Variable(array) for name, array in critic.items()}
        self._says = [self._mind[name] for name in PREDICTOR]
        self._acts = [variable for name, variable in self._mind.items() if name not in PREDICTOR]
        many = settings.epochs * settings.rounds * settings.updates

        def falling(rate: float) -> Any:
            borders, rates = [int(0.6 * many), int(0.8 * many)], [rate, rate / 3, rate / 10]
            return keras.optimizers.schedules.PiecewiseConstantDecay(borders, rates)

        self._of_critic = keras.optimizers.Adam(falling(settings.critic_rate))
        self._of_policy = keras.optimizers.AdamW(falling(settings.policy_rate), weight_decay=settings.weight_decay)
        self._of_predictor = keras.optimizers.Adam(falling(settings.predictor_rate))
        for optimizer, learned in self._learned():
            optimizer.build(learned)
        self.rounds = tf.Variable(0, dtype=tf.int64)
        self._play = tf.function(self._play_segment, jit_compile=settings.compile_play)
        self._update = tf.function(self._update_all)
        self.told = Told(0.0, 0.0, 0.0)

    def _learned(self) -> list[tuple[Any, list[Any]]]:
        critic = list(self._critic.values())
        return [(self._of_critic, critic), (self._of_policy, self._acts), (self._of_predictor, self._says)]

    @property
    def variables(self) -> list[Any]:
        """All that changes: the state of a checkpoint."""
        networks = [self._mind, self._critic, self._mind_target, self._critic_target]
        moments = [variable for optimizer, _ in self._learned() for variable in optimizer.variables]
        return [self.rounds, *(variable for network in networks for variable in network.values()), *moments]

    @property
    def updates(self) -> int:
        """Updates so far."""
        return int(self.rounds) * self._settings.updates

    def weights(self) -> Arrays:
        """The memory network's weights as arrays."""
        return {name: variable.numpy() for name, variable in self._mind.items()}

    def round(self, films: Sequence[Film], rng: np.random.Generator) -> float:
        """Play the films once and update; gives the policy's loss. Raises `TrainingFailed` on divergence."""
        settings = self._settings
        kept = np.full((len(films), settings.kept), -1)
        for row, film in enumerate(films):
            places = kept_clips(film, settings.kept, rng)
            kept[row, : len(places)] = places
        memories = self.play(films, kept, int(rng.integers(1 << 30)))
        rows = {**learning_rows(films, kept, settings.discount), "memory": memories}
        order = np.stack([rng.permutation(kept.size)[: settings.batch] for _ in range(settings.updates)])
        self.told = self.update(rows, order, int(rng.integers(1 << 30)))
        self.rounds.assign_add(1)
        self._check()
        return self.told.policy

    def _check(self) -> None:
        told = self.told
        if not np.isfinite([told.critic, told.policy, told.farthest]).all() or told.farthest > OUT_OF_REACH:
            raise TrainingFailed(
                f"affect: after {self.updates} updates the critic's loss is {told.critic:.4g}, the policy's "
                f"{told.policy:.4g}, the critic's farthest answer {told.farthest:.4g} (labels are within -1…1): it "
                "diverges. Lower critic_rate and policy_rate, or discount; the last good checkpoint is kept"
            )

    # --- play

    def play(self, films: Sequence[Film], kept: Array, seed: int) -> Any:
        """(films × R, N, d): the memory before each kept clip, as the policy with its noise leaves it."""
        tf, sizes, settings = self._tf, self._sizes, self._settings
        m = tf.tile(self._mind["memory"][None], [len(films), 1, 1])
        memories = tf.zeros((len(films), settings.kept, sizes.slots, sizes.width))
        for number, (clips, place) in enumerate(segments(films, kept, settings.segment)):
            m, memories = self._play(clips, place, m, memories, tf.constant([seed, number]))
        return tf.reshape(memories, (-1, sizes.slots, sizes.width))

    def _play_segment(self, clips: Any, place: Any, m: Any, memories: Any, seed: Any) -> Any:
        tf, ops, settings = self._tf, self._ops, self._settings
        films, length = clips.shape[:2]
        vectors = encode(ops, self._mind, tf.reshape(clips, (films * length, *clips.shape[2:])))
        vectors = tf.reshape(vectors, (films, length, -1))
        for t in tf.range(length):
            e, step = vectors[:, t], seed + tf.stack([t, 0]) * 7919
            here = place[:, t][:, None] == tf.range(settings.kept)[None]  # (B, R)
            memories = tf.where(here[:, :, None, None], m[:, None], memories)
            m = write(m, self._explored(act(ops, self._mind, e, m), step))
        return m, memories

    def _explored(self, actions: Actions, seed: Any) -> Actions:
        """The actions with noise of variance 0.05 at a share of the clips, clipped, attention renormalised."""
        tf, settings = self._tf, self._settings
        rows = tf.shape(actions.attention)[0]
        chosen = tf.random.stateless_uniform((rows, 1), seed) < settings.explore
        scale = tf.cast(chosen, tf.float32) * settings.noise_variance**0.5

        def noisy(action: Any, number: int, low: float) -> Any:
            shape = tf.shape(action)
            by_row = tf.reshape(scale, [rows] + [1] * (len(action.shape) - 1))
            noise = tf.random.stateless_normal(shape, seed + tf.constant([0, number]))
            return tf.clip_by_value(action + by_row * noise, low, 1.0)

        attention, forget, insert = (noisy(action, i + 1, 0.0) for i, action in enumerate(actions[:3]))
        return Actions(renormalised(attention), forget, insert, noisy(actions.content, 4, -1.0))

    # --- update

    def update(self, rows: Mapping[str, Any], order: Array, seed: int) -> Told:
        """An update of critic and policy for each row of `order` (updates, batch): numbers of `rows` to learn from."""
        told = self._update(dict(rows), self._tf.constant(order, self._tf.int32), self._tf.constant([seed, 0]))
        return Told(*(float(number) for number in told))

    def _update_all(self, rows: Any, order: Any, seed: Any) -> Any:
        """One update of critic and policy for each row of `order`; the last one's numbers."""
        tf = self._tf
        told = (tf.constant(0.0), tf.constant(0.0), tf.constant(0.0))
        for i in tf.range(tf.shape(order)[0]):
            chosen = {name: tf.gather(values, order[i]) for name, values in rows.items()}
            chosen = self._dropped(chosen, seed + tf.stack([i, 1]))
            critic, farthest = self._update_critic(chosen, seed + tf.stack([i, 0]))
            told = (critic, self._update_policy(chosen), farthest)
            self._move_targets()
        return told

    def _dropped(self, rows: Any, seed: Any) -> Any:
        """The rows with some features left out, the same of a clip and the next."""
        share, shape = self._settings.dropout, rows["clip"].shape
        drawn = self._tf.random.stateless_uniform((self._tf.shape(rows["clip"])[0], 1, shape[2]), seed)
        mask = self._tf.cast(drawn >= share, self._tf.float32) / (1 - share)
        return {**rows, "clip": rows["clip"] * mask, "next": rows["next"] * mask}

    def _update_critic(self, rows: Any, seed: Any) -> Any:
        """One step towards what the after-states of explored actions turned out to be worth."""
        tf, ops, kind = self._tf, self._ops, self._settings.critic
        e = encode(ops, self._mind, rows["clip"])
        m = write(rows["memory"], self._explored(act(ops, self._mind, e, rows["memory"]), seed))
        target, there = self._critic_target_of(rows, e, m)
        with tf.GradientTape() as tape:
            said = opinion(ops, self._critic, kind, tf.stop_gradient(e), tf.stop_gradient(m))
            loss = tf.reduce_mean(there * tf.square(said - tf.stop_gradient(target)))
        self._apply(tape, loss, self._learned()[:1])
        return loss, tf.reduce_max(abs(said))

    def _critic_target_of(self, rows: Any, e: Any, m: Any) -> Any:
        """What the critic should say, and where: the coming line, or r + λ Q′ of the next after-state."""
        tf, ops, settings = self._tf, self._ops, self._settings
        if settings.critic == "line":
            return rows["ahead"], tf.cast(rows["count"] > 0, tf.float32)
        e_next = encode(ops, self._mind_target, rows["next"])
        m_next = write(m, act(ops, self._mind_target, e_next, m))
        ahead = value(ops, self._critic_target, "value", e_next, m_next, rows["line"], rows["known"])
        now, then = (tf.reduce_mean(rows[name], -1) for name in ("count", "count_next"))
        rewards = rewarded(ops, self._sizes, read(ops, self._mind, e, m), rows["line"], rows["known"])
        target = one_step_target(rewards, (now, then), settings.discount, ahead)
        return target[:, None], tf.cast(now > 0, tf.float32)[:, None]

    def _update_policy(self, rows: Any) -> Any:
        """One step up r_t + λ Q(e_{t+1}, m_{t+1}), by all weights but the critic's."""
        tf, ops, settings = self._tf, self._ops, self._settings
        with tf.GradientTape() as tape:
            e, e_next = (encode(ops, self._mind, rows[name]) for name in ("clip", "next"))
            m = write(rows["memory"], act(ops, self._mind, e, rows["memory"]))
            rewards = rewarded(ops, self._sizes, read(ops, self._mind, e, m), rows["line"], rows["known"])
            m_next = write(m, act(ops, self._mind, e_next, m))
            there = tf.cast(rows["count_next"] > 0, tf.float32)
            ahead = value(ops, self._critic, settings.critic, e_next, m_next, rows["ahead_next"], there)
            loss = -tf.reduce_mean(rewards + settings.discount * there[:, 0] * ahead)
        self._apply(tape, loss, self._learned()[1:])
        return loss

    def _apply(self, tape: Any, loss: Any, learned: list[tuple[Any, list[Any]]]) -> None:
        variables = [group for _, group in learned]
        for (optimizer, group), gradients in zip(
            learned, tape.gradient(loss, variables, unconnected_gradients="zero"), strict=True
        ):
            optimizer.apply_gradients(zip(gradients, group, strict=True))

    def _move_targets(self) -> None:
        for target, source in ((self._mind_target, self._mind), (self._critic_target, self._critic)):
            for name, variable in target.items():
                variable.assign(moved_towards(variable, source[name], self._settings.tau))
