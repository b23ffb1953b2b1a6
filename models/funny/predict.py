"""The trained agent on a film: all its scenes side by side, without chance and without labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from cinelake.spec.arrays import Array, Arrays
from models.funny.environment import ACTIONS, UNDECIDED, next_vote
from models.funny.scenes import cut_scenes, pieces_of

if TYPE_CHECKING:
    from models.funny import Config


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
        said = np.eye(len(ACTIONS), dtype=np.float32)[q[steps].argmax(axis=1)]
        affect = next_vote(affect, said, config.alpha)
    return q[:-1]
