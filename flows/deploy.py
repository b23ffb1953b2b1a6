"""The items of `flows.deployments` on a Prefect server: what it has, and how a difference is applied.

A project knows its deployments and automations by its tag and touches no others. An automation belongs to its
deployment, has its name, and goes with it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from prefect.automations import AutomationCore, EventTrigger, Posture
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate, WorkPoolCreate
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags
from prefect.client.schemas.objects import ConcurrencyLimitStrategy, ConcurrencyOptions
from prefect.client.schemas.schedules import CronSchedule
from prefect.events.actions import RunDeployment, SendNotification
from prefect.events.filters import AutomationFilter, AutomationFilterTags
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.utilities.callables import parameter_schema
from prefect.workers.process import ProcessWorker

from cinelake.errors import EngineUnavailable, UnknownName, UsageError
from cinelake.manifest.document import Manifest
from cinelake.storage.content import digest
from flows.deployments import ENDED, Item, ItemDifference, compare, tag_of, wanted
from flows.events import DUE, TOO_MUCH_FAILED

FORM = "form of its parameters"
PAGE = 200
NOTE = "Cinelake: too much failed"
BODY = "{{ event.payload.message }}"


@dataclass(frozen=True)
class Present:
    """What the server has of a project: its items, and the server's ids by kind and name."""

    items: list[Item]
    ids: dict[tuple[str, str], Any]


@contextmanager
def server_errors(url: str) -> Iterator[None]:
    """Raise `EngineUnavailable` where the server refuses a request or does not answer."""
    import httpx

    try:
        yield
    except PrefectHTTPStatusError as error:
        reply = error.response.text[:300]
        raise EngineUnavailable(f"the Prefect server at {url} refused {error.request.url.path}: {reply}") from error
    except httpx.HTTPError as error:
        raise EngineUnavailable(
            f"no Prefect server answers at {url} ({error or type(error).__name__}). Check PREFECT_API_URL, or start "
            "one with `cinelake up`"
        ) from error


def deploy(manifest: Manifest, *, dry_run: bool = False, prune: bool = False) -> list[ItemDifference]:
    """Make the server have what the manifest wants; returns what was, or with `dry_run` would be, changed.

    prune: what the project deployed before and no longer wants is deleted; otherwise it is only reported.
    Raises `UsageError` where another project has a deployment of that name, `UnknownName` for blocks that do not
    exist, both before anything is changed; `EngineUnavailable`.
    """
    project = manifest.project
    with get_client(sync_client=True) as client, server_errors(str(client.api_url)):
        deployed = present(client, project)
        items = [_with_form(item) for item in wanted(manifest)]
        _check_names(client, items, deployed, tag_of(project))
        blocks = _blocks(client, items)
        differences = compare(items, deployed.items)
        if not dry_run:
            _make_pool(client, manifest.deploy.work_pool)
            _Applying(client, tag_of(project), dict(deployed.ids), blocks).apply(differences, prune=prune)
    return differences


def _with_form(item: Item) -> Item:
    """A deployment with a digest of its parameters' form in Prefect's UI, which changes with the code."""
    if item.kind != "deployment":
        return item
    return replace(item, settings={**item.settings, FORM: digest(_schema(item.settings["entrypoint"]))[:12]})


def _schema(entrypoint: str) -> dict[str, Any]:
    module, _, name = entrypoint.rpartition(".")
    schema: dict[str, Any] = parameter_schema(getattr(importlib.import_module(module), name)).model_dump_for_openapi()
    return schema


# --- what the server has


def present(client: SyncPrefectClient, project: str) -> Present:
    """What the server has of a project, and all its limits."""
    tag = tag_of(project)
    with_tag = DeploymentFilter(tags=DeploymentFilterTags(all_=[tag]))
    deployments = list(_all_pages(client.read_deployments, deployment_filter=with_tag))
    flows = {flow_id: client.read_flow(flow_id).name for flow_id in {each.flow_id for each in deployments}}
    names = {each.id: f"{flows[each.flow_id]}/{each.name}" for each in deployments}
    tagged = AutomationFilter(tags=AutomationFilterTags(all_=[tag]))
    automations = list(_all_pages(client.read_automations, automations=tagged))
    starts = {each.name: _starts_on(each.trigger, names) for each in automations}
    items, ids = [], {}
    for each in deployments:
        starts_on = starts.get(_automation_name(tag, names[each.id]), "")
        items.append(Item("deployment", names[each.id], _settings(each, starts_on)))
        ids["deployment", names[each.id]] = each.id
    for each in automations:
        ids["automation", each.name] = each.id
        if any(isinstance(action, SendNotification) for action in each.actions):
            block = each.name.partition(": ")[2]
            items.append(Item("notification", block, {"starts on": _starts_on(each.trigger, names)}))
    for limit in _all_pages(client.read_global_concurrency_limits):
        items.append(Item("limit", limit.name, {"slots": limit.limit}))
    return Present(items, ids)


