"""How many clicks it takes until everybody of a catalogue has the right name, on the report's page of people.

    python -m benchmarks.people_clicks --people 60 --films 12 --seeds 3

Vectors of faces are drawn: a person has one to three looks (cosine between two looks about .45, between two tracks of
one look about .6, between two persons about 0), a track has two to twelve faces. The model groups them without a name;
then somebody who knows all of them works through the page: what it shows is `report.people_page`, what is said becomes
labels, the model is trained on them and applied to all films. A typed name, an answer to a pair, a chosen face and a
button are a click each. F1 is B-cubed over tracks (Bagga and Baldwin 1998); a stranger is a person of his own.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from cinelake.lake.artefact import write_artefact
from cinelake.learning.images import MemoryTable
from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.artefact import Artefact
from cinelake.spec.example import Example
from cinelake.spec.task import Film, find_task
from cinelake.spec.training import Training
from models.identities import MODEL
from models.identities.config import Config
from models.identities.features import unit
from models.identities.predict import applied
from report.film_people import _track, chosen_tracks
from report.people_page import page_data
from tasks.shared.pictures import PATCH_SIDE

SIZE = 128
ROUNDS = 4
"""At most so many times the page is worked through, saved and learned from."""
Labels = dict[str, dict[float, str]]
"""movie_id → time → person."""


@dataclass(frozen=True)
class DrawnFilm:
    """Features as the model reads them, and who each face is."""

    movie_id: str
    features: Arrays
    truth: Array


def draw(people: int, films: int, seed: int) -> list[DrawnFilm]:
    """Films in which a fifth of all people are to be seen, each in four to nine tracks."""
    rng = np.random.default_rng(seed)

    def near(vector: Array, spread: float) -> Array:
        step = rng.normal(size=vector.shape)
        return unit(vector + spread * step / np.linalg.norm(step))

    looks = []
    for _ in range(people):
        centre = unit(rng.normal(size=(1, SIZE)))[0]
        looks.append([near(centre, 0.7) for _ in range(rng.integers(1, 4))])
    cast = [sorted(rng.choice(people, max(2, people // 5), replace=False)) for _ in range(films)]
    missing = sorted(set(range(people)) - {person for some in cast for person in some})
    for at, person in enumerate(missing):
        cast[at % films].append(person)
    return [_film(f"film_{n:02d}", some, looks, near, rng) for n, some in enumerate(cast)]


def _film(movie_id: str, cast: list[int], looks: list[list[Array]], near: Any, rng: np.random.Generator) -> DrawnFilm:
    tracks = [int(person) for person in cast for _ in range(rng.integers(4, 10))]
    rng.shuffle(tracks)
    vectors, who, shots = [], [], []
    for shot, person in enumerate(tracks):
        of_track = near(looks[person][rng.integers(len(looks[person]))], 0.75)
        for _ in range(rng.integers(2, 13)):
            vectors.append(near(of_track, 0.3))
            who.append(person)
            shots.append(shot)
    count = len(vectors)
    features = {
        "time_s": np.arange(count, dtype=float),
        "frame": np.arange(count),
        "shot": np.array(shots),
        "is_main": np.ones(count, bool),
        "box": np.tile((0.4, 0.4, 0.2, 0.2), (count, 1)),
        "embedding": np.array(vectors, np.float32),
        "counts": np.ones(count, bool),
        "sharpness": np.full(count, 0.06),
        "contrast": np.full(count, 40.0),
    }
    return DrawnFilm(movie_id, features, np.array(who))


def learned(
    folder: Path, films: list[DrawnFilm], labels: dict[str, dict[float, str]], before: Artefact | None
) -> Artefact:
    """The model of these labels."""
    examples = []
    for film in films:
        said = sorted(labels.get(film.movie_id, {}).items()) or [(0.0, "")]
        point = [0.5 if name else None for _, name in said]
        columns = {
            "time_s": [at for at, _ in said],
            "person": [name or None for _, name in said],
            "x": point,
            "y": point,
        }
        schema = {"time_s": pa.float64(), "person": pa.string(), "x": pa.float64(), "y": pa.float64()}
        table = pa.table({name: pa.array(values, schema[name]) for name, values in columns.items()})
        targets = MODEL.targets(table, film.features, Config())
        examples.append(Example(film.movie_id, film.movie_id, film.features, targets))
    training = Training(folder, champion=before, examples=examples)
    return write_artefact(folder, "identities", Config(), MODEL.train(examples, [], Config(), training))


def faces_of(film: DrawnFilm) -> MemoryTable:
    """The table `faces` of a drawn film; its small pictures are noise, which is sharp."""
    features, count = film.features, len(film.truth)
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(features["embedding"].ravel()), SIZE)
    patches = np.random.default_rng(0).integers(0, 255, count * PATCH_SIDE**2, np.uint8)
    box = dict(zip(("x", "y", "width", "height"), features["box"].T, strict=True))
    plain = {name: features[name] for name in ("time_s", "frame", "shot", "is_main")}
    looks = {"score": [1.0] * count, "patch": pa.FixedSizeListArray.from_arrays(pa.array(patches), PATCH_SIDE**2)}
    return MemoryTable(pa.table({**plain, **box, **looks, "face": [0] * count, "embedding": vectors}))


def page_of(films: list[DrawnFilm], artefact: Artefact) -> dict[str, Any]:
    """What the page of people shows of these films."""
    spec, about = find_task("persons"), []
    for film in films:
        (batch,) = spec.make(spec.params(), Film(film.movie_id), artefact).run({"faces": faces_of(film)})
        rows = chosen_tracks(batch.to_pylist())
        head = {"movie_id": film.movie_id, "title": film.movie_id, "model": "identities", "credits": [], "labels": []}
        about.append({**head, "left_out": 0, "tracks": [_track(row, place) for place, row in enumerate(rows)]})
    return page_data(about)


def work_through(page: dict[str, Any], films: list[DrawnFilm], labels: Labels) -> int:
    """Name everybody, part who is two; what is said is added to the labels. Returns the clicks."""
    truth = {film.movie_id: film.truth for film in films}
    clicks = 0

    def person(track: dict[str, Any]) -> str:
        return f"Person {truth[track['movie_id']][int(track['time_s'])]}"

    def say(tracks: list[dict[str, Any]], name: str) -> None:
        for track in tracks:
            labels[track["movie_id"]][track["time_s"]] = name

    for card in page["people"]:
        shown = [page["tracks"][at] for at in card["tracks"]]
        (most, _), *others = Counter(person(track) for track in shown).most_common()
        for other, count in others:
            clicks += count + 2  # the faces, the button, the name
            say([track for track in shown if person(track) == other], other)
        if card["name"] != most:
            clicks += 1
        if card["name"] != most or others:
            say([track for track in shown if person(track) == most], most)
    return clicks


def b_cubed(films: list[DrawnFilm], artefact: Artefact) -> float:
    """B-cubed F1 over tracks of all films."""
    truth: list[int] = []
    found: list[str] = []
    for film in films:
        said = applied(artefact, film.features)
        for number in np.unique(said["track"]):
            first = int(np.flatnonzero(said["track"] == number)[0])
            truth.append(int(film.truth[first]))
            found.append(str(said["character"][first]) or f"{film.movie_id} {number}")
    both, said_of, true_of = Counter(zip(truth, found, strict=True)), Counter(found), Counter(truth)
    pairs = list(zip(truth, found, strict=True))
    precision = np.mean([both[pair] / said_of[pair[1]] for pair in pairs])
    recall = np.mean([both[pair] / true_of[pair[0]] for pair in pairs])
    return float(2 * precision * recall / (precision + recall))


def clicks_to(goal: float, people: int, films: int, seed: int) -> tuple[int, list[float]]:
    """Clicks until everybody on the page has a name and F1 reaches the goal; F1 before and after each time through."""
    drawn = draw(people, films, seed)
    labels: Labels = defaultdict(dict)
    clicks = 0
    with tempfile.TemporaryDirectory() as scratch:
        artefact = learned(Path(scratch) / "0", drawn, labels, None)
        f1 = [b_cubed(drawn, artefact)]
        for number in range(1, ROUNDS + 1):
            page = page_of(drawn, artefact)
            if f1[-1] >= goal and all(card["name"] for card in page["people"]):
                break
            clicks += work_through(page, drawn, labels)
            artefact = learned(Path(scratch) / str(number), drawn, labels, artefact)
            f1.append(b_cubed(drawn, artefact))
    return clicks, f1


def main() -> None:
    """Print clicks and F1 for each seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=60)
    parser.add_argument("--films", type=int, default=12)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--goal", type=float, default=0.99)
    given = parser.parse_args()
    for seed in range(given.seeds):
        clicks, f1 = clicks_to(given.goal, given.people, given.films, seed)
        steps = " → ".join(f"{value:.3f}" for value in f1)
        print(f"seed {seed}: {clicks} clicks for {given.people} people, {clicks / given.people:.2f} each; F1 {steps}")


if __name__ == "__main__":
    main()
