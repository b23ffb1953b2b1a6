"""How near a predicted line is to the labels: MSE, PCC, CCC and rank correlation, for each target."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np

from cinelake.learning.gate import MIN_UNITS, bootstrap
from cinelake.spec.answers import Answers
from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.example import Example
from cinelake.spec.model import FilmScores, Scores
from models.affect.config import Config
from models.affect.films import label_scale


def score_film(_features: Arrays, targets: Arrays, prediction: Arrays, config: Config) -> FilmScores:
    """For each target its labels and its predictions (clips,), of the clips that have labels."""
    scores: FilmScores = {}
    for i, name in enumerate(config.targets):
        known = targets["there"][:, i] > 0
        scores[f"true_{name}"], scores[f"said_{name}"] = targets["line"][known, i], prediction["line"][known, i]
    return scores


def summarise(film_scores: Sequence[FilmScores]) -> Scores:
    """pcc, ccc, rank and mse: of each the mean over the targets first, then each target's (`pcc_valence`).

    pcc, ccc and mse are over all films' clips; rank is Spearman's correlation within a film, the mean over films whose
    labels are not all equal, as TVSum is scored.
    """
    targets = [name.removeprefix("true_") for name in film_scores[0] if name.startswith("true_")]
    each: dict[str, dict[str, float]] = {name: {} for name in ("pcc", "ccc", "rank", "mse")}
    for target in targets:
        line, predicted = (np.concatenate([j[f"{side}_{target}"] for j in film_scores]) for side in ("true", "said"))
        known = len(line) > 1
        for name, measure in (("pcc", pearson), ("ccc", concordance)):
            each[name][target] = measure(predicted.astype(float), line.astype(float)) if known else 0.0
        each["rank"][target] = _rank_within_films([(j[f"said_{target}"], j[f"true_{target}"]) for j in film_scores])
        each["mse"][target] = float(np.square(predicted - line).mean()) if len(line) else 0.0
    scores: Scores = {}
    for name, of in each.items():
        scores |= {name: float(np.mean([*of.values()])), **{f"{name}_{target}": of[target] for target in targets}}
    return scores


def blocked(film_scores: Sequence[FilmScores], baseline: Sequence[FilmScores]) -> dict[str, str]:
    """Target → why its line is not to be told: its correlation on films never seen is not surely above 0, or its error
    is above that of always telling the mean. Of fewer than three films nothing is sure, and a person decides. So few
    that all correlate the same have no bounds: their own correlation counts."""
    found: dict[str, str] = {}
    if len(film_scores) < MIN_UNITS:
        return found
    scores, trivial = summarise(film_scores), summarise(baseline)
    for target in support(film_scores):
        sure = bootstrap(film_scores, summarise, f"pcc_{target}")
        mse, of_mean = scores[f"mse_{target}"], trivial[f"mse_{target}"]
        if not (sure.low if sure.is_known else sure.mean) > 0:
            found[target] = f"its correlation {sure} is not surely above 0"
        elif mse > of_mean:
            found[target] = f"its mean square error {mse:.3f} is above the mean's, {of_mean:.3f}"
    return found


def without(film_scores: FilmScores, targets: Collection[str]) -> FilmScores:
    """A film's contribution without some targets."""
    return {name: line for name, line in film_scores.items() if name.partition("_")[2] not in targets}


def answers(
    features: Arrays, targets: Arrays, prediction: Arrays, config: Config, _facts: Mapping[str, Any]
) -> Answers:
    """The lines at each clip that has a label; NaN where it has none of a target."""
    there = targets["there"] > 0
    rows = there.any(axis=1)
    truth = np.where(there, targets["line"], np.nan)[rows].astype(np.float64)
    return Answers(features["time_s"][rows], tuple(config.targets), truth, prediction["line"][rows].astype(np.float64))


def support(film_scores: Sequence[FilmScores]) -> dict[str, float]:
    """Target → clips that have labels of it."""
    targets = [name for name in film_scores[0] if name.startswith("true_")]
    return {name.removeprefix("true_"): float(sum(len(scores[name]) for scores in film_scores)) for name in targets}


def pearson(one: Array, other: Array) -> float:
    """Pearson's correlation coefficient (PCC); 0 where one of the two is constant."""
    a, b = one - one.mean(), other - other.mean()
    spread = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / spread if spread > 1e-12 * max(1, len(a)) else 0.0


