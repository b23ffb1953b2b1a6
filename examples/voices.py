"""Voices: speech-like babble of the cast, and the laughter and applause of an audience."""

import numpy as np

from examples.cast import CAST
from examples.music import RATE, Wave, add, faded, samples
from examples.script import Shot
from examples.speech import VOWELS, syllables


def resonate(wave: Wave, hertz: float, width: float) -> Wave:
    """Pass a wave through one formant."""

    from scipy.signal import lfilter

    r = np.exp(-np.pi * width / RATE)
    a = [1.0, -2 * r * np.cos(2 * np.pi * hertz / RATE), r * r]
    return np.asarray(lfilter([1 - r], a, wave), dtype=np.float32)


def glottis(hertz: np.ndarray, breath: float, rng: np.random.Generator) -> Wave:
    """The buzz of the vocal folds at a pitch given per sample, with some breath in it."""
    phase = np.cumsum(hertz) / RATE % 1.0
    return ((1 - 2 * phase) * (1 - breath) + rng.normal(0, 0.5, len(hertz)) * breath).astype(np.float32)


def speech(shot: Shot, fps: int) -> Wave:
    """What the shot's speaker says: a vowel per syllable, in the speaker's voice and mood."""
    track = np.zeros(samples(shot.frames / fps), dtype=np.float32)
    if shot.speaker is None:
        return track
    rng = np.random.default_rng([shot.seed, 23])
    expression = shot.expressions[shot.speaker]
    pitch = CAST[shot.people[shot.speaker]].voice_hz * {"angry": 1.3, "fear": 1.35, "happy": 1.15, "sad": 0.88}.get(
        expression, 1.0
    )
    level = {"angry": 0.42, "fear": 0.32, "sad": 0.16}.get(expression, 0.25)
    for syllable in syllables(shot, fps):
        n = samples(syllable.end_s - syllable.start_s)
        glide = pitch * rng.uniform(0.9, 1.15) * (1 + rng.uniform(-0.12, 0.08) * np.linspace(0, 1, n))
        buzz = glottis(glide, 0.12, rng)
        if rng.random() < 0.35:
            consonant = samples(0.035)
            buzz[:consonant] = rng.normal(0, 0.7, min(consonant, n)).astype(np.float32)
        first, second = VOWELS[syllable.vowel]
        voiced = resonate(buzz, first, 90) + 0.7 * resonate(buzz, second, 130) + 0.3 * resonate(buzz, 2700, 220)
        add(track, faded(voiced, 0.025, 0.04), syllable.start_s, level * 0.85 * syllable.strength)
    return track


def laughter(seconds: float, seed: int, people: int = 10) -> Wave:
    """An audience laughing: many voices of `ha ha ha`, each at its own pitch and pace, rising and dying away."""
    rng = np.random.default_rng([seed, 29])
    track = np.zeros(samples(seconds), dtype=np.float32)
    for _ in range(people):
        start = float(rng.uniform(0, 0.35 * seconds))
        n = samples(max(0.3, (seconds - start) * rng.uniform(0.6, 1.0)))
        t = np.arange(n) / RATE
        pace, phase = rng.uniform(4.2, 6.4), rng.uniform(0, 1)
        ha = np.clip(np.sin(2 * np.pi * (pace * t + phase)), 0, None) ** 1.5
        pitch = rng.choice((130, 180, 240, 300)) * rng.uniform(0.85, 1.2) * (1.15 - 0.3 * t / t[-1]) * (1 + 0.08 * ha)
        buzz = glottis(pitch, 0.45, rng)
        voice = resonate(buzz, rng.uniform(650, 900), 120) + 0.7 * resonate(buzz, rng.uniform(1200, 1600), 160)
        add(track, (voice * ha * np.exp(-1.2 * t / t[-1])).astype(np.float32), start, float(rng.uniform(0.5, 1.0)))
    hall = resonate(rng.normal(0, 0.4, len(track)).astype(np.float32), 1100, 900)
    return faded(0.6 * track + 0.12 * hall * np.hanning(len(track)).astype(np.float32), 0.08, 0.3)


def applause(seconds: float, seed: int) -> Wave:
    """Clapping hands."""
    rng = np.random.default_rng([seed, 31])
    track = np.zeros(samples(seconds), dtype=np.float32)
    clap = (rng.normal(0, 1, samples(0.03)) * np.exp(-np.linspace(0, 7, samples(0.03)))).astype(np.float32)
    for start in rng.uniform(0, seconds, int(90 * seconds)):
        add(track, clap, float(start), float(rng.uniform(0.1, 0.5)))
    return faded(resonate(track, 1500, 1200), 0.4, 0.6)
