"""The manifest: `pipeline.yaml`, validated whole.

`load_manifest` returns a `Manifest` or raises `ManifestError` with every problem, each with its line, the
setting, what was expected and what was received. Nothing is touched beyond the file: no film, no lake, no
model file. `python -m cinelake.manifest --schema` prints the JSON Schema that editors complete from.

What sections say of one another is checked on the file's own data, so that these problems are reported together with
those of the settings' types. One function a rule.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cinelake.errors import ManifestError, Problem, UnknownName, did_you_mean
from cinelake.manifest.deployments import (
    DeploySettings,
    LimitSettings,
    NotificationSettings,
    ScheduleSettings,
    ServerSettings,
    TriggerSettings,
)
from cinelake.manifest.entries import ModelEntry, TaskEntry, default_entry, enabled_tables, read_entries, read_models
from cinelake.manifest.films import (
    CatalogueSettings,
    LakeSettings,
    StagingSettings,
    StreamSettings,
    absolute,
    labels_fault,
    lake_fault,
)
from cinelake.manifest.problems import check
from cinelake.manifest.schema import manifest_schema
from cinelake.manifest.sections import (
    DecodeSettings,
    DefaultSettings,
    EngineSettings,
    ModelSettings,
    MonitoringSettings,
    PublishSettings,
    QualitySettings,
    Sections,
    TrackingSettings,
)
from cinelake.manifest.yaml import MAX_BYTES, Document, Where, read_yaml
from cinelake.spec.model import known_models


@dataclass(frozen=True)
class Manifest:
    """A valid manifest. Its folder is what relative paths are relative to.

    text: the file as written, with `${NAME}` unreplaced: it may be logged. digest: of that text.
    lake: `lake.uri` is an absolute path, or `s3://…`. labels: the folder of labels, absolute.
    tasks: the entries by name, each after those it reads; disabled ones too, with `enabled` false.
    """

    path: Path
    text: str
    digest: str
    lake: LakeSettings
    catalogue: CatalogueSettings
    streams: StreamSettings
    decode: DecodeSettings
    staging: StagingSettings
    labels: str
    engine: EngineSettings
    defaults: DefaultSettings
    tracking: TrackingSettings
    tasks: dict[str, TaskEntry]
    models: dict[str, ModelEntry]
    quality: QualitySettings
    publish: PublishSettings
    schedules: dict[str, ScheduleSettings]
    triggers: dict[str, TriggerSettings]
    deploy: DeploySettings
    limits: dict[str, LimitSettings]
    notifications: NotificationSettings
    monitoring: MonitoringSettings
    server: ServerSettings

    def __reduce__(self) -> tuple[Any, ...]:
        """Travels as its text: a worker reads it with its own code and its own environment's variables."""
        return read_manifest, (self.path, self.text)

    @property
    def folder(self) -> Path:
        """The manifest's folder."""
        return self.path.parent

    @property
    def project(self) -> str:
        """The project that owns deployments and events: its name in the manifest, or its folder's and a digest."""
        folder = "".join(c if c.isascii() and c.isalnum() else "-" for c in self.folder.name.lower()).strip("-")
        path = hashlib.blake2b(str(self.path).encode(), digest_size=3).hexdigest()
        return self.deploy.project or f"{folder or 'films'}-{path}"

    @property
    def enabled(self) -> dict[str, TaskEntry]:
        """The entries that run, in dependency order."""
        return {name: entry for name, entry in self.tasks.items() if entry.enabled}

    def model(self, name: str) -> ModelEntry:
        """The model called `name`: one of section `models`, or a kind with its defaults. Raises `UnknownName`."""
        if name in self.models:
            return self.models[name]
        if name not in known_models():
            raise UnknownName("model", name, {*self.models, *known_models()})
        return default_entry(name, self.enabled)


def load_manifest(path: str | Path, *, check_only: bool = False) -> Manifest:
    """The manifest at `path`; raises `ManifestError` with all its problems.

    check_only: for checking a manifest where its secrets are not: variables are not looked up, so values
    keep `${NAME}`. Do not run such a manifest.
    """
    return read_manifest(Path(path), _read(Path(path)), check_only=check_only)


