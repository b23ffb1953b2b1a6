"""`cinelake tune`: searches a model's settings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cinelake.events import TrialMoved, TuningBegan
from cinelake.learning.trial import FOLDS
from cinelake.learning.tuning import TuningRequest, TuningSummary, cell
from cinelake.manifest.document import load_manifest
from cinelake.storage.interrupts import interrupts_answered
from cli.options import HERE, JsonOption, ManifestOption, example, finish
from cli.screen import duration, out, print_json, table
from cli.terminal import say_stopping
from cli.train import TrainingProgress, print_training
from flows.start_learning import run_tuning

app = typer.Typer(add_completion=False)

SHOWN_SCORES = 4


@app.command(epilog=example("cinelake tune scenes", "cinelake tune scenes --trials 40 --workers 2"))
def tune(
    name: Annotated[str, typer.Argument(help="The model, as in section `models`.")],
    manifest: ManifestOption = HERE,
    trials: Annotated[int | None, typer.Option(help="How many, instead of the manifest's.", min=1)] = None,
    workers: Annotated[int | None, typer.Option(help="Trials at a time; by default the processors.", min=1)] = None,
    json: JsonOption = False,
) -> None:
    """Search a model's settings, train the best, and make it champion if it is better; run it again to resume."""
    request = TuningRequest(load_manifest(manifest), name, trials, workers)
    say = say_stopping("trials that ended stay")
    with interrupts_answered(say), TuningProgress(quiet=json) as progress:
        summary = run_tuning(request, progress.on_event)
    if json:
        print_json(summary.to_json())
    else:
        print_tuning(summary, manifest)
    finish(130 if summary.interrupted else 0)


class TuningProgress(TrainingProgress):
    """Listens to a tuning: a line for each trial that ends, then the best one's training."""

    def __init__(self, *, quiet: bool = False):
        super().__init__(quiet=quiet)
        self._ended: set[int] = set()
        self._best: float | None = None

    def _on_tuning(self, event: TuningBegan) -> None:
        where = f"MLflow run {event.run_id}" + (", going on where it was cut off" if event.resumed else "")
        self._say(f"{event.trials} trials of {FOLDS} folds by film · {where}")
        self._bar.update(self._task, description="tuning", completed=0, total=event.trials, facts="")

    def _on_trial(self, event: TrialMoved) -> None:
        if event.status == "running" or event.number in self._ended:
            return
        self._ended.add(event.number)
        score = event.score
        if event.status == "finished" and score is not None:
            self._best = score if self._best is None else max(self._best, score)
        drawn = " ".join(f"{name}={cell(value)}" for name, value in event.drawn.items())
        result = event.error or ("" if score is None else f"{score:.4f}")
        self._say(f"trial {event.number + 1}/{event.of} {event.status} · {drawn} · {result}")
        best = "" if self._best is None else f"best {self._best:.4f}"
        self._bar.update(self._task, completed=len(self._ended), facts=best)


def print_tuning(summary: TuningSummary, manifest: Path) -> None:
    """The trials' table, best first, and what became of the best one."""
    if summary.interrupted:
        out.print(
            f"interrupted: `cinelake tune {summary.model} -m {manifest}` goes on; trials that ended are kept",
            markup=False,
        )
        return
    print_trials(summary)
    best = " ".join(f"{name}={cell(value)}" for name, value in summary.best.items())
    out.print(f"best: {best} · {summary.metric} {summary.best_score:.4f} in cross-validation by film", markup=False)
    if summary.best == summary.in_force:
        out.print("no trial was better than the settings in force: they stay")
    elif summary.in_force_score is not None:
        out.print(f"the settings in force: {summary.metric} {summary.in_force_score:.4f} by the same folds")
    if summary.training:
        print_training(summary.training, manifest)
    out.print(f"tuned in {duration(summary.wall_s)}, MLflow run {summary.run_id}: trials.csv, trials.md")


def print_trials(summary: TuningSummary) -> None:
    """Trials as a table: settings, the metric and a few more scores; the files of the MLflow run have them all."""
    aside = ("trial", "folds", "state", *summary.best)
    names = dict.fromkeys(name for row in summary.trials for name in row if name not in aside)
    columns = ["trial", *summary.best, *list(names)[:SHOWN_SCORES], "folds", "state"]
    table(tuple(columns), [[cell(row.get(name)) for name in columns] for row in summary.trials])
