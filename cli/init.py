"""`cinelake init`: a manifest for a folder of films, commented, that `cinelake plan` takes at once."""

from __future__ import annotations

import glob
import os
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from cinelake.catalogue.films import read_catalogue
from cinelake.catalogue.folder import BESIDE_FILM
from cinelake.errors import ManifestError, UsageError
from cinelake.manifest.document import CatalogueSettings, read_manifest
from cinelake.storage.files import write_whole
from cli.options import example
from cli.screen import out, warn

app = typer.Typer(add_completion=False)

FILM_SUFFIXES = frozenset(
    (
        *("3g2", "3gp", "asf", "avi", "divx", "dv", "f4v", "flv", "m2ts", "m2v", "m4v", "mkv", "mov", "mp4", "mpeg"),
        *("mpg", "mts", "mxf", "ogm", "ogv", "rm", "ts", "vob", "webm", "wmv", "y4m"),
    )
)
"""What is taken for a film by its name; the manifest may name others."""
OURS = frozenset(("lake", "labels", "site", "published", "mlruns"))
"""Folders that Cinelake itself makes beside a manifest."""
MANIFEST = """\
# Which tables are made of which films, and where. Cinelake's own `pipeline.yaml` explains every option.
#     cinelake plan                     what would run, and why; nothing runs
#     cinelake run                      makes what is stale; the same command resumes

lake: lake                              # the tables: lake/TABLE/FILM.parquet
catalogue:
  films: {films}  # {found}

engine:
  kind: local                           # or dask, ray
  #workers: 2                           # films at the same time; left out: what the processors carry

tasks:
  films: {{}}                             # what each file is
  shots: {{rules: 2}}                     # where shots begin and end, and how (rules 1: as older projects know it)
  frames: {{fps: 1}}                      # a picture a second, and the middle of every shot
  sound: {{}}                             # loudness, silence, log-mel
  speech: {{}}                            # where people speak and music plays
  subtitles: {{}}                         # text streams, and .srt, .vtt, .ass beside the films
  writing: {{}}                           # what is written in the pictures: as dear as all above where much is
  credits: {{}}                           # roles and names, out of what is written
  faces: {{}}                             # where faces are, and vectors of who it is (`identify: false`: none)
  embeddings: {{}}                        # what pictures look like, by a network (`backbone: descriptor`: without)

  # Who is to be seen, and how long. These wait for `cinelake train identities`, which groups the faces of all films and
  # needs no label: person_1, person_2 … Names come from the report's page of people, or from photos of a cast
  # (`cinelake labels import gallery --model identities`, with gallery/NAME/*.jpg).
  persons: {{}}
  actor_appearances: {{}}
  screen_time_of_actors: {{task: screen_time, source: actor_appearances}}

  # What models learn from labels: `cinelake labels template scenes`, `labels import`, `train scenes`, `run`.
  #shot_features: {{}}
  #scenes: {{}}
  #tag_shots: {{}}
  #tags: {{}}
"""


@app.command(epilog=example("cinelake init", "cinelake init ~/films --dry-run", "cinelake init ~/films --force"))
def init(
    folder: Annotated[Path, typer.Argument(help="A folder with films in it, or in folders below.")] = Path(),
    force: Annotated[bool, typer.Option("--force", help="Write over a manifest that is there.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the manifest and write nothing.")] = False,
) -> None:
    """Write a commented manifest for a folder of films, which `cinelake plan` takes at once."""
    films = find_films(folder)
    text = manifest_text(folder, films)
    file = folder / "pipeline.yaml"
    read_manifest(file, text)
    if dry_run:
        out.print(text, markup=False, soft_wrap=True, end="")
        return
    if file.exists() and not force:
        raise UsageError(f"{file} is there already: --force writes over it, --dry-run prints what would be written")
    try:
        write_whole(file, text.encode())
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror or error}") from error
    named = "" if folder == Path() else f" -m {shlex.quote(str(file))}"
    out.print(f"wrote {file}, {_count(films)}; next: cinelake plan{named}", markup=False, soft_wrap=True)


def find_films(folder: Path) -> list[str]:
    """The films in a folder and below it, by their names, relative to it. Raises `UsageError` where there are none."""
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}")
    films = sorted(_films_below(folder))
    if not films:
        suffixes = ", ".join(f".{suffix}" for suffix in sorted(FILM_SUFFIXES))
        raise UsageError(f"there is no film in {folder} or below it, of the suffixes {suffixes}")
    return films


def _films_below(folder: Path) -> Iterator[str]:
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not (name.startswith(".") or name.endswith(BESIDE_FILM))]
        if Path(place) == folder:
            folders[:] = [name for name in folders if name not in OURS]
        for name in names:
            if _suffix(name) in FILM_SUFFIXES and not name.startswith("."):
                yield os.path.relpath(os.path.join(place, name), folder)  # noqa: PTH118


def manifest_text(folder: Path, films: Sequence[str]) -> str:
    """The manifest of these films of a folder."""
    places = choose_places(folder, films)
    quoted = [place.replace("\\", "\\\\").replace('"', '\\"').replace("${", "$${") for place in places]
    words = ", ".join(f'"{place}"' for place in quoted)
    return MANIFEST.format(films=(words if len(quoted) == 1 else f"[{words}]").ljust(29), found=_count(films))


def choose_places(folder: Path, films: Sequence[str]) -> tuple[str, ...]:
    """The fewest places that give these films and nothing else; else the closest."""
    known = list(places_of(films))
    wanted = {str((folder / film).absolute()) for film in films}
    for places in known:
        if _matched(folder, places) == wanted:
            return places
    warn(f"no pattern gives these films alone: look at what {', '.join(map(repr, known[-1]))} gives")
    return known[-1]


def places_of(films: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Places that give these films, from the most general on: `films/*`, `films/*.mp4`, `**/*.mkv` and `**/*.mp4`."""
    above = os.path.commonpath([os.path.dirname(film) for film in films])  # noqa: PTH120
    place = f"{glob.escape(above)}/" if above else ""
    deep = "" if all(os.path.dirname(film) == above for film in films) else "**/"  # noqa: PTH120
    if place:
        yield (f"{place}{deep}*",)
    yield tuple(f"{place}{deep}*.{suffix}" for suffix in sorted({film.rpartition(".")[2] for film in films}))


def _matched(folder: Path, places: tuple[str, ...]) -> set[str]:
    """The paths of the films that a manifest with these places would have."""
    try:
        catalogue = read_catalogue(CatalogueSettings(films=places), folder)
    except ManifestError:
        return set()
    clashing = [str((folder / uri).absolute()) for problem in catalogue.problems for uri in problem.uris]
    return {film.path for film in catalogue.films} | set(clashing)


def _count(films: Sequence[str]) -> str:
    return f"{len(films)} film{'s' if len(films) != 1 else ''}"


def _suffix(name: str) -> str:
    return name.rpartition(".")[2].lower() if "." in name else ""