def read_manifest(file: Path, text: str, *, check_only: bool = False) -> Manifest:
    """The manifest of this text, as if it lay at `file`; raises `ManifestError` with all its problems."""
    document = read_yaml(text, str(file), None if check_only else os.environ)
    sections = _check_sections(document)
    base = file.absolute().parent
    tasks = document.section("tasks")
    models = read_models(document, sections.models if sections else {}, base, enabled_tables(tasks))
    entries = read_entries(document, tasks, models, base)
    _check_deployments(document)
    if sections is not None:
        _check_watched(document, sections, entries)
        lake = sections.lake if isinstance(sections.lake, str) else sections.lake.uri
        if fault := lake_fault(lake, sections.catalogue.films, base):
            document.problem(("lake",), fault)
        elif fault := labels_fault(sections.labels, lake, base):
            document.problem(("labels",), fault)
    if document.problems or sections is None:
        raise ManifestError(dict.fromkeys(document.problems))
    return _manifest(file.absolute(), text, sections, models, entries)


def _read(file: Path) -> str:
    try:
        data = file.read_bytes() if file.stat().st_size <= MAX_BYTES else b"#" * (MAX_BYTES + 1)
        return data.decode("utf-8-sig")
    except FileNotFoundError as error:
        message = (
            "there is no such file: name the manifest with `-m FILE`; `cinelake init` writes one for your films, "
            "`cinelake demo` one for drawn films"
        )
        raise ManifestError([Problem(str(file), 0, "", message)]) from error
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ManifestError([Problem(str(file), line, "", "expected text in UTF-8")]) from error
    except OSError as error:
        message = f"the file cannot be read: {error.strerror or error}"
        raise ManifestError([Problem(str(file), 0, "", message)]) from error


def _check_sections(document: Document) -> Sections | None:
    """All sections but the entries of `tasks`, which their tasks' own parameters check."""
    if not isinstance(document.data, dict):
        document.problem((), "expected a mapping with lake, catalogue and tasks")
        return None
    data = {name: value for name, value in document.data.items() if value is not None}
    for name in ("models", "schedules", "triggers", "limits"):
        if isinstance(data.get(name), dict):
            data[name] = {key: {} if value is None else value for key, value in data[name].items()}
    return check(Sections, data, document, ())


def _manifest(
    path: Path, text: str, sections: Sections, models: dict[str, ModelEntry], entries: dict[str, TaskEntry]
) -> Manifest:
    lake = sections.lake if isinstance(sections.lake, LakeSettings) else LakeSettings(uri=sections.lake)
    return Manifest(
        path=path,
        text=text,
        digest=hashlib.blake2b(text.encode(), digest_size=16).hexdigest(),
        lake=lake.in_folder(path.parent),
        catalogue=sections.catalogue,
        streams=sections.streams,
        decode=sections.decode,
        staging=sections.staging.in_folder(path.parent),
        labels=absolute(sections.labels, path.parent),
        engine=sections.engine,
        defaults=sections.defaults,
        tracking=sections.tracking.in_folder(path.parent),
        tasks=entries,
        models=models,
        quality=sections.quality,
        publish=sections.publish,
        schedules=sections.schedules,
        triggers=sections.triggers,
        deploy=sections.deploy,
        limits=sections.limits,
        notifications=sections.notifications,
        monitoring=sections.monitoring.in_folder(path.parent),
        server=sections.server,
    )


def _check_watched(document: Document, sections: Sections, entries: Mapping[str, TaskEntry]) -> None:
    """Add a problem for each name that no enabled entry has."""
    enabled = {name: entry for name, entry in entries.items() if entry.enabled}
    for place, table in enumerate(sections.publish.tables):
        if table not in enabled:
            message = f"no entry of `tasks` makes a table {table!r}{did_you_mean(table, list(enabled))}"
            document.problem(("publish", "tables", place), message)
    known = _measures_of(enabled) if sections.quality.bounds else []
    for name in sections.quality.bounds:
        if name not in known:
            document.problem(("quality", "bounds", name), f"there is no measure {name!r}{did_you_mean(name, known)}")


