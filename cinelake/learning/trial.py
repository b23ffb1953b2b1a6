"""One trial of a tuning: a configuration scored by cross-validation by film, on the films that are learned from.

The held-out films are never seen. What is known of a trial lies in one file, written after each fold: a trial that was
killed resumes with its next fold, one that ended is not made again.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from cinelake.errors import CinelakeError
from cinelake.learning.candidate import Prepared, prepare, score_films, scored, train_artefact
from cinelake.learning.candidate import predict_all as predict
from cinelake.learning.split import folds
from cinelake.manifest.document import Manifest, ModelEntry
from cinelake.spec.example import Example
from cinelake.spec.model import Scores
from cinelake.spec.training import Training
from cinelake.storage.content import digest
from cinelake.storage.files import alone, write_whole

FOLDS = 3
"""As in the literature's random searches over scene models; each film is scored once a trial."""
STOPPING_PARTS = 6
"""One in so many of a fold's films decides when its training stops."""
WORST = float("-inf")
"""The score of a trial that has none."""
ENDED = ("finished", "stopped", "failed")


@dataclass
class Trial:
    """A configuration and how it did. drawn: the settings that were searched. folds: each fold's scores.

    status: running, finished, stopped (others did better), failed (it cannot be trained), lost (its process died).
    epochs: fold, epoch and metrics, as training reported them.
    """

    drawn: dict[str, Any]
    folds: list[Scores] = field(default_factory=list)
    status: str = "running"
    error: str = ""
    epochs: list[tuple[int, int, dict[str, float]]] = field(default_factory=list)
    wall_s: float = 0.0
    run_id: str = ""

    @property
    def ended(self) -> bool:
        """Whether it is not made again."""
        return self.status in ENDED

    def scores(self) -> Scores:
        """Mean of each score over the folds so far that have it as a number (a class may be absent from a fold)."""
        names = dict.fromkeys(name for fold in self.folds for name in fold)
        values = {name: [fold[name] for fold in self.folds if np.isfinite(fold.get(name, np.nan))] for name in names}
        return {name: float(np.mean(scores)) for name, scores in values.items() if scores}


def trial_key(drawn: Mapping[str, Any]) -> str:
    """What a trial's file is called: the same settings are one trial."""
    return digest(dict(drawn))[:16]


def read_trial(folder: Path, drawn: Mapping[str, Any]) -> Trial:
    """What is known of a trial; a fresh one when nothing is."""
    try:
        return Trial(**json.loads((folder / f"{trial_key(drawn)}.json").read_text()))
    except (OSError, ValueError, TypeError):
        return Trial(dict(drawn))


def write_trial(folder: Path, trial: Trial) -> None:
    """Write what is known of a trial, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / f"{trial_key(trial.drawn)}.json", json.dumps(asdict(trial)))


@dataclass(frozen=True)
class TrialWork:
    """What every trial of a tuning shares: the manifest, the model, the seed, where trials are written."""

    manifest: Manifest
    entry: ModelEntry
    seed: int
    folder: Path

    def run(self, drawn: Mapping[str, Any], report: Callable[[Trial], None]) -> Trial:
        """Make a trial, or what is left of it; `report` is called after each fold (for earlier ones again).

        What a training or a configuration raises on purpose ends the trial as failed.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        # The same settings drawn twice wait for one another, and the second reads what the first has written
        with alone(self.folder / f"{trial_key(drawn)}.lock"):
            trial = read_trial(self.folder, drawn)
            for done in range(len(trial.folds)):
                report(replace(trial, folds=trial.folds[: done + 1]))
            if trial.ended:
                return trial
            trial.status, trial.error = "running", ""
            try:
                self._folds(trial, report)
                trial.status = "finished"
            except (CinelakeError, ValueError) as error:
                trial.status, trial.error = "failed", f"{type(error).__name__}: {error}"
            write_trial(self.folder, trial)
            self.forget(trial)
            return trial

    def forget(self, trial: Trial) -> None:
        """Delete the checkpoints of a trial that ended."""
        shutil.rmtree(self._checkpoints(trial.drawn), ignore_errors=True)

    def _folds(self, trial: Trial, report: Callable[[Trial], None]) -> None:
        config = type(self.entry.config).model_validate({**self.entry.config.model_dump(), **trial.drawn})
        prepared = prepare(self.manifest, replace(self.entry, config=config))
        films = (*prepared.split.train, *prepared.split.validation)
        sides = [(learned, scored(judged)) for learned, judged in folds(films, FOLDS) if scored(judged)]
        for number, (learned, judged) in enumerate(sides[len(trial.folds) :], start=len(trial.folds)):
            began = time.monotonic()
            trial.folds.append(self._fold(prepared, trial, number, learned, judged))
            trial.wall_s += time.monotonic() - began
            write_trial(self.folder, trial)
            report(trial)

    def _fold(
        self, prepared: Prepared, trial: Trial, number: int, learned: tuple[Example, ...], judged: tuple[Example, ...]
    ) -> Scores:
        spec, config = prepared.entry.spec, prepared.entry.config
        own = self._checkpoints(trial.drawn) / str(number)
        seen: dict[int, dict[str, float]] = {}
        training = Training(
            own, self.seed, lambda epoch, metrics, _=None: seen.update({epoch: dict(metrics)}), final=False
        )
        train, stop_by = folds(learned, STOPPING_PARTS)[0]
        artefact = train_artefact(prepared, config, training, own / "artefact", train, stop_by)
        trial.epochs += [(number, epoch, metrics) for epoch, metrics in seen.items()]
        return dict(spec.summarise(score_films(spec, judged, predict(spec, artefact, judged), config)))

    def _checkpoints(self, drawn: Mapping[str, Any]) -> Path:
        return self.folder / f"{trial_key(drawn)}.folds"
