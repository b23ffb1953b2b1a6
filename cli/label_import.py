"""`cinelake labels import`: labels read from files, checked, kept as a new version."""

from __future__ import annotations

import errno
import getpass
import os
import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from cinelake.errors import BadLabels, Problem, UnknownName, UsageError
from cinelake.labels.doubts import Doubt, find_doubts
from cinelake.labels.film_facts import FilmFacts
from cinelake.labels.films import KnownFilms
from cinelake.labels.images import (
    ImageScan,
    image_facts,
    image_rows,
    images_lock,
    keep_images,
    kept_names,
    numbered,
    scan_images,
)
from cinelake.labels.patches import PatchScan, holds_patches, keep_patches, patch_rows, scan_patches
from cinelake.labels.readers import ReadLabels
from cinelake.labels.store import LabelVersion, import_labels
from cinelake.labels.superseded import Superseded, superseded
from cinelake.learning.images import patch_bytes
from cinelake.manifest.document import Manifest, ModelEntry, load_manifest
from cli.label_files import TIMES_IN, needs_classes, read_labels_of, refuse_options
from cli.label_request import ImportRequest, Target
from cli.notes import together
from cli.screen import err, out, plain, print_json, warn
from flows.events import labels_imported
from importers.eluv.work import TABLE, commit_films, is_eluv, notes, read_films

if TYPE_CHECKING:
    from collections.abc import Mapping

SHOWN_CLASSES = 40
SHOWN_NOTES = 20
SHOWN_DOUBTS = 10
LARGEST = 1e6
STRICTER = " (--strict refuses them)"


@dataclass(frozen=True)
class Imported:
    """What was read of one annotator's labels, the version that holds them, and what is doubtful in them."""

    reading: ReadLabels
    version: LabelVersion
    doubts: Sequence[Doubt] = ()
    superseded: Sequence[Superseded] = ()


def import_files(manifest: Path, request: ImportRequest, *, as_json: bool, quiet: bool = False) -> list[Imported]:
    """Import labels and print the result, unless quiet; returns it, one for each annotator.

    Raises `UsageError`, `UnknownName`, `BadLabels`.
    """
    _check(request)
    loaded = load_manifest(manifest)
    target = find_target(loaded, request)
    if is_eluv(request.files):
        refuse_options(request, "for films of eluv.io", times=True)
        made = [_import_eluv(loaded, target, request)]
    elif any(path.is_dir() for path in request.files):
        refuse_options(request, "for a folder of images", times=True)
        made = [_import_images(target, request)]
    elif any(holds_patches(path) for path in request.files):
        refuse_options(request, "for a Parquet of patches", times=True)
        made = [_import_patches(target, request)]
    else:
        made = _import_films(loaded, target, request)
    if not quiet:
        _print(target, request, made, as_json=as_json)
    for imported in made:
        if not (request.dry_run or request.kind or imported.version.unchanged):
            labels_imported(loaded, target.name, imported.version, warn)
    return made


def _import_films(manifest: Manifest, target: Target, request: ImportRequest) -> list[Imported]:
    """Labels of films: a version for each annotator, once all of them are without a problem."""
    films = KnownFilms(manifest, image_facts(target.root, target.name))
    of_each = read_labels_of(request, target, films)
    for one in of_each if len(of_each) > 1 else ():
        _import(target, replace(request, annotator=one.name), one.reading, films, dry_run=True)
    names = [one.name or _login_name() for one in of_each]
    return [
        _import(
            target,
            replace(request, annotator=one.name),
            one.reading,
            films,
            later=names[number:],
            beside={*names} - {names[number - 1]},
        )
        for number, one in enumerate(of_each, 1)
    ]


def _import_eluv(manifest: Manifest, target: Target, request: ImportRequest) -> Imported:
    """Films of the eluv.io challenge: their scenes as labels, their features into a table of the lake."""
    table = request.table or TABLE
    reading, films = read_films(request.files, target.contract, manifest, table)
    _import(target, request, reading, films, dry_run=True)
    if not request.dry_run:
        commit_films(request.files, manifest, table)
        reading.notes += notes(table, request.model)
    return _import(target, request, reading, films)


