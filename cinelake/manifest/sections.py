"""The sections of a manifest and their settings: names, types, defaults, and a sentence on each.

The sentences are the descriptions in `schema/pipeline.schema.json`, so an editor shows them.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from cinelake.manifest.deployments import (
    DeploySettings,
    LimitSettings,
    NotificationSettings,
    ScheduleSettings,
    ServerSettings,
    TriggerSettings,
)
from cinelake.manifest.films import SCHEME, CatalogueSettings, LakeSettings, StagingSettings, StreamSettings, absolute
from cinelake.manifest.values import Name, PositiveFloat, PositiveInt, Text
from cinelake.spec.film import MAX_PIXELS, DecodeDevice
from cinelake.spec.settings import Settings

if TYPE_CHECKING:
    from cinelake.spec import task

ModelName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}@([a-z][a-z0-9_]*|[0-9]+)$")]
Workers = Annotated[int, Field(gt=0, le=10_000)]
DeadlineSeconds = Annotated[float, Field(gt=0, le=30 * 24 * 3600)]
"""Seconds, thirty days at most: what takes longer hangs."""
SearchRange = Annotated[
    dict[Literal["choice", "uniform", "log_uniform", "int"], Annotated[list[Any], Field(min_length=1)]],
    Field(min_length=1, max_length=1),
]


class NodeKind(Settings):
    """Nodes of one kind that a cluster adds by itself when steps wait for them."""

    cpus: Annotated[float, Field(ge=0)] = 0.0
    """Processors of each, as the cluster offers them to steps."""
    gpus: Annotated[float, Field(ge=0)] = 0.0
    """GPUs of each."""
    memory_gb: PositiveFloat
    """Memory of each that the cluster offers to steps, in GB (10⁹ bytes)."""
    most: Annotated[int, Field(gt=0, le=10_000)]
    """As many of them there may be."""


EngineKind = Literal["local", "dask", "ray"]
"""Modules of `cinelake.engines` that make an engine."""


class EngineSettings(Settings):
    """Where the work runs; nothing else in the manifest changes with it."""

    kind: EngineKind = "local"
    """`local`: processes on this machine. `dask`, `ray`: a cluster."""
    workers: Workers | None = None
    """Films worked on at once; by default what processors carry. On one machine those without a film help others.

    One inference has as many threads as there are processors for each worker."""
    window: PositiveInt | None = None
    """Films handed out and not yet finished, a bound for queues and disk; by default twice the workers."""
    address: str | None = None
    """A running cluster's address (`tcp://…` for Dask, `ray://…` for Ray); by default one is started."""
    autoscaling: list[NodeKind] = Field(default=[])
    """Nodes that the cluster at the address adds by itself: they count as there, even while none of them lives."""

    @model_validator(mode="after")
    def _address_is_of_a_cluster(self) -> EngineSettings:
        if self.address and self.kind == "local":
            raise ValueError(f"address belongs to kind 'dask' or 'ray', received {self.address!r} with kind 'local'")
        if self.autoscaling and not self.address:
            raise ValueError("autoscaling belongs to a running cluster: give its address")
        return self


class DecodeSettings(Settings):
    """What decodes films' pictures. Nothing falls back: a film that the device cannot decode fails, and says so.

    The tables are the same, and stay when this is changed: so a device decodes only what every decoder gives alike bit
    by bit, undamaged H.264, HEVC, VP8, VP9 and AV1 in 4:2:0. Other films (MPEG-2, MPEG-4 ASP, VC-1, ProRes, 4:2:2,
    4:4:4, damaged pictures) fail as `device_unavailable`; a run with `device: cpu` makes what is missing of them and
    nothing else.
    """

    device: DecodeDevice = "cpu"
    """`cpu`; `cuda` (NVIDIA), `vaapi` (Intel and AMD on Linux) or `qsv` (Intel), on every machine that runs films."""


class DefaultSettings(Settings):
    """Deadlines, retries and limits of all steps; an entry's own `deadline_s` goes before."""

    deadline_s: DeadlineSeconds = 600.0
    """A step may take this long …"""
    deadline_per_film_second: Annotated[float, Field(ge=0, le=100_000)] = 10.0
    """… and this much longer per second of film, a week at most; then it is killed, which is a transient failure."""
    retries: Annotated[int, Field(ge=0, le=10)] = 2
    """How often a step is tried again in the same run after its worker died; a deadline is left to the next run."""

    max_pixels: Annotated[int, Field(gt=0, le=1_000_000_000)] = MAX_PIXELS
    """Pictures with more pixels than this are not decoded: the film fails, by `pictures_too_large`."""


