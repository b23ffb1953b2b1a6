"""Two critics of after-states, each a mean reward from the next clip on, and their targets.

    value    Q({e_t, m_t}), learned as in the paper: r_t + λ Q′(e_{t+1}, T(m_t, μ′(s_{t+1})))
    line     Q({m_t}; z) = −|z − v(m_t)|: v reads from the memory alone the line that is to come, z is that line as the
             labels have it, so in training the critic knows what the film will be like

`value` sees neither the labels nor, one clip after a cue, the cue: one-step targets average it away, and the policy
learns nothing about long delays (benchmarks/delayed_cue.py prints it). `line` is ours: a critic with hindsight (compare
Pinto et al., Asymmetric actor critic, 2018, and the predictions of Jaderberg et al., UNREAL, 2017). What the memory
holds is worth what of the coming line can be read from it; the policy never sees z.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from cinelake.spec.arrays import Array, Arrays
from models.affect.memory import Sizes, Weights

Kind = Literal["line", "value"]
UNITS = 64
WORST = 2.0
"""No mean reward of labels within −1…1 is worse than −2 by far: the range of `value`."""


def start_critic(sizes: Sizes, kind: Kind, seed: int) -> Arrays:
    """The critic's weights before learning."""
    rng, cells = np.random.default_rng((seed, 1)), sizes.slots * sizes.width
    inputs, outputs = (cells, sizes.targets) if kind == "line" else (sizes.clip + cells, 1)

    def fan(rows: int, columns: int) -> Array:
        return (rng.uniform(-1, 1, (rows, columns)) * np.sqrt(6 / (rows + columns))).astype(np.float32)

    return {
        "straight": fan(inputs, outputs), "hidden": fan(inputs, UNITS), "hidden_b": np.zeros(UNITS, np.float32),
        "out": fan(UNITS, outputs), "out_b": np.zeros(outputs, np.float32),
    }  # fmt: skip


def opinion(ops: Any, w: Weights, kind: Kind, e: Any, m: Any) -> Any:
    """(B, targets) the line that is to come, or (B, 1) the value, −2…0."""
    flat = ops.reshape(m, (-1, m.shape[1] * m.shape[2]))
    x = flat if kind == "line" else ops.concat([e, flat], -1)
    said = x @ w["straight"] + ops.tanh(x @ w["hidden"] + w["hidden_b"]) @ w["out"] + w["out_b"]
    return said if kind == "line" else -WORST * ops.sigmoid(said - 1.0)


def value(ops: Any, w: Weights, kind: Kind, e: Any, m: Any, ahead: Any, there: Any) -> Any:
    """(B,) Q of after-states. ahead: z (B, targets); there (B, targets): 1 where something is to come."""
    said = opinion(ops, w, kind, e, m)
    if kind == "value":
        return said[:, 0]
    return -ops.sum(there * abs(ahead - said), -1) / ahead.shape[-1]
