"""A film's lines at regular moments, as a model of kind `affect` says them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cinelake.spec.arrays import Array
from cinelake.spec.artefact import Artefact
from cinelake.spec.task import TableReader
from models.affect.features import features
from models.affect.predict import predict


@dataclass(frozen=True)
class LineMoments:
    """times_s (M,), from 0 to the film's end; lines: target → (M,), straight between clips' middles, without those that
    the gate blocked; facts: of how much of the film each modality was there, and what is blocked, for the table's
    provenance."""

    times_s: Array
    lines: Mapping[str, Array]
    facts: dict[str, str]


def line_moments(artefact: Artefact, tables: Mapping[str, TableReader], hz: float) -> LineMoments:
    """The lines of one film; without any moment where there is nothing to see and hear: no line is made of nothing."""
    config = artefact.config
    clips = features(tables, config)
    shares = {kind: float(np.mean(clips[f"{kind}_there"])) if len(clips["time_s"]) else 0.0 for kind in config.use}
    facts = {"there": ", ".join(f"{kind} {share:.0%}" for kind, share in shares.items())}
    blocked = artefact.facts.get("blocked", {})
    facts |= {"blocked": "; ".join(f"{name}: {why}" for name, why in blocked.items())} if blocked else {}
    if not any(shares.values()):
        return LineMoments(np.zeros(0), {target: np.zeros(0) for target in config.targets}, facts)
    line = predict(artefact, clips)["line"]
    times_s, middles = np.arange(0, clips["end_s"][-1], 1 / hz), (clips["time_s"] + clips["end_s"]) / 2
    lines = {target: np.interp(times_s, middles, line[:, i]) for i, target in enumerate(config.targets)}
    return LineMoments(times_s, {name: values for name, values in lines.items() if name not in blocked}, facts)
