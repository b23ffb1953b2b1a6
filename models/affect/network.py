"""The memory network: a clip's vector, four actions on the memory, the memory cell, the read-out; reward and critic.

    e_t = LSTM(clip's K feature steps), last state
    a_t = μ(e_t, m_{t−1}) = attention over slots (N), forget, insert, content (N × d each)
    m_t = m_{t−1} ⊙ (1 − a_att a_f) + a_att (a_i ⊙ a_c)
    w_t = softmax(FC([e_t, m_t])),  y_t = FC(Σ_n w_t(n) m_t(n))
    r_t = −MAE(y_t, g_t), or where the targets are classes Σ_k g_t(k) log softmax(y_t)(k)

After Zhang, Zhao & Qian, Enlarging the Long-time Dependencies via RL-based Memory Network in Movie Affective Analysis
(ACM MM 2022); the cell is our reading of a formula that was published as a picture, near Graves et al., Neural Turing
Machines (2014). The same code computes with TensorFlow (training) and with NumPy (inference): `ops` are the
operations of one of them.

There are two critics of after-states, each a mean reward from the next clip on:

    value    Q({e_t, m_t}), learned as in the paper: r_t + λ Q′(e_{t+1}, T(m_t, μ′(s_{t+1})))
    line     Q({m_t}; z) = −|z − v(m_t)|: v reads from the memory alone the line that is to come, z is that line as the
             labels have it, so in training the critic knows what the film will be like

`value` sees neither the labels nor, one clip after a cue, the cue: one-step targets average it away, and the policy
learns nothing about long delays (benchmarks/delayed_cue.py prints it). `line` is ours: a critic with hindsight (compare
Pinto et al., Asymmetric actor critic, 2018, and the predictions of Jaderberg et al., UNREAL, 2017). What the memory
holds is worth what of the coming line can be read from it; the policy never sees z.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from cinelake.spec.arrays import Array, Arrays
from models.affect.config import CriticName

Weights = dict[str, Any]
"""Name → array, tensor or variable."""


@dataclass(frozen=True)
class Sizes:
    """Sizes of: a step's features, the targets, the clip's vector, the memory (slots × width), the policy's layer."""

    features: int
    targets: int
    clip: int = 32
    slots: int = 10
    width: int = 16
    hidden: int = 64
    longest: float = 100.0
    """Clips after which the slowest slot has forgotten 1 − 1/e of what it held, as it is before learning."""
    classes: bool = False
    """Whether the targets are classes, one of which holds: softmax turns y into shares."""


class Actions(NamedTuple):
    """What the policy does to the memory; all but content within 0…1, content within −1…1."""

    attention: Any  # (B, N), adds up to 1
    forget: Any  # (B, N, d)
    insert: Any  # (B, N, d)
    content: Any  # (B, N, d)


def start_weights(sizes: Sizes, seed: int) -> Arrays:
    """Weights before learning. Slots begin with time scales of 1 … `longest` clips, evenly spread on a logarithm.

    So some slots follow the clips and others keep what they hold (as in Tallec & Ollivier, Can recurrent neural
    networks warp time?, 2018).
    """
    rng, cells = np.random.default_rng(seed), sizes.slots * sizes.width
    fan = partial(_glorot_uniform, rng)
    scales = np.geomspace(1.0, max(sizes.longest, 1.0), sizes.slots)
    share = np.clip(sizes.slots / scales, 1e-5, 0.9)  # attention is 1/N: a_att a_f is 1/scale
    gates = np.repeat(np.log(share / (1 - share)), sizes.width)
    zeros = np.zeros
    weights = {
        "lstm_x": fan(sizes.features, 4 * sizes.clip), "lstm_h": fan(sizes.clip, 4 * sizes.clip),
        "lstm_b": np.repeat([1.0, 1.0, 0.0, 1.0], sizes.clip),  # input, forget, cell, output: open at first
        "memory": 0.1 * rng.normal(size=(sizes.slots, sizes.width)),
        "hidden": fan(sizes.clip + cells, sizes.hidden), "hidden_b": zeros(sizes.hidden),
        "attention": fan(sizes.hidden, sizes.slots), "attention_b": zeros(sizes.slots),
        "forget": fan(sizes.hidden, cells), "forget_b": gates,
        "insert": fan(sizes.hidden, cells), "insert_b": gates,
        "content": fan(sizes.hidden, cells), "content_b": zeros(cells),
        "read": fan(sizes.clip + sizes.width, 1), "read_b": zeros(sizes.slots),
        "say": fan(sizes.width, sizes.targets), "say_b": zeros(sizes.targets),
    }  # fmt: skip
    return {name: np.asarray(value, np.float32) for name, value in weights.items()}


