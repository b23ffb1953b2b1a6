"""What the model sees of a film: one row a face, with its vector; and faces linked to tracks within shots.

A recogniser puts dark and blurred faces close together, whosever they are. Which faces count is told from what the
table keeps of each: its score, and contrast and fine detail of its small grey picture. Pixels are in the detail: a face
that was enlarged has none. Faces that do not count are followed through a shot, and neither found a person nor decide
who it is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from cinelake.errors import ModelUnusable
from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.task import TableReader
from models.identities.config import Config
from models.shots.inputs import DLIB_SIZE

DLIB_SIGMA = float(0.6 / np.sqrt(-2 * np.log(0.4)))
FOURIER_FEATURES = 512
UNIT_WITHIN = 0.01
"""dlib's vectors have lengths from 1.1 to 1.6."""
FINE, COARSE = 0.7, 2.0
"""Deviations of the two Gaussian blurs, in pixels of the small picture, between which detail is fine. Noise and the
steps of dark pixels lie beyond the first: they would pass for sharpness in a Laplacian."""
AS_SHARP = 0.5
"""A track's vector is the mean of its faces that are at least so sharp, as a part of the sharpest."""
ONE_FACE = 0.5
"""Two boxes of one picture that overlap so much are one face, found twice."""
BOX = ("x", "y", "width", "height")
NO_VECTORS = (
    "`faces` holds no embeddings: a recogniser is needed to tell persons apart. Use `faces: {}`, whose detector has "
    "one (or `identify: true` beside another), `faces: {detector: insightface, pack: …}`, or add an entry `{task: "
    "embeddings, source: faces, backbone: {file: …}}` and set `vectors: embeddings` (and `inputs: {embeddings: THAT "
    "ENTRY}`) for this model"
)


def reads(config: Config) -> list[str]:
    """`faces`, and `embeddings` where the vectors are there."""
    return ["faces", "embeddings"] if config.vectors == "embeddings" else ["faces"]


def features(tables: Mapping[str, TableReader], config: Config) -> Arrays:
    """One row a face: time_s, frame, shot, is_main (T,), box (T, 4), embedding (T, d) of length 1; by pictures.

    counts (T,): whether the face may found or join a person; sharpness, contrast (T,) of its small picture. A face
    without a vector, too small or blurred to be told from others, is left out. Raises `ModelUnusable` where no
    recogniser made any.
    """
    columns = ["time_s", "frame", "face", "shot", "is_main", "score", *BOX]
    rows = tables["faces"].read([*columns, "embedding"] if config.vectors == "faces" else columns)
    arrays = {name: rows[name].to_numpy() for name in ("time_s", "frame", "is_main")}
    shot = rows["shot"].fill_null(-1).to_numpy() if rows["shot"].null_count else rows["shot"].to_numpy()
    boxes = np.column_stack([rows[name].to_numpy() for name in BOX]).astype(np.float64)
    table = rows if config.vectors == "faces" else _joined(rows, tables["embeddings"])
    vectors, known = _matrix(table["embedding"])
    contrast, sharpness = looks_of(tables["faces"])
    enough = (sharpness >= config.least_sharpness) & (contrast >= config.least_contrast)
    arrays["counts"] = enough & (rows["score"].to_numpy() >= config.least_score)
    arrays |= {"sharpness": sharpness, "contrast": contrast}
    all_faces = {**arrays, "shot": shot, "box": boxes.reshape(-1, 4), "embedding": unit(vectors)}
    if config.vectors == "faces":
        all_faces["embedding"] = by_cosine(vectors)
    return all_faces if known.all() else {name: values[known] for name, values in all_faces.items()}


def looks_of(faces: TableReader) -> tuple[Array, Array]:
    """(T,) contrast and (T,) sharpness of the faces' small grey pictures."""
    parts = []
    for batch in faces.batches(["patch"]):
        patches = batch["patch"].flatten().to_numpy(zero_copy_only=False).astype(np.float32)
        side = math.isqrt(batch["patch"].type.list_size)
        parts.append(contrast_and_sharpness(patches.reshape(-1, side, side)))
    whole = np.concatenate(parts, axis=1) if parts else np.zeros((2, 0))
    return whole[0], whole[1]


def contrast_and_sharpness(patches: Array) -> Array:
    """(2, n) the deviation of grey values of patches (n, side, side), and the share of variance that is fine detail."""
    fine, coarse = (_blurred(patches, deviation) for deviation in (FINE, COARSE))
    variance = np.maximum(fine.var(axis=(1, 2)), 1e-6)
    return np.stack([patches.std(axis=(1, 2)), (fine - coarse).var(axis=(1, 2)) / variance]).astype(np.float64)


def _blurred(patches: Array, deviation: float) -> Array:
    """Patches after a Gaussian blur; at the edges weights of what lies inside are scaled to 1."""
    at = np.arange(patches.shape[1])
    weights = np.exp(-((at[:, None] - at[None]) ** 2) / (2 * deviation**2))
    kernel = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return np.asarray(kernel @ patches @ kernel.T)


