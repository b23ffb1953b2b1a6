"""People's labels: append-only versions under a root of their own, never derived, never part of the lake.

    labels/<set>/000001.parquet          one import, with who labelled, from which source, when
    labels/<set>/<kind>/000001.parquet   another kind of labels of the same set (viewers' ratings of tags)
    labels/<set>/images/<movie_id>.parquet
                                         pictures that were imported with their labels (see `cinelake.labels.images`)

Of every film the newest version that holds it counts: importing a film again replaces its rows as a whole. Older
versions stay and can be read. Two imports at the same time both survive: a version's number is taken by a hard link,
which only one of them can make.
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cinelake.errors import BadLabels, CannotTrain, Problem, StorageError, UnknownName, UsageError
from cinelake.labels.checks import FILE, LINE, check_labels, sort_labels
from cinelake.labels.film_facts import FilmFacts
from cinelake.spec.installed import LABELS_FORMAT, check_format
from cinelake.spec.labels import LabelContract
from cinelake.storage.content import digest, parsed_object
from cinelake.storage.files import flush_to_disk, unfinished_file
from cinelake.storage.parquet_depth import metadata_in, open_parquet, parquet_tail
from cinelake.storage.store import storage_errors

FOOTER_KEY = b"cinelake.labels"
SET_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_VERSION = re.compile(r"(\d{6,})\.parquet")
IMAGES = "images"
"""The folder of a set that holds pictures; no kind of labels has this name."""


@dataclass(frozen=True)
class LabelVersion:
    """One import.

    number: from 1. file: its path. annotator, source (a file's name), source_digest, at: where it came from.
    films: movie_id → digest of its rows. rows: how many. model: for which kind of model it was checked.
    unchanged: nothing was written, since these very labels count already.
    """

    number: int
    file: Path
    annotator: str
    source: str
    source_digest: str
    at: datetime.datetime
    films: Mapping[str, str]
    rows: int
    model: str = ""
    unchanged: bool = False


@dataclass(frozen=True)
class LabelSet:
    """The labels that count.

    table: the contract's columns and no more, sorted by film and extent. key: changes if and only if a label that
    counts does. versions: all imports, oldest first.
    """

    name: str
    table: pa.Table
    key: str
    versions: tuple[LabelVersion, ...]

    def films(self) -> list[str]:
        """The films that have labels, in order."""
        return sorted(pc.unique(self.table["movie_id"]).to_pylist())

    def of(self, movie_id: str) -> pa.Table:
        """One film's rows."""
        return self.table.filter(pc.equal(self.table["movie_id"], movie_id))


def label_sets(root: Path) -> list[str]:
    """Names of the sets that have labels."""
    with storage_errors(f"listing labels in {root}"):
        folders = sorted(path for path in root.iterdir() if path.is_dir()) if root.is_dir() else []
    return [folder.name for folder in folders if SET_NAME.fullmatch(folder.name) and label_kinds(root, folder.name)]


def label_kinds(root: Path, name: str) -> list[str]:
    """The kinds of labels that a set holds: `""` for its own, and names of further kinds."""
    folder = _folder(root, name, "")
    below = sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    kinds = ["", *(kind for kind in below if kind != IMAGES and SET_NAME.fullmatch(kind))]
    return [kind for kind in kinds if label_versions(root, name, kind)]


def label_versions(root: Path, name: str, kind: str = "") -> tuple[LabelVersion, ...]:
    """All imports of a set, oldest first; empty where there is no such set. Raises `StorageError`."""
    folder = _folder(root, name, kind)
    with storage_errors(f"listing {folder}"):
        files = [path for path in folder.iterdir() if _VERSION.fullmatch(path.name)] if folder.is_dir() else []
    return tuple(_read_version(file) for file in sorted(files, key=_number))


def read_labels(root: Path, name: str, contract: LabelContract, kind: str = "") -> LabelSet:
    """The labels of a set that count. Raises `CannotTrain` where it has none, or none that fit the contract."""
    versions = label_versions(root, name, kind)
    if not versions:
        raise CannotTrain(_no_labels_message(root, name, kind))
    counting = counting_versions(versions)
    tables = [_fitted(rows_of_version(version, films), contract, version) for version, films in counting]
    key = digest({film: version.films[film] for version, films in counting for film in films})
    return LabelSet(name, sort_labels(contract, pa.concat_tables(tables)), key, versions)


def no_labels(name: str, contract: LabelContract, films: Sequence[str]) -> LabelSet:
    """Each film with one empty row: the extent's numbers are 0, the other columns null."""
    extent = {"time_s", "start_s", "end_s", "start_shot", "end_shot"}
    given = {"movie_id": list(films), **{name: [0] * len(films) for name in contract.schema.names if name in extent}}
    columns = [pa.array(given.get(column.name, [None] * len(films)), column.type) for column in contract.schema]
    return LabelSet(name, pa.Table.from_arrays(columns, schema=contract.schema), digest(sorted(films)), ())


def stored_labels(root: Path, name: str, kind: str = "", number: int | None = None) -> pa.Table:
    """The rows that count, or those of one version, as they were stored: to be shown and exported.

    Raises `UnknownName` where there is no such set or version.
    """
    versions = label_versions(root, name, kind)
    if not versions:
        raise UnknownName("set of labels", f"{name}/{kind}" if kind else name, _names(root))
    if number is not None and number not in {version.number for version in versions}:
        raise UnknownName("version", str(number), [str(version.number) for version in versions])
    wanted = [(version, list(version.films)) for version in versions if version.number == number]
    counting = counting_versions(versions) if number is None else wanted
    tables = [rows_of_version(version, films) for version, films in counting]
    with storage_errors(f"reading the labels {name}"):
        return pa.concat_tables(tables, promote_options="permissive").sort_by([("movie_id", "ascending")])


def import_labels(
    root: Path,
    name: str,
    contract: LabelContract,
    rows: pa.Table,
    films: Mapping[str, FilmFacts],
    *,
    annotator: str,
    source: str,
    source_digest: str,
    vocabularies: Mapping[str, Sequence[str]],
    dry_run: bool = False,
    kind: str = "",
    model: str = "",
    problems: Sequence[Problem] = (),
    ignore_extra_columns: bool = False,
    before_run: bool = False,
    examine: Callable[[pa.Table], None] | None = None,
    later: Collection[str] = (),
) -> LabelVersion:
    """Check rows (texts or typed, see `cinelake.labels.checks`) and store them as a new version, which is returned.

    problems: those that a reader reported. dry_run: checks all and writes nothing. examine: is called with the labels
    once they are found to be without a problem; what it raises, nothing is written. later: see `keep_version`.
    Raises `BadLabels` with every problem, and then nothing is written.
    """
    if problems and not set(rows.column_names) - {LINE, FILE}:
        raise BadLabels(problems)  # nothing could be read that might be checked
    table, problems_of_rows = check_labels(
        contract,
        rows,
        films,
        source=source,
        vocabularies=vocabularies,
        ignore_extra_columns=ignore_extra_columns,
        before_run=before_run,
    )
    if problems or problems_of_rows:
        raise BadLabels(dict.fromkeys([*problems, *problems_of_rows]))
    if examine is not None:
        examine(table)
    now = datetime.datetime.now(datetime.UTC)
    digests = film_digests(table)
    made = LabelVersion(0, Path(), annotator, source, source_digest, now, digests, table.num_rows, model)
    return keep_version(root, name, kind, table, made, dry_run=dry_run, later=later)


def keep_version(
    root: Path,
    name: str,
    kind: str,
    table: pa.Table,
    made: LabelVersion,
    *,
    dry_run: bool = False,
    later: Collection[str] = (),
) -> LabelVersion:
    """Write a version under the next free number, unless its films have these very labels of this annotator already.

    The same labels by another are kept: that two people say the same is worth knowing. later: annotators whose labels
    of the same file are kept after these, so that theirs are newer the next time too.
    """
    versions = label_versions(root, name, kind)
    before = [version for version in versions if version.annotator not in later]
    newest = {film: version for version, films in counting_versions(before) for film in films}

    def is_kept(film: str) -> bool:
        kept = newest.get(film)
        return kept is not None and (kept.films[film], kept.annotator) == (made.films[film], made.annotator)

    if all(map(is_kept, made.films)):
        last = max((newest[film] for film in made.films), key=lambda version: version.number)
        return replace(last, unchanged=True)
    number = versions[-1].number + 1 if versions else 1
    folder = _folder(root, name, kind)
    if dry_run:
        return replace(made, number=number, file=folder / _file_name(number))
    file = _write(folder, number, table, made)
    return replace(made, number=_number(file), file=file)


# --- files


def _folder(root: Path, name: str, kind: str) -> Path:
    for given in (name, kind or "labels"):
        if not SET_NAME.fullmatch(given) or given == IMAGES:
            rule = "a-z, 0-9 and _, a letter first, at most 64 (and not `images`)"
            raise UsageError(f"the name of a set or kind of labels is of {rule}. Received: {given!r}")
    return Path(root) / name / kind if kind else Path(root) / name


def _file_name(number: int) -> str:
    return f"{number:06d}.parquet"


def _number(file: Path) -> int:
    match = _VERSION.fullmatch(file.name)
    return int(match[1]) if match else 0


def _write(folder: Path, number: int, table: pa.Table, made: LabelVersion) -> Path:
    """Write under a temporary name, then link under the first number that is free. Raises `StorageError`."""
    footer = {**(table.schema.metadata or {}), FOOTER_KEY: footer_of(made)}
    with storage_errors(f"writing labels to {folder}"):
        folder.mkdir(parents=True, exist_ok=True)
        with unfinished_file(folder / "import") as unfinished:
            with unfinished.open("wb") as file:
                pq.write_table(table.replace_schema_metadata(footer), file, compression="zstd")
            unfinished.chmod(0o644)
            flush_to_disk(unfinished)
            return _link(unfinished, number)


def _link(unfinished: Path, number: int) -> Path:
    """Link a finished file under the first number that is free: a version is never replaced."""
    while True:
        target = unfinished.with_name(_file_name(number))
        try:
            target.hardlink_to(unfinished)
        except FileExistsError:
            number += 1
            continue
        flush_to_disk(target.parent)
        return target


def footer_of(made: LabelVersion) -> bytes:
    """What a version's file says of itself."""
    facts = {
        "format": LABELS_FORMAT,
        "annotator": made.annotator,
        "source": made.source,
        "source_digest": made.source_digest,
        "at": made.at.isoformat(),
        "films": dict(made.films),
        "model": made.model,
    }
    return json.dumps(facts, sort_keys=True, ensure_ascii=False).encode()


def _read_version(file: Path) -> LabelVersion:
    with storage_errors(f"reading {file}"):
        try:
            with pa.OSFile(str(file)) as source:
                metadata = metadata_in(parquet_tail(source))
            facts = parsed_object((metadata.metadata or {})[FOOTER_KEY])
            check_format(str(file), facts.pop("format", LABELS_FORMAT), LABELS_FORMAT)
            at = datetime.datetime.fromisoformat(facts.pop("at"))
            return LabelVersion(number=_number(file), file=file, at=at, rows=metadata.num_rows, **facts)
        except (KeyError, TypeError, ValueError, pa.ArrowException) as error:
            raise StorageError(_damaged(file, error)) from error


def _damaged(file: Path, error: Exception) -> str:
    return f"{file} is no version of labels, or damaged ({error}): bring it back from a copy, or move it away"


# --- which rows count


def counting_versions(versions: Sequence[LabelVersion]) -> list[tuple[LabelVersion, list[str]]]:
    """The versions that are the newest of some film, with those films."""
    newest = {film: version for version in versions for film in version.films}
    counting = [(v, sorted(film for film in v.films if newest[film] is v)) for v in versions]
    return [(version, films) for version, films in counting if films]


def rows_of_version(version: LabelVersion, films: Sequence[str]) -> pa.Table:
    """The rows of some films in a version, as they were stored. Raises `StorageError`."""
    with storage_errors(f"reading {version.file}"):
        try:
            with pa.OSFile(str(version.file)) as source, open_parquet(source) as file:  # `read_table` imports pandas
                table = file.read().replace_schema_metadata(None)
        except pa.ArrowException as error:
            raise StorageError(_damaged(version.file, error)) from error
    if len(films) == len(version.films):
        return table
    return table.filter(pc.is_in(table["movie_id"], pa.array(films, pa.string())))


def _fitted(table: pa.Table, contract: LabelContract, version: LabelVersion) -> pa.Table:
    """A version's rows in today's contract. Raises `CannotTrain` when a column that it needs is missing."""
    arrays = []
    for column, wanted in zip(contract.all_columns, contract.schema, strict=True):
        if column.name not in table.column_names and not column.nullable:
            raise CannotTrain(
                f"version {version.number} of the labels ({version.file}) has no column {column.name!r}, which these "
                f"labels now have: import {version.source!r} again with it. It has {', '.join(table.column_names)}"
            )
        is_present = column.name in table.column_names
        arrays.append(table[column.name].cast(wanted.type) if is_present else pa.nulls(len(table), wanted.type))
    return pa.table(arrays, schema=contract.schema)


def film_digests(table: pa.Table) -> dict[str, str]:
    """movie_id → digest of its rows (nulls left out, so that a column that comes later changes nothing)."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in table.to_pylist():
        rows.setdefault(row["movie_id"], []).append({k: v for k, v in row.items() if v is not None})
    return {movie_id: digest(of_film) for movie_id, of_film in rows.items()}


def _names(root: Path) -> list[str]:
    return [f"{name}/{kind}" if kind else name for name in label_sets(root) for kind in label_kinds(root, name)]


def _no_labels_message(root: Path, name: str, kind: str) -> str:
    called = f"{name}/{kind}" if kind else name
    option = f" --kind {kind}" if kind else ""
    present = ", ".join(_names(root)) or "none"
    return (
        f"there are no labels {called!r} in {root} (there: {present}): import some with "
        f"`cinelake labels import FILE --model NAME --set {name}{option}`"
    )


__all__ = [
    "LabelSet",
    "LabelVersion",
    "import_labels",
    "label_kinds",
    "label_sets",
    "label_versions",
    "no_labels",
    "read_labels",
    "rows_of_version",
    "stored_labels",
]
