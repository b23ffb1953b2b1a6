"""The sections of a manifest and their settings: names, types, defaults, and a sentence on each.

The sentences are the descriptions in `schema/pipeline.schema.json`, so an editor shows them.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from cinelake.storage import Place

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Text = Annotated[str, StringConstraints(min_length=1)]
VariableName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
ModelName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}@([a-z][a-z0-9_]*|[0-9]+)$")]
PositiveInt = Annotated[int, Field(gt=0)]
PositiveFloat = Annotated[float, Field(gt=0)]

_SCHEME = re.compile(r"^[a-z][a-z0-9+.-]*://", re.IGNORECASE)


SearchRange = Annotated[
    dict[Literal["choice", "uniform", "log_uniform", "int"], Annotated[list[Any], Field(min_length=1)]],
    Field(min_length=1, max_length=1),
]


class Section(BaseModel):
    """Base of a section: frozen, unknown names refused, every field with a description."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class LakeSettings(Section):
    """Where the lake's tables are. `lake: FOLDER` is short for `lake: {uri: FOLDER}`."""

    uri: Text
    """A folder (relative to the manifest), or `s3://bucket/prefix`, `gs://bucket/prefix`."""
    region: str | None = None
    """Region of the bucket, if it cannot be told from the bucket's name."""
    endpoint: str | None = None
    """Address of an S3 service that is not Amazon's, as in `http://localhost:9000`."""
    anonymous: bool = False
    """Ask a public bucket without credentials."""
    access_key_env: VariableName | None = None
    """Name of the environment variable that holds the access key; the key itself never stands in a manifest."""
    secret_key_env: VariableName | None = None
    """Name of the environment variable that holds the secret key."""
    session_token_env: VariableName | None = None
    """Name of the environment variable that holds a session token."""

    @property
    def place(self) -> Place:
        """The place, as storage takes it."""
        return Place(**self.model_dump())

    def in_folder(self, base: Path) -> LakeSettings:
        """The same settings with an absolute `uri`."""
        return self.model_copy(update={"uri": absolute(self.uri, base)})


class CatalogueSettings(Section):
    """The films: exactly one of `films` and `list`."""

    films: Text | None = None
    """A folder, or a glob such as `films/*` or `films/**/*.mp4`."""
    list: Text | None = None
    """A CSV or Parquet file with a column uri and, if wanted, movie_id, title and group (the film's series)."""

    @model_validator(mode="after")
    def _one_source(self) -> CatalogueSettings:
        given = [name for name in ("films", "list") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"expected exactly one of films and list, received {' and '.join(given) or 'none'}")
        return self


class EngineSettings(Section):
    """Where the work runs; nothing else in the manifest changes with it."""

    kind: Literal["local", "dask", "ray"] = "local"
    """`local`: processes on this machine. `dask`, `ray`: a cluster."""
    workers: PositiveInt | None = None
    """Films worked on at the same time; by default what the machine's (or cluster's) processors carry."""
    window: PositiveInt | None = None
    """Films handed out and not yet finished, a bound for queues and disk; by default twice the workers."""
    address: str | None = None
    """A running cluster's address (`tcp://…` for Dask, `ray://…` for Ray); by default one is started."""

    @model_validator(mode="after")
    def _address_is_of_a_cluster(self) -> EngineSettings:
        if self.address and self.kind == "local":
            raise ValueError(f"address belongs to kind 'dask' or 'ray', received {self.address!r} with kind 'local'")
        return self


class DefaultSettings(Section):
    """Deadlines and retries of all steps; an entry's own `deadline_s` goes before."""

    deadline_s: PositiveFloat = 600.0
    """A step may take this long …"""
    deadline_per_film_second: Annotated[float, Field(ge=0)] = 10.0
    """… and this much longer per second of film; then it is killed and counts as a transient failure."""
    retries: Annotated[int, Field(ge=0, le=10)] = 2
    """How often a step is tried again in the same run after its worker died; a deadline is left to the next run."""


class TrackingSettings(Section):
    """Where MLflow records runs and keeps trained models."""

    uri: Text = Field(default="mlflow.db", repr=False)
    """An SQLite file (relative to the manifest), or the address of an MLflow server."""
    experiment: Text = "cinelake"
    """Name of the MLflow experiment."""
    enabled: bool = True
    """false: runs are not recorded. Training needs it."""

    def in_folder(self, base: Path) -> TrackingSettings:
        """The same settings with a `uri` that MLflow understands: a file becomes `sqlite:///…`."""
        path = self.uri.removeprefix("sqlite:///")
        if _SCHEME.match(path):
            return self
        return self.model_copy(update={"uri": f"sqlite:///{absolute(path, base)}"})


