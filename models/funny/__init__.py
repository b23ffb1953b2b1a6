"""Funny moments, by an agent that says of one step after another whether it is funny, after the publication "A Deep
Reinforcement Learning Framework for Identifying Funny Scenes in Movies" (Q-learning of Mnih et al., Nature 2015).

The state is the step's embedding e(t) and the affective vector a(t): what the agent has said so far, or, where a
label is known, what is true. Where the publication leaves a choice open ours is marked as such; see
`models/funny/environment.py` for G, H and α, and `python -m benchmarks.funny_ablations` for what each is worth.

    models:
      funny: {labels: funny}
      funny: {labels: funny, config: {use: [sound, laughter, expressions]}}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from pydantic import field_validator, model_validator

from cinelake.errors import CannotTrain
from cinelake.lake.spill import joined
from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.contract import Column
from cinelake.spec.labels import LabelContract
from cinelake.spec.model import Artefact, Example, Judgement, Model, Trained
from cinelake.spec.task import Field, Params, TableReader
from cinelake.spec.training import Training
from models.funny.features import Kind, Vectors, step_inputs, tables_of
from models.funny.fitting import continued, learn
from models.funny.predict import act
from models.funny.scenes import embeddings, learn_scaling, make_scenes
from models.funny.scores import best_threshold, judge, line_figure, roc_figure, summarise
from models.funny.steps import Step
from models.shots.labels import covered_shots

LABELS = LabelContract(
    doc="What is funny, by spans or shots. Where every row of a film leaves is_funny empty, or there is no such "
    "column, the film was watched whole: what no row covers is not funny. Where a row says is_funny, only what rows "
    "cover is known; a row without times speaks of the whole film, so that one row (is_funny: false) says that a film "
    "was watched and nothing found. Of two rows on a step the later counts.",
    shape="spans",
    columns=(Column("is_funny", pa.bool_(), "Whether the span is funny; empty: it is.", nullable=True),),
)


FEWEST_OF_A_KIND = 10
"""Known steps of each kind that a threshold is chosen by."""


class Config(Params):
    """What the agent sees, how it is paid, and how it learns."""

    use: tuple[Kind | Vectors, ...] = ("sound", "laughter")
    """What is seen of a step: sound, laughter, rhythm, picture, expressions, turns, words (the last two: subtitles), or
    a table `embeddings_…` that another network makes (`embeddings_text: {task: embeddings, source: lines, …}`)."""
    step: Step = "clip"
    """What a step is: a clip of `step_s`, or a line that is said (needs a table `subtitles`)."""
    step_s: float = Field(1.0, ge=0.2, le=60)
    """Length of a clip, in seconds."""
    language: str | None = None
    """Language of the lines, as the subtitles name it; null: any. Of several sets the one with most lines is read."""
    components: int = Field(32, ge=1, le=4096)
    """A kind of input with more numbers than this is turned to so many principal components."""
    context: int = Field(2, ge=0, le=32)
    """e(t) holds so many steps before and after, too (ours; the publication: 0)."""
    scene_steps: int = Field(16, ge=1, le=256)
    """Steps of a scene, the agent's episode; it begins undecided."""
    alpha: float = Field(0.5, gt=0, le=1)
    """α: how much of the affective vector, and of the vote, the newest step is (ours)."""
    vote_weight: float = Field(0.25, ge=0, le=1)
    """How much of the reward is for the vote so far; the rest is for the action itself (ours)."""
    show_labels: float = Field(0.5, ge=0, le=1)
    """How often a known label takes the place of the agent's own action in a(t+1) (the publication: always)."""
    balance: float = Field(0.0, ge=0, le=1)
    """How much more the rarer class is worth: 0 not, 1 as much together as the other (ours)."""
    remember_unlabelled: bool = False
    """Whether steps without a label, which pay nothing, are remembered too (ours: no)."""
    gamma: float = Field(0.7, ge=0, lt=1)
    """Discount of the reward to come (ours; the publication: 0.99, whose rewards far ahead drown what is at hand)."""
    n_step: int = Field(1, ge=1, le=64)
    """Rewards that are added up before the target network is asked (Sutton and Barto, ch. 7)."""
    both_actions: bool = True
    """Whether an update is for both actions of a step, as the world can say what the other would have paid; one step
    ahead only (ours; the publication: only the action that was taken)."""
    double: bool = True
    """Double DQN: the learning network chooses the next action, the target network says what it is worth."""
    supervision: float = Field(0.0, ge=0)
    """Weight of the cross-entropy of softmax(Q) on known labels beside the Q-learning loss (ours)."""
    memory: int = Field(5000, ge=1)
    """Transitions that are remembered; it is filled before anything is learned."""
    batch_size: int = Field(64, ge=1)
    """Transitions of an update."""
    target_every: int = Field(100, ge=1)
    """Updates after which the target network becomes the learning one."""
    steps_per_update: int = Field(4, ge=1)
    """Steps of the environment for each update."""
    learning_rate: float = Field(1e-3, gt=0)
    """Of Adam."""
    weight_decay: float = Field(0.0, ge=0)
    """Of the weights (AdamW), times the learning rate; the publication: 0."""
    dropout: float = Field(0.3, ge=0, lt=1)
    """Share of the embedding's numbers, and of the hidden units, dropped while learning; the publication: 0."""
    epsilon: float = Field(1.0, ge=0, le=1)
    """Share of actions drawn at random in the first scene."""
    epsilon_decay: float = Field(0.995, gt=0, le=1)
    """What it is multiplied by for each scene."""
    epsilon_least: float = Field(0.01, ge=0, le=1)
    """It never falls below."""
    scenes: int = Field(1000, ge=1)
    """Scenes that are played; after 920 of them ε has come down to its least."""
    scenes_at_once: int = Field(32, ge=1)
    """Scenes that are played side by side."""
    update_scenes: int = Field(400, ge=1)
    """Scenes that are played when a champion is brought up to date with labels that came later."""
    refit: bool = True
    """Whether the validation films are learned from too, once they have given the threshold."""

    @field_validator("use")
    @classmethod
    def _some_and_each_once(cls, use: tuple[str, ...]) -> tuple[str, ...]:
        if not use or len(set(use)) < len(use):
            raise ValueError(f"'use' names at least one kind of input, each once. Received: {list(use)}")
        return use

    @model_validator(mode="after")
    def _what_fits(self) -> Config:
        if self.both_actions and self.n_step > 1:
            raise ValueError(f"'both_actions' looks one step ahead: set it to false. Received: n_step={self.n_step}")
        if self.scene_steps * self.scenes_at_once > self.memory:
            steps = self.scene_steps * self.scenes_at_once
            raise ValueError(f"'memory' holds at least the steps of the scenes played at once, {steps}. "
                             f"Received: {self.memory}")  # fmt: skip
        return self


