"""`cinelake`: the commands, in the order of a first day."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from cinelake.errors import CinelakeError, UsageError
from cli import exporting, labelling, model_versions, operating
from cli.options import HERE, Films, JsonOption, ManifestOption, MovieOption
from cli.options import example as _example
from cli.options import finish as _exit
from cli.report import EPILOG as REPORT_EPILOG
from cli.report import report
from cli.searching import INDEX_EPILOG, SEARCH_EPILOG, index, search
from cli.supercut import EPILOG as SUPERCUT_EPILOG
from cli.supercut import supercut

app = typer.Typer(
    name="cinelake",
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    help="Films in, Parquet tables out: shots, frames, faces, embeddings, sound.\n\nBegin with [bold]cinelake demo[/].",
)

SelectOption = Annotated[
    list[str] | None,
    typer.Option(
        "-s",
        "--select",
        help="Tables, as in dbt: [cyan]faces[/], [cyan]+faces[/], [cyan]shots+[/], [cyan]state:failed[/].",
    ),
]
FilmsFromOption = Annotated[
    Path | None, typer.Option("--films-from", help="Only films that this file names, one a line, by id or file name.")
]
SinceOption = Annotated[
    str | None,
    typer.Option("--since", help="Only films that arrived since this day or time (their files' change time: ctime)."),
]
FailedOption = Annotated[bool, typer.Option("--failed", help="Try again what is known to be bad.")]
StrictOption = Annotated[bool, typer.Option("--strict", help="Exit 1 for known failures too.")]


@app.command(epilog=_example("cinelake demo", "cinelake demo --folder /tmp/try --films 3"))
def demo(
    folder: Annotated[Path, typer.Option(help="Where the example catalogue is drawn.")] = Path("demo"),
    films: Annotated[int, typer.Option(help="How many films.", min=1, max=100)] = 4,
    seed: Annotated[int, typer.Option(help="The same seed draws the same films.")] = 0,
) -> None:
    """Draw the example catalogue, run everything on it, say what to look at."""
    from cli.demo import run_demo

    _exit(run_demo(folder, films, seed))


SIMULATE = (
    "Simulate the run on a cluster, from measured costs, as in [cyan]nodes=64,cpus=16,gpus=1[/]. More settings: "
    "decoders (nodes without GPUs, 128x32), store_gbit (of each node), gpu_speedup (over a processor), engine, "
    "driver_ms (per film), window, film_minutes (scales costs), price and decoder_price (per hour), seed."
)


@app.command(
    epilog=_example(
        "cinelake plan",
        "cinelake plan --why -s +faces",
        "cinelake plan --estimate",
        "cinelake plan --estimate --simulate nodes=2,cpus=8",
        "cinelake plan --estimate --simulate nodes=64,cpus=16,gpus=1,decoders=128x32,gpu_speedup=20 --films 1000000",
    )
)
def plan(
    manifest: ManifestOption = HERE,
    select: SelectOption = None,
    movie: MovieOption = None,
    failed: FailedOption = False,
    films_from: FilmsFromOption = None,
    since: SinceOption = None,
    why: Annotated[bool, typer.Option("--why", help="List every cell that would run, with its reason.")] = False,
    estimate: Annotated[bool, typer.Option("--estimate", help="Predict the time from earlier runs.")] = False,
    simulate: Annotated[str | None, typer.Option("--simulate", help=SIMULATE, metavar="CLUSTER")] = None,
    films: Annotated[
        int | None,
        typer.Option(
            "--films", help="Simulate so many films like those of the lake (or of --movie), all tables.", min=1
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Say what a run would do, and why; nothing runs."""
    if simulate is None and films is not None:
        raise UsageError("--films is of a simulation: it wants --simulate nodes=…")
    from cli.planning import show_plan
    from cli.simulating import Simulated

    asked = Films(select or [], movie or [], films_from, since, failed=failed)
    simulated = None if simulate is None else Simulated(simulate, films)
    _exit(show_plan(manifest, asked, why=why, with_estimate=estimate, simulated=simulated, as_json=json))


