"""The sections on what runs by itself: schedules, triggers, limits that runs share, who is told, and the servers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from cinelake.manifest.values import Cron, Flow, Name, PositiveInt, Text, Zone
from cinelake.spec.settings import Settings


class ScheduleSettings(Settings):
    """One schedule, deployed by `cinelake deploy`: exactly one of `cron` and `after`."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["cron"]}, {"required": ["after"]}]})

    flow: Flow
    """What runs: the catalogue's stale cells, a training, a tuning, or publishing."""
    cron: Cron | None = None
    """When, as five fields of cron: minute, hour, day of month, month, day of week."""
    timezone: Zone = "UTC"
    """The time zone that `cron` is meant in, as in `Europe/Berlin`; in summer and winter at the same hour."""
    after: Name | None = None
    """Instead of `cron`: another schedule; this one starts whenever a run of that one has ended."""
    late: Literal["skip", "queue"] = "skip"
    """A run that is due while the one before still runs: left out, or queued until it may start."""
    select: list[Text] = []
    """Only these tables (`--select`), for the flow `catalogue`."""
    model: Name | None = None
    """Which model, for the flows `train` and `tune`."""

    @model_validator(mode="after")
    def _is_complete(self) -> ScheduleSettings:
        if (self.cron is None) == (self.after is None):
            raise ValueError("expected exactly one of cron and after")
        _check_flow(self.flow, self.model, self.select)
        return self


class TriggerSettings(Settings):
    """One trigger, deployed by `cinelake deploy`: something that happens starts a flow."""

    when: Literal["new_labels", "new_films", "new_champion"]
    """`new_labels`: labels of the model were imported. `new_films`: films came into the lake, with a model those that
    have its labels. `new_champion`: a model, or this model, has another champion."""
    at_least: PositiveInt = 1
    """How many labels or films must have come since the flow last started, of labels those that did not count then: all
    of a first import, of a list that grows its new lines. Every new champion counts."""
    flow: Flow
    """What is started."""
    model: Name | None = None
    """Which model: whose labels or champion are waited for, and which is trained."""
    select: list[Text] = []
    """Only these tables (`--select`), for the flow `catalogue`."""

    @model_validator(mode="after")
    def _is_complete(self) -> TriggerSettings:
        if self.when == "new_labels" and self.model is None:
            raise ValueError("when 'new_labels' needs `model: NAME`: whose labels")
        if self.when == "new_champion" and self.at_least != 1:
            raise ValueError(f"at_least belongs to new_labels and new_films, received {self.at_least}")
        _check_flow(self.flow, self.model, self.select)
        return self


class ServerSettings(Settings):
    """The Prefect server that a run starts on this machine where none is configured and no `cinelake up` runs."""

    keep_s: Annotated[float, Field(ge=0, le=604_800)] = 600.0
    """Seconds that it stays after its last use, so that the next run finds it; 0: it ends with its run."""


class DeploySettings(Settings):
    """What `cinelake deploy` calls things on a Prefect server that several projects may share."""

    project: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,63}$")] | None = None
    """Whose deployments they are; by default the folder's name with a digest of its path."""
    work_pool: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,63}$")] = "cinelake"
    """The work pool whose workers run them; made, for processes, if it is not there."""


class LimitSettings(Settings):
    """A limit that all runs share which use one Prefect server (a global concurrency limit there)."""

    slots: PositiveInt
    """How many films may be worked on at the same time, by all runs together."""
    tasks: list[Name] = []
    """Only films of which one of these tables is made take a slot; left out: all films."""


class NotificationSettings(Settings):
    """Who is told when too much fails."""

    failure_rate: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Tell when more than this share of the cells that a run tried has failed."""
    blocks: list[Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]*/[a-z0-9][a-z0-9-]*$")]] = []
    """Prefect's notification blocks, as TYPE/NAME: `custom-webhook/ops`, `sendgrid-email/night`; they keep secrets."""


def _check_flow(flow: str, model: str | None, select: list[str]) -> None:
    if select and flow != "catalogue":
        raise ValueError(f"select belongs to flow 'catalogue', received it with {flow!r}")
    if flow in {"train", "tune"} and model is None:
        raise ValueError(f"flow {flow!r} needs `model: NAME`")
