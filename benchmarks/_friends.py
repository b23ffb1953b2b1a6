"""Utterances of FRIENDS as the funny agent learns from them: emotion, timing and turns; laughter is the label."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from cinelake.spec.arrays import Array
from cinelake.spec.example import Example
from models.funny.config import Config
from models.funny.steps import turn_features

EMOTIONS = ("anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise")
"""Of MELD (Poria et al., ACL 2019)."""
CONFIG: dict[str, Any] = {"use": ["expressions", "turns"], "step": "line", "dropout": 0.5}
"""As it would stand in a manifest."""


def friends_config(**more: Any) -> Config:
    """The configuration with which the agent is compared."""
    return Config.model_validate({**CONFIG, **more})


def read_episodes(real: Path, split: str | None = None) -> list[Example]:
    """One example an episode, its utterances in order; a piece is a dialogue. split: only rows of this one.

    Features: expressions (T, 7), the emotion of what is said; turns (T, 26), when lines begin and end, who goes on.
    """
    file = real if real.is_file() else real / "features" / "friends_utterances.parquet"
    rows = [row for row in pq.read_table(file).to_pylist() if split is None or row["split"] == split]
    rows.sort(key=lambda row: (row["episode_id"], row["split"], row["dialogue"], row["utterance"]))
    episodes = groupby(rows, key=lambda row: str(row["episode_id"]))
    return [_episode(name, list(utterances)) for name, utterances in episodes]


def _episode(name: str, rows: list[dict[str, Any]]) -> Example:
    start, end = (np.array([row[column] for row in rows], np.float64) for column in ("start_s", "end_s"))
    dialogues = [(row["split"], row["dialogue"]) for row in rows]
    piece = np.append(0, np.cumsum([one != other for one, other in zip(dialogues[1:], dialogues[:-1], strict=True)]))
    piece = piece.astype(int)
    features = {
        "time_s": start,
        "end_s": end,
        "piece": piece,
        "seen": np.ones(len(rows), bool),
        "expressions": np.array([[row["emotion"] == e for e in EMOTIONS] for row in rows], np.float32),
        "turns": turn_features(start, end, *_same_speaker(rows, piece), piece),
    }
    laugh = np.array([row["laugh"] for row in rows], bool)
    return Example(name, name, features, {"funny": laugh, "known": np.ones(len(rows), bool)})


def _same_speaker(rows: list[dict[str, Any]], piece: Array) -> tuple[Array, Array]:
    """(T,) whether the utterance before is the same speaker's, and (T,) whether the one after is."""
    speakers = np.array([row["speaker"] for row in rows], object)
    same = (speakers[1:] == speakers[:-1]) & (piece[1:] == piece[:-1])
    return np.append(False, same).astype(bool), np.append(same, False).astype(bool)


def first_features(episode: Example) -> Array:
    """(T, 8) emotion and duration of each utterance alone: what the known figure of 0.68 stands on."""
    length = episode.features["end_s"] - episode.features["time_s"]
    return np.column_stack([episode.features["expressions"], np.clip(length, 0, 15)])
