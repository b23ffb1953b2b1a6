"""The `movie_id` of a film: its file's name in plain letters, the same wherever the name is spelled the same.

Latin letters keep the rule of the first release (`Amélie` is `am_lie`), so that no table is made anew; a name with
letters of another script is transliterated whole (`Сталкер` is `stalker`). Films that would have one id are told apart
by the letters that the rule leaves out, by a digest of an over-long name, or by their folders (`s1_01`, `s2_01`).
Whose tables a lake has under an id is asked only for films whose name could have given them another one (`Owners`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b

from cinelake.errors import FilmError
from cinelake.lake.cells import Lake
from cinelake.lake.index import Index
from cinelake.storage.content import digest, printable
from cinelake.storage.objects import FilmStore

ID_LENGTH = 96
DIGEST_LENGTH = 8
"""Hexadecimal digits by which over-long names are told apart."""
SHOWN = 5
"""How many films a sentence names, and how many sentences there are at most."""

SAME_CONTENT, SAME_ENTRY = 1, 2
_NOT_IN_ID = re.compile(r"[^a-z0-9]+")
_ID = re.compile(rf"[a-z0-9_]{{1,{ID_LENGTH}}}")


@dataclass(frozen=True, slots=True)
class Named:
    """A film that is to be named. name: its file's; path: where it is read; uri, title: as the catalogue has them."""

    name: str
    path: str
    uri: str
    title: str


@dataclass(frozen=True, slots=True)
class Names:
    """An id for each film in order, and sentences about those that were told apart."""

    ids: list[str]
    told: list[str]


Owns = Callable[[Named, str], int]
"""Whether the lake's tables of an id were made from this film: 2 of this very entry, 1 of its content, 0 of another."""


def movie_id_of(name: str) -> str:
    """The `movie_id` of a file's name: its stem in lower case, all but a-z and 0-9 as `_`, at most 96 characters.

    A stem with letters or digits of another script than Latin is transliterated first (by anyascii); how accents are
    composed (NFC, NFD) makes no difference.
    """
    return _plain(name)[:ID_LENGTH] or "_"


def is_movie_id(text: str) -> bool:
    """Whether `text` has the form of a `movie_id`: it is then also a file name that stays in its folder."""
    return _ID.fullmatch(text) is not None


def stem_of(name: str) -> str:
    """A name without its suffix, as `PurePosixPath` has it; 10,000 of those would take a fifth of a second."""
    last = name.rstrip("/").rpartition("/")[2]
    dot = last.rfind(".")
    return last[:dot] if 0 < dot < len(last) - 1 else last


def title_of(name: str) -> str:
    """The title that a file's name gives: its stem as it is written."""
    return printable(stem_of(name))


def name_films(films: Sequence[Named], taken: Collection[str] = (), owns: Owns | None = None) -> Names:
    """An id for each film. Films that nothing tells apart keep one id.

    taken: ids that a list gives to other films. owns: what a lake knows of ids that are there already; such an id stays
    with its film, also where other names, or the rules of today, would give it another.
    """
    ids = [movie_id_of(film.name) for film in films]
    groups: dict[str, list[int]] = {}
    for number, movie_id in enumerate(ids):
        groups.setdefault(movie_id, []).append(number)
    several = {number for movie_id, group in groups.items() for number in group if len(group) > 1 or movie_id in taken}
    kept = _kept_ids(films, ids, several, owns) if owns else {}
    clashing = {m: group for m, group in groups.items() if len(group) > 1 or m in taken or m in kept.values()}
    used, told = {*taken, *groups, *kept.values()}, []
    for number, movie_id in kept.items():
        ids[number] = movie_id
    for movie_id, group in sorted(clashing.items()):
        rest = [number for number in group if number not in kept]
        free = movie_id not in taken and movie_id not in kept.values()
        if len(rest) > 1 or (rest and not free):
            for number, other in zip(rest, _told_apart([films[n] for n in rest], movie_id, used, free), strict=True):
                ids[number] = other
        used |= {ids[number] for number in group}
        if any(ids[number] != movie_id for number in group):
            told.append(_sentence(movie_id, [(films[number].uri, ids[number]) for number in group]))
    if len(told) > SHOWN:
        told[SHOWN - 1 :] = [f"several films would have each of {len(told) - SHOWN + 1} more ids: they have others too"]
    return Names(ids, told)


def _plain(name: str) -> str:
    """The whole id of a name, however long."""
    stem = stem_of(name)
    if not stem.isascii():
        stem = unicodedata.normalize("NFC", stem)
        stem = _transliterated(stem) if any(map(_is_of_another_script, stem)) else stem
    return _NOT_IN_ID.sub("_", stem.lower())


def _is_of_another_script(sign: str) -> bool:
    """Whether a sign is a letter or digit that is neither ASCII nor Latin."""
    return not sign.isascii() and sign.isalnum() and not unicodedata.name(sign, "").startswith("LATIN ")


