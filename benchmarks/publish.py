"""What publishing a large catalogue costs, and what the published copy is worth.

Measured: `cinelake publish` in a process of its own on a lake of 10,000 films × 2,000 shots (`benchmarks/big_lake.py`
says how it is made; 20 million rows): wall time, processor time and the most memory that it and its workers held at one
time; the same after one film has changed; then, in turn within this run and each in an open lake, a question about one
film and a scan of all shots over the films' small files and over the published copy.
Target:   the first at most 60 s and 2,048 MiB; after one changed film at most 10 s; a question about one film at least
10 times, a scan at least 4 times as fast as over the small files.

The first time the lake is made, in some minutes; with `--folder` it is kept (3 GB).

    python -m benchmarks.publish --folder /tmp/benchmarks
    python -m benchmarks.publish --films 200 --shots 100        # a quick look
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from pathlib import Path
from typing import NamedTuple

import cinelake
from benchmarks.big_lake import make_big_lake, make_stale, template_of
from benchmarks.children import Cost, Peak, cost_of, peak_of
from benchmarks.children import cinelake as command
from benchmarks.figures import Figure, Report, run, say
from cinelake.client.lake_client import LakeClient

MANIFEST = """\
lake: lake
catalogue: {films: "films/*"}
tasks: {films: {}, shots: {}}
"""
ONE_FILM = "select count(*), avg(end_s - start_s) from shots where movie_id = 'film_000042'"
COUNT = "select count(*) from shots"
SCAN = "select transition, count(*), avg(end_s - start_s) from shots group by transition order by 1"
SETTLED_S = 2.5
"""Files younger than two seconds are read again by the next plan; so the first one waits."""


class QuestionCost(NamedTuple):
    """What one question took: wall and processor time."""

    wall_s: float
    cpu_s: float


Turns = dict[str, list[tuple[QuestionCost, QuestionCost]]]
"""Question → what it took over the small files and over the published copy, for each turn."""


def measure(given: argparse.Namespace) -> Report:
    """Publish, publish again after a change, and ask both."""
    folder = given.folder / f"publish_{given.films}_{given.shots}"
    say(f"looking after a lake of {given.films:,} films in {folder}")
    manifest = make_big_lake(folder, given.films, MANIFEST, given.shots)
    cost_of(command("plan", "-m", str(manifest)))
    shutil.rmtree(folder / "lake" / "published", ignore_errors=True)
    shutil.rmtree(folder / "lake" / "quality", ignore_errors=True)
    time.sleep(SETTLED_S)
    before = _children_cpu_s()
    whole = peak_of(command("publish", "-m", str(manifest), "--json"), 5)
    cpu_s = _children_cpu_s() - before
    say(f"published in {whole.wall_s:.1f} s; changing one film")
    changes = [_after_a_change(manifest, given.shots) for _ in range(given.changes)]
    answers = _asked(folder / "lake", given.repeat)
    return Report("publish", _figures(whole, cpu_s, changes, answers), [
        f"{given.films:,} films × {given.shots:,} shots; questions in open lakes, in turn: small files, published"
    ])  # fmt: skip


def _after_a_change(manifest: Path, shots: int) -> Cost:
    film = manifest.parent / "films" / "film_000007.mp4"
    film.write_text(film.read_text() + "changed\n")
    make_stale(manifest, template_of(manifest.parent, MANIFEST), shots)
    time.sleep(SETTLED_S)
    return cost_of(command("publish", "-m", str(manifest), "--json"))


def _asked(lake: Path, repeat: int) -> Turns:
    """Ask both in turn."""
    small, published = cinelake.open(str(lake)), cinelake.open(str(lake), published=True)
    if small.sql(ONE_FILM).arrow() != published.sql(ONE_FILM).arrow():
        raise SystemExit("the published copy answers otherwise than the lake")
    return {
        name: [(_ask(small, question), _ask(published, question)) for _ in range(repeat)]
        for name, question in (("one film", ONE_FILM), ("count", COUNT), ("scan", SCAN))
    }


def _ask(lake: LakeClient, question: str) -> QuestionCost:
    started, used = time.perf_counter(), time.process_time()
    lake.sql(question).arrow()
    return QuestionCost(time.perf_counter() - started, time.process_time() - used)


def _children_cpu_s() -> float:
    """Processor time of all children that have ended, and of theirs."""
    used = os.times()
    return used.children_user + used.children_system


def _figures(whole: Peak, cpu_s: float, changes: list[Cost], answers: Turns) -> list[Figure]:
    figures = [
        Figure("everything: wall time", [whole.wall_s], "s", at_most=60),
        Figure("everything: processor time", [cpu_s], "s CPU"),
        Figure("everything: most memory, all processes", [whole.rss_mib], "MiB", at_most=2048),
        Figure("one film changed: wall time", [cost.wall_s for cost in changes], "s", at_most=10),
        Figure("one film changed: processor time", [cost.cpu_s for cost in changes], "s CPU"),
        Figure("one film changed: files made", [cost.answer["made"] for cost in changes], at_most=3),
    ]
    for name, least in (("one film", 10.0), ("count", None), ("scan", 4.0)):
        turns = answers[name]
        figures.append(Figure(f"{name}: small files", [small.wall_s for small, _ in turns], "s"))
        figures.append(Figure(f"{name}: published", [published.wall_s for _, published in turns], "s"))
        ratios = [small.wall_s / published.wall_s for small, published in turns]
        figures.append(Figure(f"{name}: times as fast", ratios, at_least=least))
        ratios = [small.cpu_s / published.cpu_s for small, published in turns]
        figures.append(Figure(f"{name}: times as fast, by processor time", ratios, at_least=least))
    return figures


OPTIONS = (
    ("--films", {"type": int, "default": 10_000, "help": "how many films (default: %(default)s)"}),
    ("--shots", {"type": int, "default": 2_000, "help": "shots of each (default: %(default)s)"}),
    ("--changes", {"type": int, "default": 3, "help": "how often a film changes (default: %(default)s)"}),
)

if __name__ == "__main__":
    sys.exit(run(__doc__ or "", measure, *OPTIONS, repeat=3))
