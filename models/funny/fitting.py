"""How the agent of `funny` is fitted: rounds of scenes played and updates made, then the threshold of its margin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cinelake.errors import CannotTrain, TrainingFailed
from cinelake.lake.onnx import import_tensorflow
from cinelake.lake.spill import joined
from cinelake.learning.fitting import fit
from cinelake.spec.arrays import Arrays
from cinelake.spec.artefact import Artefact
from cinelake.spec.example import Example
from cinelake.spec.model import Scores, Trained
from cinelake.spec.training import Training
from models.funny.agent import Agent
from models.funny.config import Config
from models.funny.environment import Scenes, decayed, draw_scenes, make_scenes
from models.funny.features import embeddings, learn_scaling
from models.funny.predict import act
from models.funny.scores import best_threshold
from models.funny.supervised import learn_supervised

MIN_OF_A_KIND = 10
"""Known steps of each kind that a threshold is chosen by."""
MAX_FILLING_ROUNDS = 50
"""The memory is filled by at most so many rounds, however few labels there are."""
MAX_Q_PER_RETURN = 10.0
"""Q-values so many times larger than any possible return count as divergence."""
LAST_SCENES = 100
"""Scenes over which the moving average of the score runs."""
FIXED = ("learner", "use", "step", "step_s", "language", "components", "context", "scene_steps", "alpha")
"""What a champion saw and how it acted: it can only continue with the same."""


def train(
    train_examples: Sequence[Example], validation_examples: Sequence[Example], config: Config, training: Training
) -> Trained:
    """Let the agent play; the threshold is chosen on the validation films, which are learned from afterwards.

    From a champion (`training.from_champion`) it continues with the champion's weights, scaling and few scenes.
    Raises `CannotTrain` where all known steps are of one kind.
    """
    _check_labels(train_examples)
    validation = [example for example in validation_examples if example.targets["known"].any()]
    start = continued(training, config)
    scaling = dict(start.arrays) if start else learn_scaling(train_examples, config)
    network, epochs = _learned(train_examples, validation, scaling, config, training, start)
    settled = training.settled.get("threshold")
    threshold = settled if settled is not None else _threshold(network, validation or train_examples, scaling, config)
    if config.refit and validation:
        everything = [*train_examples, *validation]
        again = Training(training.folder / "refit", training.seed, resume=training.resume, settled={"epochs": epochs})
        network, _ = _learned(everything, [], scaling, config, again, start)
    facts = {"threshold": threshold, "from_champion": start is not None, "epochs": epochs}
    return Trained(network, scaling, facts)


def _learned(
    examples: Sequence[Example],
    validation: Sequence[Example],
    scaling: Arrays,
    config: Config,
    training: Training,
    start: Artefact | None,
) -> tuple[Any, int]:
    """The learner's network and its epochs: the agent's are fixed; those of `training.settled` count, if any."""
    if config.learner == "agent":
        return learn(make_scenes(examples, scaling, config), config, training, start), 0
    epochs = training.settled.get("epochs") or None
    return learn_supervised(config.learner, examples, validation, scaling, config, training, epochs)


def _check_labels(examples: Sequence[Example]) -> None:
    labels = joined(examples, "funny", of="targets") if examples else np.zeros(0, bool)
    if not len(labels):
        raise CannotTrain("funny: no labelled step of the films to learn from shows or sounds anything")
    if labels.all() or not labels.any():
        kind = "funny" if labels.all() else "not funny"
        raise CannotTrain(
            f"funny: all {len(labels)} labelled steps of the films to learn from are {kind}: label spans of the other "
            "kind too (`is_funny`)"
        )


def _threshold(network: Any, examples: Sequence[Example], scaling: Arrays, config: Config) -> float:
    """The margin that is best by F1; 0, as the agent itself decides, where there is too little to choose by."""
    truth = joined(examples, "funny", of="targets")
    if min(truth.sum(), (~truth).sum()) < MIN_OF_A_KIND:
        return 0.0
    margins = []
    for example in examples:
        x = embeddings(example.features, scaling, config)
        q = act(lambda states: np.asarray(network(states, training=False)), x, example.features, config)
        margins.append((q[:, 1] - q[:, 0])[example.targets["known"]])
    return best_threshold(truth, np.concatenate(margins))


def continued(training: Training, config: Config) -> Artefact | None:
    """The champion to continue from, if requested. Raises `CannotTrain` when its inputs or steps are others."""
    start = training.champion if training.from_champion else None
    if start is None:
        return None
    if config.learner != "agent":
        raise CannotTrain(f"funny: {config.learner} learns anew each time: leave out --from-champion")
    changed = [name for name in FIXED if getattr(start.config, name) != getattr(config, name)]
    if changed:
        raise CannotTrain(f"funny: the champion was trained with another {', '.join(changed)}: train anew")
    return start


def load_network(start: Artefact) -> Any:
    """The Q-network of a trained model, from its Keras file, in safe mode."""
    import_tensorflow()
    import keras

    return keras.models.load_model(start.folder / "network.keras", compile=False, safe_mode=True)


# --- learning


@dataclass
class Played:
    """What a checkpoint keeps: the agent's variables and the last scenes' scores, at first the worst possible."""

    agent: Agent
    last: Any

    @property
    def variables(self) -> list[Any]:
        """All that changes."""
        return [*self.agent.variables, self.last]

    def add(self, scores: Any) -> None:
        """The scores of scenes that were played."""
        self.last.assign(np.append(self.last.numpy(), scores)[-LAST_SCENES:])


def learn(scenes: Scenes, config: Config, training: Training, start: Artefact | None = None) -> Any:
    """The Q-network after `config.scenes` scenes, best by the moving average of its scores.

    start: a champion to continue from, for `config.update_scenes` scenes, exploring as little as at the end of a
    training. Raises `TrainingFailed` with the round and the numbers when Q-values diverge; the checkpoint before stays.
    """
    tf = import_tensorflow()
    agent = Agent(scenes, config, training.seed, load_network(start) if start else None)
    played = Played(agent, tf.Variable(np.full(LAST_SCENES, -float(scenes.worth.max()) or -1.0, np.float32)))
    many = -(-(config.update_scenes if start else config.scenes) // config.scenes_at_once)
    first = config.epsilon_least if start else config.epsilon
    updates = max(1, scenes.rows.shape[1] * config.scenes_at_once // config.steps_per_update)
    met: dict[str, float] = {}

    def epsilon_at(number: int) -> float:
        return decayed(first, config.epsilon_decay, config.epsilon_least, number * config.scenes_at_once)

    def epoch(number: int) -> float:
        if not agent.remembered:
            _fill(agent, scenes, config, training.seed, first)
        score, counted = _play(agent, scenes, config, training.seed, number, epsilon_at(number))
        judged = score[counted > 0]
        training.episodes(number * config.scenes_at_once, judged.tolist())
        played.add(judged)
        loss, largest = (float(value) for value in agent.learn(tf.constant(updates)))
        _check_bounds(number, int(agent.updates), float(score.mean()), loss, largest, scenes, config)
        met.update(epsilon=epsilon_at(number), q=largest)
        return loss

    def validate() -> Scores:
        return {"score": float(played.last.numpy().mean()), **met}

    fit(
        played, agent.optimizer, epoch, validate, training, epochs=many, monitor="score", greater_is_better=True,
        checkpoint_every=max(1, many // 20),
    )  # fmt: skip
    return agent.network


def _play(agent: Agent, scenes: Scenes, config: Config, seed: int, number: int, epsilon: float) -> tuple[Any, Any]:
    tf = import_tensorflow()
    chosen = draw_scenes(scenes, config.scenes_at_once, seed, number)
    score, counted = agent.play(tf.constant(chosen, tf.int32), tf.constant(epsilon, tf.float32), tf.constant(number))
    return score.numpy(), counted.numpy()


def _fill(agent: Agent, scenes: Scenes, config: Config, seed: int, epsilon: float) -> None:
    """Play without learning until the memory is full."""
    for number in range(MAX_FILLING_ROUNDS):
        if agent.remembered >= config.memory:
            return
        _play(agent, scenes, config, seed + 1, number, epsilon)


def _check_bounds(
    number: int, updates: int, score: float, loss: float, largest: float, scenes: Scenes, config: Config
) -> None:
    """Raise `TrainingFailed` when a reward or loss is NaN or infinite, or |Q| is larger than any return explains."""
    length = scenes.rows.shape[1]
    returns = float(scenes.worth.max()) * sum(config.gamma**k for k in range(length))
    if np.isfinite([score, loss, largest]).all() and largest <= MAX_Q_PER_RETURN * returns:
        return
    raise TrainingFailed(
        f"funny: round {number}, update {updates}: the mean reward is {score:.4g}, the loss {loss:.4g}, the largest "
        f"|Q| {largest:.4g}, where no return is above {returns:.4g}: the Q-values diverge; lower the learning rate, "
        "renew the target network less often, or look for features that are far out of range"
    )
