"""The page of runs: what could not be made and why, and what was made on which day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cinelake.storage.content import digest
from report.tables import LakeTables
from report.templates import code_digest, rendered

MOST_FAILURES, MOST_DAYS, MOST_CELLS = 500, 60, 200_000
"""Rows of the page; and so many cells at most are read to count what was made."""


def runs_page(lake: LakeTables) -> str:
    """The page of a lake's runs."""
    cells = list(failed(lake))
    failures = sorted(said_once(cells), key=lambda row: row["at"], reverse=True)
    days = made_by_day(lake)
    shown, more = failures[:MOST_FAILURES], max(0, len(failures) - MOST_FAILURES)
    shown = [{**row, "log_tail": lake.lake.failure_log(row["tables"][0], row["movie_id"])} for row in shown]
    key = digest([code_digest(), shown, len(cells), more, days])
    return rendered("runs.html", title="Runs", failures=shown, cells=len(cells), more=more, days=days, key=key)


def said_once(cells: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Failures that say the same of a film as one, with all its `tables`; of the last attempt."""
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for cell in cells:
        row = rows.setdefault(tuple(cell[name] for name in ("movie_id", "reason", "message")), {**cell, "tables": []})
        row["tables"].append(cell["task"])
        row |= {name: max(row[name], cell[name]) for name in ("at", "attempt")}
    return list(rows.values())


def failed(lake: LakeTables) -> Iterable[dict[str, Any]]:
    """The rows of `failures`, with the film; those of films that left the catalogue are left out."""
    index, listed = lake.planning.index, {*lake.planning.films, *lake.planning.problems()}
    for table in ["catalogue", *(planned.name for planned in lake.planning.whole.tables)]:
        for movie_id, row in sorted(index.failures(table).items()):
            if movie_id not in listed:
                continue
            yield {
                "movie_id": movie_id,
                "has_page": movie_id in lake.movie_ids,
                "task": table,
                "at": str(footer.run.get("at", "")) if (footer := index.footer(f"failures/{table}", movie_id)) else "",
                **{name: str(row.get(name) or "") for name in ("reason", "message")},
                "attempt": row.get("attempt") or 1,
                "transient": bool(row.get("transient")),
            }


def made_by_day(lake: LakeTables) -> list[dict[str, Any]]:
    """Cells, films, tables and worker's seconds of each day, the last day first; empty for a very large lake."""
    index = lake.planning.index
    found: dict[str, dict[str, Any]] = {}
    tables = [planned.name for planned in lake.planning.whole.tables]
    if sum(len(index.cells(table)) for table in tables) > MOST_CELLS:
        return []
    for table in tables:
        for movie_id, _, _, run in index.runs(table):
            day = str(run.get("at", ""))[:10]
            if not day:
                continue
            known = found.setdefault(day, {"day": day, "cells": 0, "seconds": 0.0, "films": set(), "tables": set()})
            known["cells"] += 1
            known["seconds"] += float(run.get("wall_s") or 0.0)
            known["films"].add(movie_id)
            known["tables"].add(table)
    rows = sorted(found.values(), key=lambda row: row["day"], reverse=True)[:MOST_DAYS]
    return [{**row, "films": len(row["films"]), "tables": sorted(row["tables"])} for row in rows]
