"""Model `characters`: who is in each frame, learned from moments that people labelled.

    models:
      characters: {labels: characters, config: {}}             # frames and embeddings, whatever is better
      tutorial: {model: characters, labels: characters, config: {head: seed}}

Labels are moments: `time_s, character`, several rows a moment where several are there, `nobody` where there is none.
Heads and networks are in `_character_heads.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa

from cinelake.errors import CannotTrain, ModelUnusable
from cinelake.lake.spill import joined
from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.contract import Column
from cinelake.spec.labels import LabelContract
from cinelake.spec.model import Example, Judgement, Model, Scores, Trained
from cinelake.spec.task import Field, Params, TableReader
from models.characters.counts import size_weights, weighted_by_size
from models.characters.heads import (
    Lesson,
    Question,
    blend,
    fit_linear,
    fit_regions,
    fit_seed,
    log_loss,
    logits_of,
    probabilities,
    question,
)
from models.characters.labels import BETWEEN, as_columns, as_strings, cast_of, labelled, sampling_step_s
from models.characters.pictures import pictures_of
from models.characters.scores import judge_film, summarise_films
from models.characters.smoothing import smooth

if TYPE_CHECKING:
    from cinelake.spec.model import Artefact
    from cinelake.spec.training import Training


FILMS_FOR_PICTURES = 5
"""A network that learns to see from nothing needs at least so many films (or series) to learn from."""
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
ROWS_AT_ONCE = 64


class Config(Params):
    """Which head looks at what, and how it is trained."""

    head: Literal["auto", "regions", "linear", "seed"] = "auto"
    """`regions`: a small convolutional network on the pictures of `frames`. `linear`: logistic regression on
    `embeddings`. `seed`: the tutorial's 1024-512-256 on `embeddings`. `auto`: with 5 films and more
    to learn from `regions` and `linear`, mixed as the validation films say; with fewer `linear`."""
    characters: tuple[str, ...] = ()
    """The characters; none: all that the labels name."""
    nobody: tuple[str, ...] = ("nobody", "neither")
    """What the labels call a moment without any of the characters."""
    exclusive: bool | None = None
    """Whether a frame holds one character at most (softmax with nobody); none: where no labelled moment holds two."""
    class_weights: bool | None = None
    """Whether rare characters weigh as much in training as frequent ones; none: where characters exclude each other."""
    threshold: float = Field(0.5, gt=0, lt=1)
    """A character is in a frame from this probability; where characters exclude each other, the likeliest is."""
    together: bool = True
    """Whether it counts how many of them the labels show at once: in films of pairs a third person is unlikely. Only
    where characters do not exclude each other."""
    smoothing_s: float = Field(2.0, ge=0)
    """Probabilities are averaged over this many seconds, within the shot."""
    epochs: int = Field(50, ge=1)
    """Passes of the regions head over the labelled frames."""
    seed_epochs: int = Field(100, ge=1)
    """Passes of the reference head."""
    batch_size: int = Field(16, ge=1)
    """Pictures of one step of the regions head."""
    variation: float = Field(0.5, ge=0, le=2)
    """How strongly training pictures are moved, scaled, mirrored and re-lit at random; 0: not at all."""
    regularisation: float = Field(0.01, gt=0)
    """Inverse strength of the linear head's L2 penalty."""
    refit: bool = True
    """Whether the linear head learns from the validation films too, once they have said how heads are mixed."""

    @property
    def sees_pictures(self) -> bool:
        """Whether the tables `frames` are needed."""
        return self.head in ("auto", "regions")

    @property
    def sees_vectors(self) -> bool:
        """Whether the tables `embeddings` are needed."""
        return self.head != "regions"


LABELS = LabelContract(
    doc="Who is to be seen at a moment; several rows a moment where several are there.",
    shape="moments",
    columns=(Column("character", pa.string(), "The character's name; `nobody` where none of them is there."),),
    class_column="character",
)


def vocabularies(config: Config) -> dict[str, Sequence[str]]:
    """The listed characters and nobody; any name without a list."""
    return {"character": [*config.characters, *config.nobody]} if config.characters else {}


def reads(config: Config) -> list[str]:
    """`frames` for pictures, `embeddings` for vectors."""
    return [name for name, needed in (("frames", config.sees_pictures), ("embeddings", config.sees_vectors)) if needed]


def features(tables: Mapping[str, TableReader], config: Config) -> Arrays:
    """time_s, frame, shot (T,); picture (T, 90, 160, 3) uint8 and embedding (T, d) as far as the head needs them.

    Raises `ModelUnusable` when `embeddings` are not of the same frames.
    """
    found = pictures_of(tables["frames"]) if config.sees_pictures else {}
    if config.sees_vectors:
        vectors = vectors_of(tables["embeddings"])
        if found and not np.array_equal(found["frame"], vectors["frame"]):
            raise ModelUnusable(
                f"`embeddings` has {len(vectors['frame'])} vectors, `frames` {len(found['frame'])} pictures, and they "
                "are not of the same frames: name embeddings of `source: frames` under the model's `inputs`"
            )
        found = {**found, **vectors}
    return found


