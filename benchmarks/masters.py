"""Does any master of a film give the same tables? Twelve masters of each of 20 drawn films, against the SDR one.

  python -m benchmarks.masters                     20 films × 12 masters, kept nowhere
  python -m benchmarks.masters --films 4 --folder DIR
  python -m benchmarks.masters --films 2 --only pq hlg

With a folder, what is drawn, made and read stays: after a kill it goes on, and each film's figures are told once it is
read.

The masters: SDR, PQ, HLG, 25i, 29.97 telecine, pillarbox, anamorphic, 10-bit AV1, ProRes, JPEG 2000 in MXF, variable
rate, 4 % faster. Measured: shots (F1 of their starts within one picture, times mapped); the cosine of descriptors of
the same picture, the weakest and the median over all, beside that of unrelated pictures; faces (F1 of the pictures
in which dlib finds as many); tags (macro-F1 of a model that learned from the SDR masters of other films, and how far
that is from the SDR master's, with the bounds of a paired bootstrap over films: bounds on both sides of 0 are noise).
The weakest is a black picture, in which one level of 255 decides; the median counts.
Black bars are cut off, as `streams: {pictures: {bars: crop}}` asks, and shots are found by their second rules.
Target: shots the same, every median cosine at least .98, faces and tags within .02 of the SDR master's.
"""

from __future__ import annotations

import argparse
import csv
import multiprocessing
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks._drawn_lake import SHOTS, manifest_of
from benchmarks._masters import MASTERS, RATE, Master, make_master
from benchmarks.figures import Figure, Report, run, say
from cinelake.lake.cells import Lake
from cinelake.learning.gate import Interval, compare
from cinelake.manifest.document import load_manifest
from cinelake.plan.build import plan_manifest
from cinelake.run.step import run_step

ENTRIES = ["shots: {rules: 2}" if entry == "shots: {}" else entry for entry in SHOTS]
SEED, SECONDS = 77, 16.0
LEARNED, LEARNED_SEED = 12, 78
"""Films that tags are learned from, unless another number is given, and the seed that they are drawn with."""
SAME_S = 0.6 / RATE
"""Pictures whose mapped times are this near are one picture."""
REFERENCE = "sdr"
NEAR = 0.02
"""Tags may be told so much worse than of the reference."""

Floats = npt.NDArray[np.float32]


@dataclass
class Compared:
    """What one master of the films gave. cosines: of each same picture; the others: one value a film."""

    cosines: list[float] = field(default_factory=list)
    shots: list[float] = field(default_factory=list)
    faces: list[float] = field(default_factory=list)
    pictures: int = 0


def measure(given: argparse.Namespace) -> Report:
    """Draw, make the masters, fill the lake, compare."""
    wanted = [master for master in MASTERS if not given.only or master.name in (*given.only, REFERENCE)]
    found = {master.name: Compared() for master in wanted}
    films: list[Path] = []
    for number in range(given.films):
        film = _drawn(given, number)
        lake = _read(given, film, wanted)
        for master in wanted:
            _compare(lake, film.stem, master, found[master.name])
        films.append(film)
        say(f"after {len(films)} of {given.films} films: {so_far(found)}")
    figures = [figure for master in wanted for figure in _figures(master, found[master.name])]
    unrelated: list[float] = []
    for first, second in zip(films, [*films[1:], films[0]], strict=True):
        unrelated += _unrelated(lake, first.stem, second.stem)
    if len(films) > 1:
        figures.append(Figure("unrelated pictures, cosine", unrelated))
    if given.tags:
        figures += _tag_figures(given, lake, films, wanted)
    drawn = f"{len(films)} drawn films of {given.seconds:g} s, seed {SEED}; dlib; descriptor"
    return Report("masters", figures, [drawn])


def _drawn(given: argparse.Namespace, number: int) -> Path:
    """The film of this number, drawn unless it is there."""
    from examples.draw import draw_catalogue

    return draw_catalogue(given.folder / "drawn", 1, SEED, first=number, seconds=given.seconds)[0].path


def _read(given: argparse.Namespace, film: Path, wanted: Sequence[Master]) -> Lake:
    """The lake with all masters of a film."""
    rate = rates_of(given.folder / "drawn")[film.stem]
    with ThreadPoolExecutor(given.workers) as pool:
        made = [pool.submit(make_master, film, rate, master, given.folder / "masters") for master in wanted]
        for future in made:
            future.result()
    return fill(given.folder, f"masters/{film.stem}__*", given.workers)