def _check(request: ImportRequest) -> None:
    """Raise `UsageError` for options that need or exclude one another, `BadLabels` for files that are not there."""
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
    for option, number in (("--fps", request.fps), ("--every", request.every)):
        if number is not None and not 0 < number < LARGEST:
            raise UsageError(f"{option} takes a number above 0. Received: {number:g}")
    absent = f"the file cannot be read: {os.strerror(errno.ENOENT)}"  # else options would be refused by its kind
    if missing := [Problem(str(path), 0, "", absent) for path in request.files if not path.exists()]:
        raise BadLabels(missing)


def find_target(manifest: Manifest, request: ImportRequest) -> Target:
    """The set of labels of a model, and its contract. Raises `UnknownName` for models and kinds."""
    if re.match(r"[a-z][a-z0-9+.-]*://", manifest.labels):
        raise UsageError(f"labels are kept in a local folder. Received: labels: {manifest.labels}")
    entry: ModelEntry = manifest.model(request.model)
    if request.kind and request.kind not in entry.spec.more_labels:
        raise UnknownName("kind of labels", request.kind, entry.spec.more_labels)
    contract = entry.spec.more_labels[request.kind] if request.kind else entry.spec.labels
    vocabularies = entry.spec.vocabularies(entry.config)
    alone = () if request.kind else entry.spec.alone(entry.config)
    return Target(Path(manifest.labels), request.into or entry.labels, contract, vocabularies, entry.spec.name, alone)


def _import_images(target: Target, request: ImportRequest) -> Imported:
    """Check and keep the labels of a folder of images, and the images that are new."""
    needs_classes(target.contract, "a folder of images", ("spans", "moments"))
    pattern = _pattern(request.source_pattern)
    folder = request.files[0]
    scan = scan_images(folder, target.contract, pattern, kept_names(target.root, target.name))
    made = _import_numbered(target, request, folder, scan, dry_run=True)
    if not request.dry_run:
        with images_lock(target.root, target.name):
            keep_images(target.root, target.name, scan.pictures, numbered(target.root, target.name, scan.pictures))
            made = _import_numbered(target, request, folder, scan)
    return made


def _import_numbered(
    target: Target, request: ImportRequest, folder: Path, scan: ImageScan, *, dry_run: bool = False
) -> Imported:
    numbers = numbered(target.root, target.name, scan.pictures)
    reading = image_rows(folder, scan, target.contract, numbers)
    films = image_facts(target.root, target.name, numbers)
    return _import(target, request, reading, films, dry_run=dry_run)


def _import_patches(target: Target, request: ImportRequest) -> Imported:
    """Check and keep the labels of a Parquet of patches, and the patches that are new."""
    if len(request.files) > 1:
        raise UsageError("expected one Parquet of patches and nothing beside it: import others by themselves")
    needs_classes(target.contract, "a Parquet of patches", ("spans", "moments"))
    scan = scan_patches(request.files[0], target.contract, patch_bytes())
    made = _import_numbered_patches(target, request, scan, dry_run=True)
    if not request.dry_run:
        with images_lock(target.root, target.name):
            keep_patches(target.root, target.name, scan, numbered(target.root, target.name, scan.patches))
            made = _import_numbered_patches(target, request, scan)
    return made


def _import_numbered_patches(
    target: Target, request: ImportRequest, scan: PatchScan, *, dry_run: bool = False
) -> Imported:
    numbers = numbered(target.root, target.name, scan.patches)
    reading = patch_rows(scan, target.contract, numbers)
    films = image_facts(target.root, target.name, numbers)
    return _import(target, request, reading, films, dry_run=dry_run)


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
    later: Collection[str] = (),
    beside: Collection[str] = (),
) -> Imported:
    """Check and keep labels, and look for doubts and for labels that count no longer.

    later: see `keep_version`. beside: other annotators whose labels come with these.
    Raises `BadLabels`, also for doubts where the options are strict.
    """
    doubts: list[Doubt] = []
    lacking: list[Superseded] = []

    def examine(table: pa.Table) -> None:
        lacking.extend(superseded(target.root, target.name, request.kind, table, beside=beside))
        doubts.extend(find_doubts(target.contract, table, films, target.alone))
        wrong = [doubt for doubt in doubts if doubt.kind != "hole"]
        if request.strict and wrong:
            raise BadLabels(Problem(reading.source, 0, doubt.kind, str(doubt)) for doubt in wrong)

    version = import_labels(
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
        examine=examine,
        later=later,
    )
    return Imported(reading, version, doubts, lacking)


