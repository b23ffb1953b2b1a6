"""How near a predicted line is to the labels: MSE, PCC, CCC and rank correlation, for each target."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cinelake.spec.arrays import Array
from cinelake.spec.model import Judgement, Scores


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
    """Spearman's rank correlation, ties at their mean rank: what importance of shots is scored by.

    Otani et al., Rethinking the Evaluation of Video Summaries (CVPR 2019).
    """
    from scipy.stats import rankdata

    return pearson(rankdata(one), rankdata(other))


def judge_lines(line: Array, said: Array, known: Array, targets: Sequence[str]) -> Judgement:
    """For each target its labels and predictions where there are labels; line, said, known (T, targets)."""
    judged: Judgement = {}
    for i, name in enumerate(targets):
        there = known[:, i] > 0
        judged[f"true_{name}"], judged[f"said_{name}"] = line[there, i], said[there, i]
    return judged


def summarise_lines(judgements: Sequence[Judgement]) -> Scores:
    """mse, pcc, ccc over all films' clips, and rank, for each target (`pcc_valence`) and their mean (`pcc`).

    rank: Spearman's correlation within a film, the mean over films whose labels are not all one, as TVSum is scored.
    """
    targets = [name.removeprefix("true_") for name in judgements[0] if name.startswith("true_")]
    scores: Scores = {}
    for target in targets:
        line, said = (np.concatenate([j[f"{side}_{target}"] for j in judgements]) for side in ("true", "said"))
        known = len(line) > 1
        scores[f"mse_{target}"] = float(np.square(said - line).mean()) if len(line) else 0.0
        for name, measure in (("pcc", pearson), ("ccc", concordance)):
            scores[f"{name}_{target}"] = measure(said.astype(float), line.astype(float)) if known else 0.0
        scores[f"rank_{target}"] = _rank_within_films([(j[f"said_{target}"], j[f"true_{target}"]) for j in judgements])
    for name in ("mse", "pcc", "ccc", "rank"):
        scores[name] = float(np.mean([scores[f"{name}_{target}"] for target in targets]))
    return scores


def _rank_within_films(films: Sequence[tuple[Array, Array]]) -> float:
    found = [spearman(said, line) for said, line in films if len(line) and np.ptp(line) > 0]
    return float(np.mean(found)) if found else 0.0