def _all_pages(read: Callable[..., Sequence[Any]], **filters: Any) -> Iterator[Any]:
    """All that one of the client's methods returns, page by page."""
    offset = 0
    while page := read(**filters, limit=PAGE, offset=offset):
        yield from page
        offset += len(page)


def _automation_name(tag: str, of: str) -> str:
    return f"{tag}: {of}"


def _resource(deployment_id: Any) -> str:
    return f"prefect.deployment.{deployment_id}"


def _settings(deployment: Any, starts_on: str) -> dict[str, Any]:
    """A deployment as `flows.deployments` would write it."""
    crons = [each.schedule for each in deployment.schedules if isinstance(each.schedule, CronSchedule)]
    options = deployment.concurrency_options
    limit = deployment.global_concurrency_limit
    return {
        "entrypoint": deployment.entrypoint,
        "parameters": deployment.parameters,
        "cron": ", ".join(f"{schedule.cron} {schedule.timezone or 'UTC'}" for schedule in crons),
        "starts on": starts_on,
        "one at a time": str(options.collision_strategy.value) if options and limit and limit.limit == 1 else "",
        "work pool": deployment.work_pool_name,
        FORM: digest(deployment.parameter_openapi_schema)[:12],
    }


def _starts_on(trigger: Any, names: Mapping[Any, str]) -> str:
    """A trigger in the words of `flows.deployments`."""
    if not isinstance(trigger, EventTrigger):
        return "something else"
    expected = trigger.expect & {DUE, TOO_MUCH_FAILED}
    if expected:
        return f"{expected.pop()} of {trigger.match.root.get('prefect.resource.id')}"
    related = trigger.match_related
    of = (related[0] if isinstance(related, list) else related).root.get("prefect.resource.id", "")
    return next((f"end of {name}" for known, name in names.items() if _resource(known) == of), "something else")


# --- before anything is changed


def _check_names(client: SyncPrefectClient, items: Iterable[Item], deployed: Present, tag: str) -> None:
    """Raise `UsageError` where deployments of these names belong to another project."""
    taken = []
    for item in items:
        if item.kind == "deployment" and ("deployment", item.name) not in deployed.ids:
            try:
                other = client.read_deployment_by_name(item.name)
            except ObjectNotFound:
                continue
            owner = [each.removeprefix("cinelake:") for each in other.tags if each.startswith("cinelake:")]
            taken.append(f"{item.name} (of {owner[0] if owner else 'somebody who does not use cinelake'})")
    if taken:
        raise UsageError(
            f"another project has deployments of these names on this server: {', '.join(taken)}. Choose other names "
            f"in `schedules` and `triggers`; this project is {tag.removeprefix('cinelake:')} (`deploy: {{project: …}}`)"
        )


def _blocks(client: SyncPrefectClient, items: Iterable[Item]) -> dict[str, Any]:
    """Notification block → its id. Raises `UnknownName`."""
    names = [item.name for item in items if item.kind == "notification"]
    if not names:
        return {}
    known = {f"{each.block_type.slug}/{each.name}": each.id for each in client.read_block_documents(limit=PAGE)}
    for name in names:
        if name not in known:
            raise UnknownName("Prefect block (make it in Prefect's UI, under Blocks)", name, known)
    return {name: known[name] for name in names}


def _make_pool(client: SyncPrefectClient, name: str) -> None:
    """The work pool, made for processes if it is missing."""
    try:
        client.read_work_pool(name)
    except ObjectNotFound:
        template = ProcessWorker.get_default_base_job_template()
        client.create_work_pool(WorkPoolCreate(name=name, type="process", base_job_template=template))


