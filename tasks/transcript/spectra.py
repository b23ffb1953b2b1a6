"""Log-mel spectra as networks of speech were trained on them: Whisper's, NeMo's and Kaldi's.

All have a frame every 10 ms. Whisper's and NeMo's have mel bands of equal area from 0 to 8000 Hz (M. Slaney, Auditory
Toolbox, 1998), Kaldi's bands of equal height from 20 to 7600 Hz.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from cinelake.spec.arrays import Array, Floats
from tasks.transcript.stretches import RATE

HOP, WINDOW = 160, 400
WHISPER_S = 30
"""Whisper hears half a minute at a time, silence behind what is shorter."""
PRE_EMPHASIS = 0.97


def whisper_spectrum(sound: Floats, bands: int) -> Floats:
    """(bands, 3000) of at most 30 s of sound (n,), as OpenAI's `whisper/audio.py` computes it."""
    padded = np.zeros(WHISPER_S * RATE, np.float32)
    padded[: len(sound)] = sound[: len(padded)]
    window = np.hanning(WINDOW + 1)[:-1]
    power = _power(np.pad(padded, WINDOW // 2, mode="reflect"), window, WINDOW)[:, :-1]
    level = np.log10(np.maximum(mel_bands(bands, WINDOW) @ power, 1e-10))
    return np.asarray((np.maximum(level, level.max() - 8.0) + 4.0) / 4.0, np.float32)


def nemo_spectrum(sound: Floats, bands: int, even: bool = True) -> Floats:
    """(bands, 1 + n // 160) of sound (n,) as NeMo makes it; even: each band of mean 0 and deviation 1."""
    size = 512
    emphasised = np.concatenate([sound[:1], sound[1:] - PRE_EMPHASIS * sound[:-1]])
    window = np.pad(np.hanning(WINDOW), (size - WINDOW) // 2)
    level = np.log(mel_bands(bands, size) @ _power(np.pad(emphasised, size // 2), window, size) + 2.0**-24)
    if not even:
        return np.asarray(level, np.float32)
    deviation = level.std(axis=1, ddof=1, keepdims=True) if level.shape[1] > 1 else np.ones((bands, 1))
    return np.asarray((level - level.mean(axis=1, keepdims=True)) / (deviation + 1e-5), np.float32)


def kaldi_spectrum(sound: Floats, bands: int, full_scale: float = 1.0) -> Floats:
    """(bands, n // 160) of sound (n,) as Kaldi's `compute-fbank-feats` makes it, without dither.

    full_scale: what a sample of 1 counts: 1 in icefall, 32768 in WeNet. Frames reach over the ends, where sound is
    mirrored (`snip_edges: false`), as sherpa-onnx has it.
    """
    size, before = 512, WINDOW // 2 - HOP // 2
    frames = (len(sound) + HOP // 2) // HOP
    last = max(0, (frames - 1) * HOP + WINDOW - before - len(sound))
    around = np.pad(np.asarray(sound, np.float64) * full_scale, (before, last), mode="symmetric")
    cut = np.lib.stride_tricks.sliding_window_view(around, WINDOW)[::HOP][:frames]
    centred = cut - cut.mean(axis=1, keepdims=True)
    emphasised = centred - PRE_EMPHASIS * np.concatenate([centred[:, :1], centred[:, :-1]], axis=1)
    windowed = emphasised * np.hanning(WINDOW) ** 0.85
    power = np.square(np.abs(np.fft.rfft(windowed, size, axis=1)))
    level = power @ kaldi_bands(bands, size).T
    return np.asarray(np.log(np.maximum(level, np.finfo(np.float32).eps)).T, np.float32)


@lru_cache(maxsize=4)
def kaldi_bands(bands: int, size: int) -> Array:
    """(bands, 1 + size // 2): triangles of equal height, even on the mel scale of HTK, 20 to 7600 Hz."""
    low, high = (1127.0 * np.log(1 + hertz / 700) for hertz in (20.0, RATE / 2 - 400))
    edges = np.linspace(low, high, bands + 2)
    mels = 1127.0 * np.log(1 + np.linspace(0.0, RATE / 2, 1 + size // 2) / 700)
    width = edges[1] - edges[0]
    rising, falling = (mels - edges[:-2, None]) / width, (edges[2:, None] - mels) / width
    return np.asarray(np.maximum(0.0, np.minimum(rising, falling)), np.float64)


def _power(sound: Array, window: Array, size: int) -> Array:
    """(1 + size // 2, frames): power of each frequency in windows of `size` every 10 ms."""
    frames = np.lib.stride_tricks.sliding_window_view(sound, size)[::HOP]
    return np.asarray(np.square(np.abs(np.fft.rfft(frames * window, axis=1))).T, np.float64)


@lru_cache(maxsize=4)
def mel_bands(bands: int, size: int) -> Array:
    """(bands, 1 + size // 2): triangles over the frequencies of a spectrum of `size` samples, each of equal area."""
    edges = _hertz(np.linspace(0.0, _mel(RATE / 2), bands + 2))
    frequencies = np.linspace(0.0, RATE / 2, 1 + size // 2)
    rising = (frequencies - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - frequencies) / np.diff(edges)[1:, None]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return np.asarray(triangles * (2.0 / (edges[2:] - edges[:-2]))[:, None], np.float64)


_LINEAR_TO, _LINEAR_STEP, _LOG_STEP = 1000.0, 200.0 / 3.0, np.log(6.4) / 27.0
"""Slaney's scale is linear up to 1000 Hz, 15 mel, and logarithmic above."""


def _mel(hertz: float) -> float:
    if hertz < _LINEAR_TO:
        return hertz / _LINEAR_STEP
    return float(_LINEAR_TO / _LINEAR_STEP + np.log(hertz / _LINEAR_TO) / _LOG_STEP)


def _hertz(mel: Array) -> Array:
    least = _LINEAR_TO / _LINEAR_STEP
    above = _LINEAR_TO * np.exp(_LOG_STEP * (np.maximum(mel, least) - least))
    return np.asarray(np.where(mel < least, mel * _LINEAR_STEP, above), np.float64)
