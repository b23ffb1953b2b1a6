"""Whose film an annotation is of, and when: moments and spans in a film's seconds; every problem at once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from cinelake.errors import Problem
from cinelake.labels.film_facts import FilmFacts
from cinelake.labels.film_names import FilmNames
from cinelake.labels.lines import grid
from cinelake.labels.timecodes import counted_picture
from cinelake.spec.labels import LabelContract
from importers.annotators.annotation import VARIES, Annotation, pictures_of, seconds_of
from importers.annotators.fitting import FittedRows, Fitting, Placed, problem_at

ONE_PICTURE = 1.5
"""A span that is no longer than so many pictures marks a moment."""
MANY_MOMENTS = 1_000_000
SAME_RATE = 1e-4
"""Rates that differ by less are the same one, written in fewer digits: 23.976 is 24000/1001."""
LARGEST = 1e9
"""No second, no picture and no rate is beyond."""


def placed_in_films(
    file: str,
    annotations: Sequence[Annotation],
    contract: LabelContract,
    names: FilmNames,
    films: Mapping[str, FilmFacts],
    how: Fitting,
    fitted: FittedRows,
) -> list[Placed]:
    """The annotations whose film and seconds are known, with extents of the labels' shape where they have one."""
    placed = _placed(file, annotations, names, films, how, fitted)
    if contract.shape == "spans" and not contract.overlap:
        return _between_moments(file, placed, films, fitted)
    if contract.shape == "moments":
        return _as_moments(file, placed, films, how, fitted)
    return placed


def _placed(
    file: str,
    annotations: Sequence[Annotation],
    names: FilmNames,
    films: Mapping[str, FilmFacts],
    how: Fitting,
    fitted: FittedRows,
) -> list[Placed]:
    named = dict.fromkeys(annotation.film for annotation in annotations)
    meant = {name: _film(file, name, names, how, fitted, alone=len(named) == 1) for name in named}
    placed, rates = [], {}
    fitted.notes += _late_codes(annotations, how)
    for annotation in annotations:
        movie_id = meant[annotation.film]
        if movie_id is None:
            continue
        try:
            start_s, end_s = _seconds(annotation, films[movie_id], how)
        except (ArithmeticError, ValueError) as error:
            fitted.problems.append(problem_at(file, annotation, "", str(error)))
            continue
        if annotation.unit != "s" and annotation.start is not None:
            rates[movie_id] = _rate(annotation, films[movie_id], how)
        placed.append(Placed(annotation, movie_id, start_s, end_s))
    for movie_id, (fps, whose) in rates.items():
        mean = VARIES if films[movie_id].varies else ""
        fitted.notes.append(f"{movie_id}: pictures counted at {fps:g} a second ({whose}){mean}")
    return placed


def _late_codes(annotations: Sequence[Annotation], how: Fitting) -> list[str]:
    """What is to be told where all time codes begin with an hour, as programs count films from 01:00:00:00."""
    codes = [str(one.start) for one in annotations if one.unit == "time codes"]
    if not codes or how.start_timecode or min(codes) < "01:":
        return []
    begin = f"{min(codes)[:2]}:00:00:00"
    return [f"all time codes are past {begin}: where the film begins there, say --start-timecode {begin}"]


def _film(file: str, name: str, names: FilmNames, how: Fitting, fitted: FittedRows, *, alone: bool) -> str | None:
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
            own = facts.fps or fps
            return own if abs(fps - own) < SAME_RATE * own else fps, whose
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
        if zero == 0 and facts.duration_s is not None and first / fps >= facts.duration_s:
            raise ValueError(
                f"{start} is past the film's end ({facts.duration_s:g} s): where the film begins at another time code "
                "than 00:00:00:00, --start-timecode says at which"
            )
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


def _between_moments(
    file: str, placed: list[Placed], films: Mapping[str, FilmFacts], fitted: FittedRows
) -> list[Placed]:
    """Moments of labels that lie side by side are where one ends and the next begins: the last ends with the film."""
    moments: dict[str, list[Placed]] = {}
    for one in placed:
        if one.start_s is not None and one.end_s is None:
            moments.setdefault(one.movie_id, []).append(one)
    spans = [one for one in placed if one.start_s is None or one.end_s is not None]
    for movie_id, cuts in moments.items():
        if any(one.movie_id == movie_id for one in spans):
            why = "a moment beside spans: these labels are spans, or moments at which each begins, but not both"
            fitted.problems += [problem_at(file, cut.annotation, "", why) for cut in cuts]
            continue
        end_s = films[movie_id].duration_s
        if end_s is None:
            why = "moments say where spans begin, and where the last one ends is not known: `cinelake run` first"
            fitted.problems.append(problem_at(file, cuts[0].annotation, "", why))
            continue
        cuts.sort(key=lambda cut: cut.start_s or 0.0)
        ends = [*(cut.start_s for cut in cuts[1:]), end_s]
        spans += [replace(cut, end_s=end) for cut, end in zip(cuts, ends, strict=True)]
        fitted.notes.append(f"{movie_id}: {len(cuts)} moments are where spans begin; the last ends with the film")
    return spans


def _as_moments(
    file: str, placed: list[Placed], films: Mapping[str, FilmFacts], how: Fitting, fitted: FittedRows
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
            fitted.problems.append(problem_at(file, one.annotation, "", why))
        else:
            spread += 1
            moments += max(0, math.ceil((one.end_s - one.start_s) / how.every))
            if moments > MANY_MOMENTS:
                why = (
                    f"the spans are more than {MANY_MOMENTS:,} moments, one every {how.every:g} s: say a larger --every"
                )
                fitted.problems.append(problem_at(file, one.annotation, "", why))
                break
            found += [replace(one, start_s=time, end_s=None) for time in grid(one.start_s, one.end_s, how.every)]
    if spread:
        spans = "1 span labels" if spread == 1 else f"{spread} spans label"
        fitted.notes.append(f"{spans} a moment every {how.every:g} s")
    return found
