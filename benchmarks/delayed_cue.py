"""Whether the memory network keeps a cue in mind until it is asked about it, many clips later.

  python -m benchmarks.delayed_cue                        five seeds at 1,000 clips (an hour on two free cores)
  python -m benchmarks.delayed_cue --delay 50 --repeat 1  a quick look
  python -m benchmarks.delayed_cue --only memory state    leaves out what stands beside

Films of numbers are drawn by a seed: one of the first five clips is a cue; its level, −1…1, is the valence of ten clips
that come `--delay` later. Four clips on the way show a level that is no cue, and all have noise. Figures are PCC on 100
films that were never learned from:

  memory      learns by acting, critic `line` (ours: with hindsight), one step ahead, 16 after-states kept of a film
  value       the same with the critic of the paper, Q({e, m}) with one-step targets
  truncated   the same network by truncated backpropagation over windows of 16 clips, on as many films
  lstm        64 units, backpropagation through the whole film, on as many films

State for learning is what a learner keeps of the films while it goes over them: of the memory network the memory and
the kept after-states; of full backpropagation every clip's vector, gates and memory. The films
themselves are not counted.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence

import numpy as np

from benchmarks._cued_films import FEATURES, correlation, draw_cued
from benchmarks.figures import Figure, Report, run, say
from cinelake.learning.training import Training
from models._affect_films import Film, kept_clips
from models._affect_learning import MemoryLearner
from models._affect_memory import Sizes, follow
from models._affect_settings import MemorySettings
from models._affect_simple import clip_rows, learn_sequence
from models._affect_truncated import TruncatedLearner

TESTED = 100
WINDOW = 16
LEARNERS = ("memory", "value", "truncated", "lstm")
STATE_LENGTHS = (100, 5_000)


def settings_for(delay: int, **others: object) -> MemorySettings:
    """The learner's settings: the slowest slot holds twice the delay before anything is learned."""
    given: dict[str, object] = {
        "width": 8, "clip_vector": 16, "hidden": 32, "longest": 2.0 * delay, "discount": 0.999, "kept": WINDOW,
        "explore": min(0.1, 20 / delay), "films_at_once": 32, "updates": 24, "batch": 256, "dropout": 0.0,
        "weight_decay": 0.0, "segment": 203, "window": WINDOW,
    }  # fmt: skip
    return MemorySettings.model_validate(given | others)


def sizes_for(settings: MemorySettings) -> Sizes:
    """The network's sizes for cued films."""
    return Sizes(FEATURES, 1, settings.clip_vector, settings.slots, settings.width, settings.hidden, settings.longest)


def measure(given: argparse.Namespace) -> Report:
    """Every learner on every seed."""
    found: dict[str, list[float]] = {name: [] for name in given.only if name in LEARNERS}
    seconds: list[float] = []
    for seed in range(given.first_seed, given.first_seed + given.repeat):
        test = draw_cued(TESTED, given.delay, np.random.default_rng((seed, 1)))
        for name, scores in found.items():
            began = time.perf_counter()
            scores.append(correlation(_TAUGHT[name](given, seed, test), test))
            say(f"seed {seed}: {name} PCC {scores[-1]:.3f} after {time.perf_counter() - began:.0f} s")
            seconds += [time.perf_counter() - began] if name == "memory" else []
    return Report("delayed_cue", _figures(found, seconds, given), [
        f"delay {given.delay} clips, {given.rounds} rounds of 32 films, {TESTED} films tested a seed"
    ])  # fmt: skip


