"""`train`, `evaluate` and `models`: teaching models, scoring them, choosing among their versions."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from cinelake.errors import UsageError
from cinelake.events import (
    DataPrepared,
    EpochEnded,
    EvaluationBegan,
    Event,
    FilmGathered,
    Note,
    ServerFound,
    TrainingBegan,
)
from cinelake.learning.evaluation import Evaluation, as_json, evaluate_version
from cinelake.learning.opinions import judged_by_people
from cinelake.learning.session import Request, TrainingSummary
from cinelake.manifest.document import Manifest, load_manifest
from cli.class_scores import MEASURES, print_classes, print_opinions, split_by_class
from cli.screen import duration, err, out, print_json, table, warn
from flows.training import run_training

LINE_EVERY_S = 5.0
SHOWN = 8


def train_named(
    manifest: Path,
    name: str,
    *,
    seed: int | None,
    all_films: bool,
    from_scratch: bool,
    from_champion: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Train a model; gives the exit code."""
    request = Request(load_manifest(manifest), name, seed, all_films, from_scratch, from_champion=from_champion)
    if dry_run:
        return _say_what_would_be(request, as_json)
    with TrainingProgress(quiet=as_json) as progress:
        progress.say_chosen(request.manifest.model(name).chosen)
        summary = run_training(request, progress.on_event)
    if as_json:
        print_json(summary.to_json())
    else:
        print_training(summary, manifest)
    return 130 if summary.interrupted else 0


def _say_what_would_be(request: Request, as_json: bool) -> int:
    from cinelake.learning.dataset import known_steps
    from cinelake.learning.session import prepare_request

    prepared = prepare_request(request, lambda _: None)
    if as_json:
        print_json({"model": request.model, "films": prepared.split.films(), "left_out": prepared.dataset.left_out,
                    "by": prepared.split.by, "warning": prepared.split.warning})  # fmt: skip
        return 0
    sides = {"train": prepared.split.train, "validation": prepared.split.validation, "test": prepared.split.test}
    table(("side", "films", "labelled steps"), [
        (side, len({e.movie_id for e in examples}), known_steps(examples)) for side, examples in sides.items()
    ])  # fmt: skip
    _print_left_out(prepared.dataset.left_out)
    if prepared.split.warning:
        out.print(f"[yellow]{prepared.split.warning}[/]")
    return 0


class TrainingProgress:
    """Listens to a training: films gathered, epochs, scores. A bar on a terminal, plain lines elsewhere."""

    def __init__(self, *, quiet: bool = False):
        self._quiet = quiet
        self._epochs = 0
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
        """Take one event of the training."""
        handler = getattr(self, f"_on_{event.kind}", None)
        if handler:
            handler(event)

    def say_chosen(self, chosen: Mapping[str, Any]) -> None:
        """What the configuration left open, and the tables that are there decided."""
        for name, value in chosen.items():
            shown = ", ".join(value) if isinstance(value, tuple) else value
            self._say(f"{name}: {shown} (by the tables that are there; `config: {{{name}: …}}` pins it)")

    def _on_gathered(self, event: FilmGathered) -> None:
        self._bar.update(self._task, completed=event.done, total=event.films, facts=event.movie_id)

    def _on_say(self, event: Note) -> None:
        warn(event.text)

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
        facts = " · ".join(f"{name} {value:.4f}" for name, value in list(event.metrics.items())[:4])
        self._bar.update(self._task, description="training", completed=event.number + 1, total=total, facts=facts)
        if time.monotonic() - self._last_line > LINE_EVERY_S and not err.is_terminal:
            self._last_line = time.monotonic()
            self._say(f"epoch {event.number + 1}{f'/{total}' if total else ''}: {facts}")

    def _on_judging(self, _: EvaluationBegan) -> None:
        self._bar.update(self._task, description="judging", total=None, facts="")

    def _say(self, text: str) -> None:
        if not self._quiet:
            err.print(f"  {text}", markup=False)


