"""What the agent of `funny` sees of each step: one array per kind of input, and whether there was anything to see.

sound        mean and deviation of its log-mel bands, its loudness        sound
laughter     how its bands pulse, as an audience's laughter does          sound
rhythm       onsets, pauses, changes of loudness                          sound
picture      the mean of its pictures' embeddings                         embeddings
expressions  emotions and look of the main face, how many faces           expressions
turns        when lines begin and end, who goes on speaking               subtitles
words        the words that are said, hashed                              subtitles
embeddings_X vectors of a network in a file: of sound, places, bodies     embeddings_X

What laughter and speech sound like is read from the log-mel pictures of the table `sound`; this is ours, no trained
detector. An audience's laughter is noise-like and pulses four to five times a second (Bachorowski, Smoski and Owren,
"The acoustic features of human laughter", JASA 2001); speech pulses with its syllables, about as fast, but pauses, and
its energy is in harmonics. So each window is described by how its bands pulse, how noise-like it is, and by pauses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from cinelake.errors import ModelUnusable
from cinelake.lake.spill import joined
from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.example import Example
from cinelake.spec.task import TableReader
from models.funny.config import Config
from models.funny.steps import clips, conversations, film_end_s, line_turns, pooled, read_lines, shots_of, turn_features
from models.shots.inputs import matrix
from models.shots.labels import covered_shots

WORDS = 256
"""Words are hashed into this many numbers."""
LOGMEL = (96, 64)
EXPRESSION_NUMBERS = 7 + 512 + 2
"""Probabilities, look, presence and count: the size of the zeros of a film without any face."""
TABLES: dict[str, str] = {
    "sound": "sound",
    "laughter": "sound",
    "rhythm": "sound",
    "picture": "embeddings",
    "expressions": "expressions",
    "turns": "subtitles",
    "words": "subtitles",
}
BANDS = 8
"""The 64 mel bands are averaged to so many."""
PULSES_HZ = ((1.0, 2.5), (2.5, 4.0), (4.0, 5.5), (5.5, 7.5), (7.5, 11.0), (11.0, 16.0))
"""Bands of the modulation spectrum."""
WINDOW_S = 0.96
QUIET = 1.5
"""A frame is a pause when it is so far below the window's loudest, in natural logarithms of mel energy."""
MIN_DEVIATION = 1e-3
MAX_DEVIATIONS = 5.0
"""Scaled numbers are clipped to so many deviations: one strange step should not outweigh all others."""


def reads(config: Config) -> list[str]:
    """The tables that the kinds in use need; shots define where a film ends, and what spans are merged to."""
    lines = ["subtitles"] if config.step == "line" else []
    return list(dict.fromkeys(["shots", *(TABLES.get(kind, kind) for kind in config.use), *lines]))


def features(tables: Mapping[str, TableReader], config: Config) -> Arrays:
    """One film's steps: time_s, end_s, shot, piece and seen, each (T,), and (T, numbers) for each kind in use.

    piece: numbers of conversations, over whose borders no scene goes. seen: whether any kind has something of the step:
    a picture, sound, a face, a line.
    """
    lines = read_lines(tables["subtitles"], config.language) if "subtitles" in tables else {}
    if config.step == "line":
        starts, ends = lines["start_s"], np.maximum(lines["end_s"], lines["start_s"])
        pieces = conversations(starts, ends)
    else:
        starts, ends = clips(film_end_s(tables), config.step_s)
        pieces = np.zeros(len(starts), int)
    shots = shots_of(starts, ends, tables["shots"])
    result: Arrays = {"time_s": starts, "end_s": ends, "shot": shots, "piece": pieces}
    seen = np.zeros(len(starts), bool)
    for kind in config.use:
        result[kind], seen_by_kind = _kind(kind, tables, lines, starts, ends, config.step == "line")
        seen |= seen_by_kind
    return {**result, "seen": seen}


def _kind(
    kind: str, tables: Mapping[str, TableReader], lines: dict[str, Any], starts: Array, ends: Array, by_line: bool
) -> tuple[Array, Array]:
    if kind in ("sound", "laughter", "rhythm"):
        return _heard(kind, tables["sound"], starts, ends)
    if kind == "picture":
        return _pictures(tables["embeddings"], starts, ends)
    if kind not in TABLES:
        return _means(tables[kind].read(["time_s", "embedding"]), starts, ends)
    if kind == "expressions":
        return _expressions(tables["expressions"], starts, ends)
    rows = _turns(lines) if kind == "turns" else _words(lines["text"])
    return (rows, np.ones(len(rows), bool)) if by_line else _pooled_lines(rows, lines, starts, ends)


