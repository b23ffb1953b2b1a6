"""How long shots take, beside PySceneDetect's adaptive detector.

Measured: wall time of (a) the step that writes films, shots, frames and sound, (b) the step that writes shots alone,
each in a fresh process without an engine: imports, planning and the writing of tables count.
Against:  PySceneDetect 0.7.2, `detect(FILM, AdaptiveDetector())` with its defaults, in a fresh process.
Target:   all four tables take no longer than it; shots alone are at least 1.2 times as fast.

The three run in turn, on the same 1080p H.264 film of more than three minutes; ratios are taken within each turn.

    python -m benchmarks.shots_speed --folder /tmp/benchmarks
"""

from __future__ import annotations

import argparse
import sys

from benchmarks.children import Cost, cost_of, python
from benchmarks.figures import Figure, Report, run, say
from benchmarks.one_decode import SECONDS


def measure(given: argparse.Namespace) -> Report:
    """The three, in turn."""
    from benchmarks.material import film_1080p, in_words

    film = film_1080p(given.folder, given.seconds)
    step = python("-m", "benchmarks.one_step", str(film), "--folder", str(given.folder))
    commands = {
        "peer": python("-m", "benchmarks.peer_shots", str(film)),
        "shots": [*step, "--tables", "shots"],
        "four": step,
    }
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    for turn in range(given.repeat):
        say(f"turn {turn + 1} of {given.repeat}")
        for name in list(commands)[turn % 3 :] + list(commands)[: turn % 3]:
            costs[name].append(cost_of(commands[name]))
    peer, shots, four = ([cost.wall_s for cost in costs[name]] for name in commands)
    figures = [
        Figure("PySceneDetect, adaptive", peer, "s"),
        Figure("films, shots, frames, sound", four, "s"),
        Figure("shots alone", shots, "s"),
        Figure("four tables / PySceneDetect", _ratios(four, peer), "x", at_most=1.0),
        Figure("PySceneDetect / shots alone", _ratios(peer, shots), "x", at_least=1.2),
        Figure("PySceneDetect, processor time", [cost.cpu_s for cost in costs["peer"]], "s CPU"),
        Figure("four tables, processor time", [cost.cpu_s for cost in costs["four"]], "s CPU"),
        Figure("shots alone, processor time", [cost.cpu_s for cost in costs["shots"]], "s CPU"),
    ]
    theirs, ours = costs["peer"][0].answer, costs["shots"][0].answer
    sentence = f"PySceneDetect {theirs['version']} found {theirs['scenes']} scenes, shots {ours['rows']['shots']}"
    return Report("shots_speed", figures, [in_words(film, "drawn films scaled up, with grain"), sentence])


def _ratios(above: list[float], below: list[float]) -> list[float]:
    return [one / other for one, other in zip(above, below, strict=True)]


if __name__ == "__main__":
    sys.exit(run(__doc__ or "", measure, SECONDS, repeat=3))