def reads(config: Config) -> list[str]:
    """The tables of the inputs in use."""
    return tables_of(config.use, config.step)


def features(tables: Mapping[str, TableReader], config: Config) -> Arrays:
    """One row per step: see `models.funny.features.step_inputs`."""
    return step_inputs(tables, config)


def targets(labels: pa.Table, features: Arrays, config: Config) -> Arrays:
    """funny (T,) and known (T,): see `LABELS`. Steps of which nothing is seen are not known."""
    funny = np.zeros(len(features["time_s"]), bool)
    said = labels["is_funny"].to_pylist()
    known = np.full(len(funny), len(said) > 0 and all(value is None for value in said))
    for steps, value in zip(covered_shots(labels, features), said, strict=True):
        funny[steps], known[steps] = value is not False, True
    return {"funny": funny, "known": known & features["seen"]}


def train(
    train_examples: Sequence[Example], validation_examples: Sequence[Example], config: Config, training: Training
) -> Trained:
    """Let the agent play; the validation films give the threshold, and are learned from afterwards.

    From a champion (`training.from_champion`) it goes on with the champion's weights, scaling and few scenes.
    Raises `CannotTrain` where all known steps are of one kind.
    """
    _check_labels(train_examples)
    validation = [example for example in validation_examples if example.targets["known"].any()]
    start = continued(training, config)
    scaling = dict(start.arrays) if start else learn_scaling(train_examples, config)
    network = learn(make_scenes(train_examples, scaling, config), config, training, start)
    threshold = _threshold(network, validation or train_examples, scaling, config)
    if config.refit and validation:
        everything = [*train_examples, *validation]
        again = Training(training.folder / "refit", training.seed, resume=training.resume)
        network = learn(make_scenes(everything, scaling, config), config, again, start)
    return Trained(network, scaling, {"threshold": threshold, "from_champion": start is not None})