def _joined(faces: pa.Table, vectors: TableReader) -> pa.Table:
    """The vectors of a table `embeddings` of `source: faces`, row by row those of the faces."""
    table = vectors.read(["frame", "face", "embedding"])
    same = all(table[name].equals(faces[name]) for name in ("frame", "face"))
    if not same:
        raise ModelUnusable(
            f"`embeddings` has {len(table)} rows, `faces` {len(faces)}, and they are not of the same faces: name "
            "embeddings of `source: faces` under the model's `inputs`"
        )
    return table


def _matrix(column: pa.ChunkedArray) -> tuple[Array, Array]:
    """The vectors (n, d), and which of them are known (n,): those without nulls."""
    flat = column.combine_chunks()
    vectors = np.full((len(flat), flat.type.list_size), np.nan, np.float32)
    there = flat.is_valid().to_numpy(zero_copy_only=False)
    vectors[there] = flat.flatten().to_numpy(zero_copy_only=False).reshape(-1, flat.type.list_size)
    known: Array = np.asarray(~np.isnan(vectors).any(axis=1), bool)
    if len(flat) and not known.any() and flat.type.list_size != DLIB_SIZE:
        raise ModelUnusable(NO_VECTORS)
    return vectors, known


def by_cosine(vectors: Array) -> Array:
    """Vectors of `faces`, so that cosines compare them: of length 1 as they are, dlib's by a kernel of their distance.

    dlib's network was trained for Euclidean distances (0.6 and less: one person), and all its vectors point about the
    same way. exp(−d² / 2σ²) with σ such that 0.6 becomes 0.4 is the cosine of vectors of random Fourier features
    (Rahimi and Recht, "Random Features for Large-Scale Kernel Machines", NIPS 2007), up to 0.03.
    """
    lengths = np.linalg.norm(vectors, axis=1)
    known = lengths[~np.isnan(lengths)]
    if vectors.shape[1] != DLIB_SIZE or (len(known) and np.all(np.abs(known - 1) < UNIT_WITHIN)):
        return unit(vectors)
    # RandomState's numbers are the same in every version of NumPy: champions hold vectors made of them.
    directions = np.random.RandomState(0).standard_normal((DLIB_SIZE, FOURIER_FEATURES)) / DLIB_SIGMA
    angles = vectors @ directions
    waves = np.concatenate([np.cos(angles), np.sin(angles)], axis=1) / np.sqrt(FOURIER_FEATURES)
    return np.asarray(waves, np.float32)


