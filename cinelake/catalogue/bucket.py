"""The films that a folder, a glob or an address on an object store yields; the same rules as for folders here."""

from __future__ import annotations

import glob
import re
from itertools import takewhile

from cinelake.catalogue.sidecars import SIDECARS, suffix_of, without_sidecars
from cinelake.errors import ManifestError, Problem
from cinelake.storage.objects import FilmStore, folder_of
from cinelake.storage.store import FileStat


def films_at(place: str, store: FilmStore) -> tuple[dict[str, FileStat], int]:
    """Address → stamp of the films at a place, and how many other files were left out.

    Raises `ManifestError` where the place holds no file, and what the store raises where it cannot be listed.
    """
    fixed = "/".join(takewhile(lambda part: not glob.has_magic(part), place.split("/")))
    if fixed == place:
        return _folder_or_film(place.rstrip("/"), store)
    listed = store.below(fixed) if "/" in place[len(fixed) + 1 :] else store.in_folder(fixed)
    if not listed:
        raise _nothing(place, fixed)
    from fsspec.utils import glob_translate

    matches = re.compile(glob_translate(place)).match
    present = {uri: stamp for uri, stamp in sorted(listed.items()) if "/." not in uri[len(fixed) :] and matches(uri)}
    kept = without_sidecars(present)
    return {uri: present[uri] for uri in kept}, len(present) - len(kept)


def _folder_or_film(place: str, store: FilmStore) -> tuple[dict[str, FileStat], int]:
    listed = store.in_folder(place)
    if not listed:
        alone = store.in_folder(folder_of(place)).get(place)
        if alone is None:
            raise _nothing(place, place)
        return {place: alone}, 0
    shown = {uri: stamp for uri, stamp in sorted(listed.items()) if not uri[len(place) + 1 :].startswith(".")}
    films = {uri: stamp for uri, stamp in shown.items() if suffix_of(uri) not in SIDECARS}
    return films, len(shown) - len(films)


def _nothing(place: str, folder: str) -> ManifestError:
    message = f"expected a folder, a film or a glob, received {place!r}: there is nothing at {folder}"
    return ManifestError([Problem(folder, 0, "catalogue.films", message)])
