"""Labels that count until an import takes their place: of each film the newest version counts, as a whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from cinelake.labels.store import LabelVersion, counting_versions, film_digests, label_versions, rows_of_version


@dataclass(frozen=True)
class Superseded:
    """Labels of a film that an import lacks. labels: how many, of as many as a version has of the film."""

    movie_id: str
    labels: int
    of: int
    version: int
    annotator: str

    def __str__(self) -> str:
        count = f"{self.labels} of {self.of} labels" if self.of != 1 else "the one label"
        return f"{self.movie_id}: {count} of version {self.version} ({self.annotator})"

    def data(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def superseded(
    root: Path, name: str, kind: str, table: pa.Table, *, beside: Collection[str] = ()
) -> Iterator[Superseded]:
    """What counts now of the films in `table`, and is not in it.

    table: labels as they are stored. beside: annotators whose labels are not looked at, since they come with these.
    """
    made = film_digests(table)
    versions = [version for version in label_versions(root, name, kind) if version.annotator not in beside]
    for version, films in counting_versions(versions):
        changed = [film for film in films if film in made and made[film] != version.films[film]]
        if not changed:
            continue
        before = rows_of_version(version, changed)
        both = [name for name in before.column_names if name in table.column_names]
        old, new = (_by_film(rows.select(both), changed) for rows in (before, table))
        for film in changed:
            if lacking := (old[film] - new[film]).total():
                yield Superseded(film, lacking, old[film].total(), version.number, version.annotator)


def labels_since(versions: Sequence[LabelVersion], number: int) -> int:
    """How many labels count that did not when import `number` was the last: one that came again is no new one."""
    earlier = counting_versions([version for version in versions if version.number <= number])
    before = {film: version.films[film] for version, films in earlier for film in films}
    new = 0
    for version, films in counting_versions(versions):
        changed = [film for film in films if before.get(film) != version.films[film]]
        if version.number <= number or not changed:
            continue
        rows = _by_film(rows_of_version(version, changed), changed)
        for old, old_films in earlier:
            both = sorted({*changed} & {*old_films})
            for film, kept in _by_film(rows_of_version(old, both), both).items() if both else ():
                rows[film] -= kept
        new += sum(count.total() for count in rows.values())
    return new


def _by_film(rows: pa.Table, films: list[str]) -> dict[str, Counter[tuple[str, ...]]]:
    """Film → its rows; a column that lacks is as one that is empty."""
    found: dict[str, Counter[tuple[str, ...]]] = {film: Counter() for film in films}
    for row in rows.filter(pc.is_in(rows["movie_id"], pa.array(films, pa.string()))).to_pylist():
        filled = sorted((name, value) for name, value in row.items() if value is not None)
        found[row["movie_id"]][tuple(map(repr, filled))] += 1
    return found
