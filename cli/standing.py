"""What stands out in a lake, as `status` tells it."""

from __future__ import annotations

from dataclasses import dataclass

from cinelake.plan.build import Planning
from cinelake.query.quality import Broken, Drift, Outlier, broken_bounds, drifts, outliers
from cli.screen import out, table

SHOWN_OUTLIERS = 20


@dataclass(frozen=True)
class Standing:
    """Films unlike the catalogue, measures unlike their past, and what is out of the manifest's bounds."""

    outliers: list[Outlier]
    drifts: list[Drift]
    broken_bounds: list[Broken]


def standing_out(planning: Planning) -> Standing:
    """What was measured of the catalogue's films and stands out."""
    settings, films, lake = planning.manifest.quality, sorted(planning.films), planning.lake
    beyond, fewest = settings.outlier_score, settings.fewest_films
    return Standing(
        outliers(lake, beyond=beyond, fewest=fewest, films=films),
        drifts(lake, beyond=beyond, fewest=fewest),
        broken_bounds(lake, settings.bounds, films),
    )


def print_standing_out(standing: Standing) -> None:
    """Print it for people."""
    for bound in standing.broken_bounds:
        out.print(f"! {bound.message}", style="red", markup=False)
    for drift in standing.drifts:
        shift = f"{drift.before:.4g} → {drift.median:.4g} ({drift.films} films, {drift.score:.1f} standard errors)"
        out.print(f"! {drift.table}.{drift.measure} has drifted: {shift}", style="yellow", markup=False)
    found = standing.outliers
    if found:
        out.print()
        rows = [
            [o.movie_id, f"{o.table}.{o.measure}", f"{o.value:.4g} {o.unit}", f"{o.median:.4g}", f"{o.score:.1f}"]
            for o in found[:SHOWN_OUTLIERS]
        ]
        table(["stands out", "measure", "value", "usual", "score"], rows)
    if len(found) > SHOWN_OUTLIERS:
        out.print(f"… and {len(found) - SHOWN_OUTLIERS} more (`--json` lists all)")
