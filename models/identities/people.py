"""Persons as centroids: the gallery's by name, all others by number, `person_1` …, kept from version to version.

A person whom people named, or put together from two, may look like nobody else only part by part: a name may have
several centroids.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from cinelake.spec.arrays import Array
from models.identities.features import unit

NUMBERED = re.compile(r"person_([1-9]\d*)")
LOOKS = 1.25
"""Means of two looks of one person are alike by so many times `likeness` or more."""
MAX_TRACKS = 8000
"""Tracks that are clustered together: their distances are 0.25 GB."""


@dataclass(frozen=True)
class People:
    """names (n,) and centroids (n, d): the mean of a person's vectors, each of length 1, and not lengthened itself.

    So its product with a vector is the mean cosine to all that it was made of, as people are grouped by it. The mean at
    length 1 is nearer to everybody, the more so the less its own vectors are alike: strangers too.
    """

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
        return vectors.mean(axis=0, keepdims=True)
    return groups_of(vectors, likeness, 1, np.ones(len(vectors)))


SeenTogether = Mapping[int, Collection[int]]
"""Row → the rows that are another person: faces of one picture."""


def assign(
    vectors: Array,
    people: People,
    likeness: float,
    apart: SeenTogether = MappingProxyType({}),
    said: Mapping[int, Collection[str]] = MappingProxyType({}),
) -> tuple[Array, Array]:
    """Name ('' where nobody is alike enough) and mean cosine to the nearest person's vectors, for each vector (n, d).

    Somebody is who is alike to a person's vectors on average, and `clearly` so to the middle of them.
    Of rows that are apart only the one that is most alike gets a person; another gets the next person who is alike
    enough, or none. said: row → names that people gave it, which nobody beside it gets.
    """
    if not people.names or not len(vectors):
        return np.full(len(vectors), "", dtype=np.str_), np.zeros(len(vectors))
    alike = vectors @ people.centroids.T
    is_one = (alike >= likeness) & (vectors @ unit(people.centroids).T >= clearly(likeness))
    best = np.where(is_one, alike, alike - 2).argmax(axis=1)
    rows = np.arange(len(best))
    cosine = alike[rows, best].astype(np.float64)
    names = np.where(is_one[rows, best], np.array(people.names, "O")[best], "")
    contested = [row for row in sorted(apart) if row not in said]
    claims = [(-alike[row, i], row, i) for row in contested for i in np.flatnonzero(is_one[row])]
    names[contested] = ""
    holds: dict[int, Collection[str]] = dict(said)
    for negative, row, i in sorted(claims):
        name = people.names[i]
        if row not in holds and not any(name in holds.get(other, ()) for other in apart[row]):
            holds[row], names[row], cosine[row] = (name,), name, -negative
    return names.astype(np.str_), cosine


def groups_of(vectors: Array, likeness: float, min_faces: int, weights: Array) -> Array:
    """(k, d) centroids of groups of vectors that are alike, see `grouped`; the largest group comes first."""
    groups = grouped(vectors, likeness, min_faces, weights)
    return centroids_of(vectors, groups, weights)


def centroids_of(vectors: Array, groups: Sequence[Array], weights: Array) -> Array:
    """(k, d) weighted means of groups of rows."""
    means = [np.average(vectors[rows], axis=0, weights=weights[rows]) for rows in groups]
    return np.asarray(means, np.float32).reshape(len(means), vectors.shape[1])


def grouped(
    vectors: Array, likeness: float, min_faces: int, weights: Array, apart: SeenTogether = MappingProxyType({})
) -> list[Array]:
    """Rows of each group of vectors that are alike, largest first: average linkage on cosine distance.

    A group is parted where nobody of one part is `clearly` alike to anybody of another: of strangers many are somewhat
    alike, and the mean of a few such pairs makes no person.
    weights (n,): faces of each vector's track; groups with fewer than `min_faces` faces are strangers and left out.
    Rows that are apart are never in one group, however many others stand between them. Of more than `MAX_TRACKS`
    tracks, those with the most faces are grouped.
    """
    from scipy.cluster.hierarchy import fcluster, linkage

    most = np.sort(np.argsort(-weights, kind="stable")[:MAX_TRACKS])
    if len(most) < 2:
        group = np.zeros(len(most), int)
    else:
        distance = _distances(vectors[most], {row: at for at, row in enumerate(most.tolist())}, apart)
        group = _linked(vectors[most], fcluster(linkage(distance, "average"), 1 - likeness, "distance"), likeness)
    sizes = {g: weights[most[group == g]].sum() for g in dict.fromkeys(group.tolist())}
    kept = [g for g in sorted(sizes, key=lambda g: -sizes[g]) if sizes[g] >= min_faces]
    return [most[group == g] for g in kept]


def _linked(vectors: Array, group: Array, likeness: float) -> Array:
    """(n,) numbers of the parts of groups in which each vector is clearly alike to another."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    parts = np.zeros(len(group), int)
    for number in np.unique(group):
        rows = np.flatnonzero(group == number)
        linked = csr_array(vectors[rows] @ vectors[rows].T >= clearly(likeness))
        parts[rows] = parts.max() + 1 + connected_components(linked, directed=False)[1]
    return parts


