"""Music: chords whose mode follows valence, and whose tempo and loudness follow arousal."""

import numpy as np
from numpy.typing import NDArray

from examples.script import Film, Scene

RATE = 44100
Wave = NDArray[np.float32]

_MAJOR = ((0, 4, 7), (5, 9, 12), (7, 11, 14), (9, 12, 16))
_MINOR = ((0, 3, 7), (5, 8, 12), (8, 12, 15), (7, 10, 14))
_FANFARE = ((0, 0.18), (0, 0.09), (0, 0.09), (4, 0.28), (7, 0.28), (12, 0.7), (7, 0.2), (12, 0.9))


def samples(seconds: float) -> int:
    """The number of samples in a stretch of time."""
    return max(1, round(seconds * RATE))


def faded(wave: Wave, in_s: float, out_s: float) -> Wave:
    """The wave with its beginning faded in and its end faded out."""
    n = len(wave)
    t = np.arange(n, dtype=np.float32) / RATE
    return (wave * np.clip(t / max(in_s, 1e-4), 0, 1) * np.clip((n / RATE - t) / max(out_s, 1e-4), 0, 1)).astype(
        np.float32
    )


def add(track: Wave, wave: Wave, start_s: float, level: float = 1.0) -> None:
    """Mix a wave into the track from a time on; what runs past the ends is cut off."""
    start = round(start_s * RATE)
    skip = max(0, -start)
    end = min(len(track), start + len(wave))
    if end > start + skip:
        track[start + skip : end] += level * wave[skip : end - start]


def tone(hertz: float, seconds: float, bright: float) -> Wave:
    """A note of five harmonics; `bright` (0…1) says how slowly they weaken."""
    t = np.arange(samples(seconds), dtype=np.float32) * np.float32(2 * np.pi * hertz / RATE)
    wave = sum((0.25 + 0.5 * bright) ** k * np.sin(t * (k + 1)) for k in range(5))
    return np.asarray(wave, dtype=np.float32)


def scene_music(film: Film, scene: Scene, seconds: float) -> Wave:
    """Chords, and a drum when the scene is excited; one scene in six has none."""
    rng = np.random.default_rng([scene.seed, 17])
    track = np.zeros(samples(seconds), dtype=np.float32)
    if rng.random() < 0.16 and scene.kind not in ("joy", "victory"):
        return track
    root = 110.0 * 2 ** (int(np.random.default_rng([film.seed, film.index, 19]).integers(0, 9)) / 12)
    beat_s = 60 / (88 + 44 * scene.arousal + rng.uniform(-6, 6))
    chords = [(_MAJOR if scene.valence > 0 else _MINOR)[i] for i in rng.permutation(4)]
    level = 0.045 + 0.05 * (scene.arousal + 1) / 2
    for i in range(int(seconds / (4 * beat_s)) + 1):
        chord = [tone(root * 2 ** (step / 12), 4 * beat_s, 0.35 + 0.3 * scene.arousal) for step in chords[i % 4]]
        bass = tone(root / 2 * 2 ** (chords[i % 4][0] / 12), 4 * beat_s, 0.3)
        add(track, faded(np.sum([*chord, bass], axis=0), 0.3 * beat_s, 0.8 * beat_s), 4 * i * beat_s, level / 2)
    if scene.arousal > 0.2:
        _add_drums(track, beat_s, scene.arousal, rng)
    if scene.kind == "victory":
        _add_fanfare(track, root * 2)
    return faded(track, 0.4, 0.5)


def _add_drums(track: Wave, beat_s: float, arousal: float, rng: np.random.Generator) -> None:
    t = np.arange(samples(0.18), dtype=np.float32) / RATE
    kick = np.sin(2 * np.pi * (50 * t + 14 * (1 - np.exp(-t * 30)))) * np.exp(-t * 18)
    snare = rng.normal(0, 1, len(t)) * np.exp(-t * 28)
    for i in range(int(len(track) / RATE / beat_s * 2)):
        wave = kick if i % 2 == 0 else snare * 0.35
        add(track, wave.astype(np.float32), i * beat_s / 2, 0.10 + 0.12 * arousal)


def _add_fanfare(track: Wave, root: float) -> None:
    now = 0.25
    for step, seconds in _FANFARE:
        brass = sum(tone(root * 2 ** (step / 12) * detune, seconds + 0.08, 0.85) for detune in (1.0, 1.004, 0.5))
        add(track, faded(np.asarray(brass, dtype=np.float32), 0.02, 0.08), now, 0.05)
        now += seconds + 0.03
