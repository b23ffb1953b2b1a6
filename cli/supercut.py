"""`cinelake supercut`: cuts the spans of a film that selectors choose."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from cinelake.manifest.document import load_manifest
from cli.options import HERE, JsonOption, ManifestOption, Reel, StartTimecode, Values, example, several
from cli.screen import duration, out, print_json, table, warn
from export.film import SourceNames
from export.film_supercut import Selection, make_supercut

app = typer.Typer(add_completion=False)


@app.command(
    epilog=example(
        'cinelake supercut my_film --tags "chase,explosion" -o out.mp4',
        "cinelake supercut my_film --character tom --affect 'arousal>0.5' --max-length 90 --order relevance -o tom.mp4",
        "cinelake supercut my_film --scenes 3,5 --dry-run",
        "cinelake supercut my_film --of importance --seconds 120 -o summary.mp4",
        "cinelake supercut my_film --without nudity --without violence -o for_all.mp4",
        "cinelake supercut my_film --without 'beat:battle' --without 'arousal>0.8' --left-out cuts.csv",
    )
)
def supercut(
    film: Annotated[str, typer.Argument(help="The film's movie_id.")],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="mp4, m4v, mov or mkv.")] = None,
    manifest: ManifestOption = HERE,
    tags: Annotated[Values, typer.Option(help="Shots with any of these tags.", metavar="A,B")] = None,
    scenes: Annotated[Values, typer.Option(help="Scenes by number.", metavar="3,5")] = None,
    beats: Annotated[Values, typer.Option(help="Beat events of these categories.", metavar="A,B")] = None,
    character: Annotated[Values, typer.Option(help="When any of these characters is seen.", metavar="A,B")] = None,
    person: Annotated[Values, typer.Option(help="When any of these people's faces is seen.", metavar="A,B")] = None,
    affect: Annotated[Values, typer.Option(help="As in [cyan]arousal>0.5[/].", metavar="CONDITION")] = None,
    of: Annotated[
        str,
        typer.Option(
            help="Shots by a line over time, as importance: a table of [cyan]lines[/], or [cyan]TABLE:LINE[/], as in "
            "affect:arousal.",
            metavar="TABLE",
        ),
    ] = "",
    without: Annotated[
        Values,
        typer.Option(
            help="Leave this out: a tag, [cyan]beat:NAME[/], [cyan]character:NAME[/], "
            "[cyan]person:NAME[/], [cyan]scene:3[/] or an affect.",
            metavar="A,B",
        ),
    ] = None,
    margin: Annotated[float, typer.Option(help="Leave out so many seconds more on either side.")] = 0.0,
    left_out: Annotated[
        list[Path] | None,
        typer.Option("--left-out", help="List here what --without leaves out: .csv, .json, .edl or .otio."),
    ] = None,
    either: Annotated[bool, typer.Option("--either", help="One selector is enough; by default all must hold.")] = False,
    labels: Annotated[str, typer.Option(help="Take tags from this set of people's labels instead.")] = "",
    min_probability: Annotated[float, typer.Option(help="For tags and beats.", min=0, max=1)] = 0.5,
    order: Annotated[str, typer.Option(help="film, or relevance: the most relevant first.")] = "film",
    max_length: Annotated[float | None, typer.Option(help="Seconds in all; the most relevant spans stay.")] = None,
    seconds: Annotated[
        float | None, typer.Option(help="Seconds in all; those spans that together have the most relevance.")
    ] = None,
    copy: Annotated[bool, typer.Option("--copy", help="Copy pictures; every cut must be at a keyframe.")] = False,
    timecode: Annotated[str, typer.Option(help="auto, drop or non-drop: frames at 29.97 and 59.94.")] = "auto",
    start_timecode: StartTimecode = "",
    reel: Reel = "",
    force: Annotated[bool, typer.Option("--force", help="Replace an output that is there.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be cut.")] = False,
    json: JsonOption = False,
) -> None:
    """Cut the spans of a film that carry tags, scenes, beats, a character, a person or an affect, exact to the picture.

    An option given twice is two selectors. Of the values of one selector any will do; all selectors must hold at the
    same time (or one of them, with --either). Beside the output come an edit decision list (.edl) and an
    OpenTimelineIO file (.otio). With --copy pictures are not encoded anew; sound always is.

    --of weighs every shot by a line that was labelled and learned (the table of a task `lines`), or by a column of
    numbers, and --seconds takes those that fit and have the most of it together: a summary of the film.

    --without leaves out whatever carries any of its values, with every picture that is shown meanwhile: of the chosen
    spans, or of the whole film. What is left out is listed beside the output (.left_out.csv, .left_out.edl). It is as
    good as the tables: what no model saw stays in, so look at the result before others do.
    """
    selection = Selection(
        film=film,
        output=output,
        tags=several(tags),
        scenes=several(scenes),
        beats=several(beats),
        characters=several(character),
        persons=several(person),
        affect=tuple(affect or ()),
        without=tuple(value for values in several(without) for value in values),
        margin_s=margin,
        cut_lists=tuple(left_out or ()),
        either=either,
        labels=labels,
        min_probability=min_probability,
        order=order,
        max_length_s=max_length,
        of=of,
        seconds=seconds,
        copy=copy,
        names=SourceNames.checked(timecode, start_timecode, reel),
        force=force,
        dry_run=dry_run,
    )
    made = make_supercut(load_manifest(manifest), selection)
    for warning in made.get("warnings", ()):
        warn(warning)
    if json:
        print_json(made)
    else:
        _print(made)


def _print(made: dict[str, Any]) -> None:
    table(COLUMNS, _rows(made["spans"]))
    total = f"{len(made['spans'])} spans, {made['frames']} frames, {duration(made['seconds'])}"
    written = [made[name] for name in ("output", "edl", "otio") if "edl" in made] + made.get("cut_lists", [])
    out.print(f"{total}: {', '.join(written) or 'nothing was written (--dry-run)'}", markup=False)
    if "left_out" in made:
        pieces = made["left_out"]
        lasting = f"{made['left_out_frames']} frames, {duration(made['left_out_seconds'])}"
        out.print(f"left out: {len(pieces)} spans, {lasting}", markup=False)
        table(COLUMNS, _rows(pieces))


COLUMNS = ["from (s)", "to (s)", "frames", "relevance", "what"]


def _rows(spans: list[dict[str, Any]]) -> list[list[Any]]:
    return [
        [
            f"{s['start_s']:.3f}",
            f"{s['end_s']:.3f}",
            s["end_frame"] - s["start_frame"],
            f"{s['relevance']:.3f}",
            s["what"],
        ]
        for s in spans
    ]
