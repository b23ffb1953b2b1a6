"""What models of shots learn from: one row per shot, one array per kind of input.

picture    the embedding of the shot's middle picture              frames, embeddings
place      the mean of its pictures' embeddings                    shot_features
motion     its optical flow and its length                         shot_features
sound      mean and deviation of its log-mel bands                 shot_features
faces      how many, how large, where, and what they look like     shot_features, faces
subtitles  the words that are spoken in it, hashed                 shot_features, subtitles
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from cinelake.errors import ModelUnusable
from cinelake.spec.arrays import Array, Arrays, Floats
from cinelake.spec.task import TableReader

ShotInput = Literal["picture", "place", "motion", "sound", "faces", "subtitles"]
FACES_KEPT = 8
"""So many faces of a shot are kept one by one, spread over it; all of them are counted."""
DLIB_SIZE = 128
"""Numbers of dlib's recogniser: tables with it may hold no vector at all, where all faces are too small or blurred."""
DCT_SIDE = 12
"""A face without an embedding is described by this many frequencies each way."""
PATCH_SIDE = 48
WORDS = 256
"""Words of subtitles are hashed into this many numbers."""

_POOLED: dict[str, str] = {"place": "place", "motion": "action", "sound": "audio"}
_TABLES: dict[str, tuple[str, ...]] = {
    "picture": ("shots", "frames", "embeddings"),
    "faces": ("shot_features", "faces"),
    "subtitles": ("shot_features", "subtitles"),
}


def arrays_of(kinds: Sequence[ShotInput]) -> list[str]:
    """Names of the arrays that these kinds of input are: faces are two, where they are and what they look like."""
    return [name for kind in kinds for name in (("faces", "looks") if kind == "faces" else (kind,))]


def tables_of(kinds: Sequence[ShotInput], min_entropy: float = 0.0) -> list[str]:
    """Names of the tables that these kinds of input need; the entropy of middle pictures needs `frames`."""
    needed = [table for kind in kinds for table in _TABLES.get(kind, ("shot_features",))]
    return list(dict.fromkeys([*needed, *(["frames"] if min_entropy > 0 else [])]))


def shot_inputs(tables: Mapping[str, TableReader], kinds: Sequence[ShotInput], min_entropy: float = 0.0) -> Arrays:
    """One film's inputs: time_s, end_s, shot and kept, each (T,), and (T, numbers) for each kind.

    kept: whether the middle picture has at least `min_entropy` bits. With faces also `looks` (T, 900), the mean of
    their patches' gradients, and face by face face_vectors (T, FACES_KEPT, numbers) and face_seen (T, FACES_KEPT).
    """
    base = "shot_features" if "shot_features" in tables_of(kinds) else "shots"
    shots = tables[base].read(["shot", "start_s", "end_s"])
    starts, ends = (shots[name].to_numpy().astype(np.float64) for name in ("start_s", "end_s"))
    features: Arrays = {"time_s": starts, "end_s": ends, "shot": shots["shot"].to_numpy()}
    features["kept"] = _kept(tables, features["shot"], min_entropy)
    for kind in kinds:
        if kind == "picture":
            features["picture"] = _middle_pictures(tables, features["shot"])
        elif kind == "faces":
            features |= _faces(tables["faces"], starts, ends)
        elif kind == "subtitles":
            features["subtitles"] = _words(tables["subtitles"], starts, ends)
        else:
            features[kind] = matrix(tables["shot_features"].read([_POOLED[kind]])[_POOLED[kind]])
    if "motion" in kinds:
        features["motion"] = np.hstack([features["motion"], np.log(ends - starts)[:, None]]).astype(np.float32)
    return features


def matrix(vectors: pa.ChunkedArray) -> Floats:
    """A column of vectors as (rows, size) float32."""
    size = vectors.type.list_size
    flat = vectors.combine_chunks().flatten().to_numpy(zero_copy_only=False)
    return np.asarray(flat, np.float32).reshape(len(vectors), size)


def _kept(tables: Mapping[str, TableReader], shots: Array, min_entropy: float) -> Array:
    if min_entropy <= 0:
        return np.ones(len(shots), bool)
    frames = tables["frames"].read(["shot", "is_middle", "entropy"])
    frames = frames.filter(frames["is_middle"])
    enough = frames["shot"].to_numpy()[frames["entropy"].to_numpy() >= min_entropy]
    return np.isin(shots, enough)


def _middle_pictures(tables: Mapping[str, TableReader], shots: Array) -> Floats:
    """(T, d) Raises `ModelUnusable` when the embeddings were made of other pictures than the middle ones."""
    frames = tables["frames"].read(["frame", "shot", "is_middle"])
    frames = frames.filter(frames["is_middle"])
    middle = dict(zip(frames["shot"].to_pylist(), frames["frame"].to_pylist(), strict=True))
    table = tables["embeddings"].read(["frame", "embedding"])
    rows = {frame: row for row, frame in enumerate(table["frame"].to_pylist())}
    missing = [int(shot) for shot in shots if middle.get(int(shot)) not in rows]
    if missing:
        raise ModelUnusable(
            f"the embeddings of {len(missing)} of {len(shots)} middle pictures are missing (shot {missing[0]} first): "
            "`embeddings` must be made of `frames` (source: frames)"
        )
    vectors = matrix(table["embedding"])
    return vectors[[rows[middle[int(shot)]] for shot in shots]] if len(shots) else vectors[:0]


