"""How annotations are to become labels, and what they have become; `placing` and `rows` do it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from cinelake.errors import Problem
from cinelake.labels.checks import FILE, LINE
from importers.annotators.annotation import NAMELESS, Annotation

ANNOTATOR = "#annotator"
"""The column of who labelled a row, where the file says."""


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
class FittedRows:
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


def origin_of(file: str, annotation: Annotation) -> dict[str, Any]:
    """Where an annotation stands, as columns of its row."""
    at = file if annotation.line else f"{file}: {annotation.where}"
    return {LINE: annotation.line, FILE: at, ANNOTATOR: annotation.annotator or None}


def problem_at(file: str, annotation: Annotation, where: str, message: str) -> Problem:
    """A problem of an annotation; where: its field, or ''."""
    origin = origin_of(file, annotation)
    return Problem(origin[FILE], origin[LINE], where, message)