def concordance(one: Array, other: Array) -> float:
    """Lin's concordance correlation coefficient (1989): 2 cov / (var + var + (difference of means)²)."""
    apart = one.var() + other.var() + (one.mean() - other.mean()) ** 2
    covariance = ((one - one.mean()) * (other - other.mean())).mean()
    return float(2 * covariance / apart) if apart > 0 else 0.0


def spearman(one: Array, other: Array) -> float:
    """Spearman's rank correlation, ties at their mean rank: the usual score of shot importance.

    Otani et al., Rethinking the Evaluation of Video Summaries (CVPR 2019).
    """
    from scipy.stats import rankdata

    return pearson(rankdata(one), rankdata(other))


def _rank_within_films(films: Sequence[tuple[Array, Array]]) -> float:
    correlations = [spearman(predicted, line) for predicted, line in films if len(line) and np.ptp(line) > 0]
    return float(np.mean(correlations)) if correlations else 0.0


def baseline(examples: Sequence[Example], config: Config) -> Callable[[Arrays], Arrays]:
    """The mean of the labels everywhere."""
    middle = label_scale(examples, config.model_copy(update={"classes": False}))["middle"]

    def guess(features: Arrays) -> Arrays:
        return {"line": np.tile(middle, (len(features["time_s"]), 1))}

    return guess


# --- figures


MAX_FILMS_SHOWN = 8


def figures(examples: Sequence[Example], predictions: Sequence[Arrays], config: Config) -> dict[str, Any]:
    """Each film's predicted and true line; which slots were written when, and the slot that goes most with a line."""
    drawn = {"lines": lines_of_films(examples, predictions, config.targets)}
    if config.learner.startswith("memory"):
        longest = int(np.argmax([len(example) for example in examples]))
        drawn["memory"] = memory_in_time(examples[longest], predictions[longest], config.targets)
    return drawn


def lines_of_films(examples: Sequence[Example], predictions: Sequence[Arrays], targets: Sequence[str]) -> Any:
    """Predicted against true line of up to eight films, a row each, a column for each target."""
    from matplotlib.figure import Figure

    rows = min(len(examples), MAX_FILMS_SHOWN)
    figure = Figure(figsize=(5 * len(targets), 1.8 * rows), layout="constrained")
    axes = figure.subplots(rows, len(targets), squeeze=False)
    for row, (example, prediction) in enumerate(zip(examples[:rows], predictions[:rows], strict=True)):
        for column, target in enumerate(targets):
            _line(axes[row, column], example, prediction["line"][:, column], column)
            axes[row, column].set_title(f"{example.movie_id}: {target}", fontsize=8)
    axes[0, 0].legend(fontsize=8)
    return figure


def _line(axes: Any, example: Example, predicted: Array, target: int) -> None:
    times_s, known = example.features["time_s"], example.targets["there"][:, target] > 0
    axes.plot(times_s, np.where(known, example.targets["line"][:, target], np.nan), color="grey", label="labelled")
    axes.plot(times_s, predicted, label="predicted")
    axes.set_xlabel("seconds", fontsize=8)


def memory_in_time(example: Example, prediction: Arrays, targets: Sequence[str]) -> Any:
    """Which slots were written when, and below for each target the slot whose activity goes most with its labels."""
    from matplotlib.figure import Figure

    written, times_s = prediction["written"], example.features["time_s"]
    figure = Figure(figsize=(10, 2.5 * (1 + len(targets))), layout="constrained")
    above, *below = figure.subplots(1 + len(targets), 1)
    above.pcolormesh(written.T, cmap="viridis")
    above.set(title=f"{example.movie_id}: how much each slot is written", xlabel="clip", ylabel="slot")
    for column, (axes, target) in enumerate(zip(below, targets, strict=True)):
        known = example.targets["there"][:, column] > 0
        line = example.targets["line"][known, column]
        slot, r = best_slot(written[known], line)
        axes.plot(times_s[known], line, color="grey", label=target)
        axes.set(title=f"slot {slot} against {target}: r = {r:.2f}", xlabel="seconds", ylabel=target)
        other = axes.twinx()
        other.plot(times_s, written[:, slot], color="tab:orange")
        other.set_ylabel("written", color="tab:orange")
    return figure


def best_slot(written: Array, line: Array) -> tuple[int, float]:
    """The slot whose activity, (T, slots), correlates most with a line (T,), and its correlation; 0 without labels."""
    correlations = [pearson(activity, line) if len(line) else 0.0 for activity in written.T]
    best = int(np.argmax(np.abs(correlations)))
    return best, correlations[best]