@app.command(
    epilog=_example(
        "cinelake run",
        "cinelake run -s faces --movie sintel",
        "cinelake run --failed",
        "cinelake run --since 2026-11-01",
    )
)
def run(
    manifest: ManifestOption = HERE,
    select: SelectOption = None,
    movie: MovieOption = None,
    failed: FailedOption = False,
    films_from: FilmsFromOption = None,
    since: SinceOption = None,
    strict: StrictOption = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="The same as `plan --why`.")] = False,
    log_json: Annotated[Path | None, typer.Option(help="Add every event to this file, as a line of JSON.")] = None,
    metrics_port: Annotated[
        int | None, typer.Option(help="Serve metrics for Prometheus on this port of loopback.", min=0, max=65535)
    ] = None,
    metrics_file: Annotated[Path | None, typer.Option(help="Write metrics for node_exporter to this file.")] = None,
    json: JsonOption = False,
) -> None:
    """Make everything that is stale; run it again to resume."""
    films = Films(select or [], movie or [], films_from, since, failed=failed)
    if dry_run:
        from cli.planning import show_plan

        _exit(show_plan(manifest, films, why=True, as_json=json))
    from cli.running import run_manifest

    monitoring = {"log_json": log_json, "metrics_port": metrics_port, "metrics_file": metrics_file}
    _exit(run_manifest(manifest, films, monitoring=monitoring, strict=strict, as_json=json))


@app.command(epilog=_example("cinelake status", "cinelake status --json"))
def status(manifest: ManifestOption = HERE, strict: StrictOption = False, json: JsonOption = False) -> None:
    """Show tables, failures, orphans and duplicates."""
    from cli.planning import show_status

    _exit(show_status(manifest, strict=strict, as_json=json))


