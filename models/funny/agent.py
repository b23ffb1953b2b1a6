"""The agent of `funny`: a Q-network, its replay memory, and an agent that plays scenes side by side and learns from
what it remembers, both in compiled steps."""

from __future__ import annotations

from typing import Any

from cinelake.lake.onnx import import_tensorflow
from models.funny.config import Config
from models.funny.environment import (
    ACTIONS,
    UNDECIDED,
    Scenes,
    n_step_returns,
    next_affect,
    next_vote,
    q_targets,
    reward,
)


def build_network(size: int, dropout: float = 0.0) -> Any:
    """A Keras network (batch, size + 2) → (batch, 2): embedding and affective vector concatenated → Q-values.

    The affective vector passes layers of 64 and 32 units, is joined to the embedding, and both pass 64 and 32 more.

    dropout: share of the embedding's numbers, and of the joined hidden units, that are dropped while it learns; the
    publication drops none.
    """
    import_tensorflow()
    import keras

    dense = keras.layers.Dense
    state = keras.Input((size + len(ACTIONS),), name="state")
    embedding, affect = state[:, :size], state[:, size:]
    if dropout:
        embedding = keras.layers.Dropout(dropout)(embedding)
    affect_hidden = dense(32, activation="relu")(dense(64, activation="relu")(affect))
    joined = keras.layers.Concatenate()([affect_hidden, embedding])
    hidden = joined
    for units in (64, 32):
        hidden = dense(units, activation="relu")(hidden)
        hidden = keras.layers.Dropout(dropout)(hidden) if dropout else hidden
    return keras.Model(state, dense(len(ACTIONS), name="q")(hidden), name="q_network")


COLUMNS = {
    "row": "int32",
    "affect": "float32",
    "action": "int32",
    "returns": "float32",
    "next_row": "int32",
    "next_affect": "float32",
    "discount": "float32",
    "other_reward": "float32",
    "other_affect": "float32",
}
"""A transition: the step and the affective vector, the action, its returns, the next step and affective vector.

discount: what the next state's value is multiplied by: γ^n, 0 where the scene ended. other_reward, other_affect: what
the other action would have paid and led to.
"""