def _check_labels(examples: Sequence[Example]) -> None:
    found = joined(examples, "funny", of="targets") if examples else np.zeros(0, bool)
    if not len(found):
        raise CannotTrain("funny: no labelled step of the films to learn from shows or sounds anything")
    if found.all() or not found.any():
        kind = "funny" if found.all() else "not funny"
        raise CannotTrain(
            f"funny: all {len(found)} labelled steps of the films to learn from are {kind}: label spans of the other "
            "kind too (`is_funny`)"
        )


def _threshold(network: Any, examples: Sequence[Example], scaling: Arrays, config: Config) -> float:
    """The margin that is best by F1; 0, as the agent itself decides, where there is too little to choose by."""
    truth = joined(examples, "funny", of="targets")
    if min(truth.sum(), (~truth).sum()) < FEWEST_OF_A_KIND:
        return 0.0
    said = [act(_run(network), embeddings(e.features, scaling, config), e.features, config) for e in examples]
    known = [example.targets["known"] for example in examples]
    margin = np.concatenate([(q[:, 1] - q[:, 0])[k] for q, k in zip(said, known, strict=True)])
    return best_threshold(truth, margin)


def _run(network: Any) -> Callable[[Array], Array]:
    return lambda states: np.asarray(network(states, training=False))


def predict(artefact: Artefact, features: Arrays) -> Arrays:
    """q (T, 2) of not funny and funny, shifted so that the greater one decides; margin (T,), their difference.

    Raises `ModelUnusable` on features of another size than those learned from.
    """
    x = embeddings(features, artefact.arrays, artefact.config)
    q = act(artefact.run_rows, x, features, artefact.config)
    q = q + np.array([0.5, -0.5], np.float32) * np.float32(artefact.facts["threshold"])
    return {"q": q, "margin": q[:, 1] - q[:, 0]}


def baseline(_examples: Sequence[Example], _config: Config) -> Callable[[Arrays], Arrays]:
    """Everything is funny: of the answers that look at nothing the one with the best F1."""

    def guess(features: Arrays) -> Arrays:
        ones = np.ones(len(features["time_s"]), np.float32)
        return {"q": np.stack([0 * ones, ones], axis=1), "margin": ones}

    return guess


def figures(examples: Sequence[Example], predictions: Sequence[Arrays], config: Config) -> dict[str, Any]:
    """The ROC curve of the held-out films, and the margin over the time of the one with most that is funny."""
    pairs = zip(examples, predictions, strict=True)
    judged: list[Judgement] = [judge(e.features, e.targets, p, config) for e, p in pairs]
    most = int(np.argmax([judgement["truth"].sum() for judgement in judged]))
    return {"roc": roc_figure(judged), "margin": line_figure(examples[most], predictions[most])}


MODEL = Model(
    name="funny",
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
    metric="f1",
    figures=figures,
    continues=True,
    space={"context": [1, 2, 4], "gamma": [0.0, 0.7, 0.99], "dropout": [0.0, 0.3, 0.5]},
    about="Funny moments, found by a Q-learning agent that says of each step of a scene whether it is funny and hears "
    "only where a label is known whether it was right. It learns what laughter sounds like where audiences laugh, and "
    "when people wait for it; jokes that nobody laughs at it does not understand.",
)
