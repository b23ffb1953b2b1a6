"""Drawn films as the funny agent learns from them: what their labels do not call funny is not, in every film."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks._drawn_shots import read_side
from cinelake.lake.cells import Lake
from cinelake.spec.arrays import Array
from cinelake.spec.example import Example
from models.funny import MODEL
from models.funny.config import Config


def read_watched(folder: Path, side: str, lake: Lake, config: Config) -> list[Example]:
    """The films of one side. Those of which the labels say nothing were watched too: nothing in them is funny."""
    examples = read_side(folder, side, lake, MODEL, config, "funny")
    return [
        example
        if example.targets["known"].any()
        else replace(example, targets={**example.targets, "known": example.features["seen"].copy()})
        for example in examples
    ]


def some_labels(examples: Sequence[Example], share: float, seed: int) -> list[Example]:
    """The examples with so many of their labels left, drawn by scenes of eight steps; the others are not known.

    Labels come in stretches, as people give them. At least one stretch with something funny and one without is left.
    """
    if share >= 1:
        return list(examples)
    rng = np.random.default_rng(seed)
    stretches = [(number, stretch) for number, e in enumerate(examples) for stretch in _stretches(e)]
    order = rng.permutation(len(stretches))
    kept = [stretches[i] for i in order[: max(2, round(share * len(stretches)))]]
    for wanted in (True, False):
        if not any((examples[n].targets["funny"][s] == wanted).any() for n, s in kept):
            kept.append(next(stretches[i] for i in order if _has(examples, stretches[i], wanted)))
    return [_only(example, [s for n, s in kept if n == number]) for number, example in enumerate(examples)]


def _stretches(example: Example, length: int = 8) -> list[Array]:
    known = np.flatnonzero(example.targets["known"])
    return [known[start : start + length] for start in range(0, len(known), length)]


def _has(examples: Sequence[Example], stretch: tuple[int, Array], wanted: bool) -> bool:
    return bool((examples[stretch[0]].targets["funny"][stretch[1]] == wanted).any())


def _only(example: Example, stretches: Sequence[Array]) -> Example:
    known = np.zeros(len(example), bool)
    for stretch in stretches:
        known[stretch] = True
    return replace(example, targets={**example.targets, "known": known})


def known_rows(examples: Sequence[Example], vectors: Sequence[Array]) -> tuple[Array, Array]:
    """(n, d) vectors and (n,) labels of the known steps of films with embeddings `vectors`."""
    known = [example.targets["known"] for example in examples]
    x = np.concatenate([rows[k] for rows, k in zip(vectors, known, strict=True)])
    return x, np.concatenate([e.targets["funny"][k] for e, k in zip(examples, known, strict=True)])
