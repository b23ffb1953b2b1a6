"""Persons as centroids: the gallery's by name, all others by number, `person_1` …, kept from version to version.

A person whom people named, or put together from two, may look like nobody else only part by part: a name may have
several centroids.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from cinelake.spec.arrays import Array
from models.identities.features import unit

NUMBERED = re.compile(r"person_([1-9]\d*)")
MAX_TRACKS = 8000
"""Tracks that are clustered together: their distances are 0.25 GB."""


@dataclass(frozen=True)
class People:
    """names (n,) and centroids (n, d) at length 1."""

    names: tuple[str, ...]
    centroids: Array

    def __add__(self, other: People) -> People:
        return People(self.names + other.names, np.concatenate([self.centroids, other.centroids]))

    def only(self, chosen: Sequence[int]) -> People:
        """Those at these places."""
        return People(tuple(self.names[i] for i in chosen), self.centroids[list(chosen)])

    def numbered(self) -> People:
        """Those without a name of their own."""
        return self.only([i for i, name in enumerate(self.names) if NUMBERED.fullmatch(name)])


def nobody(size: int) -> People:
    """No people."""
    return People((), np.zeros((0, size), np.float32))


def gallery_of(embedding: Array, names: Array, likeness: float) -> People:
    """Each name's centroids: the mean of that person's faces, or of each group of them that is alike."""
    cast = sorted({str(name) for name in names if name})
    found = [(name, means_of_groups(embedding[names == name], likeness)) for name in cast]
    if not found:
        return nobody(embedding.shape[1])
    repeated = tuple(name for name, means in found for _ in means)
    return People(repeated, np.concatenate([means for _, means in found]))


def means_of_groups(vectors: Array, likeness: float) -> Array:
    """(k, d) the mean of each group of vectors that are alike; of more than `MAX_TRACKS` the mean of all."""
    if len(vectors) > MAX_TRACKS:
        return unit(vectors.mean(axis=0, keepdims=True))
    return groups_of(vectors, likeness, 1, np.ones(len(vectors)))


def assign(vectors: Array, people: People, likeness: float) -> tuple[Array, Array]:
    """Name ('' below `likeness`) and cosine of the nearest centroid, for each vector (n, d)."""
    if not people.names or not len(vectors):
        return np.full(len(vectors), "", dtype=np.str_), np.zeros(len(vectors))
    alike = vectors @ people.centroids.T
    best = alike.argmax(axis=1)
    cosine = alike[np.arange(len(best)), best]
    names = [people.names[i] if value >= likeness else "" for i, value in zip(best, cosine, strict=True)]
    return np.array(names, dtype=np.str_), cosine


def groups_of(vectors: Array, likeness: float, min_faces: int, weights: Array) -> Array:
    """(k, d) centroids of groups of vectors that are alike: average linkage on cosine distance.

    weights (n,): faces of each vector's track; groups with fewer than `min_faces` faces are strangers and left out.
    Of more than `MAX_TRACKS` tracks, those with the most faces are grouped. The largest group comes first.
    """
    from sklearn.cluster import AgglomerativeClustering

    if len(vectors) > MAX_TRACKS:
        most = np.sort(np.argsort(-weights, kind="stable")[:MAX_TRACKS])
        vectors, weights = vectors[most], weights[most]
    if len(vectors) < 2:
        group = np.zeros(len(vectors), int)
    else:
        settings = {"n_clusters": None, "metric": "cosine", "linkage": "average"}
        group = AgglomerativeClustering(**settings, distance_threshold=1 - likeness).fit_predict(vectors)
    sizes = np.bincount(group, weights) if len(group) else np.zeros(0)
    kept = [g for g in np.argsort(-sizes, kind="stable") if sizes[g] >= min_faces]
    means = [np.average(vectors[group == g], axis=0, weights=weights[group == g]) for g in kept]
    return unit(np.stack(means)) if means else np.zeros((0, vectors.shape[1]), np.float32)


def inherit(centroids: Array, before: People, likeness: float, taken: Collection[str] = ()) -> People:
    """Numbers for new centroids: an earlier person's where they are alike (Hungarian matching), else new ones.

    Earlier persons who were not met again stay, so that a number is never given to somebody else. taken: names that
    people gave, and numbers of those who have a name by now: nobody else gets them.
    """
    from scipy.optimize import linear_sum_assignment

    before = before.numbered()
    before = before.only([i for i, name in enumerate(before.names) if name not in taken])
    names = [""] * len(centroids)
    if len(centroids) and before.names:
        alike = centroids @ before.centroids.T
        for new, old in zip(*linear_sum_assignment(alike, maximize=True), strict=True):
            names[new] = before.names[old] if alike[new, old] >= likeness else ""
    known = (NUMBERED.fullmatch(name) for name in (*before.names, *taken))
    number = max([int(match[1]) for match in known if match], default=0)
    for place, name in enumerate(names):
        if not name:
            number += 1
            names[place] = f"person_{number}"
    absent = before.only([i for i, name in enumerate(before.names) if name not in names])
    return People(tuple(names), np.asarray(centroids, np.float32)) + absent
