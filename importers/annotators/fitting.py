"""Annotations as rows of a model's labels: whose film, when, and which column a name is for; every problem at once."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa

from cinelake.errors import Problem, UnknownName, did_you_mean
from cinelake.labels.checks import FILE, LINE, FilmFacts
from cinelake.labels.film_names import FilmNames
from cinelake.labels.timecodes import counted_picture
from cinelake.spec.contract import Column
from cinelake.spec.labels import LabelContract
from importers.annotators.annotation import (
    NAMELESS,
    VARIES,
    Annotation,
    ReadFile,
    as_text,
    pictures_of,
    read_fields,
    seconds_of,
)

ANNOTATOR = "#annotator"
"""The column of who labelled a row, where the file says."""
ONE_PICTURE = 1.5
"""A span that is no longer than so many pictures marks a moment."""
DIGITS = 9
"""Of a place, a fraction that was written in pixels."""
MANY_MOMENTS = 1_000_000
LARGEST = 1e9
"""No second, no picture and no rate is beyond."""


@dataclass(frozen=True)
class Fitting:
    """How annotations become labels.

    movie: the film of a file that names none, or names it wrongly. fps: how pictures are counted, in place of what the
    file or the film says. every: seconds between the moments that a span stands for. column: of names that no column
    claims. only: tiers, controls or attributes that are read. start_timecode: of the film's first picture. silent:
    names that say nothing of a class. ignore_extra: fields that these labels do not have are left aside.
    """

    movie: str = ""
    fps: float | None = None
    every: float | None = None
    column: str = ""
    only: tuple[str, ...] = ()
    start_timecode: str = ""
    silent: frozenset[str] = frozenset((NAMELESS,))
    ignore_extra: bool = False


@dataclass
class Fitted:
    """rows: texts by column, with `LINE`, `FILE` and `ANNOTATOR`. nameless: names taken for none, how often."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    nameless: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Placed:
    """An annotation whose film and seconds are known."""

    annotation: Annotation
    movie_id: str
    start_s: float | None
    end_s: float | None


def fit(
    file: str,
    read: ReadFile,
    contract: LabelContract,
    names: FilmNames,
    films: Mapping[str, FilmFacts],
    how: Fitting,
) -> Fitted:
    """The rows of a file's annotations. Raises `UnknownName` for what `how` names and nothing has."""
    fitted = Fitted([], list(read.problems), list(read.notes))
    annotations = _chosen(read.annotations, contract, how, fitted)
    placed = _placed(file, annotations, contract, names, films, how, fitted)
    if contract.shape == "spans" and not contract.overlap:
        placed = _between_moments(file, placed, films, fitted)
    elif contract.shape == "moments":
        placed = _as_moments(file, placed, films, how, fitted)
    for one in placed:
        if (problem := _extent_problem(one, contract)) is not None:
            fitted.problems.append(_problem(file, one.annotation, "", problem))
            continue
        values = _values(file, one.annotation, contract, films[one.movie_id], how, fitted)
        if values is not None:
            fitted.rows.append({**_extent(one, contract), **values, **_origin(file, one.annotation)})
    _number(fitted, contract)
    for name, count in fitted.nameless.items():
        fitted.notes.append(f"{count} annotations are called {name!r}, which is taken for no {contract.class_column}")
    fitted.problems = list(dict.fromkeys(fitted.problems))
    return fitted