def _glorot_uniform(rng: np.random.Generator, rows: int, columns: int) -> Array:
    """(rows, columns) weights of a dense layer before learning (Glorot & Bengio 2010)."""
    return (rng.uniform(-1, 1, (rows, columns)) * np.sqrt(6 / (rows + columns))).astype(np.float32)


READ_OUT = ("read", "read_b", "say", "say_b")
"""The weights of the read-out; all others are the policy's, the clip's vector and the memory's start."""


def encode(ops: Any, w: Weights, clips: Any) -> Any:
    """(B, E): the last state of an LSTM over the clip's steps, clips (B, K, F)."""
    h = c = None
    for k in range(clips.shape[1]):
        gates = clips[:, k] @ w["lstm_x"] + w["lstm_b"] + (0.0 if h is None else h @ w["lstm_h"])
        i, f, g, o = ops.split(gates, 4, -1)
        new = ops.sigmoid(i) * ops.tanh(g)
        c = new if c is None else ops.sigmoid(f) * c + new
        h = ops.sigmoid(o) * ops.tanh(c)
    return h


def act(ops: Any, w: Weights, e: Any, m: Any) -> Actions:
    """The policy μ(e_t, m_{t−1}); e (B, E), m (B, N, d)."""
    slots, width = m.shape[1:]
    hidden = ops.tanh(ops.concat([e, ops.reshape(m, (-1, slots * width))], -1) @ w["hidden"] + w["hidden_b"])

    def gate(name: str) -> Any:
        return ops.reshape(hidden @ w[name] + w[f"{name}_b"], (-1, slots, width))

    attention = ops.softmax(hidden @ w["attention"] + w["attention_b"])
    return Actions(attention, ops.sigmoid(gate("forget")), ops.sigmoid(gate("insert")), ops.tanh(gate("content")))


def write(m: Any, actions: Actions) -> Any:
    """The memory cell: m_t (B, N, d)."""
    attention = actions.attention[:, :, None]
    return m * (1 - attention * actions.forget) + attention * (actions.insert * actions.content)


def read(ops: Any, w: Weights, e: Any, m: Any) -> Any:
    """y_t (B, targets): the slots weighed by how they fit the clip, and a layer over their sum."""
    by_clip = e @ w["read"][: e.shape[-1]]  # (B, 1)
    by_slot = (m @ w["read"][e.shape[-1] :])[..., 0]  # (B, N)
    weights = ops.softmax(by_clip + by_slot + w["read_b"])
    return ops.sum(weights[:, :, None] * m, 1) @ w["say"] + w["say_b"]


# --- the reward


def rewarded(ops: Any, sizes: Sizes, predicted: Any, line: Any, known: Any) -> Any:
    """(…,) the reward of a prediction: −MAE, or the log-likelihood of classes. All (…, targets)."""
    return log_likelihood(ops.log_softmax(predicted), line, known) if sizes.classes else reward(predicted, line, known)


def reward(predicted: Any, line: Any, known: Any) -> Any:
    """(…,) −Σ known·|predicted − line| / targets: 0 where nothing is known. All three (…, targets); known is 0 or 1."""
    return -sum_over_last(known * abs(predicted - line))[..., 0] / line.shape[-1]


