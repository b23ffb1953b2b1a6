"""`cinelake export`: tables and predictions in the formats of other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cinelake.catalogue.films import read_catalogue
from cinelake.errors import UsageError
from cinelake.manifest.document import load_manifest
from cli.options import HERE, JsonOption, ManifestOption, Reel, StartTimecode, example
from cli.screen import out, print_json, warn
from export.film import SourceNames
from export.film_files import check_form, export_film
from export.stills import StillForm, export_stills
from importers.eluv.work import write_predictions

COUNTS = ("rows", "spans", "spans_without_a_picture", "pictures", "strips", "lines")
"""What an export may say that it has written, or had to leave out."""

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Write what the tables say in forms that others read.",
    epilog=example(
        "cinelake export film sintel_trailer --as edl --of shots", "cinelake export eluv --model scenes -o predictions"
    ),
)


@app.callback()
def _group() -> None:
    """Write what the tables say in forms that others read."""


@app.command(
    epilog=example(
        "cinelake export film sintel_trailer --as edl --of shots -o shots.edl",
        "cinelake export film sintel_trailer --as edl --start-timecode 10:00:00:00 --reel A001C003",
        "cinelake export film sintel_trailer --as fcpxml --of tag_shots",
        "cinelake export film sintel_trailer --as vtt-chapters --of scenes",
        "cinelake export film sintel_trailer --as vtt-thumbnails --of frames",
        "cinelake export film sintel_trailer --as srt --of transcript",
        "cinelake export film sintel_trailer --as csv --of faces",
    )
)
def film(
    movie_id: Annotated[str, typer.Argument(help="The film.")],
    form: Annotated[
        str, typer.Option("--as", help="edl, otio, fcpxml, srt, vtt, vtt-chapters, vtt-thumbnails or csv.")
    ],
    table: Annotated[str, typer.Option("--of", help="The table: shots, scenes, beats, tag_shots …")] = "shots",
    output: Annotated[Path | None, typer.Option("-o", "--output", help="The file; by default FILM_TABLE here.")] = None,
    manifest: ManifestOption = HERE,
    timecode: Annotated[str, typer.Option(help="auto, drop or non-drop: frame numbers at 29.97 and 59.94.")] = "auto",
    start_timecode: StartTimecode = "",
    reel: Reel = "",
    markers: Annotated[
        bool, typer.Option("--markers", help="Markers on the whole film; so are, in any case, spans that overlap.")
    ] = False,
    raw: Annotated[bool, typer.Option("--raw", help="CSV: leave text that a sheet would take for a formula.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    json: JsonOption = False,
) -> None:
    """Write a film's table for editing programs (EDL, OTIO, FCPXML), players (SubRip, WebVTT) or sheets (CSV)."""
    check_form(form)
    written = export_film(
        load_manifest(manifest),
        movie_id,
        form,
        table,
        output,
        names=SourceNames.checked(timecode, start_timecode, reel),
        markers=markers,
        raw=raw,
        force=force,
    )
    for warning in written.get("warnings", ()):
        warn(warning)
    if json:
        print_json(written)
    else:
        counts = [f"{written[name]} {name.replace('_', ' ')}" for name in COUNTS if name in written]
        out.print(f"{written['output']}: {', '.join(counts)}", markup=False)


@app.command(
    epilog=example(
        "cinelake export frames sintel_trailer --of middles",
        "cinelake export frames --all --of sampled --grey --width 256 --format png -o frames",
        "cinelake export frames --all --of main-faces",
    )
)
def frames(
    movie_id: Annotated[str, typer.Argument(help="The film.", metavar="FILM", show_default=False)] = "",
    all_: Annotated[bool, typer.Option("--all", help="All films of the catalogue that have pictures.")] = False,
    of: Annotated[str, typer.Option("--of", help="sampled, middles (of shots) or main-faces (grey).")] = "sampled",
    grey: Annotated[bool, typer.Option("--grey", help="Without colour.")] = False,
    width: Annotated[int | None, typer.Option(min=1, max=8192, help="So many pixels wide; else as they are.")] = None,
    form: Annotated[str, typer.Option("--format", help="jpg or png.")] = "jpg",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The folder; by default FILM_frames here.")
    ] = None,
    manifest: ManifestOption = HERE,
    force: Annotated[bool, typer.Option("--force", help="Write into a folder that holds something.")] = False,
    json: JsonOption = False,
) -> None:
    """Write pictures of films as files, and beside them frames.csv: which picture of which film is shown when.

    How many a second are sampled is `fps` of the table `frames` in the manifest.
    """
    if bool(movie_id) == all_:
        raise UsageError("name one film, or --all")
    loaded = load_manifest(manifest)
    films = [film.movie_id for film in read_catalogue(loaded.catalogue, loaded.folder).films] if all_ else [movie_id]
    folder = output or Path("frames" if all_ else f"{movie_id}_frames")
    written = export_stills(loaded, films, of, folder, StillForm(form, grey, width), force=force)
    if json:
        print_json(written)
        return
    for name, why in written["left_out"].items():
        warn(f"{name}: {why}")
    out.print(f"{folder}: {written['pictures']} pictures, listed in frames.csv", markup=False, soft_wrap=True)


@app.command(
    epilog=example(
        "cinelake export eluv --model scenes -o predictions",
        "cinelake export eluv tt0120338 --model scenes -o predictions",
        "cinelake export eluv --model scenes --table shot_features -o predictions --predictions-only",
    )
)
def eluv(
    films: Annotated[
        list[str] | None, typer.Argument(help="Films of the table; by default all.", metavar="[MOVIE_ID]...")
    ] = None,
    *,
    model: Annotated[str, typer.Option(help="The model, as in section `models`.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="A folder: one `tt….pkl` for each film.")],
    manifest: ManifestOption = HERE,
    table: Annotated[str, typer.Option(help="The table of the films' features.")] = "shot_features_eluv",
    version: Annotated[str, typer.Option(help="A version's number, or `champion`.")] = "champion",
    predictions_only: Annotated[
        bool, typer.Option("--predictions-only", help="Leave the features out: much smaller files.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
    json: JsonOption = False,
) -> None:
    """Predict the scenes of imported films, in the form of the eluv.io challenge: predictions beside features.

    Each file is a pickle of a dict of plain NumPy arrays: imdb_id, place, cast, action, audio, shot_end_frame,
    scene_transition_boundary_prediction (one less than shots), and scene_transition_boundary_ground_truth where labels
    have it. `cinelake labels import` reads it as it reads the challenge's own.
    """
    written = write_predictions(
        load_manifest(manifest),
        model,
        output,
        table=table,
        version=version,
        force=force,
        films=films or (),
        with_features=not predictions_only,
    )
    if json:
        print_json(written)
    else:
        out.print(
            f"{len(written['files'])} films' predictions by {model} version {written['version']} in {output}",
            markup=False,
        )
