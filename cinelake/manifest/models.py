"""The section `models`: named models with their code, configuration and inputs. One function a rule."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cinelake.errors import UnknownName, did_you_mean
from cinelake.manifest.problems import check
from cinelake.manifest.sections import ModelSettings
from cinelake.manifest.yaml import Document, Where
from cinelake.spec.model import Model, find_model, known_models
from cinelake.spec.space import space_problems
from cinelake.spec.task import Params, Resources, resolve_paths


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
    spec = _find(name, settings, document, where)
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


def _find(name: str, settings: ModelSettings, document: Document, where: Where) -> Model | None:
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
