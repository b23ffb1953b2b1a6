"""The films that a folder, a glob or an address on an object store yields; the same rules as for folders here."""

from __future__ import annotations

import re
from itertools import takewhile

from cinelake.catalogue.folder import parts_of, pattern_of, suffix_asked
from cinelake.catalogue.sidecars import Skipped, sort_out
from cinelake.errors import ManifestError, Problem
from cinelake.storage.objects import FilmStore, folder_of
from cinelake.storage.store import FileStat


def films_at(place: str, store: FilmStore) -> tuple[dict[str, FileStat], list[Skipped]]:
    """Address → stamp of the films at a place, and what was skipped.

    Raises `ManifestError` where the place holds no file, and what the store raises where it cannot be listed.
    """
    names = tuple(place.rstrip("/").split("/"))
    parts = parts_of(names, lambda *upto: "[" in upto[-1] and _is_there("/".join(upto), store))
    names_before = [part.text for part in takewhile(lambda part: not part.is_pattern, parts)]
    fixed = "/".join(names_before)
    if not any(part.is_pattern for part in parts):
        return _folder_or_film(fixed, store)
    listed = store.below(fixed) if len(parts) > len(names_before) + 1 else store.in_folder(fixed)
    if not listed:
        raise _nothing(place, fixed)
    from fsspec.utils import glob_translate

    matches = re.compile(glob_translate(pattern_of(parts))).match
    present = {uri: stamp for uri, stamp in sorted(listed.items()) if matches(uri)}
    hidden = [uri for uri in present if "/." in uri[len(fixed) :]]
    kept, others = sort_out([uri for uri in present if uri not in {*hidden}], suffix_asked(parts))
    return {uri: present[uri] for uri in kept}, [*(Skipped(uri, "hidden") for uri in hidden), *others]


def _folder_or_film(place: str, store: FilmStore) -> tuple[dict[str, FileStat], list[Skipped]]:
    listed = store.in_folder(place)
    if not listed:
        alone = _alone(place, store)
        if alone is None:
            raise _nothing(place, place)
        return {place: alone}, []
    hidden = [uri for uri in listed if uri[len(place) + 1 :].startswith(".")]
    kept, others = sort_out(sorted({*listed} - {*hidden}))
    return {uri: listed[uri] for uri in kept}, [*(Skipped(uri, "hidden") for uri in hidden), *others]


def _is_there(place: str, store: FilmStore) -> bool:
    """Whether anything has this very address, or lies below it; asked only where brackets may be part of a name."""
    return bool(store.below(place)) or _alone(place, store) is not None


def _alone(place: str, store: FilmStore) -> FileStat | None:
    """The stamp of the one object of this address, if there is one."""
    return store.in_folder(folder_of(place)).get(place)


def _nothing(place: str, folder: str) -> ManifestError:
    message = f"expected a folder, a film or a glob, received {place!r}: there is nothing at {folder}"
    return ManifestError([Problem(folder, 0, "catalogue.films", message)])
