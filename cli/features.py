"""`cinelake features`: tables of features that were made elsewhere, into the lake."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cinelake.manifest.document import load_manifest
from cli.options import HERE, JsonOption, ManifestOption, example
from cli.screen import err, out, plain, print_json
from importers.features.work import import_features

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Take tables of features that were made elsewhere.",
    epilog=example("cinelake features import clip.parquet --as shot_features --table shot_features_clip"),
)


@app.callback()
def _group() -> None:
    """Take tables of features that were made elsewhere."""


@app.command(
    "import",
    epilog=example(
        "cinelake features import clip.parquet --as shot_features --table shot_features_clip",
        "cinelake features import utterances.csv --as subtitles --table utterances --movie sintel_trailer",
        "cinelake features import smile.arff --as embeddings --table embeddings_smile --movie sintel_trailer",
        "cinelake features import line.xlsx --as affect --table affect_elsewhere --dry-run",
    ),
)
def import_(
    files: Annotated[list[Path], typer.Argument(help="CSV, ARFF, .xlsx or Parquet; each row names its film.")],
    task: Annotated[
        str, typer.Option("--as", help="The task whose table this stands for; [cyan]cinelake docs[/] has its columns.")
    ],
    table: Annotated[str, typer.Option("--table", help="The lake's table that they go into.")],
    movie: Annotated[str, typer.Option("--movie", help="The film of rows that name none.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything and write nothing.")] = False,
    manifest: ManifestOption = HERE,
    json: JsonOption = False,
) -> None:
    """Check a table of features against a task's contract, and put it into the lake for models to read.

    Films may be named by id, file or title. Vectors are lists, texts as [0.1, 0.2], columns name_0, name_1 and so on,
    or, for embeddings, all columns of numbers beside a time, as openSMILE writes them. All problems are listed at once,
    and then nothing is imported. A model reads the table where the manifest says so, by inputs: {TASK: TABLE}.
    """
    made = import_features(load_manifest(manifest), files, task, table, movie=movie, dry_run=dry_run)
    if json:
        about = {"table": made.table, "as": made.task, "rows": dict(made.rows), "dry_run": dry_run}
        print_json({**about, "notes": list(made.notes)})
        return
    for note in made.notes:
        err.print(plain(note))
    count, films = sum(made.rows.values()), len(made.rows)
    done = "No problem in" if dry_run else "Imported"
    out.print(plain(f"{done} {count} rows of {films} film{'s' if films != 1 else ''}: table {made.table}."))
