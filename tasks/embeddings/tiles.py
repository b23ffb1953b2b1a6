"""Overlapping parts of a picture, each looked at by the same backbone: what is small in the picture is large in a part.

One averaged vector of a whole picture tells the place and not a figure of a tenth of its width. A tile shows that
figure twice and three times as large. Which of the tiles holds it does not matter: their vectors are pooled. The whole
picture's own vector stands before the pooled one, since tiles alone lose the place (`benchmarks/README.md`).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from cinelake.spec.arrays import Array, Floats
from tasks.embeddings.backbones import Backbone
from tasks.shared.pictures import chunks

PICTURES_TOGETHER = 16
"""So many pictures' tiles are in memory at once."""


@dataclass(frozen=True)
class Grid:
    """How many tiles stand side by side, and one above the other."""

    across: int
    down: int

    @classmethod
    def of(cls, text: str) -> Grid:
        """The grid that `3x2` names: three tiles across, two down."""
        across, down = map(int, text.split("x"))
        return cls(across, down)

    def cut(self, picture: Array) -> list[Array]:
        """The tiles of (height, width[, channels]), row by row. Each overlaps half of the next, so that a figure on an
        edge is whole in the next tile; n of them are each 2 / (n + 1) of the picture's side."""
        rows, columns = _spans(picture.shape[0], self.down), _spans(picture.shape[1], self.across)
        return [picture[row, column] for row, column in product(rows, columns)]


def _spans(side: int, count: int) -> list[slice]:
    length = max(1, round(side * 2 / (count + 1)))
    starts = np.linspace(0, side - length, count).round().astype(int)
    return [slice(int(start), int(start) + length) for start in starts]


class TiledBackbone:
    """A backbone that looks at the whole picture and at its tiles; a vector is the whole's, then the tiles' pooled."""

    clip = 0

    def __init__(self, backbone: Backbone, grid: Grid, *, largest: bool):
        """largest: of each number the tiles' largest is kept, else their mean."""
        self._backbone, self._grid = backbone, grid
        self._pool = np.max if largest else np.mean
        self.wants, self.facts = backbone.wants, backbone.facts
        self.features = 2 * backbone.features

    def embed(self, values: list[Array]) -> Floats:
        """(n, 2 d + features) of pictures; what a network saw before it named classes comes last, whole and tiles."""
        return np.concatenate([self._embedded(some) for some in chunks(values, PICTURES_TOGETHER)])

    def _embedded(self, pictures: list[Array]) -> Floats:
        views = [view for picture in pictures for view in (picture, *self._grid.cut(picture))]
        vectors = self._backbone.embed(views)
        vectors = vectors.reshape(len(pictures), -1, vectors.shape[1])  # (pictures, whole and tiles, numbers)
        whole, tiles = vectors[:, 0], np.asarray(self._pool(vectors[:, 1:], axis=1), np.float32)
        named = whole.shape[1] - self._backbone.features
        return np.hstack([whole[:, :named], tiles[:, :named], whole[:, named:], tiles[:, named:]])
