"""The world in which the agent of `funny` acts: what it has said so far, and what it is paid. Pure functions.

The publication leaves its functions G (the next affective vector) and H (the reward) and its parameter α open; these
are ours. All of them are plain arithmetic: they take NumPy arrays and tensors, one step of many scenes at once.

    a(t+1) = (1 − α) a(t) + α s(t)             s(t): the label where there is one, else the agent's own action
    v(t+1) = (1 − α) v(t) + α onehot(A(t))     the vote so far: its own actions alone
    R(t)   = k(t) c(F) [ (1 − w) agree(A(t), F) + w agree(v(t+1), F) ],   agree(p, F) = 2 p·onehot(F) − 1

k(t) is 1 where a label F is known and 0 elsewhere: without a label nothing is paid. c(F) weighs the rarer class.
"""

from __future__ import annotations

from typing import Any

ACTIONS = ("not_funny", "funny")
"""What the agent can say of a step; the columns of its Q-values and of its affective vector."""
UNDECIDED = (0.5, 0.5)
"""The affective vector, and the vote, with which a scene begins."""


def next_affect(affect: Any, action: Any, label: Any, annotated: Any, alpha: float) -> Any:
    """a(t+1) of scenes (N, 2) after actions and labels, both one-hot (N, 2).

    annotated: (N, 1), 1 where the label is shown to the agent in place of its own action.
    """
    shown = annotated * label + (1.0 - annotated) * action
    return (1.0 - alpha) * affect + alpha * shown


def next_vote(vote: Any, action: Any, alpha: float) -> Any:
    """v(t+1) of scenes (N, 2): as the affective vector, of the agent's own actions alone."""
    return (1.0 - alpha) * vote + alpha * action


def reward(action: Any, vote: Any, label: Any, worth: Any, vote_weight: float) -> Any:
    """R(t) (N,) of one-hot actions, votes and one-hot labels (N, 2).

    worth: (N,) what a right answer is worth, 0 where no label is known. vote_weight: w.
    """
    own = 2.0 * _agreement(action, label) - 1.0
    so_far = 2.0 * _agreement(vote, label) - 1.0
    return worth * ((1.0 - vote_weight) * own + vote_weight * so_far)


def _agreement(shares: Any, label: Any) -> Any:
    product = shares * label
    return product[..., 0] + product[..., 1]


def n_step_returns(rewards: Any, gamma: float, steps: int) -> list[Any]:
    """Σ_{k < n} γ^k R(t + k) for each step of a scene; rewards: one entry (N,) per step, 0 behind a scene's end."""
    length = len(rewards)
    return [
        sum((gamma**k * rewards[t + k] for k in range(1, min(steps, length - t))), rewards[t]) for t in range(length)
    ]


def q_targets(returns: Any, discount: Any, next_online: Any, next_target: Any, *, double: bool) -> Any:
    """(N,) what Q(s, A) should be: returns + discount · Q′(s′, A*).

    discount: γ^n, or 0 where the scene ends. next_online, next_target: (N, 2) Q-values of the next state by both
    networks. A* is the best action by the target network (Mnih et al. 2015), or with `double` by the network that
    learns (van Hasselt et al. 2016).
    """
    judge = next_online if double else next_target
    funny_is_better = _as_number(judge[..., 1] > judge[..., 0], next_target)
    best = funny_is_better * next_target[..., 1] + (1.0 - funny_is_better) * next_target[..., 0]
    return returns + discount * best


def _as_number(decided: Any, like: Any) -> Any:
    if hasattr(decided, "astype"):
        return decided.astype(like.dtype)
    import tensorflow as tf

    return tf.cast(decided, like.dtype)


def decayed(epsilon: float, decay: float, least: float, scenes: int) -> float:
    """ε after so many scenes: multiplied by `decay` for each, never below `least`."""
    return max(least, epsilon * decay**scenes)
