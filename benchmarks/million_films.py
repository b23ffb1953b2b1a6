"""A catalogue of a million films on 64 GPUs, on paper: how long, what bounds it, how many node-hours.

Measured: one run of the demo's whole chain on a few films, by one worker on one processor: 1080p films drawn here, or
with `--real DIR` real ones, whose faces insightface finds (the folder holds `films/` and `models/`). From the costs in
that lake `plan --simulate` forecasts a million films of `--film-minutes` each: 64 nodes of 16 processors and one GPU,
with and without 128 nodes of 32 processors that decode; 10 Gbit/s from each node to the store. `faces` and `embeddings`
ask for a quarter of a GPU. They were measured on a processor: that a GPU is `--gpu-speedup` times as fast is assumed,
and a forecast with 1 stands beside it.
Beside that, how far the simulator can be believed: a real run of sleeping films by two workers against its simulation,
from the costs in its own lake and what the driver takes for a film of no work; and a million films simulated one
by one against the sample that `plan --simulate` continues.
Target:   simulated / real from 0.9 to 1.1; sample / one by one from 0.97 to 1.03.

    python -m benchmarks.million_films --folder DIR
    python -m benchmarks.million_films --real ../shared/data --gpu-speedup 50
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks._chain_project import chain_project, write_manifest
from benchmarks._sleeping_project import make_known, sleeping_project
from benchmarks.children import cost_of, python
from benchmarks.figures import Figure, Report, run, say
from benchmarks.material import film_1080p, in_words
from cinelake.manifest.document import load_manifest
from cinelake.plan.build import plan_manifest
from cinelake.plan.forecast.bounds import Forecast
from cinelake.plan.forecast.cluster import ClusterSettings
from cinelake.plan.forecast.from_plan import Forecasted, forecast_of
from cinelake.plan.forecast.simulation import simulate

LENGTHS_S = (30, 60)
FIRST = "0_first"
"""A film made before the others, which pays for what the worker's process loads, and is not counted."""
DAMAGED_OR_STILLS = ("katna_codec_error", "tom_and_jerry_train")
ON_GPUS = {table: {"resources": {"gpus": 0.25}} for table in ("faces", "embeddings")}
NODES: dict[str, Any] = {"nodes": 64, "cpus": 16, "gpus": 1, "store_gbit": 10.0, "engine": "ray"}
CLUSTERS: dict[str, dict[str, Any]] = {"64 nodes": NODES, "64 and 128 decoders": {**NODES, "decoders": (128, 32)}}
SLEEPING, SLEEP_S, WORKERS = 20, 0.5, 2


def measure(given: argparse.Namespace) -> Report:
    """The chain once, the forecasts, and the simulator beside reality."""
    project, words = _made_project(given)
    figures = []
    for name, cluster in CLUSTERS.items():
        for speedup in dict.fromkeys((given.gpu_speedup, 1.0)):
            say(f"{given.films} films on {name}, GPUs {speedup:g} times as fast")
            predicted = _forecast(project, given, {**cluster, "gpu_speedup": speedup})
            figures += _figures(f"{name}, GPU × {speedup:g}", predicted.forecast)
            words.append(_words(f"{name}, GPU × {speedup:g}", predicted.forecast))
    words += [f"taken for granted: {sentence}" for sentence in predicted.assumed]
    figures.append(_sample_beside_one_by_one(predicted.forecast))
    make_known(given.folder / "site")
    figures += [_beside_reality(engine, given) for engine in given.engines]
    return Report("million_films", figures, words)


def _made_project(given: argparse.Namespace) -> tuple[Path, list[str]]:
    """The manifest of a project whose films were made by one worker on one processor, and words for them."""
    faces: dict[str, Any] = {}
    if given.real:
        films = [film for film in sorted((given.real / "films").iterdir()) if film.stem not in DAMAGED_OR_STILLS]
        faces = {"detector": "insightface", "pack": str(given.real.absolute() / "models/research_only/face_pack")}
        words = [f"measured: {len(films)} real films of {given.real.name}, faces by insightface"]
    else:
        films = [film_1080p(given.folder, seconds) for seconds in given.seconds]
        words = [f"measured: {in_words(film, 'drawn, with grain')}" for film in films]
    folder = given.folder / f"chain of {len(films)}{' real' if given.real else ''}"
    manifest, engine, settings = folder / "pipeline.yaml", {"kind": "local", "workers": 1}, {"faces": faces}
    if not manifest.exists():
        links = {f"{FIRST}{films[0].suffix}": films[0], **{film.name: film for film in films}}
        chain_project(folder, links, engine, settings)
    write_manifest(manifest, engine, settings)
    say(f"the whole chain on {len(films)} films, one processor")
    cost_of(["taskset", "-c", str(min(os.sched_getaffinity(0))), *python("-m", "cli", "run", "-m", str(manifest))])
    return write_manifest(manifest, engine, {**ON_GPUS, "faces": {**faces, **ON_GPUS["faces"]}}), words


