"""The entries of `tasks` and `models`: from settings to named tables and models, their inputs and their order.

One function a rule.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from cinelake.errors import UnknownName, did_you_mean
from cinelake.manifest.problems import check, shown
from cinelake.manifest.sections import EntryOptions, ModelSettings
from cinelake.manifest.yaml import Document, Where
from cinelake.spec.model import Model, find_model, known_models
from cinelake.spec.names import RESERVED
from cinelake.spec.space import space_problems
from cinelake.spec.task import Params, Resources, TaskSpec, find_task, known_tasks, resolve_paths

_ENTRY_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


@dataclass(frozen=True)
class ModelEntry:
    """One named model. `spec`: its code; `config`: validated; `labels`: the label set's name; `inputs`: a table that
    it reads → the manifest's entry (or imported table of the lake) that provides it; `chosen`: what the configuration
    left open and the available tables decided."""

    name: str
    spec: Model
    config: Params
    labels: str
    settings: ModelSettings = field(default_factory=ModelSettings)
    inputs: dict[str, str] = field(default_factory=dict)
    line: int = 0
    chosen: dict[str, Any] = field(default_factory=dict)

    @property
    def resources(self) -> Resources:
        """What one training needs: the model's own declaration, replaced by the manifest's where given."""
        return self.settings.resources.over(self.spec.resources)


def read_models(
    document: Document, models: Mapping[str, ModelSettings], base: Path, tables: Collection[str]
) -> dict[str, ModelEntry]:
    """The models by name; what is wrong is added to the document. tables: those that the manifest makes."""
    entries = {name: _read_model(document, name, settings, base, tables) for name, settings in models.items()}
    return {name: entry for name, entry in entries.items() if entry}


def _read_model(
    document: Document, name: str, settings: ModelSettings, base: Path, tables: Collection[str]
) -> ModelEntry | None:
    where: Where = ("models", name)
    spec = _find_kind(name, settings, document, where)
    if spec is None:
        return None
    config = _check_config(spec, settings.config, document, (*where, "config"))
    if config is None:
        return None
    problems = space_problems(config, settings.space)
    for setting, problem in problems.items():
        document.problem((*where, "space", setting), f"model {spec.name!r}: {problem}")
    if problems:
        return None
    entry = model_entry(name, spec, resolve_paths(config, base), settings, tables, document.line(where))
    for table in set(settings.inputs) - set(entry.inputs):
        message = f"model {spec.name!r} reads no table {table!r}{did_you_mean(table, list(entry.inputs))}"
        document.problem((*where, "inputs", table), message)
    return entry


def model_entry(
    name: str, spec: Model, config: Params, settings: ModelSettings, tables: Collection[str] = (), line: int = 0
) -> ModelEntry:
    """A model with the tables that its configuration reads, each from the entry the settings name."""

    def has(table: str) -> bool:
        return settings.inputs.get(table, table) in tables

    settled = spec.settle(config, has)
    chosen = {key: value for key, value in settled if value != getattr(config, key)}
    inputs = {table: settings.inputs.get(table, table) for table in spec.reads(settled)}
    return ModelEntry(name, spec, settled, settings.labels or name, settings, inputs, line, chosen)


def default_entry(name: str, tables: Collection[str] = ()) -> ModelEntry:
    """A model that the manifest does not configure: its kind has its name. Raises `UnknownName`."""
    spec = find_model(name)
    return model_entry(name, spec, spec.config(), ModelSettings(), tables)


def _find_kind(name: str, settings: ModelSettings, document: Document, where: Where) -> Model | None:
    try:
        return find_model(settings.model or name)
    except UnknownName as error:
        own = "" if settings.model else f" (or name its kind, as in `{name}: {{model: {known_models()[0]}}}`)"
        document.problem((*where, "model") if settings.model else where, f"{error}{own}")
    except ImportError as error:
        document.problem(where, f"the model {settings.model or name!r} cannot be loaded: {error}")
    return None


def _check_config(spec: Model, given: dict[str, Any], document: Document, where: Where) -> Params | None:
    known = list(spec.config.model_fields)
    strangers = [name for name in given if name not in known]
    for name in strangers:
        document.problem((*where, name), f"model {spec.name!r} has no setting {name!r}{did_you_mean(name, known)}")
    return check(spec.config, {k: v for k, v in given.items() if k not in strangers}, document, where)


@dataclass(frozen=True)
class TaskEntry:
    """One named table to make.

    name: the table's name, which is its folder in the lake. task: the task that makes it.
    params: the task's parameters, validated; paths relative to the manifest are resolved.
    inputs: a table that the task reads or follows → the entry that provides it, disabled entries included.
    resources: the task's own, with the entry's in their place where given.
    reads: the names of the tables that the task reads or follows, with those of the model that it applies.
    model: the trained model to apply (`NAME@champion`); of tasks that apply one only. learned: its entry.
    line: where the entry stands in the manifest. deadline_s: None: see `Manifest.defaults`.
    """

    name: str
    task: str
    spec: TaskSpec
    params: Params
    enabled: bool = True
    inputs: dict[str, str] = field(default_factory=dict)
    reads: tuple[str, ...] = ()
    resources: Resources = field(default_factory=Resources)
    model: str | None = None
    learned: ModelEntry | None = None
    line: int = 0
    deadline_s: float | None = None


def enabled_tables(tasks: Mapping[str, Any]) -> set[str]:
    """Names of the tables that section `tasks` makes, as it is written."""
    return {name for name, given in tasks.items() if not (isinstance(given, dict) and given.get("enabled") is False)}


def read_entries(
    document: Document, tasks: dict[str, Any], models: Mapping[str, ModelEntry], base: Path
) -> dict[str, TaskEntry]:
    """The entries of section `tasks` in dependency order; what is wrong is added to the document."""
    entries: dict[str, TaskEntry] = {}
    for name, settings in tasks.items():
        entry = _read_entry(document, name, settings, models, base)
        if entry:
            entries[name] = entry
    for entry in entries.values():
        for rule in (_inputs_are_declared, _inputs_fit, _inputs_are_there):
            for where, message in rule(entry, entries, tasks):
                document.problem(document.nearest(where), message)
    return _ordered(entries, document)


def _read_entry(
    document: Document, name: str, settings: Any, models: Mapping[str, ModelEntry], base: Path
) -> TaskEntry | None:
    where: Where = ("tasks", name)
    settings = {} if settings is None else settings
    if where in document.faulty or not _name_is_free(name, document) or not isinstance(settings, dict):
        return None
    given = {name: value for name, value in settings.items() if name in EntryOptions.model_fields}
    options = check(EntryOptions, given, document, where)
    spec = _find(name, settings, document)
    if spec is None:
        return None
    known = set(EntryOptions.model_fields) - set(spec.params.model_fields)
    params = _check_params(spec, {k: v for k, v in settings.items() if k not in known}, document, where)
    if options is None or params is None:
        return None
    learned = _learned(spec, options.model, models, document, where)
    if (options.model or spec.applies) and learned is None:
        return None
    return _entry(name, spec, resolve_paths(params, base), options, learned, document.line(where))


def _learned(
    spec: TaskSpec, model: str | None, models: Mapping[str, ModelEntry], document: Document, where: Where
) -> ModelEntry | None:
    """The model that an entry applies, as the manifest or its kind's defaults configure it."""
    where = (*where, "model") if model else where
    if not spec.applies:
        if model:
            document.problem(where, f"task {spec.name!r} applies no model, received {shown(model)}")
        return None
    name = (model or spec.applies).partition("@")[0]
    if ("models", name) in document.faulty:
        return None
    try:
        learned = models.get(name) or default_entry(name, enabled_tables(document.data["tasks"]))
    except UnknownName:
        hint = did_you_mean(name, [*models, spec.applies])
        document.problem(where, f"section `models` has no {name!r}{hint}")
        return None
    except ImportError as error:
        document.problem(where, f"the model {name!r} cannot be loaded: {error}")
        return None
    if learned.spec.name != spec.applies:
        kind = learned.spec.name
        document.problem(where, f"task {spec.name!r} applies models of kind {spec.applies!r}: {name!r} is a {kind!r}")
        return None
    return learned


