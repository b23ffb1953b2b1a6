"""What is known of a lake's tables: meaning, rows, how fresh they are, what was measured, which models made them."""

from __future__ import annotations

import datetime
import statistics
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cinelake.lake.cells import Lake
from cinelake.manifest.document import Manifest, TaskEntry
from cinelake.plan.build import Planning, plan_manifest
from cinelake.query.quality import latest, outliers
from cinelake.spec.contract import Column, Contract
from cinelake.spec.roles import Components

UNITS = {"_s": "seconds", "_lufs": "LUFS", "_bytes": "bytes", "fps": "a second", "sample_rate": "hertz", "_db": "dB"}


@dataclass(frozen=True)
class Check:
    """One measure over the films, as each was last measured. outliers: films that stand out."""

    measure: str
    unit: str
    films: int
    least: float
    median: float
    greatest: float
    outliers: tuple[str, ...]


@dataclass(frozen=True)
class TableFacts:
    """One table. reads: the tables that it is made from. states: of its cells, as the plan has them now.

    oldest, newest: when its files were made; None without files. made_by: task, parameters, models, each once, from the
    files' footers. licences: (what, terms) of the models and weights involved.
    """

    name: str
    doc: str
    how: str
    contract: Contract
    reads: tuple[str, ...]
    films: int
    rows: int
    oldest: datetime.datetime | None
    newest: datetime.datetime | None
    states: Mapping[str, int]
    made_by: tuple[str, ...]
    licences: tuple[tuple[str, str], ...]
    checks: tuple[Check, ...]


def describe(manifest: Manifest) -> list[TableFacts]:
    """Every enabled table of a manifest, in its order, with what the lake and the plan know of it."""
    planning = plan_manifest(manifest)
    checks = _checks(planning.lake)
    entries = [entry for entry in manifest.tasks.values() if entry.enabled]
    return [_table_facts(entry, planning, checks.get(entry.name, ())) for entry in entries]


def _table_facts(entry: TaskEntry, planning: Planning, checks: tuple[Check, ...]) -> TableFacts:
    runs = [run for *_, run in planning.index.runs(entry.name)]
    times = sorted(datetime.datetime.fromisoformat(run["at"]) for run in runs if run.get("at"))
    footers = (planning.index.footer(entry.name, movie_id) for movie_id in sorted(planning.index.cells(entry.name)))
    made = [footer.ingredients for footer in footers if footer]
    return TableFacts(
        name=entry.name,
        doc=entry.spec.contract.doc,
        how=entry.spec.doc.partition("\n\n")[0],
        contract=entry.spec.contract,
        reads=tuple(dict.fromkeys(entry.reads)),
        films=len(runs),
        rows=sum(int(run.get("rows") or 0) for run in runs),
        oldest=times[0] if times else None,
        newest=times[-1] if times else None,
        states=dict(Counter(cell.state for cell in planning.whole.cells if cell.table == entry.name)),
        made_by=tuple(dict.fromkeys(_provenance(ingredients) for ingredients in made)),
        licences=tuple(dict.fromkeys(pair for ingredients in made for pair in _licences(entry, ingredients))),
        checks=checks,
    )


def _provenance(made: Mapping[str, Any]) -> str:
    params = ", ".join(f"{name} {value}" for name, value in (made.get("params") or {}).items() if value is not None)
    model = made.get("model") or {}
    applied = f"; model {model.get('name')} version {model.get('version')}" if model else ""
    return f"task {made.get('task')} version {made.get('version')}{applied}{'; ' if params else ''}{params}"


def _licences(entry: TaskEntry, made: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(what, terms) of what made a cell: trained models, and what others published, as the task declares it."""
    params, model, licences = made.get("params") or {}, made.get("model") or {}, []
    if model:
        licences.append((f"model {model.get('name')} version {model.get('version')}", "trained here, from your labels"))
    role = entry.spec.role(Components)
    if role is None and params.get("weights"):
        licences.append((f"weights of {entry.name}", "as their publisher says"))
    return licences + [(component.what, component.terms) for component in (role.of(params) if role else ())]


def _checks(lake: Lake) -> dict[str, tuple[Check, ...]]:
    """Table → what was measured of it."""
    values: dict[tuple[str, str, str], list[float]] = {}
    for row in latest(lake).to_pylist():
        if row["value"] is not None:
            values.setdefault((row["table"], row["measure"], row["unit"]), []).append(row["value"])
    out: dict[tuple[str, str], list[str]] = {}
    for outlier in outliers(lake):
        out.setdefault((outlier.table, outlier.measure), []).append(outlier.movie_id)
    by_table: dict[str, list[Check]] = {}
    for (table, measure, unit), some in sorted(values.items()):
        films = tuple(sorted(out.get((table, measure), [])))
        span = (min(some), statistics.median(some), max(some))
        by_table.setdefault(table, []).append(Check(measure, unit, len(some), *span, films))
    return {table: tuple(checks) for table, checks in by_table.items()}


def unit_of(column: Column) -> str:
    """The unit that a column's name ends in; empty where it has none."""
    return next((unit for ending, unit in UNITS.items() if column.name.endswith(ending)), "")


def allowed(column: Column) -> str:
    """Which values a column may hold, in words."""
    if column.one_of:
        return " · ".join(column.one_of)
    bounds = [f"≥ {column.at_least:g}"] if column.at_least is not None else []
    bounds += [f"≤ {column.at_most:g}"] if column.at_most is not None else []
    return ", ".join([*bounds, *(["may be null"] if column.nullable else [])])
