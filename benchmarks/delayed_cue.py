"""Whether the memory network keeps a cue in mind until it is asked about it, many clips later.

  python -m benchmarks.delayed_cue --folder DIR           five seeds at 1,000 clips (hours on two busy cores)
  python -m benchmarks.delayed_cue --delay 10 100 --repeat 1    a quick look
  python -m benchmarks.delayed_cue --only memory state    leaves out what stands beside
  python -m benchmarks.delayed_cue --only state --figure state.png      bytes kept for learning, as a picture

DIR keeps what each learner gave at each delay with each seed: cut off and called again, the command goes on, and with
other options it adds to the table. `--told` prints what is kept there and measures nothing.

Films of numbers are drawn by a seed: one of the first five clips is a cue; its level, −1…1, is the valence of ten clips
that come `--delay` later. Four clips on the way show a level that is no cue, and all have noise. Figures are PCC on 100
films that were never learned from:

  memory      learns by acting, critic `line` (ours: with hindsight), one step ahead, 16 after-states kept of a film
  value       the same with the critic of the paper, Q({e, m}) with one-step targets
  truncated   the same network by truncated backpropagation over windows of 16 clips, on as many films
  lstm        64 units, backpropagation through the whole film, on as many films, an update after every eight

State for learning is what a learner keeps of the films while it goes over them: of the memory network the memory and
the kept after-states; of full backpropagation every clip's vector, gates and memory. The films
themselves are not counted.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks._cued_films import FEATURES, correlation, draw_cued
from benchmarks._kept import Kept, code_of
from benchmarks.figures import Figure, Report, run
from cinelake.spec.training import Training
from models.affect.agent import MemoryLearner
from models.affect.baselines import TruncatedLearner, clip_rows
from models.affect.config import MemorySettings
from models.affect.films import AffectFilm, kept_clips
from models.affect.fitting import learn_sequence
from models.affect.network import Sizes, follow

TESTED = 100
WINDOW = 16
LSTM_BATCH = 8
"""Films of one update: with all 32 it learned less (0.92 instead of 0.95 at 10 clips)."""
LEARNERS = ("memory", "value", "truncated", "lstm")
STATE_LENGTHS = (100, 500, 1_000, 2_000, 5_000)


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
    """Every learner at every delay with every seed; with `told` those that were measured before."""
    cells = Kept(given.folder / f"delayed_cue_{given.rounds}.json", code_of("affect"))
    figures: list[Figure] = []
    for delay in given.delay:
        results = {name: _scores(cells, name, delay, given) for name in LEARNERS if name in given.only}
        figures += _figures(delay, results)
        if results.get("memory"):
            seconds = [cells.seconds(_cell("memory", delay, seed)) for seed in results["memory"]]
            figures.append(Figure(f"{delay} clips, teaching the memory network", seconds, "s"))
    states = _states(given.figure) if "state" in given.only else []
    return Report("delayed_cue", figures + states, [
        f"{given.rounds} rounds of 32 films, {TESTED} films tested a seed; a line's repetitions are its seeds"
    ])  # fmt: skip


def _scores(cells: Kept, name: str, delay: int, given: argparse.Namespace) -> dict[int, float]:
    """Seed → PCC."""
    seeds = range(given.first_seed, given.first_seed + given.repeat)
    requested = [seed for seed in seeds if not given.told or _cell(name, delay, seed) in cells]
    return {seed: cells.value(_cell(name, delay, seed), partial(_pcc, name, delay, seed, given)) for seed in requested}


def _cell(name: str, delay: int, seed: int) -> str:
    return f"{delay} clips, {name}, seed {seed}"


def _pcc(name: str, delay: int, seed: int, given: argparse.Namespace) -> float:
    test = draw_cued(TESTED, delay, np.random.default_rng((seed, 1)))
    return correlation(_TAUGHT[name](delay, given, seed, test), test)


def _figures(delay: int, results: dict[str, dict[int, float]]) -> list[Figure]:
    """PCC of each learner, and how far ours is above truncated backpropagation with the seeds that both have."""
    figures = [
        Figure(f"{delay} clips, {name}: PCC", list(scores.values()), at_least=0.8 if name == "memory" else None)
        for name, scores in results.items() if scores
    ]  # fmt: skip
    ours, theirs = results.get("memory", {}), results.get("truncated", {})
    gain = [ours[seed] - theirs[seed] for seed in ours if seed in theirs]
    promised = 0.15 if delay > WINDOW else None  # within the window truncated backpropagation sees the cue
    return figures + ([Figure(f"{delay} clips, memory − truncated", gain, at_least=promised)] if gain else [])


def _states(file: Path | None) -> list[Figure]:
    ours = [state_bytes(length) for length in STATE_LENGTHS]
    theirs = [full_state_bytes(length) for length in STATE_LENGTHS]
    if file:
        draw_states(ours, theirs, file)
    ratio = f"state for learning, {STATE_LENGTHS[-1]} / {STATE_LENGTHS[0]} clips"
    rows = [("state for learning", ours), ("state of full backpropagation", theirs)]
    return [Figure(ratio, [ours[-1] / ours[0]], at_most=1.0)] + [
        Figure(f"{name}, {length} clips", [size / 2**20], "MiB")
        for name, sizes in rows for length, size in zip(STATE_LENGTHS, sizes, strict=True)
    ]  # fmt: skip


def draw_states(ours: Sequence[int], theirs: Sequence[int], file: Path) -> None:
    """Bytes kept for learning over the length of the films, as a picture."""
    from matplotlib.figure import Figure as Picture

    picture = Picture(figsize=(6, 3.6), layout="constrained")
    axes = picture.subplots()
    for name, sizes in (("memory network, learning by acting", ours), ("backpropagation through all clips", theirs)):
        axes.plot(STATE_LENGTHS, np.array(sizes) / 2**20, marker="o", label=name)
    axes.set(xscale="log", yscale="log", xlabel="clips of each of 32 films", ylabel="MiB kept for learning")
    axes.legend()
    picture.savefig(file, dpi=120)


# --- learners: each predicts the valence of the tested films


def _by_acting(critic: str) -> Callable[[int, argparse.Namespace, int, Sequence[AffectFilm]], list[np.ndarray]]:
    def taught(delay: int, given: argparse.Namespace, seed: int, test: Sequence[AffectFilm]) -> list[np.ndarray]:
        settings = settings_for(delay, critic=critic, rounds=given.rounds, epochs=1)
        learner, rng = MemoryLearner(sizes_for(settings), settings, seed), np.random.default_rng(seed)
        for _ in range(given.rounds):
            learner.round(draw_cued(settings.films_at_once, delay, rng), rng)
        return [follow(learner.weights(), film.clips)[0] for film in test]

    return taught


def _truncated(delay: int, given: argparse.Namespace, seed: int, test: Sequence[AffectFilm]) -> list[np.ndarray]:
    settings, rng = settings_for(delay), np.random.default_rng(seed)
    learner = TruncatedLearner(sizes_for(settings), settings, seed)
    for _ in range(given.rounds):
        learner.round(draw_cued(settings.films_at_once, delay, rng))
    return [follow(learner.weights(), film.clips)[0] for film in test]


def _lstm(delay: int, given: argparse.Namespace, seed: int, test: Sequence[AffectFilm]) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    films = draw_cued(32 * given.rounds, delay, rng)
    training = Training(given.folder / f"lstm_{delay}_{seed}", seed, resume=False)
    network, _ = learn_sequence("lstm", films, [], training, epochs=1, patience=1, together=LSTM_BATCH)
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
            (
                "--delay",
                {"type": int, "nargs": "+", "default": [1000], "help": "clips from cue to answer (default: 1000)"},
            ),
            ("--rounds", {"type": int, "default": 130, "help": "rounds of play and updates (default: %(default)s)"}),
            ("--first-seed", {"type": int, "default": 0, "help": "seeds are counted from here (default: %(default)s)"}),
            ("--only", {"nargs": "+", "choices": choices, "default": choices, "help": "what is measured"}),
            ("--told", {"action": "store_true", "help": "print what is kept in the folder, measure nothing more"}),
            ("--figure", {"type": Path, "help": "where the bytes kept for learning are drawn (PNG)"}),
        )
    )
