"""How far annotators agree who labelled the same films: Cohen's kappa of two, Krippendorff's alpha of any number.

What is compared is a second of a film (a shot, of labels by shots): which class holds in its middle, whether each of
several classes that may overlap does, whether a span begins in it, or what a line's value is. Of every annotator the
newest version that holds the film speaks. (Krippendorff, Content Analysis, 2004, ch. 11: nominal and interval data.)
"""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import pyarrow as pa

from cinelake.errors import UsageError
from cinelake.labels.film_facts import FilmFacts
from cinelake.labels.store import label_versions, rows_of_version
from cinelake.spec.labels import LabelContract

NEAR_S = 1.0
"""Two beginnings that are no farther apart are one."""
BEGINNINGS = "beginnings"
Units = Mapping[Hashable, Any]
"""Unit (film, second or shot, what it is about) → what an annotator says of it."""


@dataclass(frozen=True)
class Agreement:
    """movie_id: '' for all films together. what: a class, a column, or the beginnings of spans; '' for all of them.

    units: how many at least two annotators speak of. kappa: of two annotators and of classes. alpha: None where all say
    the same one thing, of which no agreement can be told from chance. f1: of beginnings within a second, of each pair;
    None of labels by shots.
    """

    movie_id: str
    what: str
    annotators: tuple[str, ...]
    units: int
    kappa: float | None
    alpha: float | None
    f1: float | None = None

    def data(self) -> dict[str, Any]:
        """As plain data, rounded to a thousandth."""
        return {
            name: round(value, 3) if isinstance(value, float) else list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }


def find_agreement(
    root: Path, name: str, contract: LabelContract, films: Mapping[str, FilmFacts], kind: str = ""
) -> list[Agreement]:
    """The agreement on each film that several annotators labelled, and on all of them. Raises `UsageError`."""
    if contract.shape not in ("spans", "moments"):
        raise UsageError("agreement is told of labels in time; these are of whole films")
    shared = _shared(root, name, kind)
    found: list[Agreement] = []
    everything = []
    for movie_id, tables in sorted(shared.items()):
        facts = films[movie_id] if movie_id in films else FilmFacts()
        said = _compared(contract, movie_id, tables, facts)
        everything.append((tuple(tables), said))
        found += _measured(movie_id, tuple(tables), said, tables)
    if len(everything) > 1:
        found += _of_all(everything)
    return found


def _shared(root: Path, name: str, kind: str) -> dict[str, dict[str, pa.Table]]:
    """Film → annotator → rows of the newest version, of the films that several annotators labelled."""
    newest: dict[str, dict[str, Any]] = {}
    for version in label_versions(root, name, kind):
        for movie_id in version.films:
            newest.setdefault(movie_id, {})[version.annotator] = version
    return {
        movie_id: {who: rows_of_version(version, [movie_id]) for who, version in sorted(of_film.items())}
        for movie_id, of_film in newest.items()
        if len(of_film) > 1
    }


# --- what is compared


def _compared(
    contract: LabelContract, movie_id: str, tables: Mapping[str, pa.Table], facts: FilmFacts
) -> dict[str, list[Units]]:
    """What is said of each unit, by what is asked of it, one mapping for each annotator in order."""
    rows = {who: table.to_pylist() for who, table in tables.items()}
    column = contract.class_column
    numbers = [c.name for c in contract.columns if pa.types.is_floating(c.type)] if column is None else []
    if numbers and contract.shape == "moments":
        return {name: [_line(movie_id, of_one, name, contract) for of_one in rows.values()] for name in numbers}
    units = {who: list(_units(contract, movie_id, of_one, rows.values(), facts)) for who, of_one in rows.items()}
    if column is None and contract.shape == "spans" and not contract.overlap:
        return {BEGINNINGS: [_beginnings(movie_id, rows[who], units[who]) for who in rows]}
    if column is not None and (contract.about is None and contract.overlap):
        classes = sorted({row[column] for of_one in rows.values() for row in of_one if row[column] is not None})
        return {
            name: [{unit: any(row[column] == name for row in held) for unit, held in units[who]} for who in rows]
            for name in classes
        }
    return {column or "": [_one_value(contract, column, units[who], rows[who]) for who in rows]}


