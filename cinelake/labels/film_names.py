"""Films as people write them in labels: ids, names of files with or without suffix and folder, titles.

An id counts first, then a file's name, then a title. What is one film's alone is taken and told; what may be several
is refused with all of them; what only resembles a name is proposed, never taken.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable
from functools import cached_property
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc

from cinelake.catalogue.films import CatalogueFilm
from cinelake.catalogue.names import stem_of
from cinelake.errors import Problem, did_you_mean
from cinelake.labels.checks import FILE, LINE

PLAIN = ("film", "movie", "file", "filename", "file_name", "video", "title")
OF_COLLECTIONS = ("clip", "clip_id", "excerpt", "song", "song_id", "songid", "music_id", "musicid", "track")
"""What may be a part of a film too, where it is said otherwise which film."""
SYNONYMS = (*PLAIN, *OF_COLLECTIONS)
"""Headers under which people name the film; the first that stands in a table is taken, where none is `movie_id`."""
UPLOAD = re.compile(r"[0-9a-f]{8}-")
"""What a server puts before the name of a file that was uploaded to it."""
LOCAL = "/data/local-files/?d="
"""What a server puts before the path of a file that lies beside it."""
MAX_CANDIDATES = 5


class FilmNames:
    """The ids of films and how else they are called."""

    def __init__(self, films: Iterable[CatalogueFilm], ids: Iterable[str]):
        self.ids = set(ids)
        self._ways: tuple[tuple[str, dict[str, set[str]]], ...] = (("file name", {}), ("title", {}))
        for film in films:
            name = _base(film.uri)
            for way, text in ((0, name), (0, stem_of(name)), (1, film.title)):
                if spelling := _plain(text):
                    self._ways[way][1].setdefault(spelling, set()).add(film.movie_id)

    def find(self, text: str) -> tuple[list[str], str]:
        """The films that a text may mean, and by what they were found: '' for an id, else `file name` or `title`."""
        if text in self.ids:
            return [text], ""
        name = _base(text)
        if stem_of(name) in self.ids:
            return [stem_of(name)], "file name"
        spelled = [text, name, stem_of(name)]
        for way, known in self._ways:
            for spelling in spelled:
                if found := known.get(_plain(spelling)):
                    return sorted(found), way
        return self._uploaded(UPLOAD.sub("", name, 1)) if UPLOAD.match(name) else ([], "")

    def _uploaded(self, name: str) -> tuple[list[str], str]:
        """The films of which a server, when they were uploaded, makes a file of this name."""
        for way, known in self._ways_served:
            for spelling in (name, stem_of(name)):
                if found := known.get(_served(_plain(spelling))):
                    return sorted(found), way
        return ([stem_of(name)], "file name") if stem_of(name) in self.ids else ([], "")

    @cached_property
    def _ways_served(self) -> list[tuple[str, dict[str, set[str]]]]:
        served: list[tuple[str, dict[str, set[str]]]] = []
        for way, known in self._ways:
            served.append((way, {}))
            for name, ids in known.items():
                served[-1][1].setdefault(_served(name), set()).update(ids)
        return served

    def why_not(self, text: str, candidates: list[str]) -> str:
        """What is wrong with a name that means no film, or several."""
        if candidates:
            more = f" and {len(candidates) - MAX_CANDIDATES} more" if len(candidates) > MAX_CANDIDATES else ""
            return f"{text!r} may be each of {', '.join(candidates[:MAX_CANDIDATES])}{more}: write the movie_id"
        stem = stem_of(_base(text))
        near = did_you_mean(stem, sorted(self.ids))
        if "did you mean" not in near:  # perhaps it resembles how a film is called otherwise
            ways = {name: ids for _, known in self._ways for name, ids in known.items() if len(ids) == 1}
            close = difflib.get_close_matches(_plain(stem), sorted(ways), n=1, cutoff=0.7)
            near = f": did you mean {min(ways[close[0]])!r} ({close[0]})?" if close else near
        return f"unknown film {text!r}{near if self.ids else ': there are no films'}"


def with_movie_ids(
    rows: pa.Table, names: FilmNames, movie: str = "", columns: Iterable[str] = ()
) -> tuple[pa.Table, list[Problem], list[str]]:
    """The rows whose film is known, with its id in `movie_id`; the problems of the others; and what must be told.

    movie: the film of rows that name none. columns: what the labels have, none of which is taken for a film's name.
    """
    notes: list[str] = []
    if "movie_id" not in rows.column_names:
        headers = {name.casefold(): name for name in reversed(rows.column_names) if name not in set(columns)}
        named = next((headers[name] for name in ("movie_id", *(PLAIN if movie else SYNONYMS)) if name in headers), None)
        if named is not None:
            rows = rows.rename_columns(["movie_id" if name == named else name for name in rows.column_names])
            notes.append(f"the column {named!r} is taken for the film")
        elif movie:
            rows = rows.append_column("movie_id", pa.array([movie] * rows.num_rows, pa.string()))
        else:
            return rows, [], notes
    if pa.types.is_integer(rows["movie_id"].type):  # collections that count their films
        at = rows.column_names.index("movie_id")
        rows = rows.set_column(at, "movie_id", rows["movie_id"].cast(pa.string()))
    distinct = pc.unique(rows["movie_id"]).to_pylist()
    if not pa.types.is_string(rows["movie_id"].type) or all(each in names.ids for each in distinct):
        return rows, [], notes
    given = rows["movie_id"].to_pylist()
    texts = [movie if value is None or not value.strip() else value.strip() for value in given]
    rows_of: dict[str, list[int]] = {}
    for number, text in enumerate(texts):
        rows_of.setdefault(text, []).append(number)
    meant: dict[str, str | None] = {}
    problems, told = [], []
    for text, at in rows_of.items():
        candidates, way = names.find(text) if text else ([""], "")
        meant[text] = candidates[0] if len(candidates) == 1 else None
        if meant[text] is None:
            problems.append(_unknown(rows, at, names.why_not(text, candidates)))
        elif way:
            told.append(f"{text!r} is {candidates[0]} (by its {way})")
    ids = [meant[text] or None for text in texts]
    rows = rows.set_column(rows.column_names.index("movie_id"), "movie_id", pa.array(ids, pa.string()))
    known = pa.array([meant[text] is not None for text in texts], pa.bool_())
    return (rows.filter(known) if problems else rows), problems, [*notes, *told]


def _unknown(rows: pa.Table, at: list[int], why: str) -> Problem:
    """One problem at the first of these rows, which names the lines of a few others."""
    lines = rows[LINE].to_pylist() if LINE in rows.column_names else None
    file = rows[FILE][at[0]].as_py() if FILE in rows.column_names else ""
    named = ", ".join(str((lines[number] if lines else 0) or number + 1) for number in at[1:6])
    more = f" and {len(at) - 6} more" if len(at) > 6 else ""
    also = f" (also on {named}{more})" if named else ""
    return Problem(file, lines[at[0]] if lines else 0, "movie_id", why + also)


def _base(text: str) -> str:
    """The last part of a path or address, as a person would write it."""
    address = text.removeprefix(LOCAL)
    is_address = "://" in text or text.startswith("/data/")
    plain = unquote(address.split("?", 1)[0]) if is_address else text
    return plain.replace("\\", "/").rstrip("/").rpartition("/")[2]


def _served(name: str) -> str:
    """A name as servers keep files under it: blanks as _, and of all signs only - _ and points."""
    return re.sub(r"[^-\w.]", "", name.replace(" ", "_"))


def _plain(text: str) -> str:
    """A text as spellings are compared: composed, in one case, blanks as one."""
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())