class ModelSettings(Section):
    """One learned model: what `cinelake train NAME` learns from, and when it may be promoted."""

    model: Name | None = None
    """The kind of model, a file in `models/`; by default the one with this name."""
    labels: Name | None = None
    """Name of the label set under `labels/`; by default the model's own name."""
    config: dict[str, Any] = {}
    """The model's configuration, as the `Config` of its file in `models/` documents it."""
    inputs: dict[str, str] = {}
    """Which entry of `tasks` (or imported table) provides a table that the model reads, where it is not that name."""
    seed: int = 0
    """Seed of initial weights, shuffling and sampling."""
    held_out: Annotated[float, Field(gt=0, lt=0.9)] = 0.25
    """The share of films that is never trained on: candidate and champion are scored there."""
    promote: Literal["gate", "hand"] = "gate"
    """`gate`: a candidate that passes the gate becomes champion. `hand`: a person decides."""
    epsilon: Annotated[float, Field(ge=0)] = 0.01
    """How much worse than the champion the lower bound of a candidate's score may be."""
    trials: PositiveInt = 20
    """How many trials `cinelake tune NAME` makes."""
    space: dict[str, SearchRange] = {}
    """What `tune` searches, by setting: `{choice: […]}`, `{uniform: [a, b]}`, `{log_uniform: […]}`, `{int: […]}`."""


class ScheduleSettings(Section):
    """One schedule, deployed by `cinelake deploy`."""

    flow: Literal["catalogue", "train", "tune", "publish"]
    """What runs: the catalogue's stale cells, a training, a tuning, or publishing."""
    cron: Annotated[str, StringConstraints(pattern=r"^\S+( \S+){4}$")]
    """When, as five fields of cron: minute, hour, day of month, month, day of week."""
    timezone: Text = "UTC"
    """The time zone that `cron` is meant in, as in `Europe/Berlin`."""
    select: list[Text] = []
    """Only these tables (`--select`), for the flow `catalogue`."""
    model: Name | None = None
    """Which model, for the flows `train` and `tune`."""

    @model_validator(mode="after")
    def _flow_has_its_model(self) -> ScheduleSettings:
        _check_flow(self.flow, self.model)
        return self


class TriggerSettings(Section):
    """One trigger: something that happens starts a flow."""

    when: Literal["new_labels", "new_films", "new_champion"]
    """What is waited for."""
    at_least: PositiveInt = 1
    """How many of them must have come since the last start."""
    flow: Literal["catalogue", "train", "tune", "publish"]
    """What is started."""
    model: Name | None = None
    """Which model: whose labels or champion are waited for, and which is trained."""

    @model_validator(mode="after")
    def _flow_has_its_model(self) -> TriggerSettings:
        _check_flow(self.flow, self.model)
        return self


class Resources(Section):
    """What one run of an entry's step needs; what is not named stays as the task declares it."""

    cpus: PositiveFloat | None = None
    """Processors."""
    gpus: Annotated[float, Field(ge=0)] | None = None
    """GPUs; a fraction shares one."""
    memory_gb: PositiveFloat | None = None
    """Memory in gigabytes."""


class EntryOptions(Section):
    """What may stand in every entry of `tasks`, beside the task's own parameters."""

    task: str | None = None
    """The task that makes this table; by default the one with the table's name."""
    enabled: bool = True
    """false: the parameters are kept and the table is not made."""
    inputs: dict[str, str] = {}
    """Which entry provides a table that the task reads, where it is not the one of that name."""
    resources: Resources = Resources()
    """What one run of the step needs, where the task's own declaration does not fit."""
    deadline_s: PositiveFloat | None = None
    """The step may take this long, whatever the film's length; by default see `defaults`."""
    model: ModelName | None = None
    """The trained model to apply: `NAME@champion` or `NAME@VERSION`; only of tasks that apply one."""


class Sections(Section):
    """A pipeline of Cinelake: which tasks run on which films, and where."""

    lake: Text | LakeSettings
    """Where the tables are written: a folder, or a mapping with `uri` and the bucket's options."""
    catalogue: CatalogueSettings
    """The films."""
    labels: Text = "labels"
    """The folder of people's labels; it is not part of the lake and is never derived."""
    engine: EngineSettings = EngineSettings()
    """Where the work runs."""
    defaults: DefaultSettings = DefaultSettings()
    """Deadlines and retries."""
    tracking: TrackingSettings = TrackingSettings()
    """Where runs and trained models are recorded."""
    tasks: dict[str, dict[str, Any] | None] = Field(min_length=1)
    """The tables to make. An empty entry means the task's defaults."""
    models: dict[Name, ModelSettings] = {}
    """Learned models, by name."""
    schedules: dict[Name, ScheduleSettings] = {}
    """When flows run by themselves, by name."""
    triggers: dict[Name, TriggerSettings] = {}
    """What starts flows, by name."""


def _check_flow(flow: str, model: str | None) -> None:
    if flow in {"train", "tune"} and model is None:
        raise ValueError(f"flow {flow!r} needs `model: NAME`")


def absolute(place: str, base: Path) -> str:
    """A place relative to `base` as an absolute path; `file://` is dropped, other URIs stay as they are."""
    if _SCHEME.match(place) and not place.startswith("file://"):
        return place
    return str((base / place.removeprefix("file://")).absolute())
