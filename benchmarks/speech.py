"""How right speech and music are: films with espeak-ng's voices over music, noise and silence, drawn by a seed.

Measured: the share of hundredths of seconds found that are right (precision), of true ones that are found (recall), and
F1, over all films; lines that are found at all, and spans of speech without a line; processor time of the task's step
for a second of sound. Pauses of espeak-ng within a line count as speech. `--real DIR`: the lines of the trailer of
Sintel beside it. The network was not made for these voices; its thresholds were chosen on films of other seeds.
Target:   F1 of speech at least 0.95; the trailer's four lines, and no other.

    python -m benchmarks.speech --seed 505
    python -m benchmarks.speech --films 2 --repeat 1 --real DIR

espeak-ng is not a part of the project: `apt-get install espeak-ng`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
import wave
from pathlib import Path

import numpy as np

from benchmarks._drawn_voices import RATE, DrawnSound, draw_sound
from benchmarks.figures import Figure, Report, run, say
from cinelake.manifest.document import load_manifest
from cinelake.media.ffmpeg import binary
from cinelake.plan.build import plan_manifest
from cinelake.run.step import run_step

Spans = list[tuple[float, float]]
MANIFEST = "lake: lake\ncatalogue: {films: 'films/*'}\ntracking: {enabled: false}\ntasks: {speech: {}}\n"
TRAILER = ((12.0, 14.9), (18.5, 20.3), (36.9, 39.4), (41.5, 44.2))
"""Where somebody speaks in the trailer of Sintel, listened to."""


def measure(given: argparse.Namespace) -> Report:
    """Draw, find, compare."""
    folder = given.folder / f"speech_{given.seed}"
    say(f"drawing {given.films} films of {given.seconds:.0f} s in {folder}")
    drawn = {f"film_{n:02d}": draw_sound(given.seed * 1000 + n, given.seconds) for n in range(given.films)}
    for name, sound in drawn.items():
        write_film(folder / "films" / f"{name}.mp4", sound)
    if given.real:
        (folder / "films" / "trailer.mp4").write_bytes((given.real / "films" / "sintel_trailer.mp4").read_bytes())
    (folder / "pipeline.yaml").write_text(MANIFEST)
    found, cost_ms = _found(folder / "pipeline.yaml")
    figures = _figures("speech", {name: (found[name]["speech"], sound.speech) for name, sound in drawn.items()}, 0.95)
    figures += _figures("music", {name: (found[name]["music"], sound.music) for name, sound in drawn.items()}, None)
    lines = sum(len(sound.lines) for sound in drawn.values())
    missed = sum(_alone(sound.speech, found[name]["speech"]) for name, sound in drawn.items())
    false = sum(_alone(found[name]["speech"], sound.speech) for name, sound in drawn.items())
    figures += [Figure(f"lines missed, of {lines}", [float(missed)]), Figure("spans without a line", [float(false)])]
    if given.real:
        spoken = found["trailer"]["speech"]
        figures.append(Figure("trailer: lines missed, of 4", [float(_alone(TRAILER, spoken))], at_most=0))
        figures.append(Figure("trailer: spans without a line", [float(_alone(spoken, TRAILER))], at_most=0))
    figures.append(Figure("processor time for a second of sound", cost_ms, "ms"))
    return Report("speech", figures, [f"{given.films} films of seed {given.seed}; all films together"])


def write_film(path: Path, sound: DrawnSound) -> None:
    """The track as a film with a small picture."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    track = path.with_suffix(".wav")
    with wave.open(str(track), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((np.clip(sound.samples, -1, 1) * 32767).astype(np.int16).tobytes())
    picture = ["-f", "lavfi", "-i", "testsrc=size=64x48:rate=5", "-i", str(track)]
    command = [binary(), "-v", "error", "-y", *picture, "-shortest", "-pix_fmt", "yuv420p", "-b:a", "128k", str(path)]
    subprocess.run(command, check=True)
    track.unlink()


def _found(manifest: Path) -> tuple[dict[str, dict[str, Spans]], list[float]]:
    """Film → kind → spans; and for each film that was run now, milliseconds of processor time for a second."""
    planning, costs = plan_manifest(load_manifest(manifest)), []
    for movie_id, stale in planning.plan.by_film().items():
        began = time.process_time()
        report = run_step(planning.step(movie_id, stale))
        costs.append(1000 * (time.process_time() - began) / max(report.film_s, 1e-9))
    found: dict[str, dict[str, Spans]] = {}
    for movie_id in planning.films:
        spans = found.setdefault(movie_id, {"speech": [], "music": []})
        for row in planning.lake.reader("speech", movie_id).read().to_pylist():
            spans.setdefault(row["kind"], []).append((row["start_s"], row["end_s"]))
    return found, costs or [0.0]


def _figures(kind: str, films: dict[str, tuple[Spans, Spans]], wanted: float | None) -> list[Figure]:
    right = found = true = 0
    for spans, truth in films.values():
        there, is_true = _mask(spans), _mask(truth)
        right, found, true = right + int((there & is_true).sum()), found + int(there.sum()), true + int(is_true.sum())
    precision, recall = right / found if found else 0.0, right / true if true else 0.0
    f1 = 2 * right / (found + true) if found + true else 0.0
    return [
        Figure(f"{kind}: precision", [precision]),
        Figure(f"{kind}: recall ({true / 100:.0f} s)", [recall]),
        Figure(f"{kind}: F1", [f1], at_least=wanted),
    ]


def _mask(spans: Spans) -> np.ndarray:
    mask = np.zeros(100_000, bool)
    for start_s, end_s in spans:
        mask[round(start_s * 100) : round(end_s * 100)] = True
    return mask


def _alone(spans: Spans | tuple[tuple[float, float], ...], others: Spans | tuple[tuple[float, float], ...]) -> int:
    """How many spans meet none of the others."""
    return sum(not any(start < other[1] and other[0] < end for other in others) for start, end in spans)


OPTIONS = (
    ("--films", {"type": int, "default": 8, "help": "how many films (default: %(default)s)"}),
    ("--seconds", {"type": float, "default": 90.0, "help": "of each film (default: %(default)s)"}),
    ("--seed", {"type": int, "default": 505, "help": "the seed that draws them (default: %(default)s)"}),
    ("--real", {"type": Path, "help": "a folder with films/sintel_trailer.mp4"}),
)

if __name__ == "__main__":
    sys.exit(run(__doc__ or "", measure, *OPTIONS, repeat=1))
