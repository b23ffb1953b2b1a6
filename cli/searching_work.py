"""What `cinelake search` and `cinelake index` do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from cinelake.client.lake_client import lake_contracts
from cinelake.lake.cells import Lake
from cinelake.manifest.document import load_manifest
from cinelake.search.searcher import Answer, Query, Searcher, index_lake
from cinelake.search.thumbnails import write_thumbnails
from cli.screen import err, out, print_json, table


def search_lake(manifest: Path, query: Query, thumbnails: Path | None, *, as_json: bool) -> int:
    """Search, write the thumbnails, tell; gives the exit code."""
    loaded = load_manifest(manifest)
    lake = Lake(loaded.lake.place)
    entry = loaded.tasks.get(query.table)
    answer = Searcher(lake, lake_contracts(lake)).search(replace(query, params=entry.params if entry else None))
    if thumbnails is not None:
        answer = replace(answer, moments=write_thumbnails(lake, answer.moments, thumbnails))
    for note in answer.notes:
        err.print(f"cinelake: {note}", markup=False, highlight=False)
    if as_json:
        print_json(_as_data(answer))
    else:
        _tell(answer)
    return 0


def _as_data(answer: Answer) -> dict[str, object]:
    moments = [{"rank": rank, **moment.to_json()} for rank, moment in enumerate(answer.moments, 1)]
    return {"moments": moments, "how": answer.how, "films": answer.films, "vectors": answer.vectors}


def _tell(answer: Answer) -> None:
    if not answer.moments:
        out.print("nothing was found")
        return
    rows = [
        (rank, m.movie_id, m.timecode, f"{m.end_s - m.start_s:.1f} s", f"{m.score:.3f}", m.what, m.thumbnail or "")
        for rank, m in enumerate(answer.moments, 1)
    ]
    columns = ["", "film", "time", "lasts", "score", "what", "picture"]
    kept = [at for at in range(len(columns)) if at < 5 or any(row[at] for row in rows)]
    table([columns[at] for at in kept], [[row[at] for at in kept] for row in rows])


def index_table(manifest: Path, name: str, *, as_json: bool) -> int:
    """Make the index of a table; gives the exit code."""
    lake = Lake(load_manifest(manifest).lake.place)
    about = index_lake(lake, lake_contracts(lake), name)
    facts = {"table": name, "vectors": about.vectors, "films": len(about.films), "cells": about.cells,
             "probes": about.probes, "recall_at_10": about.recall}  # fmt: skip
    if as_json:
        print_json(facts)
    else:
        out.print(
            f"{about.vectors:,} vectors of {len(about.films)} films in {about.cells:,} cells, of which a search looks "
            f"into {about.probes}: it finds {about.recall:.1%} of the ten nearest"
        )
    return 0
