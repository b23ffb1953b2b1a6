"""How long a tags head takes on cached embeddings: 35,000 frames × 2,048 numbers, 50 tags, 30 epochs.

Measured: wall time of `models.heads.networks.fit_head`, the head of the paper (dropout 0.5, ReLU(Wx + b), softmax),
          whose epochs are one compiled loop each; its compilation and the checkpoints count.
Against:  the same network, optimiser, batches and epochs by Keras' own `compile` and `fit` with their defaults.
Target:   at most 15 s, at no greater loss.

Both in the same process, in turn, on the same made-up embeddings: non-negative, a direction for each tag, noise.

    python -m benchmarks.tag_head
    python -m benchmarks.tag_head --frames 3500 --epochs 5       a quick look
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.figures import Figure, Report, run, say
from cinelake.lake.onnx import import_tensorflow
from cinelake.spec.training import Training
from models.heads.config import Head, LabelledRows
from models.heads.networks import build_head, fit_head, predicted

SIZE, TAGS, BATCH = 2048, 50, 256


def made_up(frames: int) -> LabelledRows:
    """Embeddings as a network's last pooling returns them, with one of the tags each."""
    rng = np.random.default_rng(0)
    tag = rng.integers(TAGS, size=frames)
    directions = rng.random((TAGS, SIZE), dtype=np.float32)
    x = np.maximum(0.4 * directions[tag] + rng.normal(0, 0.5, (frames, SIZE)).astype(np.float32), 0)
    return LabelledRows(x, np.eye(TAGS, dtype=np.float32)[tag])


def ours(rows: LabelledRows, head: Head, folder: Path) -> tuple[float, Any]:
    """Seconds, and the network."""
    began = time.perf_counter()
    network, _ = fit_head(head, rows, _few(rows), Training(folder, resume=False))
    return time.perf_counter() - began, network


def _few(rows: LabelledRows) -> LabelledRows:
    """What each epoch is judged by: the first thousand."""
    return LabelledRows(rows.x[:1000], rows.y[:1000])


def default_fit(rows: LabelledRows, head: Head) -> tuple[float, Any]:
    """Seconds, and the network, by Keras' own way."""
    import_tensorflow()
    import keras

    began = time.perf_counter()
    network = build_head(head, SIZE, TAGS, 0)
    network.compile(keras.optimizers.Adam(head.learning_rate), "categorical_crossentropy")
    few = _few(rows)
    network.fit(rows.x, rows.y, batch_size=BATCH, epochs=head.epochs, verbose=0, validation_data=(few.x, few.y))
    return time.perf_counter() - began, network


def loss_of(network: Any, rows: LabelledRows) -> float:
    """Mean cross-entropy on the rows, without dropout."""
    p = np.clip(predicted(network, rows.x), 1e-7, 1)
    return float(-(rows.y * np.log(p)).sum(axis=1).mean())


def measure(given: argparse.Namespace) -> Report:
    """Both, in turn."""
    rows = made_up(given.frames)
    head = Head("seed", False, 0.5, 1, 0.0, 1e-3, given.epochs, None, BATCH, False)
    seconds: dict[str, list[float]] = {"ours": [], "keras": []}
    losses: dict[str, list[float]] = {"ours": [], "keras": []}
    for turn in range(given.repeat):
        for name in ("ours", "keras") if turn % 2 == 0 else ("keras", "ours"):
            way = ours(rows, head, Path(given.folder)) if name == "ours" else default_fit(rows, head)
            seconds[name].append(way[0])
            losses[name].append(loss_of(way[1], rows))
            say(f"turn {turn + 1}, {name}: {way[0]:.1f} s, loss {losses[name][-1]:.4f}")
    ratios = [theirs / own for own, theirs in zip(seconds["ours"], seconds["keras"], strict=True)]
    whole = given.frames == 35_000 and given.epochs == 30
    figures = [
        Figure("head, compiled epochs", seconds["ours"], "s", at_most=15.0 if whole else None),
        Figure("head, Keras' default fit", seconds["keras"], "s"),
        Figure("default fit / compiled epochs", ratios, "x"),
        Figure("loss, compiled epochs", losses["ours"]),
        Figure("loss, Keras' default fit", losses["keras"]),
    ]
    return Report("tag_head", figures, [f"{given.frames:,} frames × {SIZE:,}, {TAGS} tags, {given.epochs} epochs"])


if __name__ == "__main__":
    options = (("--frames", {"type": int, "default": 35_000}), ("--epochs", {"type": int, "default": 30}))
    sys.exit(run(__doc__ or "", measure, *options, repeat=3))
