"""`cinelake status`: what the lake holds, what failed, and what stands out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import typer

from cinelake.manifest.document import load_manifest
from cinelake.plan.build import CATALOGUE, Planning, plan_manifest
from cinelake.plan.forecast.estimate import TableCost, table_costs
from cinelake.query.champion_drift import ChampionDrift, champion_drifts
from cinelake.query.quality import Broken, Drift, Outlier, broken_bounds, drifts, outliers
from cli.options import HERE, JsonOption, ManifestOption, StrictOption, example, finish
from cli.plan import SHOWN_ROWS, listed_films, plan_json, print_counts, print_paused, print_problems
from cli.screen import duration, first_line, out, print_json, table
from flows.run_summary import group_failures

app = typer.Typer(add_completion=False)

SHOWN_OUTLIERS = 20
SHOWN_FILMS = 3
SHOWN_DRIFTS = 3


TOLD = {
    "errors": "a few pictures that do not decode, and count as good",
    "sound_holes_s": "holes in the sound, which count as silence",
    "clock_back_s": "a clock that goes back: recordings joined, a part that came twice, pictures moved behind others",
    "pictures_late_s": "pictures that are later than they are shown (their container counts them as they are decoded)",
}
"""Facts of a decode, and what they say of a film."""


@app.command(epilog=example("cinelake status", "cinelake status --json"))
def status(manifest: ManifestOption = HERE, strict: StrictOption = False, json: JsonOption = False) -> None:
    """Show tables, failures, orphans and duplicates."""
    planning = plan_manifest(load_manifest(manifest))
    failures, unusual = failure_rows(planning), find_unusual(planning)
    if json:
        costs = [asdict(cost) for cost in _costs(planning)]
        facts = {"failures": failures, **asdict(unusual), "costs": costs, "lake": planning.manifest.lake.uri}
        facts |= {"films_with_decode_errors": films_that_tell_of(planning, "errors")}
        facts |= {"films_with_sound_holes": films_that_tell_of(planning, "sound_holes_s")}
        facts |= {"films_with_a_clock_that_goes_back": films_that_tell_of(planning, "clock_back_s")}
        facts |= {"films_with_late_pictures": films_that_tell_of(planning, "pictures_late_s")}
        print_json({**plan_json(planning), **facts})
    else:
        _print(planning, failures, unusual)
    finish(int(strict and bool(failures)))


def _print(planning: Planning, failures: Sequence[Mapping[str, Any]], unusual: Unusual) -> None:
    films = len(planning.catalogue.films)
    out.print(f"lake {planning.manifest.lake.uri} · {films} films in the catalogue", markup=False)
    print_counts(planning.plan)
    _print_costs(_costs(planning))
    if failures:
        out.print()
        table(["film", "tables", "reason", "attempt", "message"], grouped_failures(failures)[:SHOWN_ROWS])
    print_problems(planning)
    for fact, words in TOLD.items():
        if told := films_that_tell_of(planning, fact):
            count = "1 film has" if len(told) == 1 else f"{len(told)} films have"
            named = ", ".join(told[:SHOWN_FILMS]) + (", …" if len(told) > SHOWN_FILMS else "")
            out.print(f"! {count} {words}: {named} (`cinelake why TABLE FILM`)", style="yellow", markup=False)
    _print_unusual(unusual)
    print_paused(planning.lake)


def _costs(planning: Planning) -> list[TableCost]:
    return table_costs(planning.index, [planned.name for planned in planning.whole.tables])


def _print_costs(costs: Sequence[TableCost]) -> None:
    """What a film's cell of each table takes of the processors: where a night's cost goes."""
    known = [cost for cost in costs if cost.processor_s is not None]
    if known:
        out.print()
        all_s = sum(cost.processor_s or 0.0 for cost in known)
        rows = [
            [c.table, duration(c.processor_s or 0.0), duration(c.ffmpeg_s) if c.ffmpeg_s else "",
             f"{(c.processor_s or 0.0) / max(all_s, 1e-9):.0%}"]
            for c in known
        ]  # fmt: skip
        table(["cost of a film", "processor time", "of it ffmpeg", "share"], rows)


def grouped_failures(failures: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Rows for a screen, one for all tables of a film that say the same: film, tables, reason, attempts, message."""
    attempts = {(row["movie_id"], row["task"]): int(row["attempt"]) for row in failures}
    rows = []
    for same in group_failures((row["movie_id"], row["task"], row["reason"], row["message"]) for row in failures):
        attempt = max(attempts[same.movie_id, table] for table in same.tables)
        rows.append([same.movie_id, ", ".join(same.tables), same.reason, str(attempt), first_line(same.message)[:160]])
    return sorted(rows)


