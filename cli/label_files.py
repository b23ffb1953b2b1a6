"""Files that hold labels of films, as rows whose films are known: tables, and what annotators' tools write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from cinelake.errors import BadLabels, UnknownName, UsageError
from cinelake.labels.checks import known_columns
from cinelake.labels.film_names import SYNONYMS, FilmNames, with_movie_ids
from cinelake.labels.lines import held, is_read, is_wide, other_scales, scaled, unpivoted, with_own_headers
from cinelake.labels.readers import AT_A_RATE, ReadLabels, at_a_rate, in_class_folders, in_days, read_files
from cinelake.labels.timecodes import counted_rates
from cinelake.spec.labels import LabelContract
from importers.annotators.annotation import NAMELESS, VARIES
from importers.annotators.fitting import ANNOTATOR, Fitting
from importers.annotators.forms import TABLE, forms_of, read_forms

if TYPE_CHECKING:
    from cinelake.labels.films import KnownFilms
    from cli.label_request import ImportRequest, Target

TIMES_IN = ("seconds", "days")
OF_FORMS = ("fps", "every", "column", "only", "start_timecode")
"""Options that only annotators' files take, but `every` and `column` with tables of lines."""
OF_TABLES = ("format", "times", "scale")
LARGEST = 1e12
WHO = "annotator"
"""The column of a table that says who labelled, where the labels have no such column themselves."""


@dataclass(frozen=True)
class OneAnnotator:
    """The rows of one annotator; name: '' where the file does not say."""

    name: str
    reading: ReadLabels


def read_labels_of(request: ImportRequest, target: Target, films: KnownFilms) -> list[OneAnnotator]:
    """The rows of all files, by annotator. Raises `UsageError`, `UnknownName`, `BadLabels`."""
    names = FilmNames(films.catalogue, films)
    movie = _movie(request.movie, names)
    if request.clips is not None or request.rate is not None:
        refuse_options(request, f"for {'--clips' if request.clips is not None else '--rate'}", times=True)
        return [OneAnnotator(request.annotator, _read_others(request, target.contract, films, movie))]
    forms, problems = forms_of(request.files, request.format)
    if problems:
        raise BadLabels(problems)
    tables = [path for path, form in forms.items() if form == TABLE]
    if tables and len(tables) < len(forms):
        raise UsageError("expected tables or annotators' files, not both: import them one after the other")
    if tables:
        reading = _read_tables(request, target.contract)
        reading = in_days(reading) if request.times == "days" else reading
        reading = _with_films(reading, names, movie, target.contract)
        reading = _as_lines(request, reading, target.contract, films)
        reading.notes += [
            f"{movie_id}: pictures of time codes counted at {fps:g} a second (the film's)"
            + (VARIES if films[movie_id].varies else "")
            for movie_id, fps in counted_rates(reading.rows, films).items()
        ]
    else:
        for option in ("times",) * (request.times == "days") + ("scale",) * bool(request.scale):
            raise UsageError(f"--{option}: for tables (CSV, .xlsx, Parquet), not for annotators' files")
        reading = read_forms(forms, target.contract, names, films, fitting(request, target, movie))
    return _by_annotator(reading, request.annotator)


def refuse_options(request: ImportRequest, what: str, *, times: bool = False, taken: Sequence[str] = ()) -> None:
    """Raise `UsageError` where options are given that only annotators' files take, without those `taken`.

    times: those of tables too.
    """
    given = [name for name in OF_FORMS if getattr(request, name) and name not in taken]
    given += [name for name in OF_TABLES if times and getattr(request, name) not in ("", "seconds")]
    if given:
        named = ", ".join("--" + name.replace("_", "-") for name in given)
        whose = "annotators' files and tables" if times else "annotators' files"
        raise UsageError(f"{named}: for {whose}, not {what}")


def fitting(request: ImportRequest, target: Target, movie: str) -> Fitting:
    """How annotations become labels, as the options say."""
    return Fitting(
        movie=movie,
        fps=request.fps,
        every=request.every,
        column=request.column,
        only=request.only,
        start_timecode=request.start_timecode,
        silent=frozenset((NAMELESS, target.model, *filter(None, (request.kind,)))),
        ignore_extra=request.ignore_extra_columns,
    )


def _movie(text: str, names: FilmNames) -> str:
    """The film that --movie names. Raises `UsageError`."""
    if not text:
        return ""
    candidates, _ = names.find(text)
    if len(candidates) != 1:
        raise UsageError(f"--movie: {names.why_not(text, candidates)}")
    return candidates[0]


