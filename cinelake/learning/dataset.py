"""From labels and tables of the lake to examples: one film each, with features, targets and what is known."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from cinelake.errors import CannotTrain, CinelakeError, UnknownName
from cinelake.labels.store import LabelSet, label_versions, no_labels, read_labels
from cinelake.lake.cells import Lake
from cinelake.lake.spill import SpillBuffer
from cinelake.manifest.document import Manifest, ModelEntry
from cinelake.plan.build import Planning, plan_manifest
from cinelake.spec.arrays import Arrays
from cinelake.spec.components import Component
from cinelake.spec.example import Example
from cinelake.spec.roles import Components
from cinelake.spec.task import Params, TableReader
from cinelake.storage.content import digest

OnFilm = Callable[[int, int, str], None]
"""Called before each film with how many are done, how many there are, and which one comes."""
SHOWN_LEFT_OUT = 8


@dataclass(frozen=True)
class Dataset:
    """What a model learns from.

    examples: one a film. left_out: labelled films that are not among them, and why. inputs: table → recipe hash of what
    makes it. components: what others published that these are made with. tables: film → table → key of its cell.
    labels: the label set they come from. config: the model's, with what it leaves to the labels chosen by them. key:
    changes when anything of this but `config` does.
    """

    examples: tuple[Example, ...]
    labels: LabelSet
    config: Params
    left_out: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)
    tables: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    components: tuple[Component, ...] = ()

    @property
    def key(self) -> str:
        """A hash of labels, tables and their makers."""
        return digest([self.labels.key, dict(self.inputs), {film: dict(keys) for film, keys in self.tables.items()}])


@dataclass(frozen=True)
class _Source:
    """Where one model's input tables come from."""

    manifest: Manifest
    entry: ModelEntry
    planning: Planning
    lake: Lake
    labels: LabelSet

    def group(self, movie_id: str) -> str:
        """What a film must not be parted from: its series; images cut from a film stay with the film."""
        films = self.planning.films
        known = next((name for name in (movie_id, movie_id.removeprefix("images_")) if name in films), None)
        return films[known].group or known if known else movie_id


def gather(
    manifest: Manifest, entry: ModelEntry, label_set: str | None = None, *, on_film: OnFilm = lambda *_: None
) -> Dataset:
    """The examples of a model: every labelled film whose input tables are in the lake and fresh.

    A model whose films teach without labels (`least_classes` 0) has all films where no labels are named nor imported.

    label_set: another set than the model's own. Features that do not fit memory are on disk (`cinelake.lake.spill`).
    Raises `CannotTrain` when there is nothing to learn from, with what to do.
    """
    planning = plan_manifest(manifest)
    labels = _labels_of(manifest, entry, label_set, planning)
    return _gathered(manifest, entry, planning, labels, labels.films(), on_film)


def gather_all(
    manifest: Manifest,
    entry: ModelEntry,
    films: Sequence[str] = (),
    *,
    with_labels: bool = True,
    and_labelled: bool = False,
    on_film: OnFilm = lambda *_: None,
) -> Dataset:
    """As `gather`, of all films whose input tables are in the lake, labelled or not; labelled stills are left out.

    films: only these; and_labelled: and those that are labelled. with_labels: else as if nobody had labelled anything.
    Raises `CannotTrain` where there is none, `UnknownName` for films that are not known.
    """
    planning = plan_manifest(manifest)
    root, contract = Path(manifest.labels), entry.spec.labels
    labels = LabelSet(entry.labels, contract.schema.empty_table(), "", ())
    if with_labels and label_versions(root, entry.labels):
        labels = read_labels(root, entry.labels, contract)
    made = set(manifest.enabled)
    imported = [planning.lake.storage.files(table) for table in entry.inputs.values() if table not in made]
    known = {*planning.films, *(name.removesuffix(".parquet") for names in imported for name in names)}
    for movie_id in films:
        if movie_id not in known:
            raise UnknownName("film", movie_id, sorted(known))
    wanted = {*films} or known
    wanted |= known.intersection(labels.films()) if and_labelled else set()
    return _gathered(manifest, entry, planning, labels, sorted(wanted), on_film)