@app.command(
    epilog=_example(
        "cinelake why shots sintel_trailer",
        "cinelake why tag_shots sintel_trailer --row shot=12",
        "cinelake why scenes sintel_trailer --row 0 --json",
    )
)
def why(
    table: str,
    movie_id: str,
    manifest: ManifestOption = HERE,
    row: Annotated[
        str | None, typer.Option(help="A row too: its number, or columns as in [cyan]shot=3,tag=rain[/].")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Tell where a cell came from: film, stream, parameters, inputs, code, model, its labels, when, how long."""
    from cli.lineage import show_why

    _exit(show_why(manifest, table, movie_id, row, as_json=json))


@app.command(epilog=_example("cinelake replay shots sintel_trailer", "cinelake replay tags sintel_trailer --json"))
def replay(
    table: str,
    movie_id: str,
    manifest: ManifestOption = HERE,
    tolerance: Annotated[
        float, typer.Option(help="The largest difference of numbers that is none, as on a GPU.", min=0)
    ] = 0.0,
    json: JsonOption = False,
) -> None:
    """Make a cell again beside the lake and compare: the same to the last bit, or how each column differs."""
    from cli.lineage import show_replay

    _exit(show_replay(manifest, table, movie_id, tolerance, as_json=json))


@app.command(
    epilog=_example(
        'cinelake query "select movie_id, count(*) shots from shots group by all"',
        'cinelake query --format csv "select * from cells" > cells.csv',
        "cinelake query --question films_like --set film=my_film",
        'cinelake query --published latest "select * from shot_statistics"',
    )
)
def query(
    sql: Annotated[str | None, typer.Argument(help="One SELECT over the lake's tables.")] = None,
    question: Annotated[str | None, typer.Option(help="A worked question instead: see `cinelake questions`.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="A variable of the question.", metavar="NAME=VALUE")
    ] = None,
    manifest: ManifestOption = HERE,
    format: Annotated[str, typer.Option("-f", "--format", help="table, csv, json or parquet.")] = "table",
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write to a file instead.")] = None,
    published: Annotated[
        str | None, typer.Option("--published", help="Ask a published version: its number, or `latest`.")
    ] = None,
) -> None:
    """Ask the lake in SQL (DuckDB); reads the lake, writes nothing."""
    if (sql is None) == (question is None):
        raise UsageError("one question is asked: in SQL, or a worked one with --question")
    if question is not None:
        from cli.questions import ask_question

        _exit(ask_question(manifest, question, set_ or [], format, output))
    from cli.asking import answer

    _exit(answer(manifest, str(sql), format, output, published))


@app.command(epilog=_example("cinelake questions", "cinelake questions --json"))
def questions(json: JsonOption = False) -> None:
    """List worked questions, which `cinelake query --question NAME` asks, with the tables that each reads."""
    from cli.questions import list_questions

    _exit(list_questions(as_json=json))


@app.command(epilog=_example("cinelake views -o views.sql", "duckdb -init views.sql"))
def views(
    manifest: ManifestOption = HERE,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write to a file instead.")] = None,
) -> None:
    """Print the lake's views as SQL, for the plain DuckDB shell."""
    from cli.asking import print_views

    _exit(print_views(manifest, output))


@app.command(epilog=_example("cinelake doctor", "cinelake doctor -m pipeline.yaml --json"))
def doctor(manifest: ManifestOption = HERE, json: JsonOption = False) -> None:
    """Check this machine and the manifest: ffmpeg, engine, weights, lake, disk."""
    from cli.doctor import examine

    _exit(examine(manifest, as_json=json))


@app.command(epilog=_example("cinelake docs", "cinelake docs --table shots", "cinelake docs --json"))
def docs(
    table: Annotated[str | None, typer.Option(help="Only this table.")] = None,
    format: Annotated[str, typer.Option("-f", "--format", help="markdown or json.")] = "markdown",
    json: JsonOption = False,
) -> None:
    """Print the data dictionary: every table and column, from the contracts."""
    from cli.dictionary import print_dictionary

    _exit(print_dictionary(table, "json" if json else format))


@app.command(epilog=_example("cinelake dictionary -o dictionary"))
def dictionary(
    folder: Annotated[Path, typer.Option("-o", "--out", help="The folder of both pages.")] = Path("dictionary"),
    manifest: ManifestOption = HERE,
    json: JsonOption = False,
) -> None:
    """Write this lake's data dictionary, HTML and Markdown: columns, lineage, freshness, measures, licences."""
    from cli.dictionary_pages import write_dictionary

    _exit(write_dictionary(manifest, folder, as_json=json))


@app.command(epilog=_example("cinelake gc", "cinelake gc --yes"))
def gc(
    manifest: ManifestOption = HERE,
    yes: Annotated[bool, typer.Option("--yes", help="Really delete; without it only the list is shown.")] = False,
    json: JsonOption = False,
) -> None:
    """Delete the cells of films that left the catalogue (a dry run first)."""
    from cli.planning import collect_orphans

    _exit(collect_orphans(manifest, yes=yes, as_json=json))


app.add_typer(labelling.app, name="labels")
app.command(epilog=SUPERCUT_EPILOG)(supercut)
app.command(epilog=REPORT_EPILOG)(report)
app.command(epilog=SEARCH_EPILOG)(search)
app.command(epilog=INDEX_EPILOG)(index)


@app.command(
    epilog=_example("cinelake train scenes", "cinelake train scenes --dry-run", "cinelake train tags --seed 3")
)
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
    from cli.training import train_named

    _exit(
        train_named(
            manifest,
            name,
            seed=seed,
            all_films=all_films,
            from_scratch=from_scratch,
            from_champion=from_champion,
            dry_run=dry_run,
            as_json=json,
        )
    )


@app.command(epilog=_example("cinelake tune scenes", "cinelake tune scenes --trials 40 --workers 2"))
def tune(
    name: Annotated[str, typer.Argument(help="The model, as in section `models`.")],
    manifest: ManifestOption = HERE,
    trials: Annotated[int | None, typer.Option(help="How many, instead of the manifest's.", min=1)] = None,
    workers: Annotated[int | None, typer.Option(help="Trials at a time; by default the processors.", min=1)] = None,
    json: JsonOption = False,
) -> None:
    """Search a model's settings, train the best, and make it champion if it is better; run it again to resume."""
    from cli.tuning import tune_named

    _exit(tune_named(manifest, name, trials=trials, workers=workers, as_json=json))


@app.command(
    epilog=_example(
        "cinelake evaluate scenes",
        "cinelake evaluate scenes --version 2 --on scenes_checked",
        "cinelake evaluate tags --on ratings",
    )
)
def evaluate(
    name: Annotated[str, typer.Argument(help="The model.", metavar="NAME")],
    version: Annotated[str, typer.Option(help="A version's number, or `champion`.")] = "champion",
    on: Annotated[
        str | None, typer.Option("--on", help="Another label set; or [cyan]ratings[/] of a model's table.")
    ] = None,
    manifest: ManifestOption = HERE,
    json: JsonOption = False,
) -> None:
    """Score any version of a model on any labels, beside the trivial baseline."""
    from cli.training import evaluate_named

    _exit(evaluate_named(manifest, name, version, on, machine=json))


app.add_typer(operating.app)
app.add_typer(model_versions.app, name="models")
app.add_typer(exporting.app, name="export")


def main() -> None:
    """Run the command; an error of Cinelake is one message and its exit code."""
    try:
        app()
    except CinelakeError as error:
        sys.stderr.write(f"cinelake: {error}\n")
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
