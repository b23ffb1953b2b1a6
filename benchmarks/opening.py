"""What opening a film costs, beside the work on it: its streams, its light, its fields and its length are looked at.

  python -m benchmarks.opening
  python -m benchmarks.opening --seconds 600 --folder DIR

Progressive SDR films of one minute (`--seconds`) are drawn: one of no television's size, and two of sizes and rates of
interlaced television, of which eight pictures are looked at. Measured is processor time, ffmpeg's included: of the
probe, of its two looks (what the headers may say besides, for which ffmpeg is asked only where they may; the fields),
and of the whole step that writes films, shots, frames and sound. Target: the two looks, which films of plain SDR would
not need, at most 3 % of the step.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, Report, run, say
from benchmarks.one_step import FOUR
from cinelake.media.described import describe
from cinelake.media.ffmpeg import binary
from cinelake.media.opening import open_film
from cinelake.media.probe import probe
from cinelake.media.scan import Fields, find_scan
from cinelake.media.sealed import sealed_cpu_s
from cinelake.plan.build import Planning

SIZES = {
    "640×360, 24 fps": ("640x360", "24"),
    "720×576, 25 fps": ("720x576", "25"),
    "1920×1080, 25 fps": ("1920x1080", "25"),
}
"""Name → size and rate."""
SHARE = 0.03


def measure(given: argparse.Namespace) -> Report:
    """Draw the films, open each and make its tables, so many times."""
    figures = []
    for name, (size, rate) in SIZES.items():
        film = drawn(given.folder / f"{size}_{given.seconds:g}.mp4", size, rate, given.seconds)
        figures += _figures(name, film, given.repeat)
    material = f"drawn films of {given.seconds:g} s, H.264 with strong grain (26 to 240 Mb/s), AAC; tables {FOUR}"
    return Report("opening", figures, [material])


def drawn(path: Path, size: str, rate: str, seconds: float) -> Path:
    """The film, unless it is there."""
    if not path.exists():
        say(f"drawing {path.name}")
        pictures = f"gradients=s={size}:r={rate}:speed=0.05,noise=alls=4:allf=t"
        words = ["-f", "lavfi", "-i", pictures, "-f", "lavfi", "-i", "sine=r=48000", "-t", str(seconds)]
        codecs = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac"]
        unfinished = path.with_name(f"unfinished_{path.name}")
        subprocess.run([binary(), "-nostdin", "-loglevel", "error", "-y", *words, *codecs, unfinished], check=True)
        unfinished.replace(path)
    return path


def _figures(name: str, film: Path, repeat: int) -> list[Figure]:
    probe(str(film))  # what is imported and read for the first time is no film's cost
    opened = probe(str(film))
    about, kind = opened.video, opened.container
    assert about is not None and about.duration_s is not None
    fields = Fields(1, False, about.codec, about.coded_height, about.fps)
    length_s = about.duration_s
    opening = [processor_s(lambda: probe(str(film))) for _ in range(repeat)]
    looks = [processor_s(lambda: (_described(film), find_scan(lambda: open_film(str(film)), kind, 0, fields, length_s)))
             for _ in range(repeat)]  # fmt: skip
    step = [_step_s(film) for _ in range(repeat)]
    shares = [look / whole for look, whole in zip(looks, step, strict=True)]
    return [
        Figure(f"{name}: opening", [1000 * value for value in opening], "ms"),
        Figure(f"{name}: its two looks", [1000 * value for value in looks], "ms"),
        Figure(f"{name}: the step", step, "s"),
        Figure(f"{name}: the looks, of the step", [100 * share for share in shares], "%", at_most=100 * SHARE),
    ]


def _described(film: Path) -> None:
    with open_film(str(film)) as fd:
        describe(fd)


def _step_s(film: Path) -> float:
    """Processor time of the step, after its modules are imported."""
    from cinelake.run.step import run_step

    with tempfile.TemporaryDirectory(prefix="cinelake-opening-") as folder:
        planning = _planning(film, Path(folder))
        ((movie_id, stale),) = planning.plan.by_film().items()
        step = planning.step(movie_id, stale)
        failed: list[Any] = []
        taken = processor_s(lambda: failed.extend(run_step(step).failed()))
        if failed:
            raise RuntimeError(f"{failed[0].table}: {failed[0].message}")
        return taken


def _planning(film: Path, folder: Path) -> Planning:
    from cinelake.manifest.document import load_manifest
    from cinelake.plan.build import plan_manifest

    entries = {"lake": "lake", "catalogue": {"films": str(film)}, "tasks": {table: {} for table in FOUR.split(",")}}
    (folder / "pipeline.yaml").write_text(json.dumps(entries))
    return plan_manifest(load_manifest(folder / "pipeline.yaml"))


def processor_s(act: Callable[[], Any]) -> float:
    """Processor time of this process, of those that it started and that ended, and of sealed ones that open films."""
    before = _used_s()
    act()
    return _used_s() - before


def _used_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sealed_cpu_s() + sum(one.ru_utime + one.ru_stime for one in used)


OPTIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("--seconds", {"type": float, "default": 60.0, "help": "length of a film (default: %(default)s)"}),
)

if __name__ == "__main__":
    sys.exit(run(__doc__ or "", measure, *OPTIONS, repeat=5))
