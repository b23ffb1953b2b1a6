"""Times that count pictures (`0:00:10:12`) as seconds, by the rate of the film that a row is about."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from cinelake.labels.film_facts import FilmFacts

TIMES = ("time_s", "start_s", "end_s")
_FORM = re.compile(r"(\d{1,2}):([0-5]\d):([0-5]\d)([:;])(\d{2,3})")


def with_counted_times(rows: pa.Table, films: Mapping[str, FilmFacts]) -> pa.Table:
    """The rows with every time code of a text column of times as seconds; one that the film has not stays as it is."""
    for name in TIMES:
        if name not in rows.column_names or not pa.types.is_string(rows[name].type):
            continue
        texts = rows[name].to_pylist()
        if not any(text and _FORM.fullmatch(text.strip()) for text in texts):
            continue
        ids = rows["movie_id"].to_pylist() if "movie_id" in rows.column_names else [None] * len(texts)
        read = [_seconds(text, movie_id, films) for text, movie_id in zip(texts, ids, strict=True)]
        rows = rows.set_column(rows.column_names.index(name), name, pa.array(read, pa.string()))
    return rows


def counted_rates(rows: pa.Table, films: Mapping[str, FilmFacts]) -> dict[str, float]:
    """The films whose rows name times by time codes, with the pictures a second by which these are read."""
    if "movie_id" not in rows.column_names:
        return {}
    ids, found = rows["movie_id"].to_pylist(), dict[str, float]()
    for name in TIMES:
        if name in rows.column_names and pa.types.is_string(rows[name].type):
            for movie_id, text in zip(ids, rows[name].to_pylist(), strict=True):
                if text and _FORM.fullmatch(text.strip()) and movie_id in films and (fps := films[movie_id].fps):
                    found[movie_id] = fps
    return dict(sorted(found.items()))


def _seconds(text: str | None, movie_id: str | None, films: Mapping[str, FilmFacts]) -> str | None:
    given = (text or "").strip()
    movie_id = (movie_id or "").strip()
    facts = films[movie_id] if _FORM.fullmatch(given) and movie_id in films else None
    if facts is None or facts.fps is None:
        return text
    picture = counted_picture(given, facts.fps)
    return text if picture is None else _clock(facts.first_s + picture / facts.fps)


def _clock(time_s: float) -> str:
    """H:MM:SS.mmm, which no decimal comma of its column can be mixed up with."""
    minutes, seconds = divmod(time_s, 60)
    return f"{int(minutes) // 60}:{int(minutes) % 60:02d}:{seconds:.9f}"


def smpte_rate(fps: float) -> float | None:
    """The rate of SMPTE ST 12-1 that counts a film's pictures one by one; None where no rate does."""
    from opentimelineio.opentime import RationalTime

    rate = float(RationalTime.nearest_smpte_timecode_rate(fps))
    return rate if rate and abs(rate / fps - 1) < 1e-3 else None


def counted_picture(text: str, fps: float) -> int | None:
    """The number, from 0, of the picture that a time code names; None for a text that is no time code of this rate.

    `;` before the pictures: numbers are dropped (SMPTE ST 12-1), at 29.97 and 59.94 alone.
    """
    from opentimelineio.opentime import from_timecode

    found, rate = _FORM.fullmatch(text), smpte_rate(fps)
    if not found or rate is None or int(found[5]) >= round(rate):
        return None
    hours, minutes, seconds, sign, pictures = found.groups()
    dropped = sign == ";" and int(seconds) == 0 and int(minutes) % 10 and int(pictures) < round(rate) // 15
    try:
        return (
            None if dropped else int(from_timecode(f"{int(hours):02d}:{minutes}:{seconds}{sign}{pictures}", rate).value)
        )
    except ValueError:  # drop frames at a rate that has none
        return None


def written_picture(picture: int, rate: float) -> str:
    """The time code without drop frames of the picture with this number, from 0; it begins anew after 24 hours.

    OpenTimelineIO's own begins anew after a day of drop frames where none are dropped too: 86 s early at 29.97.
    """
    seconds, pictures = divmod(picture, round(rate))
    return f"{seconds // 3600 % 24:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}:{pictures:02d}"