def unit(vectors: Array) -> Array:
    """Vectors at length 1; zeros stay zeros."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, 1e-9), np.float32)


def targets(labels: pa.Table, features: Arrays, config: Config) -> Arrays:
    """character (T,) the person's name, and known (T,): faces that a label names, by a point in them or as main ones.

    said (T,): those that a label names itself, and not only another face of their track. Where no label of a film has a
    name, all faces are known, as faces of somebody: '' each. Known are only faces of tracks in which one counts.
    """
    who: list[str] = [""] * len(features["time_s"])
    main, moments = np.flatnonzero(features["is_main"]), _moments(labels)
    for at, names in moments.items():
        distance = np.abs(features["time_s"][main] - at)
        if len(names) == 1 and len(main) and distance.min() <= config.near_s:
            who[main[distance.argmin()]] = next(iter(names))
    points = _points(labels)
    for at, x, y, name in points:
        row = _face_at(features, at, x, y, config.near_s)
        if row is not None:
            who[row] = name
    said = np.array([name != "" for name in who], bool)
    tracks = track(features, config.likeness)
    if points:
        who = _through_tracks(who, tracks)
    named = bool(points) or any(moments.values())
    counting = np.isin(tracks, tracks[features["counts"]])
    return {
        "character": np.array(who, dtype=np.str_),
        "known": np.array([not named or name != "" for name in who], bool) & counting,
        "said": said,
    }


def _through_tracks(who: list[str], tracks: Array) -> list[str]:
    """A face that was named speaks for its track, unless another face of the track has another name."""
    names: dict[int, set[str]] = {}
    for number, name in zip(tracks.tolist(), who, strict=True):
        names.setdefault(number, set()).update([name] if name else [])
    whose = {number: next(iter(found)) for number, found in names.items() if len(found) == 1}
    return [whose.get(number, name) for number, name in zip(tracks.tolist(), who, strict=True)]


def _rows(labels: pa.Table) -> list[tuple[float, str | None, float | None, float | None]]:
    """time_s, person, x and y; the last two null where the labels have no such columns."""
    columns = [labels[name].to_pylist() for name in ("time_s", "person")]
    columns += [labels[n].to_pylist() if n in labels.column_names else [None] * len(labels) for n in ("x", "y")]
    return list(zip(*columns, strict=True))


def _moments(labels: pa.Table) -> dict[float, set[str]]:
    """Time → who the main face is, by rows without a point."""
    moments: dict[float, set[str]] = {}
    for at, name, x, y in _rows(labels):
        if x is None or y is None:
            moments.setdefault(at, set()).update([name] if name else [])
    return moments


def _points(labels: pa.Table) -> list[tuple[float, float, float, str]]:
    return [(at, x, y, name) for at, name, x, y in _rows(labels) if name and x is not None and y is not None]


def _face_at(features: Arrays, time_s: float, x: float, y: float, near_s: float) -> int | None:
    """The face whose box holds the point, in the picture nearest in time; of several the one it is central in."""
    times, boxes = features["time_s"], features["box"]
    distance = np.abs(times - time_s)
    if not len(times) or distance.min() > near_s:
        return None
    off = np.abs((boxes[:, :2] + boxes[:, 2:] / 2 - (x, y)) / np.maximum(boxes[:, 2:], 1e-9)).max(axis=1)
    off[times != times[distance.argmin()]] = np.inf
    return int(off.argmin()) if off.min() <= 0.5 + 1e-6 else None


def track(features: Arrays, likeness: float) -> Array:
    """(T,) number of the track of each face: one person through consecutive pictures of a shot.

    Faces of two pictures that follow each other are paired (Hungarian) by overlap of boxes (IoU) and cosine; a pair
    holds where the cosine reaches `likeness`, or the boxes overlap by a third and the faces are half as alike. A face
    that does not count needs the overlap; the next one that does is compared with the last one that did.
    """
    tracks, count = np.zeros(len(features["frame"]), np.int64), 0
    before, last = np.zeros(0, np.int64), np.arange(len(tracks))
    for rows in np.split(np.arange(len(tracks)), np.flatnonzero(np.diff(features["frame"])) + 1):
        linked = _links(features, before, rows, last, likeness)
        for row in rows:
            tracks[row] = tracks[linked[row]] if row in linked else count
            count += row not in linked
            if row in linked and not features["counts"][row] and features["counts"][last[linked[row]]]:
                last[row] = last[linked[row]]
        before = rows
    return tracks


def _links(features: Arrays, before: Array, now: Array, last: Array, likeness: float) -> dict[int, int]:
    """Row now → row before, of the same shot. last: row → the last face of its track that counts, if any does."""
    from scipy.optimize import linear_sum_assignment

    if not len(before) or not len(now) or features["shot"][before[0]] != features["shot"][now[0]]:
        return {}
    vectors, counts = features["embedding"], features["counts"]
    clear = counts[now][:, None] & counts[last[before]][None]
    alike = np.where(clear, vectors[now] @ vectors[last[before]].T, vectors[now] @ vectors[before].T)
    overlap = overlaps(features["box"][now], features["box"][before])
    holds = (clear & (alike >= likeness)) | ((overlap >= 1 / 3) & (alike >= likeness / 2))
    pairs = linear_sum_assignment(np.where(holds, alike + overlap, -10.0), maximize=True)
    return {int(now[i]): int(before[j]) for i, j in zip(*pairs, strict=True) if holds[i, j]}


def apart(features: Arrays, tracks: Array) -> dict[int, set[int]]:
    """Track → the tracks that are seen beside it in one picture: two faces of a picture are two persons."""
    found: dict[int, set[int]] = {}
    for rows in np.split(np.arange(len(tracks)), np.flatnonzero(np.diff(features["frame"])) + 1):
        if len(rows) < 2:
            continue
        boxes = features["box"][rows]
        for i, j in zip(*np.nonzero(overlaps(boxes, boxes) < ONE_FACE), strict=True):
            one, other = int(tracks[rows[i]]), int(tracks[rows[j]])
            if one != other:
                found.setdefault(one, set()).add(other)
    return found


def overlaps(one: Array, other: Array) -> Array:
    """(n, m) intersection over union of boxes (x, y, width, height)."""
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum((one[:, :2] + one[:, 2:])[:, None], (other[:, :2] + other[:, 2:])[None])
    common = np.clip(high - low, 0, None).prod(axis=2)
    areas = one[:, 2:].prod(axis=1)[:, None] + other[:, 2:].prod(axis=1)[None]
    return np.asarray(common / np.maximum(areas - common, 1e-12))


def track_means(embedding: Array, tracks: Array) -> Array:
    """(tracks, d) mean vector of each track, at length 1; zeros where a number has no face."""
    summed = np.zeros((int(tracks.max()) + 1 if len(tracks) else 0, embedding.shape[1]))
    np.add.at(summed, tracks, embedding)
    return unit(summed)


def track_vectors(features: Arrays, tracks: Array) -> Array:
    """(tracks, d) by which a track is recognised: the mean of its best faces, at length 1.

    The best are those that count and are at least half as sharp as the sharpest of these. A track of which no face
    counts has zeros, which are like nobody.
    """
    sharpness = np.where(features["counts"], features["sharpness"], 0.0)
    sharpest = np.zeros(int(tracks.max()) + 1 if len(tracks) else 0)
    np.maximum.at(sharpest, tracks, sharpness)
    best = features["counts"] & (sharpness >= AS_SHARP * sharpest[tracks])
    return track_means(features["embedding"] * best[:, None], tracks)