class ReplayMemory:
    """A ring of transitions in variables: part of compiled steps, and of checkpoints."""

    def __init__(self, capacity: int):
        tf = import_tensorflow()
        self._tf, self.capacity = tf, capacity
        shapes = {name: [capacity, 2] if "affect" in name else [capacity] for name in COLUMNS}
        self._columns = {n: tf.Variable(tf.zeros(shapes[n], kind), trainable=False) for n, kind in COLUMNS.items()}
        self._pushed = tf.Variable(0, dtype=tf.int64, trainable=False)

    @property
    def variables(self) -> list[Any]:
        """Its state."""
        return [*self._columns.values(), self._pushed]

    @property
    def filled(self) -> Any:
        """How many transitions there are, a tensor."""
        return self._tf.cast(self._tf.minimum(self._pushed, self.capacity), self._tf.int32)

    def push(self, transitions: dict[str, Any]) -> None:
        """Remember (m, …) transitions, m at most the capacity, in place of the oldest."""
        tf = self._tf
        count = tf.shape(transitions["row"], out_type=tf.int64)[0]
        places = ((self._pushed + tf.range(count)) % self.capacity)[:, None]
        for name, column in self._columns.items():
            column.assign(tf.tensor_scatter_nd_update(column, places, transitions[name]))
        self._pushed.assign_add(count)

    def sample(self, size: int, seed: Any) -> dict[str, Any]:
        """`size` transitions drawn evenly, with replacement."""
        tf = self._tf
        chosen = tf.random.stateless_uniform([size], seed, 0, self.filled, tf.int32)
        return {name: tf.gather(column, chosen) for name, column in self._columns.items()}


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
        self._memory = ReplayMemory(config.memory)
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
        """Play the scenes `chosen` (P,) and remember them; returns each scene's mean reward, and how many labels.

        epsilon: the share of actions drawn at random. number: the number of this call, for the seed.
        """
        tf, config = self._tf, self._config
        rows = tf.gather(self._rows, chosen)
        affect = vote = tf.tile(tf.constant([UNDECIDED], tf.float32), [tf.shape(chosen)[0], 1])
        affects, actions, rewards, worths = [affect], [], [], []
        others: dict[str, list[Any]] = {"other_reward": [], "other_affect": []}
        for t in range(self._length):  # unrolled when it is compiled
            q = self.network(self._state(rows[:, t], affect), training=False)
            action = self._explore(q, epsilon, [self._seed, number * self._length + t])
            acted, label = (
                tf.one_hot(a, len(ACTIONS)) for a in (action, tf.cast(tf.gather(self._label, rows[:, t]), tf.int32))
            )
            worth = tf.gather(self._worth, rows[:, t])
            shown = self._shown(worth, number, t)
            other_vote = next_vote(vote, 1.0 - acted, config.alpha)
            others["other_reward"].append(reward(1.0 - acted, other_vote, label, worth, config.vote_weight))
            others["other_affect"].append(next_affect(affect, 1.0 - acted, label, shown, config.alpha))
            vote = next_vote(vote, acted, config.alpha)
            affect = next_affect(affect, acted, label, shown, config.alpha)
            rewards.append(reward(acted, vote, label, worth, config.vote_weight))
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
        """Transitions over `n_step` steps; those that begin beyond a scene's end, or without a label, are left out."""
        tf, config, length = self._tf, self._config, self._length
        ended = tf.fill([tf.shape(rows)[0]], self._outside)
        after = [min(t + config.n_step, length) for t in range(length)]
        next_rows = [rows[:, t] if t < length else ended for t in after]
        continuing = [tf.cast(row < self._outside, tf.float32) for row in next_rows]
        columns = {
            "row": [rows[:, t] for t in range(length)],
            "affect": affects[:-1],
            **more,
            "returns": n_step_returns(rewards, config.gamma, config.n_step),
            "next_row": next_rows,
            "next_affect": [affects[t] for t in after],
            "discount": [config.gamma**config.n_step * flag for flag in continuing],
        }
        kept = tf.concat(columns["row"], 0) < self._outside
        if not config.remember_unlabelled:
            kept &= tf.concat(worths, 0) > 0
        self._memory.push({name: tf.boolean_mask(tf.concat(parts, 0), kept) for name, parts in columns.items()})

    def _learn(self, updates: Any) -> tuple[Any, Any]:
        """So many updates from memory; returns their mean loss, and the largest |Q|."""
        tf, config = self._tf, self._config
        total, largest = tf.constant(0.0), tf.constant(0.0)
        for _ in tf.range(updates):
            seed = tf.stack([self.updates, tf.constant(self._seed, tf.int64)])
            loss, q = self._update(self._memory.sample(config.batch_size, seed))
            total, largest = total + loss, tf.maximum(largest, q)
            self.updates.assign_add(1)
            if self.updates % config.target_every == 0:
                for target, source in zip(self._target.weights, self.network.weights, strict=True):
                    target.assign(source)
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
            loss += config.supervision * self._cross_entropy(q, batch["row"])
        self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return loss, tf.reduce_max(tf.abs(q))

    def _targets(self, batch: dict[str, Any], returns: Any, affect: Any) -> Any:
        """(B,) the target of Q for an action that paid `returns` and led to `affect`."""
        after = self._state(batch["next_row"], affect)
        online, target = self.network(after, training=False), self._target(after, training=False)
        return q_targets(returns, batch["discount"], online, target, double=self._config.double)

    def _cross_entropy(self, q: Any, rows: Any) -> Any:
        """The cross-entropy of softmax(Q) where a label is known: it teaches the better action without playing."""
        tf = self._tf
        worth, label = tf.gather(self._worth, rows), tf.gather(self._label, rows)
        each = tf.nn.sparse_softmax_cross_entropy_with_logits(label, q)
        return tf.reduce_sum(worth * each) / tf.maximum(tf.reduce_sum(worth), 1e-6)