def _entry(
    name: str, spec: TaskSpec, params: Params, options: EntryOptions, learned: ModelEntry | None, line: int
) -> TaskEntry:
    needed = learned.inputs if learned else {}
    reads = tuple(dict.fromkeys([*spec.inputs(params), *needed]))
    inputs = {table: options.inputs.get(table, needed.get(table, table)) for table in reads}
    return TaskEntry(
        name=name,
        task=spec.name,
        spec=spec,
        params=params,
        enabled=options.enabled,
        inputs={**inputs, **options.inputs},
        reads=reads,
        resources=options.resources.over(spec.resources),
        model=(options.model or f"{learned.name}@champion") if learned else None,
        learned=learned,
        line=line,
        deadline_s=options.deadline_s,
    )


def _name_is_free(name: str, document: Document) -> bool:
    """An entry's name becomes a folder of the lake and a name in SQL."""
    if not _ENTRY_NAME.fullmatch(name):
        message = f"expected a name of a-z, 0-9 and _ that begins with a letter, received {shown(name)}"
    elif name in (*RESERVED, "cells"):
        message = f"the lake has its own {name!r}: choose another name, as in `my_{name}: {{task: …}}`"
    else:
        return True
    document.problem(("tasks", name), message)
    return False


def _find(name: str, settings: dict[str, Any], document: Document) -> TaskSpec | None:
    """The task of an entry: its `task`, or else the one with the entry's name."""
    where: Where = ("tasks", name, "task") if "task" in settings else ("tasks", name)
    wanted = settings.get("task", name)
    if not isinstance(wanted, str) or where in document.faulty:
        return None
    if wanted != name and name in known_tasks():
        message = f"table {name!r} is the one of task {name!r}: give what {wanted!r} makes another name"
        document.problem(where, message)
        return None
    try:
        return find_task(wanted)
    except UnknownName as error:
        own = "" if "task" in settings else f" (or name its task, as in `{name}: {{task: …}}`)"
        document.problem(where, f"{error}{own}")
    except ImportError as error:
        document.problem(where, f"the task {wanted!r} cannot be loaded: {error}")
    return None