# --- applying


@dataclass
class _Applying:
    """The server while differences are applied; `ids` grows as deployments are made."""

    client: SyncPrefectClient
    tag: str
    ids: dict[tuple[str, str], Any]
    blocks: Mapping[str, Any]

    def apply(self, differences: Sequence[ItemDifference], *, prune: bool) -> None:
        """Apply all of them, in their order."""
        for difference in differences:
            item = difference.item
            if difference.change in ("new", "changed"):
                {"deployment": self._deploy, "notification": self._notify, "limit": self._limit}[item.kind](item)
            elif difference.change == "unwanted" and prune:
                self._delete(item)

    def _limit(self, item: Item) -> None:
        self.client.upsert_global_concurrency_limit_by_name(item.name, item.settings["slots"])

    def _deploy(self, item: Item) -> None:
        flow, _, name = item.name.partition("/")
        settings, schedules = item.settings, self._schedules(item)
        deployment_id = self.client.create_deployment(
            flow_id=self.client.create_flow_from_name(flow),
            name=name,
            entrypoint=settings["entrypoint"],
            parameters=settings["parameters"],
            parameter_openapi_schema=_schema(settings["entrypoint"]),
            enforce_parameter_schema=True,
            schedules=schedules,
            concurrency_limit=1,
            concurrency_options=ConcurrencyOptions(
                collision_strategy=ConcurrencyLimitStrategy(settings["one at a time"])
            ),
            work_pool_name=settings["work pool"],
            tags=[self.tag, "cinelake"],
            description=_description(item),
        )
        self.ids["deployment", item.name] = deployment_id
        self._start_on(item, deployment_id)

    def _schedules(self, item: Item) -> list[DeploymentScheduleCreate]:
        cron, _, zone = item.settings["cron"].rpartition(" ")
        return [DeploymentScheduleCreate(schedule=CronSchedule(cron=cron, timezone=zone))] if cron else []

    def _start_on(self, item: Item, deployment_id: Any) -> None:
        """The automation that starts a deployment; one that it no longer wants is deleted."""
        starts_on = item.settings["starts on"]
        if starts_on:
            action = RunDeployment(source="selected", deployment_id=deployment_id)
            self._automation(item.name, self._trigger(starts_on), action, _resource(deployment_id))
        else:
            self.client.delete_resource_owned_automations(_resource(deployment_id))

    def _trigger(self, starts_on: str) -> EventTrigger:
        what, _, of = starts_on.partition(" of ")
        about: dict[str, Any] = {"expect": {what}, "match": {"prefect.resource.id": of}}
        if what == "end":
            resource = _resource(self.ids["deployment", of])
            about = {
                "expect": {f"prefect.flow-run.{state}" for state in ENDED},
                "match": {"prefect.resource.id": "prefect.flow-run.*"},
                "match_related": {"prefect.resource.role": "deployment", "prefect.resource.id": resource},
            }
        return EventTrigger(**about, posture=Posture.Reactive, threshold=1)

    def _notify(self, item: Item) -> None:
        action = SendNotification(block_document_id=self.blocks[item.name], subject=NOTE, body=BODY)
        self._automation(item.name, self._trigger(item.settings["starts on"]), action, None)

    def _automation(self, name: str, trigger: EventTrigger, action: Any, owner: str | None) -> None:
        name = _automation_name(self.tag, name)
        automation = AutomationCore(
            name=name, trigger=trigger, actions=[action], tags=[self.tag, "cinelake"], owner_resource=owner
        )
        before = self.ids.pop(("automation", name), None)
        self.ids["automation", name] = self.client.create_automation(automation)
        if before is not None:  # the API changes no owner
            self.client.delete_automation(before)

    def _delete(self, item: Item) -> None:
        automation = self.ids.get(("automation", _automation_name(self.tag, item.name)))
        if automation is not None:
            self.client.delete_automation(automation)
        if item.kind == "deployment":
            self.client.delete_deployment(self.ids["deployment", item.name])


def _description(item: Item) -> str:
    settings = item.settings
    when = f"cron {settings['cron']}" if settings["cron"] else settings["starts on"]
    return f"Deployed by `cinelake deploy` from {settings['parameters']['manifest']}. Starts: {when}."
