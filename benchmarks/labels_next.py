"""How many labels are enough when `cinelake labels next` says which, beside labels at random.

  python -m benchmarks.labels_next                    who is in a frame and tags of shots, on 24 drawn films
  python -m benchmarks.labels_next --folder DIR       keeps films and lake in DIR for the next time
  python -m benchmarks.labels_next --repeat 5         with five draws of the films that are scored on
  python -m benchmarks.labels_next --films 14 --seconds 16 --seed 909
                                                      fewer and shorter films, others than the rule was chosen on
  python -m benchmarks.labels_next --patches FILE     also emotions of 3,000 faces (Parquet: split, emotion, patch)

A third of the films is kept apart; of the others moments are labelled round by round, by the command's own choice, at
random, or by doubt alone: the most doubtful, alike or not, once there are labels. After each round a logistic
regression on the model's own view of its moments is scored on the films kept apart (macro-F1; accuracy for faces,
whose 3,000 and 1,000 are of the file's own split), as a share of what it has with all labels. `enough`: the share of
labels at which 95 % of that are reached, between rounds by a straight line. `more than random`: the difference of the
mean share over the rounds from 6 to 60 % of the labels, with a bootstrap over the draws (95 %).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._drawn_lake import make_lake
from benchmarks._drawn_shots import read_side
from benchmarks.figures import Figure, Report, run, say
from benchmarks.tags import default_config
from cinelake.learning.choosing import choose, compared, doubt_of, learned_probability, worth_of
from cinelake.spec.arrays import Array
from cinelake.spec.example import Example
from cinelake.spec.model import Model

FILMS, SEED = 24, 101
SHARES = (0.03, 0.06, 0.1, 0.15, 0.2, 0.25, 0.4, 0.6, 0.8)
COMPARED = slice(1, 8)
"""The rounds whose mean share is compared."""
ENOUGH = 0.95
WAYS = ("next", "random", "doubt alone")
RANDOM_RUNS = 3
"""Runs at random of which each draw takes the mean."""
LEAST_STEPS = 5
"""Classes of fewer labelled moments are left out."""
FACES = {"Training": 3000, "PublicTest": 1000}
Score = Callable[[Array, Array], float]


class Pool:
    """Moments with their labels: x (N, d), y (N, C), group (N,) film; test (N,) bool, those kept apart."""

    def __init__(self, x: Array, y: Array, group: Sequence[str], test: Array, *, exclusive: bool, score: Score):
        self.x, self.y, self.score, self.exclusive = x[~test], y[~test], score, exclusive
        self.group = [name for name, apart in zip(group, test, strict=True) if not apart]
        self.apart, self.truth = x[test], y[test]

    def score_with(self, labelled: Array) -> float:
        """The score of a regression on these labels alone."""
        predicted = learned_probability(self.x[labelled], self.y[labelled], self.apart, exclusive=self.exclusive)
        return self.score(predicted, self.truth)

    def curve(self, seed: int, way: str) -> Array:
        """Scores after each round, by one of `WAYS`."""
        seeds = [seed + 1000 * run for run in range(RANDOM_RUNS if way == "random" else 1)]
        return np.mean([self._run(each, way) for each in seeds], axis=0)

    def _run(self, seed: int, way: str) -> list[float]:
        labelled, scores, rng = np.zeros(len(self.x), bool), [], np.random.default_rng(seed)
        for share in SHARES:
            wanted = max(4, round(share * len(self.x))) - int(labelled.sum())
            rest = np.flatnonzero(~labelled)
            random = way == "random"
            picked = rng.permutation(len(rest))[:wanted] if random else self._chosen(labelled, rest, wanted, seed, way)
            labelled[rest[picked]] = True
            scores.append(self.score_with(labelled))
        return scores

    def _chosen(self, labelled: Array, rest: Array, wanted: int, seed: int, way: str) -> Array:
        worth = None
        if labelled.any():
            guessed = learned_probability(self.x[labelled], self.y[labelled], self.x[rest], exclusive=self.exclusive)
            if way == "doubt alone":
                return np.argsort(-doubt_of(guessed, exclusive=self.exclusive), kind="stable")[:wanted]
            worth = worth_of(guessed, self.y[labelled].sum(axis=0))
        films = [self.group[row] for row in rest]
        return np.array(choose(self.x[rest], self.x[labelled], worth, wanted, groups=films, seed=seed))


def macro_f1(predicted: Array, truth: Array) -> float:
    """The mean F1 of the classes that occur."""
    said, present = predicted >= 0.5, truth > 0
    found = (said & present).sum(axis=0)
    f1 = 2 * found / np.maximum(said.sum(axis=0) + present.sum(axis=0), 1)
    return float(f1[present.any(axis=0)].mean())


def accuracy(predicted: Array, truth: Array) -> float:
    """The share of moments whose likeliest class is theirs."""
    return float((predicted.argmax(axis=1) == truth.argmax(axis=1)).mean())


def drawn_pools(model: Model, config: Any, examples: Sequence[Example], seeds: int) -> list[Pool]:
    """The labelled moments of drawn films, a third of the films kept apart in each draw."""
    assert model.labelling is not None
    view = compared(model.labelling.view([e.features for e in examples], config))
    truth = model.labelling.truth([e.targets for e in examples], config)
    known = np.concatenate([e.targets["known"] for e in examples])
    film = np.repeat(np.arange(len(examples)), [len(e) for e in examples])[known]
    x, y = view[known], np.concatenate(truth.films)[known]
    y = y[:, y.sum(axis=0) > LEAST_STEPS]
    names = [examples[number].movie_id for number in film]
    draws = [np.random.default_rng(seed).permutation(len(examples))[: len(examples) // 3] for seed in range(seeds)]
    return [Pool(x, y, names, np.isin(film, draw), exclusive=truth.exclusive, score=macro_f1) for draw in draws]


def face_pools(file: Path, seeds: int) -> list[Pool]:
    """Faces with their emotions, other ones in each draw; the file's own split says which are kept apart."""
    import pyarrow.parquet as pq

    from models.expressions import MODEL
    from models.expressions.networks import EMOTIONS

    assert MODEL.labelling is not None
    rows = pq.read_table(file, columns=["split", "emotion", "patch"])
    split, emotion = (np.array(rows[name].to_pylist()) for name in ("split", "emotion"))
    pools = []
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        taken = np.concatenate([rng.permutation(np.flatnonzero(split == side))[:n] for side, n in FACES.items()])
        patches = [np.frombuffer(patch, np.uint8) for patch in rows["patch"].take(taken).to_pylist()]
        view = MODEL.labelling.view([{"patch": np.stack(patches).reshape(-1, 48, 48)}], None)
        y = (emotion[taken][:, None] == np.array(EMOTIONS)).astype(np.float32)
        apart = split[taken] == "PublicTest"
        pools.append(Pool(compared(view), y, ["faces"] * len(taken), apart, exclusive=True, score=accuracy))
    return pools


