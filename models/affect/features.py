"""What is heard and seen in each clip of a film, in K steps: one array per modality and whether it is present.

    sound         log-mel bands, their change and loudness; a proxy of the music's mood (brightness, pulse, roughness)
    place         embeddings of pictures
    motion        optical flow of the shot, its length, how long ago it began
    faces         how many, where, how large, and the main face's picture as low frequencies
    expressions   the main face's probabilities of the seven emotions
    subtitles     how much is spoken
    embeddings_X  vectors of the table of that name: an audio model in a file, a network of places, of bodies

A film without sound, or without faces, has zeros there and `NAME_there` is 0. `targets`: the labels of the same clips.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from cinelake.errors import ModelUnusable
from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.task import TableReader
from models.affect.config import WIDE, Config

TABLES: dict[str, tuple[str, ...]] = {
    "sound": ("sound",),
    "place": ("embeddings",),
    "motion": ("shots",),
    "faces": ("faces",),
    "expressions": ("expressions",),
    "subtitles": ("subtitles",),
}


MEL_FRAMES, MELS, FRAME_S = 96, 64, 0.01
BANDS = 16
"""The 64 mel bands in fours."""


PATCH, FREQUENCIES = 48, 8
"""Side of a face's picture; how many frequencies each way are kept of it."""
Steps = Array
"""(steps + 1,) when each feature step begins, and when the last one ends."""


def reads(config: Config) -> list[str]:
    """The tables that the modalities in use need, and shots for the film's length."""
    return list(dict.fromkeys(["shots", *(table for kind in config.use for table in TABLES.get(kind, (kind,)))]))


def features(tables: Mapping[str, TableReader], config: Config) -> Arrays:
    """One film's clips: time_s, end_s (T,), and for each modality NAME (T, K, numbers) and NAME_there (T, K), 1 or 0.

    Clips of `clip_s` tile the film. The last one may be shorter; a film shorter than a clip is one clip.
    """
    clip_s, steps = config.clip_s, config.steps
    end_s = _length_s(tables, config.use)
    count = int(np.ceil(end_s / clip_s - 1e-6)) if end_s > 0 else 0
    edges = np.arange(count * steps + 1) * (clip_s / steps)
    starts = np.arange(count) * clip_s
    result: Arrays = {"time_s": starts, "end_s": np.minimum(starts + clip_s, end_s)}
    for kind in config.use:
        values, present = (READERS.get(kind) or partial(_vectors, kind))(tables, edges)
        result[kind] = values.reshape(count, steps, values.shape[1]).astype(np.float32)
        result[f"{kind}_there"] = present.reshape(count, steps).astype(np.float32)
    return result


def _length_s(tables: Mapping[str, TableReader], use: Sequence[str]) -> float:
    ends = [tables[name].read(["end_s"])["end_s"] for name in ("shots", *(["sound"] if "sound" in use else []))]
    return max((float(np.max(column.to_numpy())) for column in ends if len(column)), default=0.0)


def targets(labels: pa.Table, features: Arrays, config: Config) -> Arrays:
    """line (T, targets), the labels' mean within each clip; there (T, targets), 1 where a clip has labels; known (T,).

    Gaps between labels are not filled. A class that no label of a clip names has share 0 where another is named.
    """
    starts, ends = features["time_s"], features["end_s"]
    line, present = np.zeros((len(starts), len(config.targets))), np.zeros((len(starts), len(config.targets)))
    times_s = labels["time_s"].to_numpy()
    for i, name in enumerate(config.targets):
        values = _values(labels, name)
        for t in range(len(starts)):
            inside = (times_s >= starts[t]) & (times_s < ends[t]) & np.isfinite(values)
            line[t, i], present[t, i] = (values[inside].mean(), 1.0) if inside.any() else (0.0, 0.0)
    if config.classes:
        total = np.maximum(line, 0).sum(axis=1, keepdims=True)
        line = np.divide(np.maximum(line, 0), total, out=np.zeros_like(line), where=total > 0)
        present = np.repeat((total > 0).astype(float), line.shape[1], axis=1)
    return {"line": line, "there": present, "known": np.asarray(present.any(axis=1))}


def _values(labels: pa.Table, name: str) -> Array:
    """(rows,) the labels of one line, NaN where a row has no value for it."""
    long = labels["value"].to_numpy().astype(float)
    named = np.array([label == name for label in labels["name"].to_pylist()], bool)
    wide = labels[name].to_numpy().astype(float) if name in WIDE else np.full(len(labels), np.nan)
    return np.where(named, long, wide)


# --- pooling over steps


def means(times_s: Array, values: Array, edges: Steps) -> tuple[Array, Array]:
    """Mean of the rows within each step, (S, numbers), and whether there are any, (S,)."""
    step = np.searchsorted(edges, times_s, side="right") - 1
    inside = (step >= 0) & (step < len(edges) - 1)
    count = np.bincount(step[inside], minlength=len(edges) - 1)
    total = np.zeros((len(edges) - 1, values.shape[1]))
    np.add.at(total, step[inside], values[inside])
    return total / np.maximum(count, 1)[:, None], count > 0


