"""One search, from a query to ranked moments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from heapq import heappop, heappush
from pathlib import Path

from cinelake.errors import StorageError, UnknownName, UsageError
from cinelake.lake.cells import Lake
from cinelake.lake.index import Index
from cinelake.search.conditions import Conditions, SpansOfFilms, allowed_by, spans_where
from cinelake.search.index import About, about_index, open_index
from cinelake.search.indexing import build_index
from cinelake.search.likeness import like_moment, like_picture, like_text, making
from cinelake.search.lines import (
    DistinctMoments,
    Lines,
    films_of,
    moment_of,
    most_relevant,
    spans_of_texts,
    where_all_hold,
)
from cinelake.search.meanings import MeaningIndex
from cinelake.search.moments import FoundMoment, Hit, best
from cinelake.search.tables import table_of
from cinelake.search.vectors import Allowed, Held, counted, coverage, film_vectors, hold, scan
from cinelake.search.words import WordIndex
from cinelake.spec.arrays import Floats
from cinelake.spec.contract import Contract
from cinelake.spec.roles import Shots, Vectors
from cinelake.spec.task import Params, tasks_with

LARGE = 5_000_000
"""From this number of vectors on, a search without an index recommends one."""
HELD_BYTES = 4 << 30
"""Vectors up to this size are kept in memory between searches, with `keep`."""
HOW = ("auto", "exact", "index")
BY = ("words", "meaning")
TOLD = 1000
"""Films whose lines are new to the index from which on a search says so: it took its time."""


def default_table() -> str:
    """The table of vectors that is searched unless another is named."""
    return next(iter(tasks_with(Vectors)))


@dataclass(frozen=True)
class Query:
    """What a search looks for: a picture or a moment to look like, words, conditions, or several of them.

    words: kind of lines → texts, each of which must be in a line. films: only these (empty: all). table: which vectors.
    how: `exact`, by the `index`, or `auto`: by the index where it covers the table as it is. params: the manifest's for
    the table, where they name files. text: what pictures show, compared by a pair of networks. by: lines are found by
    their `words`, or by `meaning`: then lines_params are the manifest's for the table of lines' vectors.
    """

    image: Path | None = None
    like: str | None = None
    conditions: Conditions = field(default_factory=Conditions)
    words: Mapping[str, Sequence[str]] = field(default_factory=dict)
    films: Sequence[str] = ()
    limit: int = 10
    table: str = field(default_factory=default_table)
    how: str = "auto"
    params: Params | None = None
    text: str | None = None
    by: str = "words"
    lines_params: Params | None = None

    @property
    def is_likeness(self) -> bool:
        """Whether vectors are compared."""
        return any(given is not None for given in (self.image, self.like, self.text))

    @property
    def texts(self) -> list[tuple[str, str]]:
        """The kind and the words of each text that must be in a line; kinds without a text are none."""
        return [(kind, text) for kind, several in self.words.items() for text in several]


@dataclass(frozen=True)
class SearchAnswer:
    """The moments of a search. how: `exact`, `index`, `words`, `meaning` or `conditions`.

    notes: what the user should know.
    """

    moments: list[FoundMoment]
    how: str
    films: int
    vectors: int | None = None
    notes: list[str] = field(default_factory=list)


class Searcher:
    """Searches one lake. keep: vectors stay in memory between searches."""

    def __init__(
        self,
        lake: Lake,
        contracts: Mapping[str, Contract],
        *,
        keep: bool = False,
    ):
        self._lake, self._contracts, self._keep = lake, contracts, keep
        self._held: dict[str, Held] = {}

    def search(self, query: Query) -> SearchAnswer:
        """The best moments. Raises `UsageError` for an invalid query, `UnknownName` with close matches."""
        _check(query)
        notes: list[str] = []
        spans = None
        if query.conditions:
            spans = spans_where(self._lake, self._contracts, query.conditions, query.films, notes)
        texts = query.texts
        if texts and query.by == "meaning":
            lines = MeaningIndex(self._lake, self._contracts, query.lines_params)
            if not query.is_likeness:
                return self._by_lines(query, lines, spans, notes)
            spans = where_all_hold(spans_of_texts(query.films, lines, texts, spans, notes))
        elif texts:
            with closing(WordIndex(self._lake, self._contracts)) as index:
                read = index.refresh()
                if read >= TOLD:
                    notes.append(f"lines of {read} films were taken into the index of words")
                if not query.is_likeness:
                    answer = self._by_lines(query, index, spans, notes)
                    notes += () if answer.moments else _without_lines(index, query)
                    return answer
                spans = where_all_hold(spans_of_texts(query.films, index, texts, spans, notes))
                notes += () if spans else _without_lines(index, query)
        if not query.is_likeness:
            return self._by_conditions(query, spans or {}, notes)
        answer = self._by_likeness(query, spans)
        return replace(answer, notes=[*notes, *answer.notes])

    def _by_conditions(self, query: Query, spans: SpansOfFilms, notes: list[str]) -> SearchAnswer:
        """Without a picture: the spans themselves, the most relevant first."""
        files = {name for table in self._contracts for name in self._lake.storage.files(table)}
        self._check_films(query, {name.removesuffix(".parquet") for name in files})
        moments = [
            FoundMoment(film, span.relevance, span.start_s, span.start_s, span.end_s, what=span.what)
            for film, some in spans.items()
            if not query.films or film in query.films
            for span in some
        ]
        moments.sort(key=lambda moment: (-moment.score, moment.movie_id, moment.start_s))
        return SearchAnswer(moments[: query.limit], "conditions", len(spans), notes=notes)

    def _by_lines(self, query: Query, index: Lines, spans: SpansOfFilms | None, notes: list[str]) -> SearchAnswer:
        """Lines with the first text, or near it in meaning, the most relevant first, while all else holds."""
        self._check_films(query, index.films)
        (kind, text), *more = query.texts
        others = spans_of_texts(query.films, index, more, spans, notes)
        moments = DistinctMoments()
        best_scores: list[float] = []
        lines = index.find(kind, text, films_of(query.films, others))
        for line in most_relevant(lines, text, notes) if others else lines:
            moment = moment_of(line, others)
            if moment is not None and moments.add(moment, line):
                heappush(best_scores, moment.score)
                if len(best_scores) > query.limit:
                    heappop(best_scores)
            # No later line can be among the best where a moment is no more relevant than its line.
            if len(moments.found) >= query.limit and (query.by == "words" or best_scores[0] >= line.relevance):
                break
        found = sorted(moments.found, key=lambda moment: (-moment.score, moment.movie_id, moment.start_s))
        return SearchAnswer(found[: query.limit], query.by, len(index.films), notes=notes)

    def _by_likeness(self, query: Query, spans: SpansOfFilms | None) -> SearchAnswer:
        index = Index(self._lake)
        cells = cells_of(self._contracts, query.table, index)
        self._check_films(query, cells)
        films = [film for film in sorted(cells) if not query.films or film in query.films]
        made = making(index, query.table, films)
        start: Hit | None = None
        if query.like is not None:
            vector, start = like_moment(index, query.table, query.like, cells)
            making(index, query.table, {*films, start.movie_id})
        elif query.text is not None:
            vector = like_text(index, query.table, made, query.text, films[0], query.params)
        else:
            assert query.image is not None
            vector = like_picture(index, query.table, made, query.image, films[0], query.params)
        films = films if spans is None else [film for film in films if film in spans]
        widened = replace(query, limit=query.limit + 1) if start else query  # the moment itself is among the nearest
        hits, answer = self._nearest(widened, vector, films, cells, spans)
        hits = [hit for hit in hits if start is None or hit.moment != start.moment]
        return replace(answer, moments=self._moments(hits[: query.limit], spans or {}))

    def _nearest(
        self, query: Query, vector: Floats, films: list[str], cells: dict[str, str], spans: SpansOfFilms | None
    ) -> tuple[list[Hit], SearchAnswer]:
        """The nearest moments' best pictures, and how they were found."""
        about, notes = _usable(self._lake, query, cells)
        if about and len(films) == len(cells) and spans is None:
            hits = open_index(self._lake, query.table, about).moments(vector, query.limit, about.probes)
            return hits, SearchAnswer([], "index", len(films), about.vectors, notes)
        allowed: Allowed | None = None if spans is None else partial(allowed_by, spans)
        if self._keep and (held := self._in_memory(query.table, cells, len(vector))):
            hits = held.search(vector, films, query.limit, allowed)
            return hits, SearchAnswer([], "exact", len(films), len(held.vectors), notes)
        rows = counted(self._lake, query.table, films)
        if rows >= LARGE and about is None and not notes:
            notes = [f"{rows:,} vectors were compared one by one: `cinelake index` makes that quick"]
        hits = scan(self._lake, query.table, films, vector, query.limit, allowed)
        return hits, SearchAnswer([], "exact", len(films), rows, notes)

    def _in_memory(self, table: str, cells: dict[str, str], size: int) -> Held | None:
        """The table's vectors as they are now, in memory; None where they are too many."""
        held = self._held.get(table)
        if held is None or held.covers != coverage(cells):
            self._held.pop(table, None)
            rows = counted(self._lake, table, cells)
            if rows * size * 4 > HELD_BYTES:
                return None
            held = self._held[table] = hold(self._lake, table, cells, rows, size)
        return held

    def _moments(self, hits: list[Hit], spans: SpansOfFilms) -> list[FoundMoment]:
        """Hits with where their shots begin and end, and which conditions hold there."""
        shots = {hit.movie_id: _shot_times(self._lake, hit.movie_id) for hit in hits}
        moments = []
        for hit in best(hits, len(hits)):
            start_s, end_s = shots[hit.movie_id].get(hit.shot, (hit.time_s, hit.time_s))
            what = [span.what for span in spans.get(hit.movie_id, []) if span.start_s <= hit.time_s < span.end_s]
            score = min(1.0, max(-1.0, hit.score))
            moments.append(
                FoundMoment(hit.movie_id, score, hit.time_s, start_s, end_s, hit.shot, hit.frame, ", ".join(what))
            )
        return moments

    def _check_films(self, query: Query, known: Mapping[str, str] | set[str]) -> None:
        for film in query.films:
            if film not in known:
                raise UnknownName("film", film, known)


