"""The funny agent written plainly: one scene, one step, one network call at a time; every update on its own.

The same world, network, rewards and losses as `models/funny/agent.py`, without compiled steps and without scenes side
by side; what a first working version looks like.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np

from cinelake.lake.onnx import import_tensorflow
from models.funny.agent import build_network
from models.funny.config import Config
from models.funny.environment import UNDECIDED, Scenes, next_affect, next_vote, q_targets, reward

Transition = tuple[Any, ...]
NAMES = ("state", "action", "reward", "next_state", "discount", "other_reward", "other_next_state")


class EagerAgent:
    """Plays scene after scene; `step` is one step of the environment, `update` one update from memory."""

    def __init__(self, scenes: Scenes, config: Config, seed: int):
        import keras

        self._tf = import_tensorflow()
        keras.utils.set_random_seed(seed)
        size = scenes.x.shape[1]
        self.network, self.target = build_network(size, config.dropout), build_network(size)
        self.target.set_weights(self.network.get_weights())
        self._optimizer = keras.optimizers.AdamW(config.learning_rate, weight_decay=config.weight_decay)
        self._memory: deque[Transition] = deque(maxlen=config.memory)
        self._scenes, self._config, self._rng = scenes, config, np.random.default_rng(seed)
        self._updates = 0
        self._reset()

    def _reset(self) -> None:
        scene = self._scenes.rows[self._rng.integers(len(self._scenes.rows))]
        self._rows = deque(scene[scene < len(self._scenes.x) - 1])
        self._affect = self._vote = np.array([UNDECIDED], np.float32)

    def step(self, epsilon: float = 0.1) -> None:
        """One step: look, act, be paid, remember."""
        config, row = self._config, self._rows.popleft()
        state = self._state(row, self._affect)
        q = self.network(state[None], training=False).numpy()[0]
        action = int(self._rng.integers(2)) if self._rng.random() < epsilon else int(q.argmax())
        chosen = np.eye(2, dtype=np.float32)[[action]]
        label = np.eye(2, dtype=np.float32)[[int(self._scenes.label[row])]]
        worth = self._scenes.worth[[row]]
        shown = np.array([[float(worth[0] > 0 and self._rng.random() < config.show_labels)]], np.float32)
        paid, affect, vote = self._outcome(chosen, label, worth, shown)
        other_paid, other_affect, _ = self._outcome(1 - chosen, label, worth, shown)
        after = self._rows[0] if self._rows else len(self._scenes.x) - 1
        discount = config.gamma if self._rows else 0.0
        states = [self._state(after, a) for a in (affect, other_affect)]
        if worth[0] > 0:
            self._memory.append((state, action, paid, states[0], discount, other_paid, states[1]))
        self._affect, self._vote = affect, vote
        if not self._rows:
            self._reset()

    def _outcome(self, chosen: Any, label: Any, worth: Any, shown: Any) -> tuple[float, Any, Any]:
        vote = next_vote(self._vote, chosen, self._config.alpha)
        paid = reward(chosen, vote, label, worth, self._config.vote_weight)
        return float(paid[0]), next_affect(self._affect, chosen, label, shown, self._config.alpha), vote

    def _state(self, row: int, affect: Any) -> Any:
        return np.concatenate([self._scenes.x[row], affect[0]]).astype(np.float32)

    def update(self) -> None:
        """One update of the network from a batch of memories."""
        tf, config = self._tf, self._config
        chosen = [self._memory[i] for i in self._rng.integers(len(self._memory), size=config.batch_size)]
        batch = {name: np.array(values) for name, values in zip(NAMES, zip(*chosen, strict=True), strict=True)}
        targets = self._targets(batch["reward"], batch["next_state"], batch["discount"])
        others = self._targets(batch["other_reward"], batch["other_next_state"], batch["discount"])
        action, variables = tf.constant(batch["action"], tf.int32), self.network.trainable_variables
        with tf.GradientTape() as tape:
            q = self.network(batch["state"], training=True)
            loss = tf.reduce_mean(tf.square(targets - tf.gather(q, action, batch_dims=1)))
            loss += tf.reduce_mean(tf.square(others - tf.gather(q, 1 - action, batch_dims=1)))
        self._optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        self._updates += 1
        if self._updates % config.target_every == 0:
            self.target.set_weights(self.network.get_weights())

    def _targets(self, paid: Any, states: Any, discount: Any) -> Any:
        online, target = (network(states, training=False).numpy() for network in (self.network, self.target))
        return q_targets(paid, discount, online, target, double=self._config.double).astype(np.float32)