def as_table(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Rows of texts as a table; a row without a column has null there."""
    names = dict.fromkeys(("movie_id", *(name for row in rows for name in row)))
    types = {name: pa.int64() if name == LINE else pa.string() for name in names}
    return pa.table({name: pa.array([row.get(name) for row in rows], types[name]) for name in names})


def _origin(file: str, annotation: Annotation) -> dict[str, Any]:
    at = file if annotation.line else f"{file}: {annotation.where}"
    return {LINE: annotation.line, FILE: at, ANNOTATOR: annotation.annotator or None}


def _problem(file: str, annotation: Annotation, where: str, message: str) -> Problem:
    origin = _origin(file, annotation)
    return Problem(origin[FILE], origin[LINE], where, message)


def _chosen(
    annotations: Sequence[Annotation], contract: LabelContract, how: Fitting, fitted: Fitted
) -> Sequence[Annotation]:
    """The annotations of the groups that are asked for; without any, all, and the groups are told."""
    groups = Counter(annotation.group for annotation in annotations if annotation.group)
    for name in how.only:
        if name not in groups:
            raise UnknownName("tier, control or attribute", name, groups)
    columns = {column.name for column in contract.columns}
    if how.column and how.column not in columns:
        raise UnknownName("column", how.column, columns)
    if how.only:
        return [annotation for annotation in annotations if annotation.group in how.only]
    strange = [group for group in groups if group not in columns | how.silent]
    labels = {annotation.label for annotation in annotations}
    if len(groups) > 1 and strange and not set(strange) <= labels:
        shown = ", ".join(f"{group} ({count})" for group, count in sorted(groups.items()))
        fitted.notes.append(f"read: {shown}; --only NAME reads some of them")
    return annotations


# --- whose film, and when


def _placed(
    file: str,
    annotations: Sequence[Annotation],
    contract: LabelContract,
    names: FilmNames,
    films: Mapping[str, FilmFacts],
    how: Fitting,
    fitted: Fitted,
) -> list[Placed]:
    named = dict.fromkeys(annotation.film for annotation in annotations)
    meant = {name: _film(file, name, names, how, fitted, alone=len(named) == 1) for name in named}
    placed, rates = [], {}
    for annotation in annotations:
        movie_id = meant[annotation.film]
        if movie_id is None:
            continue
        try:
            start_s, end_s = _seconds(annotation, films[movie_id], how)
        except (ArithmeticError, ValueError) as error:
            fitted.problems.append(_problem(file, annotation, "", str(error)))
            continue
        if annotation.unit != "s" and annotation.start is not None:
            rates[movie_id] = _rate(annotation, films[movie_id], how)
        placed.append(Placed(annotation, movie_id, start_s, end_s))
    for movie_id, (fps, whose) in rates.items():
        mean = VARIES if films[movie_id].varies else ""
        fitted.notes.append(f"{movie_id}: pictures counted at {fps:g} a second ({whose}){mean}")
    return placed


def _film(file: str, name: str, names: FilmNames, how: Fitting, fitted: Fitted, *, alone: bool) -> str | None:
    if how.movie and (alone or not name):
        if name and names.find(name)[0] != [how.movie]:
            fitted.notes.append(f"{name!r} is taken for {how.movie}, as --movie says")
        return how.movie
    if not name:
        fitted.problems.append(Problem(file, 0, "movie_id", "the file names no film: say --movie ID"))
        return None
    candidates, way = names.find(name)
    if len(candidates) == 1:
        if way:
            fitted.notes.append(f"{name!r} is {candidates[0]} (by its {way})")
        return candidates[0]
    why = names.why_not(name, candidates) + (", or say --movie ID" if alone else "")
    fitted.problems.append(Problem(file, 0, "movie_id", why))
    return None


def _rate(annotation: Annotation, facts: FilmFacts, how: Fitting) -> tuple[float, str]:
    """Pictures a second by which an annotation is counted, and who says so. Raises `ValueError` where nobody does."""
    for fps, whose in (
        (how.fps, "--fps"),
        (annotation.fps, "the file's"),
        (facts.fps, "the film's; --fps says otherwise"),
    ):
        if fps:
            if not 0 < fps < LARGEST:
                raise ValueError(f"expected pictures a second, received {fps:g} ({whose})")
            return fps, whose
    raise ValueError("pictures are counted, and nothing says how many a second: say --fps, or `cinelake run` first")


def _seconds(annotation: Annotation, facts: FilmFacts, how: Fitting) -> tuple[float | None, float | None]:
    """Begin and end in the film's seconds. Raises `ValueError`."""
    start, end = annotation.start, annotation.end
    if start is None:
        return None, None
    if annotation.unit == "s":
        return _finite(start), None if end is None else _finite(end)
    fps, _ = _rate(annotation, facts, how)
    if annotation.unit == "time codes":
        zero = _counted(how.start_timecode, fps) if how.start_timecode else 0
        first: float = _counted(str(start), fps) - zero
        is_length = isinstance(end, str) and end.startswith("+")
        last: float | None = (
            None if end is None else first + int(str(end)[1:]) if is_length else _counted(str(end), fps) - zero
        )
    else:
        first, last = _finite(start), None if end is None else _finite(end)
    if annotation.exact is not None:
        exact = replace(facts, fps=fps)
        if pictures_of(*annotation.exact, exact) == pictures_of(*seconds_of(first, last, fps, facts.first_s), exact):
            return annotation.exact
    return seconds_of(first, last, fps, facts.first_s)


def _counted(code: str, fps: float) -> int:
    picture = counted_picture(code, fps)
    if picture is None:
        raise ValueError(f"{code} is no time code of {fps:g} pictures a second")
    return picture


def _finite(value: float | str) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not abs(number) <= LARGEST:
        raise ValueError(f"expected a time, received {str(value)[:40]}")
    return number


def _between_moments(file: str, placed: list[Placed], films: Mapping[str, FilmFacts], fitted: Fitted) -> list[Placed]:
    """Moments of labels that lie side by side are where one ends and the next begins: the last ends with the film."""
    moments: dict[str, list[Placed]] = {}
    for one in placed:
        if one.start_s is not None and one.end_s is None:
            moments.setdefault(one.movie_id, []).append(one)
    spans = [one for one in placed if one.start_s is None or one.end_s is not None]
    for movie_id, cuts in moments.items():
        if any(one.movie_id == movie_id for one in spans):
            why = "a moment beside spans: these labels are spans, or moments at which each begins, but not both"
            fitted.problems += [_problem(file, cut.annotation, "", why) for cut in cuts]
            continue
        end_s = films[movie_id].duration_s
        if end_s is None:
            why = "moments say where spans begin, and where the last one ends is not known: `cinelake run` first"
            fitted.problems.append(_problem(file, cuts[0].annotation, "", why))
            continue
        cuts.sort(key=lambda cut: cut.start_s or 0.0)
        ends = [*(cut.start_s for cut in cuts[1:]), end_s]
        spans += [replace(cut, end_s=end) for cut, end in zip(cuts, ends, strict=True)]
        fitted.notes.append(f"{movie_id}: {len(cuts)} moments are where spans begin; the last ends with the film")
    return spans


def _as_moments(
    file: str, placed: list[Placed], films: Mapping[str, FilmFacts], how: Fitting, fitted: Fitted
) -> list[Placed]:
    """Spans as the moment that they begin at where they are a picture long, else as moments `every` so many seconds."""
    found: list[Placed] = []
    spread = moments = 0
    for one in placed:
        if one.start_s is None or one.end_s is None:
            found.append(one)
            continue
        picture_s = 1 / (how.fps or one.annotation.fps or films[one.movie_id].fps or math.inf)
        if one.end_s - one.start_s <= ONE_PICTURE * picture_s + 1e-9:
            found.append(replace(one, end_s=None))
        elif how.every is None:
            why = (
                f"expected a moment, received the span {one.start_s:g} to {one.end_s:g} s: "
                "--every 1 labels a moment in each second of it"
            )
            fitted.problems.append(_problem(file, one.annotation, "", why))
        else:
            spread += 1
            moments += max(0, math.ceil((one.end_s - one.start_s) / how.every))
            if moments > MANY_MOMENTS:
                why = (
                    f"the spans are more than {MANY_MOMENTS:,} moments, one every {how.every:g} s: say a larger --every"
                )
                fitted.problems.append(_problem(file, one.annotation, "", why))
                break
            found += [replace(one, start_s=time, end_s=None) for time in _grid(one.start_s, one.end_s, how.every)]
    if spread:
        fitted.notes.append(f"{spread} spans label a moment every {how.every:g} s")
    return found


def _grid(start_s: float, end_s: float, every: float) -> Iterable[float]:
    """Multiples of `every` within a span, the same for all spans; its middle where none is."""
    first, last = math.ceil(start_s / every - 1e-9), math.ceil(end_s / every - 1e-9)
    times = [round(number * every, 6) for number in range(first, last)]
    return times or [(start_s + end_s) / 2]


def _extent_problem(one: Placed, contract: LabelContract) -> str | None:
    """Why an extent is none of these labels'."""
    if contract.shape == "films" and one.start_s is not None:
        return f"these labels are of whole films, received {one.start_s:g} s"
    if contract.shape == "moments" and one.start_s is None:
        return "expected a moment, received a label of the whole film"
    if contract.shape == "spans" and one.start_s is not None and one.end_s is None:
        return f"expected a span, received the moment {one.start_s:g} s"
    return None


def _extent(one: Placed, contract: LabelContract) -> dict[str, Any]:
    row: dict[str, Any] = {"movie_id": one.movie_id}
    if contract.shape == "moments" and one.start_s is not None:
        row["time_s"] = repr(one.start_s)
    elif contract.shape == "spans" and one.start_s is not None:
        row |= {"start_s": repr(one.start_s), "end_s": repr(one.end_s)}
    return row


# --- which column


def _values(
    file: str, annotation: Annotation, contract: LabelContract, facts: FilmFacts, how: Fitting, fitted: Fitted
) -> dict[str, str] | None:
    """The texts of an annotation by column; None where one has no place, which is then a problem."""
    columns = {column.name: column for column in contract.columns}
    found: dict[str, str] = {}
    for name, value in annotation.values.items():
        if isinstance(value, (dict, list)):
            why = f"expected one value, received {json.dumps(value)[:60]}"
            fitted.problems.append(_problem(file, annotation, name, why))
            return None
        if name in columns:
            found[name] = as_text(value)
        elif not how.ignore_extra:
            hint = did_you_mean(name, list(columns))
            why = f"these labels have no such column{hint} (or leave it aside with --ignore-extra-columns)"
            fitted.problems.append(Problem(file, 0, name, why))
    if annotation.label and not _says_nothing(annotation.label, contract, how):
        named = _named(annotation.label, contract, how)
        if named is None:
            why = f"which column is {annotation.label!r} for? Say --column NAME: {', '.join(columns)}"
            fitted.problems.append(_problem(file, annotation, "", why))
            return None
        found = {**named, **found}
    elif annotation.label and contract.class_column and contract.class_column not in found:
        fitted.nameless[annotation.label] += 1
    if annotation.box is not None and {"x", "y"} <= set(columns) and not {"x", "y"} & set(found):
        try:
            place = _place(annotation, facts, columns)
        except ArithmeticError as error:
            fitted.problems.append(_problem(file, annotation, "", f"its place cannot be read: {error}"))
            return None
        if place is None:
            why = "its place is in pixels, and the size of the film's pictures is not known: `cinelake run` first"
            fitted.problems.append(_problem(file, annotation, "", why))
            return None
        found = {**place, **found}
    return found


def _says_nothing(label: str, contract: LabelContract, how: Fitting) -> bool:
    """Whether a name is only that of the set, in labels that need not have a class."""
    needs_class = any(c.name == contract.class_column and not c.nullable for c in contract.columns)
    return label in how.silent and not needs_class


def _named(label: str, contract: LabelContract, how: Fitting) -> dict[str, str] | None:
    """What a name says; None where it may be for several columns."""
    columns = [column.name for column in contract.columns]
    fields = read_fields(label, columns)
    if fields is not None:
        return fields
    if how.column:
        return {how.column: label}
    if contract.class_column:
        return {contract.class_column: label}
    if (said := _number_or_truth(label, contract.columns)) is not None:
        return said
    texts = [column.name for column in contract.columns if pa.types.is_string(column.type)]
    return {texts[0]: label} if len(texts) == 1 else None


def _number_or_truth(label: str, columns: Sequence[Column]) -> dict[str, str] | None:
    """`scene 3` for a column `scene`; `funny`, `not funny` for a column `is_funny`; None for anything else."""
    words = label.casefold().replace("_", " ").replace("#", " ").split()
    for column in columns:
        name = column.name.removeprefix("is_").replace("_", " ").split()
        if pa.types.is_integer(column.type) and words[: len(name)] == name and len(words) <= len(name) + 1:
            rest = words[len(name) :]
            return {column.name: rest[0]} if rest else {}
        if (
            pa.types.is_boolean(column.type)
            and words[-len(name) :] == name
            and words[: -len(name)] in ([], ["not"], ["is"])
        ):
            return {column.name: "false" if words[0] == "not" else "true"}
    return None


def _place(annotation: Annotation, facts: FilmFacts, columns: Mapping[str, Column]) -> dict[str, str] | None:
    """The place in fractions of the picture: a box's middle where these labels have points."""
    assert annotation.box is not None
    size = annotation.size or ((facts.width, facts.height) if facts.width and facts.height else None)
    if size is None:
        return None
    if annotation.box == (0, 0, *size):
        return {}  # the whole picture is no place
    left, top, width, height = (
        part / whole for part, whole in zip(annotation.box, (size[0], size[1]) * 2, strict=True)
    )
    if {"width", "height"} <= set(columns):
        place = {"x": left, "y": top, "width": width, "height": height}
    else:
        place = {"x": left + width / 2, "y": top + height / 2}
    return {name: repr(round(value, DIGITS)) for name, value in place.items()}


def _number(fitted: Fitted, contract: LabelContract) -> None:
    """Numbers, by time, for labels side by side that must have one and came without."""
    needed = [c.name for c in contract.columns if pa.types.is_integer(c.type) and not c.nullable]
    if contract.shape != "spans" or contract.overlap or len(needed) != 1:
        return
    by_film: dict[str, list[dict[str, Any]]] = {}
    for row in fitted.rows:
        by_film.setdefault(row["movie_id"], []).append(row)
    for movie_id, rows in by_film.items():
        if not any(needed[0] in row for row in rows):
            for number, row in enumerate(sorted(rows, key=lambda row: float(row.get("start_s", 0)))):
                row[needed[0]] = str(number)
            fitted.notes.append(f"{movie_id}: {needed[0]} is numbered by time, from 0")
