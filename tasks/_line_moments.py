"""A film's lines at regular moments, as a model of kind `affect` says them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from cinelake.artefacts import Artefact
from cinelake.model import Array
from cinelake.task import TableReader
from models.affect import features, predict


def line_moments(artefact: Artefact, tables: Mapping[str, TableReader], hz: float) -> tuple[Array, dict[str, Array]]:
    """(M,) moments from 0 to the film's end in seconds, and target → (M,) its line, straight between clips' middles.

    Both are empty for a film without pictures and sound.
    """
    clips = features(tables, artefact.config)
    if not len(clips["time_s"]):
        return np.zeros(0), {target: np.zeros(0) for target in artefact.config.targets}
    line = predict(artefact, clips)["line"]
    times_s = np.arange(0, clips["end_s"][-1], 1 / hz)
    middles = (clips["time_s"] + clips["end_s"]) / 2
    return times_s, {
        target: np.interp(times_s, middles, line[:, i]) for i, target in enumerate(artefact.config.targets)
    }