def _check_params(spec: TaskSpec, given: dict[str, Any], document: Document, where: Where) -> Params | None:
    """A task's parameters; the close matches of an unknown one include the options of every entry."""
    options = list(EntryOptions.model_fields)
    strangers = [name for name in given if name not in spec.params.model_fields]
    for name in strangers:
        hint = did_you_mean(name, [*spec.params.model_fields, *options])
        document.problem((*where, name), f"task {spec.name!r} has no parameter {name!r}{hint}")
    return check(spec.params, {k: v for k, v in given.items() if k not in strangers}, document, where)


TaskProblems = Iterator[tuple[Where, str]]


def _inputs_are_declared(entry: TaskEntry, entries: dict[str, TaskEntry], tasks: dict[str, Any]) -> TaskProblems:
    """`inputs` names only tables that the task reads."""
    known = entry.reads
    for table in entry.inputs:
        if table not in known:
            hint = did_you_mean(table, known) if known else ": it reads the film only"
            yield ("tasks", entry.name, "inputs", table), f"task {entry.task!r} reads no table {table!r}{hint}"


def _inputs_fit(entry: TaskEntry, entries: dict[str, TaskEntry], tasks: dict[str, Any]) -> TaskProblems:
    """What provides a table is made by that table's task; `embeddings_sound`, which no task writes, by `embeddings`."""
    for table, provider in entry.inputs.items():
        input_entry, task = entries.get(provider), table if table in known_tasks() else table.partition("_")[0]
        if input_entry and table in entry.reads and input_entry.task != task:
            where = ("tasks", entry.name, "inputs", table)
            yield where, f"expected a table made by task {task!r}, received {provider!r} made by {input_entry.task!r}"


def _inputs_are_there(entry: TaskEntry, entries: dict[str, TaskEntry], tasks: dict[str, Any]) -> TaskProblems:
    """What an enabled entry reads is made by the same manifest."""
    for table, provider in entry.inputs.items():
        if not entry.enabled or table not in entry.reads:
            continue
        where = ("tasks", entry.name, "inputs", table)
        if provider not in tasks:
            yield where, f"reads {provider!r}, which nothing makes: {_remedy(entry, table, provider, entries)}"
        elif provider in entries and not entries[provider].enabled:
            line = entries[provider].line
            yield where, f"reads {provider!r}, which is disabled on line {line}: enable it, or disable {entry.name!r}"


def _remedy(entry: TaskEntry, table: str, provider: str, entries: dict[str, TaskEntry]) -> str:
    others = [other.name for other in entries.values() if other.task == table and other.enabled]
    if others:
        return f"add `inputs: {{{table}: {others[0]}}}` to {entry.name!r}"
    return f"add `{provider}: {{}}`" if provider == table else f"add `{provider}: {{task: {table}}}`"


def _ordered(entries: dict[str, TaskEntry], document: Document) -> dict[str, TaskEntry]:
    """The entries, each after those it reads; a circle is a problem."""
    graph = {e.name: [p for p in e.inputs.values() if p in entries] for e in entries.values()}
    try:
        return {name: entries[name] for name in TopologicalSorter(graph).static_order()}
    except CycleError as error:
        circle: list[str] = list(reversed(error.args[1]))
        document.problem(("tasks", circle[0]), f"the tables wait for each other: {' → '.join(circle)}")
        return entries