def _read_others(request: ImportRequest, contract: LabelContract, films: KnownFilms, movie: str) -> ReadLabels:
    if request.clips is not None:
        needs_classes(contract, "--clips", ("spans", "films"))
        return in_class_folders(request.clips, films.catalogue, contract)
    assert request.rate is not None
    needs_classes(contract, "--rate", ("spans", "moments"))
    reading = read_files(request.files, known=AT_A_RATE)
    return at_a_rate(reading, contract, movie, request.rate, _classes(request.classes))


def needs_classes(contract: LabelContract, what: str, shapes: Sequence[str]) -> None:
    """Raise `UsageError` where labels have no class, or are by something else."""
    if contract.class_column is None or contract.shape not in shapes:
        has = f"by {contract.shape}" + ("" if contract.class_column else ", without a class")
        raise UsageError(f"{what} gives labels with a class by {' or '.join(shapes)}; this model's are {has}")


def _classes(text: str) -> dict[str, str]:
    """`0=nobody,1=jerry` as a mapping. Raises `UsageError`."""
    meanings: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        label, equals, meaning = (word.strip() for word in part.partition("="))
        if not (label and equals and meaning) or label in meanings:
            raise UsageError(f"--classes takes each class once, as in 0=nobody,1=jerry. Received: {part!r}")
        meanings[label] = meaning
    return meanings


def _read_tables(request: ImportRequest, contract: LabelContract) -> ReadLabels:
    known = [*known_columns(contract), WHO]
    spellings = {name.casefold() for name in (*known, "movie_id", *SYNONYMS)}

    def wanted(name: str) -> bool:
        return name.casefold() in spellings or is_read(name, contract)

    reading = read_files(request.files, wanted if request.ignore_extra_columns else None, known)
    reading = with_own_headers(reading, contract)
    if WHO not in reading.rows.column_names or WHO in known_columns(contract):
        return reading
    names = [ANNOTATOR if name == WHO else name for name in reading.rows.column_names]
    return replace(reading, rows=reading.rows.rename_columns(names))


def _as_lines(request: ImportRequest, reading: ReadLabels, contract: LabelContract, films: KnownFilms) -> ReadLabels:
    """The rows as moments on the labels' scale, where the table has them in another form."""
    taken: list[str] = []
    if is_wide(reading, contract):
        reading, taken = unpivoted(reading, contract, request.column), ["column"]
    elif request.every and contract.shape == "moments" and "time_s" not in reading.rows.column_names:
        reading, taken = held(reading, films, request.every), ["every"]
    refuse_options(request, "for tables (CSV, .xlsx, Parquet)", taken=taken)
    if request.scale:
        return scaled(reading, contract, _scale(request.scale))
    return replace(reading, notes=[*reading.notes, *other_scales(reading, contract)])


def _scale(text: str) -> tuple[float, float]:
    """`1..9` as two numbers. Raises `UsageError`."""
    low, dots, high = text.partition("..")
    try:
        scale = float(low), float(high)
    except ValueError:
        scale = 0.0, 0.0
    if not dots or not -LARGEST < scale[0] < scale[1] < LARGEST:
        raise UsageError(f"--scale takes its least and its greatest number, as in 1..9. Received: {text!r}")
    return scale


def _with_films(reading: ReadLabels, names: FilmNames, movie: str, contract: LabelContract) -> ReadLabels:
    rows, problems, notes = with_movie_ids(reading.rows, names, movie, known_columns(contract))
    return replace(reading, rows=rows, problems=[*reading.problems, *problems], notes=[*reading.notes, *notes])


def _by_annotator(reading: ReadLabels, wanted: str) -> list[OneAnnotator]:
    """The rows of each annotator that the file names, in the file's order; wanted: only these, or who labelled all.

    Raises `UnknownName` where the file names several others. Problems are those of the whole file.
    """
    if ANNOTATOR not in reading.rows.column_names:
        return [OneAnnotator(wanted, reading)]
    who = pc.fill_null(reading.rows[ANNOTATOR].cast(pa.string()), "")
    rows = reading.rows.drop_columns([ANNOTATOR])
    named = list(dict.fromkeys(pc.utf8_trim_whitespace(who).to_pylist()))
    if wanted and wanted not in named and len(named) > 1:
        raise UnknownName("annotator in the file", wanted, named)
    if len(named) <= 1 or reading.problems:
        return [OneAnnotator(wanted or (named[0] if named else ""), replace(reading, rows=rows))]
    chosen = [wanted] if wanted else named
    shown = ", ".join(name or "(not named)" for name in named)
    told = (
        f"only {wanted!r} is read" if wanted else "a version for each; of a film that several labelled the last counts"
    )
    notes = [*reading.notes, f"the file is by {len(named)} annotators ({shown}): {told}"]
    at = pc.utf8_trim_whitespace(who)
    return [
        OneAnnotator(name, replace(reading, rows=rows.filter(pc.equal(at, name)), notes=[] if number else notes))
        for number, name in enumerate(chosen)
    ]
