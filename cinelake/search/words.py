"""An index of all lines of the lake by their words: SQLite's FTS5, part of Python.

`lake/_search/words.sqlite` covers cells by their keys. Every search first brings it up to date: lines of cells that are
gone or made anew leave it, those of new ones come in. It is a cache: delete it and nothing is lost. A lake that cannot
be written to, or lies in a bucket, has its index in `CINELAKE_CACHE`.

Letters count without case and accents; Chinese, Japanese and Korean letter by letter. A line's number begins with its
kind and with how many words it has, so that FTS5, which gives matches by number, looks at one kind only and gives the
shortest first, of which the words that were asked for are the largest part: the best of ten million lines are found
without looking at all that match. Each line also has a word that stands for its film, so that the commonest words of a
few films are found by these, not among those of all.
"""

from __future__ import annotations

import json
import re
import sqlite3
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any

from cinelake.errors import StorageError, UsageError
from cinelake.lake.cells import Lake
from cinelake.lake.index import Index
from cinelake.search.index import index_folder
from cinelake.search.spans import Span
from cinelake.spec.contract import Contract
from cinelake.spec.roles import Words
from cinelake.spec.task import tasks_with
from cinelake.storage.databases import check_schema
from cinelake.storage.processes import cache_folder

VERSION = 2
SCHEMA = (
    "drop table if exists words",
    "drop table if exists passages",
    "drop table if exists cells",
    "drop table if exists kinds",
    "create table kinds (id integer primary key, name text unique)",
    "create table cells (id integer primary key, tab text, movie_id text, key text, last integer,"
    " unique (tab, movie_id))",
    "create table passages (id integer primary key, cell integer, movie_id text, start_s real, end_s real, text text)",
    "create index passages_of_cell on passages (cell)",
    "create virtual table words using fts5(film, text, tokenize = 'unicode61 remove_diacritics 2', columnsize = 0)",
    f"pragma user_version = {VERSION}",
)
BESIDE = ("", "-wal", "-shm")
"""What the names of a database's files end with."""
PATIENCE_S = 60.0
"""So long one search waits for another that writes."""
OF_FILMS = "l.cell in (select id from cells where movie_id in (select value from json_each(?)))"
FEW_CELLS = 2000
"""Tables of at most so many films are named in the question itself; of more, what is found is looked through."""
LONGEST = 1023
LENGTH_SHIFT, KIND_SHIFT = 40, 52
"""A line's number: a running number, above it how many words the line has (at most LONGEST), above that its kind."""
CACHE_KIB = 64 << 10
ROWS_TOGETHER = 20_000
MOST_WORDS = 32
MOST_LETTERS = 2000
NEAR, NEAR_WORDS = "NEAR", 10
_CJK = re.compile(r"([\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff])")
_WORD = re.compile(r"[^\W_]+")
_ASKED = re.compile(r'"([^"]*)"|(\S+)')


@dataclass(frozen=True)
class FoundLine:
    """A line that was found.

    relevance: above 0.5 where its words stand as they were asked for, 1 where it says no more.
    """

    movie_id: str
    start_s: float
    end_s: float
    text: str
    relevance: float
    kind: str

    @property
    def span(self) -> Span:
        """The time in which it shows, with what it says."""
        return Span(self.start_s, self.end_s, self.relevance, f"“{' '.join(self.text.split())}”")


@dataclass(frozen=True)
class Asked:
    """What is asked for, as FTS5 reads it. exact: all words on end. loose: all words, anywhere in the line."""

    exact: str
    loose: str
    words: int


