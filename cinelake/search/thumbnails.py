"""The pictures of moments, out of the lake into a folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow.compute as pc

from cinelake.errors import UsageError
from cinelake.lake.cells import Lake
from cinelake.search.moments import FoundMoment
from cinelake.search.tables import table_of
from cinelake.spec.roles import Pictures
from cinelake.storage.files import write_whole


def write_thumbnails(lake: Lake, moments: Sequence[FoundMoment], folder: Path) -> list[FoundMoment]:
    """Write each moment's picture into a folder, as `01-MOVIE-00h12m31s.jpg`; returns the moments with their files.

    A moment of a film without pictures gets none. Raises `UsageError` where the folder cannot be written to.
    """
    made = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for rank, moment in enumerate(moments, 1):
            jpeg = _picture(lake, moment)
            hours, minutes, seconds = moment.timecode[:8].split(":")
            path = folder / f"{rank:02d}-{moment.movie_id}-{hours}h{minutes}m{seconds}s.jpg"
            if jpeg is not None:
                write_whole(path, jpeg)
            made.append(moment if jpeg is None else replace(moment, thumbnail=str(path)))
    except OSError as error:
        raise UsageError(f"thumbnails cannot be written to {folder}: {error.strerror or error}") from error
    return made


def _picture(lake: Lake, moment: FoundMoment) -> bytes | None:
    """The JPEG of the moment's frame; of a span without one, the first picture in it or the nearest to it."""
    table = table_of(lake, moment.movie_id, Pictures)
    if table is None:
        return None
    name, pictures = table
    reader = lake.reader(name, moment.movie_id)
    times = reader.read([pictures.frame, pictures.time_s])
    distance = pc.abs(pc.subtract(times[pictures.time_s], max(moment.time_s, moment.start_s)))
    if not len(distance):
        return None
    frame = times[pictures.frame][int(pc.index(distance, pc.min(distance)).as_py())]
    for batch in reader.batches([pictures.frame, pictures.jpeg]):
        rows = batch.filter(pc.equal(batch[pictures.frame], frame))
        if rows.num_rows:
            return bytes(rows[pictures.jpeg][0].as_py())
    return None
