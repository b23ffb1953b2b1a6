"""Sound tracks of espeak-ng's voices over music, noise and silence, with the truth of each: made for measuring.

espeak-ng is a program of its own (Debian: `apt-get install espeak-ng`), not a part of the project.
"""

from __future__ import annotations

import shutil
import subprocess
import wave
from dataclasses import dataclass, field
from io import BytesIO

import numpy as np

from cinelake.errors import EngineUnavailable
from cinelake.spec.arrays import Floats

RATE = 16_000
LINES = (
    "What brings you to the land of the gatekeepers?",
    "I am searching for someone.",
    "You have come a very long way, alone, and for nothing.",
    "Put the letter on the table, and do not turn around.",
    "The train leaves at seven.",
    "Nobody has lived in this house since the war.",
    "He told me that the harbour would be closed by now.",
    "Run!",
    "I never said that it was your fault.",
    "We will wait here until the rain has stopped.",
)
VOICES = ("en-us+m3", "en-gb+f2", "en-us+f4", "en-gb+m7", "en-us+m1", "en-us+f5")
LEVELS = {"voice": 0.12, "music": 0.05, "noise": 0.02}


@dataclass
class DrawnSound:
    """A mono track at 16 kHz. speech, music: spans in seconds. lines: text and span of each line."""

    samples: Floats
    speech: list[tuple[float, float]] = field(default_factory=list)
    music: list[tuple[float, float]] = field(default_factory=list)
    lines: list[tuple[str, float, float]] = field(default_factory=list)


def say(text: str, voice: str, words_per_minute: int = 165) -> Floats:
    """A line, without the silence around it. Raises `EngineUnavailable` without espeak-ng."""
    if shutil.which("espeak-ng") is None:
        raise EngineUnavailable("espeak-ng is not installed: `apt-get install espeak-ng`, then run this again")
    command = ["espeak-ng", "-v", voice, "-s", str(words_per_minute), "--stdout", text]
    spoken = subprocess.run(command, capture_output=True, check=True).stdout
    with wave.open(BytesIO(spoken)) as sound:
        raw = np.frombuffer(sound.readframes(1 << 30), np.int16).astype(np.float32) / 32768
        rate = sound.getframerate()
    at = np.arange(int(len(raw) * RATE / rate)) * rate / RATE
    samples = np.interp(at, np.arange(len(raw)), raw).astype(np.float32)
    loud = np.flatnonzero(np.abs(samples) > 0.01)
    trimmed = samples[loud[0] : loud[-1] + 1]
    return trimmed * LEVELS["voice"] / np.sqrt(np.mean(trimmed**2))


def play(seconds: float, rng: np.random.Generator) -> Floats:
    """Music: chords of plucked strings, a bass and a drum, at a tempo and in a key of its own."""
    beat = int(RATE * 60 / rng.integers(80, 140))
    root = 110 * 2 ** (rng.integers(0, 12) / 12)
    music = np.zeros(int(seconds * RATE) + 4 * beat, np.float32)
    for number, start in enumerate(range(0, int(seconds * RATE), beat)):
        chord = ((0, 4, 7), (9, 12, 16), (5, 9, 12), (7, 11, 14))[number // 4 % 4]
        for tone in (*chord, chord[number % 3] + 12, chord[0] - 12):
            music[start : start + 2 * beat] += _pluck(root * 2 ** (tone / 12), 2 * beat)
        hit = rng.normal(0, 1, beat // 4) * np.exp(-np.arange(beat // 4) / (0.02 * RATE))
        music[start : start + len(hit)] += 0.5 * hit.astype(np.float32)
    music = music[: int(seconds * RATE)]
    return music * LEVELS["music"] / np.sqrt(np.mean(music**2))


def _pluck(hz: float, samples: int) -> Floats:
    time = np.arange(samples) / RATE
    partials = sum(np.sin(2 * np.pi * hz * n * time) * np.exp(-time * (1.5 + n)) / n for n in range(1, 7))
    return np.asarray(partials, np.float32)


def draw_sound(seed: int, seconds: float = 90.0) -> DrawnSound:
    """Lines and pauses, over a bed that changes: silence, noise of a room, music."""
    rng = np.random.default_rng(seed)
    drawn = DrawnSound(np.zeros(int(seconds * RATE), np.float32))
    at_s = 0.0
    for bed in rng.permutation(["silence", "noise", "music", "music alone", "music", "noise"]):
        end_s = min(seconds, at_s + seconds / 6)
        first, last = int(at_s * RATE), int(end_s * RATE)
        if bed.startswith("music"):
            music = play(end_s - at_s, rng)[: last - first]  # a sample short where both ends were rounded apart
            drawn.samples[first : first + len(music)] += music
            drawn.music.append((at_s, end_s))
        elif bed == "noise":
            drawn.samples[first:last] += rng.normal(0, LEVELS["noise"], last - first).astype(np.float32)
        if bed != "music alone":
            _speak(drawn, at_s, end_s, rng)
        at_s = end_s
    return drawn


def _speak(drawn: DrawnSound, at_s: float, end_s: float, rng: np.random.Generator) -> None:
    """Lines with pauses of a half to three seconds, as long as they fit."""
    while True:
        at_s += rng.uniform(0.5, 3.0)
        text = str(rng.choice(LINES))
        spoken = say(text, str(rng.choice(VOICES)), int(rng.integers(140, 190)))
        stop_s = at_s + len(spoken) / RATE
        if stop_s > end_s - 0.3:
            return
        first = int(at_s * RATE)
        drawn.samples[first : first + len(spoken)] += spoken
        drawn.speech.append((at_s, stop_s))
        drawn.lines.append((text, at_s, stop_s))
        at_s = stop_s
