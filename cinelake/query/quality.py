"""Quality as data: what is measured of every new cell, its history, and what stands out from the catalogue.

A contract declares what is measured of its table (`measures`: shots per minute, share of black, loudness …); of every
table with a key the number of rows is measured too. Values are rows of `quality`, one file for each time that something
new was measured; nothing is measured twice, and nothing is overwritten: a film's earlier values are its history.

A film stands out where its modified z-score 0.6745 (x − median) / MAD over the catalogue's films is beyond 3.5
(B. Iglewicz and D. Hoaglin, How to Detect and Handle Outliers, 1993). Where half the films have one value the MAD is 0,
and the mean absolute deviation takes its place: (x − median) / (1.2533 MeanAD).
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cinelake.lake.cells import Lake, checked_parquet
from cinelake.lake.index import Index
from cinelake.lake.records import QUALITY
from cinelake.spec.arrow_values import known_to_duckdb
from cinelake.spec.contract import COVERAGE, Column, Contract, Measure, Watched
from cinelake.storage.store import storage_errors

if TYPE_CHECKING:
    import duckdb

    from cinelake.manifest.document import Manifest
    from cinelake.manifest.sections import BoundSettings

FOLDER = "quality"
MEASURED_TOGETHER = 500
"""Films that one question reads: an open file keeps its footer in memory until all are read."""
OUTLIER_SCORE = 3.5
"""How far a film may be from the catalogue's median, as a modified z-score (Iglewicz and Hoaglin)."""
MIN_FILMS = 8
"""With fewer films no outlier is reported."""
TOLERANCE = 1e-9
"""Values that are relatively this close to the median count as the median: the rest is rounding."""

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Outlier:
    """A film that stands out: its value, the catalogue's median, and the modified z-score."""

    movie_id: str
    table: str
    measure: str
    value: float
    median: float
    score: float
    unit: str = ""

    def __str__(self) -> str:
        value, usual = f"{self.value:.4g}", f"{self.median:.4g}"
        return f"{self.table}.{self.measure} of {self.movie_id} is {value} {self.unit}, usual is {usual}".strip()


@dataclass(frozen=True)
class Drift:
    """How the films measured last differ from those before: both medians, and the shift in standard errors."""

    table: str
    measure: str
    films: int
    median: float
    before: float
    score: float


@dataclass(frozen=True)
class Broken:
    """A bound of the manifest that the lake violates, and at most five of the films that violate it."""

    name: str
    message: str
    films: tuple[str, ...] = ()


def watched_tables(manifest: Manifest) -> dict[str, Watched]:
    """Table → what is watched of it, of the manifest's enabled entries."""
    return {name: Watched(entry.spec.contract, entry.inputs) for name, entry in manifest.enabled.items()}


def measure_new(lake: Lake, index: Index, tables: Mapping[str, Watched]) -> int:
    """Measure every cell that has a key not measured yet; returns the number of values that were added.

    Raises `InputChanged` for a file that is damaged.
    """
    measured = latest(lake)
    columns = (measured[name].to_pylist() for name in ("table", "movie_id", "key"))
    known = {(table, movie_id): key for table, movie_id, key in zip(*columns, strict=True)}
    at = datetime.datetime.now(datetime.UTC)
    parts: list[pa.Table] = []
    for name, watched in tables.items():
        keys = {movie_id: entry.key for movie_id, entry in index.cells(name).items()}
        new = sorted(movie_id for movie_id, key in keys.items() if known.get((name, movie_id)) != key)
        for start in range(0, len(new), MEASURED_TOGETHER):
            rows = [
                {"movie_id": movie_id, "table": name, "measure": measure.name, "unit": measure.unit,
                 "value": value, "key": keys[movie_id], "at": at}
                for movie_id, measure, value in _values(lake, name, watched, new[start : start + MEASURED_TOGETHER])
            ]  # fmt: skip
            parts.append(pa.Table.from_pylist(rows, QUALITY.schema))
    values = pa.concat_tables([QUALITY.schema.empty_table(), *parts])
    if len(values):
        with lake.scratch() as scratch, storage_errors("writing what was measured"):
            path = scratch / "quality.parquet"
            pq.write_table(values, path, compression="zstd")
            lake.storage.publish(path, FOLDER, f"{at:%Y%m%dT%H%M%S%f}.parquet")
    return len(values)


