"""A lake to search: three films of four shots, each shot a pattern of its own, three pictures a shot."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from cinelake.lake.cells import CellWriter, Footer, Lake
from cinelake.plan.keys import key_params
from cinelake.spec.contract import Contract
from cinelake.spec.task import Film, find_task
from tasks.affect import AFFECT
from tasks.appearances import APPEARANCES
from tasks.embeddings import EMBEDDINGS, Embed, EmbeddingsParams
from tasks.frames import FRAMES
from tasks.shared.pictures import encode
from tasks.shots import MOTION_SIZE, SHOTS
from tasks.tag_shots import TAG_SHOTS

FILMS = ("alien", "brazil", "clue")
SHOTS_OF_FILM, PER_SHOT, SECONDS = 4, 3, 5.0
PARAMS = EmbeddingsParams(backbone="descriptor")


def pattern(film: int, shot: int, picture: int = 0) -> npt.NDArray[np.uint8]:
    """(90, 160, 3): coarse coloured squares of a shot, a little brighter from picture to picture."""
    squares = np.random.default_rng(10 * film + shot).integers(0, 240, (6, 8, 3))
    return np.asarray(np.kron(squares, np.ones((15, 20, 1))) + 4 * picture, np.uint8)


def searched_lake(folder: Path, *, conditions: bool = True) -> Lake:
    """The lake; with `conditions`, also tags, characters and affect."""
    lake = Lake(str(folder / "lake"))
    for number, movie_id in enumerate(FILMS):
        _pictures(lake, number, movie_id)
        if conditions:
            _conditions(lake, number, movie_id)
    return lake


def _pictures(lake: Lake, film: int, movie_id: str) -> None:
    places = [(shot, picture) for shot in range(SHOTS_OF_FILM) for picture in range(PER_SHOT)]
    rows = len(places)
    times = [shot * SECONDS + picture for shot, picture in places]
    pictures = FRAMES.batch(
        movie_id,
        frame=[round(25 * time_s) for time_s in times],
        time_s=times,
        shot=[shot for shot, _ in places],
        is_middle=[picture == 1 for _, picture in places],
        width=[160] * rows,
        height=[90] * rows,
        entropy=[5.0] * rows,
        brightness=[0.5] * rows,
        sharpness=[9.0] * rows,
        jpeg=[encode(pattern(film, *place)) for place in places],
    )
    commit(lake, FRAMES, movie_id, [pictures], params={"max_width": 160, "jpeg_quality": 95})
    starts = [shot * SECONDS for shot in range(SHOTS_OF_FILM)]
    shots = SHOTS.batch(
        movie_id,
        shot=range(SHOTS_OF_FILM),
        start_frame=[round(25 * start) for start in starts],
        end_frame=[round(25 * (start + SECONDS)) for start in starts],
        start_s=starts,
        end_s=[start + SECONDS for start in starts],
        transition=["start", *["cut"] * (SHOTS_OF_FILM - 1)],
        score=[1.0] * SHOTS_OF_FILM,
        motion=np.zeros((SHOTS_OF_FILM, MOTION_SIZE), np.float32),
    )
    commit(lake, SHOTS, movie_id, [shots])
    made = Embed(PARAMS, Film(movie_id)).run({"frames": lake.reader("frames", movie_id)})
    commit(lake, EMBEDDINGS, movie_id, made, params=key_params(PARAMS, {}), version=find_task("embeddings").version)


def _conditions(lake: Lake, film: int, movie_id: str) -> None:
    """Shot 1 of every film is a chase, Anna is in the last two shots, arousal grows from 0 by 0.05 a second."""
    tags = TAG_SHOTS.batch(movie_id, shot=[1, 3], tag=["chase", "dinner"], probability=[0.9, 0.4 + 0.2 * film])
    commit(lake, TAG_SHOTS, movie_id, [tags])
    seen = {"start_s": [2 * SECONDS], "end_s": [4 * SECONDS], "shot": [2], "confidence": [0.9]}
    commit(lake, APPEARANCES, movie_id, [APPEARANCES.batch(movie_id, character=["Anna"], **seen)])
    times = np.arange(0.0, 20.0)
    affect = AFFECT.batch(movie_id, time_s=times, valence=0.0 * times, arousal=0.05 * times)
    commit(lake, AFFECT, movie_id, [affect])


def commit(
    lake: Lake,
    contract: Contract,
    movie_id: str,
    batches: Iterable[pa.RecordBatch],
    *,
    params: dict[str, Any] | None = None,
    version: int = 1,
    key: str = "k",
) -> None:
    """Commit a cell with the provenance that a search reads."""
    with lake.scratch() as scratch:
        writer = CellWriter(contract, movie_id, scratch / "cell.parquet")
        for batch in batches:
            writer.write(batch)
        made_of = {"task": contract.table, "version": version, "params": params or {}, "model": None}
        writer.close(Footer(f"{key} {movie_id}", movie_id, made_of, {}))
        lake.commit(writer, contract.table)
