"""How well the funny agent predicts the utterances of FRIENDS at which people laugh: AUC, cross-validated by episode.

  python -m benchmarks.friends --real DIR              DIR/features/friends_utterances.parquet
  python -m benchmarks.friends --real FILE --folds 5
  python -m benchmarks.friends --real DIR --folder KEPT  keeps what each fold gave; goes on after a kill
  python -m benchmarks.friends --real DIR --test FILE  learns from all of DIR's episodes, is scored on FILE's others

What is seen is the emotion of each utterance (of MELD), when it begins and ends, and whether the speaker changes: the
table of turns that subtitles give, too. The score is Q(funny) − Q(not funny). Each episode is scored by an agent that
never saw it. Beside it: logistic regression on emotion and duration (the known 0.68), and logistic regression, an MLP
and an LSTM on the agent's own embeddings (two utterances before and after included). Intervals are bootstraps over
episodes (95 %).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks._drawn_funny import known_rows
from benchmarks._friends import first_features, friends_config, read_episodes
from benchmarks._funny_learners import LEARNERS, Sides, learner, score_last_side
from benchmarks.figures import Figure, Report, run, say
from cinelake.lake.artefact import write_artefact
from cinelake.learning.gate import bootstrap, compare
from cinelake.spec.example import Example
from cinelake.spec.model import FilmScores
from cinelake.spec.training import Training
from cinelake.storage.content import digest
from models.funny import MODEL
from models.funny.config import Config
from models.funny.features import learn_scaling

VALIDATION = 0.15
"""Share of the episodes to learn from that set the threshold (and are learned from afterwards)."""
FIRST = "logistic, emotion and duration"
SCORED = ("truth", "margin")
Fold = tuple[list[Example], list[Example]]


def make_folds(episodes: Sequence[Example], count: int) -> list[Fold]:
    """Every `count`-th episode is left out together."""
    return [
        (
            [e for i, e in enumerate(episodes) if i % count != fold],
            [e for i, e in enumerate(episodes) if i % count == fold],
        )
        for fold in range(count)
    ]


def sides_of(fold: Fold, seed: int) -> Sides:
    """Some of the episodes to learn from are put aside for the threshold; they are learned from afterwards."""
    learned, left_out = fold
    order = np.random.default_rng(seed).permutation(len(learned))
    held = max(1, round(VALIDATION * len(learned)))
    return [learned[i] for i in order[held:]], [learned[i] for i in order[:held]], left_out


def agent(config: Config, sides: Sides, folder: Path, seed: int) -> list[FilmScores]:
    """Scores of the left-out episodes, one each, by an agent that learned from the others, as it would be deployed."""
    trained = MODEL.train(sides[0], sides[1], config, Training(folder / "fitting", seed, resume=False))
    artefact = write_artefact(folder / "artefact", "funny", config, trained)
    return [MODEL.score_film(e.features, e.targets, MODEL.predict(artefact, e.features), config) for e in sides[2]]


def first_logistic(fold: Fold) -> list[FilmScores]:
    """The same by logistic regression on emotion and duration."""
    from sklearn.linear_model import LogisticRegression

    learned, left_out = fold
    x, y = known_rows(learned, [first_features(e) for e in learned])
    fitted = LogisticRegression(max_iter=500).fit(x, y)
    return [{"truth": e.targets["funny"], "margin": fitted.decision_function(first_features(e))} for e in left_out]


def beside(config: Config, folds: Sequence[Fold], folder: Path, seed: int) -> dict[str, list[FilmScores]]:
    """All episodes' judgements by the plain learners."""
    results = {FIRST: [judgement for fold in folds for judgement in first_logistic(fold)]}
    for name in LEARNERS[1:]:
        results[name] = [one for fold in folds for one in kept(name, config, sides_of(fold, seed), folder, seed)]
    return results


def kept(name: str, config: Config, sides: Sides, folder: Path, seed: int) -> list[FilmScores]:
    """A learner's predictions of an earlier run on the same episodes; else it learns now, and they are kept."""
    episodes = [[episode.movie_id for episode in side] for side in sides]
    file = folder / f"{name}_{digest([config.model_dump(mode='json'), episodes, seed])[:12]}.npz"
    if not file.is_file():
        made = agent(config, sides, folder, seed) if name == "agent" else beside_one(name, config, sides, folder, seed)
        arrays = {f"{part}_{number}": scores[part] for number, scores in enumerate(made) for part in SCORED}
        unfinished = file.with_suffix(".part.npz")
        np.savez(unfinished, allow_pickle=False, **arrays)
        unfinished.replace(file)
        say(f"{file.stem}: AUC {MODEL.summarise(made)['auc']:.4f}")
    with np.load(file) as arrays:
        return [{part: arrays[f"{part}_{number}"] for part in SCORED} for number in range(len(sides[2]))]


def beside_one(name: str, config: Config, sides: Sides, folder: Path, seed: int) -> list[FilmScores]:
    """Scores of the left-out episodes, one each, by a plain learner, on the agent's own embeddings."""
    return score_last_side(
        learner(name, sides, learn_scaling(sides[0], config), config, folder / "fitting", seed), sides
    )


def measure(given: argparse.Namespace) -> Report:
    """Cross-validate once for each seed."""
    episodes, config = read_episodes(given.real), friends_config()
    if given.test:
        apart = read_episodes(given.test)
        seen = {episode.movie_id for episode in apart}
        folds: list[Fold] = [([e for e in episodes if e.movie_id not in seen], apart)]
    else:
        folds = make_folds(episodes, given.folds)
    rounds = []
    for seed in range(given.repeat):
        rounds.append(
            [one for fold in folds for one in kept("agent", config, sides_of(fold, seed), given.folder, seed)]
        )
        say(f"seed {seed}: AUC {MODEL.summarise(rounds[-1])['auc']:.4f}")
    others = beside(config, folds, given.folder, 0)
    scores = [MODEL.summarise(film_scores) for film_scores in rounds]
    first = others[FIRST]
    figures = [Figure("AUC", [result["auc"] for result in scores], at_least=0.72)]
    figures += [Figure(f"AUC, {name}", [MODEL.summarise(judged)["auc"]]) for name, judged in others.items()]
    figures += [
        Figure(name, [result[name] for result in scores]) for name in ("f1", "precision", "recall", "share_funny")
    ]
    material = [
        f"{sum(map(len, episodes))} utterances, {len(episodes)} episodes, {len(folds)} folds by episode",
        f"AUC of seed 0: {bootstrap(rounds[0], MODEL.summarise, 'auc')}",
        f"gain over logistic, emotion and duration: {compare(rounds[0], first, MODEL.summarise, 'auc')}",
        f"gain over the MLP: {compare(rounds[0], others['MLP'], MODEL.summarise, 'auc')}",
    ]
    return Report("friends", figures, material)


if __name__ == "__main__":
    real = {"type": Path, "required": True, "help": "folder with features/friends_utterances.parquet, or the file"}
    test = {"type": Path, "help": "a file of other utterances to be scored on; episodes of it are not learned from"}
    folds = {"type": int, "default": 5, "help": "folds by episode (default: %(default)s)"}
    raise SystemExit(run(__doc__ or "", measure, ("--real", real), ("--test", test), ("--folds", folds), repeat=1))