def _values(
    lake: Lake, table: str, watched: Watched, films: Sequence[str]
) -> Iterator[tuple[str, Measure, float | None]]:
    """Film, measure and value of these films' rows."""
    import duckdb

    with duckdb.connect() as connection:
        connection.register("_rows", _arrow_source(lake, watched.contract, [(table, film) for film in films]))
        for name in _counted(watched.measures):
            entry = watched.inputs[name]
            present = [(entry, film) for film in films if f"{film}.parquet" in lake.storage.files(entry)]
            connection.register(f"_{name}", _arrow_source(lake, None, present))
        measured = _measured_rows(connection, lake, table, watched, films) if watched.measures else []
    by_film = {row[0]: row[1:] for row in measured}
    nothing = tuple(measure.of_nothing for measure in watched.measures)
    for film in films:
        for measure, value in zip(watched.measures, by_film.get(film, nothing), strict=True):
            yield film, measure, None if value is None or not np.isfinite(value) else float(value)


def _arrow_source(lake: Lake, contract: Contract | None, cells: Iterable[tuple[str, str]]) -> Any:
    """A pyarrow dataset over these cells (table, movie_id), with types that DuckDB accepts; it is read lazily.

    Without a contract it has only `movie_id`.
    """
    import pyarrow.dataset as ds

    columns = contract.all_columns if contract else [Column("movie_id", pa.string(), "")]
    schema = pa.schema([(column.name, known_to_duckdb(column.type)) for column in columns])
    files = [lake.cell_path(*cell) for cell in cells]
    return ds.dataset(files, schema=schema, filesystem=lake.storage.filesystem, format=checked_parquet())


def _measured_rows(
    connection: duckdb.DuckDBPyConnection, lake: Lake, table: str, watched: Watched, films: Sequence[str]
) -> list[tuple[Any, ...]]:
    """The answer; where rows cannot be read, reading them film by film finds the damaged file (`InputChanged`)."""
    import duckdb

    try:
        rows: list[tuple[Any, ...]] = connection.execute(_question(watched.measures)).fetchall()
    except duckdb.Error:
        for film in films:
            lake.reader(table, film).read()
        raise
    return rows


def _question(measures: Sequence[Measure]) -> str:
    columns = [f'({m.sql})::DOUBLE / {f"any_value(n_{m.per})" if m.per else "1"} AS "{m.name}"' for m in measures]
    joined = [
        f"LEFT JOIN (SELECT movie_id, count(*) n_{name} FROM _{name} GROUP BY movie_id) USING (movie_id)"
        for name in _counted(measures)
    ]
    return f"SELECT movie_id, {', '.join(columns)} FROM _rows {' '.join(joined)} GROUP BY movie_id"


def _counted(measures: Iterable[Measure]) -> list[str]:
    """The tables whose rows a value is divided by."""
    return sorted({measure.per for measure in measures if measure.per})


def history(lake: Lake) -> pa.Table:
    """Every value that was ever measured, oldest first; see the contract `cinelake.lake.records.QUALITY`."""
    parts = [QUALITY.schema.empty_table()]
    files = sorted(lake.storage.files(FOLDER))
    with storage_errors("reading what was measured"):
        for name in files:
            with lake.storage.open_input_file(lake.storage.path(FOLDER, name)) as source:
                parts.append(pq.read_table(source, schema=QUALITY.schema))
    return pa.concat_tables(parts)


def latest(lake: Lake) -> pa.Table:
    """The present value of every film, table and measure, with the columns of `QUALITY`."""
    return _latest(history(lake))


def _latest(values: pa.Table) -> pa.Table:
    names = ["movie_id", "table", "measure"]
    rest = [name for name in values.column_names if name not in names]
    grouped = values.group_by(names, use_threads=False).aggregate([(name, "last") for name in rest])
    renamed = grouped.rename_columns([name.removesuffix("_last") for name in grouped.column_names])
    return renamed.select(values.column_names)


def outliers(
    lake: Lake, *, beyond: float = OUTLIER_SCORE, fewest: int = MIN_FILMS, films: Iterable[str] | None = None
) -> list[Outlier]:
    """The films that stand out from the catalogue, the farthest first.

    beyond: as a modified z-score. fewest: measures of fewer films are left out. films: only these are compared.
    """
    result: list[Outlier] = []
    for (table, measure, unit), ids, values in by_measure(latest(lake), films):
        if len(values) < fewest:
            continue
        scores, usual = robust_scores(values), float(np.median(values))
        for place in np.flatnonzero(np.abs(scores) > beyond):
            about = (float(values[place]), usual, float(scores[place]), unit)
            result.append(Outlier(ids[place], table, measure, *about))
    return sorted(result, key=lambda outlier: (-abs(outlier.score), outlier.movie_id, outlier.table, outlier.measure))


def robust_scores(values: Doubles) -> Doubles:
    """(n,) values → (n,) modified z-scores; zeros where all are the same."""
    away = values - np.median(values)
    scale = robust_deviation(values)
    return np.asarray(away / scale if scale else np.zeros_like(away), np.float64)


