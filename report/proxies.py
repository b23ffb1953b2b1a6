"""Small copies of films that browsers do not play, beside the pages: made on request, once for each state of a film."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cinelake.catalogue.films import CatalogueFilm
from cinelake.errors import CinelakeError
from cinelake.spec.film import limit_deadline
from report.tables import FilmTables

FOLDER = "proxies"
CONTAINERS = ("mp4", "mov", "webm")
CODECS, SOUND = ("h264", "vp8", "vp9", "av1"), ("aac", "mp3", "opus", "vorbis", "flac")
"""What the four large browsers play, with 8 bits and 4:2:0."""
PIXELS = ("yuv420p", "yuvj420p")
SECONDS_EACH, LEAST_DEADLINE_S = 30.0, 600.0
"""A proxy may take so many seconds for each of the film, and as long in any case."""


def plays_in_browsers(film: Mapping[str, Any]) -> bool:
    """Whether browsers play a film, by its row of `films`; unknown counts as yes."""
    if not film.get("video_codec"):
        return True
    container, suffix = str(film.get("container") or ""), Path(str(film.get("uri") or "")).suffix.lower()
    is_known = not container or (any(name in container.split(",") for name in CONTAINERS) and suffix != ".mkv")
    has_pixels = film.get("pixel_format") in (None, *PIXELS)
    return is_known and film["video_codec"] in CODECS and has_pixels and film.get("audio_codec") in (None, *SOUND)


def proxy_path(out: Path, movie_id: str, film: Mapping[str, Any]) -> Path:
    """Where the proxy of this state of a film is, or would be."""
    return out / FOLDER / f"{movie_id}-{str(film.get('fingerprint') or 'unknown')[:12]}.mp4"


def make_proxy(
    out: Path, tables: FilmTables, film: CatalogueFilm | None, row: Mapping[str, Any], max_pixels: int
) -> str:
    """Make the film's proxy unless it is there, remove those of earlier states; returns why there is none, or ''.

    max_pixels: larger pictures are not decoded.
    """
    from cinelake.media.light import check_colours
    from cinelake.media.probe import probe
    from cinelake.media.proxy import write_proxy

    target = proxy_path(out, tables.movie_id, row)
    for earlier in target.parent.glob(f"{tables.movie_id}-*.mp4"):
        if earlier != target and earlier.name.rpartition("-")[0] == tables.movie_id:
            earlier.unlink()
    if target.is_file():
        return ""
    if not tables.path or film is None:
        return "the film is not on this machine"
    try:
        probed = probe(film.path, film.choices, max_pixels=max_pixels)
        if probed.video and not film.accept_colours:
            check_colours(film.movie_id, probed.video)
        deadline_s = limit_deadline(SECONDS_EACH * float(row.get("duration_s") or 0.0), LEAST_DEADLINE_S)
        write_proxy(film.path, probed, target, deadline_s=deadline_s, max_pixels=max_pixels)
    except CinelakeError as error:
        return str(error).splitlines()[0]
    return ""
