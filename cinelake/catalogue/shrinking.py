"""Whether a catalogue has the films that it ought to have: a share that is not mounted looks like an empty folder."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from cinelake.errors import CatalogueShrunk

if TYPE_CHECKING:
    from cinelake.manifest.places import CatalogueSettings

TOLD_LOSS = 0.2
"""A loss of more than this share of the lake's films is told, whatever the manifest says."""
SHOWN = 5


def check_enough(settings: CatalogueSettings, films: int) -> None:
    """Raises `CatalogueShrunk` where fewer films are listed than the manifest expects."""
    if films < settings.fewest_films:
        raise CatalogueShrunk(
            f"the catalogue has {films} films, and catalogue.fewest_films is {settings.fewest_films}: is "
            f"{settings.films or settings.list!r} mounted and whole? Nothing was done"
        )


def loss_of(settings: CatalogueSettings, in_lake: Collection[str], lost: Collection[str]) -> str:
    """What to warn of where many films of the lake can no longer be read; empty where few are.

    in_lake: films with tables. lost: those of them that the catalogue does not list, or whose file is not there.
    Raises `CatalogueShrunk` where they are more than the share that the manifest allows.
    """
    share = len(lost) / len(in_lake) if in_lake else 0.0
    named = ", ".join(sorted(lost)[:SHOWN]) + (" …" if len(lost) > SHOWN else "")
    words = f"{len(lost)} of the {len(in_lake)} films that the lake has tables of are not in the catalogue ({named})"
    place = settings.films or settings.list
    if settings.most_lost is not None and share > settings.most_lost:
        raise CatalogueShrunk(
            f"{words}, and catalogue.most_lost is {settings.most_lost:g}: is {place!r} mounted and whole? Nothing was "
            "done. If they were taken out on purpose, raise it for `cinelake gc`"
        )
    return f"{words}: is {place!r} mounted and whole?" if share > TOLD_LOSS else ""