def _without_lines(index: WordIndex, query: Query) -> list[str]:
    """Where nothing is found: that some films have nothing to be found, or all."""
    return [
        *filter(None, (index.silence(kind, query.films) for kind in dict.fromkeys(kind for kind, _ in query.texts)))
    ]


def cells_of(contracts: Mapping[str, Contract], table: str, index: Index) -> dict[str, str]:
    """movie_id → key of the films with vectors. Raises `UsageError` without any, `UnknownName` for another table."""
    known = tables_of_vectors(contracts)
    if not known:
        raise UsageError(
            f"the lake has no table of embeddings: name `{default_table()}` in the manifest and `cinelake run`"
        )
    if table not in known:
        raise UnknownName("table of vectors", table, known)
    return {movie_id: entry.key for movie_id, entry in index.cells(table).items()}


def tables_of_vectors(contracts: Mapping[str, Contract]) -> list[str]:
    """The tables in which each row is a vector with its place: whatever their names and tasks."""
    wanted = {"time_s", "frame", "shot", "backbone", "embedding"}
    return [name for name, contract in contracts.items() if wanted <= {c.name for c in contract.all_columns}]


def _check(query: Query) -> None:
    if sum(given is not None for given in (query.image, query.like, query.text)) > 1:
        raise UsageError("a picture, a moment or a text is looked for: one of --image, --like and --text")
    if not query.is_likeness and not query.conditions and not query.texts:
        raise UsageError(
            "what is searched for? Give --image, --like, --text, --said, --written, --tag, --character, --person or "
            "--affect"
        )
    if query.limit < 1:
        raise UsageError(f"at least one moment is asked for. Received: {query.limit}")
    if query.by not in BY:
        raise UnknownName("way to find lines", query.by, BY)
    if query.by == "meaning" and not query.texts:
        raise UsageError("lines are found by meaning: give --said or --written beside --by meaning")
    if query.how not in HOW:
        raise UnknownName("way to search", query.how, HOW)
    if query.how == "index" and (query.films or query.conditions or query.texts):
        raise UsageError("the index answers for all films without conditions: leave `how` out, or the conditions")


