"""How the memory network learns by acting: play films, keep some after-states, update critic and policy in turn.

The algorithm is deep deterministic policy gradient (Lillicrap et al. 2015) on after-states, as in Zhang et al. (2022):

    play     pass over some films with the policy and noise of variance 0.05; of each film keep R memories, wherever
             they occur; nothing else is kept, so a film of 5,000 clips costs as much memory as one of 100
    critic   learn the value of after-states (`models.affect.network`)
    policy   from a kept memory m_{t−1} write m_t, predict y_t, write m_{t+1}; maximise r_t + λ Q(m_{t+1})
    targets  follow by Polyak's average

Mean rewards are divided by how many labelled clips they count (Σ λ^k), see `models.affect.films.line_ahead`. On
after-states: Sutton & Barto (2018), ch. 6.8.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cinelake.errors import TrainingFailed
from cinelake.lake.onnx import import_tensorflow
from cinelake.spec.arrays import Array, Arrays
from models.affect.config import MemorySettings
from models.affect.films import AffectFilm, kept_clips, learning_rows, segments
from models.affect.network import (
    READ_OUT,
    Actions,
    Sizes,
    act,
    after_state_value,
    critic_output,
    encode,
    read,
    rewarded,
    start_critic,
    start_weights,
    sum_over_last,
    tensor_ops,
    write,
)

MAX_EXPECTED = 20.0
"""A critic that expects a line so far outside −1…1 has diverged."""


def one_step_target(rewards: Any, ahead: Any, discount: float, value_ahead: Any) -> Any:
    """(B,) the mean reward from this clip on: (r + λ n′ Q′) / n, where n = known + λ n′ counts labelled clips.

    rewards: r of this clip. ahead: (n, n′), the discounted counts from this clip and from the next.
    value_ahead: Q′ of the next after-state, a mean reward. 0 where nothing is to come.
    """
    now, then = ahead
    return (rewards + discount * then * value_ahead) / (now + 1e-9)


def moved_towards(target: Any, source: Any, tau: float) -> Any:
    """Polyak's average: τ source + (1 − τ) target."""
    return tau * source + (1 - tau) * target


def renormalised(attention: Any, floor: float = 1e-6) -> Any:
    """Attention after noise and clipping, divided by its sum over the slots (the last axis)."""
    return (attention + floor) / sum_over_last(attention + floor)


@dataclass(frozen=True)
class UpdateReport:
    """The losses of the last update of a round, and the largest magnitude that the critic expected."""

    critic_loss: float
    policy_loss: float
    largest_expected: float


