"""How good scenes are: measures of the eluv.io challenge (mAP, mIoU), the usual ones, and figures of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from cinelake.lake.spill import joined
from cinelake.learning.metrics import expected_average_precision, mean_of_defined, precision_recall_f1, ratio, totals
from cinelake.spec.answers import Answers
from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.example import Example
from cinelake.spec.model import FilmScores, Scores
from models.scenes.config import Config

NEAR_S = 3.0
"""A boundary counts as recalled when one is predicted so near to it (Rao et al., CVPR 2020: Recall@3s)."""


def score_film(features: Arrays, targets: Arrays, prediction: Arrays, config: Config) -> FilmScores:
    """truth and probability of the known shots; counts at the threshold; mIoU of the scenes they are cut into."""
    known, truth, probability = targets["known"], targets["boundary"], prediction["probability"]
    predicted = (probability >= config.threshold) & known
    true = truth & known
    times_s = features["time_s"]
    return {
        "truth": truth[known],
        "probability": probability[known],
        "hits": np.array((predicted & true).sum()),
        "predicted": np.array(predicted.sum()),
        "true": np.array(true.sum()),
        "near": np.array(found_near(times_s[true], times_s[predicted])),
        "miou": np.array(_film_iou(features, true, predicted, known)),
    }


def _film_iou(features: Arrays, true: Array, predicted: Array, known: Array) -> float:
    """mIoU over the known shots and the one before them, where the first scene begins."""
    region = known | np.append(known[1:], False)
    first, last = int(features["start_frame"][region.argmax()]), features["end_frame"][region] - 1
    return mean_iou(*(scene_ranges(starts[region], last, first) for starts in (true, predicted)))


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


def found_near(true_s: Array, predicted_s: Array, near_s: float = NEAR_S) -> int:
    """How many of the true boundaries have a predicted one within `near_s` seconds."""
    if not len(predicted_s):
        return 0
    return int((np.abs(true_s[:, None] - predicted_s[None]).min(axis=1) <= near_s).sum()) if len(true_s) else 0


def best_threshold(truth: Sequence[Array], probability: Sequence[Array]) -> float:
    """The probability from which on boundaries give the best F1 over several films; 0.5 where none is known.

    The middle between the lowest that still counts and the highest that does not.
    """
    true, predicted = np.concatenate([*truth, []]).astype(bool), np.concatenate([*probability, []])
    if not true.any():
        return 0.5
    order = np.argsort(-predicted, kind="stable")
    ranked = predicted[order]
    f1 = precision_recall_f1(np.cumsum(true[order]), np.arange(1, len(ranked) + 1), true.sum())[:, 2]
    f1[:-1][ranked[:-1] == ranked[1:]] = 0  # equal probabilities count together
    best = int(f1.argmax())
    following = ranked[best + 1] if best + 1 < len(ranked) else 0.0
    return float(np.clip((ranked[best] + following) / 2, 1e-4, 1 - 1e-4))


def summarise(film_scores: Sequence[FilmScores]) -> Scores:
    """map, the mean over films of their average precision, and ap, of all films' shots together, both NaN where no
    scene begins; miou, f1, precision, recall and recall_3s. What each film contributes: `score_film`."""
    truth = [scores["truth"] for scores in film_scores]
    probability = [scores["probability"] for scores in film_scores]
    hits, predicted, true, near = totals(film_scores, ("hits", "predicted", "true", "near"))
    precision, recall, f1 = precision_recall_f1(hits, predicted, true)
    return {
        "map": mean_of_defined([film_average_precision(t, p) for t, p in zip(truth, probability, strict=True)]),
        "ap": film_average_precision(np.concatenate(truth), np.concatenate(probability)),
        "miou": float(np.mean([scores["miou"] for scores in film_scores])),
        "f1": float(f1),
        "precision": float(precision),
        "recall": float(recall),
        "recall_3s": float(ratio(near, true)),
    }


def answers(
    features: Arrays, targets: Arrays, prediction: Arrays, config: Config, _facts: Mapping[str, Any]
) -> Answers:
    """Whether a scene begins at each known shot."""
    known = targets["known"]
    probability, unmoved = (
        prediction.get(name, prediction["probability"])[known][:, None] for name in ("probability", "unmoved")
    )
    truth, said = targets["boundary"][known][:, None].astype(bool), probability >= config.threshold
    time_s, classes = features["time_s"][known], ("a scene begins",)
    return Answers(time_s, classes, truth, said, probability, unmoved=unmoved, none="no scene begins")


def film_average_precision(truth: Array, probability: Array) -> float:
    """Average precision of a film, or of several, equal probabilities in any order; NaN without a boundary
    (scikit-learn: 0): it does not count then."""
    return expected_average_precision(truth, probability) if truth.any() else float("nan")


def baseline(examples: Sequence[Example], config: Config) -> Callable[[Arrays], Arrays]:
    """Every boundary is as likely as any other: any order for the ranking, and no boundary at all for the scenes."""
    rate = float(joined(examples, "boundary", of="targets").mean())

    def guess(features: Arrays) -> Arrays:
        return {"probability": np.full(len(features["time_s"]), min(rate, config.threshold - 1e-3), np.float32)}

    return guess


def figures(examples: Sequence[Example], predictions: Sequence[Arrays], config: Config) -> dict[str, Any]:
    """The precision-recall curve, and the line of probabilities of the film with the median score."""
    film_scores = [score_film(e.features, e.targets, p, config) for e, p in zip(examples, predictions, strict=True)]
    by_film = np.array([summarise([scores])["map"] for scores in film_scores])
    order = np.argsort(by_film, kind="stable")  # those without a boundary last
    middle = int(order[max(np.isfinite(by_film).sum(), 1) // 2])
    line = probability_line(examples[middle], predictions[middle]["probability"], config.threshold)
    return {"precision_recall": precision_recall(film_scores), "probability_line": line}


def precision_recall(film_scores: Sequence[FilmScores]) -> Any:
    """The precision-recall curve over all films' shots, and that of chance."""
    from matplotlib.figure import Figure
    from sklearn.metrics import precision_recall_curve

    truth = np.concatenate([scores["truth"] for scores in film_scores])
    probability = np.concatenate([scores["probability"] for scores in film_scores])
    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.add_subplot(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02))
    if truth.any():
        precision, recall, _ = precision_recall_curve(truth, probability)
        axes.plot(recall, precision)
        axes.axhline(truth.mean(), linestyle=":", color="grey", label="chance")
        axes.legend()
    return figure


def probability_line(example: Example, probability: Array, threshold: float) -> Any:
    """A film's probabilities over time, with lines where scenes begin."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 3), layout="constrained")
    axes = figure.add_subplot(title=example.movie_id, xlabel="seconds", ylabel="a scene begins", ylim=(0, 1.02))
    times_s, known = example.features["time_s"], example.targets["known"]
    axes.vlines(times_s[example.targets["boundary"] & known], 0, 1, color="tab:orange", alpha=0.6, label="labelled")
    axes.plot(times_s, probability, drawstyle="steps-post", label="predicted")
    axes.axhline(threshold, linestyle=":", color="grey")
    axes.legend(loc="upper right")
    return figure