def robust_deviation(values: Doubles) -> float:
    """The standard deviation of normal values by their MAD, or by the mean deviation where the MAD is 0; 0 where all
    values are the same."""
    usual = np.median(values)
    away = np.abs(values - usual)
    away[away < TOLERANCE * max(1.0, abs(usual))] = 0.0
    return float(np.median(away) / 0.6745 or 1.253314 * np.mean(away))


def drifts(
    lake: Lake, *, beyond: float = OUTLIER_SCORE, fewest: int = MIN_FILMS, films: Iterable[str] | None = None
) -> list[Drift]:
    """The measures whose last films differ from the catalogue's past, the farthest first.

    fewest: nothing is said of fewer last films, nor of a past with fewer: one that is unlike the others is an outlier.
    films: only these are compared.

    The shift of the median is in standard errors of the difference of two medians of so many films,
    1.2533 σ √(1/n + 1/m) (asymptotically, for normal values), with σ from the past's MAD; without end where the past's
    values are all the same.
    """
    values, result = _of_films(history(lake), films), []
    for (table, measure, _), part in _groups(values):
        newest = pc.equal(part["at"], pc.max(part["at"]))
        last, past = _finite(part.filter(newest)), _finite(_latest(part.filter(pc.invert(newest))))
        if min(len(past), len(last)) < fewest:
            continue
        spread = robust_deviation(past)
        shift = float(np.median(last) - np.median(past))
        score = (
            shift / (1.2533 * spread * np.sqrt(1 / len(last) + 1 / len(past)))
            if spread
            else 0.0
            if not shift
            else np.inf
        )
        if abs(score) > beyond:
            medians = float(np.median(last)), float(np.median(past))
            result.append(Drift(table, measure, len(last), *medians, float(score)))
    return sorted(result, key=lambda drift: -abs(drift.score))


def _groups(values: pa.Table) -> Iterator[tuple[tuple[str, str, str], pa.Table]]:
    names = ["table", "measure", "unit"]
    for group in values.group_by(names).aggregate([]).sort_by([(name, "ascending") for name in names]).to_pylist():
        wanted = pc.and_(pc.equal(values["table"], group["table"]), pc.equal(values["measure"], group["measure"]))
        yield (group["table"], group["measure"], group["unit"]), values.filter(wanted)


def _of_films(values: pa.Table, films: Iterable[str] | None) -> pa.Table:
    """The values of these films; None: of all."""
    if films is None:
        return values
    return values.filter(pc.is_in(values["movie_id"], pa.array(sorted(films), pa.string())))


def _finite(part: pa.Table) -> Doubles:
    return np.asarray(part["value"].drop_null().to_numpy(), np.float64)


def by_measure(
    values: pa.Table, films: Iterable[str] | None
) -> Iterator[tuple[tuple[str, str, str], list[str], Doubles]]:
    """Table, measure and unit, with the films that have a value and their values. films: only these."""
    values = _of_films(values, films)
    for name, part in _groups(values.filter(pc.is_valid(values["value"]))):
        yield name, part["movie_id"].to_pylist(), _finite(part)


def broken_bounds(lake: Lake, bounds: Mapping[str, BoundSettings], films: Sequence[str]) -> list[Broken]:
    """The bounds of section `quality` that these films' present values break.

    bounds: `TABLE.MEASURE` → bound. films: the catalogue's; `TABLE.coverage` is the share of them that has the table.
    """
    values = {f"{name[0]}.{name[1]}": (ids, measured) for name, ids, measured in by_measure(latest(lake), films)}
    broken = []
    for name, bound in bounds.items():
        table, _, measure = name.partition(".")
        if measure == COVERAGE:
            have = {file.removesuffix(".parquet") for file in lake.storage.files(table)}
            ids, measured = ["the catalogue"], np.array([len(have.intersection(films)) / max(1, len(films))])
        else:
            ids, measured = values.get(name, ([], np.empty(0)))
        out = [place for place, value in enumerate(measured) if not bound.holds(float(value))]
        if len(out) > bound.allowed_share * len(measured):
            examples = ", ".join(f"{ids[place]} {measured[place]:.4g}" for place in out[:5])
            shown = examples + (" …" if len(out) > 5 else "")
            share = f" for all but {bound.allowed_share:.0%}" if bound.allowed_share else ""
            message = f"{name} is to be {bound.words()}{share}; {len(out)} of {len(measured)} break it: {shown}"
            broken.append(Broken(name, message, tuple(ids[place] for place in out[:5])))
    return broken
