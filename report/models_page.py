"""The page of models: scores, training curves, agreement with people film by film, the longest errors as pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cinelake.storage.content import digest
from report.scores import ModelScores
from report.templates import code_digest, rendered

MOST_ERRORS, MOST_FILMS = 12, 100
WIDTH, HEIGHT = 240, 56
"""Of a curve, in pixels."""


def models_page(cards: Sequence[Mapping[str, Any]], scores: ModelScores) -> str | None:
    """The page of the models that made these films' tables; None where none did."""
    models = models_of_cards(cards, scores)
    if not models:
        return None
    key = digest([code_digest(), models])
    return rendered("models.html", title="Models", models=models, key=key, width=WIDTH, height=HEIGHT)


def models_of_cards(cards: Sequence[Mapping[str, Any]], scores: ModelScores) -> list[dict[str, Any]]:
    """Each model with its scores and, worst first, the films that people labelled and the longest differences."""
    films: dict[str, list[dict[str, Any]]] = {name: [] for name in scores}
    errors: dict[str, list[dict[str, Any]]] = {name: [] for name in scores}
    for card in cards:
        for said in card.get("said", ()):
            if said["model"] not in films:
                continue
            head = {"movie_id": card["movie_id"], "title": card["title"]}
            films[said["model"]].append({**head, "agrees": said["agrees"], "differ": said["differ"]})
            errors[said["model"]] += [
                {**head, "start_s": start, "seconds": end - start, "words": words, "picture": picture}
                for start, end, words, picture in said["worst"]
            ]
    return [
        {
            "name": name,
            **scores[name],
            "curves": [curve(*each) for each in sorted(scores[name].get("curves", {}).items())],
            "films": sorted(films[name], key=lambda film: (film["agrees"] is None, film["agrees"]))[:MOST_FILMS],
            "errors": sorted(errors[name], key=lambda error: -error["seconds"])[:MOST_ERRORS],
        }
        for name in sorted(scores)
    ]


def curve(name: str, values: Sequence[float]) -> dict[str, Any]:
    """A curve as the points of a line within `WIDTH` × `HEIGHT`, with its first, last, least and greatest value."""
    low, high = min(values), max(values)
    across, up = WIDTH / max(1, len(values) - 1), (HEIGHT - 4) / ((high - low) or 1.0)
    points = " ".join(f"{n * across:.1f},{HEIGHT - 2 - (value - low) * up:.1f}" for n, value in enumerate(values))
    return {"name": name, "points": points, "low": low, "high": high, "last": values[-1], "epochs": len(values)}
