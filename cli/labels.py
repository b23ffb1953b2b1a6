"""`cinelake labels`: people's labels in, listed, shown and out again."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from cinelake.errors import UnknownName, UsageError
from cinelake.labels.store import label_kinds, label_sets, label_versions, stored_labels
from cinelake.manifest.document import load_manifest
from cli.answers import write_answer
from cli.label_agreement import list_agreement, show_agreement
from cli.label_export import ExportRequest, export_labels
from cli.label_import import import_files, version_data
from cli.label_next import show_next
from cli.label_request import ImportRequest
from cli.label_template import SPANS, column_rows, find_contract, header
from cli.options import HERE, JsonOption, ManifestOption, example
from cli.screen import err, out, plain, print_json
from cli.screen import table as print_table
from export.timecode import checked_timecode

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Show the columns of people's labels, say what to label next, import, list, show and export them.",
    epilog=example(
        "cinelake labels template scenes > scenes.csv",
        "cinelake labels import scenes.csv --model scenes",
        "cinelake labels next tags --html page.html",
        "cinelake labels list",
        "cinelake labels show scenes",
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
        "cinelake labels import sheet.xlsx --model scenes --times days",
        "cinelake labels import project-1-at-2026-11-29.json --model tags --fps 24 --annotator maria",
        "cinelake labels import annotations.xml --model characters --every 1 --movie cartoon --format cvat",
        "cinelake labels import via_project.json --model tags --only scene_type",
        "cinelake labels import interview.eaf --model tags --only topics",
        "cinelake labels import markers.edl --model scenes --start-timecode 01:00:00:00 --movie sintel_trailer",
        "cinelake labels import timeline.otio --model scenes --column place --strict",
        "cinelake labels import project.fcpxml --model funny",
        "cinelake labels import ratings.csv --model tags --kind ratings",
        "cinelake labels import pictures/ --model tags --source-pattern '/(\\w+)-shot'",
        "cinelake labels import arousal.csv valence.csv --model affect --scale 0..1",
        "cinelake labels import mapping.csv --model characters --rate 1 --movie cartoon --classes 0=nobody,1=tom",
        "cinelake labels import --clips scenes/ --model beats --dry-run",
    ),
)
def import_(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Tables (CSV, .xlsx, Parquet; one with a column `patch` holds faces), files of annotators' tools "
            "(Label Studio, CVAT, VIA, ELAN, OTIO, EDL, FCPXML), or a folder with one folder of images for each class."
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
    movie: Annotated[
        str, typer.Option("--movie", help="The film of labels that name none, and of the pictures with --rate.")
    ] = "",
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
    format: Annotated[
        str,
        typer.Option(
            "--format",
            help="The files' form, which their content tells otherwise: table, label-studio, cvat, via, elan, otio, "
            "edl or fcpxml.",
        ),
    ] = "",
    fps: Annotated[
        float | None,
        typer.Option("--fps", help="Pictures a second that a form counts; by default its own rate, or the film's."),
    ] = None,
    every: Annotated[
        float | None,
        typer.Option("--every", help="Labels by moments: a span, or a film's one value, labels one so many seconds."),
    ] = None,
    column: Annotated[
        str,
        typer.Option(
            "--column",
            help="The column that names are for, or the numbers of columns that are moments, if not plain.",
        ),
    ] = "",
    scale: Annotated[
        str, typer.Option("--scale", help="Tables: the numbers' own scale, as [cyan]1..9[/], if it is not the labels'.")
    ] = "",
    only: Annotated[
        list[str] | None,
        typer.Option("--only", help="Only this tier (ELAN), control (Label Studio), attribute (VIA) or label (CVAT)."),
    ] = None,
    start_timecode: Annotated[
        str, typer.Option("--start-timecode", help="EDL: the time code of the film's first picture, as 01:00:00:00.")
    ] = "",
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse labels that contradict each other or say the same twice.")
    ] = False,
    ignore_extra_columns: Annotated[
        bool, typer.Option("--ignore-extra-columns", help="Leave columns aside that these labels do not have.")
    ] = False,
    before_run: Annotated[
        bool, typer.Option("--before-run", help="Take films of the catalogue that are not in the lake yet, unchecked.")
    ] = False,
    times: Annotated[
        str, typer.Option("--times", help="seconds, or days: plain numbers are a spreadsheet's shares of a day.")
    ] = "seconds",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything and write nothing.")] = False,
    table: Annotated[
        str, typer.Option(help="Films of eluv.io (tt*.pkl): the table of their features, [cyan]shot_features_eluv[/].")
    ] = "",
    manifest: ManifestOption = HERE,
    json: JsonOption = False,
) -> None:
    """Check labels against the model's contract and the films, and keep them as a new version.

    All problems are listed at once, and then nothing is imported. Of each film the newest version that holds it counts.
    Films may be named by their ids, files or titles; of a file by several annotators each one's labels are a version.
    Contradictions, repetitions and holes are told.
    """
    request = ImportRequest(
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
        times=times,
        format=format,
        fps=fps,
        every=every,
        column=column,
        only=tuple(only or ()),
        start_timecode=checked_timecode(start_timecode) if start_timecode else "",
        strict=strict,
        scale=scale,
    )
    import_files(manifest, request, as_json=json)


@app.command(
    epilog=example(
        "cinelake labels template scenes > scenes.csv", "cinelake labels template tags --kind ratings --json"
    )
)
def template(
    model: Annotated[str, typer.Argument(help="A model: one of the manifest's, or a kind.", metavar="MODEL")],
    kind: KindOption = "",
    manifest: ManifestOption = HERE,
    json: JsonOption = False,
) -> None:
    """Show the columns of a model's labels: a CSV with its header to fill in, and beside it what each column means."""
    contract, vocabularies = find_contract(model, kind, manifest)
    columns = column_rows(contract, vocabularies)
    if json:
        print_json({"model": model, "kind": kind, "shape": contract.shape, "doc": contract.doc, "columns": columns})
        return
    err.print(plain(f"{contract.doc}\n"))
    rows = [[c["column"], c["type"], "yes" if c["needed"] else "", c["doc"], ", ".join(c["values"])] for c in columns]
    print_table(["column", "type", "needed", "what it says", "values"], rows, file=sys.stderr)
    if contract.shape == "spans":
        err.print(plain(f"\n{SPANS}"))
    out.print(header(contract), markup=False, soft_wrap=True)


