"""`cinelake demo`: draws the example catalogue, runs the manifest on it, and says what to look at."""

from __future__ import annotations

import shlex
import time
from pathlib import Path
from typing import Annotated

import typer

from cinelake.lake.cells import Lake
from cinelake.manifest.document import load_manifest
from cinelake.plan.build import plan_manifest
from cli.options import example, finish
from cli.run import print_summary, run_in_turn
from cli.screen import duration, err, out

app = typer.Typer(add_completion=False)

MANIFEST = """\
# The example catalogue's manifest. `pipeline.yaml` at the project's root explains every option.
lake: lake
catalogue: {films: "films/*"}
engine: {kind: local}
tasks:
  films: {}
  shots: {}
  frames: {fps: 1}
  sound: {}
  faces: {detector: dlib}
  embeddings: {backbone: descriptor}
"""


QUESTION = (
    "select movie_id, count(*) shots, round(avg(end_s - start_s), 2) average_s, count_if(transition = 'dissolve') "
    "dissolves from shots group by movie_id order by movie_id"
)


@app.command(epilog=example("cinelake demo", "cinelake demo --folder /tmp/try --films 3"))
def demo(
    folder: Annotated[Path, typer.Option(help="Where the example catalogue is drawn.")] = Path("demo"),
    films: Annotated[int, typer.Option(help="How many films.", min=1, max=100)] = 4,
    seed: Annotated[int, typer.Option(help="The same seed draws the same films.")] = 0,
) -> None:
    """Draw the example catalogue, run everything on it, say what to look at."""
    began = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    manifest = folder / "pipeline.yaml"
    if not manifest.exists():
        manifest.write_text(MANIFEST, encoding="utf-8")
    _draw(folder, films, seed)
    loaded = load_manifest(manifest)
    summary = run_in_turn(Lake(loaded.lake.place), lambda: plan_manifest(loaded))
    print_summary(summary)
    _say_what_to_look_at(manifest, time.monotonic() - began)
    finish(summary.exit_code())


def _draw(folder: Path, films: int, seed: int) -> None:
    from examples.draw import draw_catalogue

    began = time.monotonic()
    with err.status(f"drawing {films} films with sound and labels"):
        drawn = draw_catalogue(folder, films, seed)
    new = sum(film.was_drawn for film in drawn)
    how = f"drew {new} in {duration(time.monotonic() - began)}" if new else "all drawn before"
    err.print(f"  {len(drawn)} films in {folder / 'films'}, labels beside them: {how}", markup=False)


def _say_what_to_look_at(manifest: Path, seconds: float) -> None:
    named = shlex.quote(str(manifest))
    command = "cinelake" if _on_path() else ".venv/bin/cinelake"
    film = next((path.stem for path in sorted((manifest.parent / "films").iterdir())), "FILM")
    out.print(f"\nthe demo took {duration(seconds)}. Worth typing next:\n", markup=False)
    for line in (
        f'{command} query -m {named} "{QUESTION}"',
        f"{command} report -m {named}",
        f"{command} why shots {film} -m {named}",
    ):
        out.print(f"  {line}", markup=False, soft_wrap=True)


def _on_path() -> bool:
    import shutil

    return shutil.which("cinelake") is not None
