"""How the agent of `funny` learns: rounds of scenes played and updates made, until the scenes are used up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cinelake.errors import CannotTrain, TrainingFailed
from cinelake.lake.onnx import import_tensorflow
from cinelake.learning.fitting import fit
from cinelake.spec.model import Scores
from cinelake.spec.training import Training
from models.funny.agent import Agent, Scenes, draw_scenes
from models.funny.environment import decayed

if TYPE_CHECKING:
    from cinelake.spec.model import Artefact
    from models.funny import Config

MOST_FILLING = 50
"""So many rounds at most fill the memory, however few labels there are."""
OUT_OF_REACH = 10.0
"""Q-values so many times larger than any return can be are taken for a divergence."""
LAST_SCENES = 100
"""Scenes over which the moving average of the score runs."""


@dataclass
class Played:
    """What a checkpoint keeps: the agent's variables and the last scenes' scores, worst before they are played."""

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

    start: a champion to go on from, for `config.update_scenes` scenes, exploring as little as at the end of a training.
    Raises `TrainingFailed` with
    the round and the numbers when Q-values leave all bounds; the checkpoint before stays where it is.
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
        played.add(score[counted > 0])
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
    for number in range(MOST_FILLING):
        if agent.remembered >= config.memory:
            return
        _play(agent, scenes, config, seed + 1, number, epsilon)


def _check_bounds(
    number: int, updates: int, score: float, loss: float, largest: float, scenes: Scenes, config: Config
) -> None:
    """Raise `TrainingFailed` when a reward or loss is no number, or |Q| is larger than any return could make it."""
    length = scenes.rows.shape[1]
    returns = float(scenes.worth.max()) * sum(config.gamma**k for k in range(length))
    if np.isfinite([score, loss, largest]).all() and largest <= OUT_OF_REACH * returns:
        return
    raise TrainingFailed(
        f"funny: round {number}, update {updates}: the mean reward is {score:.4g}, the loss {loss:.4g}, the largest "
        f"|Q| {largest:.4g}, where no return is above {returns:.4g}: the Q-values diverge; lower the learning rate, "
        "renew the target network less often, or look for features that are far out of range"
    )


FIXED = ("use", "step", "step_s", "language", "components", "context", "scene_steps", "alpha")
"""What a champion saw and how it acted: it can only go on with the same."""


def continued(training: Training, config: Config) -> Artefact | None:
    """The champion to go on from, if that was asked for. Raises `CannotTrain` when it saw something else."""
    start = training.champion if training.from_champion else None
    if start is None:
        return None
    changed = [name for name in FIXED if getattr(start.config, name) != getattr(config, name)]
    if changed:
        raise CannotTrain(f"funny: the champion was trained with another {', '.join(changed)}: train anew")
    return start


def load_network(start: Artefact) -> Any:
    """The Q-network of a trained model, from its Keras file, in safe mode."""
    import_tensorflow()
    import keras

    return keras.models.load_model(start.folder / "network.keras", compile=False, safe_mode=True)
