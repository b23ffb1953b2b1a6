"""A cache of the lake's footers and of films' fingerprints: path, size, time → key.

It makes planning ten thousand films a matter of a second. It is only a cache: delete `_index.sqlite` and nothing
is lost; a read-only lake is planned without it; an entry younger than two seconds when it was indexed is read again.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, nullcontext
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

from cinelake.errors import FilmError
from cinelake.lake.cells import Footer, Lake, as_stored, read_footer
from cinelake.storage.databases import check_schema
from cinelake.storage.objects import ASKED_TOGETHER
from cinelake.storage.store import FileStat

VERSION = 2
SCHEMA = f"""
begin immediate;
drop table if exists films;
create table if not exists cells (folder text, name text, size integer, mtime integer, settled integer,
    key text, meaning text, footer text, primary key (folder, name)) without rowid;
create table if not exists films (path blob primary key, size integer, mtime integer, settled integer,
    fingerprint text) without rowid;
pragma user_version = {VERSION};
commit;
"""
RACY_NS = 2_000_000_000
READ_TOGETHER = 2000
"""Footers that are read and written to the cache at a time: bounds the memory of a first plan."""
FooterEntry = tuple[str, FileStat, "Footer | None"]


class Entry(NamedTuple):
    """One indexed cell: its key and what its descendants' keys are made from."""

    key: str
    content_hash: str


