"""`cinelake export`: what the models say, in forms that others read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.options import HERE, JsonOption, ManifestOption, example, finish

app = typer.Typer(
    no_args_is_help=True,
    help="Write what the models say in forms that others read.",
    epilog=example("cinelake export eluv --model scenes -o predictions"),
)


@app.callback()
def _group() -> None:
    """Write what the models say in forms that others read."""


@app.command(epilog=example("cinelake export eluv --model scenes -o predictions"))
def eluv(
    model: Annotated[str, typer.Option(help="The model, as in section `models`.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="A folder: one `tt….pkl` for each film.")],
    manifest: ManifestOption = HERE,
    table: Annotated[str, typer.Option(help="The table of the films' features.")] = "shot_features_eluv",
    version: Annotated[str, typer.Option(help="A version's number, or `champion`.")] = "champion",
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
    json: JsonOption = False,
) -> None:
    """Predict the scenes of all imported films, in the form of the eluv.io challenge.

    Each file is a pickle of a dict of plain NumPy arrays: scene_transition_boundary_prediction (one less than shots),
    shot_end_frame, imdb_id, and scene_transition_boundary_ground_truth where labels tell it.
    """
    from cli.eluv_work import export_predictions

    finish(export_predictions(manifest, model, output, table=table, version=version, force=force, as_json=json))
