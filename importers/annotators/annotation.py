"""What an annotator's file says, whatever its form; and labels that are to be written into one.

Reading: a form's reader gives `Annotation`s, `importers.annotators.rows` makes labels of them. Writing: a form's
writer takes `FilmLabels`. What a form has no field for goes into names, as `category=romance; difficult=true`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from cinelake.errors import CannotHold, Problem
from cinelake.labels.film_facts import FilmFacts
from cinelake.spec.labels import LabelContract

VARIES = " (its rate varies, this is the mean: times may be off)"
NAMELESS = "label"
"""What an annotation is called that has no class."""
EXTENT = ("movie_id", "start_s", "end_s", "start_shot", "end_shot", "time_s")
PLACE = ("x", "y", "width", "height")
"""Columns of a place in the picture, as fractions of its width and height: a point, or the upper left and the size."""
_PLAIN = re.compile(r'[^\s;="](?:[^;="\n]*[^\s;="])?')
_FIELD = re.compile(r'\s*([a-z][a-z0-9_]*)=("(?:[^"\\]|\\.)*"|[^;="\n]*?)\s*(?:;|$)')
_NOT_IN_XML = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
"""Control characters, tabs and line ends too, which it does not keep, and halves of characters."""


@dataclass(frozen=True)
class Annotation:
    """One thing that somebody marked.

    film: as the file names it; '' where it does not. where: its place in the file. start: None for the whole film;
    end (exclusive): None for a moment. unit: seconds, numbers of pictures from 0, or time codes. exact: the same in
    seconds, where the file keeps them beside rounded ones. fps: pictures a second, where the file says. label: what it
    is called; values: by name, of columns or other fields. group: the tier, control or attribute that it belongs to.
    box: left, top, width, height of its place in a picture of `size`; a point has no width. line: in the file, or 0.
    """

    film: str
    where: str
    start: float | str | None = None
    end: float | str | None = None
    unit: Literal["s", "pictures", "time codes"] = "s"
    label: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    exact: tuple[float, float | None] | None = None
    fps: float | None = None
    group: str = ""
    annotator: str = ""
    box: tuple[float, float, float, float] | None = None
    size: tuple[float, float] | None = None
    line: int = 0


@dataclass
class ReadFile:
    """What a reader found. problems: what cannot be read. of_group: the same, of a group of annotations, which does not
    count where others are asked for. notes: what was left aside, for the labeller to know."""

    annotations: list[Annotation] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    of_group: dict[str, list[Problem]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class FilmLabels:
    """One film's labels, to be written.

    name: what the form calls the film. uri: where it is. rows: the labels' columns without nulls. what: the set's name.
    silent: what says nothing as a name (see `names_nothing`).
    """

    movie_id: str
    name: str
    uri: str
    facts: FilmFacts
    rows: Sequence[Mapping[str, Any]]
    contract: LabelContract
    what: str
    annotator: str = ""

    @property
    def silent(self) -> frozenset[str]:
        """Names that say nothing of a label's class."""
        return frozenset((NAMELESS, self.what))

    def place_of(self, row: Mapping[str, Any]) -> dict[str, float]:
        """The place of a label in the picture, where it has all of it: two columns of `PLACE`, or four; else none."""
        names = [name for name in PLACE if name in {column.name for column in self.contract.columns}]
        has_all = len(names) in (2, 4) and names[:2] == ["x", "y"] and all(name in row for name in names)
        return {name: row[name] for name in names} if has_all else {}