def asked(text: str) -> Asked:
    """A question in words: all of them must occur; "quoted ones" on end; `lett*` begins a word; `one NEAR other`: at
    most ten words apart (in a question that is not all in capitals). Raises `UsageError`.
    """
    groups: list[list[str]] = []
    total: list[str] = []
    joins = False
    for quoted, plain in _ASKED.findall(text[:MOST_LETTERS]):
        if plain == NEAR and groups and text != text.upper():
            joins = True
            continue
        words = _WORD.findall(_parted(quoted or plain))
        total += words
        if not words:
            continue
        phrase = '"' + " ".join(words) + '"' + ("*" if plain.endswith("*") else "")
        if joins:
            groups[-1].append(phrase)
        else:
            groups.append([phrase])
        joins = False
    if joins:
        raise UsageError(f"{NEAR} stands between two words. Received: {text!r}")
    if not total:
        raise UsageError(f"which words are searched for? There is none in {text!r}")
    if len(total) > MOST_WORDS:
        raise UsageError(f"at most {MOST_WORDS} words are searched for at once. Received: {len(total)}")
    whole = '"' + " ".join(total) + '"' + ("*" if text.rstrip().endswith("*") else "")
    loose = [group[0] if len(group) == 1 else f"{NEAR}({' '.join(group)}, {NEAR_WORDS})" for group in groups]
    return Asked(whole, " AND ".join(loose), len(total))


def _parted(text: str) -> str:
    """The text with each letter of Chinese, Japanese and Korean a word of its own."""
    return _CJK.sub(r" \1 ", text)


