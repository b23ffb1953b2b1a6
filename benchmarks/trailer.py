"""A trailer against its whole film: how far their tags agree, and how long each takes.

A film of the drawn catalogue is cut down to a trailer by ffmpeg: of each of its shots the first `--seconds`, one after
another. The model of `python -m benchmarks.tags`, trained here on films of another seed, tags both, from file to
the table `tags`. Khan et al. (AVSS 2017) compare trailers with films in the same way.

Agreement: the Jaccard index of the two sets of tags, and Spearman's correlation of their weights over both sets.

    python -m benchmarks.trailer --folder DIR      keeps films and lake in DIR, and shares them with benchmarks.tags
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from benchmarks._drawn_lake import SHOTS, make_lake, manifest_of
from benchmarks._drawn_shots import read_side, tables_of
from benchmarks.figures import Figure, Report, run, say
from benchmarks.tags import default_config
from cinelake.lake.artefact import write_artefact
from cinelake.lake.cells import Lake
from cinelake.learning.images import MemoryTable
from cinelake.media.ffmpeg import binary
from cinelake.spec.artefact import Artefact
from cinelake.spec.task import Film, TableReader, find_task
from cinelake.spec.training import Training
from models.tags import MODEL

Weights = dict[str, float]


def cut_trailer(film: Path, shots: pa.Table, target: Path, seconds: float) -> None:
    """Of each shot its first `seconds`, one after another."""
    spans = [
        f"between(t,{start + 0.05:.3f},{min(end, start + seconds):.3f})"
        for start, end in zip(shots["start_s"].to_pylist(), shots["end_s"].to_pylist(), strict=True)
    ]
    chosen = "+".join(spans)
    filters = ["-vf", f"select='{chosen}',setpts=N/FRAME_RATE/TB", "-af", f"aselect='{chosen}',asetpts=N/SR/TB"]
    command = [binary(), "-v", "error", "-y", "-i", str(film), *filters, "-crf", "18", str(target)]
    subprocess.run(command, check=True, timeout=300)


def tags_of(folder: Path, film: Path, artefact: Artefact) -> tuple[Weights, float, float]:
    """The film's tags by a lake of its own; seconds of the whole way, and how long the film is."""
    (folder / "films").mkdir(parents=True)
    (folder / "films" / film.name).hardlink_to(film)
    (folder / "pipeline.yaml").write_text(manifest_of("films/*.mp4", SHOTS))
    began = time.perf_counter()
    command = [sys.executable, "-m", "cli", "run", "-m", str(folder / "pipeline.yaml")]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=600)
    lake, movie_id = Lake(str(folder / "lake")), film.stem
    tables = tables_of(lake, movie_id, [*MODEL.reads(artefact.config), "frames"])
    tables["tag_shots"] = _made("tag_shots", movie_id, tables, artefact)
    params = {"min_entropy": artefact.config.min_entropy}
    rows = _made("tags", movie_id, tables, **params).read(["tag", "weight"])
    weights = dict(zip(rows["tag"].to_pylist(), rows["weight"].to_pylist(), strict=True))
    took_s = time.perf_counter() - began
    return weights, took_s, float(lake.reader("shots", movie_id).read(["end_s"])["end_s"][-1].as_py())


def _made(
    task: str, movie_id: str, tables: Mapping[str, TableReader], *artefact: Artefact, **params: float
) -> MemoryTable:
    spec = find_task(task)
    batches = list(spec.make(spec.params(**params), Film(movie_id), *artefact).run(tables))
    return MemoryTable(pa.Table.from_batches(batches or [spec.contract.empty()]))


def agreement(one: Weights, other: Weights) -> tuple[float, float]:
    """Jaccard index of the tags, and Spearman's correlation of the weights over all of them."""
    from scipy.stats import spearmanr

    names = sorted({*one, *other})
    weights = [[each.get(name, 0.0) for name in names] for each in (one, other)]
    return len({*one} & {*other}) / max(1, len(names)), float(spearmanr(*weights).statistic)


def measure(given: argparse.Namespace) -> Report:
    """Each film and its trailer."""
    import tempfile

    lake = make_lake(given.folder)
    config = default_config()
    train = read_side(given.folder, "train", lake, MODEL, config, "tags")
    trained = MODEL.train(train, [], config, Training(Path(given.folder) / "trailer_training", resume=False))
    artefact = write_artefact(Path(given.folder) / "trailer_model", MODEL.name, config, trained)
    columns: list[list[float]] = [[] for _ in range(6)]
    jaccard, spearman, ratios, film_s, trailer_s, shares = columns
    films = sorted((given.folder / "test" / "films").glob("*.mp4"))[: given.repeat]
    for film in films:
        with tempfile.TemporaryDirectory() as place:
            trailer = Path(place) / f"{film.stem}_trailer.mp4"
            cut_trailer(film, lake.reader("shots", film.stem).read(["start_s", "end_s"]), trailer, given.seconds)
            whole = tags_of(Path(place) / "whole", _beside(film, Path(place)), artefact)
            short = tags_of(Path(place) / "trailer", trailer, artefact)
        alike = agreement(whole[0], short[0])
        say(f"{film.stem}: tags alike {alike[0]:.2f}, weights {alike[1]:.2f}; {whole[1]:.1f} s and {short[1]:.1f} s")
        for values, value in zip(
            (jaccard, spearman, film_s, trailer_s, ratios, shares),
            (*alike, whole[1], short[1], whole[1] / short[1], short[2] / whole[2]),
            strict=True,
        ):
            values.append(value)
    figures = [
        Figure("tags alike (Jaccard)", jaccard),
        Figure("weights alike (Spearman)", spearman),
        Figure("whole film", film_s, "s"),
        Figure("trailer", trailer_s, "s"),
        Figure("film / trailer, time", ratios, "x"),
        Figure("trailer / film, length", shares),
    ]
    return Report("trailer", figures, [f"{len(films)} drawn films, of each shot {given.seconds} s"])


def _beside(film: Path, folder: Path) -> Path:
    """A copy that can be linked to from the same file system."""
    import shutil

    return Path(shutil.copy(film, folder / film.name))


if __name__ == "__main__":
    sys.exit(run(__doc__ or "", measure, ("--seconds", {"type": float, "default": 0.6}), repeat=3))
