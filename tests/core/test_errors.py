"""The errors: what they tell a person, and that they survive the way between processes."""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterator

import pytest

from cinelake import errors
from cinelake.errors import (
    CinelakeError,
    ContractViolation,
    DamagedFilm,
    FilmError,
    ManifestError,
    NotAFilm,
    Problem,
    UnknownName,
)


def kinds(of: type[CinelakeError]) -> Iterator[type[CinelakeError]]:
    """A class and all below it that the errors file declares."""
    yield of
    for below in of.__subclasses__():
        if below.__module__ == errors.__name__:
            yield from kinds(below)


FILM_ERRORS = list(kinds(FilmError))[1:]
DRAWING = [line for line in (errors.__doc__ or "").splitlines() if "──" in line]


def made(kind: type[FilmError]) -> FilmError:
    if kind is ContractViolation:
        return ContractViolation("shots", "must be finite", "score", 3, ["a"])
    return kind("what happened", log_tail="last words")


def test_the_drawing_on_top_of_the_file_shows_every_error_once() -> None:
    drawn = [re.sub(r"[^A-Za-z].*", "", line.lstrip(" │├└─")) for line in DRAWING]
    assert sorted(drawn) == sorted(kind.__name__ for kind in kinds(CinelakeError) if kind is not CinelakeError)


@pytest.mark.parametrize("kind", FILM_ERRORS)
def test_the_drawing_marks_the_errors_that_the_next_run_tries_again(kind: type[FilmError]) -> None:
    (line,) = (line for line in DRAWING if f" {kind.__name__} " in line)
    assert line.endswith("transient") == kind.transient


def test_reasons_are_the_names_in_snake_case() -> None:
    assert [NotAFilm("").reason, DamagedFilm("").reason] == ["not_a_film", "damaged_film"]
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", made(kind).reason) for kind in FILM_ERRORS)


@pytest.mark.parametrize("kind", FILM_ERRORS)
def test_an_error_comes_from_another_process_as_it_was(kind: type[FilmError]) -> None:
    error = made(kind)
    back = pickle.loads(pickle.dumps(error))  # noqa: S301 - bytes that this very line made
    assert (type(back), str(back), back.reason, back.log_tail) == (kind, str(error), error.reason, error.log_tail)


def test_all_problems_of_a_manifest_are_told_in_the_order_of_their_lines() -> None:
    error = ManifestError([Problem("p.yaml", 9, "tasks", "later"), Problem("p.yaml", 2, "lake", "sooner")])
    assert str(error).splitlines() == [
        "2 problems in the manifest:",
        "  p.yaml:2: lake: sooner",
        "  p.yaml:9: tasks: later",
    ]


def test_an_unknown_name_gets_its_close_matches() -> None:
    assert str(UnknownName("task", "shoots", ["shots", "sound"])) == "unknown task 'shoots': did you mean 'shots'?"


def test_a_name_that_is_like_nothing_gets_what_there_is_but_no_endless_list() -> None:
    told = str(UnknownName("film", "zzz", [f"film_{number:02}" for number in range(40)]))
    assert told.endswith("film_10, film_11 and 28 more")


def test_a_contract_violation_shows_five_rows_at_most() -> None:
    error = ContractViolation("shots", "must be ≥ 0", "score", 100, [f"row {number}" for number in range(100)])
    assert "'score': must be ≥ 0 (100 rows)" in str(error)
    assert str(error).count("row ") == 5