def so_far(found: Mapping[str, Compared]) -> str:
    """Each master's figures of the films until now: mean F1 of shots, median cosine, pictures with as many faces."""
    return "; ".join(
        f"{name} {np.mean(by.shots):.3f} {np.median(by.cosines):.4f} {np.mean(by.faces):.3f}"
        for name, by in found.items()
    )


def fill(folder: Path, films: str, workers: int) -> Lake:
    """The lake of the films that the pattern names; each film is one step, in one of so many processes."""
    manifest = folder / "pipeline.yaml"
    manifest.write_text("streams: {pictures: {bars: crop}}\n" + manifest_of(films, ENTRIES))
    planning = plan_manifest(load_manifest(manifest))
    steps = [planning.step(*film) for film in planning.plan.by_film().items()]
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        for report in pool.map(run_step, steps):
            say(f"read {report.movie_id} in {report.wall_s:.1f} s")
            for failed in report.failed():
                raise RuntimeError(f"{failed.table} of {report.movie_id}: {failed.message}")
    return planning.lake


def rates_of(drawn: Path) -> dict[str, float]:
    """movie_id → pictures a second of the drawn film."""
    with (drawn / "labels" / "films.csv").open(encoding="utf-8", newline="") as file:
        return {row["movie_id"]: float(row["fps"]) for row in csv.DictReader(file)}


def cell(lake: Lake, table: str, film: str, master: str) -> dict[str, Any]:
    """Columns of one table of one master as arrays."""
    read = lake.reader(table, f"{film}_{master.lower()}").read()
    return {name: np.array(read[name].to_pylist()) for name in read.column_names if name not in ("jpeg", "patch")}


def _compare(lake: Lake, film: str, master: Master, found: Compared) -> None:
    theirs, ours = (cell(lake, "embeddings", film, name) for name in (REFERENCE, master.name))
    pairs = same_pictures(theirs["time_s"], ours["time_s"] / master.slower)
    found.cosines += [float(theirs["embedding"][a] @ ours["embedding"][b]) for a, b in pairs]
    starts = [cell(lake, "shots", film, name)["start_s"] for name in (REFERENCE, master.name)]
    found.shots.append(f1(starts[0], starts[1] / master.slower, 1.6 / RATE))
    counts = [_faces(lake, film, name) for name in (REFERENCE, master.name)]
    agree = [counts[0](theirs["frame"][a]) == counts[1](ours["frame"][b]) for a, b in pairs]
    found.faces.append(float(np.mean(agree)) if agree else 1.0)
    found.pictures += len(pairs)


def _faces(lake: Lake, film: str, master: str) -> Any:
    frames = cell(lake, "faces", film, master)["frame"].tolist()
    return frames.count


def same_pictures(theirs_s: Floats, ours_s: Floats) -> list[tuple[int, int]]:
    """Pairs of rows, one of each, that show one picture."""
    pairs = []
    for a, time_s in enumerate(theirs_s):
        b = int(np.abs(ours_s - time_s).argmin())
        if abs(ours_s[b] - time_s) <= SAME_S:
            pairs.append((a, b))
    return pairs


def f1(theirs: Sequence[float], ours: Sequence[float], within_s: float) -> float:
    """How many of two lists of times are the same: 1 where all are."""
    left = list(ours)
    hits = 0
    for time_s in theirs:
        near = [other for other in left if abs(other - time_s) <= within_s]
        if near:
            left.remove(min(near, key=lambda other: abs(other - time_s)))
            hits += 1
    return 2 * hits / (len(theirs) + len(ours))


def _unrelated(lake: Lake, film: str, other: str) -> list[float]:
    ours, theirs = (cell(lake, "embeddings", name, REFERENCE)["embedding"] for name in (film, other))
    count = min(len(ours), len(theirs))
    return [float(ours[n] @ theirs[n]) for n in range(count)]


def _figures(master: Master, found: Compared) -> list[Figure]:
    return [
        Figure(f"{master.name}: shots, F1", found.shots, at_least=1.0),
        Figure(f"{master.name}: same picture, cosine", found.cosines, at_least=0.98),
        Figure(f"{master.name}: the weakest of {found.pictures}", [min(found.cosines, default=1.0)]),
        Figure(f"{master.name}: pictures with as many faces", found.faces, at_least=0.98),
    ]


