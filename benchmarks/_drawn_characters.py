"""Two drawn catalogues in one lake, with who is to be seen in each film and for how long."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from cinelake.lake.cells import Lake
from cinelake.spec.example import Example
from models.characters import MODEL
from models.characters.config import Config


@dataclass(frozen=True)
class Drawn:
    """One side of the films. true_s: film → character → seconds, to the frame, as the program that drew it knows."""

    examples: tuple[Example, ...]
    true_s: dict[str, dict[str, float]]


def read_side(folder: Path, side: str, lake: Lake, count: int, seed: int, config: Config) -> Drawn:
    """The films of one side, with labels once a second, and the true seconds."""
    labels = pa_csv.read_csv(folder / side / "labels" / "characters.csv")
    true_s = dict(true_seconds(seed, number) for number in range(count))
    return Drawn(tuple(_example(movie_id, lake, labels, config) for movie_id in sorted(true_s)), true_s)


def _example(movie_id: str, lake: Lake, labels: pa.Table, config: Config) -> Example:
    tables = {name: lake.reader(name, movie_id) for name in MODEL.reads(config)}
    features = MODEL.features(tables, config)
    own = labels.filter(pc.equal(labels["movie_id"], movie_id))
    return Example(movie_id, movie_id, features, MODEL.targets(own, features, config))


def true_seconds(seed: int, number: int) -> tuple[str, dict[str, float]]:
    """A film's movie_id, and character → seconds on screen, counted by frames."""
    from examples.labels import visible_people
    from examples.script import write_script

    film = write_script(seed, number)
    seconds: dict[str, float] = {}
    for shot in film.shots:
        for frame in range(shot.frames):
            for name in visible_people(shot, frame):
                seconds[name] = seconds.get(name, 0.0) + 1 / film.fps
    return film.movie_id, seconds