def targets(labels: pa.Table, features: Arrays, config: Config) -> Arrays:
    """funny (T,) and known (T,): see `LABELS`. Steps of which nothing is seen are unknown."""
    funny = np.zeros(len(features["time_s"]), bool)
    values = labels["is_funny"].to_pylist()
    known = np.full(len(funny), len(values) > 0 and all(value is None for value in values))
    for steps, value in zip(covered_shots(labels, features), values, strict=True):
        funny[steps], known[steps] = value is not False, True
    return {"funny": funny, "known": known & features["seen"]}


# --- pictures and lines


def _pictures(reader: TableReader, starts: Array, ends: Array) -> tuple[Array, Array]:
    table = reader.read(["time_s", "face", "embedding"])
    table = table.filter(np.array([face is None for face in table["face"].to_pylist()], bool))
    return _means(table, starts, ends)


def _means(table: Any, starts: Array, ends: Array) -> tuple[Array, Array]:
    """The mean of the vectors that begin in each step, of several faces at a moment too."""
    times = table["time_s"].to_numpy()
    return pooled(starts, ends, times, times, matrix(table["embedding"]))


def _expressions(reader: TableReader, starts: Array, ends: Array) -> tuple[Array, Array]:
    """Probabilities and look of the main face, whether there is one, and how many faces a picture has."""
    table = reader.read(["frame", "time_s", "is_main", "probabilities", "embedding"])
    if not len(table):
        return np.zeros((len(starts), EXPRESSION_NUMBERS), np.float32), np.zeros(len(starts), bool)
    main = np.asarray(table["is_main"].to_numpy(), bool)
    _, pictures, faces = np.unique(table["frame"].to_numpy(), return_inverse=True, return_counts=True)
    rows = np.concatenate([matrix(table["probabilities"]), matrix(table["embedding"])], axis=1)
    rows = np.concatenate([rows, np.ones((len(rows), 1)), faces[pictures][:, None]], axis=1)[main]
    times = table["time_s"].to_numpy()[main]
    return pooled(starts, ends, times, times, rows)


def _turns(lines: dict[str, Any]) -> Array:
    starts, ends = lines["start_s"], lines["end_s"]
    before = line_turns(lines["text"])
    after = np.append(before[1:], False)
    return turn_features(starts, ends, before, after, conversations(starts, ends))


def _words(texts: Sequence[str]) -> Array:
    from sklearn.feature_extraction.text import HashingVectorizer

    if not len(texts):
        return np.zeros((0, WORDS), np.float32)
    hashed = HashingVectorizer(n_features=WORDS, alternate_sign=False).transform(texts)
    return np.asarray(hashed.toarray(), np.float32)


def _pooled_lines(rows: Array, lines: dict[str, Any], starts: Array, ends: Array) -> tuple[Array, Array]:
    """The mean of the lines that are said in each clip. Silent clips of a film that has lines count as seen too."""
    means, _ = pooled(starts, ends, lines["start_s"], lines["end_s"], rows)
    return means, np.full(len(starts), len(rows) > 0)


# --- sound


def _heard(kind: str, reader: TableReader, starts: Array, ends: Array) -> tuple[Array, Array]:
    table = reader.read(["start_s", "end_s", "loudness_lufs", "logmel"])
    logmel = matrix(table["logmel"]).reshape(-1, *LOGMEL)
    loudness = table["loudness_lufs"].to_numpy()
    if kind == "sound":
        rows = np.concatenate([band_statistics(logmel), loudness[:, None]], axis=1)
    else:
        rows = laughter_features(logmel) if kind == "laughter" else rhythm_features(logmel, loudness)
    return pooled(starts, ends, table["start_s"].to_numpy(), table["end_s"].to_numpy(), rows)


def band_statistics(logmel: Array) -> Array:
    """(n, 128) mean and deviation over time of each of the 64 mel bands of (n, 96, 64) windows."""
    return np.concatenate([logmel.mean(axis=1), logmel.std(axis=1)], axis=1).astype(np.float32)


