"""Events of a project, sent to its Prefect server: labels were imported, films were made, a champion changed.

    cinelake.labels.imported      resource cinelake.labels.PROJECT.SET
    cinelake.catalogue.ran        resource cinelake.project.PROJECT
    cinelake.champion.changed     resource cinelake.model.PROJECT.NAME
    cinelake.run.failed-too-much  resource cinelake.project.PROJECT
    cinelake.trigger.due          resource cinelake.trigger.PROJECT.TRIGGER

The first three are for automations that users define. A trigger of the manifest counts labels or films since its flow
last started, by a state kept in the lake, and is due when enough have come; its automation starts the flow on that
event.
"""

from __future__ import annotations

import datetime
import json
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cinelake.errors import EngineUnavailable
from cinelake.lake.cells import Lake
from cinelake.lake.index import Index
from cinelake.manifest.document import Manifest, TriggerSettings
from cinelake.storage.content import parsed_json
from cinelake.storage.store import storage_errors
from flows.prefect_api import PrefectApi
from flows.server import configured_server
from flows.server_record import state_folder

if TYPE_CHECKING:
    from cinelake.labels.store import LabelVersion

DUE = "cinelake.trigger.due"
"""The event by which a trigger of a manifest starts its flow; its resource names project and trigger."""
TOO_MUCH_FAILED = "cinelake.run.failed-too-much"
"""The event of a run in which more failed than `notifications` allows."""
FOLDER = "_triggers"
Say = Callable[[str], None]
Concerns = Callable[[TriggerSettings], bool]


def trigger_resource(project: str, name: str) -> str:
    """The resource of the events that start a trigger's flow."""
    return f"cinelake.trigger.{project}.{name}"


def project_resource(project: str) -> str:
    """The resource of the events that are about the project as a whole."""
    return f"cinelake.project.{project}"


@dataclass(frozen=True)
class ProjectEvent:
    """One event of a project. resource: what it is about. payload: facts, as JSON."""

    name: str
    resource: str
    payload: dict[str, Any] = field(default_factory=dict)

    def as_sent(self) -> dict[str, Any]:
        """The event as Prefect's interface takes it; it happens now."""
        resource = {"prefect.resource.id": self.resource}
        when = datetime.datetime.now(datetime.UTC).isoformat()
        return {"id": str(uuid.uuid4()), "occurred": when, "event": self.name, "resource": resource,
                "payload": self.payload}  # fmt: skip


@dataclass(frozen=True)
class TriggerState:
    """What a trigger had counted when its flow last started: the last version of labels, and the films."""

    labels: int = 0
    films: frozenset[str] = frozenset()


def labels_imported(manifest: Manifest, label_set: str, version: LabelVersion, say: Say) -> None:
    """Emit that labels were imported, with the triggers that this makes due."""
    resource = f"cinelake.labels.{manifest.project}.{label_set}"
    payload = {"labels": version.rows, "films": sorted(version.films), "version": version.number}

    def concerns(trigger: TriggerSettings) -> bool:
        counted = trigger.when in ("new_labels", "new_films") and trigger.model is not None
        return counted and manifest.model(str(trigger.model)).labels == label_set

    emit(manifest, ProjectEvent("cinelake.labels.imported", resource, payload), concerns, say)


def champion_changed(manifest: Manifest, model: str, version: int, say: Say) -> None:
    """Emit that a model has another champion, with the triggers that wait for it."""
    resource = f"cinelake.model.{manifest.project}.{model}"
    event = ProjectEvent("cinelake.champion.changed", resource, {"model": model, "version": version})
    emit(manifest, event, lambda each: each.when == "new_champion" and each.model in (None, model), say)


def catalogue_ran(manifest: Manifest, made: int, failures: Iterable[str], say: Say) -> None:
    """Emit that a run of the catalogue ended, with the triggers that its films make due, and if too much failed.

    failures: the reason of each cell that failed.
    """
    reasons = list(failures)
    resource = project_resource(manifest.project)
    facts: dict[str, Any] = {"made": made, "failed": len(reasons)}
    ran = ProjectEvent("cinelake.catalogue.ran", resource, dict(facts))
    emit(manifest, ran, lambda trigger: trigger.when == "new_films", say)
    if failed_too_much(manifest, made, len(reasons)):
        facts["message"] = _failure_words(manifest, made, reasons)
        waited_for = bool(manifest.notifications.blocks)
        _send_all(
            manifest, [ProjectEvent(TOO_MUCH_FAILED, resource, facts)], "notifications" if waited_for else "", say
        )


def failed_too_much(manifest: Manifest, made: int, failed: int) -> bool:
    """Whether more of the cells that a run tried have failed than the manifest allows."""
    return failed > manifest.notifications.failure_rate * (made + failed)