def vectors_of(table: TableReader) -> Arrays:
    """time_s, frame, shot (T,) and embedding (T, d) of embeddings of frames.

    Of a network that names classes they are what it saw before it named them: cartoons are none of its classes.
    """
    rows = table.read()
    if rows["frame"].null_count or rows["face"].null_count != len(rows):
        raise ModelUnusable("characters are sought in frames, but these are embeddings of faces or of sound")
    seen = "features" in rows.column_names and rows["features"].combine_chunks().flatten().null_count == 0
    flat = rows["features" if seen and len(rows) else "embedding"].combine_chunks()
    return {
        "time_s": rows["time_s"].to_numpy(),
        "frame": rows["frame"].to_numpy(),
        "shot": rows["shot"].fill_null(-1).to_numpy() if rows["shot"].null_count else rows["shot"].to_numpy(),
        "embedding": flat.flatten().to_numpy(zero_copy_only=False).reshape(len(rows), flat.type.list_size),
    }


def targets(labels: pa.Table, features: Arrays, config: Config) -> Arrays:
    """character (T,), strings of `_character_labels`, and known (T,): frames with a label within half a step."""
    found = labelled(labels, features["time_s"], config.nobody)
    if not config.characters:
        return found
    return {**found, "character": as_strings(as_columns(found["character"], config.characters) > 0, config.characters)}


def train(learn: Sequence[Example], stop: Sequence[Example], config: Config, training: Training) -> Trained:
    """Train the head, or both and their mixture. Raises `CannotTrain` when no character is ever there."""
    said = joined(learn, "character", of="targets")
    cast = list(config.characters) or cast_of(said)
    if not cast or not as_columns(said, cast).any():
        raise CannotTrain("no labelled frame of the films to learn from holds a character: label moments with some")
    exclusive = config.exclusive if config.exclusive is not None else not any(BETWEEN in str(who) for who in said)
    present, watched = as_columns(said, cast), as_columns(joined(stop, "character", of="targets"), cast)
    weighted = exclusive if config.class_weights is None else config.class_weights
    asked = question(present, exclusive, weighted)
    heads, network, found = heads_of(config, learn), None, {}
    arrays = {"positive": asked.positive}
    if config.together and not exclusive:
        arrays["sizes"] = size_weights(np.concatenate([present, watched]))
    if "linear" in heads or "seed" in heads:
        x, watch_x, arrays_of_scale = scaled_vectors(learn, stop)
        arrays |= arrays_of_scale
    if "linear" in heads:
        arrays |= fit_linear(Lesson(x, present), asked, config.regularisation)
        found["linear"] = probabilities(linear_logits(watch_x, arrays), asked)
    if "seed" in heads:
        network, _ = fit_seed(Lesson(x, present), Lesson(watch_x, watched), asked, training, config.seed_epochs)
        found["seed"] = probabilities(logits_of(network, watch_x), asked)
    if "regions" in heads:
        lesson, watch = Lesson(joined(learn, "picture"), present), Lesson(joined(stop, "picture"), watched)
        network, _ = fit_regions(
            lesson, watch, asked, training, epochs=config.epochs, batch_size=config.batch_size, varied=config.variation
        )
        found["regions"] = probabilities(logits_of(network, watch.x), asked)
    shares = shares_of(found, watched, exclusive)
    if "linear" in heads and config.refit:
        x, _, arrays_of_scale = scaled_vectors([*learn, *stop], stop)
        lesson = Lesson(x, np.concatenate([present, watched]))
        arrays |= arrays_of_scale | fit_linear(lesson, asked, config.regularisation)
    return Trained(network, arrays, {"characters": cast, "exclusive": exclusive, "shares": shares})


def heads_of(config: Config, learn: Sequence[Example]) -> list[str]:
    """The heads to train; see `Config.head`."""
    if config.head != "auto":
        return [config.head]
    films = len({example.group for example in learn})
    return ["linear", "regions"] if films >= FILMS_FOR_PICTURES else ["linear"]


def shares_of(found: Mapping[str, Array], present: Array, exclusive: bool) -> dict[str, float]:
    """Each head's share in the mean: that with the least validation loss."""
    names = sorted(found)
    if len(names) == 1:
        return {names[0]: 1.0}
    first, second = (found[name] for name in names)
    losses = [log_loss(blend([first, second], [1 - share, share]), present, exclusive) for share in SHARES]
    best = SHARES[int(np.argmin(losses))]
    return {names[0]: 1 - best, names[1]: best}


def scaled_vectors(learn: Sequence[Example], stop: Sequence[Example]) -> tuple[Array, Array, Arrays]:
    """Embeddings of both sides at mean 0 and deviation 1 of what is learned from, and that mean and deviation."""
    x = joined(learn, "embedding").astype(np.float64)
    mean, deviation = x.mean(axis=0), x.std(axis=0)
    scale = {"mean": mean, "scale": np.where(deviation > 1e-9, deviation, 1.0)}
    return standardised(x, scale), standardised(joined(stop, "embedding"), scale), scale


