"""Which models the lake's tables are made with: `lake/_models/NAME.json`, and the models' files beside it.

    _models/scenes.json              the champion's number, and every version that was ever recorded
    _models/scenes/3/model.json …    version 3's files, as workers load them

MLflow's registry is where versions are kept; this record is all that a plan and a worker read. It is written when
the champion changes, files first, so that every version it names is complete.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from pyarrow import fs

from cinelake.errors import ModelUnusable, StorageError, UnknownName, UsageError
from cinelake.lake.artefact import ABOUT, FILES, artefact_digest, read_artefact
from cinelake.lake.cells import Lake
from cinelake.spec.artefact import Artefact
from cinelake.storage.content import parsed_json
from cinelake.storage.files import write_whole
from cinelake.storage.processes import cache_folder
from cinelake.storage.store import Storage, storage_errors

FOLDER = "_models"


@dataclass(frozen=True)
class AppliedModel:
    """One version of a model as a plan sees it, and as a step receives it.

    digest: of its files. kind, code: which model's code applies it, and that code's version when it was trained.
    inputs: table → identity of what made it for the training. origin: of its training: run_id in MLflow, labels (set,
    key, imports), seed, created; empty for versions recorded before this was kept.
    """

    name: str
    version: int
    digest: str
    kind: str
    code: int
    inputs: dict[str, str] = field(default_factory=dict)
    origin: dict[str, Any] = field(default_factory=dict)

    def ingredient(self) -> dict[str, Any]:
        """What enters the keys of the cells it makes."""
        return {"name": self.name, "version": self.version, "digest": self.digest}


@dataclass(frozen=True)
class ChampionRecord:
    """What the lake knows of one model: the number of its champion, and the versions with their files in the lake."""

    name: str
    champion: int | None = None
    versions: dict[int, AppliedModel] = field(default_factory=dict)

    def find(self, alias: str) -> AppliedModel | None:
        """`champion`, or a version by its number."""
        number = self.champion if alias == "champion" else int(alias) if alias.isdigit() else None
        return self.versions.get(number) if number is not None else None


def read_champion_record(lake: Lake, name: str) -> ChampionRecord:
    """The record of a model; empty without one. Raises `StorageError` when the file cannot be understood."""
    storage = lake.storage
    with storage_errors(f"reading {FOLDER}/{name}.json in {storage.uri}"):
        try:
            with storage.open_input_file(storage.path(FOLDER, f"{name}.json")) as source:
                text = source.read()
        except FileNotFoundError:
            return ChampionRecord(name)
    try:
        about = parsed_json(text)
        versions = {int(number): AppliedModel(**known) for number, known in about["versions"].items()}
        return ChampionRecord(name, about["champion"], versions)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StorageError(
            f"{storage.path(FOLDER, name)}.json is damaged ({error}): `cinelake models restore {name}` writes it anew"
        ) from error


def record_version(
    lake: Lake, name: str, number: int, artefact: Artefact, *, champion: bool, origin: dict[str, Any] | None = None
) -> AppliedModel:
    """Copy a version's files into the lake and name it there; `champion`: the tables are made with it from now on.

    origin: see `AppliedModel`; None keeps what is recorded.
    """
    reported = _origin(lake, name, number) if origin is None else origin
    applied = AppliedModel(name, number, artefact.digest, artefact.kind, artefact.code, artefact.inputs, reported)
    with lake.scratch() as scratch:
        for file in FILES:
            if (artefact.folder / file).is_file():
                (scratch / file).write_bytes((artefact.folder / file).read_bytes())
                lake.storage.publish(scratch / file, FOLDER, name, str(number), file)
    _write(lake, name, applied, champion=champion)
    return applied


def _origin(lake: Lake, name: str, number: int) -> dict[str, Any]:
    """What is recorded of a version's training; empty where the record is damaged."""
    try:
        known = read_champion_record(lake, name).versions.get(number)
    except StorageError:
        return {}
    return known.origin if known else {}


def _write(lake: Lake, name: str, applied: AppliedModel, *, champion: bool) -> None:
    try:
        known = read_champion_record(lake, name)
    except StorageError:
        known = ChampionRecord(name)
    versions = {**known.versions, applied.version: applied}
    _replace(lake, ChampionRecord(name, applied.version if champion else known.champion, versions))


