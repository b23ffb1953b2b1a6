"""Drawn films and the lake of them that benchmarks of learning stand on; made once in a folder that is kept."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.figures import say
from cinelake.lake.cells import Lake

SIDES = {"train": (24, 101), "test": (12, 202)}
"""Side → how many films, and the seed they are drawn with."""
PICTURES = ("films: {}", "shots: {}", "frames: {fps: 2}", "embeddings: {backbone: descriptor}")
SHOTS = (*PICTURES, "sound: {}", "faces: {detector: dlib}")
"""What features of shots are pooled from."""


def manifest_of(films: str, entries: Sequence[str]) -> str:
    """A manifest over films, without tracking."""
    head = f'lake: lake\ncatalogue: {{films: "{films}"}}\ntracking: {{enabled: false}}\ntasks:\n'
    return head + "".join(f"  {entry}\n" for entry in entries)


def make_lake(
    folder: Path,
    sides: Mapping[str, tuple[int, int]] = SIDES,
    entries: Sequence[str] = SHOTS,
    seconds: float | None = None,
) -> Lake:
    """Draw the films of each side and fill the lake, unless that is done. seconds: as `draw_catalogue` has it."""
    from examples.draw import draw_catalogue

    done, drawn = folder / "made", json.dumps([{side: list(each) for side, each in sides.items()}, seconds])
    if done.exists() and done.read_text() not in ("", drawn):
        raise SystemExit(f"{folder} has other films, {done.read_text()}: name another folder, or remove it")
    if not done.exists():
        for side, (count, seed) in sides.items():
            say(f"drawing {count} films to {side}")
            draw_catalogue(folder / side, count, seed, seconds=seconds)
        manifest = folder / "pipeline.yaml"
        manifest.write_text(manifest_of("*/films/*.mp4", entries))
        subprocess.run([sys.executable, "-m", "cli", "run", "-m", str(manifest)], check=True, stdout=sys.stderr)
        done.write_text(drawn)
    return Lake(str(folder / "lake"))