def _figures(found: dict[str, list[float]], seconds: list[float], given: argparse.Namespace) -> list[Figure]:
    figures = [Figure(f"PCC, {n}", scores, at_least=0.8 if n == "memory" else None) for n, scores in found.items()]
    if {"memory", "truncated"} <= set(found):
        gain = [ours - theirs for ours, theirs in zip(found["memory"], found["truncated"], strict=True)]
        figures.append(Figure("memory − truncated", gain, at_least=0.15))
    figures += [Figure("teaching the memory network", seconds, "s")] if seconds else []
    if "state" in given.only:
        flat = [state_bytes(length) for length in STATE_LENGTHS]
        figures.append(Figure(f"state for learning, {STATE_LENGTHS[1]} / {STATE_LENGTHS[0]} clips",
                              [flat[1] / flat[0]], at_most=1.0))  # fmt: skip
        figures += [Figure(f"state for learning, {n} clips", [b / 2**20], "MiB")
                    for n, b in zip(STATE_LENGTHS, flat, strict=True)]  # fmt: skip
        figures += [Figure(f"state of full backpropagation, {n} clips", [full_state_bytes(n) / 2**20], "MiB")
                    for n in STATE_LENGTHS]  # fmt: skip
    return figures


# --- learners: each gives the valence of the tested films


def _by_acting(critic: str) -> Callable[[argparse.Namespace, int, Sequence[Film]], list[np.ndarray]]:
    def taught(given: argparse.Namespace, seed: int, test: Sequence[Film]) -> list[np.ndarray]:
        settings = settings_for(given.delay, critic=critic, rounds=given.rounds, epochs=1)
        learner, rng = MemoryLearner(sizes_for(settings), settings, seed), np.random.default_rng(seed)
        for _ in range(given.rounds):
            learner.round(draw_cued(settings.films_at_once, given.delay, rng), rng)
        return [follow(learner.weights(), film.clips)[0] for film in test]

    return taught


def _truncated(given: argparse.Namespace, seed: int, test: Sequence[Film]) -> list[np.ndarray]:
    settings, rng = settings_for(given.delay), np.random.default_rng(seed)
    learner = TruncatedLearner(sizes_for(settings), settings, seed)
    for _ in range(given.rounds):
        learner.round(draw_cued(settings.films_at_once, given.delay, rng))
    return [follow(learner.weights(), film.clips)[0] for film in test]


def _lstm(given: argparse.Namespace, seed: int, test: Sequence[Film]) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    films = draw_cued(32 * given.rounds, given.delay, rng)
    training = Training(given.folder / f"lstm_{seed}", seed, resume=False)
    network, _ = learn_sequence("lstm", films, [], training, epochs=1, patience=1, together=32)
    return [np.asarray(network(clip_rows(film)[None]))[0] for film in test]


_TAUGHT = {"memory": _by_acting("line"), "value": _by_acting("value"), "truncated": _truncated, "lstm": _lstm}


# --- state


def state_bytes(length: int) -> int:
    """Bytes that the learner keeps of 32 films of so many clips while it plays them: measured on what it returns."""
    settings, rng = settings_for(100), np.random.default_rng(0)
    learner = MemoryLearner(sizes_for(settings), settings, 0)
    films = draw_cued(settings.films_at_once, length - 15, rng)
    kept = np.stack([kept_clips(film, settings.kept, rng) for film in films])
    memories = learner.play(films, kept, 0).numpy()
    carried = np.prod((len(films), settings.slots, settings.width)) * 4
    return int(memories.nbytes + carried + kept.nbytes)


def full_state_bytes(length: int) -> int:
    """Bytes of activations that backpropagation through all clips of 32 films needs at least: clip vector, four actions
    and memory of each."""
    s = settings_for(100)
    cells = s.slots * s.width
    return 4 * s.films_at_once * length * (s.clip_vector + s.hidden + s.slots + 4 * cells)


if __name__ == "__main__":
    choices = [*LEARNERS, "state"]
    raise SystemExit(
        run(
            __doc__ or "",
            measure,
            ("--delay", {"type": int, "default": 1000, "help": "clips from cue to answer (default: %(default)s)"}),
            ("--rounds", {"type": int, "default": 130, "help": "rounds of play and updates (default: %(default)s)"}),
            ("--first-seed", {"type": int, "default": 0, "help": "seeds are counted from here (default: %(default)s)"}),
            ("--only", {"nargs": "+", "choices": choices, "default": choices, "help": "what is measured"}),
        )
    )
