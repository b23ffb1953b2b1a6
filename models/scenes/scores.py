"""Measures of scene segmentation: those of the eluv.io challenge (mAP, mIoU) and the usual ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cinelake.spec.arrays import Array
from cinelake.spec.model import Judgement, Scores

NEAR_S = 3.0
"""A boundary counts as recalled when one is predicted so near to it (Rao et al., CVPR 2020: Recall@3s)."""


def scene_ranges(starts: Array, end_frames: Array, first_frame: int = 0) -> Array:
    """(scenes, 2) first and last frame of each scene, both inclusive.

    starts: (T,) whether a scene begins at the shot; the first shot begins one in any case. end_frames: (T,) last
    frame of each shot. A scene begins one frame after the one before ends, as in the challenge's evaluation.
    """
    last = np.append(np.flatnonzero(starts[1:]), len(starts) - 1)
    ends = np.asarray(end_frames)[last]
    return np.stack([np.concatenate([[first_frame], ends[:-1] + 1]), ends], axis=1)


def mean_iou(one: Array, other: Array) -> float:
    """Mean maximum intersection over union of two segmentations, (n, 2) and (m, 2) inclusive frame ranges.

    The mean of two means: of each scene's best match in the other segmentation, seen from either side.
    """
    first = np.maximum(one[:, None, 0], other[None, :, 0])
    last = np.minimum(one[:, None, 1], other[None, :, 1])
    common = np.maximum(last - first + 1, 0)
    lengths = [ranges[:, 1] - ranges[:, 0] + 1 for ranges in (one, other)]
    iou = common / (lengths[0][:, None] + lengths[1][None, :] - common)
    return float((iou.max(axis=1).mean() + iou.max(axis=0).mean()) / 2)


def average_precision(truth: Array, probability: Array) -> float:
    """Area under the precision-recall steps; NaN where there is nothing to find."""
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(truth, probability)) if truth.any() else float("nan")


def found_near(true_s: Array, predicted_s: Array, near_s: float = NEAR_S) -> int:
    """How many of the true boundaries have a predicted one within `near_s` seconds."""
    if not len(predicted_s):
        return 0
    return int((np.abs(true_s[:, None] - predicted_s[None]).min(axis=1) <= near_s).sum()) if len(true_s) else 0


def best_threshold(truth: Sequence[Array], probability: Sequence[Array]) -> float:
    """The probability from which on boundaries give the best F1 over several films; 0.5 where none is known.

    The middle between the lowest that still counts and the highest that does not.
    """
    true, said = np.concatenate([*truth, []]).astype(bool), np.concatenate([*probability, []])
    if not true.any():
        return 0.5
    order = np.argsort(-said, kind="stable")
    ranked = said[order]
    f1 = 2 * np.cumsum(true[order]) / (np.arange(1, len(ranked) + 1) + true.sum())
    f1[:-1][ranked[:-1] == ranked[1:]] = 0  # equal probabilities count together
    best = int(f1.argmax())
    following = ranked[best + 1] if best + 1 < len(ranked) else 0.0
    return float(np.clip((ranked[best] + following) / 2, 1e-4, 1 - 1e-4))


def summarise(judgements: Sequence[Judgement]) -> Scores:
    """Scores of several films: see `models.scenes.judge` for what each contributes."""
    truth = [judgement["truth"] for judgement in judgements]
    said = [judgement["probability"] for judgement in judgements]
    by_film = np.array([average_precision(t, p) for t, p in zip(truth, said, strict=True)])
    pooled = average_precision(np.concatenate(truth), np.concatenate(said))
    hits, predicted, true, near = (
        sum(int(judgement[name]) for judgement in judgements) for name in ("hits", "predicted", "true", "near")
    )
    return {
        "map": float(np.nanmean(by_film)) if np.isfinite(by_film).any() else 0.0,
        "ap": float(np.nan_to_num(pooled)),
        "miou": float(np.mean([judgement["miou"] for judgement in judgements])),
        "f1": 2 * hits / max(predicted + true, 1),
        "precision": hits / max(predicted, 1),
        "recall": hits / max(true, 1),
        "recall_3s": near / max(true, 1),
    }
