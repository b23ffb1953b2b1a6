"""The moments of films that are worth a label next: they stand for many doubtful ones, and come from many films."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from cinelake.errors import CannotTrain, ModelUnusable, UsageError
from cinelake.lake.cells import Lake
from cinelake.lake.champions import open_applied, read_champion_record
from cinelake.learning.choosing import choose, compared, disagreement, doubt_of, learned_probability, worth_of
from cinelake.learning.dataset import Dataset, OnFilm, gather_all
from cinelake.learning.partly_labelled import partly_settings
from cinelake.manifest.document import Manifest, ModelEntry
from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.artefact import Artefact
from cinelake.spec.example import Example
from cinelake.spec.labelling import Classes, Labelling, Question

LEAST_TO_LEARN = 4
"""With fewer labelled moments nothing is learned from them."""


@dataclass(frozen=True)
class MomentToLabel:
    """A step of a film that is worth a label.

    start_s, end_s: when it begins and ends (both the same for a moment without length). doubt: 0 to 1; None where
    nothing is known yet. guess: what holds most likely, with its probability. extent: the label's columns that say
    which step it is, `movie_id` first. picture: small and grey, of the step itself; None without one.
    """

    movie_id: str
    start_s: float
    end_s: float
    doubt: float | None
    guess: str
    probability: float | None
    extent: Mapping[str, Any]
    picture: Array | None = None

    def to_json(self) -> dict[str, Any]:
        """The moment for machines."""
        about = {"movie_id": self.movie_id, "start_s": self.start_s, "end_s": self.end_s, "doubt": self.doubt}
        return {**about, "guess": self.guess, "probability": self.probability, "label": dict(self.extent)}


@dataclass(frozen=True)
class NextLabels:
    """What to label next.

    by: whose doubt decides: `champion 3`, `labels`, or `difference` where labels are too few, or all alike. labelled,
    unlabelled: moments of so many films that were looked at. notes: what whoever labels ought to know. columns: of a
    file of labels; class_column: the one that holds the class, where there is one.
    """

    model: str
    moments: tuple[MomentToLabel, ...]
    question: Question
    by: str
    labelled: int
    unlabelled: int
    looked_at: int
    columns: tuple[str, ...]
    class_column: str | None
    dataset: Dataset
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """What to label next, for machines."""
        about = {
            "model": self.model,
            "by": self.by,
            "labelled": self.labelled,
            "unlabelled": self.unlabelled,
            "films_looked_at": self.looked_at,
        }
        left_out = dict(self.dataset.left_out)
        moments = [moment.to_json() for moment in self.moments]
        return {**about, "left_out": left_out, "notes": list(self.notes), "moments": moments}


@dataclass
class _Steps:
    """All steps of the films: their film and number, whether they are labelled, may be asked about, and their view.

    films: those that are asked about; none: all.
    """

    examples: Sequence[Example]
    labelling: Labelling
    config: Any
    films: Sequence[str]
    known: Array = field(init=False)
    askable: Array = field(init=False)
    of_asked: Array = field(init=False)
    film: Array = field(init=False)
    number: Array = field(init=False)
    x: Array = field(init=False)

    def __post_init__(self) -> None:
        films = self.examples
        self.known = np.concatenate([example.targets["known"] for example in films])
        can = np.concatenate([self.labelling.askable(example.features) for example in films])
        asked = [not self.films or example.movie_id in self.films for example in films]
        self.of_asked = np.repeat(asked, [len(example) for example in films])
        self.askable = can & ~self.known & self.of_asked
        self.film = np.repeat(np.arange(len(films)), [len(example) for example in films])
        self.number = np.concatenate([np.arange(len(example)) for example in films])
        view = self.labelling.view([example.features for example in films], self.config)
        self.x = compared(view)


def next_labels(
    manifest: Manifest,
    name: str,
    count: int,
    *,
    films: Sequence[str] = (),
    seed: int = 0,
    on_film: OnFilm = lambda *_: None,
) -> NextLabels:
    """The `count` moments of a model's films to label next; of all films of the lake, or of these.

    What is known of them comes from all labelled films, whichever are asked about.

    Raises `UnknownName` (no such model or film), `UsageError` (a model that is not labelled by moments), `CannotTrain`
    (the lake has no film's tables yet).
    """
    entry = manifest.model(name)
    labelling = entry.spec.labelling
    if labelling is None:
        raise UsageError(
            f"{name}: a model of kind {entry.spec.name} is not labelled by single moments; `cinelake labels template "
            f"{name}` shows what its labels look like"
        )
    partly = replace(entry, config=labelling.partly(entry.config))
    dataset = gather_all(manifest, partly, films, and_labelled=True, on_film=on_film)
    looked_at = [example.movie_id for example in dataset.examples if not films or example.movie_id in films]
    if not looked_at:
        why = [f"{movie_id}: {why}" for movie_id, why in dataset.left_out.items() if movie_id in films]
        raise CannotTrain("\n  ".join([f"none of these films can be labelled for {name!r}:", *why]))
    steps = _Steps(dataset.examples, labelling, dataset.config, films)
    believed, by, notes = _belief(manifest, entry, dataset, labelling, films)
    asked = np.flatnonzero(steps.askable)
    class_column = entry.spec.labels.class_column
    named = [] if class_column is None else dataset.labels.table[class_column].drop_null().unique().to_pylist()
    question = labelling.question(entry.config, named)
    if believed is None:
        believed, doubt = _from_labels(steps, asked, quantities=bool(question.scales), seed=seed)
        by = "difference" if doubt is None else "labels"
        if (others := int((steps.known & ~steps.of_asked).sum())) and doubt is not None:
            notes.append(f"{others} labelled moments of other films say what is doubtful too")
    else:
        doubt = doubt_of(np.concatenate(believed.films)[asked], exclusive=believed.exclusive)
        believed = replace(believed, films=(np.concatenate(believed.films)[asked],))
    at = [dataset.examples[film].movie_id for film in steps.film[asked]]
    worth = doubt if believed is None else worth_of(believed.films[0], _labels_of_each(steps, believed.names))
    chosen = choose(steps.x[asked], steps.x[steps.known], worth, count, groups=at, seed=seed)
    moments = tuple(_moment(entry, steps, int(asked[row]), row, doubt, believed) for row in chosen)
    if settings := partly_settings(entry):
        notes.append(f"films that are labelled in part are learned from rightly with `config: {{{settings}}}` only")
    return NextLabels(
        name, moments, question, by, int((steps.known & steps.of_asked).sum()), len(asked), len(looked_at),
        tuple(column.name for column in entry.spec.labels.all_columns), class_column, dataset,
        tuple(notes),
    )  # fmt: skip


def _belief(
    manifest: Manifest, entry: ModelEntry, dataset: Dataset, labelling: Labelling, films: Sequence[str]
) -> tuple[Classes | None, str, list[str]]:
    """What the champion says of all steps, or why it is not asked."""
    lake = Lake(manifest.lake.place)
    applied = read_champion_record(lake, entry.name).find("champion")
    if applied is None:
        return None, "", []
    try:
        champion = open_applied(lake, applied)
        _check_fits(champion, entry, dataset)
        found = [labelling.belief(entry.spec.predict(champion, seen), champion)
                 for seen in _seen_by(manifest, entry, dataset, champion, labelling, films)]  # fmt: skip
    except ModelUnusable as error:
        return None, "", [f"the champion (version {applied.version}) is not asked: {error}"]
    if not found or found[0] is None:
        return None, "", [f"the champion (version {applied.version}) does not say how sure it is: the labels decide"]
    values = tuple(classes.films[0] for classes in found if classes)
    return replace(found[0], films=values), f"champion {applied.version}", []


def _check_fits(champion: Artefact, entry: ModelEntry, dataset: Dataset) -> None:
    """Raise `ModelUnusable` where the champion cannot be applied to today's tables."""
    if champion.code != entry.spec.version:
        raise ModelUnusable(f"it was trained by version {champion.code} of the model's code")
    for table, recipe_hash in dataset.inputs.items():
        if table in champion.inputs and champion.inputs[table] != recipe_hash:
            raise ModelUnusable(f"it was trained on another version of {table}")


def _seen_by(
    manifest: Manifest,
    entry: ModelEntry,
    dataset: Dataset,
    champion: Artefact,
    labelling: Labelling,
    films: Sequence[str],
) -> list[Arrays]:
    """The films' features as the champion's configuration asks for them; raises `ModelUnusable` where steps differ."""
    seen = [example.features for example in dataset.examples]
    if labelling.partly(champion.config) == dataset.config:
        return seen
    named = [example.movie_id for example in dataset.examples] if films else ()
    theirs = gather_all(manifest, replace(entry, config=champion.config), named, with_labels=False).examples
    of = {example.movie_id: example.features for example in theirs}
    found = [of.get(example.movie_id, {}) for example in dataset.examples]
    if any(not np.array_equal(f.get("time_s", []), s["time_s"]) for f, s in zip(found, seen, strict=True)):
        raise ModelUnusable("its configuration cuts films into other steps")
    return found


def _from_labels(steps: _Steps, asked: Array, *, quantities: bool, seed: int) -> tuple[Classes | None, Array | None]:
    """What a plain regression on the labels says of the steps asked about, and its doubt; None with too few labels."""
    if int(steps.known.sum()) < LEAST_TO_LEARN or not len(asked):
        return None, None
    truth = steps.labelling.truth([example.targets for example in steps.examples], steps.config)
    y = np.concatenate(truth.films)[steps.known]
    x, to_ask = steps.x[steps.known], steps.x[asked]
    if quantities:
        return None, disagreement(x, y, to_ask, seed)
    if not y.shape[1] or (y == y[0]).all():
        return None, None
    probability = learned_probability(x, y, to_ask, exclusive=truth.exclusive)
    return replace(truth, films=(probability,)), doubt_of(probability, exclusive=truth.exclusive)


def _labels_of_each(steps: _Steps, names: Sequence[str]) -> Array:
    """How many labelled moments have each of these classes."""
    truth = steps.labelling.truth([example.targets for example in steps.examples], steps.config)
    counts = np.nansum(np.concatenate(truth.films)[steps.known], axis=0)
    of = dict(zip(truth.names, counts.tolist(), strict=True))
    return np.array([of.get(name, 0.0) for name in names])


def _moment(
    entry: ModelEntry, steps: _Steps, step: int, row: int, doubt: Array | None, believed: Classes | None
) -> MomentToLabel:
    example, number = steps.examples[steps.film[step]], int(steps.number[step])
    features = example.features
    start_s = float(features["time_s"][number])
    end_s = float(features["end_s"][number]) if "end_s" in features else start_s
    if entry.spec.labels.shape == "spans":
        when = {"start_s": round(start_s, 6), "end_s": round(end_s, 6)}
    else:
        when = {"time_s": round((start_s + end_s) / 2, 6)}
    guess, probability = "", None
    if believed is not None and believed.names:
        likeliest = int(believed.films[0][row].argmax())
        guess, probability = believed.names[likeliest], round(float(believed.films[0][row][likeliest]), 3)
    own = steps.labelling.picture
    return MomentToLabel(
        example.movie_id,
        start_s,
        end_s,
        None if doubt is None else round(float(doubt[row]), 3),
        guess,
        probability,
        {"movie_id": example.movie_id, **when, **steps.labelling.extent(features, number)},
        np.asarray(features[own][number]) if own else None,
    )