def _transliterated(text: str) -> str:
    """The text in plain letters, sign by sign; soft and hard signs, which become apostrophes, are left out."""
    from anyascii import anyascii

    signs = unicodedata.normalize("NFC", text)
    return "".join(sign if sign.isascii() else anyascii(sign).replace("'", "") for sign in signs)


def _forms(film: Named) -> Iterator[str]:
    """Ids that a film may have where its plain one is another's too, from the nearest to the furthest."""
    *folders, name = film.uri.split("://")[-1].replace("\\", "/").split("/")
    stem = stem_of(name)
    yield _NOT_IN_ID.sub("_", _transliterated(stem).lower())[:ID_LENGTH] or "_"
    if len(plain := _plain(name)) > ID_LENGTH or not plain.strip("_"):
        yield _with_digest(plain, stem)
    parts = [stem]
    for folder in reversed([folder for folder in folders if folder.strip(".")]):
        parts.insert(0, folder)
        text = "_".join(part for part in (_plain(f"{part}.x").strip("_") for part in parts) if part)
        yield text if 0 < len(text) <= ID_LENGTH else _with_digest(text, "/".join(parts))


def _with_digest(text: str, of: str) -> str:
    normal = unicodedata.normalize("NFC", of).encode("utf-8", "surrogateescape")
    mark = blake2b(normal, digest_size=DIGEST_LENGTH // 2).hexdigest()
    return f"{text[: ID_LENGTH - DIGEST_LENGTH - 1].rstrip('_')}_{mark}"


def _told_apart(films: Sequence[Named], movie_id: str, used: Collection[str], free: bool) -> list[str]:
    """The nearest ids by which films differ; where some always share one, the furthest, or the one that they have."""
    forms = [list(_forms(film)) for film in films]
    best = [movie_id] * len(films)
    for level in range(max(map(len, forms))):
        ids = [of_film[min(level, len(of_film) - 1)] for of_film in forms]
        others = [form for form in ids if form != movie_id or not free]
        if any(form in used for form in others):
            continue
        if len(set(ids)) > len(set(best)) or (len(films) == 1 and not free):
            best = ids
        if len(set(best)) == len(films) and (free or movie_id not in best):
            break
    return best


def _kept_ids(films: Sequence[Named], ids: Sequence[str], several: Collection[int], owns: Owns) -> dict[int, str]:
    """Number of a film → the id under which the lake has its tables, of those whose id may have been another."""
    claims: dict[str, list[tuple[int, int]]] = {}
    for number, film in enumerate(films):
        if number not in several and stem_of(film.name).isascii():
            continue
        before = _NOT_IN_ID.sub("_", stem_of(film.name).lower())[:ID_LENGTH] or "_"
        candidates = [before, ids[number], *_forms(film)] if number in several else [before]
        if candidates == [ids[number]]:
            continue
        for candidate in candidates:
            if claim := owns(film, candidate):
                claims.setdefault(candidate, []).append((-claim, number))
                break
    return {min(of_id)[1]: movie_id for movie_id, of_id in claims.items()}


def _sentence(movie_id: str, films: Sequence[tuple[str, str]]) -> str:
    shown = ", ".join(f"{place!r} is {own}" for place, own in films[:SHOWN])
    return f"{len(films)} films would have the id {movie_id!r}: {shown}{' …' if len(films) > SHOWN else ''}"


class Owners:
    """The films that a lake's tables were made from, by their footers. The lake is listed at the first question."""

    def __init__(self, lake: Lake, store: FilmStore):
        self._lake, self._store, self._index = lake, store, Index(lake)
        self._fingerprints: dict[str, str] = {}
        self._telling = ""

    def owns(self, film: Named, movie_id: str) -> int:
        """2 where a table of this id was made of the film's very entry in the catalogue, 1 of its content, else 0."""
        entry, made_of = digest([film.title, film.uri]), set()
        # The table that told it of other films is asked first: of thousands of films, one footer each is read.
        for table in sorted(self._tables.get(movie_id, ()), key=lambda name: (name != self._telling, name)):
            footer = self._index.footer(table, movie_id)
            if footer and footer.ingredients.get("inputs", {}).get("catalogue") == entry:
                self._telling = table
                return SAME_ENTRY
            made_of |= {footer.ingredients.get("fingerprint")} if footer else set()
        return SAME_CONTENT if made_of and self._fingerprint(film.path) in made_of else 0

    @cached_property
    def _tables(self) -> dict[str, list[str]]:
        tables: dict[str, list[str]] = {}
        for table in self._lake.tables():
            for name in self._lake.storage.files(table):
                tables.setdefault(name.removesuffix(".parquet"), []).append(table)
        return tables

    def _fingerprint(self, path: str) -> str:
        if path not in self._fingerprints:
            try:
                self._fingerprints[path] = self._store.fingerprint(path)
            except FilmError:
                self._fingerprints[path] = ""
        return self._fingerprints[path]