def _replace(lake: Lake, record: ChampionRecord) -> None:
    about = {
        "name": record.name,
        "champion": record.champion,
        "versions": {str(number): asdict(version) for number, version in sorted(record.versions.items())},
    }
    with lake.scratch() as scratch:
        (scratch / "mirror.json").write_text(json.dumps(about, indent=1, sort_keys=True))
        lake.storage.publish(scratch / "mirror.json", FOLDER, f"{record.name}.json")


def recorded_models(lake: Lake) -> list[str]:
    """Names of the models of which the lake has a record."""
    storage = lake.storage
    with storage_errors(f"listing {FOLDER} in {storage.uri}"):
        infos = storage.filesystem.get_file_info(fs.FileSelector(storage.path(FOLDER), allow_not_found=True))
    return sorted(info.base_name.removesuffix(".json") for info in infos if info.base_name.endswith(".json"))


def forget_recorded(lake: Lake, name: str, number: int) -> None:
    """Delete a version's files from the lake, and from this machine's cache; the record no longer names it.

    Its facts go last: what was killed is found again by them. Raises `UsageError` for the champion.
    """
    record = read_champion_record(lake, name)
    applied = record.versions.get(number)
    if applied is None:
        return
    if record.champion == number:
        raise UsageError(f"{name} {number} is champion: another one has to be before it can be deleted")
    if applied := record.versions.get(number):
        shutil.rmtree(cache_folder() / "models" / applied.digest, ignore_errors=True)
    for file in sorted(FILES, key=lambda each: each == ABOUT):
        lake.storage.delete(FOLDER, name, str(number), file)
    if applied:
        _replace(lake, replace(record, versions={n: v for n, v in record.versions.items() if n != number}))


def find_applied(lake: Lake, reference: str) -> AppliedModel | None:
    """The version that `NAME@champion` or `NAME@3` names; None when the lake has none."""
    name, _, alias = reference.partition("@")
    record = read_champion_record(lake, name)
    if alias != "champion" and not alias.isdigit():
        raise UnknownName("alias", alias, ["champion", *map(str, record.versions)])
    return record.find(alias)


def open_applied(lake: Lake, applied: AppliedModel) -> Artefact:
    """A version's artefact, its files' digest checked; from an object store they are copied to the cache folder first.

    Raises `ModelUnusable` when files are missing, damaged or from elsewhere.
    """
    local = lake.storage.local
    if local is not None:
        return read_artefact(local / FOLDER / applied.name / str(applied.version), applied.digest)
    target = cache_folder() / "models" / applied.digest
    if not (target / ABOUT).is_file() or artefact_digest(target) != applied.digest:
        target.mkdir(parents=True, exist_ok=True)
        _download(lake.storage, (FOLDER, applied.name, str(applied.version)), target)
    return read_artefact(target, applied.digest)


def recorded_facts(lake: Lake, applied: AppliedModel) -> dict[str, Any]:
    """What a version says of itself, its other files unread: they may be damaged, or gone in part.

    Raises `StorageError` where the lake cannot be read, `ModelUnusable` where the facts are damaged or gone.
    """
    facts: dict[str, Any] = _recorded(lake, applied, "facts", dict)
    return facts


def learned_films(lake: Lake, applied: AppliedModel) -> tuple[str, ...]:
    """The films that a version has learned from, its other files unread. Raises as `recorded_facts` does."""
    return tuple(_recorded(lake, applied, "trained_on", list))


def _recorded(lake: Lake, applied: AppliedModel, name: str, kind: type) -> Any:
    path = lake.storage.path(FOLDER, applied.name, str(applied.version), ABOUT)
    with storage_errors(f"reading {path}"):
        try:
            with lake.storage.open_input_file(path) as source:
                return kind(parsed_json(source.read())[name])
        except (FileNotFoundError, ValueError, KeyError, TypeError) as error:
            raise ModelUnusable(f"{path} is gone or damaged ({error})") from error


def _download(storage: Storage, parts: tuple[str, ...], target: Path) -> None:
    with storage_errors(f"reading {'/'.join(parts)} in {storage.uri}"):
        for file in FILES:
            source = storage.path(*parts, file)
            if storage.filesystem.get_file_info(source).type == fs.FileType.File:
                with storage.open_input_file(source) as stream:
                    write_whole(target / file, stream.read())
    if not (target / ABOUT).is_file():
        raise ModelUnusable(f"{'/'.join(parts)} in {storage.uri} holds no model")
