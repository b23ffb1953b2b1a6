"""Annotations as rows of a model's labels: which column a name is for; every problem at once."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import pyarrow as pa

from cinelake.errors import Problem, UnknownName, did_you_mean
from cinelake.labels.checks import LINE
from cinelake.labels.film_facts import FilmFacts
from cinelake.labels.film_names import FilmNames
from cinelake.spec.contract import Column
from cinelake.spec.labels import LabelContract
from importers.annotators.annotation import Annotation, ReadFile, as_text, read_fields
from importers.annotators.fitting import FittedRows, Fitting, Placed, origin_of, problem_at
from importers.annotators.placing import placed_in_films

DIGITS = 9
"""Of a place, a fraction that was written in pixels."""


def fit(
    file: str,
    read: ReadFile,
    contract: LabelContract,
    names: FilmNames,
    films: Mapping[str, FilmFacts],
    how: Fitting,
) -> FittedRows:
    """The rows of a file's annotations. Raises `UnknownName` for what `how` names and nothing has."""
    of_groups = chain(*(found for group, found in read.of_group.items() if not how.only or group in how.only))
    fitted = FittedRows([], [*read.problems, *of_groups], list(read.notes))
    annotations = _chosen(read, contract, how, fitted)
    placed = placed_in_films(file, annotations, contract, names, films, how, fitted)
    for one in placed:
        if (problem := _extent_problem(one, contract)) is not None:
            fitted.problems.append(problem_at(file, one.annotation, "", problem))
            continue
        values = _values(file, one.annotation, contract, films[one.movie_id], how, fitted)
        if values is not None:
            fitted.rows.append({**_extent(one, contract), **values, **origin_of(file, one.annotation)})
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


def _chosen(read: ReadFile, contract: LabelContract, how: Fitting, fitted: FittedRows) -> Sequence[Annotation]:
    """The annotations of the groups that are asked for; without any, all, and the groups are told."""
    annotations = read.annotations
    groups = Counter(annotation.group for annotation in annotations if annotation.group)
    for name in how.only:
        if name not in groups and name not in read.of_group:
            raise UnknownName("tier, control or attribute", name, {*groups, *read.of_group})
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


def _values(
    file: str, annotation: Annotation, contract: LabelContract, facts: FilmFacts, how: Fitting, fitted: FittedRows
) -> dict[str, str] | None:
    """The texts of an annotation by column; None where one has no place, which is then a problem."""
    columns = {column.name: column for column in contract.columns}
    found: dict[str, str] = {}
    for name, value in annotation.values.items():
        if isinstance(value, (dict, list)):
            why = f"expected one value, received {json.dumps(value)[:60]}"
            fitted.problems.append(problem_at(file, annotation, name, why))
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
            fitted.problems.append(problem_at(file, annotation, "", why))
            return None
        found = {**named, **found}
    elif annotation.label and contract.class_column and contract.class_column not in found:
        fitted.nameless[annotation.label] += 1
    if annotation.box is not None and {"x", "y"} <= set(columns) and not {"x", "y"} & set(found):
        try:
            place = _place(annotation, facts, columns)
        except ArithmeticError as error:
            fitted.problems.append(problem_at(file, annotation, "", f"its place cannot be read: {error}"))
            return None
        if place is None:
            why = "its place is in pixels, and the size of the film's pictures is not known: `cinelake run` first"
            fitted.problems.append(problem_at(file, annotation, "", why))
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


def _number(fitted: FittedRows, contract: LabelContract) -> None:
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
