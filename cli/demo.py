"""`cinelake demo`: the whole way on drawn films, from films to models, tables and a report; ends with one screen."""

from __future__ import annotations

import shlex
import shutil
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from cinelake.manifest.sections import EngineKind
from cinelake.spec.names import counted
from cinelake.storage.interrupts import interrupts_answered
from cli.demo_folder import DemoFolder, claim_folder
from cli.demo_steps import DemoOutcome, DemoRequest, make_demo
from cli.options import JsonOption, example, finish
from cli.scores import number
from cli.screen import duration, err, out, print_json, table
from cli.terminal import say_stopping

app = typer.Typer(add_completion=False)

HERE = Path("demo")
FILMS, MANY_FILMS = 20, 32
"""How many are drawn; more for models of which one label a film is known, so that scores on held-out films say more."""
QUESTION = (
    "select character, round(sum(seconds), 1) as screen_s, count(*) as films from screen_time group by character "
    "order by screen_s desc"
)


@app.command(
    epilog=example(
        "cinelake demo",
        "cinelake demo --films 24 --seed 7 /tmp/try",
        "cinelake demo --all",
        "cinelake demo --engine ray",
    )
)
def demo(
    folder: Annotated[
        Path | None, typer.Argument(metavar="FOLDER", help="Where it is drawn and made.", show_default="demo")
    ] = None,
    films: Annotated[
        int | None,
        typer.Option(
            help="How many films; with fewer than 8 no film is held out.",
            min=1,
            max=1000,
            show_default="20, with --all 32",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed draws the same films; another adds others.", min=0)] = 0,
    seconds: Annotated[float, typer.Option(help="How long a film is.", min=4, max=600)] = 18.0,
    all_: Annotated[bool, typer.Option("--all", help="Beats, expressions and funny moments too.")] = False,
    engine: Annotated[
        EngineKind | None, typer.Option(help="Where the work runs; of ray and dask, a cluster is started here.")
    ] = None,
    old_folder: Annotated[Path | None, typer.Option("--folder", help="As the argument.", hidden=True)] = None,
    json: JsonOption = False,
) -> None:
    """Draw films with labels, extract, train, infer, report, publish; say what to look at."""
    began = time.monotonic()
    place = claim_folder(folder or old_folder or HERE, everything=all_, engine=engine)
    request = DemoRequest(films or (MANY_FILMS if place.everything else FILMS), seed, seconds)
    try:
        with interrupts_answered(say_stopping("what is drawn, made and learned stays")):
            done = make_demo(place, request, quiet=json)
    except KeyboardInterrupt:
        err.print("interrupted: the same command goes on where it was")
        finish(130)
    took_s = time.monotonic() - began
    if json:
        print_json(_facts(place, done, took_s))
    else:
        _print_screen(place, done, took_s)
    finish(done.exit_code)


def _facts(folder: DemoFolder, done: DemoOutcome, took_s: float) -> dict[str, Any]:
    """The outcome for machines."""
    return {
        "folder": str(folder.path),
        "manifest": str(folder.manifest),
        "nothing_done": done.did_nothing,
        "films": list(done.films),
        "drawn": done.drawn,
        "made": dict(done.made),
        "fresh": done.fresh,
        "trained": done.trained,
        "models": done.models,
        "report": str(folder.site / "index.html"),
        "published": done.published.number if done.published else None,
        "seconds": {**{name: round(took, 2) for name, took in done.parts.items()}, "all": round(took_s, 2)},
        "next": _next_commands(folder),
    }


def _print_screen(folder: DemoFolder, done: DemoOutcome, took_s: float) -> None:
    out.print()
    out.print(_headline(done), markup=False)
    if done.models:
        out.print()
        columns = ("model", "scored on", "metric", "score", "95 % interval", "baseline", "")
        table(columns, [_row(name, result) for name, result in done.models.items()])
    for name, result in done.models.items():
        if "problem" in result or not result["moved"]:
            out.print(f"  {name}: {result.get('problem') or result['why']}", markup=False)
    out.print()
    if not done.did_nothing:
        parts = " · ".join(f"{name} {duration(took)}" for name, took in done.parts.items())
        out.print(f"took {duration(took_s)}: {parts}", markup=False)
    out.print(f"report: {folder.site / 'index.html'} (no server needed)", markup=False, soft_wrap=True)
    out.print("next:")
    for line in _next_commands(folder):
        out.print(f"  {line}", markup=False, soft_wrap=True)


def _headline(done: DemoOutcome) -> str:
    if done.did_nothing:
        return (
            f"nothing to do: {len(done.films)} films are drawn, {done.fresh} cells fresh, {len(done.models)} models "
            "trained on these labels, report and publication up to date"
        )
    cells = sum(done.made.values())
    head = f"{len(done.films)} films" + (f", {done.drawn} drawn now" if done.drawn else "")
    head += f": {cells} cells made in {len(done.made)} tables" if cells else ": no cell made"
    if done.published:
        rows = sum(published.rows for published in done.published.tables.values())
        head += f" · version {done.published.number} published: {rows:,} rows in {len(done.published.tables)} tables"
    return head


def _row(name: str, result: dict[str, Any]) -> list[str]:
    """A model's row: score beside baseline, on films it never saw, and what the gate said."""
    if "problem" in result:
        return [name, "", "", "", "", "", "not trained"]
    metric, sides = result["metric"], result["films"]
    interval = result["intervals"].get("score") or {}
    draws = f"{interval['low']:.3f} … {interval['high']:.3f}" if interval.get("low") is not None else ""
    held_out = f"{len(sides['test'])} of {counted(len(set().union(*sides.values())), 'film')}"
    state = "champion" if result["moved"] else "refused"
    scores = [number(result[which].get(metric)) for which in ("scores", "baseline")]
    return [name, held_out, metric, scores[0], draws, scores[1], state]


def _next_commands(folder: DemoFolder) -> list[str]:
    """Three commands worth typing."""
    command = "cinelake" if shutil.which("cinelake") else ".venv/bin/cinelake"
    manifest = shlex.quote(str(folder.manifest))
    return [
        f'{command} query -m {manifest} "{QUESTION}"',
        f"{command} search -m {manifest} --tag action",
        f"{command} up -m {manifest}",
    ]
