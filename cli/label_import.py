"""`cinelake labels import`: labels read from files, checked, kept as a new version."""

from __future__ import annotations

import getpass
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from cinelake.errors import UnknownName, UsageError
from cinelake.labels.checks import known_columns
from cinelake.labels.film_names import FilmNames, with_movie_ids
from cinelake.labels.films import KnownFilms
from cinelake.labels.images import Scan, image_facts, image_rows, images_lock, keep_images, numbered, scan_images
from cinelake.labels.patches import PatchScan, holds_patches, keep_patches, patch_rows, scan_patches
from cinelake.labels.readers import ReadLabels, at_a_rate, in_class_folders, in_days, read_files
from cinelake.labels.store import FilmFacts, LabelVersion, import_labels
from cinelake.learning.images import patch_bytes
from cinelake.manifest.document import Manifest, ModelEntry, load_manifest
from cinelake.spec.labels import LabelContract
from cli.screen import err, out, plain, print_json, warn
from flows.events import labels_imported
from importers.eluv.work import TABLE, commit_films, is_eluv, notes, read_films

if TYPE_CHECKING:
    from collections.abc import Mapping

SHOWN_CLASSES = 40
SHOWN_NOTES = 20
TIMES_IN = ("seconds", "days")


@dataclass(frozen=True)
class ImportRequest:
    """The options of `cinelake labels import`; see their help."""

    files: tuple[Path, ...]
    model: str
    into: str = ""
    kind: str = ""
    annotator: str = ""
    clips: Path | None = None
    rate: float | None = None
    movie: str = ""
    classes: str = ""
    source_pattern: str = ""
    ignore_extra_columns: bool = False
    before_run: bool = False
    dry_run: bool = False
    table: str = ""
    times: str = "seconds"


@dataclass(frozen=True)
class Target:
    """The set that labels are imported into, and their contract."""

    root: Path
    name: str
    contract: LabelContract
    vocabularies: Mapping[str, Sequence[str]]
    model: str


def import_files(manifest: Path, request: ImportRequest, *, as_json: bool, quiet: bool = False) -> None:
    """Import labels and print the result. Raises `UsageError`, `UnknownName`, `BadLabels`."""
    _check(request)
    loaded = load_manifest(manifest)
    target = find_target(loaded, request)
    if is_eluv(request.files):
        reading, version = _import_eluv(loaded, target, request)
    elif any(path.is_dir() for path in request.files):
        reading, version = _import_images(target, request)
    elif any(holds_patches(path) for path in request.files):
        reading, version = _import_patches(target, request)
    else:
        films = KnownFilms(loaded, image_facts(target.root, target.name))
        reading = _with_films(_read(request, target.contract, films), request, target, films)
        version = _import(target, request, reading, films)
    if not quiet:
        _print(target, request, reading, version, as_json=as_json)
    if not (request.dry_run or request.kind or version.unchanged):
        labels_imported(loaded, target.name, version, warn)


def _import_eluv(manifest: Manifest, target: Target, request: ImportRequest) -> tuple[ReadLabels, LabelVersion]:
    """Films of the eluv.io challenge: their scenes as labels, their features into a table of the lake."""
    table = request.table or TABLE
    reading, films = read_films(request.files, target.contract, manifest, table)
    _import(target, request, reading, films, dry_run=True)
    if not request.dry_run:
        commit_films(request.files, manifest, table)
        reading.notes += notes(table, request.model)
    return reading, _import(target, request, reading, films)


def _check(request: ImportRequest) -> None:
    """Raise `UsageError` for options that need or exclude one another."""
    if not request.model:
        raise UsageError("which model are these labels for? Say `--model NAME`")
    if bool(request.files) == bool(request.clips):
        raise UsageError("expected files, a folder of images, or `--clips FOLDER`, and only one of these")
    if any(path.is_dir() for path in request.files) and len(request.files) > 1:
        raise UsageError("expected one folder of images and nothing beside it: import others by themselves")
    if request.rate is not None and (not request.movie or request.rate <= 0):
        raise UsageError(f"--rate takes pictures a second (more than 0) and --movie. Received: {request.rate:g}")
    if request.rate is None and request.classes:
        raise UsageError("--classes belongs to --rate")
    if request.times not in TIMES_IN:
        raise UnknownName("unit of times", request.times, TIMES_IN)


