"""Films made of vectors or coloured pictures, in which it is known who is there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from cinelake.lake.artefact import write_artefact
from cinelake.spec.arrays import Arrays
from cinelake.spec.artefact import Artefact
from cinelake.spec.example import Example
from cinelake.spec.training import Training
from models.characters import MODEL
from models.characters.config import Config

CAST = ("ada", "bo")


def labels(moments: Sequence[tuple[float, str]]) -> pa.Table:
    """Rows as people label them."""
    return pa.table({"time_s": [at for at, _ in moments], "character": [name for _, name in moments]})


def there(rng: np.random.Generator, frames: int, exclusive: bool) -> list[list[str]]:
    """Who is in each frame."""
    choices = [[], ["ada"], ["bo"]] + ([] if exclusive else [["ada", "bo"]])
    return [choices[i] for i in rng.integers(len(choices), size=frames)]


def example(number: int, config: Config, *, frames: int = 40, exclusive: bool = False) -> Example:
    """A film: each frame's vector and picture say who is there, in noise."""
    rng = np.random.default_rng(number)
    who = there(rng, frames, exclusive)
    present = np.array([[name in names for name in CAST] for names in who], float)
    features: Arrays = {
        "time_s": np.arange(frames, dtype=float),
        "frame": np.arange(frames),
        "shot": np.arange(frames),
        "embedding": np.hstack([present * 2 - 1, rng.normal(size=(frames, 6))]).astype(np.float32),
        "picture": pictures(rng, present),
    }
    moments = [(float(at), name) for at, names in enumerate(who) for name in names or ["nobody"]]
    return Example(f"film_{number}", f"film_{number}", features, MODEL.targets(labels(moments), features, config))


def pictures(rng: np.random.Generator, present: np.ndarray) -> np.ndarray:
    """Grey noise; a red square somewhere is ada, a blue one bo."""
    found = rng.integers(90, 130, (len(present), 90, 160, 3)).astype(np.uint8)
    for picture, row in zip(found, present, strict=True):
        for colour, is_there in zip(((220, 30, 30), (30, 30, 220)), row, strict=True):
            top, left = rng.integers(70), rng.integers(140)
            if is_there:
                picture[top : top + 20, left : left + 20] = colour
    return found


def trained(folder: Path, config: Config, films: int = 6, **settings: Any) -> tuple[Artefact, list[Example]]:
    """A model trained on all films but the last two: one to stop by, one to look at."""
    examples = [example(number, config, **settings) for number in range(films)]
    found = MODEL.train(examples[:-2], examples[-2:-1], config, Training(folder / "training"))
    return write_artefact(folder / "artefact", "characters", config, found), examples
