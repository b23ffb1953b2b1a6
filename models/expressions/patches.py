"""Patches of faces as the networks see them, and as training varies them."""

from __future__ import annotations

import numpy as np

from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.task import TableReader
from models.expressions.networks import SIDE

TURN_DEG, ZOOM, SHIFT_PX = 12.0, 0.1, 4.0
DARKEST, HIDDEN_PX, HIDDEN_SHARE = 0.4, 16, 0.25
"""How far training varies a patch at strength 1: see `vary`."""


def faces_of(faces: TableReader) -> Arrays:
    """time_s, frame, face, is_main (T,) and patch (T, 48, 48) uint8, of table `faces`, in its order."""
    names = ["time_s", "frame", "face", "is_main"]
    columns: dict[str, list[Array]] = {name: [] for name in names}
    patches: list[Array] = [np.zeros((0, SIDE, SIDE), np.uint8)]
    for batch in faces.batches([*names, "patch"]):
        for name, parts in columns.items():
            parts.append(batch[name].to_numpy(zero_copy_only=False))
        patches.append(batch["patch"].flatten().to_numpy().reshape(-1, SIDE, SIDE))
    empty = {"time_s": np.zeros(0), "is_main": np.zeros(0, bool)}
    found = {n: np.concatenate(parts) if parts else empty.get(n, np.zeros(0, int)) for n, parts in columns.items()}
    return {**found, "patch": np.concatenate(patches)}


def mirrored(patches: Array) -> Array:
    """(…, 48, 48), left and right exchanged."""
    return patches[:, :, ::-1]


def vary(patches: Array, rng: np.random.Generator, strength: float = 1.0) -> Array:
    """(B, 48, 48) float32 in 0 … 255: each mirrored or not, turned, nearer or farther, moved, in another contrast.

    strength 1: up to 12°, a tenth nearer or farther, 4 pixels; exponents of the grey levels of e^±0.4; on a quarter
    of the patches a square of up to 16 pixels hidden. 0: as they are.
    """
    if not strength:
        return patches.astype(np.float32)
    moves = _moves(len(patches), rng, strength)
    moved = np.stack([_moved(patch, move) for patch, move in zip(patches, moves, strict=True)])
    exponents = np.exp(strength * DARKEST * rng.uniform(-1, 1, (len(patches), 1, 1)))
    lit = 255 * (moved.astype(np.float32) / 255) ** exponents.astype(np.float32)
    _hide(lit, rng, strength)
    return lit


def _moves(count: int, rng: np.random.Generator, strength: float) -> Array:
    """(B, 2, 3) affine maps around the middle."""
    middle = (SIDE - 1) / 2
    turn = np.radians(strength * TURN_DEG * rng.uniform(-1, 1, count))
    zoom = np.exp(strength * ZOOM * rng.uniform(-1, 1, count))
    side = np.where(rng.random(count) < 0.5, -1.0, 1.0)
    rows = [[side * zoom * np.cos(turn), zoom * np.sin(turn)], [-side * zoom * np.sin(turn), zoom * np.cos(turn)]]
    linear = np.moveaxis(np.array(rows), -1, 0)
    there = middle + strength * SHIFT_PX * rng.uniform(-1, 1, (count, 2))
    return np.concatenate([linear, (there - linear @ [middle, middle])[:, :, None]], axis=2)


def _moved(patch: Array, matrix: Array) -> Array:
    import cv2

    return np.asarray(cv2.warpAffine(patch, matrix, (SIDE, SIDE), borderMode=cv2.BORDER_REFLECT))


def _hide(patches: Array, rng: np.random.Generator, strength: float) -> None:
    """Put each chosen patch's mean grey into a square somewhere, in place (Zhong et al., random erasing, 2017)."""
    for row in np.flatnonzero(rng.random(len(patches)) < strength * HIDDEN_SHARE):
        side = int(rng.integers(4, HIDDEN_PX + 1))
        top, left = rng.integers(0, SIDE - side + 1, 2)
        patches[row, top : top + side, left : left + side] = patches[row].mean()
