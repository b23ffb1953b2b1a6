"""The trained agent on a film, all scenes side by side, without chance and without labels; and spans of its steps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.artefact import Artefact
from models.funny.config import Config
from models.funny.environment import ACTIONS, UNDECIDED, cut_scenes, next_vote, pieces_of
from models.funny.features import embeddings
from models.funny.steps import pooled

TOUCHING_S = 1e-6
"""Steps no farther apart than this touch."""


def predict(artefact: Artefact, features: Arrays) -> Arrays:
    """q (T, 2) of not funny and funny, shifted so that the greater one decides; margin (T,), their difference.

    Raises `ModelUnusable` on features of another size than in training.
    """
    x = embeddings(features, artefact.arrays, artefact.config)
    q = act(artefact.run_rows, x, features, artefact.config)
    q = q + np.array([0.5, -0.5], np.float32) * np.float32(artefact.facts["threshold"])
    return {"q": q, "margin": q[:, 1] - q[:, 0]}


def act(run: Callable[[Array], Array], x: Array, features: Arrays, config: Config) -> Array:
    """(T, 2) Q-values of a film's steps with embeddings x (T, d); the better action goes into the affective vector.

    run: the Q-network, (n, d + 2) → (n, 2). A film's scenes are as long as those that the agent learned in.
    """
    scenes = cut_scenes(pieces_of(features), config.scene_steps)
    q = np.zeros((len(x) + 1, len(ACTIONS)), np.float32)
    padded = np.concatenate([x, np.zeros((1, x.shape[1]), np.float32)])
    affect = np.tile(np.array([UNDECIDED], np.float32), (len(scenes), 1))
    for steps in scenes.T if len(x) else []:
        q[steps] = run(np.concatenate([padded[steps], affect], axis=1))
        actions = np.eye(len(ACTIONS), dtype=np.float32)[q[steps].argmax(axis=1)]
        affect = next_vote(affect, actions, config.alpha)
    return q[:-1]


# --- spans


def merge_steps(starts: Array, ends: Array, q: Array, seen: Array) -> Arrays:
    """Spans of steps from `starts` to `ends` (T,), in seconds, with Q-values (T, 2) of not funny and funny.

    start_s, end_s, q_funny, q_not_funny (the means of its steps, by their lengths), is_funny, each (spans,). Steps of
    which nothing is seen belong to no span; where lines overlap, the later begins when the earlier has ended.
    """
    begins = np.maximum(starts, np.append(-np.inf, np.maximum.accumulate(ends)[:-1]) if len(ends) else starts)
    kept = seen & (ends > begins + TOUCHING_S)
    return _runs(begins[kept], ends[kept], q[kept])


def merge_shots(steps: Arrays, q: Array, start_s: Array, end_s: Array) -> Arrays:
    """Spans of whole shots from `start_s` to `end_s` (shots,), each with the mean Q-values of the steps in it."""
    seen = steps["seen"]
    mean, seen_shots = pooled(start_s, end_s, steps["time_s"][seen], steps["end_s"][seen], q[seen])
    return merge_steps(start_s, end_s, mean, seen_shots)


def _runs(starts: Array, ends: Array, q: Array) -> Arrays:
    funny = q[:, 1] > q[:, 0]
    breaks = (funny[1:] != funny[:-1]) | (starts[1:] > ends[:-1] + TOUCHING_S)
    first = np.append(0, 1 + np.flatnonzero(breaks)) if len(q) else np.zeros(0, int)
    last = np.append(first[1:], len(q))[: len(first)] - 1
    lengths = (ends - starts)[:, None]
    weighted = np.concatenate([q * lengths, lengths], axis=1)
    sums = np.add.reduceat(weighted, first, axis=0) if len(q) else weighted
    means = (sums[:, :2] / sums[:, 2:]).astype(np.float32)
    return {
        "start_s": starts[first],
        "end_s": ends[last],
        "q_funny": means[:, 1],
        "q_not_funny": means[:, 0],
        "is_funny": funny[first],
    }
