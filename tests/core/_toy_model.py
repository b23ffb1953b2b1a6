"""A tiny model: whether a step's level is above a threshold, learned as the mean of the training part's levels."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from cinelake.lake.spill import joined
from cinelake.spec.answers import Answers
from cinelake.spec.arrays import Arrays
from cinelake.spec.artefact import Artefact
from cinelake.spec.contract import Column
from cinelake.spec.example import Example
from cinelake.spec.labels import LabelContract
from cinelake.spec.model import FilmScores, Model, Scores, Trained
from cinelake.spec.task import Params, TableReader
from cinelake.spec.training import Training


class Config(Params):
    """Configuration of the toy."""

    shift: float = 0.0
    """Added to the threshold."""
    epochs: int = 3
    """How many are reported."""
    pause_s: float = 0.0
    """How long an epoch takes."""


def train(training: Sequence[Example], validation: Sequence[Example], config: Config, about: Training) -> Trained:
    """The threshold is a mean; the epochs do nothing but report."""
    threshold = float(joined(training, "level").mean()) + config.shift
    for epoch in range(config.epochs):
        time.sleep(config.pause_s)
        about.report(epoch, {"val_accuracy": _accuracy(validation, threshold)})
    return Trained(arrays={"threshold": np.array(threshold)}, facts={"steps": int(sum(map(len, training)))})


def _accuracy(examples: Sequence[Example], threshold: float) -> float:
    return float(np.mean((joined(examples, "level") > threshold) == joined(examples, "loud", of="targets")))


def predict(artefact: Artefact, features: Arrays) -> Arrays:
    """Which steps are loud."""
    return {"loud": features["level"] > artefact.arrays["threshold"]}


def features(tables: Mapping[str, TableReader], _config: Config) -> Arrays:
    """Loudness of each window of sound."""
    sound = tables["sound"].read(["start_s", "loudness_lufs"])
    return {"time_s": np.asarray(sound["start_s"]), "level": np.asarray(sound["loudness_lufs"], dtype=np.float64)}


def targets(labels: pa.Table, given: Arrays, _config: Config) -> Arrays:
    """A step is loud inside of a span."""
    loud = np.zeros(len(given["time_s"]), bool)
    for start, end in zip(labels["start_s"].to_pylist(), labels["end_s"].to_pylist(), strict=True):
        loud |= (given["time_s"] >= start) & (given["time_s"] < end)
    return {"loud": loud, "known": np.ones(len(loud), bool)}


def score_film(_features: Arrays, wanted: Arrays, prediction: Arrays, _config: Config) -> FilmScores:
    """How many are right, of how many."""
    right = (prediction["loud"] == wanted["loud"])[wanted["known"]]
    return {"right": right.sum(), "all": np.array(len(right))}


def answers(given: Arrays, wanted: Arrays, prediction: Arrays, _config: Config, _facts: Mapping[str, Any]) -> Answers:
    """Which steps are loud, without saying how surely."""
    known = wanted["known"]
    truth, said = (side["loud"][known][:, None] for side in (wanted, prediction))
    return Answers(given["time_s"][known], ("loud",), truth, said, none="quiet")


def summarise(film_scores: Sequence[FilmScores]) -> Scores:
    """The share that is right."""
    return {"accuracy": float(sum(j["right"] for j in film_scores) / sum(j["all"] for j in film_scores))}


def reads(_config: Config) -> list[str]:
    """It reads the sound."""
    return ["sound"]


def baseline(_examples: Sequence[Example], _config: Config) -> Callable[[Arrays], Arrays]:
    """Nothing is loud."""
    return lambda given: {"loud": np.zeros(len(given["time_s"]), bool)}


MODEL = Model(
    name="loud",
    version=1,
    config=Config,
    labels=LabelContract("Loud passages.", "spans", (Column("word", pa.string(), "A word on it.", True),)),
    reads=reads,
    features=features,
    targets=targets,
    train=train,
    predict=predict,
    score_film=score_film,
    summarise=summarise,
    answers=answers,
    baseline=baseline,
    metric="accuracy",
    space={"shift": {"uniform": [-1.0, 1.0]}},
    learners={"deaf": {"shift": 60.0}, "plain": {"shift": 0.0}},
)
