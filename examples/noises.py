"""Noises: engines, hooves, footsteps, blades, explosions, fire, rain, wind, and the slide whistle of a pratfall."""

import numpy as np

from examples.music import RATE, Wave, add, faded, samples


def _noise(seconds: float, rng: np.random.Generator) -> Wave:
    return rng.standard_normal(samples(seconds), dtype=np.float32)


def low(wave: Wave, hertz: float) -> Wave:
    """A gentle low-pass."""

    from scipy.signal import lfilter

    a = float(np.exp(-2 * np.pi * hertz / RATE))
    return np.asarray(lfilter([1 - a], [1, -a], wave), dtype=np.float32)


def engine(seconds: float, rng: np.random.Generator, motorcycle: bool) -> Wave:
    """A motor that revs up and down."""
    t = np.arange(samples(seconds)) / RATE
    hertz = (
        rng.uniform(55, 80)
        * (1.7 if motorcycle else 1.0)
        * (1 + 0.35 * np.sin(2 * np.pi * rng.uniform(0.25, 0.5) * t + rng.uniform(0, 6)))
    )
    phase = np.cumsum(hertz) / RATE
    wave = (phase % 1.0 - 0.5) + 0.5 * (phase * 2.02 % 1.0 - 0.5) + 0.25 * _noise(seconds, rng)[: len(t)]
    return low(wave.astype(np.float32), 900 if motorcycle else 600)


def steps(seconds: float, rng: np.random.Generator, pace_hz: float, hooves: bool) -> Wave:
    """Running feet, marching feet, or hooves in gallops of three."""
    track = np.zeros(samples(seconds), dtype=np.float32)
    thud = low(_noise(0.09, rng) * np.exp(-np.linspace(0, 8, samples(0.09))).astype(np.float32), 500 if hooves else 280)
    for start in np.arange(0, seconds, 1 / pace_hz):
        for shift in (0.0, 0.12, 0.22) if hooves else (0.0,):
            add(track, thud, float(start) + shift, float(rng.uniform(1.5, 3.0)))
    return track


def explosion(rng: np.random.Generator) -> Wave:
    """A boom of two seconds."""
    t = np.arange(samples(2.0), dtype=np.float32) / RATE
    boom = low(_noise(2.0, rng), 260) * 5 * np.exp(-2.4 * t) + np.sin(2 * np.pi * 44 * t) * np.exp(-4 * t)
    return (boom + 0.5 * _noise(2.0, rng) * np.exp(-22 * t)).astype(np.float32)


def blades(seconds: float, rng: np.random.Generator) -> Wave:
    """Swords that meet, two or three times a second."""
    track = np.zeros(samples(seconds), dtype=np.float32)
    t = np.arange(samples(0.35), dtype=np.float32) / RATE
    now = float(rng.uniform(0, 0.3))
    while now < seconds:
        hertz = rng.uniform(1800, 3200)
        ring = sum(np.sin(2 * np.pi * hertz * ratio * t) for ratio in (1.0, 1.47, 2.09, 2.83)) * np.exp(-14 * t)
        add(track, np.asarray(ring, dtype=np.float32), now, float(rng.uniform(0.1, 0.3)))
        now += float(rng.uniform(0.25, 0.6))
    return track


def crackle(seconds: float, rng: np.random.Generator) -> Wave:
    """Fire: a low roar and sharp cracks."""
    cracks = (rng.random(samples(seconds)) < 60 / RATE) * rng.normal(0, 6, samples(seconds))
    return (low(_noise(seconds, rng), 300) * 2 + low(cracks.astype(np.float32), 3000)).astype(np.float32)


def rain(seconds: float, rng: np.random.Generator) -> Wave:
    """A steady hiss."""
    hiss = _noise(seconds, rng)
    return (hiss - low(hiss, 1800)) * np.float32(0.6)


def wind(seconds: float, rng: np.random.Generator) -> Wave:
    """A slow howl."""
    t = np.arange(samples(seconds), dtype=np.float32) / RATE
    return (low(_noise(seconds, rng), 350) * 2 * (0.6 + 0.4 * np.sin(2 * np.pi * 0.21 * t + rng.uniform(0, 6)))).astype(
        np.float32
    )


def whoosh(rng: np.random.Generator) -> Wave:
    """Arrows in the air."""
    wave = _noise(0.7, rng)
    return ((wave - low(wave, 900)) * np.hanning(len(wave))).astype(np.float32)


def pratfall(fall_s: float) -> Wave:
    """A slide whistle that goes up, then down, and a bonk."""
    t = np.arange(samples(fall_s), dtype=np.float32) / RATE
    hertz = 500 + 900 * np.sin(np.pi * t / fall_s)
    whistle = faded(np.sin(2 * np.pi * np.cumsum(hertz) / RATE).astype(np.float32), 0.05, 0.05)
    d = np.arange(samples(0.4), dtype=np.float32) / RATE
    bonk = np.sin(2 * np.pi * (190 * d - 90 * d**2)) * np.exp(-9 * d) * 2.2
    return np.concatenate([whistle, bonk]).astype(np.float32)