def find_target(manifest: Manifest, request: ImportRequest) -> Target:
    """The set of labels of a model, and its contract. Raises `UnknownName` for models and kinds."""
    if re.match(r"[a-z][a-z0-9+.-]*://", manifest.labels):
        raise UsageError(f"labels are kept in a local folder. Received: labels: {manifest.labels}")
    entry: ModelEntry = manifest.model(request.model)
    if request.kind and request.kind not in entry.spec.more_labels:
        raise UnknownName("kind of labels", request.kind, entry.spec.more_labels)
    contract = entry.spec.more_labels[request.kind] if request.kind else entry.spec.labels
    vocabularies = entry.spec.vocabularies(entry.config)
    return Target(Path(manifest.labels), request.into or entry.labels, contract, vocabularies, entry.spec.name)


def _read(request: ImportRequest, contract: LabelContract, films: KnownFilms) -> ReadLabels:
    if request.clips is not None:
        _needs_classes(contract, "--clips", ("spans", "films"))
        return in_class_folders(request.clips, films.catalogue, contract)
    if request.rate is None:
        return read_files(request.files, known_columns(contract) if request.ignore_extra_columns else None)
    _needs_classes(contract, "--rate", ("spans", "moments"))
    return at_a_rate(read_files(request.files), contract, request.movie, request.rate, _classes(request.classes))


def _with_films(reading: ReadLabels, request: ImportRequest, target: Target, films: KnownFilms) -> ReadLabels:
    """The rows with the ids of the films that they name, and what must be told of that."""
    names = FilmNames(films.catalogue, films)
    movie = ""
    if request.movie:
        candidates, _ = names.find(request.movie)
        if len(candidates) != 1:
            raise UsageError(f"--movie: {names.why_not(request.movie, candidates)}")
        movie = candidates[0]
    known = known_columns(target.contract)
    rows, problems, notes = with_movie_ids(reading.rows, names, movie, known)
    reading = replace(reading, rows=rows, problems=[*reading.problems, *problems], notes=[*reading.notes, *notes])
    return in_days(reading) if request.times == "days" else reading


def _needs_classes(contract: LabelContract, what: str, shapes: Sequence[str]) -> None:
    if contract.class_column is None or contract.shape not in shapes:
        has = f"by {contract.shape}" + ("" if contract.class_column else ", without a class")
        raise UsageError(f"{what} gives labels with a class by {' or '.join(shapes)}; this model's are {has}")


def _classes(text: str) -> dict[str, str]:
    """`0=nobody,1=jerry` as a mapping. Raises `UsageError`."""
    meanings: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        label, equals, meaning = (word.strip() for word in part.partition("="))
        if not (label and equals and meaning) or label in meanings:
            raise UsageError(f"--classes takes each class once, as in 0=nobody,1=jerry. Received: {part!r}")
        meanings[label] = meaning
    return meanings


def _import_images(target: Target, request: ImportRequest) -> tuple[ReadLabels, LabelVersion]:
    """Check and keep the labels of a folder of images, and the images that are new."""
    _needs_classes(target.contract, "a folder of images", ("spans", "moments"))
    pattern = _pattern(request.source_pattern)
    folder = request.files[0]
    scan = scan_images(folder, target.contract, pattern)
    reading, version = _import_numbered(target, request, folder, scan, dry_run=True)
    if not request.dry_run:
        with images_lock(target.root, target.name):
            keep_images(target.root, target.name, scan.pictures, numbered(target.root, target.name, scan.pictures))
            reading, version = _import_numbered(target, request, folder, scan)
    return reading, version


def _import_numbered(
    target: Target, request: ImportRequest, folder: Path, scan: Scan, *, dry_run: bool = False
) -> tuple[ReadLabels, LabelVersion]:
    numbers = numbered(target.root, target.name, scan.pictures)
    reading = image_rows(folder, scan, target.contract, numbers)
    films = image_facts(target.root, target.name, numbers)
    return reading, _import(target, request, reading, films, dry_run=dry_run)


