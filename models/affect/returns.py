"""What acting on the memory is worth: pure functions, the same for NumPy arrays and TensorFlow tensors.

r_t = −MAE(y_t, g_t)                                    the reward of clip t
r_t = Σ_k g_t(k) log softmax(y_t)(k)                    the same where the targets are classes
r_t + λ Q′(e_{t+1}, T(m_t, μ′(s_{t+1})))                the critic's target, of the after-state {e_t, m_t}
z_t = Σ_k λ^k g_{t+k} / Σ_k λ^k, over labelled clips    the line that is still to come from clip t on

After Lillicrap et al., Continuous control with deep reinforcement learning (2015), and Sutton & Barto (2018), ch. 6.8
on after-states. Returns are divided by how many labelled clips they count (Σ λ^k), so that a value stays within the
range of one reward whatever the discount, and gaps in the labels neither reward nor punish.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cinelake.spec.arrays import Array


def reward(said: Any, line: Any, known: Any) -> Any:
    """(…,) −Σ known·|said − line| / targets: 0 where nothing is known. All three (…, targets); known is 0 or 1."""
    return -_mean(known * abs(said - line))


def log_likelihood(log_shares: Any, line: Any, known: Any) -> Any:
    """(…,) Σ known·line·log_shares: 0 where nothing is known. log_shares: logarithms of what is said of each class."""
    return _sum(known * line * log_shares)[..., 0]


def one_step_target(rewards: Any, ahead: Any, discount: float, value_ahead: Any) -> Any:
    """The mean reward from this clip on: (r + λ n′ Q′) / n, where n = known + λ n′ labelled clips are counted.

    rewards: r, already divided by nothing. ahead: (n, n′), the discounted counts from this clip and from the next.
    value_ahead: Q′ of the next after-state, a mean reward. 0 where nothing is to come.
    """
    now, then = ahead
    return (rewards + discount * then * value_ahead) / (now + 1e-9)


def line_ahead(line: Array, known: Array, discount: float) -> tuple[Array, Array]:
    """z (T + 1, targets), the discounted mean of the labels from each clip on, and n, how many it counts.

    line, known: (T, targets). The last row is of the film's end: nothing is to come, z = n = 0.
    """
    total, count = np.zeros((len(line) + 1, line.shape[1])), np.zeros((len(line) + 1, line.shape[1]))
    for t in range(len(line) - 1, -1, -1):
        total[t] = known[t] * line[t] + discount * total[t + 1]
        count[t] = known[t] + discount * count[t + 1]
    return np.divide(total, count, out=np.zeros_like(total), where=count > 0), count


def moved_towards(target: Any, source: Any, tau: float) -> Any:
    """Polyak's average: τ source + (1 − τ) target."""
    return tau * source + (1 - tau) * target


def renormalised(attention: Any, floor: float = 1e-6) -> Any:
    """Attention after noise and clipping, divided by its sum over the slots (the last axis)."""
    return (attention + floor) / _sum(attention + floor)


def _mean(values: Any) -> Any:
    return _sum(values)[..., 0] / values.shape[-1]


def _sum(values: Any) -> Any:
    """Sum over the last axis, which stays."""
    return values @ np.ones((values.shape[-1], 1), np.float32)
