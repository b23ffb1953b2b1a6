"""Moments of films on pages that stand alone: their pictures within the page, their links into the report."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from report.files import MARK
from report.pictures import BOX, QUALITY, pictures_at
from report.tables import LakeTables

Spot = tuple[str, float]
"""A film and a second of it."""


class Places:
    """Where moments are seen: their film's title, the picture nearest to them, and the film's page of the report.

    site: the folder of the report; where it has a page of the film, it is linked from the folder `of`, or by its whole
    address where that is None. spots: all moments whose pictures are wanted; each film's are read once.
    """

    def __init__(self, lake: LakeTables, spots: Sequence[Spot], site: Path, of: Path | None = None):
        self._lake, self._of = lake, of
        self._site = site if (site / MARK).is_file() else None
        self._uris = embedded(lake, spots)
        known = set(lake.movie_ids)
        films = dict.fromkeys(movie_id for movie_id, _ in spots if movie_id in known)
        self._titles = {movie_id: lake.film(movie_id).title for movie_id in films}

    def __call__(self, movie_id: str, time_s: float) -> dict[str, Any]:
        """Title, link and picture of a moment; link and picture are empty where there are none."""
        uri = self._uris.get((movie_id, time_s), "")
        link = f"{page}#t={time_s:.3f}" if (page := self._page(movie_id)) else ""
        return {"title": self._titles.get(movie_id, movie_id), "link": link, "uri": uri, "picture": None}

    def _page(self, movie_id: str) -> str:
        page = self._site / "films" / movie_id / "index.html" if self._site else None
        if page is None or not page.is_file():
            return ""
        return page.resolve().as_uri() if self._of is None else quote(os.path.relpath(page, self._of))


def embedded(lake: LakeTables, spots: Iterable[Spot]) -> dict[Spot, str]:
    """A small picture of each moment as a `data:` address, where the lake has pictures of the film."""
    by_film: dict[str, list[float]] = {}
    known = set(lake.movie_ids)
    for movie_id, time_s in spots:
        if movie_id in known:
            by_film.setdefault(movie_id, []).append(time_s)
    found: dict[Spot, str] = {}
    for movie_id, seconds in by_film.items():
        tables = lake.film(movie_id)
        frames = tables.read("frames", ["time_s"])
        if frames is None or not frames.num_rows:
            continue
        times = np.asarray(frames["time_s"])
        nearest = {time_s: int(np.abs(times - time_s).argmin()) for time_s in seconds}
        boxes = dict.fromkeys(nearest.values(), BOX)
        uris = {
            row: _uri(picture) for row, picture in pictures_at(tables.batches("frames", ["jpeg"]), boxes) if picture
        }
        found |= {(movie_id, time_s): uris[row] for time_s, row in nearest.items() if row in uris}
    return found


def _uri(picture: Any) -> str:
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode()}"
