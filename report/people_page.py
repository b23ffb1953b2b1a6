"""The page of people: everybody of all films by face, to be named, put together and parted; saved as labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cinelake.lake.cells import Lake
from cinelake.storage.content import digest
from report.film_people import COLUMNS, SIDE, champion_number, greatest_number, read_people
from report.templates import code_digest, rendered

MOST_PEOPLE, MOST_FACES, MOST_STRANGERS, MOST_PAIRS = 300, 24, 120, 60
"""What one page shows: people, faces of each, strangers, pairs that may be one person."""
LEAST_LIKENESS = 0.2
"""Pairs that are less alike are not asked about."""
DOUBTFUL = 0.1
"""A face is doubtful whose person is not so much nearer than the next one."""
FaceTrack = dict[str, Any]


def people_page(folders: Sequence[Path], lake: Lake) -> str | None:
    """The page of the films in these folders; None where no film has people."""
    films = [about for folder in folders if (about := read_people(folder))]
    if not films:
        return None
    data = page_data(films, champion_number(lake, films[0]["model"]))
    key = digest([code_digest(), data])
    return rendered("people.html", title="People", data=data, key=key, model=data["model"], films=len(films))


def page_data(films: Sequence[dict[str, Any]], number: int = 0) -> dict[str, Any]:
    """What the page's script is given: people, most seen first, with their faces, the most and the least sure.

    Strangers come last, those whose faces are too poor to tell behind the others.

    number: the greatest that the champion has given; a new person gets one beyond it and beyond all films' own.
    """
    tracks: list[FaceTrack] = [{**track, "movie_id": film["movie_id"]} for film in films for track in film["tracks"]]
    persons: dict[str, list[FaceTrack]] = {}
    for track in tracks:
        persons.setdefault(track["person"] or "", []).append(track)
    strangers = sorted(persons.pop("", []), key=lambda track: (track["likeness"] is None, -track["faces"]))
    ranked = sorted(persons, key=lambda person: (-sum(track["faces"] for track in persons[person]), person))
    shown_number = greatest_number(track["person"] for track in tracks)  # films of earlier reports give no number
    shown: list[FaceTrack] = []
    people = [_person(person, persons[person], shown) for person in ranked[:MOST_PEOPLE]]
    return {
        "people": people,
        "strangers": _kept(strangers[:MOST_STRANGERS], shown),
        "pairs": pairs_of(tracks, set(ranked[:MOST_PEOPLE])),
        "tracks": shown,
        "films": {film["movie_id"]: film["title"] for film in films},
        "labels": {film["movie_id"]: film["labels"] for film in films},
        "credits": sorted({name for film in films for name in film["credits"]}),
        "model": films[0]["model"],
        "number": max([number, shown_number, *(film.get("number", 0) for film in films)]),
        "side": SIDE,
        "columns": COLUMNS,
        "left_out": {
            "people": max(0, len(ranked) - MOST_PEOPLE),
            "strangers": max(0, len(strangers) - MOST_STRANGERS),
            "faces": sum(film["left_out"] for film in films),
        },
    }


def _person(person: str, tracks: list[FaceTrack], shown: list[FaceTrack]) -> dict[str, Any]:
    """A person with at most `MOST_FACES` faces: the longest seen, and a third of them those that are least sure."""
    longest = sorted(tracks, key=lambda track: (-track["faces"], track["movie_id"], track["time_s"]))
    doubt = sorted((track for track in longest if is_doubtful(track)), key=lambda track: track["likeness"] or 0.0)
    few = doubt[: MOST_FACES // 3]
    rest = [track for track in longest if not any(track is other for other in few)][: MOST_FACES - len(few)]
    films = {track["movie_id"] for track in tracks}
    return {
        "person": person,
        "name": tracks[0]["name"] or "",
        "films": len(films),
        "faces": sum(track["faces"] for track in tracks),
        "tracks": _kept([*rest, *few], shown),
        "more": len(tracks) - len(rest) - len(few),
    }


def is_doubtful(track: FaceTrack) -> bool:
    """Whether another person is nearly as near."""
    likeness, other = track["likeness"], track["other_likeness"]
    return likeness is not None and other is not None and likeness - other < DOUBTFUL


def _kept(tracks: Sequence[FaceTrack], shown: list[FaceTrack]) -> list[int]:
    """Numbers of tracks among those that the page shows, to which they are added."""
    first = len(shown)
    shown += [{**track, "doubtful": is_doubtful(track)} for track in tracks]
    return list(range(first, len(shown)))


def pairs_of(tracks: Sequence[FaceTrack], known: set[str]) -> list[list[Any]]:
    """Two persons and how alike their faces are on average, the most alike first: each may be one person."""
    alike: dict[tuple[str, str], list[tuple[float, int]]] = {}
    for track in tracks:
        one, other, value = track["person"], track["other"], track["other_likeness"]
        if one in known and other in known and value is not None:
            alike.setdefault((min(one, other), max(one, other)), []).append((value, track["faces"]))
    means = {pair: sum(v * n for v, n in found) / sum(n for _, n in found) for pair, found in alike.items()}
    ranked = sorted(means, key=lambda pair: (-means[pair], pair))
    return [[*pair, round(means[pair], 3)] for pair in ranked if means[pair] >= LEAST_LIKENESS][:MOST_PAIRS]
