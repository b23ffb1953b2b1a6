"""How a task is declared, and how the core finds it by name.

A task is a class with a declaration; it imports no orchestrator and opens no file of the lake:

    @task(writes=SHOTS, reads=VideoStream(width=64, height=36), params=ShotsParams, version=1)
    class DetectShots:
        def __init__(self, params: ShotsParams, film: Film) -> None: ...
        def on_batch(self, batch: FrameBatch) -> Iterable[pa.RecordBatch]: ...   # rows that are ready, if any
        def finish(self) -> Iterable[pa.RecordBatch]: ...                        # the rest

A *stream* task reads the film's pictures or sound while it is decoded once; a *table* task reads tables of the
same film and has one method, `run(tables) -> Iterable[pa.RecordBatch]`. One task writes one table.

A stream task may follow another (`follows=("shots",)`): it has a method `on_rows(table, batch)` and is given
the rows of that table in order, either live in the same pass (right after the followed task emitted them, in
the same thread, before its own `on_batch` of the same pictures) or all before the first picture when the
table is fresh. Its output must be the same both ways. `on_rows(table, None)` says that no more will come; it
comes before `finish`.

A stream task that has a method `on_damage(damage)` is told before `finish` what was lost of a damaged film.

A stream task that chooses pictures (`chooses`) has a method `on_choice(film) -> Iterable[pa.RecordBatch]` besides,
which returns all of its rows: `film`, a `cinelake.media.chosen.ChosenPictures`, decodes what it asks for. Where all
pictures are decoded anyway, or have to be, a new one is given these by `on_batch`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol, TypeVar

from pydantic import BaseModel, Field

from cinelake.errors import UnknownName
from cinelake.spec.contract import Contract
from cinelake.spec.film import MAX_PIXELS, DecodeDevice
from cinelake.spec.installed import load, names_in
from cinelake.spec.roles import Role, RoleT
from cinelake.spec.settings import Settings
from cinelake.spec.streams import NO_CHOICES, PICTURES, SOUND, StreamChoices

if TYPE_CHECKING:
    import pyarrow as pa

    from cinelake.spec.film import Probe


ManifestPath = Annotated[Path, "manifest-relative"]
"""A parameter that names a file or folder: a relative path is relative to the manifest's folder."""

ADDED_LATER = "added later"
"""Marks a parameter that came after tables were made: at its default it enters no key, so that these stay fresh."""


class Params(Settings):
    """Base of a task's parameters."""


@dataclass(frozen=True)
class VideoStream:
    """The pictures a task wants.

    `width` × `height`: exactly this size (the picture is squeezed). `max_width`: the display aspect is kept
    (rotation and non-square pixels respected), never wider than this, never enlarged; sizes are even.
    `fps`: only the first picture at or after each multiple of 1/fps seconds; None: every picture.
    """

    width: int | None = None
    height: int | None = None
    max_width: int | None = None
    pixel_format: Literal["rgb24", "gray", "yuv420p"] = "rgb24"
    fps: float | None = None


@dataclass(frozen=True)
class SoundStream:
    """The sound a task wants: mono or stereo float32 at `sample_rate` Hz, silence-filled where packets lack."""

    sample_rate: int = 16000
    channels: int = 1


@dataclass(frozen=True)
class VideoClock:
    """Only frame numbers and presentation times of every picture, no pixels."""


Stream = VideoStream | SoundStream | VideoClock


@dataclass(frozen=True)
class Resources:
    """What one run of the task's step needs; the engine maps it to its own terms.

    cpus: unless it is given, one, and none beside a GPU: a decoder that keeps a processor must not hold a GPU up.
    """

    cpus: float | None = None
    gpus: float = 0.0
    memory_gb: float = 1.0

    @property
    def processors(self) -> float:
        """How many processors are kept."""
        return float(not self.gpus) if self.cpus is None else self.cpus

    @classmethod
    def most(cls, several: Iterable[Resources]) -> Resources:
        """The most that any asks for: what a step needs that runs them one after the other or shares one decode."""
        known = list(several) or [cls()]
        gpus = max(r.gpus for r in known)
        keeping = [r for r in known if r.gpus or not gpus]
        return cls(max(r.processors for r in keeping), gpus, max(r.memory_gb for r in known))


