"""The emotional line of a film, or any other labelled line over time, by a memory network that learns by acting.

After Zhang, Zhao & Qian, Enlarging the Long-time Dependencies via RL-based Memory Network in Movie Affective Analysis
(ACM MM 2022). The film is a sequence of clips; a policy decides at each clip what a memory forgets and takes in; the
line is read from the memory. What to remember is learned by reinforcement: no gradient runs through the film.

    models:
      affect: {labels: affect}
      affect: {labels: affect, config: {learner: ridge}}                            # what it must beat
      importance: {model: affect, labels: importance, config: {targets: [importance]}}     # any other line

The tables: tasks/affect.py for valence and arousal, tasks/lines.py for any.

Reading order: models/affect/memory.py (the network), _affect_returns.py (what is maximised), _affect_critic.py,
_affect_learning.py (how); _affect_inputs.py (what a clip shows).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from pydantic import field_validator, model_validator

from cinelake.errors import CannotTrain
from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.contract import Column
from cinelake.spec.labels import LabelContract
from cinelake.spec.model import Artefact, Example, Judgement, Model, Scores, Trained
from cinelake.spec.task import Field, Params, TableReader
from cinelake.spec.training import Training
from models.affect.acting import learn_memory
from models.affect.config import MemorySettings
from models.affect.features import Kind, Vectors, clip_inputs, learn_scaling, scaled_clips, tables_of
from models.affect.films import Film
from models.affect.memory import Sizes, follow, numpy_ops
from models.affect.scores import judge_lines, summarise_lines
from models.affect.simple import fit_ridge, learn_sequence, left_by_ridge, ridge_line
from models.affect.truncated import learn_truncated

WIDE = ("valence", "arousal")
NO_CLASSES = ("lstm", "transformer", "ridge")
Learner = Literal["memory", "memory_clips", "memory_tbptt", "lstm", "transformer", "ridge", "mean"]


LABELS = LabelContract(
    doc="A line over time: valence and arousal of moments, or any other quantity as a name and its value. Moments that "
    "no row names, and null values, are neither trained on nor scored.",
    shape="moments",
    columns=(
        Column("valence", pa.float64(), "How pleasant, −1 to 1.", True),
        Column("arousal", pa.float64(), "How exciting, −1 to 1.", True),
        Column("name", pa.string(), "Another quantity's name, as in the configuration's `targets`.", True),
        Column("value", pa.float64(), "Its value, in any unit.", True),
    ),
)


class Config(Params):
    """What is predicted from what, and how it is learned."""

    targets: tuple[str, ...] = WIDE
    """The lines to predict: valence, arousal, or names in the labels' column `name`."""
    classes: bool = False
    """Whether the targets are classes, one of which holds (labels: its name, value 1): lines are then shares, the
    reward is the log-likelihood. Learned by the memory network, without the linear part."""
    use: tuple[Kind | Vectors, ...] = ("sound", "place", "motion", "faces")
    """What is heard and looked at: sound, place, motion, faces, expressions, subtitles, or a table `embeddings_…` that
    another network makes (`embeddings_sound: {task: embeddings, backbone: {file: yamnet.tflite}, source: sound}`)."""
    clip_s: float = Field(2.0, gt=0, le=60)
    """Seconds of a clip."""
    steps: int = Field(4, ge=1, le=64)
    """Feature steps in a clip: K."""
    components: int = Field(12, ge=1, le=512)
    """Modalities of more numbers than this are given by so many principal components."""
    learner: Learner = "memory"
    """memory: learns by acting. The others are what it is compared with, on the same clips."""
    memory: MemorySettings = MemorySettings.model_validate({})
    """How the memory network is built and learns."""
    linear: bool = True
    """Whether a ridge regression on the clip alone gives a first line, and the learner what is left of it."""
    members: int = Field(3, ge=1, le=20)
    """So many memory networks are trained, and their lines averaged."""
    epochs: int = Field(60, ge=1)
    """Passes over the films: lstm, transformer. The memory network has its own, `memory.epochs`."""
    patience: int = Field(12, ge=1)
    """Stop these after so many epochs without a smaller error on the validation part."""
    smooth_s: float = Field(2.0, ge=0)
    """Predicted lines are smoothed by a Gaussian of this standard deviation in seconds."""

    @model_validator(mode="after")
    def _classes_are_acted_for(self) -> Config:
        if self.classes and (len(self.targets) < 2 or self.learner in NO_CLASSES or self.memory.critic == "value"):
            raise ValueError(
                "classes: at least two targets, the critic `line`, and none of the learners "
                f"{', '.join(NO_CLASSES)}. Received: {len(self.targets)}, {self.memory.critic!r}, {self.learner!r}"
            )
        return self

    @property
    def planned_epochs(self) -> int:
        """So many epochs are reported at most, those of all members on end."""
        return self.members * self.memory.epochs if self.learner.startswith("memory") else self.epochs

    @field_validator("targets", "use")
    @classmethod
    def _some_and_each_once(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if not names or len(set(names)) < len(names):
            raise ValueError(f"name at least one, and each once. Received: {list(names)}")
        return names


def reads(config: Config) -> list[str]:
    """Shots for the film's length, and the tables of the modalities in use."""
    return tables_of(config.use)


def features(tables: Mapping[str, TableReader], config: Config) -> Arrays:
    """The film's clips: see `models.affect.features.clip_inputs`."""
    return clip_inputs(tables, config.use, config.clip_s, config.steps)


def targets(labels: pa.Table, features: Arrays, config: Config) -> Arrays:
    """line (T, targets), the labels' mean within each clip; there (T, targets), 1 where there are any; known (T,).

    A clip without a label between two that have one has none either: gaps are not filled. Of classes, those that no
    label names do not hold where another one does.
    """
    starts, ends = features["time_s"], features["end_s"]
    line, there = np.zeros((len(starts), len(config.targets))), np.zeros((len(starts), len(config.targets)))
    times_s = labels["time_s"].to_numpy()
    for i, name in enumerate(config.targets):
        values = _values(labels, name)
        for t in range(len(starts)):
            inside = (times_s >= starts[t]) & (times_s < ends[t]) & np.isfinite(values)
            line[t, i], there[t, i] = (values[inside].mean(), 1.0) if inside.any() else (0.0, 0.0)
    if config.classes:
        total = np.maximum(line, 0).sum(axis=1, keepdims=True)
        line = np.divide(np.maximum(line, 0), total, out=np.zeros_like(line), where=total > 0)
        there = np.repeat((total > 0).astype(float), line.shape[1], axis=1)
    return {"line": line, "there": there, "known": np.asarray(there.any(axis=1))}


def _values(labels: pa.Table, name: str) -> Array:
    """The labels of one line, NaN where a row has none of it."""
    long = labels["value"].to_numpy().astype(float)
    named = np.array([found == name for found in labels["name"].to_pylist()], bool)
    wide = labels[name].to_numpy().astype(float) if name in WIDE else np.full(len(labels), np.nan)
    return np.where(named, long, wide)


# --- training


def train(
    train_examples: Sequence[Example], validation_examples: Sequence[Example], config: Config, training: Training
) -> Trained:
    """Teach the learner of the configuration; with `linear`, what a ridge regression of other films leaves to learn.

    Raises `CannotTrain` when a line is never labelled or constant, `TrainingFailed` when learning diverges.
    """
    scale = _label_scale(train_examples, config)
    learned = {**learn_scaling([e.features for e in train_examples], config.use, config.components), **scale}
    films, held = (_films(part, learned, config) for part in (train_examples, validation_examples))
    if config.learner == "mean":
        return Trained(None, learned, {})
    linear = config.linear and not config.classes
    if config.learner == "ridge" or linear:
        learned |= fit_ridge([*films, *held])
    if config.learner == "ridge":
        return Trained(None, learned, {})
    if linear:
        left = left_by_ridge([*films, *held])
        films, held = left[: len(films)], left[len(films) :]
    if config.learner not in ("lstm", "transformer"):
        return _train_memory(films, held, learned, config, training)
    kind: Any = config.learner
    network, best = learn_sequence(kind, films, held, training, epochs=config.epochs, patience=config.patience)
    return Trained(network, learned, {"epochs": best})


def _train_memory(
    films: Sequence[Film], held: Sequence[Film], learned: Arrays, config: Config, training: Training
) -> Trained:
    sizes = sizes_of(films[0], config.memory, config.classes)
    arrays, epochs = dict(learned), []
    for member in range(config.members):
        report = partial(_report_after, training.report, member * config.memory.epochs)
        own = Training(training.folder / f"member_{member}", 1000 * training.seed + member, report, training.resume)
        if config.learner == "memory":
            weights, best = learn_memory(films, held, sizes, config.memory, own)
        else:
            weights, best = learn_truncated(
                films, held, sizes, config.memory, own, forgetful=config.learner == "memory_clips"
            )
        arrays |= {f"member_{member}/{name}": array for name, array in weights.items()}
        epochs.append(best)
    return Trained(None, arrays, {"epochs": epochs})


def _report_after(report: Callable[[int, Mapping[str, float]], None], before: int, epoch: int, metrics: Scores) -> None:
    """Report a member's epoch after those of the members before it."""
    report(before + epoch, metrics)


def sizes_of(film: Film, settings: MemorySettings, classes: bool = False) -> Sizes:
    """The sizes of the memory network for films like this one."""
    return Sizes(
        film.clips.shape[2], film.line.shape[1], settings.clip_vector, settings.slots, settings.width, settings.hidden,
        settings.longest, classes,
    )  # fmt: skip


def _label_scale(examples: Sequence[Example], config: Config) -> Arrays:
    """What brings each line's mean to 0 and its farthest label to −1 or 1; classes are left as they are."""
    middles, reaches = [], []
    for i, name in enumerate(config.targets):
        values = np.concatenate([e.targets["line"][e.targets["there"][:, i] > 0, i] for e in examples] or [np.zeros(0)])
        if not len(values):
            raise CannotTrain(f"affect: no label of {name!r} falls on a clip of the films to learn from")
        if np.ptp(values) < 1e-9:
            raise CannotTrain(
                f"affect: every label of {name!r} is {values[0]:g} in the films to learn from: there is no line to "
                "learn; label other films or leave it out of `targets`"
            )
        middles.append(values.mean())
        reaches.append(abs(values - values.mean()).max())
    if config.classes:
        return {"middle": np.zeros(len(middles), np.float32), "reach": np.ones(len(middles), np.float32)}
    return {"middle": np.array(middles, np.float32), "reach": np.array(reaches, np.float32)}


def _films(examples: Sequence[Example], learned: Arrays, config: Config) -> list[Film]:
    films = []
    for example in examples:
        line = (example.targets["line"] - learned["middle"]) / learned["reach"]
        clips, there = scaled_clips(example.features, learned, config.use), example.targets["there"]
        if len(clips) and there.any():
            films.append(Film(clips, (line * there).astype(np.float32), there.astype(np.float32)))
    return films


# --- inference and scores


def predict(artefact: Artefact, features: Arrays) -> Arrays:
    """line (T, targets) in the labels' unit, smoothed; written (T, slots), how much each slot was (0 without any)."""
    config, learned = artefact.config, artefact.arrays
    clips = scaled_clips(features, learned, config.use)
    written = np.zeros((len(clips), config.memory.slots), np.float32)
    said = np.zeros((len(clips), len(config.targets)))
    if len(clips) and config.learner in ("lstm", "transformer"):
        said = artefact.run(clips.reshape(1, len(clips), -1))[0]
    elif len(clips) and config.learner.startswith("memory"):
        passes = [follow(weights, clips, config.learner == "memory_clips") for weights in members_of(learned)]
        each = [numpy_ops().softmax(y) if config.classes else y for y, _ in passes]
        said, written = np.mean(each, axis=0), passes[0][1]
    if "coefficients" in learned:
        said = said + ridge_line(learned, clips)
    line = smoothed(said, config.smooth_s / config.clip_s) * learned["reach"] + learned["middle"]
    return {"line": line.astype(np.float32), "written": written.astype(np.float32)}


def members_of(arrays: Arrays) -> list[Arrays]:
    """The weights of each memory network among a model's arrays."""
    names = sorted({name.split("/")[0] for name in arrays if "/" in name})
    return [{n.split("/")[1]: a for n, a in arrays.items() if n.startswith(f"{member}/")} for member in names]


def smoothed(line: Array, deviation: float) -> Array:
    """The line after a Gaussian filter, ends mirrored; deviation in clips, 0: as it is."""
    if deviation == 0 or not len(line):
        return line
    from scipy.ndimage import gaussian_filter1d

    return np.asarray(gaussian_filter1d(line, deviation, axis=0, mode="nearest"))


def judge(features: Arrays, targets: Arrays, prediction: Arrays, config: Config) -> Judgement:
    """Labels and predictions of each line where there are labels."""
    return judge_lines(targets["line"], prediction["line"], targets["there"], config.targets)


def summarise(judgements: Sequence[Judgement]) -> Scores:
    """See `models.affect.scores.summarise_lines`."""
    return summarise_lines(judgements)


def baseline(examples: Sequence[Example], config: Config) -> Callable[[Arrays], Arrays]:
    """The mean of the labels everywhere."""
    middle = _label_scale(examples, config.model_copy(update={"classes": False}))["middle"]

    def guess(features: Arrays) -> Arrays:
        return {"line": np.tile(middle, (len(features["time_s"]), 1))}

    return guess


def figures(examples: Sequence[Example], predictions: Sequence[Arrays], config: Config) -> dict[str, Any]:
    """Each film's predicted and true line; which slots were written when, and the slot that goes most with a line."""
    from models.affect.figures import lines_of_films, memory_in_time

    drawn = {"lines": lines_of_films(examples, predictions, config.targets)}
    if config.learner.startswith("memory"):
        longest = int(np.argmax([len(example) for example in examples]))
        drawn["memory"] = memory_in_time(examples[longest], predictions[longest], config.targets)
    return drawn


MODEL = Model(
    name="affect",
    version=1,
    config=Config,
    labels=LABELS,
    reads=reads,
    features=features,
    targets=targets,
    train=train,
    predict=predict,
    judge=judge,
    summarise=summarise,
    baseline=baseline,
    metric="pcc",
    figures=figures,
    space={
        "clip_s": {"choice": [1.0, 2.0, 4.0]},
        "components": {"int": [8, 48]},
        "smooth_s": {"uniform": [0.0, 6.0]},
    },
    about="Predicts valence and arousal, or any labelled line, over time from sound, pictures, motion and faces, by a "
    "memory network whose policy learns by reinforcement (after Zhang, Zhao & Qian, ACM MM 2022; the critic with "
    "hindsight is ours). It hears and sees surfaces: what the story means to people who follow it, it does not know. "
    "Lines are those of the labels' annotators and their way of asking.",
)