class MemoryLearner:
    """The networks, their targets and optimisers; `round` plays and updates once."""

    def __init__(self, sizes: Sizes, settings: MemorySettings, seed: int):
        import keras

        self._tf = tf = import_tensorflow()
        self._ops, self._sizes, self._settings, self._seed = tensor_ops(tf), sizes, settings, seed
        start, critic = start_weights(sizes, seed), start_critic(sizes, settings.critic, seed)
        self._network = {name: tf.Variable(array) for name, array in start.items()}
        self._critic = {name: tf.Variable(array) for name, array in critic.items()}
        self._network_target = {name: tf.Variable(array) for name, array in start.items()}
        self._critic_target = {name: tf.Variable(array) for name, array in critic.items()}
        self._read_out_weights = [self._network[name] for name in READ_OUT]
        self._policy_weights = [variable for name, variable in self._network.items() if name not in READ_OUT]
        many = settings.epochs * settings.rounds * settings.updates

        def falling(rate: float) -> Any:
            borders, rates = [int(0.6 * many), int(0.8 * many)], [rate, rate / 3, rate / 10]
            return keras.optimizers.schedules.PiecewiseConstantDecay(borders, rates)

        self._critic_optimizer = keras.optimizers.Adam(falling(settings.critic_rate))
        self._policy_optimizer = keras.optimizers.AdamW(
            falling(settings.policy_rate), weight_decay=settings.weight_decay
        )
        self._read_out_optimizer = keras.optimizers.Adam(falling(settings.predictor_rate))
        for optimizer, learned in self._learned():
            optimizer.build(learned)
        self.rounds = tf.Variable(0, dtype=tf.int64)
        self._play = tf.function(self._play_segment, jit_compile=settings.compile_play)
        self._update = tf.function(self._update_all)
        self.last_update = UpdateReport(0.0, 0.0, 0.0)

    def _learned(self) -> list[tuple[Any, list[Any]]]:
        critic = list(self._critic.values())
        return [
            (self._critic_optimizer, critic),
            (self._policy_optimizer, self._policy_weights),
            (self._read_out_optimizer, self._read_out_weights),
        ]

    @property
    def variables(self) -> list[Any]:
        """All that changes: the state of a checkpoint."""
        networks = [self._network, self._critic, self._network_target, self._critic_target]
        moments = [variable for optimizer, _ in self._learned() for variable in optimizer.variables]
        return [self.rounds, *(variable for network in networks for variable in network.values()), *moments]

    @property
    def updates(self) -> int:
        """Updates so far."""
        return int(self.rounds) * self._settings.updates

    def weights(self) -> Arrays:
        """The memory network's weights as arrays."""
        return {name: variable.numpy() for name, variable in self._network.items()}

    def round(self, films: Sequence[AffectFilm], rng: np.random.Generator) -> float:
        """Play the films once and update; returns the policy's loss. Raises `TrainingFailed` on divergence."""
        settings = self._settings
        kept = np.full((len(films), settings.kept), -1)
        for row, film in enumerate(films):
            places = kept_clips(film, settings.kept, rng)
            kept[row, : len(places)] = places
        memories = self.play(films, kept, int(rng.integers(1 << 30)))
        rows = {**learning_rows(films, kept, settings.discount), "memory": memories}
        order = np.stack([rng.permutation(kept.size)[: settings.batch] for _ in range(settings.updates)])
        self.last_update = self.update(rows, order, int(rng.integers(1 << 30)))
        self.rounds.assign_add(1)
        self._check()
        return self.last_update.policy_loss

    def _check(self) -> None:
        last = self.last_update
        critic, policy, largest = last.critic_loss, last.policy_loss, last.largest_expected
        if not np.isfinite([critic, policy, largest]).all() or largest > MAX_EXPECTED:
            raise TrainingFailed(
                f"affect: after {self.updates} updates the critic's loss is {critic:.4g}, the policy's {policy:.4g}, "
                f"the critic's farthest answer {largest:.4g} (labels are within -1…1): it diverges. "
                "Lower critic_rate and policy_rate, or discount; the last good checkpoint is kept"
            )

    # --- play

    def play(self, films: Sequence[AffectFilm], kept: Array, seed: int) -> Any:
        """(films × R, N, d): the memory before each kept clip, as the policy with its noise leaves it."""
        tf, sizes, settings = self._tf, self._sizes, self._settings
        m = tf.tile(self._network["memory"][None], [len(films), 1, 1])
        memories = tf.zeros((len(films), settings.kept, sizes.slots, sizes.width))
        for number, (clips, place) in enumerate(segments(films, kept, settings.segment)):
            m, memories = self._play(clips, place, m, memories, tf.constant([seed, number]))
        return tf.reshape(memories, (-1, sizes.slots, sizes.width))

    def _play_segment(self, clips: Any, place: Any, m: Any, memories: Any, seed: Any) -> Any:
        tf, ops, settings = self._tf, self._ops, self._settings
        films, length = clips.shape[:2]
        vectors = encode(ops, self._network, tf.reshape(clips, (films * length, *clips.shape[2:])))
        vectors = tf.reshape(vectors, (films, length, -1))
        for t in tf.range(length):
            e, step = vectors[:, t], seed + tf.stack([t, 0]) * 7919
            here = place[:, t][:, None] == tf.range(settings.kept)[None]  # (B, R)
            memories = tf.where(here[:, :, None, None], m[:, None], memories)
            m = write(m, self._explored(act(ops, self._network, e, m), step))
        return m, memories

    def _explored(self, actions: Actions, seed: Any) -> Actions:
        """The actions with noise at a share of the clips, clipped, attention renormalised."""
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

    def update(self, rows: Mapping[str, Any], order: Array, seed: int) -> UpdateReport:
        """An update of critic and policy for each row of `order` (updates, batch): indices of `rows` to learn from."""
        reported = self._update(dict(rows), self._tf.constant(order, self._tf.int32), self._tf.constant([seed, 0]))
        return UpdateReport(*(float(number) for number in reported))

    def _update_all(self, rows: Any, order: Any, seed: Any) -> Any:
        """One update of critic and policy for each row of `order`; returns what the last one reported."""
        tf = self._tf
        reported = (tf.constant(0.0), tf.constant(0.0), tf.constant(0.0))
        for i in tf.range(tf.shape(order)[0]):
            chosen = {name: tf.gather(values, order[i]) for name, values in rows.items()}
            chosen = self._dropped(chosen, seed + tf.stack([i, 1]))
            critic, largest = self._update_critic(chosen, seed + tf.stack([i, 0]))
            reported = (critic, self._update_policy(chosen), largest)
            self._move_targets()
        return reported

    def _dropped(self, rows: Any, seed: Any) -> Any:
        """The rows with dropout, the same features of a clip and of the next."""
        share, shape = self._settings.dropout, rows["clip"].shape
        drawn = self._tf.random.stateless_uniform((self._tf.shape(rows["clip"])[0], 1, shape[2]), seed)
        mask = self._tf.cast(drawn >= share, self._tf.float32) / (1 - share)
        return {**rows, "clip": rows["clip"] * mask, "next": rows["next"] * mask}

    def _update_critic(self, rows: Any, seed: Any) -> Any:
        """One step towards the observed value of the after-states of explored actions."""
        tf, ops, kind = self._tf, self._ops, self._settings.critic
        e = encode(ops, self._network, rows["clip"])
        m = write(rows["memory"], self._explored(act(ops, self._network, e, rows["memory"]), seed))
        target, known = self._critic_target_of(rows, e, m)
        with tf.GradientTape() as tape:
            expected = critic_output(ops, self._critic, kind, tf.stop_gradient(e), tf.stop_gradient(m))
            loss = tf.reduce_mean(known * tf.square(expected - tf.stop_gradient(target)))
        self._apply(tape, loss, self._learned()[:1])
        return loss, tf.reduce_max(abs(expected))

    def _critic_target_of(self, rows: Any, e: Any, m: Any) -> Any:
        """The critic's target and where it is known: the coming line, or r + λ Q′ of the next after-state."""
        tf, ops, settings = self._tf, self._ops, self._settings
        if settings.critic == "line":
            return rows["ahead"], tf.cast(rows["count"] > 0, tf.float32)
        e_next = encode(ops, self._network_target, rows["next"])
        m_next = write(m, act(ops, self._network_target, e_next, m))
        ahead = after_state_value(ops, self._critic_target, "value", e_next, m_next, rows["line"], rows["known"])
        now, then = (tf.reduce_mean(rows[name], -1) for name in ("count", "count_next"))
        rewards = rewarded(ops, self._sizes, read(ops, self._network, e, m), rows["line"], rows["known"])
        target = one_step_target(rewards, (now, then), settings.discount, ahead)
        return target[:, None], tf.cast(now > 0, tf.float32)[:, None]

    def _update_policy(self, rows: Any) -> Any:
        """One ascent step on r_t + λ Q(e_{t+1}, m_{t+1}), by all weights but the critic's."""
        tf, ops, settings = self._tf, self._ops, self._settings
        with tf.GradientTape() as tape:
            e, e_next = (encode(ops, self._network, rows[name]) for name in ("clip", "next"))
            m = write(rows["memory"], act(ops, self._network, e, rows["memory"]))
            rewards = rewarded(ops, self._sizes, read(ops, self._network, e, m), rows["line"], rows["known"])
            m_next = write(m, act(ops, self._network, e_next, m))
            known = tf.cast(rows["count_next"] > 0, tf.float32)
            ahead = after_state_value(ops, self._critic, settings.critic, e_next, m_next, rows["ahead_next"], known)
            loss = -tf.reduce_mean(rewards + settings.discount * known[:, 0] * ahead)
        self._apply(tape, loss, self._learned()[1:])
        return loss

    def _apply(self, tape: Any, loss: Any, learned: list[tuple[Any, list[Any]]]) -> None:
        variables = [group for _, group in learned]
        for (optimizer, group), gradients in zip(
            learned, tape.gradient(loss, variables, unconnected_gradients="zero"), strict=True
        ):
            optimizer.apply_gradients(zip(gradients, group, strict=True))

    def _move_targets(self) -> None:
        for target, source in ((self._network_target, self._network), (self._critic_target, self._critic)):
            for name, variable in target.items():
                variable.assign(moved_towards(variable, source[name], self._settings.tau))