def log_likelihood(log_shares: Any, line: Any, known: Any) -> Any:
    """(…,) Σ known·line·log_shares: 0 where nothing is known. log_shares: log-probability of each class."""
    return sum_over_last(known * line * log_shares)[..., 0]


def sum_over_last(values: Any) -> Any:
    """(…, 1) sums over the last axis, of NumPy arrays and TensorFlow tensors alike."""
    return values @ np.ones((values.shape[-1], 1), np.float32)


# --- the critic


CRITIC_UNITS = 64
VALUE_RANGE = 2.0
"""`value` is within −2…0: with labels within −1…1 hardly any mean reward is below."""


def start_critic(sizes: Sizes, kind: CriticName, seed: int) -> Arrays:
    """The critic's weights before learning."""
    rng, cells = np.random.default_rng((seed, 1)), sizes.slots * sizes.width
    inputs, outputs = (cells, sizes.targets) if kind == "line" else (sizes.clip + cells, 1)
    fan = partial(_glorot_uniform, rng)
    return {
        "straight": fan(inputs, outputs),
        "hidden": fan(inputs, CRITIC_UNITS), "hidden_b": np.zeros(CRITIC_UNITS, np.float32),
        "out": fan(CRITIC_UNITS, outputs), "out_b": np.zeros(outputs, np.float32),
    }  # fmt: skip


def critic_output(ops: Any, w: Weights, kind: CriticName, e: Any, m: Any) -> Any:
    """(B, targets) the expected line from here on, or (B, 1) the value, −2…0."""
    flat = ops.reshape(m, (-1, m.shape[1] * m.shape[2]))
    x = flat if kind == "line" else ops.concat([e, flat], -1)
    output = x @ w["straight"] + ops.tanh(x @ w["hidden"] + w["hidden_b"]) @ w["out"] + w["out_b"]
    return output if kind == "line" else -VALUE_RANGE * ops.sigmoid(output - 1.0)


def after_state_value(ops: Any, w: Weights, kind: CriticName, e: Any, m: Any, ahead: Any, known: Any) -> Any:
    """(B,) Q of after-states. ahead: z (B, targets); known (B, targets): 1 where z has any labels."""
    output = critic_output(ops, w, kind, e, m)
    if kind == "value":
        return output[:, 0]
    return -ops.sum(known * abs(ahead - output), -1) / ahead.shape[-1]


# --- operations


def numpy_ops() -> Any:
    """The operations in NumPy."""
    from scipy.special import expit, log_softmax, softmax

    return SimpleNamespace(
        split=np.split, sigmoid=expit, tanh=np.tanh, concat=np.concatenate, reshape=np.reshape,
        softmax=lambda x: softmax(x, axis=-1), log_softmax=lambda x: log_softmax(x, axis=-1), sum=np.sum,
    )  # fmt: skip


def tensor_ops(tf: Any) -> Any:
    """The operations in TensorFlow."""
    return SimpleNamespace(
        split=tf.split, sigmoid=tf.sigmoid, tanh=tf.tanh, concat=tf.concat, reshape=tf.reshape,
        softmax=tf.nn.softmax, log_softmax=tf.nn.log_softmax, sum=tf.reduce_sum,
    )  # fmt: skip


def follow(weights: Arrays, clips: Array, forgetful: bool = False) -> tuple[Array, Array]:
    """One pass over a film: y (T, targets), and how much each slot was written, (T, N). clips: (T, K, F).

    forgetful: for every clip the memory is reset to its state at a film's start.
    """
    ops, start = numpy_ops(), weights["memory"][None]
    y, written = np.zeros((len(clips), weights["say"].shape[1])), np.zeros((len(clips), start.shape[1]))
    vectors = encode(ops, weights, clips) if len(clips) else np.zeros((0, 1))
    m = start
    for t in range(len(clips)):
        e = vectors[t : t + 1]
        actions = act(ops, weights, e, start if forgetful else m)
        m = write(start if forgetful else m, actions)
        y[t] = read(ops, weights, e, m)[0]
        written[t] = actions.attention[0] * actions.insert[0].mean(axis=1)
    return y, written