@dataclass(frozen=True)
class Film:
    """The film a task works on. `path` is a local file; `probe` is None for table tasks.

    keeps_damaged: what can be read of a damaged film is kept. accepts_colours: its pictures are wanted though their
    colours come out wrong. max_pixels: larger pictures are not decoded.
    """

    movie_id: str
    path: str = ""
    uri: str = ""
    title: str = ""
    size_bytes: int = 0
    fingerprint: str = ""
    probe: Probe | None = None
    beside: tuple[str, ...] = ()
    """Files that lie beside it and belong to it, of the kinds that tasks of the manifest declare."""
    choices: StreamChoices = NO_CHOICES
    """Which of its streams are wanted."""
    keeps_damaged: bool = False
    accepts_colours: bool = False
    max_pixels: int = MAX_PIXELS
    decode_device: DecodeDevice = "cpu"
    """What decodes its pictures."""


class TableReader(Protocol):
    """A committed table of one film, as table tasks see it."""

    def batches(self, columns: list[str] | None = None) -> Iterable[pa.RecordBatch]:
        """The rows in order, in batches of bounded size, with only these columns."""

    def read(self, columns: list[str] | None = None) -> pa.Table:
        """The whole table, for tables known to be small."""


Reads = Stream | tuple[str, ...]


@dataclass(frozen=True)
class TaskSpec:
    """A task's declaration. `name` is the table's; see `task` for the rest."""

    name: str
    contract: Contract
    reads: Callable[[Any], Reads]
    params: type[Params]
    version: int
    revision: int
    follows: tuple[str, ...]
    resources: Resources
    preflight: Callable[[Any], dict[str, str]]
    make: Callable[..., Any]
    catalogued: bool = False
    applies: str = ""
    beside: tuple[str, ...] = ()
    roles: tuple[Role, ...] = ()
    doc: str = ""
    apart: Callable[[Any], int] = lambda _: 0
    chooses: Callable[[Any], bool] = lambda _: False

    def role(self, kind: type[RoleT]) -> RoleT | None:
        """What the task declares of this kind; None where it declares nothing."""
        return next((role for role in self.roles if isinstance(role, kind)), None)

    def stream(self, params: Params) -> Stream | None:
        """The stream the task reads with these parameters; None for a table task."""
        reads = self.reads(params)
        return None if isinstance(reads, tuple) else reads

    def kind(self, params: Params) -> str:
        """Which kind of the film's streams the task reads with these parameters; '' for a table task."""
        stream = self.stream(params)
        return "" if stream is None else SOUND if isinstance(stream, SoundStream) else PICTURES

    def inputs(self, params: Params) -> tuple[str, ...]:
        """Names of the tables the task needs with these parameters: those it reads and those it follows."""
        reads = self.reads(params)
        return tuple(dict.fromkeys((*(reads if isinstance(reads, tuple) else ()), *self.follows)))


class NoParams(Params):
    """The parameters of a task that has none."""


Made = TypeVar("Made")


def task(
    *,
    writes: Contract,
    reads: Stream | list[str] | Callable[[Any], Stream | list[str]],
    params: type[Params] = NoParams,
    version: int,
    revision: int = 1,
    follows: tuple[str, ...] = (),
    resources: Resources | None = None,
    preflight: Callable[[Any], dict[str, str]] | None = None,
    catalogued: bool = False,
    applies: str = "",
    beside: tuple[str, ...] = (),
    roles: Sequence[Role] = (),
    apart: Callable[[Any], int] | None = None,
    chooses: Callable[[Any], bool] | None = None,
) -> Callable[[type[Made]], type[Made]]:
    """Declare a class as the task that writes a table.

    reads: the stream, or the names of the tables, it reads; or a function of the parameters that returns either.
    version: raise it when the meaning of the output changes (reaches descendants).
    revision: raise it when only this table changes (a column added).
    preflight: called with the parameters before any film is touched; raises `WeightsMissing` or
        `ModelUnusable`, and returns what enters the key beside the parameters (digests of model files). It must
        be cheap and import nothing heavy: planning calls it.
    catalogued: the film's title and uri, as the catalogue has them, enter the key.
    applies: the kind of learned model that the task applies: it is made as `Task(params, film, artefact)` and reads
        that model's tables beside its own.
    beside: suffixes of files that lie beside the film and are read too (`.srt`): their contents enter the key, their
        paths are the film's `beside`. A task that reads these and the film's file, and no table, has `reads=[]`.
    apart: with these parameters, how many rows of the first table that it reads it looks at by themselves: given a part
        of that table that begins at a multiple of it, the task returns that part of its rows, so that a long film's
        table may be made in pieces by several processes. 0, and without it: only from the whole table. Where a row may
        go over several parts, the task has beside `run(tables)` two methods: `parts(tables)` returns what it finds in a
        part as batches of a schema of its own, `gather(parts)` the rows, made of those of all parts in order.
    chooses: whether a stream task with these parameters can do with some of the film's pictures, and says which.
    roles: what the core may use the table for, one of a kind (see `cinelake.spec.roles`).
    """

    def declare(cls: type[Made]) -> type[Made]:
        cls.spec = TaskSpec(  # type: ignore[attr-defined]
            name=writes.table,
            contract=writes,
            reads=_reads_of(reads),
            params=params,
            version=version,
            revision=revision,
            follows=follows,
            resources=resources or Resources(),
            preflight=preflight or (lambda _: {}),
            make=cls,
            catalogued=catalogued,
            applies=applies,
            beside=beside,
            roles=tuple(roles),
            apart=apart or (lambda _: 0),
            chooses=chooses or (lambda _: False),
            doc=(cls.__doc__ or "").strip(),
        )
        return cls

    return declare


