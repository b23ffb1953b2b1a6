"""What the agent of `funny` sees of each step: one array per kind of input, and whether there was anything to see.

sound        mean and deviation of its log-mel bands, its loudness        sound
laughter     how its bands pulse, as an audience's laughter does          sound
rhythm       onsets, pauses, changes of loudness                          sound
picture      the mean of its pictures' embeddings                         embeddings
expressions  emotions and look of the main face, how many faces           expressions
turns        when lines begin and end, who goes on speaking               subtitles
words        the words that are said, hashed                              subtitles
embeddings_X vectors of a network in a file: of sound, places, bodies     embeddings_X
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import StringConstraints

from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.task import TableReader
from models.funny.sound import band_statistics, laughter_features, rhythm_features
from models.funny.steps import as_features, clips, conversations, film_end_s, pooled, read_lines, shots_of
from models.funny.turns import line_turns, turn_features
from models.shots.inputs import matrix

if TYPE_CHECKING:
    from models.funny import Config

Kind = Literal["sound", "laughter", "rhythm", "picture", "expressions", "turns", "words"]
Vectors = Annotated[str, StringConstraints(pattern=r"^embeddings_[a-z0-9_]+$")]
"""A table that the manifest makes with the task `embeddings` under a name of its own."""
WORDS = 256
"""Words are hashed into this many numbers."""
LOGMEL = (96, 64)
EXPRESSION_NUMBERS = 7 + 512 + 2
"""Probabilities, look, presence and count: what a film without any face has none of, at each step."""
_TABLES: dict[str, str] = {
    "sound": "sound",
    "laughter": "sound",
    "rhythm": "sound",
    "picture": "embeddings",
    "expressions": "expressions",
    "turns": "subtitles",
    "words": "subtitles",
}


def tables_of(kinds: Sequence[str], step: str) -> list[str]:
    """Names of the tables that these kinds need; shots say where a film ends and what is merged."""
    lines = ["subtitles"] if step == "line" else []
    return list(dict.fromkeys(["shots", *(_TABLES.get(kind, kind) for kind in kinds), *lines]))


def step_inputs(tables: Mapping[str, TableReader], config: Config) -> Arrays:
    """One film's steps: time_s, end_s, shot, piece and seen, each (T,), and (T, numbers) for each kind in use.

    seen: whether any kind has something of the step: a picture, sound, a face, a line.
    """
    lines = read_lines(tables["subtitles"], config.language) if "subtitles" in tables else {}
    if config.step == "line":
        starts, ends = lines["start_s"], np.maximum(lines["end_s"], lines["start_s"])
        pieces = conversations(starts, ends)
    else:
        starts, ends = clips(film_end_s(tables), config.step_s)
        pieces = np.zeros(len(starts), int)
    features = as_features(starts, ends, shots_of(starts, ends, tables["shots"]), pieces)
    seen = np.zeros(len(starts), bool)
    for kind in config.use:
        features[kind], there = _kind(kind, tables, lines, starts, ends, config.step == "line")
        seen |= there
    return {**features, "seen": seen}


def _kind(
    kind: str, tables: Mapping[str, TableReader], lines: dict[str, Any], starts: Array, ends: Array, by_line: bool
) -> tuple[Array, Array]:
    if kind in ("sound", "laughter", "rhythm"):
        return _heard(kind, tables["sound"], starts, ends)
    if kind == "picture":
        return _pictures(tables["embeddings"], starts, ends)
    if kind not in _TABLES:
        return _vectors(tables[kind], starts, ends)
    if kind == "expressions":
        return _expressions(tables["expressions"], starts, ends)
    rows = _turns(lines) if kind == "turns" else _words(lines["text"])
    return (rows, np.ones(len(rows), bool)) if by_line else _pooled_lines(rows, lines, starts, ends)


def _heard(kind: str, reader: TableReader, starts: Array, ends: Array) -> tuple[Array, Array]:
    table = reader.read(["start_s", "end_s", "loudness_lufs", "logmel"])
    logmel = matrix(table["logmel"]).reshape(-1, *LOGMEL)
    loudness = table["loudness_lufs"].to_numpy()
    if kind == "sound":
        rows = np.concatenate([band_statistics(logmel), loudness[:, None]], axis=1)
    else:
        rows = laughter_features(logmel) if kind == "laughter" else rhythm_features(logmel, loudness)
    return pooled(starts, ends, table["start_s"].to_numpy(), table["end_s"].to_numpy(), rows)


def _pictures(reader: TableReader, starts: Array, ends: Array) -> tuple[Array, Array]:
    table = reader.read(["time_s", "face", "embedding"])
    table = table.filter(np.array([face is None for face in table["face"].to_pylist()], bool))
    return _means(table, starts, ends)


def _vectors(reader: TableReader, starts: Array, ends: Array) -> tuple[Array, Array]:
    """The mean of the vectors that begin in each step, of several faces at a moment too."""
    return _means(reader.read(["time_s", "embedding"]), starts, ends)


def _means(table: Any, starts: Array, ends: Array) -> tuple[Array, Array]:
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
    """The mean of the lines that are said in each clip. A film that has lines is seen where it is silent, too."""
    means, _ = pooled(starts, ends, lines["start_s"], lines["end_s"], rows)
    return means, np.full(len(starts), len(rows) > 0)
