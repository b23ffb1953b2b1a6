"""Speech: the syllables of a shot's speaker, which the mouth and the voice both follow."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from examples.script import Shot

VOWELS = {"a": (760, 1250), "e": (480, 1900), "i": (310, 2200), "o": (470, 900), "u": (340, 780)}
"""The first two formants in Hz."""
_OPENING = {"a": 4, "e": 3, "i": 2, "o": 3, "u": 2}


@dataclass(frozen=True)
class Syllable:
    """One syllable, in seconds from the start of its shot."""

    start_s: float
    end_s: float
    vowel: str
    strength: float


@lru_cache(maxsize=64)
def syllables(shot: Shot, fps: int) -> tuple[Syllable, ...]:
    """Phrases of three to nine syllables with pauses between them; none when nobody speaks."""
    if shot.speaker is None:
        return ()
    rng = np.random.default_rng([shot.seed, 3])
    hurry = 1.3 if "angry" in shot.expressions else 0.8 if "sad" in shot.expressions else 1.0
    end, now = shot.frames / fps - 0.1, float(rng.uniform(0.1, 0.3))
    spoken: list[Syllable] = []
    while now < end - 0.15:
        for _ in range(int(rng.integers(3, 10))):
            length = float(rng.uniform(0.11, 0.24)) / hurry
            if now + length > end:
                break
            spoken.append(Syllable(now, now + length, str(rng.choice(list(VOWELS))), float(rng.uniform(0.6, 1.0))))
            now += length + float(rng.uniform(0.0, 0.04))
        now += float(rng.uniform(0.2, 0.55))
    return tuple(spoken)


def mouth_level(shot: Shot, fps: int, k: int) -> int:
    """How far the speaker's mouth is open at frame k, 0 to 4."""
    time_s = (k + 0.5) / fps
    for syllable in syllables(shot, fps):
        if syllable.start_s <= time_s < syllable.end_s:
            part = (time_s - syllable.start_s) / (syllable.end_s - syllable.start_s)
            return round(_OPENING[syllable.vowel] * float(np.sin(np.pi * part)) ** 0.6)
    return 0