@app.command(
    epilog=example(
        "cinelake labels next tags",
        "cinelake labels next characters --count 40 --html page.html",
        "cinelake labels next scenes --movie sintel_trailer --json",
    )
)
def next(
    model: Annotated[str, typer.Argument(help="A model: one of the manifest's, or a kind.", metavar="MODEL")],
    count: Annotated[int, typer.Option("--count", min=1, max=1000, help="How many moments.")] = 20,
    html: Annotated[
        Path | None, typer.Option("--html", help="Write a page on which they are labelled by keyboard, offline.")
    ] = None,
    movies: Annotated[
        list[str] | None, typer.Option("--movie", help="Only this film; may be said several times.", metavar="MOVIE_ID")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a page that is there.")] = False,
    seed: Annotated[int, typer.Option("--seed", help="Of the draws among moments that are worth the same.")] = 0,
    manifest: ManifestOption = HERE,
    json: JsonOption = False,
) -> None:
    """Say which moments to label next: those that stand for many that are doubtful, and come from many films.

    The champion says what is doubtful; without one a plain regression on the labels does, and without labels moments
    are typical of what the films show. Classes that few labels have count most. The page saves a file that
    `cinelake labels import` takes as it is.
    """
    show_next(manifest, model, count, html, movies or (), force=force, seed=seed, as_json=json)


@app.command(
    "list",
    epilog=example("cinelake labels list", "cinelake labels list scenes --json", "cinelake labels list --agreement"),
)
def list_(
    name: Annotated[
        str, typer.Argument(help="Only this set, with each of its versions.", metavar="NAME", show_default=False)
    ] = "",
    agreement: Annotated[
        bool, typer.Option("--agreement", help="How far annotators agree on all films together, of every set.")
    ] = False,
    manifest: ManifestOption = HERE,
    json: JsonOption = False,
) -> None:
    """List the sets of labels, or the versions of one: who labelled what, from which file, when."""
    root = Path(load_manifest(manifest).labels)
    if agreement:
        list_agreement(manifest, name, as_json=json)
    elif name:
        _list_versions(root, name, as_json=json)
    else:
        _list_sets(root, as_json=json)


def _list_sets(root: Path, *, as_json: bool) -> None:
    """All sets and kinds, with what counts in them."""
    sets = [_set_data(root, name, kind) for name in label_sets(root) for kind in label_kinds(root, name)]
    if as_json:
        print_json({"labels": sets})
    elif not sets:
        out.print("There are no labels yet: import some with `cinelake labels import FILE --model NAME`.")
    else:
        print_table(list(sets[0]), [list(row.values()) for row in sets])


def _set_data(root: Path, name: str, kind: str) -> dict[str, Any]:
    versions = label_versions(root, name, kind)
    newest = {film: version.number for version in versions for film in version.films}
    return {
        "set": name,
        "kind": kind,
        "films": len(newest),
        "rows": len(stored_labels(root, name, kind)),
        "versions": len(versions),
        "annotators": ", ".join(sorted({version.annotator for version in versions})),
        "newest": versions[-1].at.isoformat(timespec="seconds"),
    }


def _list_versions(root: Path, name: str, *, as_json: bool) -> None:
    """All versions of one set, of every kind."""
    if name not in label_sets(root):
        raise UnknownName("set of labels", name, label_sets(root))
    rows = [
        {"kind": kind, **version_data(version)}
        for kind in label_kinds(root, name)
        for version in label_versions(root, name, kind)
    ]
    if as_json:
        print_json({"set": name, "versions": rows})
    else:
        shown = [{**row, "films": len(row["films"]), "source_digest": row["source_digest"][:12]} for row in rows]
        print_table(list(shown[0]), [list(row.values()) for row in shown])


@app.command(
    epilog=example(
        "cinelake labels show scenes",
        "cinelake labels show tags --kind ratings --version 2",
        "cinelake labels show tags --agreement --json",
    )
)
def show(
    name: SetArgument,
    kind: KindOption = "",
    version: VersionOption = None,
    agreement: Annotated[
        bool, typer.Option("--agreement", help="How far annotators agree on each film that several labelled.")
    ] = False,
    manifest: ManifestOption = HERE,
    json: JsonOption = False,
) -> None:
    """Show the labels that count, or those of one version; or how far annotators agree.

    Agreement is by seconds (shots, of labels by shots): Cohen's kappa of two annotators, Krippendorff's alpha of any
    number, each 1 where they say the same and 0 where chance would. Of every annotator the newest labels of a film are
    compared.
    """
    if agreement and version is not None:
        raise UsageError("--agreement compares the newest version of each annotator: leave --version out")
    if agreement:
        show_agreement(manifest, name, kind, as_json=json)
        return
    rows = stored_labels(Path(load_manifest(manifest).labels), name, kind, version)
    if json:
        print_json({"set": name, "kind": kind, "version": version, "labels": rows.to_pylist()})
    else:
        write_answer(rows, "table", None)


@app.command(
    epilog=example(
        "cinelake labels export scenes > scenes.csv",
        "cinelake labels export scenes --format xlsx -o scenes.xlsx",
        "cinelake labels export tags --format label-studio -o tasks.json",
        "cinelake labels export characters --format cvat --movie cartoon -o annotations.xml",
        "cinelake labels export tags --format elan -o folder",
        "cinelake labels export scenes --format edl --movie sintel_trailer -o scenes.edl",
    )
)
def export(
    name: SetArgument,
    kind: KindOption = "",
    version: VersionOption = None,
    format: Annotated[
        str,
        typer.Option(
            "-f", "--format", help="csv, parquet, xlsx, label-studio, cvat, via, elan, otio or edl (docs/labels.md)."
        ),
    ] = "csv",
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Write to a file instead; a folder: a file for each film, or one of all."),
    ] = None,
    movie: Annotated[
        list[str] | None, typer.Option("--movie", help="Only this film; may be said several times.")
    ] = None,
    manifest: ManifestOption = HERE,
) -> None:
    """Write the labels that count, or those of one version, as they can be imported again.

    What a form cannot hold is said, and then nothing is written. Forms that count pictures say by which rate.
    """
    export_labels(manifest, ExportRequest(name, kind, version, format, output, tuple(movie or ())))