def _gathered(
    manifest: Manifest,
    entry: ModelEntry,
    planning: Planning,
    labels: LabelSet,
    films: Sequence[str],
    on_film: OnFilm,
) -> Dataset:
    entry = replace(entry, config=entry.spec.settle_by_labels(entry.config, labels.table))
    source = _Source(manifest, entry, planning, planning.lake, labels)
    usable, left_out = _usable(source, films)
    inputs = _identities(source, usable)
    examples, tables, buffer = [], {}, SpillBuffer()
    for number, movie_id in enumerate(usable):
        on_film(number, len(usable), movie_id)
        features, tables[movie_id] = _features_of(source, movie_id)
        kept = buffer.keep(features)
        targets = entry.spec.targets(labels.of(movie_id), kept, entry.config)
        in_time = not image_file(manifest, labels, movie_id).is_file()
        examples.append(Example(movie_id, source.group(movie_id), kept, targets, in_time))
    _check_sizes(examples)
    return Dataset(tuple(examples), labels, entry.config, left_out, inputs, tables, _components(source))


def _labels_of(manifest: Manifest, entry: ModelEntry, label_set: str | None, planning: Planning) -> LabelSet:
    """The labels; the films alone where these may teach, and no labels are named or imported."""
    root, name, contract = Path(manifest.labels), label_set or entry.labels, entry.spec.labels
    unnamed = label_set is None and entry.settings.labels is None and not label_versions(root, name)
    if entry.spec.least_classes == 0 and unnamed:
        return no_labels(name, contract, sorted(planning.films))
    return read_labels(root, name, contract)


