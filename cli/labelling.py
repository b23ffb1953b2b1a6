"""`cinelake labels`: people's labels in, listed, shown and out again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.options import HERE, JsonOption, ManifestOption, example, finish

app = typer.Typer(
    no_args_is_help=True,
    help="Import, list, show and export people's labels.",
    epilog=example(
        "cinelake labels import scenes.csv --model scenes", "cinelake labels list", "cinelake labels show scenes"
    ),
)

SetArgument = Annotated[str, typer.Argument(help="The set: a model's name, unless another was given.", metavar="NAME")]
KindOption = Annotated[
    str, typer.Option("--kind", help="A further kind of labels that the model takes, as in [cyan]ratings[/].")
]
VersionOption = Annotated[
    int | None, typer.Option("--version", min=1, help="One import, by its number; else what counts.")
]


@app.command(
    "import",
    epilog=example(
        "cinelake labels import scenes.csv --model scenes --annotator maria",
        "cinelake labels import ratings.csv --model tags --kind ratings",
        "cinelake labels import pictures/ --model tags --source-pattern '/(\\w+)-shot'",
        "cinelake labels import mapping.csv --model characters --rate 1 --movie cartoon --classes 0=nobody,1=tom",
        "cinelake labels import --clips scenes/ --model beats --dry-run",
    ),
)
def import_(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            help="CSV or Parquet files (one with a column `patch` holds faces), or a folder with one folder of images "
            "for each class."
        ),
    ] = None,
    model: Annotated[
        str, typer.Option("--model", help="The model whose labels these are: one of the manifest's, or a kind.")
    ] = "",
    into: Annotated[str, typer.Option("--set", help="The set to put them into, instead of the model's own.")] = "",
    kind: KindOption = "",
    annotator: Annotated[str, typer.Option("--annotator", help="Who labelled; by default who is logged in.")] = "",
    clips: Annotated[
        Path | None, typer.Option("--clips", help="A folder with one folder of the catalogue's films for each class.")
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option("--rate", help="Image_ID,Class files: pictures a second; the number in the name gives the time."),
    ] = None,
    movie: Annotated[str, typer.Option("--movie", help="With --rate: the film that the pictures are of.")] = "",
    classes: Annotated[
        str,
        typer.Option("--classes", help="With --rate: what classes in the file mean, as in [cyan]0=nobody,1=tom[/]."),
    ] = "",
    source_pattern: Annotated[
        str,
        typer.Option(
            "--source-pattern",
            help="Images: a regular expression on `class/name` whose first group is the image's source; by default "
            "what stands before the last number of the name.",
        ),
    ] = "",
    ignore_extra_columns: Annotated[
        bool, typer.Option("--ignore-extra-columns", help="Leave columns aside that these labels do not have.")
    ] = False,
    before_run: Annotated[
        bool, typer.Option("--before-run", help="Take films of the catalogue that are not in the lake yet, unchecked.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything and write nothing.")] = False,
    table: Annotated[
        str, typer.Option(help="Films of eluv.io (tt*.pkl): the table of their features, [cyan]shot_features_eluv[/].")
    ] = "",
    manifest: ManifestOption = HERE,
    json: JsonOption = False,
) -> None:
    """Check labels against the model's contract and the films, and keep them as a new version.

    All problems are told at once, and then nothing is imported. Of each film the newest version that holds it counts.
    """
    from cli.label_work import Request, import_into

    request = Request(
        files=tuple(files or ()),
        model=model,
        into=into,
        kind=kind,
        annotator=annotator,
        clips=clips,
        rate=rate,
        movie=movie,
        classes=classes,
        source_pattern=source_pattern,
        ignore_extra_columns=ignore_extra_columns,
        before_run=before_run,
        dry_run=dry_run,
        table=table,
    )
    finish(import_into(manifest, request, as_json=json))


@app.command("list", epilog=example("cinelake labels list", "cinelake labels list scenes --json"))
def list_(
    name: Annotated[
        str, typer.Argument(help="Only this set, with each of its versions.", metavar="NAME", show_default=False)
    ] = "",
    manifest: ManifestOption = HERE,
    json: JsonOption = False,
) -> None:
    """List the sets of labels, or the versions of one: who labelled what, from which file, when."""
    from cli.label_work import list_sets, list_versions

    finish(list_versions(manifest, name, as_json=json) if name else list_sets(manifest, as_json=json))


@app.command(epilog=example("cinelake labels show scenes", "cinelake labels show tags --kind ratings --version 2"))
def show(
    name: SetArgument,
    kind: KindOption = "",
    version: VersionOption = None,
    manifest: ManifestOption = HERE,
    json: JsonOption = False,
) -> None:
    """Show the labels that count, or those of one version."""
    from cli.label_work import show_labels

    finish(show_labels(manifest, name, kind, version, as_json=json))


@app.command(
    epilog=example(
        "cinelake labels export scenes > scenes.csv", "cinelake labels export scenes --format parquet -o scenes.parquet"
    )
)
def export(
    name: SetArgument,
    kind: KindOption = "",
    version: VersionOption = None,
    format: Annotated[str, typer.Option("-f", "--format", help="csv or parquet.")] = "csv",
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write to a file instead.")] = None,
    manifest: ManifestOption = HERE,
) -> None:
    """Write the labels that count, or those of one version, as they can be imported again."""
    from cli.label_work import export_labels

    finish(export_labels(manifest, name, kind, version, format, output))