def failure_rows(planning: Planning) -> list[dict[str, Any]]:
    """Every recorded failure of the manifest's tables and of its catalogue; films that left it are left out."""
    tables, known = [CATALOGUE, *(planned.name for planned in planning.whole.tables)], listed_films(planning)
    return [
        {"movie_id": movie_id, **facts}
        for name in tables
        for movie_id, facts in sorted(planning.index.failures(name).items())
        if movie_id in known
    ]


def films_that_tell_of(planning: Planning, fact: str) -> list[str]:
    """The catalogue's films of which a table was made in a decode that tells of this, one of `TOLD`."""
    tables = [planned.name for planned in planning.whole.tables]
    return sorted({film for name in tables for film in planning.index.with_decode_fact(name, fact)} & {*planning.films})


@dataclass(frozen=True)
class Unusual:
    """Films unlike the catalogue, measures unlike their past, what is out of the manifest's bounds, and champions that
    are applied to films unlike those that they have learned from."""

    outliers: list[Outlier]
    drifts: list[Drift]
    broken_bounds: list[Broken]
    champion_drifts: list[ChampionDrift]


def find_unusual(planning: Planning) -> Unusual:
    """The measures of the catalogue's films that are unusual, by the settings of the manifest's section `quality`."""
    settings, films, lake = planning.manifest.quality, sorted(planning.films), planning.lake
    beyond, fewest = settings.outlier_score, settings.fewest_films
    return Unusual(
        outliers(lake, beyond=beyond, fewest=fewest, films=films),
        drifts(lake, beyond=beyond, fewest=fewest, films=films),
        broken_bounds(lake, settings.bounds, films),
        champion_drifts(planning),
    )


def _print_unusual(unusual: Unusual) -> None:
    for bound in unusual.broken_bounds:
        out.print(f"! {bound.message}", style="red", markup=False)
    for drift in unusual.drifts:
        beyond = f"{drift.score:.1f} standard errors" if math.isfinite(drift.score) else "all were the same before"
        shift = f"{drift.before:.4g} → {drift.median:.4g} ({drift.films} films, {beyond})"
        out.print(f"! {drift.table}.{drift.measure} has drifted: {shift}", style="yellow", markup=False)
    for champion in unusual.champion_drifts:
        far = [f"{d.table}.{d.measure} {d.learned:.4g} → {d.median:.4g}" for d in champion.differences]
        more = f" and {len(far) - SHOWN_DRIFTS} more" if len(far) > SHOWN_DRIFTS else ""
        out.print(
            f"! {champion.model} {champion.version} is applied to films unlike the {champion.learned} that it has "
            f"learned from: {'; '.join(far[:SHOWN_DRIFTS])}{more} ({champion.differences[0].films} films without "
            "labels); how well it does on them is not known until some are labelled",
            style="yellow",
            markup=False,
        )
    unlike = unusual.outliers
    if unlike:
        out.print()
        rows = [
            [o.movie_id, f"{o.table}.{o.measure}", f"{o.value:.4g} {o.unit}", f"{o.median:.4g}", f"{o.score:.1f}"]
            for o in unlike[:SHOWN_OUTLIERS]
        ]
        table(["stands out", "measure", "value", "usual", "score"], rows)
    if len(unlike) > SHOWN_OUTLIERS:
        out.print(f"… and {len(unlike) - SHOWN_OUTLIERS} more (`--json` lists all)")
