"""Pages of versions of models that stand alone, each in one file: what one is wrong about, and two side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cinelake.learning.comparison import Comparison
from cinelake.plan.build import Planning
from cinelake.storage.content import digest
from report.charts import place_between
from report.files import site_errors, write_text
from report.moment_pictures import Places
from report.tables import LakeTables
from report.templates import STATIC, code_digest, rendered
from report.version_errors import TRACK_WIDTH, shown_errors, shown_moment, shown_score


def errors_page(
    planning: Planning, name: str, told: Mapping[str, Any], curve: Sequence[Mapping[str, Any]] | None = None
) -> str:
    """The page of what a version is wrong about. name: of the version; told: the errors that its training keeps."""
    spots = _spots(told.get("moments", ()), told["by_film"])
    places = Places(LakeTables(planning), spots, planning.manifest.folder / "site")
    return _standing_alone("errors.html", f"{name}: errors", name=name, told=shown_errors(told, curve, places))


def write_comparison(planning: Planning, comparison: Comparison, path: Path) -> None:
    """Write two versions side by side as a page. Raises `UsageError` where the file cannot be written."""
    moments = [vars(moment) for moment in comparison.moments]
    films = [{"movie_id": movie_id} for movie_id in comparison.films]
    site = planning.manifest.folder / "site"
    places = Places(LakeTables(planning), _spots(moments, films), site, path.resolve().parent)
    told = {comparison.metric, *planning.manifest.model(comparison.model).spec.measures}
    scores = _scores(comparison)
    page = _standing_alone(
        "versions.html",
        f"{comparison.model}: {comparison.a.name} and {comparison.b.name}",
        comparison=comparison,
        scores=[score for score in scores if score[0] in told],
        class_scores=[score for score in scores if score[0] not in told],
        films=_films(comparison, places),
        moments=[shown_moment(moment, places) for moment in moments],
        track_width=TRACK_WIDTH,
    )
    with site_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, page)


def _standing_alone(template: str, title: str, **values: Any) -> str:
    style = (STATIC / "report.css").read_text(encoding="utf-8")
    return rendered(template, title=title, style=style, key=digest([code_digest(), title]), **values)


def _spots(moments: Sequence[Mapping[str, Any]], films: Sequence[Mapping[str, Any]]) -> list[tuple[str, float]]:
    """Moments whose pictures are wanted; of films alone, which need a title, their beginning."""
    shown = [(moment["movie_id"], moment["time_s"]) for moment in moments]
    return [*shown, *((film["movie_id"], 0.0) for film in films)]


def _scores(comparison: Comparison) -> list[tuple[str, list[str]]]:
    """Score, and its value of A, of B and of the baseline; the gate's first."""
    columns = [comparison.scores[who] for who in ("a", "b", "baseline")]
    names = sorted({*columns[0], *columns[1]}, key=lambda name: (name != comparison.metric, name))
    return [(name, [shown_score(scores[name]) if name in scores else "" for scores in columns]) for name in names]


def _films(comparison: Comparison, places: Places) -> list[dict[str, Any]]:
    """Each film with its scores, and the places of A and B on a track; where B loses most comes first, films that do
    not define the score last."""
    values = [value for of in comparison.films.values() for who in ("a", "b") if (value := of[who]) is not None]
    low = min([0.0, *values])
    high = max([1.0, *values]) if min(values, default=0.0) >= 0 else max(values)
    return sorted(
        ({**places(movie_id, 0.0), **_film(of, low, high)} for movie_id, of in comparison.films.items()),
        key=lambda row: (row["gain"] is None, row["gain"]),
    )


def _film(of: Mapping[str, float | None], low: float, high: float) -> dict[str, Any]:
    a, b = of["a"], of["b"]
    gain = None if a is None or b is None else b - a
    return {
        "values": [*(shown_score(of[who]) for who in ("a", "b", "baseline")), "–" if gain is None else f"{gain:+.3f}"],
        "b": None if b is None else 4 + place_between(b, low, high, TRACK_WIDTH - 8),
        "a": None if a is None else 4 + place_between(a, low, high, TRACK_WIDTH - 8),
        "gain": gain,
    }