def _faces(reader: TableReader, starts: Array, ends: Array) -> Arrays:
    table = reader.read(["time_s", "frame", "x", "y", "width", "height", "patch", "embedding"])
    times = table["time_s"].to_numpy()
    shots = np.searchsorted(starts, times + 1e-6, side="right") - 1
    boxes = np.stack([table[name].to_numpy() for name in ("x", "y", "width", "height")], axis=1)
    vectors, told = face_vectors(table["embedding"].combine_chunks(), table["patch"].combine_chunks())
    gradients = describe_gradients(matrix(table["patch"]))
    count = len(starts)
    kept = np.zeros((count, FACES_KEPT, vectors.shape[1]), np.float32)
    seen = np.zeros((count, FACES_KEPT), bool)
    summary, looks = np.zeros((count, 6), np.float32), np.zeros((count, gradients.shape[1]), np.float32)
    for shot in np.unique(shots[shots >= 0]):
        rows = np.flatnonzero(shots == shot)
        pictures = len(np.unique(table["frame"].to_numpy()[rows]))
        rate = len(rows) / max(ends[shot] - starts[shot], 1e-3)
        summary[shot] = [rate, len(rows) / pictures, *boxes[rows].mean(axis=0)]
        looks[shot] = gradients[rows].mean(axis=0)
        rows = rows[told[rows]]
        chosen = rows[np.unique(np.linspace(0, len(rows) - 1, min(FACES_KEPT, len(rows))).astype(int))]
        kept[shot, : len(chosen)], seen[shot, : len(chosen)] = vectors[chosen], True
    return {"faces": summary, "looks": looks, "face_vectors": kept, "face_seen": seen}


def face_vectors(embedding: pa.FixedSizeListArray, patch: pa.FixedSizeListArray) -> tuple[Floats, Array]:
    """(faces, d) the embeddings, zeros where a face is too small or blurred to have one, and (faces,) which have one.

    Without a recogniser: low frequencies of the grey patches, which all faces have.
    """
    size, numbers = embedding.type.list_size, embedding.flatten()
    if size == DLIB_SIZE or (len(embedding) and size > 1 and not numbers.null_count):
        vectors = np.asarray(numbers.fill_null(0).to_numpy(zero_copy_only=False), np.float32).reshape(-1, size)
        return vectors, np.asarray(vectors.any(axis=1))
    return describe_patches(matrix(pa.chunked_array([patch]))), np.ones(len(patch), bool)


def describe_patches(patches: Array) -> Floats:
    """(n, 2304) grey bytes → (n, 143) vectors of length 1: the cosine transform's low frequencies without the mean.

    After Hafed and Levine, "Face Recognition Using the Discrete Cosine Transform", IJCV 2001.
    """
    from scipy.fft import dctn

    pictures = np.asarray(patches, np.float32).reshape(-1, PATCH_SIDE, PATCH_SIDE)
    low = dctn(pictures, axes=(1, 2), norm="ortho")[:, :DCT_SIDE, :DCT_SIDE].reshape(-1, DCT_SIDE**2)[:, 1:]
    return np.asarray(low / np.maximum(np.linalg.norm(low, axis=1, keepdims=True), 1e-6), np.float32)


def describe_gradients(patches: Array) -> Floats:
    """(n, 2304) grey bytes → (n, 900) histograms of oriented gradients: 8 × 8 cells, 9 directions.

    After Dalal and Triggs, "Histograms of Oriented Gradients for Human Detection" (CVPR 2005).
    """
    import cv2

    histogram = cv2.HOGDescriptor((PATCH_SIDE, PATCH_SIDE), (16, 16), (8, 8), (8, 8), 9)
    pictures = np.asarray(patches, np.uint8).reshape(-1, PATCH_SIDE, PATCH_SIDE)
    gradients = [np.ravel(histogram.compute(cv2.equalizeHist(picture))) for picture in pictures]
    return np.asarray(gradients, np.float32).reshape(len(pictures), histogram.getDescriptorSize())


def _words(reader: TableReader, starts: Array, ends: Array) -> Floats:
    """(T, WORDS) hashed words of the subtitles that are shown during each shot."""
    from sklearn.feature_extraction.text import HashingVectorizer

    table: Any = reader.read(["start_s", "end_s", "text"])
    begins, stops, texts = table["start_s"].to_numpy(), table["end_s"].to_numpy(), table["text"].to_pylist()
    spoken = [
        " ".join(texts[row] or "" for row in np.flatnonzero((begins < end) & (stops > start)))
        for start, end in zip(starts, ends, strict=True)
    ]
    hashed = HashingVectorizer(n_features=WORDS, alternate_sign=False).transform(spoken)
    return np.asarray(hashed.toarray(), np.float32)
