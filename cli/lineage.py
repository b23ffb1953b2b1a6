"""`why` and `replay`: where a cell came from, and whether it comes out the same again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cinelake.errors import UsageError
from cinelake.manifest.document import load_manifest
from cinelake.plan.build import Planning, plan_film
from cinelake.plan.lineage import Lineage, chain, find_row, remaking, trace
from cinelake.query.views import shown_value
from cli.screen import out, print_json, table


def show_why(manifest: Path, name: str, movie_id: str, row: str | None, *, as_json: bool) -> int:
    """Print where a cell, and with `row` one of its rows, came from; gives the exit code."""
    planning = plan_film(load_manifest(manifest), movie_id)
    lineage = trace(planning, name, movie_id)
    failure = planning.lake.failure(name, movie_id)
    if row is not None and not lineage.key:
        raise UsageError(f"the lake has no {name} of {movie_id}: {lineage.reason}")
    found = find_row(planning, name, movie_id, row) if row is not None else None
    if as_json:
        print_json(_as_data(planning, lineage, failure, found))
        return 0
    out.print(f"{name} of {movie_id}: {lineage.state}{': ' + lineage.reason if lineage.reason else ''}", markup=False)
    _print_film(planning, movie_id)
    for one in chain(lineage):
        out.print(
            f"\n{one.table}" + ("" if one.key else f": not in the lake ({one.reason})"), style="bold", markup=False
        )
        table(["", ""], _facts(one, whole=one is lineage))
    if found:
        _print_row(*found)
    if failure:
        out.print(f"failed (attempt {failure['attempt']}): {failure['reason']}: {failure['message']}", markup=False)
    for command in remaking(planning, name, movie_id):
        out.print(f"again: {command}", markup=False)
    return 0


def _as_data(planning: Planning, lineage: Lineage, failure: Any, found: Any) -> dict[str, Any]:
    footer = planning.lake.footer(lineage.table, lineage.movie_id)
    row = {} if found is None else {"row": _plain(found[0]), "rows_below": {n: len(r) for n, r in found[1].items()}}
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
    if not lineage.key:
        return []
    run = dict(lineage.run)
    versions = run.pop("versions", {})
    rows: list[tuple[str, Any]] = [
        ("key", lineage.key),
        ("task", f"{lineage.task}, version {lineage.version}, revision {lineage.revision} (code {lineage.code})"),
        *((("reads", lineage.stream),) if lineage.stream else ()),
        *((f"parameter {key}", value) for key, value in lineage.params.items()),
        *((f"input {one.table}", one.key or one.reason) for one in lineage.inputs),
        *_model_facts(lineage.model),
        ("made", f"{run.pop('at', '')} in {run.pop('wall_s', 0)} s, {run.pop('rows', 0)} rows"),
    ]
    if whole:
        rows += list(run.items())
        rows += [(f"version of {key}", value) for key, value in versions.items()]
    return rows


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
        rows.append(("labels", f"{labels['set']}, {labels['imports']} imports, key {labels['key']}"))
    return rows


def _print_row(row: dict[str, Any], below: dict[str, Any]) -> None:
    out.print("\nthe row", style="bold")
    table(["", ""], [(name, shown_value(value)) for name, value in row.items()])
    for name, rows in below.items():
        out.print(f"\n{rows.num_rows} rows of {name} below it", style="bold", markup=False)
        shown = [[shown_value(value) for value in found.values()] for found in rows.slice(0, 10).to_pylist()]
        table(rows.column_names, shown)


def show_replay(manifest: Path, name: str, movie_id: str, tolerance: float, *, as_json: bool) -> int:
    """Make a cell again beside the lake and compare; 1 when they differ by more than the tolerance."""
    from cinelake.plan.replay import replay

    found = replay(plan_film(load_manifest(manifest), movie_id), name, movie_id)
    if as_json:
        print_json(found.to_json())
    elif found.identical:
        out.print(f"{name} of {movie_id} came out the same, to the last bit ({found.rows[0]} rows)", markup=False)
    else:
        out.print(f"{name} of {movie_id} differs: {found.rows[0]} rows in the lake, {found.rows[1]} now", markup=False)
        shown = [[d.column, d.rows, "" if d.largest is None else f"{d.largest:.3g}"] for d in found.differences]
        table(["column", "rows that differ", "largest difference"], shown)
    return int(not found.within(tolerance))
