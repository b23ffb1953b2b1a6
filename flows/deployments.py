"""What a manifest wants on a Prefect server, and how that differs from what the server has. Pure: changes nothing.

    wanted(manifest) → items → compare(items, what the server has) → differences → flows.deploy applies them

An item is one thing on the server, with plain settings: a deployment (with the event that starts it, if any), a
notification, a limit. Two items with the same settings are the same thing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from cinelake.manifest.document import Manifest, ScheduleSettings, TriggerSettings
from flows.events import DUE, TOO_MUCH_FAILED, project_resource, trigger_resource

ItemKind = Literal["deployment", "notification", "limit"]
ItemChange = Literal["new", "changed", "unchanged", "unwanted"]
ENTRYPOINTS = {
    "catalogue": "flows.catalogue.catalogue",
    "train": "flows.train.train",
    "tune": "flows.tune.tune",
    "publish": "flows.publish.publish",
}
"""Flow → where its code is, as a module's path: workers have the same checkout or image."""
ENDED = ("Completed", "CompletedWithFailures", "Failed")
"""Names of the states after which a schedule's `after` starts: a night with failures is published too."""
STRATEGIES = {"skip": "CANCEL_NEW", "queue": "ENQUEUE"}


@dataclass(frozen=True)
class Item:
    """One thing on the server. name: unique among its kind."""

    kind: ItemKind
    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ItemDifference:
    """How an item on the server differs from the wanted one. changes: setting → (value on the server, wanted value)."""

    change: ItemChange
    item: Item
    changes: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The difference as plain data."""
        changes = {name: {"from": before, "to": after} for name, (before, after) in self.changes.items()}
        return {"change": self.change, "kind": self.item.kind, "name": self.item.name, "changes": changes}


def tag_of(project: str) -> str:
    """The tag that marks what belongs to a project."""
    return f"cinelake:{project}"


def wanted(manifest: Manifest) -> list[Item]:
    """Everything that the manifest wants on the server, limits first, a schedule before those that come after it."""
    limits = [Item("limit", name, {"slots": limit.slots}) for name, limit in manifest.limits.items()]
    project = manifest.project
    schedules = [_schedule(manifest, name, manifest.schedules[name]) for name in _in_order(manifest.schedules)]
    triggers = [
        _deployment(manifest, name, trigger, "", f"{DUE} of {trigger_resource(project, name)}", "queue")
        for name, trigger in manifest.triggers.items()
    ]
    notes = [
        Item("notification", block, {"starts on": f"{TOO_MUCH_FAILED} of {project_resource(project)}"})
        for block in manifest.notifications.blocks
    ]
    return [*limits, *schedules, *triggers, *notes]


def _in_order(schedules: Mapping[str, ScheduleSettings]) -> list[str]:
    """Names, each after the one it waits for; the manifest was checked for cycles."""
    ordered: list[str] = []

    def add(name: str) -> None:
        if name not in ordered:
            if after := schedules[name].after:
                add(after)
            ordered.append(name)

    for name in schedules:
        add(name)
    return ordered


def _schedule(manifest: Manifest, name: str, schedule: ScheduleSettings) -> Item:
    cron = f"{schedule.cron} {schedule.timezone}" if schedule.cron else ""
    starts_on = ""
    if schedule.after:
        starts_on = f"end of {manifest.schedules[schedule.after].flow}/{schedule.after}"
    return _deployment(manifest, name, schedule, cron, starts_on, schedule.late)


def _deployment(
    manifest: Manifest, name: str, settings: ScheduleSettings | TriggerSettings, cron: str, starts_on: str, late: str
) -> Item:
    parameters: dict[str, Any] = {"manifest": str(manifest.path)}
    if settings.flow in ("train", "tune"):
        parameters["model"] = settings.model
    if settings.select:
        parameters["select"] = list(settings.select)
    return Item(
        "deployment",
        f"{settings.flow}/{name}",
        {
            "entrypoint": ENTRYPOINTS[settings.flow],
            "parameters": parameters,
            "cron": cron,
            "starts on": starts_on,
            "one at a time": STRATEGIES[late],
            "work pool": manifest.deploy.work_pool,
        },
    )


def compare(wanted: Sequence[Item], present: Iterable[Item]) -> list[ItemDifference]:
    """The difference of each item: those wanted in their order, then those that are no longer wanted.

    Limits are shared with other projects, so one that the manifest does not name is not reported.
    """
    unclaimed = {(item.kind, item.name): item for item in present}
    differences = [_difference(item, unclaimed.pop((item.kind, item.name), None)) for item in wanted]
    rest = [item for item in unclaimed.values() if item.kind != "limit"]
    return differences + [ItemDifference("unwanted", item) for item in rest]


def _difference(item: Item, present: Item | None) -> ItemDifference:
    if present is None:
        return ItemDifference("new", item)
    changes = {
        name: (present.settings.get(name), value)
        for name, value in item.settings.items()
        if present.settings.get(name) != value
    }
    return ItemDifference("changed" if changes else "unchanged", item, changes)