def _units(
    contract: LabelContract,
    movie_id: str,
    rows: Sequence[Mapping[str, Any]],
    of_all: Collection[Sequence[Mapping[str, Any]]],
    facts: FilmFacts,
) -> Iterator[tuple[Hashable, list[Mapping[str, Any]]]]:
    """Every unit that an annotator speaks of, with the labels that hold there."""
    if contract.shape == "moments":
        held: dict[Hashable, list[Mapping[str, Any]]] = {}
        for row in rows:
            about = tuple(row.get(name) for name in contract.about or ())
            held.setdefault((movie_id, _second(row), about), []).append(row)
        yield from held.items()
        return
    ends = [row["end_s"] for of_one in of_all for row in of_one if row.get("end_s") is not None]
    last_shots = [row["end_shot"] for of_one in of_all for row in of_one if _by_shots(row)]
    # What nobody labelled by is nothing that they agree on.
    length = math.ceil(max([facts.duration_s or 0.0, *ends])) if ends or not last_shots else 0
    shots = max([facts.shots or 0, *last_shots]) if last_shots else 0
    for kind, count, middle in (("s", length, 0.5), ("shot", shots, 0.0)):
        begun = sorted((_span(row, kind) for row in rows), key=lambda span: span[0])
        running: list[tuple[float, float, Mapping[str, Any]]] = []
        at = 0
        for number in range(count):
            while at < len(begun) and begun[at][0] <= number + middle:
                running.append(begun[at])
                at += 1
            running = [span for span in running if span[1] > number + middle]
            yield (movie_id, kind, number), [span[2] for span in running]


def _second(row: Mapping[str, Any]) -> int:
    """The second that a moment is in; one that was rounded to just below a second is in that."""
    return math.floor(float(row["time_s"]) + 1e-3)


def _by_shots(row: Mapping[str, Any]) -> bool:
    return row.get("start_s") is None and row.get("start_shot") is not None


def _span(row: Mapping[str, Any], kind: str) -> tuple[float, float, Mapping[str, Any]]:
    """A row's extent in seconds or shots; none where it is in the other, and everything where it is the whole film."""
    if _by_shots(row):
        return (row["start_shot"], row["end_shot"], row) if kind == "shot" else (0.0, 0.0, row)
    if row.get("start_s") is None:
        return 0.0, math.inf, row
    return (row["start_s"], row["end_s"], row) if kind == "s" else (0.0, 0.0, row)


def _one_value(
    contract: LabelContract,
    column: str | None,
    units: Sequence[tuple[Hashable, list[Mapping[str, Any]]]],
    rows: Sequence[Mapping[str, Any]],
) -> Units:
    """The one thing that holds of a unit; without a label: that nothing holds.

    Of a truth an empty value is yes; who labels what is not so speaks of nothing else.
    """
    truth = next((c.name for c in contract.columns if pa.types.is_boolean(c.type)), None) if column is None else None
    if truth is not None:
        explicit = any(row.get(truth) is False for row in rows)
        return {
            unit: held[-1].get(truth) is not False if held else False for unit, held in units if held or not explicit
        }
    names = [column] if column else [c.name for c in contract.columns]
    return {unit: tuple(held[-1].get(name) for name in names) if held else "" for unit, held in units}


def _line(movie_id: str, rows: Sequence[Mapping[str, Any]], column: str, contract: LabelContract) -> Units:
    """A line's values by second; the mean where a second has several."""
    values: dict[Hashable, list[float]] = {}
    for row in rows:
        if row.get(column) is not None:
            about = tuple(row.get(name) for name in contract.about or ())
            values.setdefault((movie_id, _second(row), about), []).append(row[column])
    return {unit: sum(found) / len(found) for unit, found in values.items()}


def _beginnings(movie_id: str, rows: Sequence[Mapping[str, Any]], units: Sequence[tuple[Hashable, Any]]) -> Units:
    seconds = {(movie_id, "s", int(row.get("start_s") or 0)) for row in rows if not _by_shots(row)}
    shots = {(movie_id, "shot", row["start_shot"]) for row in rows if _by_shots(row)}
    return {unit: unit in seconds | shots for unit, _ in units}


# --- how far they agree


