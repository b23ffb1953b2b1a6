"""What decoding a film once costs, in processor time.

Measured: user and system time of the step that writes films, shots, frames and sound of a 1080p H.264 film with
sound, run in a fresh process: the start of Python and ffmpeg, imports and the writing of tables count.
Against:  the same ffmpeg that only decodes the same film: `ffmpeg -i FILM -f null -`.
Target:   at most 1.3 times; and ffmpeg's own counter says that it decoded each picture once.

Both run in turn, and the ratio is taken within each turn.

    python -m benchmarks.one_decode --folder /tmp/benchmarks
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.children import Cost, cost_of, python
from benchmarks.figures import Figure, Report, run, say


def measure(given: argparse.Namespace) -> Report:
    """The step beside a bare decode, in turn."""
    from benchmarks.material import film_1080p, in_words

    film = film_1080p(given.folder, given.seconds)
    steps: list[Cost] = []
    bare: list[Cost] = []
    for turn in range(given.repeat):
        say(f"turn {turn + 1} of {given.repeat}")
        bare.append(cost_of(decode_only(film)))
        steps.append(cost_of(python("-m", "benchmarks.one_step", str(film), "--folder", str(given.folder))))
    ratios = [step.cpu_s / decode.cpu_s for step, decode in zip(steps, bare, strict=True)]
    again = [step.answer["frames_decoded"] / step.answer["frame_count"] for step in steps]
    figures = [
        Figure("step: films, shots, frames, sound", [step.cpu_s for step in steps], "s CPU"),
        Figure("bare decode: ffmpeg -f null -", [decode.cpu_s for decode in bare], "s CPU"),
        Figure("step / bare decode", ratios, "x", at_most=1.3),
        Figure("pictures decoded / pictures in the film", again, "x", at_most=1, at_least=1),
        Figure("step, wall time", [step.wall_s for step in steps], "s"),
        Figure("bare decode, wall time", [decode.wall_s for decode in bare], "s"),
    ]
    return Report("one_decode", figures, [in_words(film, "drawn films scaled up, with grain")])


def decode_only(film: Path) -> list[str]:
    """The command that decodes all pictures and sound of a film and does nothing with them."""
    from cinelake.media.ffmpeg import binary

    return [binary(), "-nostdin", "-loglevel", "error", "-i", str(film), "-f", "null", "-"]


SECONDS = ("--seconds", {"type": float, "default": 200.0, "help": "length of the film (default: %(default)s)"})

if __name__ == "__main__":
    sys.exit(run(__doc__ or "", measure, SECONDS, repeat=3))
