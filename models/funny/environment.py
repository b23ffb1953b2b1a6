"""The world in which the agent of `funny` acts: scenes of films, its state, and its reward. Pure functions.

The publication leaves its functions G (the next affective vector) and H (the reward) and its parameter α open; these
are ours. They are plain arithmetic on NumPy arrays and on tensors alike, one step of many scenes at once.

    a(t+1) = (1 − α) a(t) + α s(t)             s(t): the label where there is one, else the agent's own action
    v(t+1) = (1 − α) v(t) + α onehot(A(t))     the vote so far: its own actions alone
    R(t)   = k(t) c(F) [ (1 − w) agree(A(t), F) + w agree(v(t+1), F) ],   agree(p, F) = 2 p·onehot(F) − 1

k(t) is 1 where a label F is known and 0 elsewhere: without a label there is no reward. c(F) weighs the rarer class.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cinelake.lake.spill import joined
from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.example import Example
from models.funny.config import Config
from models.funny.features import embeddings

ACTIONS = ("not_funny", "funny")
"""What the agent can decide of a step; the columns of its Q-values and of its affective vector."""
UNDECIDED = (0.5, 0.5)
"""The affective vector, and the vote, with which a scene begins."""


# --- scenes


@dataclass(frozen=True)
class Scenes:
    """What there is to play. x: (S + 1, d) embeddings, the last row zeros, for steps beyond a scene's end.

    label: (S + 1,) 1: funny. worth: (S + 1,) what a right answer is worth, 0 without a label. rows: (N, T) each scene's
    steps as rows of x, S beyond its end.
    """

    x: Array
    label: Array
    worth: Array
    rows: Array


def make_scenes(examples: Sequence[Example], scaling: Arrays, config: Config) -> Scenes:
    """The scenes of all examples. The rarer class is worth more, by `balance`."""
    x = np.concatenate([embeddings(example.features, scaling, config) for example in examples])
    label = joined(examples, "funny", of="targets", known=False).astype(np.float32)
    known = joined(examples, "known", of="targets", known=False)
    rows, before = [], 0
    for example in examples:
        own = cut_scenes(pieces_of(example.features), config.scene_steps)
        rows.append(np.where(own < len(example), own + before, len(x)))
        before += len(example)
    worth = known * class_worth(label, known, config.balance)
    nothing = np.zeros((1, x.shape[1]), np.float32)
    return Scenes(np.concatenate([x, nothing]), np.append(label, 0.0), np.append(worth, 0.0), np.concatenate(rows))


def cut_scenes(pieces: Array, length: int) -> Array:
    """(N, length) each scene's steps; T beyond its end. A piece is cut into scenes of at most `length` steps."""
    count = len(pieces)
    starts = np.append(0, 1 + np.flatnonzero(pieces[1:] != pieces[:-1])) if count else np.zeros(0, int)
    ends = np.append(starts[1:], count)[: len(starts)]
    begins = [begin for start, end in zip(starts, ends, strict=True) for begin in range(start, end, length)]
    stops = [end for start, end in zip(starts, ends, strict=True) for _ in range(start, end, length)]
    steps = np.array(begins, int)[:, None] + np.arange(length)[None]
    return np.where(steps < np.array(stops, int)[:, None], steps, count)


def pieces_of(features: Arrays) -> Array:
    """(T,) numbers of the pieces over whose borders no scene goes; the whole film is one where there are none."""
    return features.get("piece", np.zeros(len(features["time_s"]), int))


def class_worth(label: Array, known: Array, balance: float) -> Array:
    """(T,) what an answer is worth: 1 at balance 0; at 1 both classes are worth the same together, the mean is 1."""
    rate = min(max(float(label[known].mean()), 1e-6), 1 - 1e-6) if known.any() else 0.5
    even = np.where(label > 0.5, 0.5 / rate, 0.5 / (1 - rate))
    return np.asarray((1 - balance) + balance * even, np.float32)


def draw_scenes(scenes: Scenes, count: int, seed: int, number: int) -> Array:
    """`count` scenes that hold a label, the `number`-th draw: all of them once before any comes again."""
    labelled = np.flatnonzero((scenes.worth[scenes.rows] > 0).any(axis=1))
    places = np.arange(number * count, (number + 1) * count)
    rounds = [np.random.default_rng((seed, r)).permutation(labelled) for r in np.unique(places // len(labelled))]
    first = places[0] // len(labelled) * len(labelled)
    return np.asarray(np.concatenate(rounds)[places - first])


# --- state and reward


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


# --- returns and targets


def n_step_returns(rewards: Any, gamma: float, steps: int) -> list[Any]:
    """Σ_{k < n} γ^k R(t + k) for each step of a scene; rewards: one entry (N,) per step, 0 beyond a scene's end."""
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
    chooser = next_online if double else next_target
    funny_is_better = _as_number(chooser[..., 1] > chooser[..., 0], next_target)
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