def _forecast(manifest: Path, given: argparse.Namespace, cluster: dict[str, Any]) -> Forecasted:
    settings = ClusterSettings(**cluster, film_minutes=given.film_minutes)
    planning = plan_manifest(load_manifest(manifest))
    counted = [movie_id for movie_id in planning.films if movie_id != FIRST]
    return forecast_of(planning.selected([], counted), settings, given.films)


def _figures(name: str, predicted: Forecast) -> list[Figure]:
    busy = predicted.run.busy()
    hours = {f"node-hours of {pool}": amount for pool, amount in predicted.node_hours().items()}
    shares = {f"{part} busy": 100 * busy[part] for part in ("cpus", "gpus", "driver", "store")}
    return [
        Figure(f"{name}: hours", [predicted.run.wall_s / 3600], "h"),
        *(Figure(f"{name}: {what}", [value], "h") for what, value in hours.items()),
        *(Figure(f"{name}: {what}", [value], "%") for what, value in shares.items()),
    ]


def _words(name: str, predicted: Forecast) -> str:
    on_cpus = predicted.films.mean(lambda stage: 0.0 if stage.gpus else stage.seconds)
    on_gpus = predicted.films.mean(lambda stage: stage.seconds if stage.gpus else 0.0)
    changes = "; ".join(f"{change.words}: {change.wall_s / 3600:,.1f} h" for change in predicted.changes)
    each = f"each film {on_cpus:,.0f} s of a processor, {on_gpus:,.1f} s of a quarter of a GPU"
    return f"{name}: bound by {predicted.bound_by or 'nothing'}; {changes}; {each}"


def _sample_beside_one_by_one(predicted: Forecast) -> Figure:
    say("every film one by one")
    exact = simulate(predicted.cluster, predicted.films.first(len(predicted.films)))
    ratio = predicted.run.wall_s / exact.wall_s
    return Figure(f"sample of {predicted.simulated:,} / one by one", [ratio], at_least=0.97, at_most=1.03)


def _beside_reality(engine: str, given: argparse.Namespace) -> Figure:
    """Seconds from the first film's end to the last one's: simulated / real.

    The first films in flight pay for what their processes load: the simulated ones are like those after them.
    """
    ratios = []
    for number in range(given.repeat):
        say(f"{SLEEPING} sleeping films on {engine}, {number + 1} of {given.repeat}")
        none, _ = _slept(given.folder / f"{engine} no work {number}", engine, 0.0)
        ends, manifest = _slept(given.folder / f"{engine} sleeping {number}", engine, SLEEP_S)
        driver_ms = 1000 * median(after - before for before, after in pairwise(none))
        cluster = f"cpus={WORKERS},engine={engine},driver_ms={driver_ms}"
        later = [word for number in range(2 * WORKERS, SLEEPING) for word in ("--movie", f"film_{number:05}")]
        options = ("--json", "--simulate", cluster, "--films", str(SLEEPING), *later)
        simulated = cost_of(python("-m", "cli", "plan", "-m", str(manifest), *options)).answer["simulation"]
        ratios.append((simulated["wall_s"] - simulated["first_end_s"]) / (ends[-1] - ends[0]))
    return Figure(f"simulated / real, {engine}, {WORKERS} workers", ratios, at_least=0.9, at_most=1.1)


def _slept(folder: Path, engine: str, work_s: float) -> tuple[list[float], Path]:
    """When each of the films ended, in order, by two workers; and the manifest."""
    shutil.rmtree(folder, ignore_errors=True)
    manifest = sleeping_project(folder, {"kind": engine, "workers": WORKERS}, SLEEPING, work_s) / "pipeline.yaml"
    return sorted(cost_of(python("-m", "benchmarks._engine_run", str(manifest), engine)).answer), manifest


OPTIONS = (
    ("--films", {"type": int, "default": 1_000_000, "help": "films of the catalogue (default: %(default)s)"}),
    ("--film-minutes", {"type": float, "default": 100.0, "help": "how long each is (default: %(default)s)"}),
    ("--gpu-speedup", {"type": float, "default": 20.0, "help": "of a GPU over a processor (default: %(default)s)"}),
    ("--seconds", {"type": int, "nargs": "+", "default": LENGTHS_S, "help": "of the drawn films (default: 30 60)"}),
    ("--real", {"type": Path, "help": "folder of real films and models, in place of drawn ones"}),
    (
        "--engines",
        {
            "nargs": "*",
            "choices": ["local", "dask", "ray"],
            "default": ["local", "ray"],
            "help": "held against reality",
        },
    ),
)

if __name__ == "__main__":
    sys.exit(run(__doc__ or "", measure, *OPTIONS, repeat=1))