def _usable(lake: Lake, query: Query, cells: dict[str, str]) -> tuple[About | None, list[str]]:
    """The index, where it may be used, and notes for the user. Raises `StorageError` where it must be and cannot."""
    if query.how == "exact" or query.films or query.conditions or query.texts:
        return None, []
    about = about_index(lake, query.table)
    if about is not None and about.covers == coverage(cells):
        return about, []
    renew = f"`cinelake index --table {query.table}`"
    if query.how == "index":
        why = "there is no index" if about is None else "the index is of another state of the table"
        raise StorageError(f"{why}: {renew} makes it")
    return None, [f"the index is of another state of the table, all were compared: {renew} renews it"] if about else []


def _shot_times(lake: Lake, movie_id: str) -> dict[int | None, tuple[float, float]]:
    """Shot → when it begins and ends; empty where the lake has no shots of the film."""
    table = table_of(lake, movie_id, Shots)
    if table is None:
        return {}
    name, shots = table
    rows = lake.reader(name, movie_id).read([shots.number, shots.start_s, shots.end_s])
    return {shot: (start, end) for shot, start, end in zip(*(c.to_pylist() for c in rows.columns), strict=True)}


def index_lake(lake: Lake, contracts: Mapping[str, Contract], table: str) -> About:
    """Make the index of a table as it is now. Raises `UsageError` where it has too few vectors, or of several kinds."""
    index = Index(lake)
    cells = cells_of(contracts, table, index)
    making(index, table, cells)
    rows = {movie_id: counted(lake, table, [movie_id]) for movie_id in sorted(cells)}
    some = next((movie_id for movie_id, count in rows.items() if count), None)
    size = len(next(film_vectors(lake, table, some))[0]) if some else 0
    return build_index(lake, table, cells, rows, size)
