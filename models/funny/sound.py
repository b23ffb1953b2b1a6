"""What laughter and speech sound like, from the log-mel pictures of the table `sound`. Ours, no trained detector.

An audience's laughter is noise-like and pulses four to five times a second (Bachorowski, Smoski and Owren, "The
acoustic features of human laughter", JASA 2001); speech pulses with its syllables, about as fast, but pauses, and its
energy stands in harmonics. So each window is described by how its bands pulse, how noise-like it is, and by pauses.
"""

from __future__ import annotations

import numpy as np

from cinelake.spec.arrays import Array

BANDS = 8
"""Neighbouring mel bands are added up to so many."""
PULSES_HZ = ((1.0, 2.5), (2.5, 4.0), (4.0, 5.5), (5.5, 7.5), (7.5, 11.0), (11.0, 16.0))
"""Bands of the modulation spectrum."""
WINDOW_S = 0.96
QUIET = 1.5
"""A frame is a pause when it is so far below the window's loudest, in natural logarithms of mel energy."""


def band_statistics(logmel: Array) -> Array:
    """(n, 128) mean and deviation over time of each of the 64 mel bands of (n, 96, 64) windows."""
    return np.concatenate([logmel.mean(axis=1), logmel.std(axis=1)], axis=1).astype(np.float32)


def laughter_features(logmel: Array) -> Array:
    """(n, 8 · 7 + 2): of each band its level and how it pulses, then flatness over frequency and flux over time."""
    energy = np.exp(logmel.astype(np.float32))
    bands = np.log(energy.reshape(*energy.shape[:2], BANDS, energy.shape[2] // BANDS).mean(axis=3) + 1e-6)
    pulsing = modulation(bands)
    flatness = logmel.mean(axis=2) - np.log(energy.mean(axis=2) + 1e-6)
    flux = np.abs(np.diff(logmel, axis=1)).mean(axis=(1, 2))
    pulses = pulsing.reshape(len(bands), len(PULSES_HZ) * BANDS)
    columns = [bands.mean(axis=1), pulses, flatness.mean(axis=1)[:, None], flux[:, None]]
    return np.concatenate(columns, axis=1).astype(np.float32)


def modulation(bands: Array) -> Array:
    """(n, pulses, bands): log of the share of each band's changes that is within each range of `PULSES_HZ`.

    bands: (n, frames, bands) log energies of windows of 0.96 s.
    """
    window = np.hanning(bands.shape[1])[None, :, None]
    changing = (bands - bands.mean(axis=1, keepdims=True)) * window
    power = np.abs(np.fft.rfft(changing, axis=1)) ** 2
    hz = np.arange(power.shape[1]) / WINDOW_S
    parts = [power[:, (hz >= low) & (hz < high)].sum(axis=1) for low, high in PULSES_HZ]
    return np.asarray(np.log(np.stack(parts, axis=1) + 1e-3), np.float32)


def rhythm_features(logmel: Array, loudness_lufs: Array) -> Array:
    """(n, 6): loudness, its change from the window before and to the next, onsets a second, pauses, longest pause.

    Pauses are shares of the window; an onset is a frame that is louder than the one before by a tenth of the range.
    """
    level = np.log(np.exp(logmel.astype(np.float32)).mean(axis=2) + 1e-6)
    top, low = level.max(axis=1, keepdims=True), level.min(axis=1, keepdims=True)
    rising = np.diff(level, axis=1) > 0.1 * (top - low)
    onsets = (rising[:, 1:] & ~rising[:, :-1]).sum(axis=1) / WINDOW_S
    quiet = level < top - QUIET
    change = np.diff(loudness_lufs, prepend=loudness_lufs[:1], append=loudness_lufs[-1:])
    columns = [loudness_lufs, change[:-1], change[1:], onsets, quiet.mean(axis=1), longest_run(quiet) / quiet.shape[1]]
    return np.stack(columns, axis=1).astype(np.float32)


def longest_run(flags: Array) -> Array:
    """(n,) the longest run of true values in each row."""
    longest = run = np.zeros(len(flags), int)
    for column in flags.T:
        run = np.where(column, run + 1, 0)
        longest = np.maximum(longest, run)
    return np.asarray(longest)