def clearly(likeness: float) -> float:
    """The cosine from which two vectors are clearly alike: `LOOKS` times `likeness`, and no farther than half-way from
    there to 1, which nothing would reach where a recogniser finds all faces alike."""
    return min(LOOKS * likeness, (1 + likeness) / 2)


def joined_looks(centroids: Array, likeness: float, apart: SeenTogether = MappingProxyType({})) -> list[Array]:
    """Rows of the centroids of each person: groups that are one person's looks are put together.

    They are where all of them are `clearly` alike, none is alike to any other group, and none is
    apart from another. Where a recogniser tells people badly, many groups are somewhat alike, and none is joined.
    """
    from scipy.sparse.csgraph import connected_components

    alike = unit(centroids) @ unit(centroids).T
    count, component = connected_components(alike >= likeness, directed=False)
    found: list[Array] = []
    for number in range(count):
        rows = np.flatnonzero(component == number)
        inside = set(rows.tolist())
        is_one = alike[np.ix_(rows, rows)].min() >= clearly(likeness)
        if is_one and not any(inside & set(apart.get(row, ())) for row in inside):
            found.append(rows)
        else:
            found += [np.array([row]) for row in rows]
    return found


def _distances(vectors: Array, place: Mapping[int, int], apart: SeenTogether) -> Array:
    """Cosine distances of pairs, as `scipy.cluster.hierarchy` has them; of rows that are apart so large that no mean
    over two groups which holds one of them falls below 2."""
    from scipy.spatial.distance import pdist

    count = len(vectors)
    distance: Array = pdist(vectors, "cosine")
    for row, others in apart.items():
        for other in others:
            if row in place and other in place and place[row] < place[other]:
                i, j = place[row], place[other]
                distance[count * i - i * (i + 1) // 2 + j - i - 1] = 2.0 * MAX_TRACKS**2
    return distance


def inherit(
    centroids: Array, before: People, likeness: float, taken: Collection[str] = (), last_number: int = 0
) -> People:
    """Numbers for new centroids: an earlier person's where they are alike (Hungarian matching), else new ones.

    Earlier persons who were not met again stay, so that a number is never given to somebody else. taken: names that
    people gave, and numbers of those who have a name by now: nobody else gets them. last_number: new ones are greater.
    """
    from scipy.optimize import linear_sum_assignment

    before = before.numbered()
    before = before.only([i for i, name in enumerate(before.names) if name not in taken])
    names = [""] * len(centroids)
    if len(centroids) and before.names:
        alike = unit(centroids) @ unit(before.centroids).T
        for new, old in zip(*linear_sum_assignment(alike, maximize=True), strict=True):
            names[new] = before.names[old] if alike[new, old] >= likeness else ""
    known = (NUMBERED.fullmatch(name) for name in (*before.names, *taken))
    number = max([last_number, *(int(match[1]) for match in known if match)])
    for place, name in enumerate(names):
        if not name:
            number += 1
            names[place] = f"person_{number}"
    absent = before.only([i for i, name in enumerate(before.names) if name not in names])
    return People(tuple(names), np.asarray(centroids, np.float32)) + absent