def laughter_features(logmel: Array) -> Array:
    """(n, 8 · 7 + 2): of each band its level and how it pulses, then flatness over frequency and flux over time."""
    energy = np.exp(logmel.astype(np.float32))
    bands = np.log(energy.reshape(*energy.shape[:2], BANDS, energy.shape[2] // BANDS).mean(axis=3) + 1e-6)
    pulsing = modulation(bands)
    flatness = logmel.mean(axis=2) - np.log(energy.mean(axis=2) + 1e-6)
    flux = np.abs(np.diff(logmel, axis=1)).mean(axis=(1, 2))
    pulses = pulsing.reshape(len(bands), len(PULSES_HZ) * BANDS)
    columns = [bands.mean(axis=1), pulses, flatness.mean(axis=1)[:, None], flux[:, None]]
    return np.concatenate(columns, axis=1).astype(np.float32)


def modulation(bands: Array) -> Array:
    """(n, pulses, bands): log of the share of each band's changes that is within each range of `PULSES_HZ`.

    bands: (n, frames, bands) log energies of windows of 0.96 s.
    """
    window = np.hanning(bands.shape[1])[None, :, None]
    changing = (bands - bands.mean(axis=1, keepdims=True)) * window
    power = np.abs(np.fft.rfft(changing, axis=1)) ** 2
    hz = np.arange(power.shape[1]) / WINDOW_S
    parts = [power[:, (hz >= low) & (hz < high)].sum(axis=1) for low, high in PULSES_HZ]
    return np.asarray(np.log(np.stack(parts, axis=1) + 1e-3), np.float32)


def rhythm_features(logmel: Array, loudness_lufs: Array) -> Array:
    """(n, 6): loudness, its change from the window before and to the next, onsets a second, pauses, longest pause.

    Pauses are shares of the window; an onset is a frame that is louder than the one before by a tenth of the range.
    """
    level = np.log(np.exp(logmel.astype(np.float32)).mean(axis=2) + 1e-6)
    top, low = level.max(axis=1, keepdims=True), level.min(axis=1, keepdims=True)
    rising = np.diff(level, axis=1) > 0.1 * (top - low)
    onsets = (rising[:, 1:] & ~rising[:, :-1]).sum(axis=1) / WINDOW_S
    quiet = level < top - QUIET
    change = np.diff(loudness_lufs, prepend=loudness_lufs[:1], append=loudness_lufs[-1:])
    columns = [loudness_lufs, change[:-1], change[1:], onsets, quiet.mean(axis=1), longest_run(quiet) / quiet.shape[1]]
    return np.stack(columns, axis=1).astype(np.float32)


def longest_run(flags: Array) -> Array:
    """(n,) the longest run of true values in each row."""
    longest = run = np.zeros(len(flags), int)
    for column in flags.T:
        run = np.where(column, run + 1, 0)
        longest = np.maximum(longest, run)
    return np.asarray(longest)


# --- scaling


def learn_scaling(examples: Sequence[Example], config: Config) -> Arrays:
    """Centre (d,), axes (d, c) and scale (c,) of each kind of input, over all steps of the examples.

    A kind of more than `components` numbers is reduced to its first principal components, without the labels.
    """
    scaling: Arrays = {}
    for kind in config.use:
        rows = joined(examples, kind, known=False).astype(np.float64)
        centre, axes = rows.mean(axis=0), np.eye(rows.shape[1])
        if rows.shape[1] > config.components:
            values, vectors = np.linalg.eigh(np.cov(rows, rowvar=False))
            axes = vectors[:, np.argsort(-values)[: config.components]]
        scale = ((rows - centre) @ axes).std(axis=0)
        parts = {"centre": centre, "axes": axes, "scale": np.where(scale < MIN_DEVIATION, 1.0, scale)}
        scaling |= {f"{kind}_{name}": values.astype(np.float32) for name, values in parts.items()}
    return scaling


def embeddings(features: Arrays, scaling: Arrays, config: Config) -> Array:
    """(T, D) e(t): all kinds scaled and concatenated, with those of `context` steps before and after.

    Beyond the end of a film (or a conversation) are zeros, which is the mean. Raises `ModelUnusable` on features of
    another size than in training.
    """
    parts = [_scaled(features[kind], scaling, kind) for kind in config.use]
    own = np.concatenate(parts, axis=1).astype(np.float32)
    pieces = features.get("piece", np.zeros(len(own), int))
    return np.concatenate([_shifted(own, pieces, by) for by in range(-config.context, config.context + 1)], axis=1)


def _scaled(rows: Array, scaling: Arrays, kind: str) -> Array:
    centre = scaling[f"{kind}_centre"]
    if rows.shape[1] != len(centre):
        raise ModelUnusable(f"funny: {kind} has {rows.shape[1]} numbers a step, the model learned from {len(centre)}")
    turned = (rows - centre) @ scaling[f"{kind}_axes"] / scaling[f"{kind}_scale"]
    return np.asarray(np.clip(turned, -MAX_DEVIATIONS, MAX_DEVIATIONS))


def _shifted(rows: Array, pieces: Array, by: int) -> Array:
    """Each step's neighbour `by` steps later, zeros where that is of another piece."""
    shifted = np.zeros_like(rows)
    inside = np.arange(max(0, -by), min(len(rows), len(rows) - by))
    inside = inside[pieces[inside] == pieces[inside + by]]
    shifted[inside] = rows[inside + by]
    return shifted