def _import_patches(target: Target, request: ImportRequest) -> tuple[ReadLabels, LabelVersion]:
    """Check and keep the labels of a Parquet of patches, and the patches that are new."""
    if len(request.files) > 1:
        raise UsageError("expected one Parquet of patches and nothing beside it: import others by themselves")
    _needs_classes(target.contract, "a Parquet of patches", ("spans", "moments"))
    scan = scan_patches(request.files[0], target.contract, patch_bytes())
    reading, version = _import_numbered_patches(target, request, scan, dry_run=True)
    if not request.dry_run:
        with images_lock(target.root, target.name):
            keep_patches(target.root, target.name, scan, numbered(target.root, target.name, scan.patches))
            reading, version = _import_numbered_patches(target, request, scan)
    return reading, version


def _import_numbered_patches(
    target: Target, request: ImportRequest, scan: PatchScan, *, dry_run: bool = False
) -> tuple[ReadLabels, LabelVersion]:
    numbers = numbered(target.root, target.name, scan.patches)
    reading = patch_rows(scan, target.contract, numbers)
    films = image_facts(target.root, target.name, numbers)
    return reading, _import(target, request, reading, films, dry_run=dry_run)


def _pattern(text: str) -> str | None:
    try:
        return re.compile(text).pattern if text else None
    except re.error as error:
        raise UsageError(f"--source-pattern is no regular expression: {error}. Received: {text!r}") from error


def _import(
    target: Target,
    request: ImportRequest,
    reading: ReadLabels,
    films: Mapping[str, FilmFacts],
    *,
    dry_run: bool = False,
) -> LabelVersion:
    return import_labels(
        target.root,
        target.name,
        target.contract,
        reading.rows,
        films,
        annotator=request.annotator or _login_name(),
        source=reading.source,
        source_digest=reading.digest,
        vocabularies=target.vocabularies,
        dry_run=dry_run or request.dry_run,
        kind=request.kind,
        model=target.model,
        problems=reading.problems,
        ignore_extra_columns=request.ignore_extra_columns,
        before_run=request.before_run,
    )


def _login_name() -> str:
    """The login name; machines without a user have none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def _print(
    target: Target, request: ImportRequest, reading: ReadLabels, version: LabelVersion, *, as_json: bool
) -> None:
    if as_json:
        facts = {"set": target.name, "kind": request.kind, **version_data(version)}
        print_json({**facts, "dry_run": request.dry_run, "unchanged": version.unchanged, "notes": reading.notes})
        return
    for note in reading.notes[:SHOWN_NOTES]:
        err.print(plain(note))
    if len(reading.notes) > SHOWN_NOTES:
        err.print(f"… and {len(reading.notes) - SHOWN_NOTES} more")
    if classes := classes_in_words(target, reading.rows):
        err.print(plain(classes))
    films = f"{len(version.films)} film{'s' if len(version.films) != 1 else ''}"
    called = f"{target.name}/{request.kind}" if request.kind else target.name
    if version.unchanged:
        out.print(f"These labels count already (version {version.number} of {called}): nothing was written.")
    elif request.dry_run:
        out.print(
            f"No problem in {version.rows} labels of {films}; they would be version {version.number} of {called}."
        )
    else:
        out.print(f"Imported {version.rows} labels of {films} as version {version.number} of {called}.")


def classes_in_words(target: Target, rows: pa.Table) -> str:
    """The classes that labels name and how often, to see slips of the pen; empty where a list limits them."""
    column = target.contract.class_column
    if column is None or column in target.vocabularies or column not in rows.column_names:
        return ""
    counts = Counter(str(value) for value in rows[column].to_pylist() if value is not None)
    shown = ", ".join(f"{name} {count}" for name, count in sorted(counts.items())[:SHOWN_CLASSES])
    more = f" and {len(counts) - SHOWN_CLASSES} more" if len(counts) > SHOWN_CLASSES else ""
    return f"{column}: {shown}{more}"


def version_data(version: LabelVersion) -> dict[str, Any]:
    """A version of a set of labels as plain data."""
    about = {"version": version.number, "annotator": version.annotator, "source": version.source}
    about |= {"source_digest": version.source_digest, "at": version.at.isoformat(timespec="seconds")}
    return {**about, "rows": version.rows, "films": sorted(version.films), "model": version.model}