def _login_name() -> str:
    """The login name; machines without a user have none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def _print(target: Target, request: ImportRequest, made: Sequence[Imported], *, as_json: bool) -> None:
    if as_json:
        told = [_data(target, request, imported) for imported in made]
        print_json(told[0] if len(told) == 1 else {**told[-1], "versions": told})
        return
    for imported in made:
        _print_one(target, request, imported)


def _data(target: Target, request: ImportRequest, made: Imported) -> dict[str, Any]:
    facts = {"set": target.name, "kind": request.kind, **version_data(made.version)}
    facts |= {"dry_run": request.dry_run, "unchanged": made.version.unchanged, "notes": made.reading.notes}
    facts["superseded"] = [superseded.data() for superseded in made.superseded]
    return {**facts, "doubts": [doubt.data() for doubt in made.doubts]}


def _print_one(target: Target, request: ImportRequest, made: Imported) -> None:
    reading, version = made.reading, made.version
    notes = together(reading.notes)
    for note in notes[:SHOWN_NOTES]:
        err.print(plain(note))
    if len(notes) > SHOWN_NOTES:
        err.print(f"… and {len(notes) - SHOWN_NOTES} more (`--json` lists all)")
    if classes := classes_in_words(target, reading.rows):
        err.print(plain(classes))
    _print_doubts(made.doubts)
    words = "would count" if request.dry_run else "counting"
    _print_found(f"not among these labels, and {words} no longer:", made.superseded)
    films = f"{len(version.films)} film{'s' if len(version.films) != 1 else ''}"
    labels = f"{version.rows} label{'s' if version.rows != 1 else ''}"
    called = f"{target.name}/{request.kind}" if request.kind else target.name
    if version.unchanged:
        out.print(f"These labels count already (version {version.number} of {called}): nothing was written.")
    elif request.dry_run:
        out.print(f"No problem in {labels} of {films}; they would be version {version.number} of {called}.")
    else:
        out.print(f"Imported {labels} of {films} as version {version.number} of {called}.")


def _print_doubts(doubts: Sequence[Doubt]) -> None:
    """Contradictions and repetitions as warnings, then holes; the first of each."""
    for kind, ending in (("contradiction", STRICTER), ("repetition", STRICTER), ("hole", "")):
        found = [doubt for doubt in doubts if doubt.kind == kind]
        _print_found(f"{len(found)} {kind}{'s' if len(found) != 1 else ''}{ending}:", found)


def _print_found(head: str, found: Sequence[Doubt | Superseded]) -> None:
    """The first of what was found below its head; nothing where nothing was."""
    if found:
        warn(head)
    for each in found[:SHOWN_DOUBTS]:
        err.print(plain(f"  {each}"))
    if len(found) > SHOWN_DOUBTS:
        err.print(f"  … and {len(found) - SHOWN_DOUBTS} more (`--json` lists all)")


def classes_in_words(target: Target, rows: pa.Table) -> str:
    """The classes that labels name and how often, to see slips of the pen; empty where a list limits them."""
    column = target.contract.class_column
    if column is None or column in target.vocabularies or column not in rows.column_names:
        return ""
    counts = Counter(str(value).strip() for value in rows[column].to_pylist() if value is not None)
    shown = ", ".join(f"{name} {count}" for name, count in sorted(counts.items())[:SHOWN_CLASSES])
    more = f" and {len(counts) - SHOWN_CLASSES} more" if len(counts) > SHOWN_CLASSES else ""
    spellings: dict[str, list[str]] = {}
    for name in sorted(counts):
        spellings.setdefault(name.casefold(), []).append(name)
    slips = [" and ".join(names) for names in spellings.values() if len(names) > 1]
    told = f"\nthese differ in capitals alone and are classes of their own: {', '.join(slips)}" if slips else ""
    return f"{column}: {shown}{more}{told}"


def version_data(version: LabelVersion) -> dict[str, Any]:
    """A version of a set of labels as plain data."""
    about = {"version": version.number, "annotator": version.annotator, "source": version.source}
    about |= {"source_digest": version.source_digest, "at": version.at.isoformat(timespec="seconds")}
    return {**about, "rows": version.rows, "films": sorted(version.films), "model": version.model}
