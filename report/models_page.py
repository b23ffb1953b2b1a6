"""The page of models: scores, what each is wrong about, training curves, agreement with people, errors as pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cinelake.storage.content import digest
from report.charts import Series, chart
from report.film_page import picture_at, read_thumbnails
from report.pictures import Thumbnails
from report.scores import ModelScores
from report.templates import code_digest, rendered
from report.version_errors import shown_errors

MOST_ERRORS, MOST_FILMS = 12, 100
MEMBER = "/member_"
"""Between a metric and the number of the network whose epochs it is of."""
EPISODE = "episode_score"
"""The metric whose steps are episodes of an agent."""


def models_page(cards: Sequence[Mapping[str, Any]], scores: ModelScores, films: Path) -> str | None:
    """The page of the models that made these films' tables; None where none did. films: the folder of their pages."""
    models = models_of_cards(cards, scores, films)
    if not models:
        return None
    key = digest([code_digest(), models])
    return rendered("models.html", title="Models", models=models, key=key)


def models_of_cards(cards: Sequence[Mapping[str, Any]], scores: ModelScores, folder: Path) -> list[dict[str, Any]]:
    """Each model with its scores and, worst first, the films that people labelled and the longest differences."""
    films: dict[str, list[dict[str, Any]]] = {name: [] for name in scores}
    longest: dict[str, list[dict[str, Any]]] = {name: [] for name in scores}
    for card in cards:
        for said in card.get("said", ()):
            if said["model"] not in films:
                continue
            head = {"movie_id": card["movie_id"], "title": card["title"]}
            films[said["model"]].append({**head, "agrees": said["agrees"], "differ": said["differ"]})
            longest[said["model"]] += [
                {**head, "start_s": start, "seconds": end - start, "words": words, "picture": picture}
                for start, end, words, picture in said["worst"]
            ]
    place = _Places({card["movie_id"]: card["title"] for card in cards}, folder)
    return [
        {
            "name": name,
            **scores[name],
            "curves": curves_of(scores[name].get("curves", {})),
            "errors": shown_errors(told, scores[name].get("learning_curve"), place)
            if (told := scores[name].get("errors"))
            else None,
            "films": sorted(films[name], key=lambda film: (film["agrees"] is None, film["agrees"]))[:MOST_FILMS],
            "longest": sorted(longest[name], key=lambda error: -error["seconds"])[:MOST_ERRORS],
        }
        for name in sorted(scores)
    ]


class _Places:
    """Where moments of films lie in the site: their link, and their picture on the film's sheets."""

    def __init__(self, titles: Mapping[str, str], films: Path):
        self._titles, self._films = titles, films
        self._thumbnails: dict[str, Thumbnails] = {}

    def __call__(self, movie_id: str, time_s: float) -> dict[str, Any]:
        if movie_id not in self._titles:
            return {"title": movie_id, "link": "", "picture": None, "uri": ""}
        if movie_id not in self._thumbnails:
            self._thumbnails[movie_id] = read_thumbnails(self._films / movie_id)
        link = f"films/{movie_id}/index.html#t={time_s:.3f}"
        picture = picture_at(self._thumbnails[movie_id], time_s)
        return {"title": self._titles[movie_id], "link": link, "picture": picture, "uri": ""}


def curves_of(metrics: Mapping[str, Sequence[float]]) -> list[dict[str, Any]]:
    """A chart a metric over the epochs, a line for each network where several were trained."""
    by_metric: dict[str, dict[str, Sequence[float]]] = {}
    for name, values in sorted(metrics.items()):
        metric, _, member = name.partition(MEMBER)
        by_metric.setdefault(metric, {})[member] = values
    made = []
    for metric, members in by_metric.items():
        series = [
            Series(f"network {member}" if member else metric, [(n + 1.0, value) for n, value in enumerate(values)])
            for member, values in sorted(members.items(), key=lambda item: int(item[0] or 0))
        ]
        last = ", ".join(
            f"{values[-1]:.4g}" for _, values in sorted(members.items(), key=lambda item: int(item[0] or 0))
        )
        made.append(
            {
                "name": metric,
                "chart": chart(series, "episode" if metric == EPISODE else "epoch", metric.replace("_", " ")),
                "last": last,
            }
        )
    return made