def _measures_of(entries: Mapping[str, TaskEntry]) -> list[str]:
    """`TABLE.MEASURE` of everything that a bound may be set on."""
    from cinelake.spec.contract import COVERAGE, Watched

    measures = [
        f"{name}.{measure.name}"
        for name, e in entries.items()
        for measure in Watched(e.spec.contract, e.inputs).measures
    ]
    return sorted([*measures, *(f"{name}.{COVERAGE}" for name in entries)])


def _check_deployments(document: Document) -> None:
    """Add what schedules, triggers and limits say that fits no model, table or schedule."""
    tables = sorted(document.section("tasks"))
    _check_models(document)
    _check_order(document)
    for section in ("schedules", "triggers"):
        for name, settings in _entries_of(document, section):
            _check_tables(document, (section, name, "select"), _named(_texts(settings, "select")), tables)
    for name, settings in _entries_of(document, "limits"):
        _check_tables(document, ("limits", name, "tasks"), _texts(settings, "tasks"), tables)


def _entries_of(document: Document, section: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The section's entries that are mappings; what is wrong with the others is reported elsewhere."""
    return ((name, each) for name, each in document.section(section).items() if isinstance(each, dict))


def _texts(settings: Mapping[str, Any], name: str) -> list[str]:
    given = settings.get(name)
    return [text for text in given if isinstance(text, str)] if isinstance(given, list) else []


def _check_models(document: Document) -> None:
    configured = document.section("models")
    for section in ("schedules", "triggers"):
        for name, settings in _entries_of(document, section):
            model = settings.get("model")
            if isinstance(model, str) and model not in configured and model not in known_models():
                known = sorted({*configured, *known_models()})
                document.problem((section, name, "model"), f"unknown model {model!r}{did_you_mean(model, known)}")


def _check_order(document: Document) -> None:
    known = dict(_entries_of(document, "schedules"))
    before = {name: after for name, each in known.items() if isinstance(after := each.get("after"), str)}
    for name, after in before.items():
        chain = list(_chain(name, before))
        if after not in known:
            others = [other for other in known if other != name]
            document.problem(("schedules", name, "after"), f"unknown schedule {after!r}{did_you_mean(after, others)}")
        elif name in chain:
            document.problem(("schedules", name, "after"), f"waits for itself: {' after '.join([name, *chain])}")


def _chain(name: str, before: Mapping[str, str]) -> Iterator[str]:
    """What comes before a schedule, nearest first, until one comes again."""
    seen: set[str] = set()
    while name in before and before[name] not in seen:
        name = before[name]
        seen.add(name)
        yield name


def _named(selectors: Iterable[str]) -> list[str]:
    """The tables that selectors name: `+faces shots,state:stale` names faces and shots."""
    parts = (part for selector in selectors for word in selector.split() for part in word.split(","))
    return [part.strip("+") for part in parts if not part.startswith("state:")]


def _check_tables(document: Document, where: Where, named: Iterable[str], tables: Collection[str]) -> None:
    for table in named:
        if table not in tables:
            document.problem(where, f"unknown table {table!r}{did_you_mean(table, sorted(tables))}")


def main(arguments: list[str]) -> int:
    """`--schema` prints the JSON Schema of the manifest; a file name checks that manifest."""
    if arguments == ["--schema"]:
        print(json.dumps(manifest_schema(), indent=2, ensure_ascii=False))
        return 0
    try:
        for name in arguments:
            load_manifest(name, check_only=True)
    except ManifestError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


__all__ = [
    "CatalogueSettings",
    "DefaultSettings",
    "DeploySettings",
    "EngineSettings",
    "LakeSettings",
    "LimitSettings",
    "Manifest",
    "ModelEntry",
    "ModelSettings",
    "MonitoringSettings",
    "NotificationSettings",
    "PublishSettings",
    "QualitySettings",
    "ScheduleSettings",
    "StagingSettings",
    "TaskEntry",
    "TrackingSettings",
    "TriggerSettings",
    "load_manifest",
    "manifest_schema",
]
