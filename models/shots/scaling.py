"""Inputs of several kinds as one vector per shot: scaled on the training part, with what is around the shot beside it.

Each kind counts the same: it is centred and scaled so that its vectors have one length on average. Embeddings keep the
proportions between their numbers; the numbers of other kinds are brought to one deviation first.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cinelake.lake.spill import joined
from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.example import Example
from models.shots.inputs import ShotInput, arrays_of

AS_THEY_ARE = ("picture", "place", "subtitles")
"""Kinds whose numbers have one unit."""
MIN_DEVIATION = 1e-3
LENGTH = 10.0
"""The mean length of each kind's vectors: their numbers are then of a size that networks learn from."""
SIMILARITY = 0.3
"""How alike two shots must be to lend each other their features: squared distance in units of the spread."""


def learn_scaling(examples: Sequence[Example], kinds: Sequence[ShotInput]) -> Arrays:
    """Centre and scale of each kind over the examples' known shots, as `KIND_centre` and `KIND_scale`, each (d,)."""
    scaling: Arrays = {}
    for kind in arrays_of(kinds):
        rows = joined(examples, kind)
        centre, spread = rows.mean(axis=0), rows.std(axis=0)
        if kind in AS_THEY_ARE:
            scale = np.full(rows.shape[1], max(float(np.sqrt((spread**2).sum())), MIN_DEVIATION))
        else:
            scale = (spread + MIN_DEVIATION) * np.sqrt(rows.shape[1])
        scaling |= {f"{kind}_centre": centre.astype(np.float32), f"{kind}_scale": scale.astype(np.float32)}
    return scaling


def shot_vectors(features: Arrays, scaling: Arrays, kinds: Sequence[ShotInput], context: int) -> Array:
    """(T, D) the scaled kinds side by side; with `context` > 0 twice: the shot's own, and those of shots like it.

    context: how many shots before and after may count; they do as far as their pictures resemble the shot's.
    """
    parts = {kind: (features[kind] - scaling[f"{kind}_centre"]) / scaling[f"{kind}_scale"] for kind in arrays_of(kinds)}
    own = LENGTH * np.concatenate(list(parts.values()), axis=1).astype(np.float32)
    if not context or not len(own):
        return own
    looks = parts.get("place", parts.get("picture", own))
    return np.concatenate([own, alike(looks, context) @ own], axis=1).astype(np.float32)


def compared_shots(
    films: Sequence[Arrays], kinds: Sequence[ShotInput], kept: Sequence[Array] | None = None
) -> list[Array]:
    """One (T, D) array a film, of all kinds scaled over all films: shots that look alike lie near each other.

    kept: (T,) bool of each film, the shots that count for the scaling; all unless given.
    """
    counting = [np.ones(len(film["time_s"]), bool) for film in films] if kept is None else kept
    examples = [Example("", "", film, {"known": k}) for film, k in zip(films, counting, strict=True)]
    scaling = learn_scaling(examples, kinds)
    return [shot_vectors(film, scaling, kinds, 0) for film in films]


def alike(looks: Array, reach: int, similarity: float = SIMILARITY) -> Array:
    """(T, T) weights that sum to 1 in each row: exp(−d² / similarity) for shots at most `reach` apart, else 0.

    looks: (T, d) vectors whose squared distances d² are in units of the spread.
    """
    squares = (looks**2).sum(axis=1)
    distances = np.maximum(squares[:, None] + squares - 2 * looks @ looks.T, 0)
    apart = np.abs(np.arange(len(looks))[:, None] - np.arange(len(looks)))
    weights = np.where(apart <= reach, np.exp(-distances / similarity), 0)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)