def said_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a label without its film and extent."""
    return {name: value for name, value in row.items() if name not in EXTENT}


def extent_of(row: Mapping[str, Any]) -> tuple[float, float | None] | None:
    """Begin and end of a label in seconds; no end: a moment; None: the whole film, or by shots."""
    if "time_s" in row:
        return row["time_s"], None
    return (row["start_s"], row["end_s"]) if "start_s" in row else None


def pictures_of(start_s: float, end_s: float | None, facts: FilmFacts) -> tuple[int, int]:
    """The pictures of a span (at least one) or of a moment, as numbers from 0, the end exclusive."""
    assert facts.fps is not None
    first = max(0, round((start_s - facts.first_s) * facts.fps))
    last = first + 1 if end_s is None else round((end_s - facts.first_s) * facts.fps)
    return first, max(first + 1, last)


def seconds_of(first: float, last: float | None, fps: float, first_s: float) -> tuple[float, float | None]:
    """When pictures begin and end, in seconds of the film."""
    return first_s + first / fps, None if last is None else first_s + last / fps


def rounded(films: Sequence[FilmLabels]) -> list[str]:
    """What must be told where a form counts pictures: the rates, and how many labels were rounded to pictures."""
    told = []
    for film in films:
        fps = film.facts.fps or 0.0
        moved = 0
        for extent in filter(None, map(extent_of, film.rows)):
            first, last = pictures_of(*extent, film.facts)
            again = seconds_of(first, None if extent[1] is None else last, fps, film.facts.first_s)
            moved += any(
                a is not None and b is not None and abs(a - b) > 1e-6 for a, b in zip(extent, again, strict=True)
            )
        by = f", {moved} of {len(film.rows)} labels rounded to the nearest picture" if moved else ""
        mean = VARIES if film.facts.varies else ""
        told.append(f"{film.movie_id}: pictures counted at {fps:g} a second{mean}{by}")
    return told


def check_extents(
    form: str, films: Sequence[FilmLabels], *, whole: bool, rate: bool = False, size: bool = False
) -> None:
    """Raise `CannotHold` with everything that keeps labels from being written in a form.

    whole: the form has labels of whole films. rate: it counts pictures. size: it has places in pixels.
    """
    reasons = []
    for film in films:
        by_shots = sum("start_shot" in row and "start_s" not in row for row in film.rows)
        of_whole = sum(extent_of(row) is None for row in film.rows) - by_shots
        if by_shots:
            reasons.append(f"{film.movie_id}: {by_shots} labels are by numbers of shots, without times")
        if of_whole and not whole:
            reasons.append(f"{film.movie_id}: {of_whole} labels are of the whole film")
        if rate and film.facts.fps is None:
            reasons.append(f"{film.movie_id}: its pictures a second are unknown (`cinelake run` measures them)")
        if size and (film.facts.width is None or film.facts.height is None):
            reasons.append(f"{film.movie_id}: the size of its pictures is unknown (`cinelake run` measures it)")
    if reasons:
        raise CannotHold(form, reasons)


# --- names


def name_of(film: FilmLabels, row: Mapping[str, Any], *, alone: bool) -> str:
    """What a label is called: its class; alone: with all its other values, for forms that have nothing but names."""
    said, column = said_of(row), film.contract.class_column
    if not alone:
        return str(said[column]) if column is not None and column in said else film.what
    if not said:
        return film.what
    if column is not None and set(said) == {column}:
        name = str(said[column])
        if name not in film.silent and not read_fields(name, [c.name for c in film.contract.columns]):
            return name
    return "; ".join(f"{name}={_field(value)}" for name, value in said.items())


def _field(value: Any) -> str:
    text = as_text(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def read_fields(name: str, columns: Collection[str]) -> dict[str, str] | None:
    """`category=romance; difficult=true` by column; None for a text that is not all of this form."""
    found: dict[str, str] = {}
    at = 0
    while at < len(name):
        match = _FIELD.match(name, at)
        if not match or match[1] not in columns or match[1] in found:
            return None
        value = match[2]
        try:
            found[match[1]] = json.loads(value) if value.startswith('"') else value
        except ValueError:
            return None
        at = match.end()
    return found or None


def as_text(value: Any) -> str:
    """A value as a label's text: `true`, `12`, `0.1`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if math.isfinite(value) and value.is_integer() and abs(value) < 1e15 else repr(value)
    return str(value)


def check_in_xml(form: str, film: FilmLabels) -> None:
    """Raise `CannotHold` where a text of a film's labels has control characters: XML holds none."""
    texts = [value for row in film.rows for value in said_of(row).values() if isinstance(value, str)]
    if strange := [text for text in texts if _NOT_IN_XML.search(text)]:
        raise CannotHold(form, [f"{film.movie_id}: control characters in {text!r}" for text in strange])


def unprintable(texts: Iterable[str]) -> list[str]:
    """The texts that do not stand on one printable line."""
    return [text for text in texts if not text.isprintable()]
