"""`cinelake train`: trains a model, shows its progress and the result."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from cinelake.events import (
    DataPrepared,
    EpochEnded,
    EvaluationBegan,
    Event,
    FilmGathered,
    LearnerCompared,
    Note,
    ServerFound,
    TrainingBegan,
    WorkerDied,
    death_words,
)
from cinelake.learning.request import TrainingRequest, TrainingSummary
from cinelake.manifest.document import load_manifest
from cinelake.storage.interrupts import interrupts_answered
from cli.options import HERE, JsonOption, ManifestOption, example, finish
from cli.scores import print_left_out, print_scores
from cli.screen import duration, err, out, print_json, table, warn
from cli.terminal import say_stopping
from flows.start_learning import run_training

app = typer.Typer(add_completion=False)

LINE_EVERY_S = 5.0


@app.command(epilog=example("cinelake train scenes", "cinelake train scenes --dry-run", "cinelake train tags --seed 3"))
def train(
    name: Annotated[str, typer.Argument(help="The model: one of the manifest's, or a kind.", metavar="NAME")],
    manifest: ManifestOption = HERE,
    seed: Annotated[int | None, typer.Option(help="Instead of the manifest's.")] = None,
    all_films: Annotated[
        bool, typer.Option("--all-films", help="Refit on all films, held-out ones too; only a person can promote it.")
    ] = False,
    from_scratch: Annotated[
        bool, typer.Option("--from-scratch", help="Throw away what a training that was cut off left.")
    ] = False,
    from_champion: Annotated[
        bool, typer.Option("--from-champion", help="Bring the champion up to date with later labels, in a short while.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be learned from; train nothing.")] = False,
    json: JsonOption = False,
) -> None:
    """Train a model, score it on films it never saw, and make it champion if it is better."""
    request = TrainingRequest(load_manifest(manifest), name, seed, all_films, from_scratch, from_champion=from_champion)
    if dry_run:
        _print_split(request, as_json=json)
        return
    say = say_stopping("epochs that ended stay")
    with interrupts_answered(say), TrainingProgress(quiet=json) as progress:
        progress.say_chosen(request.manifest.model(name).chosen)
        summary = run_training(request, progress.on_event)
    if json:
        print_json(summary.to_json())
    else:
        asks = request.manifest.model(name).spec.labelling is not None
        print_training(summary, manifest, asks=asks, epochs=progress.epochs)
    finish(130 if summary.interrupted else 0)


def _print_split(request: TrainingRequest, *, as_json: bool) -> None:
    """Which films a training would learn from and be scored on."""
    from cinelake.learning.dataset import known_steps
    from cinelake.learning.request import prepare_request

    prepared = prepare_request(request, lambda _: None)
    if as_json:
        print_json({"model": request.model, "films": prepared.split.films(), "left_out": prepared.dataset.left_out,
                    "by": prepared.split.by, "warning": prepared.split.warning})  # fmt: skip
        return
    sides = {"train": prepared.split.train, "validation": prepared.split.validation, "test": prepared.split.test}
    table(("side", "films", "labelled steps"), [
        (side, len({e.movie_id for e in examples}), known_steps(examples)) for side, examples in sides.items()
    ])  # fmt: skip
    print_left_out(prepared.dataset.left_out)
    if prepared.split.warning:
        out.print(prepared.split.warning, style="yellow", markup=False)


class TrainingProgress:
    """Listens to a training: films gathered, epochs, scores. A bar on a terminal, plain lines elsewhere."""

    def __init__(self, *, quiet: bool = False):
        self._quiet = quiet
        self.epochs = 0
        """How many have ended."""
        self._last_line = 0.0
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=16),
            TextColumn("{task.fields[facts]}"),
            TimeElapsedColumn(),
            console=err,
            disable=quiet or not err.is_terminal,
            transient=True,
        )
        self._task = self._bar.add_task("gathering films", total=None, facts="")

    def __enter__(self) -> TrainingProgress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def on_event(self, event: Event) -> None:
        """Handle one event of the training."""
        handler = getattr(self, f"_on_{event.kind}", None)
        if handler:
            handler(event)

    def say_chosen(self, chosen: Mapping[str, Any]) -> None:
        """Report the options that the configuration left open and the present tables decided."""
        for name, value in chosen.items():
            shown = ", ".join(value) if isinstance(value, tuple) else value
            self._say(f"{name}: {shown} (by the tables that are there; `config: {{{name}: …}}` pins it)")

    def _on_gathered(self, event: FilmGathered) -> None:
        self._bar.update(self._task, completed=event.done, total=event.films, facts=event.movie_id)

    def _on_say(self, event: Note) -> None:
        warn(event.text)

    def _on_died(self, event: WorkerDied) -> None:
        warn(death_words(event))

    def _on_server(self, event: ServerFound) -> None:
        self._say(f"starting a Prefect server on loopback {event.url}" if event.own else f"using {event.url}")

    def _on_prepared(self, event: DataPrepared) -> None:
        counts = " · ".join(f"{side} {films}" for side, films in event.films.items())
        self._say(f"films: {counts}" + (f" · left out {event.left_out}" if event.left_out else ""))
        if event.warning:
            self._say(event.warning)

    def _on_training(self, event: TrainingBegan) -> None:
        self._say(f"MLflow run {event.run_id}" + (", going on where it was cut off" if event.resumed else ""))

    def _on_epoch(self, event: EpochEnded) -> None:
        total = event.of
        self.epochs += 1
        facts = " · ".join(f"{name} {value:.4f}" for name, value in list(event.metrics.items())[:4])
        self._bar.update(self._task, description="training", completed=event.number + 1, total=total, facts=facts)
        if time.monotonic() - self._last_line > LINE_EVERY_S and not err.is_terminal:
            self._last_line = time.monotonic()
            self._say(f"epoch {event.number + 1}{f'/{total}' if total else ''}: {facts}")

    def _on_learner(self, event: LearnerCompared) -> None:
        self._say(event.text)

    def _on_judging(self, _: EvaluationBegan) -> None:
        self._bar.update(self._task, description="judging", total=None, facts="")

    def _say(self, text: str) -> None:
        if not self._quiet:
            err.print(f"  {text}", markup=False)


def print_training(summary: TrainingSummary, manifest: Path, *, asks: bool = False, epochs: int = 0) -> None:
    """A training in a few lines: scores beside baseline and champion, what the gate says, what comes next.

    asks: whether the model's moments can be asked about. epochs: how many of it have ended; an earlier start that was
    interrupted too may have left others.
    """
    if summary.interrupted:
        same = f"`cinelake train {summary.model} -m {manifest}`"
        goes_on = f": {same} goes on from the last epoch"
        begins = f" before an epoch ended: {same} begins where this one did"
        out.print(f"interrupted{goes_on if epochs else begins}", markup=False)
        return
    columns = {"candidate": summary.scores, "baseline": summary.baseline, **summary.simple}
    if summary.champion is not None:
        columns[f"champion ({summary.champion_version})"] = summary.champion
    print_scores(columns, summary.metric, in_sample=summary.in_sample)
    print_left_out(summary.left_out)
    state = "is champion now" if summary.moved else "is not champion"
    out.print(f"{summary.model} {summary.version} {state}: {summary.why}", markup=False)
    out.print(f"trained in {duration(summary.wall_s)}, MLflow run {summary.run_id}")
    if summary.moved:
        out.print("[dim]next:[/] `cinelake plan --why` shows the tables that it makes stale, `cinelake run` makes them")
    else:
        more = f"`cinelake labels next {summary.model}` says what to label next; " if asks else ""
        by_hand = f"`cinelake models promote {summary.model} {summary.version}` makes it champion by hand"
        out.print(f"[dim]next:[/] {more}{by_hand}")
