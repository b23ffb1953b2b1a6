"""Pictures of `frames` as the regions head sees them: small; in training moved, mirrored and re-lit at random."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from cinelake.learning.fitting import Batches
from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.task import TableReader

WIDTH, HEIGHT = 160, 90
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def pictures_of(frames: TableReader) -> Arrays:
    """time_s (T,), frame (T,), shot (T,) and picture (T, 90, 160, 3) uint8 RGB, squeezed to one size."""
    columns: dict[str, list[Array]] = {"time_s": [], "frame": [], "shot": []}
    pictures: list[Array] = []
    for batch in frames.batches([*columns, "jpeg"]):
        for name, parts in columns.items():
            parts.append(batch[name].to_numpy(zero_copy_only=False))
        pictures += [_small(jpeg.as_py()) for jpeg in batch["jpeg"]]
    found = {name: np.concatenate(parts) if parts else np.zeros(0) for name, parts in columns.items()}
    return {**found, "picture": np.stack(pictures) if pictures else np.zeros((0, HEIGHT, WIDTH, 3), np.uint8)}


def _small(jpeg: bytes) -> Array:
    import cv2

    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    return cv2.cvtColor(cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2RGB)


def drawn_batches(x: Array, y: Array, weight: Array, *, batch_size: int, seed: int, varied: float) -> Batches:
    """Batches of an epoch in an order, and with variations, drawn from the seed and the epoch's number."""

    def batches(epoch: int) -> Iterator[tuple[Array, Array, Array]]:
        rng = np.random.default_rng((seed, epoch))
        order = rng.permutation(len(x))
        for start in range(0, len(order), batch_size):
            chosen = np.sort(order[start : start + batch_size])
            yield vary(x[chosen], rng, varied), y[chosen], weight[chosen]

    return batches


def vary(pictures: Array, rng: np.random.Generator, strength: float) -> Array:
    """(B, h, w, 3) float32 in 0…255: mirrored, nearer or farther, elsewhere, in another light and colour.

    strength: 0 changes nothing; 1: up to a third nearer or farther, up to a third brighter or darker.
    """
    if not strength:
        return pictures.astype(np.float32)
    moved = np.stack([_moved(picture, rng, strength) for picture in pictures]).astype(np.float32)
    rows = (len(moved), 1, 1)
    light = rng.uniform(-0.3, 0.3, (*rows, 1)) + rng.uniform(-0.1, 0.1, (*rows, 3))
    saturation = 1 + strength * rng.uniform(-0.25, 0.25, (*rows, 1))
    grey = (moved @ _LUMA)[..., None]
    relit = (grey + (moved - grey) * saturation.astype(np.float32)) * np.exp(strength * light).astype(np.float32)
    return np.clip(relit, 0, 255, out=relit)


def _moved(picture: Array, rng: np.random.Generator, strength: float) -> Array:
    import cv2

    height, width = picture.shape[:2]
    zoom = np.exp(strength * rng.uniform(-0.3, 0.3))
    dx, dy = (1 - zoom) * width * rng.uniform(), (1 - zoom) * height * rng.uniform()
    matrix = np.array([[zoom, 0, dx], [0, zoom, dy]])
    if rng.uniform() < 0.5:
        matrix[0] = [-zoom, 0, width - 1 - dx]
    return cv2.warpAffine(picture, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)