class TrackingSettings(Settings):
    """Where MLflow records runs and keeps trained models."""

    uri: Text = Field(default="mlflow.db", repr=False)
    """An SQLite file (relative to the manifest), the address of an MLflow server, or a database `postgresql://…`."""
    artifacts: Text | None = None
    """Of a database: the folder of runs' and models' files; left out: `mlruns`, beside SQLite's file or this one."""
    experiment: Text = "cinelake"
    """Name of the MLflow experiment of catalogue runs; trainings of a model are in one beside it, `cinelake/MODEL`."""
    enabled: bool = True
    """false: runs are not recorded. Training needs it."""

    def in_folder(self, base: Path) -> TrackingSettings:
        """The same settings with absolute paths, and a `uri` that MLflow understands: a file becomes `sqlite:///…`."""
        path = self.uri.removeprefix("sqlite:///")
        is_file = not SCHEME.match(path)
        uri = f"sqlite:///{absolute(path, base)}" if is_file else self.uri
        artifacts = self.artifacts or (None if is_file else "mlruns")
        return self.model_copy(update={"uri": uri, "artifacts": artifacts and absolute(artifacts, base)})


class ResourceSettings(Settings):
    """What a step of an entry, or a training of a model, needs; what is not named stays as its code has it."""

    cpus: PositiveFloat | None = None
    """Processors; by default one, and none beside a GPU, which must not wait for a decoder."""
    gpus: Annotated[float, Field(ge=0)] | None = None
    """GPUs; a fraction shares one."""
    memory_gb: PositiveFloat | None = None
    """Memory in gigabytes."""

    def over(self, declared: task.Resources) -> task.Resources:
        """What was declared, with what is named here in its place."""
        return replace(declared, **{name: value for name, value in self.model_dump().items() if value is not None})


class ModelSettings(Settings):
    """One learned model: what `cinelake train NAME` learns from, and when it may be promoted."""

    model: Name | None = None
    """The kind of model, a file in `models/`; by default the one with this name."""
    labels: Name | None = None
    """Name of the label set under `labels/`; by default the model's own name."""
    config: dict[str, Any] = {}
    """The model's configuration, as the `Config` of its file in `models/` documents it."""
    learner: Name | None = None
    """How it learns: one of the model's learners; or `auto`: those that the budget allows are compared on the films
    that are learned from, in blocks of films, and a simple one stays unless another is better on the mean and surely no
    worse. By default as `config` says. `tune` takes one by name alone, and does not search what that sets."""
    budget_minutes: PositiveFloat = 20.0
    """`learner: auto` begins with no further learner when this time is over; the simplest is always made."""
    inputs: dict[str, str] = {}
    """Which entry of `tasks` (or imported table) provides a table that the model reads, where it is not that name."""
    seed: int = 0
    """Seed of initial weights, shuffling and sampling."""
    held_out: Annotated[float, Field(gt=0, lt=0.9)] | Annotated[list[Text], Field(min_length=1)] = 0.25
    """What is never trained on, for candidate and champion to be scored there: a share of the films, three at least; or
    names of films, groups (series) or sources of images, such as the values of their column `split`: `[PublicTest]`."""
    promote: Literal["gate", "hand"] = "gate"
    """`gate`: a candidate that passes the gate becomes champion. `hand`: a person decides."""
    epsilon: Annotated[float, Field(ge=0)] = 0.01
    """How much worse than the champion the lower bound of a candidate's score may be."""
    trials: PositiveInt = 20
    """How many trials `cinelake tune NAME` makes."""
    space: dict[str, SearchRange] = {}
    """What `tune` searches, by setting: `{choice: […]}`, `{uniform: [a, b]}`, `{log_uniform: […]}`, `{int: […]}`."""
    resources: ResourceSettings = ResourceSettings()
    """What one training needs of a cluster, and each trial of a tuning; the engine places it where that is."""


class MonitoringSettings(Settings):
    """What a run tells while it works; options of `cinelake run` go before."""

    log_json: Text | None = None
    """A file (relative to the manifest) to which every event is added as a line of JSON."""
    metrics_port: Annotated[int, Field(ge=0, le=65535)] | None = None
    """Port on loopback where Prometheus finds the metrics while a run lasts; 0: any that is free."""
    metrics_file: Text | None = None
    """A file for the textfile collector of node_exporter, ending in `.prom`; written again while a run lasts."""

    def in_folder(self, base: Path) -> MonitoringSettings:
        """The same settings with absolute paths."""
        files = {name: getattr(self, name) for name in ("log_json", "metrics_file")}
        return self.model_copy(update={name: absolute(file, base) for name, file in files.items() if file})