def _failure_words(manifest: Manifest, made: int, reasons: list[str]) -> str:
    counts = ", ".join(f"{reason} {reasons.count(reason)}" for reason in sorted(set(reasons)))
    tried, allowed = made + len(reasons), manifest.notifications.failure_rate
    return (
        f"{len(reasons)} of {tried} cells failed ({len(reasons) / tried:.0%}, allowed {allowed:.0%}) in "
        f"{manifest.project}: {counts}. `cinelake status -m {manifest.path}` lists them."
    )


# --- triggers


def flow_started(manifest: Manifest, flow: str, model: str | None = None) -> None:
    """Record that a flow starts: its triggers count from here."""
    lake = Lake(manifest.lake.place)
    for name, trigger in manifest.triggers.items():
        is_its = trigger.flow == flow and (model is None or trigger.model == model)
        if is_its and trigger.when != "new_champion":
            last_version = max((version.number for version in _versions(manifest, trigger)), default=0)
            films = frozenset(_films(manifest, trigger))
            _write_trigger_state(lake, name, TriggerState(last_version, films))


def count(manifest: Manifest, name: str) -> int:
    """How many labels or films have come since a trigger's flow last started."""
    trigger = manifest.triggers[name]
    state = read_trigger_state(Lake(manifest.lake.place), name)
    if trigger.when == "new_labels":
        from cinelake.labels.superseded import labels_since

        return labels_since(_versions(manifest, trigger), state.labels)
    return len(_films(manifest, trigger) - state.films)


def _versions(manifest: Manifest, trigger: TriggerSettings) -> tuple[LabelVersion, ...]:
    if trigger.model is None:
        return ()
    from cinelake.labels.store import label_versions

    return label_versions(Path(manifest.labels), manifest.model(trigger.model).labels)


def _films(manifest: Manifest, trigger: TriggerSettings) -> set[str]:
    """The films of the lake that have every table that is made; of a model: its labels, and every table it reads."""
    if trigger.when != "new_films":
        return set()
    index = Index(Lake(manifest.lake.place))
    if trigger.model is None:
        present = Lake(manifest.lake.place).tables()
        made = [set(index.cells(table)) for table in manifest.enabled if table in present]
        return set.intersection(*made) if made else set()
    entry = manifest.model(trigger.model)
    labelled = {film for version in _versions(manifest, trigger) for film in version.films}
    return labelled.intersection(*(set(index.cells(table)) for table in entry.inputs.values()))


def read_trigger_state(lake: Lake, name: str) -> TriggerState:
    """A trigger's saved state; an empty one where it is missing or cannot be read."""
    storage = lake.storage
    if storage.stamp(FOLDER, f"{name}.json") is None:
        return TriggerState()
    doing = f"reading {FOLDER}/{name}.json in {storage.uri}"
    with storage_errors(doing), storage.open_input_file(storage.path(FOLDER, f"{name}.json")) as source:
        text = source.read()
    try:
        saved = parsed_json(text)
        return TriggerState(int(saved["labels"]), frozenset(saved["films"]))
    except (ValueError, KeyError, TypeError, OverflowError):
        return TriggerState()


def _write_trigger_state(lake: Lake, name: str, state: TriggerState) -> None:
    with lake.scratch() as scratch:
        (scratch / "state.json").write_text(json.dumps({"labels": state.labels, "films": sorted(state.films)}))
        lake.storage.publish(scratch / "state.json", FOLDER, f"{name}.json")


def _due(manifest: Manifest, name: str, trigger: TriggerSettings) -> ProjectEvent | None:
    resource = trigger_resource(manifest.project, name)
    if trigger.when == "new_champion":
        return ProjectEvent(DUE, resource, {"when": trigger.when})
    counted = count(manifest, name)
    facts = {"when": trigger.when, "count": counted, "at_least": trigger.at_least}
    return ProjectEvent(DUE, resource, facts) if counted >= trigger.at_least else None


# --- sending


def emit(manifest: Manifest, event: ProjectEvent, concerns: Concerns, say: Say) -> None:
    """Send an event, with those of the triggers that it concerns and makes due."""
    triggers = {name: trigger for name, trigger in manifest.triggers.items() if concerns(trigger)}
    due = [one for name, trigger in triggers.items() if (one := _due(manifest, name, trigger))]
    waiting = f"trigger{'s' if len(triggers) > 1 else ''} {', '.join(triggers)}" if triggers else ""
    _send_all(manifest, [event, *due], waiting, say)


def _send_all(manifest: Manifest, events: list[ProjectEvent], waiting: str, say: Say) -> None:
    """Send events to the configured server; where a trigger waits for them and no server answers, report it."""
    try:
        server = configured_server(state_folder(manifest.folder))
        where = f"no Prefect server answers at {server.url}" if server else "no Prefect server is configured or up"
        if server is not None:
            with PrefectApi(server.url, server.password) as api:
                if api.is_healthy():
                    api.post("/events", [each.as_sent() for each in events])
                    return
    except EngineUnavailable as error:  # the work is done: it does not fail for want of an event
        where = str(error)
    if waiting:
        say(f"{where}, so {waiting} of the manifest did not hear of this (PREFECT_API_URL, or `cinelake up`)")