def _measured(
    movie_id: str,
    annotators: tuple[str, ...],
    said: Mapping[str, Sequence[Units]],
    tables: Mapping[str, pa.Table],
) -> Iterator[Agreement]:
    parts = [_agreement(movie_id, what, annotators, list(of_each)) for what, of_each in said.items()]
    if BEGINNINGS in said:
        starts = [table["start_s"].drop_null().to_pylist() for table in tables.values()]
        scores = [_near_f1(one, other) for one, other in combinations(starts, 2) if one or other]
        parts = [replace(part, f1=sum(scores) / len(scores) if scores else None) for part in parts]
    yield from parts
    if len(parts) > 1:
        yield _mean(movie_id, annotators, parts)


def _of_all(everything: Sequence[tuple[tuple[str, ...], Mapping[str, Sequence[Units]]]]) -> Iterator[Agreement]:
    """The same over all films: an annotator who did not label a film says nothing of it."""
    who = sorted({name for names, _ in everything for name in names})
    merged: dict[str, list[dict[Hashable, Any]]] = {}
    for names, said in everything:
        for what, of_each in said.items():
            of_all = merged.setdefault(what, [{} for _ in who])
            for name, units in zip(names, of_each, strict=True):
                of_all[who.index(name)].update(units)
    parts = [_agreement("", what, tuple(who), of_all) for what, of_all in sorted(merged.items())]
    yield from parts
    if len(parts) > 1:
        yield _mean("", tuple(who), parts)


def _agreement(movie_id: str, what: str, annotators: tuple[str, ...], said: Sequence[Units]) -> Agreement:
    units = sorted({unit for of_one in said for unit in of_one if sum(unit in other for other in said) > 1}, key=repr)
    values = [[of_one[unit] for of_one in said if unit in of_one] for unit in units]
    is_line = any(isinstance(value, float) for of_unit in values for value in of_unit)
    kappa = _kappa(values) if len(said) == 2 and not is_line else None
    return Agreement(movie_id, what, annotators, len(units), kappa, krippendorff_alpha(values, interval=is_line))


def _mean(movie_id: str, annotators: tuple[str, ...], parts: Sequence[Agreement]) -> Agreement:
    """The mean over classes or columns, of those of which anything can be told."""
    kappas = [part.kappa for part in parts if part.kappa is not None]
    alphas = [part.alpha for part in parts if part.alpha is not None]
    kappa, alpha = (sum(found) / len(found) if found else None for found in (kappas, alphas))
    return Agreement(movie_id, "", annotators, max(part.units for part in parts), kappa, alpha)


def _kappa(values: Sequence[Sequence[Any]]) -> float | None:
    from sklearn.metrics import cohen_kappa_score

    first, second = ([repr(of_unit[number]) for of_unit in values] for number in (0, 1))
    if len({*first, *second}) < 2:
        return None
    return float(cohen_kappa_score(first, second))


def krippendorff_alpha(values: Sequence[Sequence[Any]], *, interval: bool = False) -> float | None:
    """Krippendorff's alpha of units with two values or more each; None where all values are one.

    interval: values are numbers, whose differences count squared; else they are names, the same or not.
    """
    units = [of_unit for of_unit in values if len(of_unit) > 1]
    pooled = [value for of_unit in units for value in of_unit]
    observed: float = sum(_differences(of_unit, interval) / (len(of_unit) - 1) for of_unit in units)
    expected = _differences(pooled, interval) / max(1, len(pooled) - 1)
    return 1.0 - observed / expected if expected > 0 else None


def _differences(values: Sequence[Any], interval: bool) -> float:
    """The sum of the differences of all ordered pairs."""
    if interval:
        mean = sum(values) / len(values) if values else 0.0
        return float(2 * len(values) * sum((value - mean) ** 2 for value in values))
    counts: dict[Any, int] = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    return float(len(values) ** 2 - sum(count**2 for count in counts.values()))


def _near_f1(one: Sequence[float], other: Sequence[float]) -> float:
    """F1 of times of which each is matched with one of the others that is no farther than `NEAR_S`."""
    left, matched = sorted(other), 0
    for time in sorted(one):
        near = next((candidate for candidate in left if abs(candidate - time) <= NEAR_S), None)
        if near is not None:
            left.remove(near)
            matched += 1
    return 2 * matched / (len(one) + len(other))
