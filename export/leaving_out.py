"""What a supercut leaves out: where what is not wanted holds, to the picture, and what then remains.

A picture is left out when it is shown at any time of an unwanted span, not only when it begins in it: of a film whose
pictures stand long, the one that is still shown goes too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from cinelake.errors import UnknownName, UsageError
from cinelake.lake.champions import find_applied, open_applied
from cinelake.search.spans import TOUCH_S, Span, combined, merged, within
from cinelake.spec.model import find_model
from export.film import FilmReader
from export.supercut import appearing, felt, labelled, numbered, numbers, of_beats, tagged
from models.identities.predict import APPLIED

if TYPE_CHECKING:
    from cinelake.media.clock import FilmClock

KINDS = ("tag", "beat", "character", "person", "scene", "affect")
"""What may be left out: a tag needs no word before it, nor does a condition on the affect."""


@dataclass(frozen=True)
class Unwanted:
    """One thing to leave out: of which kind, and its name, number or condition."""

    kind: str
    value: str


def parse_unwanted(texts: Iterable[str]) -> list[Unwanted]:
    """What `--without` names: `nudity`, `tag:nudity`, `beat:fight`, `person:ada`, `scene:3`, `arousal>0.8`.

    Raises `UsageError` for a kind without a value.
    """
    found = []
    for text in texts:
        kind, colon, value = (part.strip() for part in text.partition(":"))
        if colon and kind in KINDS:
            if not value:
                raise UsageError(f"--without {text!r} names no {kind}")
            found.append(Unwanted(kind, value))
        else:
            found.append(Unwanted("affect" if set("<>") & set(text) else "tag", text.strip()))
    return found


def unwanted_spans(
    tables: FilmReader, wanted_out: Sequence[Unwanted], labels: str, min_probability: float
) -> tuple[list[Span], list[str]]:
    """The disjoint spans of a film in which any of these holds, and what must be told of how they were found.

    labels: the set of people's labels that tags are taken from, instead of the model's. Raises `UnknownName` for what
    neither the film nor the model knows, `UsageError` for a table that is missing, or labels that say nothing of it.
    """
    ways: Mapping[str, Callable[[str], list[Span]]] = {
        "tag": lambda tag: _of_tag(tables, tag, labels, min_probability),
        "beat": lambda name: _known_beat(tables, name, min_probability),
        "character": lambda name: _known_name(tables, "appearances", "character", name),
        "person": lambda name: _known_name(tables, "actor_appearances", "person", name),
        "scene": lambda number: numbered(tables.read("scenes"), numbers("--without scene:", [number])),
        "affect": lambda condition: felt(tables.read("affect"), condition),
    }
    selectors = [ways[each.kind](each.value) for each in wanted_out]
    told = [
        f"nothing of {tables.film.movie_id} carries {each.value!r}: it leaves nothing out"
        for each, spans in zip(wanted_out, selectors, strict=True)
        if not spans
    ]
    if any(each.kind == "tag" for each in wanted_out) and not labels:
        told += _unseen_tags(tables, min_probability)
    return combined(selectors, either=True), told


def _of_tag(tables: FilmReader, tag: str, labels: str, min_probability: float) -> list[Span]:
    if labels:
        rows = tables.labels(labels)
        if not len(rows):
            raise UsageError(f"the labels {labels!r} say nothing of {tables.film.movie_id}: what it shows is not known")
        by_shots = "start_shot" in rows.column_names and rows["start_shot"].null_count < len(rows)
        if tag not in rows["tag"].to_pylist():
            _check_known("tag", tag, tables.labels_of_all(labels)["tag"].drop_null().to_pylist())
            return []
        return labelled(rows, tables.read("shots") if by_shots else None, [tag])
    rows = tables.tags([tag])
    if tag not in rows["tag"].to_pylist():
        _check_known("tag", tag, [*rows["tag"].to_pylist(), *_vocabulary(tables, "tag_shots", "tag")])
        return []
    return tagged(rows, tables.read("shots"), [tag], min_probability)


def _known_beat(tables: FilmReader, name: str, min_confidence: float) -> list[Span]:
    rows = tables.read("beats")
    _check_known("beat", name, [*rows["category"].to_pylist(), *_vocabulary(tables, "beats", "category")])
    return of_beats(rows, [name], min_confidence) if name in rows["category"].to_pylist() else []


def _known_name(tables: FilmReader, task: str, kind: str, name: str) -> list[Span]:
    rows = tables.read(task)
    _check_known(kind, name, [*rows["character"].to_pylist(), *_vocabulary(tables, task, "character")])
    return appearing(rows, [name]) if name in rows["character"].to_pylist() else []


def _check_known(kind: str, name: str, known: Iterable[str]) -> None:
    """Raise `UnknownName`: a slip of the pen must not leave in what was to go."""
    if name not in (names := sorted(set(known))):
        raise UnknownName(kind, name, names)


def _vocabulary(tables: FilmReader, task: str, column: str) -> Sequence[str]:
    """The values that the model which made a table can give; empty where no model of the lake made it."""
    model = _model_of(tables, task)
    return model.vocabularies.get(column, ()) if model else ()


@dataclass(frozen=True)
class _Model:
    """What the model that made a table says of its output. threshold: below which it leaves values out, if it does.

    vocabularies: its configuration's; of characters and people, where that lists none, those that it has learned.
    """

    vocabularies: Mapping[str, Sequence[str]]
    threshold: float | None


def _model_of(tables: FilmReader, task: str) -> _Model | None:
    made_by = tables.footer(task).ingredients.get("model") or {}
    applied = find_applied(tables.lake, f"{made_by['name']}@{made_by['version']}") if made_by else None
    if applied is None:
        return None
    artefact = open_applied(tables.lake, applied)
    config, facts = artefact.config, artefact.facts
    cast = facts.get("characters") or facts.get(f"{APPLIED}people") or facts.get("people")
    vocabularies = {"character": cast} if cast else {}
    vocabularies |= find_model(applied.kind).vocabularies(config)
    return _Model(vocabularies, getattr(config, "threshold", None))


def _unseen_tags(tables: FilmReader, min_probability: float) -> list[str]:
    """What tells that the table of tags holds fewer tags than were asked for."""
    params = tables.footer("tag_shots").ingredients.get("params") or {}
    least, most, model = params.get("threshold"), params.get("top"), _model_of(tables, "tag_shots")
    least = model.threshold if least is None and model else least
    told = []
    if least is not None and least > min_probability:
        told.append(
            f"tag_shots holds no tag below {least:g}, so that nothing between {min_probability:g} and it is left out: "
            f"`tag_shots: {{threshold: {min_probability:g}}}` would have it hold them"
        )
    if most is not None:
        told.append(f"tag_shots holds the {most} most probable tags of a shot: without `top` it holds all")
    return told


def to_pictures(clock: FilmClock, spans: Iterable[Span], margin_s: float = 0.0) -> list[Span]:
    """Spans widened by the margin and then to the pictures shown in them, merged, in the order of the film."""
    from cinelake.media.clock import SLACK_S

    wide = [replace(span, start_s=span.start_s - margin_s, end_s=span.end_s + margin_s) for span in spans]
    tick_s = float(clock.time_base)
    found = []
    for span in within(wide, clock.end_s):
        first = int(np.searchsorted(clock.ticks, (span.start_s + SLACK_S) / tick_s, side="right")) - 1
        begin_s = clock.seconds(int(clock.ticks[max(0, first)]))
        cut = clock.cut(begin_s, max(span.end_s, begin_s))
        if cut.frames:
            found.append(replace(span, start_s=begin_s, end_s=clock.seconds(cut.end_tick)))
    return merged(found)


def split(spans: Sequence[Span], unwanted: Sequence[Span]) -> tuple[list[Span], list[Span]]:
    """What remains of spans without the unwanted ones (disjoint, in film order), and what of them is left out."""
    kept, left_out = [], []
    for span in spans:
        at = span.start_s
        for out in unwanted:
            start, end = max(at, out.start_s), min(span.end_s, out.end_s)
            if end - start <= TOUCH_S:
                continue
            kept.append(replace(span, start_s=at, end_s=start))
            left_out.append(replace(out, start_s=start, end_s=end))
            at = end
        kept.append(replace(span, start_s=at))
    return [span for span in kept if span.length_s > TOUCH_S], merged(left_out)