def _tag_figures(
    given: argparse.Namespace, lake: Lake, films: Sequence[Path], masters: Sequence[Master]
) -> list[Figure]:
    """Macro-F1 of tags of each master, by a model that learned from other films."""
    from examples.draw import draw_catalogue

    folder = given.folder / "learned"
    draw_catalogue(folder / "train", given.learned, LEARNED_SEED, seconds=given.seconds)
    learned = fill(folder, "train/films/*.mp4", given.workers)
    tags = judge_tags(folder, learned, lake, given.folder / "drawn", films, masters)
    least = round(tags[REFERENCE].score - NEAR, 3)
    figures = []
    for name, judged in tags.items():
        figures.append(Figure(f"{name}: tags, macro-F1", [judged.score], at_least=least))
        if name != REFERENCE:
            beyond = judged.beside
            bounds = [beyond.low, beyond.mean, beyond.high]
            figures.append(Figure(f"{name}: tags beside {REFERENCE}, 95 % over films", bounds))
    return figures


@dataclass(frozen=True)
class JudgedTags:
    """Macro-F1 of one master, and the difference from the reference's with its interval over films (paired)."""

    score: float
    beside: Interval


def judge_tags(
    folder: Path, learned: Lake, lake: Lake, drawn: Path, films: Sequence[Path], masters: Sequence[Master]
) -> Mapping[str, JudgedTags]:
    """How well the tags of each master's shots are told, against what was drawn, by one model for all."""
    from benchmarks._drawn_shots import learn_and_score, read_side
    from benchmarks.tags import default_config
    from models.tags import MODEL

    config = default_config()
    tests = {master.name: _examples(lake, drawn, films, master, MODEL, config) for master in masters}
    train = read_side(folder, "train", learned, MODEL, config, "tags")
    reference = learn_and_score(MODEL, config, train, tests[REFERENCE], folder / REFERENCE, 0)
    judged = {}
    for name, examples in tests.items():
        scored = [example for example in examples if example.targets["known"].any()]
        scores = [
            MODEL.score_film(e.features, e.targets, MODEL.predict(reference.artefact, e.features), config)
            for e in scored
        ]
        beside = compare(scores, reference.film_scores, MODEL.summarise, MODEL.metric)
        judged[name] = JudgedTags(MODEL.summarise(scores)["macro_f1"], beside)
    return judged


def _examples(lake: Lake, drawn: Path, films: Sequence[Path], master: Master, model: Any, config: Any) -> list[Any]:
    """The films of one master with the labels of what was drawn, their times mapped."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.csv as pa_csv

    from benchmarks._drawn_shots import tables_of
    from cinelake.spec.example import Example

    read = pa_csv.read_csv(
        drawn / "labels" / "tags.csv", convert_options=pa_csv.ConvertOptions(strings_can_be_null=True)
    )
    columns = [
        read[f.name].cast(f.type) if f.name in read.column_names else pa.nulls(len(read), f.type)
        for f in model.labels.schema
    ]
    labels = pa.table(columns, schema=model.labels.schema)
    examples, rates = [], rates_of(drawn)
    for film in films:
        features = model.features(tables_of(lake, f"{film.stem}_{master.name}", model.reads(config)), config)
        own = labels.filter(pc.equal(labels["movie_id"], film.stem))
        for name in ("start_s", "end_s"):
            at = own.schema.get_field_index(name)
            own = own.set_column(
                at, own.schema.field(at), pc.multiply(own[name], rates[film.stem] / RATE * master.slower)
            )
        examples.append(Example(film.stem, film.stem, features, model.targets(own, features, config)))
    return examples


OPTIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("--films", {"type": int, "default": 20, "help": "films (default: %(default)s)"}),
    ("--only", {"nargs": "*", "default": [], "choices": [m.name for m in MASTERS], "help": "only these masters"}),
    ("--learned", {"type": int, "default": LEARNED, "help": "films that tags are learned from (default: %(default)s)"}),
    ("--seconds", {"type": float, "default": SECONDS, "help": "length of a film (default: %(default)s)"}),
    ("--workers", {"type": int, "default": 2, "help": "films made and read at once (default: %(default)s)"}),
    ("--tags", {"action": argparse.BooleanOptionalAction, "default": True, "help": "learn tags too"}),
)

if __name__ == "__main__":
    sys.exit(run(__doc__ or "", measure, *OPTIONS, repeat=1))