def held(times_s: Array, values: Array, edges: Steps, max_gap_s: float = 2.0) -> tuple[Array, Array]:
    """As `means`, and steps without a row take the nearest row within `max_gap_s`."""
    result, present = means(times_s, values, edges)
    if not len(times_s):
        return result, present
    middles = (edges[:-1] + edges[1:]) / 2
    after = np.clip(np.searchsorted(times_s, middles), 1, max(len(times_s) - 1, 1))
    left, right = times_s[after - 1], times_s[np.minimum(after, len(times_s) - 1)]
    nearest = np.where(middles - left <= right - middles, after - 1, np.minimum(after, len(times_s) - 1))
    near = ~present & (abs(times_s[nearest] - middles) <= max_gap_s)
    result[near] = values[nearest[near]]
    return result, present | near


def matrix(column: pa.ChunkedArray, size: int | None = None) -> Array:
    """A column of vectors as (rows, size) float32; (0, size or 1) where there are no rows."""
    width = column.type.list_size if size is None else size
    chunks = [np.asarray(c.flatten().to_numpy(zero_copy_only=False), np.float32) for c in column.chunks]
    return np.concatenate(chunks).reshape(-1, width) if chunks else np.zeros((0, width), np.float32)


# --- modalities


def _sound(tables: Mapping[str, TableReader], edges: Steps) -> tuple[Array, Array]:
    times, rows = [np.zeros(0)], [np.zeros((0, 2 * BANDS + 5))]
    for batch in tables["sound"].batches(["start_s", "loudness_lufs", "logmel"]):
        mel = matrix(pa.chunked_array([batch["logmel"]])).reshape(-1, MEL_FRAMES, MELS)
        quarters = mel.reshape(len(mel), 4, MEL_FRAMES // 4, MELS)  # 0.24 s each
        loudness = np.repeat(batch["loudness_lufs"].to_numpy(zero_copy_only=False), 4)[:, None]
        rows.append(np.hstack([_mood(quarters.reshape(-1, MEL_FRAMES // 4, MELS)), loudness]))
        starts = batch["start_s"].to_numpy()
        times.append((starts[:, None] + (np.arange(4) + 0.5) * FRAME_S * MEL_FRAMES / 4).ravel())
    return held(np.concatenate(times), np.concatenate(rows), edges)


def _mood(mel: Array) -> Array:
    """(rows, 2·16 + 4) of log-mel frames (rows, frames, 64): bands, spread, brightness, pulse, roughness, tilt."""
    bands = mel.reshape(len(mel), mel.shape[1], BANDS, MELS // BANDS).mean(axis=3)
    power = np.exp(mel)
    centre = (power * np.arange(MELS)).sum(axis=2) / power.sum(axis=2)
    rise = np.maximum(np.diff(mel, axis=1), 0).mean(axis=2)
    tilt = mel[:, :, : MELS // 2].mean(axis=(1, 2)) - mel[:, :, MELS // 2 :].mean(axis=(1, 2))
    rough = abs(np.diff(mel, axis=2)).mean(axis=(1, 2))
    more = np.stack([centre.mean(axis=1), rise.max(axis=1), rough, tilt], axis=1)
    return np.hstack([bands.mean(axis=1), bands.std(axis=1), more])


def _vectors(name: str, tables: Mapping[str, TableReader], edges: Steps) -> tuple[Array, Array]:
    table = tables[name].read(["time_s", "embedding"])
    return held(table["time_s"].to_numpy(), matrix(table["embedding"]), edges)


def _motion(tables: Mapping[str, TableReader], edges: Steps) -> tuple[Array, Array]:
    shots = tables["shots"].read(["start_s", "end_s", "motion"])
    flow, starts, ends = matrix(shots["motion"]), shots["start_s"].to_numpy(), shots["end_s"].to_numpy()
    if not len(starts):
        return np.zeros((len(edges) - 1, flow.shape[1] + 3)), np.zeros(len(edges) - 1, bool)
    middles = (edges[:-1] + edges[1:]) / 2
    at = np.clip(np.searchsorted(starts, middles, side="right") - 1, 0, len(starts) - 1)
    cuts = np.searchsorted(starts, middles + 5) - np.searchsorted(starts, middles - 5)
    pace = np.stack([np.log(ends - starts)[at], np.log1p(np.maximum(middles - starts[at], 0)), cuts], axis=1)
    return np.hstack([np.nan_to_num(flow[at]), pace]), np.ones(len(middles), bool)


def _faces(tables: Mapping[str, TableReader], edges: Steps) -> tuple[Array, Array]:
    table = tables["faces"].read(["time_s", "x", "y", "width", "height", "is_main", "patch"])
    main = table["is_main"].to_numpy(zero_copy_only=False).astype(bool)
    boxes = np.stack([table[n].to_numpy() for n in ("x", "y", "width", "height")], axis=1)
    looks = looks_of(matrix(table["patch"], PATCH * PATCH)[main])
    times_s = table["time_s"].to_numpy()
    count = np.bincount(np.searchsorted(times_s[main], times_s), minlength=main.sum())[: main.sum()]
    rows = np.hstack([boxes[main], np.minimum(count, 8)[:, None], looks])
    return held(times_s[main], rows, edges, max_gap_s=0.6)


def looks_of(patches: Array) -> Array:
    """(faces, 63): the low frequencies of each face's picture of equal brightness and contrast, but the mean."""
    from scipy.fft import dctn

    if not len(patches):
        return np.zeros((0, FREQUENCIES**2 - 1))
    pictures = patches.reshape(-1, PATCH, PATCH)
    even = pictures - pictures.mean(axis=(1, 2), keepdims=True)
    even /= even.std(axis=(1, 2), keepdims=True) + 1e-6
    low = dctn(even, axes=(1, 2), norm="ortho")[:, :FREQUENCIES, :FREQUENCIES]
    return np.asarray(low.reshape(len(even), FREQUENCIES**2)[:, 1:] / PATCH)


def _expressions(tables: Mapping[str, TableReader], edges: Steps) -> tuple[Array, Array]:
    table = tables["expressions"].read(["time_s", "is_main", "probabilities"])
    main = table["is_main"].to_numpy(zero_copy_only=False).astype(bool)
    return held(table["time_s"].to_numpy()[main], matrix(table["probabilities"])[main], edges)


def _subtitles(tables: Mapping[str, TableReader], edges: Steps) -> tuple[Array, Array]:
    table = tables["subtitles"].read(["start_s", "end_s", "text"])
    starts, ends = table["start_s"].to_numpy(), table["end_s"].to_numpy()
    middles = (edges[:-1] + edges[1:]) / 2
    spoken = ((starts[None] <= middles[:, None]) & (middles[:, None] < ends[None])).astype(float)
    words = np.array([len(text.split()) for text in table["text"].to_pylist()], float) / np.maximum(ends - starts, 0.1)
    marks = np.array([("?" in text) + 2.0 * ("!" in text) for text in table["text"].to_pylist()], float)
    values = np.stack([spoken.max(axis=1, initial=0.0), spoken @ words, spoken @ marks], axis=1)
    return values, np.full(len(middles), bool(len(starts)))


ModalityReader = Callable[[Mapping[str, TableReader], Array], tuple[Array, Array]]
READERS: dict[str, ModalityReader] = {
    "sound": _sound, "place": partial(_vectors, "embeddings"), "motion": _motion, "faces": _faces,
    "expressions": _expressions, "subtitles": _subtitles,
}  # fmt: skip


# --- scaling


def learn_scaling(examples: Sequence[Arrays], use: Sequence[str], components: int) -> Arrays:
    """Mean and deviation of every number where it is present, and principal components of larger modalities."""
    from sklearn.decomposition import PCA

    learned: Arrays = {}
    for kind in use:
        rows = np.concatenate([film[kind][film[f"{kind}_there"] > 0] for film in examples])
        rows = rows if len(rows) else np.zeros((1, examples[0][kind].shape[2]), np.float32)
        mean, deviation = rows.mean(axis=0), rows.std(axis=0) + 1e-6
        if rows.shape[1] > components and len(rows) > components:
            fitted = PCA(components, random_state=0).fit((rows - mean) / deviation)
            learned[f"{kind}_axes"] = (fitted.components_ / np.sqrt(fitted.explained_variance_ + 1e-6)[:, None]).T
        learned[f"{kind}_mean"], learned[f"{kind}_deviation"] = mean, deviation
    return {name: np.asarray(array, np.float32) for name, array in learned.items()}


def scaled_clips(features: Arrays, learned: Arrays, use: Sequence[str]) -> Array:
    """(T, K, F): all modalities concatenated, each with whether it is present; within −4…4.

    Raises `ModelUnusable` where a modality has another size than in training.
    """
    parts: list[Any] = []
    for kind in use:
        values, present = features[kind], features[f"{kind}_there"][:, :, None]
        if not present.any():  # an empty table does not know the size of its vectors
            values = np.zeros((*present.shape[:2], len(learned[f"{kind}_mean"])), np.float32)
        if values.shape[2] != len(learned[f"{kind}_mean"]):
            raise ModelUnusable(
                f"affect: {kind} has {values.shape[2]} numbers, the model learned from "
                f"{len(learned[f'{kind}_mean'])}: make the table as it was for training"
            )
        even = (values - learned[f"{kind}_mean"]) / learned[f"{kind}_deviation"]
        axes = learned.get(f"{kind}_axes")
        even = even if axes is None else even @ axes
        parts += [np.clip(even, -4, 4) * present, present]
    return np.concatenate(parts, axis=2).astype(np.float32)
