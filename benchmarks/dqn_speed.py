"""How fast the funny agent acts and learns, beside the same agent written plainly, in one run.

  python -m benchmarks.dqn_speed               five turns, the two in turn

Steps of the environment a second (acting, reward, memory) and updates a second (a batch of 64 from memory, both
actions, Double DQN, Adam), first each alone and then together: one update for every four steps, as the agent learns.
Both have the same network, and 320 numbers a step. Compiling is not counted in the turns; it is reported beside.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

import numpy as np

from benchmarks._eager_dqn import EagerAgent
from benchmarks.figures import Figure, Report, run, say
from cinelake.lake.onnx import import_tensorflow
from models.funny.agent import Agent
from models.funny.config import Config
from models.funny.environment import Scenes, draw_scenes

STEPS, NUMBERS = 4096, 320
"""Size of the made films: steps, and numbers of each."""
EAGER_STEPS, EAGER_UPDATES, ROUNDS = 400, 40, 20
"""What a turn does: the plain agent's steps and updates, and the compiled agent's rounds."""


def made_scenes(config: Config) -> Scenes:
    """Noise in which every fourth step is funny."""
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(size=(STEPS, NUMBERS)), np.zeros((1, NUMBERS))]).astype(np.float32)
    label, worth = (np.append(part, 0).astype(np.float32) for part in (rng.random(STEPS) < 0.25, np.ones(STEPS)))
    return Scenes(x, label, worth, np.arange(STEPS).reshape(-1, config.scene_steps))


def timed(work: Callable[[], object], count: int) -> float:
    """How many of `count` pieces of work are done a second."""
    began = time.perf_counter()
    work()
    return count / (time.perf_counter() - began)


def measure(given: argparse.Namespace) -> Report:
    """Both agents in turn."""
    tf, config = import_tensorflow(), Config()
    scenes = made_scenes(config)
    compiled, plain = Agent(scenes, config, 0), EagerAgent(scenes, config, 0)
    per_round = config.scenes_at_once * config.scene_steps
    updates = per_round // config.steps_per_update
    batches = [tf.constant(draw_scenes(scenes, config.scenes_at_once, 0, number), tf.int32) for number in range(ROUNDS)]

    def play() -> None:
        for number, chosen in enumerate(batches):
            compiled.play(chosen, tf.constant(0.1), tf.constant(number))

    def learn() -> None:
        float(compiled.learn(tf.constant(ROUNDS * updates))[0])

    began = time.perf_counter()
    play(), learn()
    compiling_s = time.perf_counter() - began
    rates: dict[str, list[float]] = {"steps": [], "updates": [], "plain steps": [], "plain updates": []}
    for turn in range(given.repeat):
        rates["steps"].append(timed(play, ROUNDS * per_round))
        rates["updates"].append(timed(learn, ROUNDS * updates))
        rates["plain steps"].append(timed(lambda: [plain.step() for _ in range(EAGER_STEPS)], EAGER_STEPS))
        rates["plain updates"].append(timed(lambda: [plain.update() for _ in range(EAGER_UPDATES)], EAGER_UPDATES))
        say(f"turn {turn}: " + ", ".join(f"{name} {values[-1]:,.0f}/s" for name, values in rates.items()))
    ours, theirs = (
        _together(rates[a], rates[b], config) for a, b in (("steps", "updates"), ("plain steps", "plain updates"))
    )
    figures = [
        Figure("steps a second, times the plain agent", _ratio(rates["steps"], rates["plain steps"]), at_least=10),
        Figure(
            "updates a second, times the plain agent", _ratio(rates["updates"], rates["plain updates"]), at_least=10
        ),
        Figure("steps with their updates a second, times it", _ratio(ours, theirs), at_least=10),
        *(Figure(f"{name} a second", values) for name, values in rates.items()),
        Figure("the first turn, with compiling", [compiling_s], "s"),
    ]
    return Report("dqn_speed", figures, [f"{NUMBERS} numbers a step, {config.scenes_at_once} scenes at once"])


def _together(steps: list[float], updates: list[float], config: Config) -> list[float]:
    """Steps a second where every `steps_per_update`-th is followed by an update."""
    return [1 / (1 / s + 1 / (config.steps_per_update * u)) for s, u in zip(steps, updates, strict=True)]


def _ratio(ours: list[float], theirs: list[float]) -> list[float]:
    return [one / other for one, other in zip(ours, theirs, strict=True)]


if __name__ == "__main__":
    sys.exit(run(__doc__ or "", measure))