def standardised(x: Array, scale: Arrays) -> Array:
    """(n, d) float32."""
    return np.asarray((x - scale["mean"]) / scale["scale"], np.float32)


def linear_logits(x: Array, arrays: Arrays) -> Array:
    """(n, C)."""
    return np.asarray(x @ arrays["coefficients"] + arrays["intercepts"])


def predict(artefact: Artefact, features: Arrays) -> Arrays:
    """probability (T, C), columns as `artefact.facts["characters"]`, smoothed within shots; character (T,) strings.

    Raises `ModelUnusable` for embeddings of another size than the model has learned from.
    """
    cast, exclusive = artefact.facts["characters"], bool(artefact.facts["exclusive"])
    asked = Question(exclusive, artefact.arrays["positive"], np.ones(len(cast) + 1))
    shares = {name: share for name, share in artefact.facts["shares"].items() if share}
    logits = {"linear": _linear, "seed": _seed, "regions": _regions}
    found = [probabilities(logits[name](artefact, features), asked) for name in shares]
    probability = blend(found, list(shares.values())) if len(features["time_s"]) else np.zeros((0, len(cast)))
    probability = smooth(probability, features["time_s"], features["shot"], artefact.config.smoothing_s)
    if "sizes" in artefact.arrays:
        probability = weighted_by_size(probability, artefact.arrays["sizes"])
    present = is_there(probability, exclusive, artefact.config.threshold)
    return {"probability": probability, "character": as_strings(present, cast)}


def is_there(probability: Array, exclusive: bool, threshold: float) -> Array:
    """(T, C) mask: from the threshold on, or the likeliest of the characters and nobody."""
    if not exclusive:
        return probability >= threshold
    full = np.column_stack([1 - probability.sum(axis=1), probability])
    return np.asarray(np.arange(1, full.shape[1]) == full.argmax(axis=1)[:, None])


def _vectors(artefact: Artefact, features: Arrays) -> Array:
    known, given = len(artefact.arrays["mean"]), features["embedding"].shape[1]
    if known != given:
        raise ModelUnusable(
            f"the model has learned from embeddings of {known} numbers, these have {given}: they come from another "
            "backbone; train again, or name the right table under the model's `inputs`"
        )
    return standardised(features["embedding"], artefact.arrays)


def _linear(artefact: Artefact, features: Arrays) -> Array:
    return linear_logits(_vectors(artefact, features), artefact.arrays)


def _seed(artefact: Artefact, features: Arrays) -> Array:
    return artefact.run_rows(_vectors(artefact, features))


def _regions(artefact: Artefact, features: Arrays) -> Array:
    """Few pictures at a time are made real numbers: a long film's would fill the memory."""
    pictures = features["picture"]
    parts = [
        artefact.run_rows(pictures[i : i + ROWS_AT_ONCE], ROWS_AT_ONCE) for i in range(0, len(pictures), ROWS_AT_ONCE)
    ]
    return np.concatenate(parts) if parts else np.zeros((0, len(artefact.facts["characters"])))


def judge(features: Arrays, targets: Arrays, prediction: Arrays, _config: Config) -> Judgement:
    """The film's counts over its labelled frames; each stands for the median time between labels."""
    return judge_film(targets, prediction, sampling_step_s(features["time_s"][targets["known"]]))


def summarise(judgements: Sequence[Judgement]) -> Scores:
    """accuracy, f1 (mean over characters), screen_time_error_*; see `_character_scores`."""
    return summarise_films(judgements)


def baseline(learn: Sequence[Example], _config: Config) -> Callable[[Arrays], Arrays]:
    """In every frame, who is most often there."""
    who, count = np.unique(joined(learn, "character", of="targets"), return_counts=True)
    most = who[count.argmax()]
    return lambda features: {"character": np.full(len(features["time_s"]), most)}


ABOUT = (
    "Which characters are in each frame, learned from labelled moments (after the screen-time tutorial: a head on "
    "frozen embeddings, class weights, the checkpoint of the least validation loss). With five films and more a small "
    "convolutional network looks at the pictures themselves and finds figures of a few pixels. It knows the characters "
    "by their looks in the films it has seen: other clothes, drawing styles or lighting need labels of their own; "
    "frames in which a character is hidden behind others, or a few pixels in the dark, are missed."
)
SPACE: Mapping[str, Any] = {
    "regularisation": {"log_uniform": [1e-4, 1.0]},
    "smoothing_s": {"choice": [0.0, 1.0, 2.0, 4.0]},
    "variation": {"choice": [0.5, 1.0, 1.5]},
}

MODEL = Model(
    name="characters",
    version=1,
    config=Config,
    labels=LABELS,
    vocabularies=vocabularies,
    reads=reads,
    features=features,
    targets=targets,
    train=train,
    predict=predict,
    judge=judge,
    summarise=summarise,
    baseline=baseline,
    metric="f1",
    about=ABOUT,
    space=SPACE,
)