class BoundSettings(Settings):
    """What a measure of the tables' quality must keep to; a publish fails where films break it."""

    at_least: float | None = None
    """The least that a film may have."""
    at_most: float | None = None
    """The most that a film may have."""
    allowed_share: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """The share of films that may break it."""

    @model_validator(mode="after")
    def _bounds_something(self) -> BoundSettings:
        if self.at_least is None and self.at_most is None:
            raise ValueError("expected at_least, at_most or both, received neither")
        return self

    def holds(self, value: float) -> bool:
        """Whether a value keeps to it."""
        return (self.at_least is None or value >= self.at_least) and (self.at_most is None or value <= self.at_most)

    def words(self) -> str:
        """The bound as people say it."""
        named = (("at least", self.at_least), ("at most", self.at_most))
        return " and ".join(f"{words} {value:g}" for words, value in named if value is not None)


class QualitySettings(Settings):
    """What is watched of the tables: which films stand out, and what a publish must keep to."""

    outlier_score: PositiveFloat = 3.5
    """A film stands out beyond this modified z-score (0.6745 of its distance from the median, in MADs)."""
    fewest_films: PositiveInt = 8
    """With fewer films nothing is said to stand out; with fewer new or earlier ones, nothing to have drifted."""
    bounds: dict[Text, BoundSettings] = {}
    """By `TABLE.MEASURE` (docs/tables.md lists them), or `TABLE.coverage`: the share of films that have the table."""


class PublishSettings(Settings):
    """The published copy: compacted, sorted, partitioned (`cinelake publish`)."""

    tables: list[Name] = []
    """Only these tables; by default all that are enabled."""
    blobs: bool = False
    """true: columns of bytes (`frames.jpeg`) are published too; they are most of a lake's size."""
    buckets: Annotated[int, Field(gt=0, le=4096)] | None = None
    """Files of each table; a film is in the one that the hash of its id names. By default one for each 100 films."""
    keep: PositiveInt = 5
    """How many versions are kept."""
    workers: Workers | None = None
    """Files made at the same time; by default the processors."""


class EntryOptions(Settings):
    """What may stand in every entry of `tasks`, beside the task's own parameters."""

    task: str | None = None
    """The task that makes this table; by default the one with the table's name."""
    enabled: bool = True
    """false: the parameters are kept and the table is not made."""
    inputs: dict[str, str] = {}
    """Which entry provides a table that the task reads, where it is not the one of that name."""
    resources: ResourceSettings = ResourceSettings()
    """What one run of the step needs, where the task's own declaration does not fit."""
    deadline_s: DeadlineSeconds | None = None
    """The step may take this long, whatever the film's length; by default see `defaults`."""
    model: ModelName | None = None
    """The trained model to apply: `NAME@champion` or `NAME@VERSION`; only of tasks that apply one."""


class Sections(Settings):
    """A pipeline of Cinelake: which tasks run on which films, and where."""

    lake: Text | LakeSettings
    """Where the tables are written: a folder, or a mapping with `uri` and the bucket's options."""
    catalogue: CatalogueSettings
    """The films."""
    streams: StreamSettings = StreamSettings()
    """Which streams of films are read, where they have several."""
    decode: DecodeSettings = DecodeSettings()
    """What decodes pictures."""
    staging: StagingSettings = StagingSettings()
    """Where films that are not on this machine's disk are copied to while they are worked on."""
    labels: Text = "labels"
    """The folder of people's labels; it is not part of the lake and is never derived."""
    engine: EngineSettings = EngineSettings()
    """Where the work runs."""
    defaults: DefaultSettings = DefaultSettings()
    """Deadlines, retries and limits."""
    tracking: TrackingSettings = TrackingSettings()
    """Where runs and trained models are recorded."""
    tasks: dict[str, dict[str, Any] | None] = Field(min_length=1)
    """The tables to make. An empty entry means the task's defaults."""
    quality: QualitySettings = QualitySettings()
    """What is watched of the tables."""
    publish: PublishSettings = PublishSettings()
    """The published copy."""
    models: dict[Name, ModelSettings] = {}
    """Learned models, by name."""
    schedules: dict[Name, ScheduleSettings] = {}
    """When flows run by themselves, by name."""
    triggers: dict[Name, TriggerSettings] = {}
    """What starts flows, by name."""
    deploy: DeploySettings = DeploySettings()
    """Whose deployments they are, and which workers run them."""
    limits: dict[Name, LimitSettings] = {}
    """Limits that runs share, by the name that they have in Prefect."""
    notifications: NotificationSettings = NotificationSettings()
    """Who is told when too much fails."""
    monitoring: MonitoringSettings = MonitoringSettings()
    """Logs for machines, and metrics."""
    server: ServerSettings = ServerSettings()
    """How long a run's own Prefect server stays."""