def enough(shares: Sequence[float], scores: Sequence[float], full: float) -> float:
    """The least share of labels from which on 95 % of the full score are reached, for good; 1 where none is."""
    points = [*zip(shares, scores, strict=True), (1.0, full)]
    for (low, below), (high, above) in zip(points[-2::-1], points[:0:-1], strict=True):
        if below < ENOUGH * full:
            risen = (ENOUGH * full - below) / max(above - below, 1e-9)
            return float(low + min(1.0, risen) * (high - low))
    return float(shares[0])


def compare(what: str, pools: Sequence[Pool], *, goal: bool = True) -> list[Figure]:
    """Both curves on every draw, and the figures of what they come to."""
    fulls = [pool.score_with(np.ones(len(pool.x), bool)) for pool in pools]
    curves = {way: [pool.curve(seed, way) for seed, pool in enumerate(pools)] for way in WAYS}
    say(f"{what}: {len(pools[0].x)} moments to label, full score {np.mean(fulls):.3f}")
    say("  labels      " + "  ".join(f"{share:5.0%}" for share in SHARES))
    mean = {who: (np.array(of) / np.array(fulls)[:, None]).mean(axis=0) for who, of in curves.items()}
    for who, shares in mean.items():
        say(f"  {who:11} " + "  ".join(f"{share:.3f}" for share in shares))
    at = SHARES.index(0.25)
    target = {"at_least": ENOUGH} if goal else {}
    more = _more(curves, fulls)
    say(f"  next more than random: {more[0]:.3f} ({more[1]:.3f} … {more[2]:.3f})")
    return [
        Figure(f"{what}: share of the full score with 25 % of the labels, next", [mean["next"][at]], **target),
        *(Figure(f"{what}: the same, {way}", [mean[way][at]]) for way in WAYS[1:]),
        Figure(f"{what}: share of labels that is enough, next", [enough(SHARES, mean["next"], 1.0)]),
        *(Figure(f"{what}: the same, {way}", [enough(SHARES, mean[way], 1.0)]) for way in WAYS[1:]),
        *(Figure(f"{what}: more than random, {of}", [v]) for of, v in zip(("mean", "from", "to"), more, strict=True)),
    ]


def _more(curves: Mapping[str, Any], fulls: Sequence[float]) -> tuple[float, float, float]:
    """How much more of the full score the command's choice has than random, on the same draws, and its bounds."""
    gain = ((np.array(curves["next"]) - curves["random"]) / np.array(fulls)[:, None])[:, COMPARED].mean(axis=1)
    drawn = np.random.default_rng(0).choice(gain, (2000, len(gain))).mean(axis=1)
    return float(gain.mean()), *(float(bound) for bound in np.percentile(drawn, (2.5, 97.5)))


def measure(given: argparse.Namespace) -> Report:
    """The curves on drawn films, and on faces where a file of them is given."""
    from models.characters import MODEL as CHARACTERS
    from models.tags import MODEL as TAGS

    side = {"drawn": (given.films, given.seed)}
    lake = make_lake(given.folder, side, seconds=given.seconds)
    figures = []
    for model, config in ((CHARACTERS, CHARACTERS.config(head="linear")), (TAGS, default_config())):
        examples = read_side(given.folder, "drawn", lake, model, config, model.name)
        figures += compare(model.name, drawn_pools(model, config, examples, given.repeat))
    if given.patches:
        figures += compare("emotions of faces", face_pools(given.patches, given.repeat))
    length = f"{given.seconds:g} s" if given.seconds else "42 to 58 s"
    return Report("labels next", figures, [f"{given.films} drawn films of {length}, seed {given.seed}"])


if __name__ == "__main__":
    raise SystemExit(
        run(
            __doc__ or "",
            measure,
            ("--patches", {"type": Path, "help": "a Parquet of faces"}),
            ("--films", {"type": int, "default": FILMS, "help": "how many are drawn (default: %(default)s)"}),
            ("--seconds", {"type": float, "help": "how long each is (default: 42 to 58)"}),
            ("--seed", {"type": int, "default": SEED, "help": "of the drawn films (default: %(default)s)"}),
            repeat=3,
        )
    )