class Index:
    """The snapshot that a plan works on: every cell's key, every recorded failure, every film's fingerprint."""

    def __init__(self, lake: Lake, *, use_cache: bool = True):
        self.lake = lake
        self._path = _cache_path(lake) if use_cache else None
        self._cached: dict[str, dict[str, str]] = {}  # folder → name → footer in the cache, after its first request
        self._uncached: dict[str, dict[str, str]] = {}  # the same of footers that the cache could not take

    def cells(self, table: str) -> dict[str, Entry]:
        """movie_id → entry of one table."""
        return self._refresh(table)

    def failures(self, table: str) -> dict[str, dict[str, Any]]:
        """movie_id → the recorded failure of one task: key, reason, transient, message, attempt."""
        folder = f"failures/{table}"
        return {name: footer.ingredients for name in self._refresh(folder) if (footer := self.footer(folder, name))}

    def footer(self, folder: str, movie_id: str) -> Footer | None:
        """The footer of one cell, from the cache or the file."""
        name = f"{movie_id}.parquet"
        if folder not in self._cached:
            self._cached[folder] = dict(self._ask("select name, footer from cells where folder = ?", folder))
        text = self._uncached.get(folder, {}).get(name) or self._cached[folder].get(name)
        return Footer.from_json(text) if text else read_footer(self.lake.storage, *folder.split("/"), name)

    def runs(self, table: str) -> Iterator[tuple[str, str, str | None, dict[str, Any]]]:
        """movie_id, key, model version and run facts of every cell of a table."""
        for movie_id, entry in self.cells(table).items():
            if footer := self.footer(table, movie_id):
                model = (footer.ingredients.get("model") or {}).get("version")
                yield movie_id, entry.key, None if model is None else str(model), footer.run

    def with_decode_fact(self, table: str, name: str) -> set[str]:
        """movie_ids of the cells whose decode tells of this, and not 0: `errors`, pictures that did not decode (fewer
        than is damage), `sound_holes_s`, `clock_back_s` or `pictures_late_s`.
        """
        query = "select name, footer from cells where folder = ? and instr(footer, ?) and not instr(footer, ?)"
        found = self._ask(query, table, f'"{name}":', f'"{name}":0,')
        return {
            file.removesuffix(".parquet")
            for file, text in (*found, *self._uncached.get(table, {}).items())
            if Footer.from_json(text).run.get("decode", {}).get(name)
        }

    def footers(self, folder: str, params: Mapping[str, Any] | None = None, limit: int = 200) -> Iterator[Footer]:
        """Some footers of a table, for estimates. params: of cells made with these parameters alone."""
        made_with = "" if params is None else f'"params":{as_stored(params)}'
        query = "select footer from cells where folder = ? and instr(footer, ?) limit ?"
        footers = (Footer.from_json(text) for (text,) in self._ask(query, folder, made_with, limit))
        yield from (found for found in footers if params is None or found.ingredients.get("params") == params)

    def _refresh(self, folder: str) -> dict[str, Entry]:
        """movie_id → entry of each file of a folder; reads only footers of files that changed."""
        listed_ns = time.time_ns()
        files = self.lake.storage.files(folder)
        rows = self._ask("select name, size, mtime, settled, key, meaning from cells where folder = ?", folder)
        self._cached.pop(folder, None)
        self._uncached.pop(folder, None)
        self._drop(folder, [row[0] for row in rows if row[0] not in files])
        entries = {
            name: Entry(key, content_hash)
            for name, size, mtime, settled, key, content_hash in rows
            if settled and files.get(name) == (size, mtime)
        }
        changed = [name for name in files if name not in entries]
        for start in range(0, len(changed), READ_TOGETHER):
            readings = list(self._read(folder, changed[start : start + READ_TOGETHER], files))
            self.store(folder, readings, listed_ns)
            entries |= {name: Entry(footer.key, footer.content_hash) for name, _, footer in readings if footer}
        return {name.removesuffix(".parquet"): entry for name, entry in entries.items()}

    def _read(self, folder: str, names: list[str], stamps: dict[str, FileStat]) -> Iterable[FooterEntry]:
        parts = folder.split("/")
        with ThreadPoolExecutor(8) as pool:
            footers = pool.map(lambda name: read_footer(self.lake.storage, *parts, name), names)
            yield from zip(names, (stamps[name] for name in names), footers, strict=True)

    def store(self, folder: str, readings: list[FooterEntry], listed_ns: int) -> None:
        """Keep footers in the cache, and here those that it cannot take. listed_ns: when the files were looked at."""
        rows = [
            (
                folder,
                name,
                stamp.size,
                stamp.mtime_ns,
                _settled(stamp, listed_ns),
                footer.key,
                footer.content_hash,
                text,
            )
            for name, stamp, footer in readings
            if footer and (text := footer.to_json())
        ]
        if not self._write("insert or replace into cells values (?,?,?,?,?,?,?,?)", rows):
            self._uncached.setdefault(folder, {}).update({name: text for _, name, *_, text in rows})
        self._drop(folder, [name for name, _, footer in readings if not footer])

    def _drop(self, folder: str, gone: list[str]) -> None:
        self._write("delete from cells where folder = ? and name = ?", [(folder, name) for name in gone])

    def fingerprints(
        self, paths: Iterable[str], make: Callable[[str], str], stamps: Mapping[str, FileStat] | None = None
    ) -> dict[str, str]:
        """path → fingerprint; `make` runs only for files whose size or time changed. Missing files are left out.

        stamps: of files that are not on this machine, as they were listed; these are read several at a time.
        """
        rows = self._ask("select path, size, mtime, fingerprint from films where settled")
        known = {os.fsdecode(path): (FileStat(size, mtime), text) for path, size, mtime, text in rows}
        result: dict[str, str] = {}
        seen: dict[str, tuple[FileStat, int]] = {}
        for path in paths:
            looked_ns, stamp = time.time_ns(), _stat(path) if stamps is None else stamps.get(path)
            if stamp and known.get(path, (None,))[0] == stamp:
                result[path] = known[path][1]
            elif stamp:
                seen[path] = stamp, looked_ns
        with ThreadPoolExecutor(ASKED_TOGETHER) if stamps else nullcontext() as pool:
            texts = (pool.map if pool else map)(lambda path: _try_make(make, path), seen)
            made = {path: text for path, text in zip(seen, texts, strict=True) if text}
        fresh = [(os.fsencode(path), *seen[path][0], _settled(*seen[path]), text) for path, text in made.items()]
        self._write("insert or replace into films values (?,?,?,?,?)", fresh)
        return result | made

    def _ask(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows of the cache; none where it cannot be used (the lake is read-only) or is damaged."""
        rows: list[tuple[Any, ...]] = []
        with self._open() as connection:
            rows = connection.execute(query, values).fetchall() if connection else []
        return rows

    def _write(self, statement: str, rows: list[tuple[Any, ...]]) -> bool:
        """Write to the cache; one that cannot be written (full disk, read-only) costs only time. True: written."""
        written = not rows
        with self._open() if rows else nullcontext() as connection:
            if connection:
                with connection:
                    connection.executemany(statement, rows)
                written = True
        return written

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection | None]:
        """The cache's database; None where it cannot be used. A damaged one is removed."""
        connection = _connect(self._path) if self._path else None
        try:
            with closing(connection) if connection else nullcontext():
                yield connection
        except sqlite3.OperationalError:
            return
        except sqlite3.DatabaseError:
            if self._path:
                self._path.unlink(missing_ok=True)


def _cache_path(lake: Lake) -> Path:
    if lake.storage.local:
        return lake.storage.local / "_index.sqlite"
    name = blake2b(lake.storage.uri.encode(), digest_size=8).hexdigest()
    return Path.home() / ".cache" / "cinelake" / f"index-{name}.sqlite"


def _connect(path: Path) -> sqlite3.Connection | None:
    """Open the cache, recreating it when it is damaged; read-only or absent folders have none."""
    for attempt in range(2):
        try:
            if not path.parent.is_dir():
                return None
            connection = sqlite3.connect(path, timeout=30)
            if connection.execute("pragma user_version").fetchone() != (VERSION,):
                connection.executescript(SCHEMA)
            check_schema(connection, SCHEMA)
            return connection
        except sqlite3.OperationalError:
            return None
        except sqlite3.DatabaseError:
            if attempt:
                return None
            path.unlink(missing_ok=True)
    return None


def _settled(stamp: FileStat, seen_ns: int) -> bool:
    """Whether a file that is written after it was seen gets another time: clocks of file systems are coarse."""
    return seen_ns - stamp.mtime_ns > RACY_NS


def _stat(path: str) -> FileStat | None:
    try:
        stat = Path(path).stat()
    except OSError:
        return None
    return FileStat(stat.st_size, stat.st_mtime_ns)


def _try_make(make: Callable[[str], str], path: str) -> str | None:
    try:
        return make(path)
    except (OSError, FilmError):
        return None