def _reads_of(reads: Any) -> Callable[[Any], Reads]:
    given = reads if callable(reads) else (lambda _: reads)

    def resolved(params: Any) -> Reads:
        streams_or_tables = given(params)
        return tuple(streams_or_tables) if isinstance(streams_or_tables, list) else streams_or_tables

    return resolved


@cache
def known_tasks() -> tuple[str, ...]:
    """Names of all tasks: modules and folders of the room `tasks`, and entry points of group `cinelake.tasks`."""
    return names_in("tasks")


@cache
def find_task(name: str) -> TaskSpec:
    """The declaration of the task called `name`; raises `UnknownName` with close matches."""
    if name not in known_tasks():
        raise UnknownName("task", name, known_tasks())
    return _spec_in(load("tasks", name), name)


def tasks_with(kind: type[RoleT]) -> dict[str, RoleT]:
    """Task → its role, of all tasks that declare one of this kind, by name."""
    roles = {name: find_task(name).role(kind) for name in known_tasks()}
    return {name: role for name, role in roles.items() if role is not None}


def _spec_in(loaded: Any, name: str) -> TaskSpec:
    if hasattr(loaded, "spec") and isinstance(loaded.spec, TaskSpec):
        return loaded.spec
    for value in vars(loaded).values():
        spec = getattr(value, "spec", None)
        if isinstance(spec, TaskSpec) and spec.name == name:
            return spec
    raise UnknownName("task", name, [n for n in known_tasks() if n != name])


def resolve_paths(params: Params, base: Path) -> Params:
    """The parameters with every `ManifestPath` (in submodels and lists too) made absolute from `base`."""
    resolved: Params = _resolve_model(params, base)
    return resolved


def _resolve_model(model: Any, base: Path) -> Any:
    update = {}
    for name, info in type(model).model_fields.items():
        value = getattr(model, name)
        resolved = _resolve(value, base, names_path(info))
        if resolved is not value:
            update[name] = resolved
    return model.model_copy(update=update) if update else model


def _resolve(value: Any, base: Path, marked: bool) -> Any:
    if isinstance(value, BaseModel):
        return _resolve_model(value, base)
    if isinstance(value, Path):
        return (base / value).absolute() if marked and not value.is_absolute() else value
    if isinstance(value, (list, tuple)):
        return type(value)(_resolve(item, base, marked) for item in value)
    if isinstance(value, dict):
        return {key: _resolve(item, base, marked) for key, item in value.items()}
    return value


def names_path(field: Any) -> bool:
    """Whether a field of parameters names a file or folder: `ManifestPath` is in its annotation, or is all of it."""
    return _is_marked(field.annotation) or _is_marked(field)


def _is_marked(annotation: Any) -> bool:
    mark = ManifestPath.__metadata__[0]  # type: ignore[attr-defined]
    if mark in getattr(annotation, "metadata", ()) or mark in getattr(annotation, "__metadata__", ()):
        return True
    return any(_is_marked(inner) for inner in getattr(annotation, "__args__", ()))


__all__ = [
    "Field",
    "Film",
    "ManifestPath",
    "Params",
    "Resources",
    "SoundStream",
    "Stream",
    "TableReader",
    "TaskSpec",
    "VideoClock",
    "VideoStream",
    "find_task",
    "known_tasks",
    "names_path",
    "resolve_paths",
    "task",
    "tasks_with",
]
