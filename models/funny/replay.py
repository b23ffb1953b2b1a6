"""What the agent remembers: the last transitions, as numbers of steps instead of copies of their embeddings."""

from __future__ import annotations

from typing import Any

from cinelake.lake.onnx import import_tensorflow

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
"""A transition: where it was and what it had said, what it did, what that paid, and where it came to.

discount: what the next state's value is multiplied by: γ^n, 0 where the scene ended. other_reward, other_affect: what
the other action would have paid, and led to.
"""


class Replay:
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