def print_training(summary: TrainingSummary, manifest: Path) -> None:
    """A training in a few lines: scores beside baseline and champion, what the gate says, what comes next."""
    if summary.interrupted:
        out.print(f"interrupted: `cinelake train {summary.model} -m {manifest}` goes on from the last epoch")
        return
    columns = {"candidate": summary.scores, "baseline": summary.baseline}
    if summary.champion is not None:
        columns[f"champion ({summary.champion_version})"] = summary.champion
    _print_scores(columns, summary.metric)
    _print_left_out(summary.left_out)
    state = "is champion now" if summary.moved else "is not champion"
    out.print(f"{summary.model} {summary.version} {state}: {summary.why}", markup=False)
    out.print(f"trained in {duration(summary.wall_s)}, MLflow run {summary.run_id}")
    if summary.moved:
        out.print("[dim]next:[/] `cinelake plan --why` shows the tables that it makes stale, `cinelake run` makes them")
    else:
        out.print(
            f"[dim]next:[/] `cinelake models promote {summary.model} {summary.version}` makes it champion by hand"
        )


def _print_scores(columns: Mapping[str, Mapping[str, float]], metric: str) -> None:
    parts = {who: split_by_class(scores) for who, scores in columns.items()}
    wholes = {who: whole for who, (whole, _) in parts.items()}
    names = sorted({name for scores in wholes.values() for name in scores}, key=lambda name: (name != metric, name))
    rows = [
        [f"{name} *" if name == metric else name, *(_number(scores.get(name)) for scores in wholes.values())]
        for name in names
    ]
    table(("score", *columns), rows)
    for _, each in list(parts.values())[:1]:
        if each:
            print_classes(each, [m for m in MEASURES if any(m in scores for scores in each.values())])


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _print_left_out(left_out: Mapping[str, str]) -> None:
    for movie_id, why in list(left_out.items())[:SHOWN]:
        out.print(f"left out: {movie_id}: {why}", markup=False)
    if len(left_out) > SHOWN:
        out.print(f"left out: {len(left_out) - SHOWN} more films")


def evaluate_named(manifest: Path, name: str, version: str, on: str | None, *, machine: bool) -> int:
    """Score a version on held-out films or another label set, or by what people say of its table."""
    if on is not None and on in load_manifest(manifest).model(name).spec.opinions:
        return _evaluate_by_people(load_manifest(manifest), name, version, on, machine=machine)
    with err.status(f"scoring {name}"):
        found = evaluate_version(load_manifest(manifest), name, version, on)
    if machine:
        print_json(as_json(found))
        return 0
    print_evaluation(found)
    return 0


def _evaluate_by_people(manifest: Manifest, name: str, version: str, kind: str, *, machine: bool) -> int:
    if version != "champion":
        raise UsageError(
            f"{kind} judge the table in the lake, which `cinelake run` makes by the champion: no --version"
        )
    found = judged_by_people(manifest, name, kind)
    if machine:
        print_json(found.to_json())
    else:
        print_opinions(found)
    return 0


def print_evaluation(found: Evaluation) -> None:
    """Scores beside the baseline's, film by film too."""
    _print_scores({f"{found.model} {found.version}": found.scores, "baseline": found.baseline}, found.metric)
    out.print(
        f"{found.metric} {found.interval}; beyond the baseline {found.gain} (95% of draws of films)", markup=False
    )
    rows = [(film, _number(scores.get(found.metric))) for film, scores in found.by_film.items()]
    table(("film", found.metric), rows)
    _print_left_out(found.left_out)
    if found.warning:
        out.print(f"[yellow]{found.warning}[/]")


def show_models(manifest: Path, name: str | None, *, machine: bool) -> int:
    """List versions with scores, baselines and who is champion."""
    from cinelake.learning.versions import list_versions

    found = list_versions(load_manifest(manifest), name)
    if machine:
        print_json({"models": found})
        return 0
    if not found:
        out.print("no models yet: `cinelake train NAME` makes the first")
        return 0
    table(
        ("model", "version", "champion", "scores", "baseline", "made"),
        [
            (
                row["name"],
                row["version"],
                ("champion" if row["champion"] else "")
                + ("" if row["champion"] == row["in_lake"] else " (lake differs)"),
                _scores_line(row["metrics"]),
                _scores_line(row["baseline"]),
                row["created"],
            )
            for row in found
        ],
    )
    return 0


def _champion(row: Mapping[str, Any]) -> str:
    differs = "" if row["champion"] == row["in_lake"] else " (the lake differs: `cinelake models restore`)"
    return ("champion" if row["champion"] else "") + differs


def _scores_line(scores: Mapping[str, float]) -> str:
    return " ".join(f"{name} {value:.3f}" for name, value in list(scores.items())[:4])
