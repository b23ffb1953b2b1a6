"""The agent of `funny`: it plays scenes side by side and learns from what it remembers, both in compiled steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cinelake.lake.onnx import import_tensorflow
from cinelake.spec.arrays import Array
from models.funny.environment import ACTIONS, UNDECIDED, n_step_returns, next_affect, next_vote, q_targets, reward
from models.funny.network import build_network
from models.funny.replay import Replay

if TYPE_CHECKING:
    from models.funny import Config


@dataclass(frozen=True)
class Scenes:
    """What there is to play. x: (S + 1, d) embeddings, the last row zeros, for steps behind a scene's end.

    label: (S + 1,) 1 funny. worth: (S + 1,) what a right answer is worth, 0 without a label. rows: (N, T) each scene's
    steps as rows of x, S behind its end.
    """

    x: Array
    label: Array
    worth: Array
    rows: Array


class Agent:
    """A Q-network with its target and its memory; `variables` are all that a checkpoint needs."""

    def __init__(self, scenes: Scenes, config: Config, seed: int, network: Any = None):
        import keras

        self._tf = tf = import_tensorflow()
        keras.utils.set_random_seed(seed)
        size = scenes.x.shape[1]
        self.network = network or build_network(size, config.dropout)
        self._target = build_network(size)
        self._target.set_weights(self.network.get_weights())
        self.optimizer = keras.optimizers.AdamW(config.learning_rate, weight_decay=config.weight_decay)
        self.optimizer.build(self.network.trainable_variables)
        self._memory = Replay(config.memory)
        self._config, self._seed = config, seed
        self._x, self._worth = tf.constant(scenes.x, tf.float32), tf.constant(scenes.worth, tf.float32)
        self._rows, self._label = tf.constant(scenes.rows, tf.int32), tf.constant(scenes.label, tf.int32)
        self._outside, self._length = len(scenes.x) - 1, scenes.rows.shape[1]
        self.updates = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.play = tf.function(self._play, reduce_retracing=True)
        self.learn = tf.function(self._learn, reduce_retracing=True)

    @property
    def variables(self) -> list[Any]:
        """Networks, memory and the count of updates."""
        return [*self.network.variables, *self._target.variables, *self._memory.variables, self.updates]

    @property
    def remembered(self) -> int:
        """How many transitions are in the memory."""
        return int(self._memory.filled)

    def _state(self, rows: Any, affect: Any) -> Any:
        return self._tf.concat([self._tf.gather(self._x, rows), affect], axis=1)

    def _play(self, chosen: Any, epsilon: Any, number: Any) -> tuple[Any, Any]:
        """Play the scenes `chosen` (P,) and remember them; gives each scene's mean reward a label, and how many.

        epsilon: the share of actions drawn at random. number: of this call, for the seed.
        """
        tf, config = self._tf, self._config
        rows = tf.gather(self._rows, chosen)
        affect = vote = tf.tile(tf.constant([UNDECIDED], tf.float32), [tf.shape(chosen)[0], 1])
        affects, actions, rewards, worths = [affect], [], [], []
        others: dict[str, list[Any]] = {"other_reward": [], "other_affect": []}
        for t in range(self._length):  # unrolled when it is compiled
            q = self.network(self._state(rows[:, t], affect), training=False)
            action = self._explore(q, epsilon, [self._seed, number * self._length + t])
            said, label = (
                tf.one_hot(a, len(ACTIONS)) for a in (action, tf.cast(tf.gather(self._label, rows[:, t]), tf.int32))
            )
            worth = tf.gather(self._worth, rows[:, t])
            shown = self._shown(worth, number, t)
            other_vote = next_vote(vote, 1.0 - said, config.alpha)
            others["other_reward"].append(reward(1.0 - said, other_vote, label, worth, config.vote_weight))
            others["other_affect"].append(next_affect(affect, 1.0 - said, label, shown, config.alpha))
            vote = next_vote(vote, said, config.alpha)
            affect = next_affect(affect, said, label, shown, config.alpha)
            rewards.append(reward(said, vote, label, worth, config.vote_weight))
            affects.append(affect)
            actions.append(action)
            worths.append(worth)
        self._remember(rows, affects, rewards, worths, {"action": actions, **others})
        count = tf.reduce_sum(tf.stack(worths), axis=0)
        return tf.reduce_sum(tf.stack(rewards), axis=0) / tf.maximum(count, 1e-6), count

    def _shown(self, worth: Any, number: Any, t: int) -> Any:
        """(P, 1) 1 where the agent is shown the label: where there is one, as often as the configuration says."""
        tf = self._tf
        drawn = tf.random.stateless_uniform(tf.shape(worth), [self._seed + 1, number * self._length + t])
        return tf.cast((worth > 0) & (drawn < self._config.show_labels), tf.float32)[:, None]

    def _explore(self, q: Any, epsilon: Any, seed: list[Any]) -> Any:
        tf = self._tf
        drawn = tf.random.stateless_uniform([tf.shape(q)[0], 2], seed)
        best, any_of_them = tf.argmax(q, axis=1, output_type=tf.int32), tf.cast(drawn[:, 1] < 0.5, tf.int32)
        return tf.where(drawn[:, 0] < epsilon, any_of_them, best)

    def _remember(self, rows: Any, affects: Any, rewards: Any, worths: Any, more: dict[str, list[Any]]) -> None:
        """Transitions over `n_step` steps; those that begin behind a scene's end, or without a label, are left out."""
        tf, config, length = self._tf, self._config, self._length
        ended = tf.fill([tf.shape(rows)[0]], self._outside)
        after = [min(t + config.n_step, length) for t in range(length)]
        next_rows = [rows[:, t] if t < length else ended for t in after]
        going_on = [tf.cast(row < self._outside, tf.float32) for row in next_rows]
        columns = {
            "row": [rows[:, t] for t in range(length)],
            "affect": affects[:-1],
            **more,
            "returns": n_step_returns(rewards, config.gamma, config.n_step),
            "next_row": next_rows,
            "next_affect": [affects[t] for t in after],
            "discount": [config.gamma**config.n_step * flag for flag in going_on],
        }
        kept = tf.concat(columns["row"], 0) < self._outside
        if not config.remember_unlabelled:
            kept &= tf.concat(worths, 0) > 0
        self._memory.push({name: tf.boolean_mask(tf.concat(parts, 0), kept) for name, parts in columns.items()})

    def _learn(self, updates: Any) -> tuple[Any, Any]:
        """So many updates from memory; gives their mean loss, and the largest |Q| that was met."""
        tf, config = self._tf, self._config
        total, largest = tf.constant(0.0), tf.constant(0.0)
        for _ in tf.range(updates):
            seed = tf.stack([self.updates, tf.constant(self._seed, tf.int64)])
            loss, q = self._update(self._memory.sample(config.batch_size, seed))
            total, largest = total + loss, tf.maximum(largest, q)
            self.updates.assign_add(1)
            if self.updates % config.target_every == 0:
                for theirs, ours in zip(self._target.weights, self.network.weights, strict=True):
                    theirs.assign(ours)
        return total / tf.cast(updates, tf.float32), largest

    def _update(self, batch: dict[str, Any]) -> tuple[Any, Any]:
        tf, config = self._tf, self._config
        targets = self._targets(batch, batch["returns"], batch["next_affect"])
        others = self._targets(batch, batch["other_reward"], batch["other_affect"]) if config.both_actions else None
        before, variables = self._state(batch["row"], batch["affect"]), self.network.trainable_variables
        with tf.GradientTape() as tape:
            q = self.network(before, training=True)
            loss = tf.reduce_mean(tf.square(targets - tf.gather(q, batch["action"], batch_dims=1)))
            if others is not None:
                loss += tf.reduce_mean(tf.square(others - tf.gather(q, 1 - batch["action"], batch_dims=1)))
            loss += config.supervision * self._misjudged(q, batch["row"])
        self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return loss, tf.reduce_max(tf.abs(q))

    def _targets(self, batch: dict[str, Any], returns: Any, affect: Any) -> Any:
        """(B,) what Q should be of an action that paid `returns` and led to `affect`."""
        after = self._state(batch["next_row"], affect)
        online, target = self.network(after, training=False), self._target(after, training=False)
        return q_targets(returns, batch["discount"], online, target, double=self._config.double)

    def _misjudged(self, q: Any, rows: Any) -> Any:
        """The cross-entropy of softmax(Q) where a label is known: what tells good actions from bad without acting."""
        tf = self._tf
        worth, label = tf.gather(self._worth, rows), tf.gather(self._label, rows)
        each = tf.nn.sparse_softmax_cross_entropy_with_logits(label, q)
        return tf.reduce_sum(worth * each) / tf.maximum(tf.reduce_sum(worth), 1e-6)


def draw_scenes(scenes: Scenes, count: int, seed: int, number: int) -> Array:
    """`count` scenes that hold a label, the `number`-th draw: all of them once before any comes again."""
    labelled = np.flatnonzero((scenes.worth[scenes.rows] > 0).any(axis=1))
    places = np.arange(number * count, (number + 1) * count)
    rounds = [np.random.default_rng((seed, r)).permutation(labelled) for r in np.unique(places // len(labelled))]
    first = places[0] // len(labelled) * len(labelled)
    return np.asarray(np.concatenate(rounds)[places - first])
