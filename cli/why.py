"""`cinelake why`: where a cell came from."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cinelake.errors import UsageError
from cinelake.manifest.document import load_manifest
from cinelake.plan.build import Planning, plan_film
from cinelake.plan.lineage import Lineage, chain, find_row, remaking, trace
from cinelake.query.views import shown_value
from cinelake.run.cells import processor_s
from cinelake.spec.names import counted
from cli.options import HERE, CellFilm, CellTable, JsonOption, ManifestOption, example
from cli.screen import out, print_json, table

app = typer.Typer(add_completion=False)


@app.command(
    epilog=example(
        "cinelake why shots sintel_trailer",
        "cinelake why tag_shots sintel_trailer --row shot=2",
        "cinelake why scenes sintel_trailer --row 0 --json",
    )
)
def why(
    table: CellTable,
    movie_id: CellFilm,
    manifest: ManifestOption = HERE,
    row: Annotated[
        str | None, typer.Option(help="A row too: its number, or columns as in [cyan]shot=3,tag=rain[/].")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Tell where a cell came from: film, stream, parameters, inputs, code, model, its labels, when, how long."""
    planning = plan_film(load_manifest(manifest), movie_id)
    lineage = trace(planning, table, movie_id)
    failure = planning.lake.failure(table, movie_id)
    if row is not None and not lineage.key:
        raise UsageError(f"the lake has no {table} of {movie_id}: {lineage.reason}")
    traced = find_row(planning, table, movie_id, row) if row is not None else None
    if json:
        print_json(_as_data(planning, lineage, failure, traced))
    else:
        _print_lineage(planning, lineage, failure, traced)


def _print_lineage(planning: Planning, lineage: Lineage, failure: Any, traced: Any) -> None:
    name, movie_id = lineage.table, lineage.movie_id
    out.print(f"{name} of {movie_id}: {lineage.state}{': ' + lineage.reason if lineage.reason else ''}", markup=False)
    _print_film(planning, movie_id)
    for one in chain(lineage):
        out.print(
            f"\n{one.table}" + ("" if one.key else f": not in the lake ({one.reason})"), style="bold", markup=False
        )
        if one.key:
            table(["", ""], _facts(one, whole=one is lineage))
    if traced:
        _print_row(*traced)
    if failure:
        out.print(f"failed (attempt {failure['attempt']}): {failure['reason']}: {failure['message']}", markup=False)
    for command in remaking(planning, name, movie_id):
        out.print(f"again: {command}", markup=False)


def _as_data(planning: Planning, lineage: Lineage, failure: Any, traced: Any) -> dict[str, Any]:
    footer = planning.lake.footer(lineage.table, lineage.movie_id)
    row = {} if traced is None else {"row": _plain(traced[0]), "rows_below": {n: len(r) for n, r in traced[1].items()}}
    commands = remaking(planning, lineage.table, lineage.movie_id)
    about: dict[str, Any] = {
        "movie_id": lineage.movie_id,
        "table": lineage.table,
        "state": lineage.state,
        "reason": lineage.reason,
    }
    film = _film(planning, lineage.movie_id)
    about |= {"failure": failure, "film": film, "lineage": lineage.to_json(), "again": list(commands)}
    return {**about, **(vars(footer) if footer else {}), **row}


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {name: shown_value(value) if isinstance(value, (bytes, list)) else value for name, value in row.items()}


def _film(planning: Planning, movie_id: str) -> dict[str, str]:
    film, fingerprint = planning.films.get(movie_id), planning.whole.fingerprints.get(movie_id, "")
    return {"fingerprint": fingerprint, **({"path": film.path, "uri": film.uri} if film else {})}


def _print_film(planning: Planning, movie_id: str) -> None:
    film = _film(planning, movie_id)
    out.print(f"film {film.get('path', 'is not there')}, fingerprint {film['fingerprint']}", markup=False)


def _facts(lineage: Lineage, *, whole: bool) -> list[tuple[str, Any]]:
    run = dict(lineage.run)
    versions = run.pop("versions", {})
    rows: list[tuple[str, Any]] = [
        ("key", lineage.key),
        ("task", f"{lineage.task}, version {lineage.version}, revision {lineage.revision} (code {lineage.code})"),
        *((("reads", lineage.stream),) if lineage.stream else ()),
        *((f"parameter {key}", value) for key, value in lineage.params.items()),
        *((f"input {one.table}", one.key or one.reason) for one in lineage.inputs),
        *_model_facts(lineage.model),
        ("made", _made(run)),
        *_rekeyed(run),
        *_chosen(run.get("decode", {})),
        *((("content", lineage.content_digest),) if lineage.content_digest else ()),
    ]
    if whole:
        rows += list(run.items())
        rows += [(f"version of {key}", value) for key, value in versions.items()]
    return rows


def _made(run: dict[str, Any]) -> str:
    """When a cell was made, in how long, and by how much work; takes these facts out."""
    words = f"{run.pop('at', '')} in {run.pop('wall_s', 0)} s"
    if (used_s := processor_s(run)) is not None:
        ffmpeg_s = run.pop("ffmpeg_cpu_s", 0.0)
        words += f", {used_s:.2f} s of processor time" + (f" (ffmpeg {ffmpeg_s:.2f} s)" if ffmpeg_s else "")
        del run["cpu_s"]
    return f"{words}, {counted(run.pop('rows', 0), 'row')}"


def _rekeyed(run: dict[str, Any]) -> list[tuple[str, Any]]:
    """When a cell got another key without being made; takes the fact out."""
    fact = run.pop("rekeyed", None)
    words = "its inputs were made anew and came out the same, so its data stayed"
    return [("re-keyed", f"{fact['at']}, before {fact['key_before']}: {words}")] if fact else []


def _chosen(decode: dict[str, Any]) -> list[tuple[str, Any]]:
    """Which pictures were decoded, where the task could have chosen some."""
    if decode.get("choice") == "economical":
        words = "others refer to them, or a shot may begin near; what is damaged elsewhere is not seen"
        return [("decoded", f"{decode['frames']} pictures, for {decode['pictures']} that the film has: {words}")]
    return [("decoded", f"all pictures: {decode['why']}")] if "why" in decode else []


def _model_facts(model: dict[str, Any]) -> list[tuple[str, Any]]:
    if not model:
        return []
    name = model["name"]
    rows: list[tuple[str, Any]] = [("model", f"{name} {model['version']} (digest {model['digest']})")]
    if "kind" in model:
        rows.append(("model's code", f"{model['kind']}, version {model['code']}"))
    origin = model.get("origin") or {}
    if not origin:
        return [*rows, ("training", f"not known to the lake: `cinelake models restore {name}` asks MLflow")]
    labels = origin.get("labels") or {}
    rows.append(("training", f"run {origin['run_id']} in MLflow, seed {origin.get('seed')}"))
    if labels:
        rows.append(("labels", f"{labels['set']}, {counted(labels['imports'], 'import')}, key {labels['key']}"))
    return rows


def _print_row(row: dict[str, Any], below: dict[str, Any]) -> None:
    out.print("\nthe row", style="bold")
    table(["", ""], [(name, shown_value(value)) for name, value in row.items()])
    for name, rows in below.items():
        out.print(f"\n{counted(rows.num_rows, 'row')} of {name} below it", style="bold", markup=False)
        shown = [[shown_value(value) for value in each.values()] for each in rows.slice(0, 10).to_pylist()]
        table(rows.column_names, shown)