class WordIndex:
    """The lines of a lake by their words. contracts: table → contract, of the lake's tables."""

    def __init__(self, lake: Lake, contracts: Mapping[str, Contract]):
        self._lake = lake
        roles = tasks_with(Words)
        self._tables = {name: roles[c.table] for name, c in contracts.items() if c.table in roles}
        self._tasks = {contract.table for contract in contracts.values()}
        self._connection, self._file = _open(lake)

    @property
    def kinds(self) -> set[str]:
        """Kinds of lines of which the lake has a table."""
        return {role.kind for role in self._tables.values()}

    @property
    def films(self) -> set[str]:
        """The films that have a line of any kind."""
        return {movie_id for (movie_id,) in self._ask("select distinct movie_id from cells")}

    def refresh(self) -> int:
        """Bring the index up to date; returns how many cells were read. Raises `StorageError`.

        Searches may do so at once: each cell is looked up again within the transaction that would write it.
        """
        # What is known is asked before what there is: what another search learns meanwhile is not taken for gone.
        known = {(tab, movie_id): key for tab, movie_id, key in self._ask("select tab, movie_id, key from cells")}
        index, read = Index(self._lake), 0
        wanted = {(tab, film): entry.key for tab in self._tables for film, entry in index.cells(tab).items()}
        gone = {place: key for place, key in known.items() if place not in wanted}
        with _told(self._file):
            if gone:
                with _writing(self._connection):
                    for place, key in gone.items():
                        if self._cell(*place)[1] == key:
                            self._forget(*place)
            for place, key in wanted.items():
                if known.get(place) != key:
                    with _writing(self._connection):
                        read += self._learn(*place, key)
        return read

    def find(self, kind: str, text: str, films: Collection[str] | None = None) -> Iterator[FoundLine]:
        """The lines of a kind with these words, the most relevant first: as asked for, then anywhere in the line.

        films: only of these; None: of all. Raises `UsageError` where no table of this kind is in the lake.
        """
        if kind not in self.kinds:
            tasks = [name for name, role in tasks_with(Words).items() if role.kind == kind]
            raise UsageError(
                f"the lake has no lines that are {kind}: name {' or '.join(tasks)} in the manifest and `cinelake run`"
            )
        question = asked(text)
        yield from self._found(kind, question.exact, question.words, 0.5, films)
        if question.words > 1:
            loose = f"({question.loose}) NOT ({question.exact})"
            yield from self._found(kind, loose, question.words, 0.0, films)

    def _found(
        self, kind: str, match: str, words: int, bonus: float, films: Collection[str] | None
    ) -> Iterator[FoundLine]:
        number = self._kind(kind)
        given: list[Any] = [f"text : ({match})", number << KIND_SHIFT, (number + 1) << KIND_SHIFT]
        more = ""
        if films is not None:
            cells = self._ask("select id from cells where movie_id in (select value from json_each(?))", [_list(films)])
            if not cells:
                return
            if len(cells) <= FEW_CELLS:
                given[0] = f"film : ({' OR '.join(f'f{cell}' for (cell,) in cells)}) AND {given[0]}"
            else:
                more = f"and {OF_FILMS}"
                given.append(_list(films))
        sql = (
            "select l.id, l.movie_id, l.start_s, l.end_s, l.text from words w cross join passages l on l.id = w.rowid "
            f"where words match ? and w.rowid >= ? and w.rowid < ? {more} order by w.rowid"
        )
        with _told(self._file):
            for at, movie_id, start_s, end_s, text in self._connection.execute(sql, given):
                length = max(at >> LENGTH_SHIFT & LONGEST, 1)
                yield FoundLine(movie_id, start_s, end_s, text, bonus + 0.5 * min(1.0, words / length), kind)

    def silence(self, kind: str, films: Collection[str] = ()) -> str:
        """What tells how many of these films (none: of all) have no line of a kind, and which tasks could make some
        that have not been there; '' where each has one.
        """
        tables = [name for name, role in self._tables.items() if role.kind == kind]
        sql = "select movie_id, max(exists (select 1 from passages where cell = c.id)) from cells c "
        rows = self._ask(sql + "where tab in (select value from json_each(?)) group by movie_id", (_list(tables),))
        wanted = set(films) or self.films
        without = len(wanted - {movie_id for movie_id, has_lines in rows if has_lines})
        none_has = "none of the films that are searched has a" if films else "no film of the lake has a"
        which = f"{without} of {len(wanted)} films have no" if without < len(wanted) else none_has
        tasks = [name for name, role in tasks_with(Words).items() if role.kind == kind]
        if wanted <= {movie_id for movie_id, _ in rows}:
            tasks = [name for name in tasks if name not in self._tasks]
        hint = f"docs/manifest.md says how {' or '.join(tasks)} can make some"
        why = hint if tasks else f"{' and '.join(tables)} found none"
        return f"{which} line that is {kind}: {why}" if without else ""

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _ask(self, sql: str, given: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with _told(self._file):
            return self._connection.execute(sql, given).fetchall()

    def _kind(self, name: str) -> int:
        """The number of a kind of lines; 0 where the index has none."""
        rows = self._ask("select id from kinds where name = ?", (name,))
        return int(rows[0][0]) if rows else 0

    def _cell(self, table: str, movie_id: str) -> tuple[int | None, str]:
        """Number and key of a cell as the index has it; none and '' where it has not."""
        rows = self._ask("select id, key from cells where tab = ? and movie_id = ?", (table, movie_id))
        return rows[0] if rows else (None, "")

    def _forget(self, table: str, movie_id: str) -> None:
        cell, _ = self._cell(table, movie_id)
        for sql in (
            "delete from words where rowid in (select id from passages where cell = ?)",
            "delete from passages where cell = ?",
            "delete from cells where id = ?",
        ):
            self._connection.execute(sql, (cell,))

    def _learn(self, table: str, movie_id: str, key: str) -> bool:
        """Take in a cell in place of what was known of it; False where another search has done so meanwhile."""
        if self._cell(table, movie_id)[1] == key:
            return False
        self._forget(table, movie_id)
        role = self._tables[table]
        ((low,),) = self._ask("select coalesce(max(last), 0) from cells")
        insert = "insert into cells (tab, movie_id, key) values (?, ?, ?)"
        cell = self._connection.execute(insert, (table, movie_id, key)).lastrowid
        self._connection.execute("insert or ignore into kinds (name) values (?)", (role.kind,))
        kind = self._kind(role.kind) << KIND_SHIFT
        number = low
        found = enumerate(lines_of(self._lake, table, movie_id, role), low + 1)
        while some := list(islice(found, ROWS_TOGETHER)):
            lines, words = [], []
            for number, (text, start_s, end_s) in some:
                parted = _parted(text)
                at = kind + (min(len(_WORD.findall(parted)), LONGEST) << LENGTH_SHIFT) + number
                lines.append((at, cell, movie_id, start_s, end_s, text))
                words.append((at, f"f{cell}", parted))
            self._connection.executemany("insert into passages values (?, ?, ?, ?, ?, ?)", lines)
            self._connection.executemany("insert into words (rowid, film, text) values (?, ?, ?)", words)
        self._connection.execute("update cells set last = ? where id = ?", (number, cell))
        return True


def _list(films: Collection[str]) -> str:
    return json.dumps(sorted(films))


def lines_of(lake: Lake, table: str, movie_id: str, role: Words) -> Iterator[tuple[str, float, float]]:
    """Text, begin and end of a film's lines; rows without a text are none."""
    columns = [role.text, role.start_s, role.end_s]
    for batch in lake.reader(table, movie_id).batches(columns):
        for text, start_s, end_s in zip(*(batch[name].to_pylist() for name in columns), strict=True):
            if text:
                yield text, start_s, end_s


@contextmanager
def _told(file: Path) -> Iterator[None]:
    """What SQLite refuses, as a `StorageError` that says what to do."""
    try:
        yield
    except sqlite3.Error as error:
        what = {
            sqlite3.SQLITE_BUSY: "Another search is writing it: search again",
            sqlite3.SQLITE_FULL: "Free room on the disk",
        }.get(_code(error), "Delete it, with the files whose names begin with its own: the next search makes it anew")
        raise StorageError(f"the index of words {file} cannot be used: {error}. {what}") from error


def _code(error: sqlite3.Error) -> int:
    """SQLite's primary code of an error; 0 for one of Python's own."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


@contextmanager
def _writing(connection: sqlite3.Connection) -> Iterator[None]:
    """One transaction in which nobody else writes."""
    connection.execute("begin immediate")
    try:
        yield
        connection.commit()
    except BaseException:  # Ctrl-C too: the lock is given back
        connection.rollback()
        raise


def _open(lake: Lake) -> tuple[sqlite3.Connection, Path]:
    """The index's database and its file, made anew where it is damaged or of another version. Raises `StorageError`."""
    beside = index_folder(lake, "words").with_suffix(".sqlite")
    name = blake2b(lake.storage.uri.encode(), digest_size=8).hexdigest()
    elsewhere = cache_folder() / f"search-{name}" / beside.name
    problems = []
    for path in (beside, elsewhere):
        for _ in range(2):
            try:
                return _connected(path), path
            except (OSError, sqlite3.OperationalError) as error:
                problems.append(f"{path}: {error}")
                break
            except sqlite3.DatabaseError as error:
                problems.append(f"{path}: {error}")
                with suppress(OSError):  # what cannot be removed is found damaged once more
                    for end in BESIDE:
                        path.with_name(path.name + end).unlink(missing_ok=True)
    raise StorageError(f"the index of words cannot be written ({'; '.join(problems)})")


def _connected(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=PATIENCE_S, isolation_level=None)
    try:
        _write_ahead(connection)
        connection.execute("pragma synchronous = normal")
        connection.execute(f"pragma cache_size = -{CACHE_KIB}")
        with _writing(connection):
            ((version,),) = connection.execute("pragma user_version").fetchall()
            for statement in SCHEMA if version != VERSION else ():
                connection.execute(statement)
            check_schema(connection, ";".join(SCHEMA))
            connection.execute("select id from cells limit 1").fetchall()
            connection.execute("delete from cells where id < 0")  # fails where the file cannot be written to
    except BaseException:  # Ctrl-C too: whoever opened it is the only one to close it
        connection.close()
        raise
    return connection


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Readers do not wait for who writes. SQLite itself waits for no other that makes the same switch."""
    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            connection.execute("pragma journal_mode = wal")
            return
        except sqlite3.OperationalError as error:
            if _code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(0.01)