def _usable(source: _Source, films: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """The films whose inputs are present, and the others with the reason. Raises `CannotTrain` without any."""
    states = {(cell.movie_id, cell.table): cell.state for cell in source.planning.whole.cells}
    labels = source.labels
    usable, left_out = [], {}
    for movie_id in films:
        why = "" if image_file(source.manifest, labels, movie_id).is_file() else _why_not(source, movie_id, states)
        if why:
            left_out[movie_id] = why
        else:
            usable.append(movie_id)
    if not usable:
        shown = [f"  {movie_id}: {why}" for movie_id, why in list(left_out.items())[:SHOWN_LEFT_OUT]]
        more = [f"  and {len(left_out) - SHOWN_LEFT_OUT} more"] if len(left_out) > SHOWN_LEFT_OUT else []
        with_labels = f" with labels {labels.name!r}" if labels.versions else ""
        head = f"none of the {len(left_out)} films{with_labels} can teach {source.entry.name!r}:"
        raise CannotTrain("\n".join([head, *shown, *more]))
    return usable, left_out


def _why_not(source: _Source, movie_id: str, states: Mapping[tuple[str, str], str]) -> str:
    for table, provider in source.entry.inputs.items():
        if provider in source.manifest.enabled:
            state = states.get((movie_id, provider))
            if state is None:
                return "it is not in the catalogue"
            if state != "fresh":
                again = "" if state == "stale" else " --failed"  # what is known to be bad is not tried again without
                return f"its {provider} is {state}: `cinelake run --select +{provider} --movie {movie_id}{again}`"
        elif source.lake.footer(provider, movie_id) is None:
            named = f" (`inputs: {{{table}: …}}` of the model)" if table != provider else ""
            return f"the lake has no {provider}{named} of it, and nothing in the manifest makes it"
    return ""


def image_file(manifest: Manifest, labels: LabelSet, movie_id: str) -> Path:
    """Where the pictures of an imported folder lie, if `movie_id` is one."""
    return Path(manifest.labels) / labels.name / "images" / f"{movie_id}.parquet"


def _features_of(source: _Source, movie_id: str) -> tuple[Arrays, dict[str, str]]:
    """One film's features, and the keys of the cells that they come from."""
    from cinelake.learning.images import image_features, image_features_cache

    entry, pictures = source.entry, image_file(source.manifest, source.labels, movie_id)
    if pictures.is_file():
        made = image_features(pictures, entry.inputs, source.manifest.tasks, image_features_cache())
        return _checked(entry, movie_id, made), {"images": movie_id}
    tables: dict[str, TableReader] = {t: source.lake.reader(p, movie_id) for t, p in entry.inputs.items()}
    footers = {table: source.lake.footer(provider, movie_id) for table, provider in entry.inputs.items()}
    return _checked(entry, movie_id, tables), {table: footer.key for table, footer in footers.items() if footer}


def _checked(entry: ModelEntry, movie_id: str, tables: Mapping[str, TableReader]) -> Arrays:
    """The model's features of a film. Raises `CannotTrain` for NaN or infinite values and unequal lengths."""
    try:
        features = entry.spec.features(tables, entry.config)
    except CinelakeError as error:
        raise CannotTrain(f"{entry.name}: features of {movie_id}: {error}") from error
    steps = len(features["time_s"])
    for name, values in features.items():
        if len(values) != steps:
            raise CannotTrain(f"{entry.name}: {name} of {movie_id} has {len(values)} steps, time_s has {steps}")
        if np.issubdtype(values.dtype, np.floating) and not np.isfinite(values).all():
            bad = int((~np.isfinite(values)).reshape(steps, -1).any(axis=1).sum())
            raise CannotTrain(f"{entry.name}: {name} of {movie_id} holds NaN or infinite values in {bad} steps")
    return features


def _identities(source: _Source, films: Sequence[str]) -> dict[str, str]:
    """Table → recipe hash of what makes it. Raises `CannotTrain` when imported films disagree."""
    recipe_hashes = {}
    for table, provider in source.entry.inputs.items():
        planned = source.planning.whole.by_table.get(provider)
        recipe_hashes[table] = planned.recipe_hash if planned else _imported_recipe_hash(source.lake, provider, films)
    return recipe_hashes


def _components(source: _Source) -> tuple[Component, ...]:
    """What others published that the input tables are made with, and the tables that these are made from."""
    found: dict[Component, None] = {}
    seen, ahead = set(), list(source.entry.inputs.values())
    while ahead:
        planned = source.planning.whole.by_table.get(name := ahead.pop(0))
        if planned is None or name in seen:
            continue
        seen.add(name)
        ahead += planned.inputs.values()
        role = source.manifest.tasks[name].spec.role(Components)
        found |= dict.fromkeys(role.of(planned.recipe.params) if role else ())
    return tuple(found)


def _imported_recipe_hash(lake: Lake, provider: str, films: Sequence[str]) -> str:
    makers: dict[str, str] = {}
    for movie_id in films:
        footer = lake.footer(provider, movie_id)
        if footer:
            about = {k: v for k, v in footer.ingredients.items() if k not in ("fingerprint", "source", "source_digest")}
            makers.setdefault(digest(about), movie_id)
    if len(makers) > 1:
        one, other = list(makers.values())[:2]
        raise CannotTrain(f"{provider} of {one} and of {other} were made in different ways: import them in one way")
    return next(iter(makers), "")


def _check_sizes(examples: Sequence[Example]) -> None:
    """Raise `CannotTrain` when vectors of two films differ in size: they come from different backbones."""
    first, *others = [example for example in examples if len(example)] or examples[:1]
    for example in others:
        for name, values in example.features.items():
            if values.shape[1:] != first.features[name].shape[1:]:
                raise CannotTrain(
                    f"{name} has {values.shape[1:]} numbers a step in {example.movie_id} and "
                    f"{first.features[name].shape[1:]} in {first.movie_id}: they come from different backbones; make "
                    "all of one table with the same one"
                )


def known_steps(examples: Sequence[Example]) -> int:
    """How many steps are trained on or scored."""
    return sum(int(example.targets["known"].sum()) for example in examples)


def by_film(examples: Sequence[Example]) -> Iterator[tuple[str, list[Any]]]:
    """The examples (films, or their blocks) of each film."""
    for movie_id in sorted({example.movie_id for example in examples}):
        yield movie_id, [example for example in examples if example.movie_id == movie_id]
