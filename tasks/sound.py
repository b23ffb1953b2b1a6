"""sound: loudness, silence and a log-mel picture of every 0.96 s of a film.

Windows tile the film without a gap. A window's 96 analysis frames start every 10 ms and last 25 ms, so the
last one reaches 15 ms into the next window, as in VGGish: a window waits for those 15 ms, and the film's last
window is padded with zeros. The K-weighting filters keep their state across windows.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from functools import lru_cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from cinelake.media.batches import SoundBatch
from cinelake.spec.arrays import Floats
from cinelake.spec.contract import Column, Contract, Measure, Rule, vector
from cinelake.spec.task import Film, Params, SoundStream, task

RATE = 16_000
WINDOW = 15_360
"""Samples of a window: 0.96 s."""
FRAMES, HOP, FRAME, FFT = 96, 160, 400, 512
REACH = (FRAMES - 1) * HOP + FRAME
"""Samples that a window's log-mel needs: the window and 15 ms more."""
MELS, LOW_HZ, HIGH_HZ, LOG_OFFSET = 64, 125.0, 7_500.0, 0.01
FLOOR_LUFS = -70.0
"""The absolute gate of BS.1770: nothing quieter is told apart, and digital silence is this."""
TOGETHER = 16
"""Windows analysed at once: enough to vectorise, small enough to stay in the cache."""


SOUND = Contract(
    table="sound",
    doc="The film's sound in windows of 0.96 s that tile it without a gap (mono mix at 16 kHz).",
    columns=[
        Column("window", pa.int32(), "Number of the window, from 0.", at_least=0),
        Column("start_s", pa.float64(), "Start of the window in seconds of presentation time."),
        Column("end_s", pa.float64(), "End of the window, exclusive; the last one may be shorter than 0.96 s."),
        Column(
            "loudness_lufs",
            pa.float32(),
            "Loudness of the window by ITU-R BS.1770 (K-weighted, ungated, of the mono mix), never below −70.",
            at_least=FLOOR_LUFS,
        ),
        Column("is_silent", pa.bool_(), "Whether the loudness is below the parameter `silence_lufs`."),
        Column(
            "logmel",
            vector(FRAMES * MELS, pa.float16()),
            "96 × 64 log-mel values, time first: 25 ms Hann frames every 10 ms, 125–7500 Hz, ln(mel + 0.01).",
        ),
    ],
    key=("window",),
    measures=[
        Measure("loudness_lufs", "10 * log10(avg(pow(10, loudness_lufs / 10)))", "Loudness of the mean power.", "LUFS"),
        Measure("silent_share", "avg(is_silent::INTEGER)", "Share of silent windows."),
    ],
    rules=[Rule("must end after it starts", "end_s", lambda b: pc.less_equal(b["end_s"], b["start_s"]))],
)


class SoundParams(Params):
    """Parameters of `sound`."""

    silence_lufs: float = -50.0
    """A window quieter than this is silent. Rooms with people in them hum at −45 to −35 LUFS."""


@task(writes=SOUND, reads=SoundStream(sample_rate=RATE, channels=1), params=SoundParams, version=1)
class HearSound:
    """Measure loudness and log-mel of every 0.96 s."""

    def __init__(self, params: SoundParams, film: Film) -> None:
        self.params, self.film = params, film
        self.waiting: list[Floats] = []
        self.samples = 0
        self.window = 0
        self.start_s: float | None = None
        self.weighting = KWeighting()

    def on_batch(self, batch: SoundBatch) -> Iterator[pa.RecordBatch]:
        """Rows of the windows that are complete."""
        if self.start_s is None:
            self.start_s = batch.start_s
        self.waiting.append(np.asarray(batch.samples, np.float32).reshape(len(batch), -1)[:, 0])
        self.samples += len(batch)
        while self.samples >= (TOGETHER - 1) * WINDOW + REACH:
            yield self._take(TOGETHER)

    def finish(self) -> Iterator[pa.RecordBatch]:
        """Rows of what is left, the last window padded with zeros."""
        while self.samples > 0:
            yield self._take(min(TOGETHER, -(-self.samples // WINDOW)))

    def _take(self, windows: int) -> pa.RecordBatch:
        heard = np.concatenate(self.waiting)
        real = min(len(heard), windows * WINDOW)
        padded = np.zeros((windows - 1) * WINDOW + REACH, np.float32)
        padded[: min(len(heard), len(padded))] = heard[: len(padded)]
        self.waiting, self.samples = [heard[real:]], len(heard) - real
        return self._rows(padded, real, windows)

    def _rows(self, samples: Floats, real: int, windows: int) -> pa.RecordBatch:
        starts = np.arange(windows) * WINDOW
        ends = np.minimum(starts + WINDOW, real)
        loudness = window_loudness(self.weighting(samples[:real]), ends - starts)
        origin_s, first = self.start_s or 0.0, self.window
        self.window += windows
        return SOUND.batch(
            self.film.movie_id,
            window=np.arange(first, first + windows),
            start_s=origin_s + (first * WINDOW + starts) / RATE,
            end_s=origin_s + (first * WINDOW + ends) / RATE,
            loudness_lufs=loudness,
            is_silent=loudness < self.params.silence_lufs,
            logmel=log_mel(samples, windows).reshape(windows, -1),
        )


class KWeighting:
    """The two filters of ITU-R BS.1770-5, annex 1, at 16 kHz; state is kept from call to call."""

    def __init__(self) -> None:
        self.sections = k_weighting_sections(RATE)
        self.state = np.zeros((len(self.sections), 2))

    def __call__(self, samples: Floats) -> npt.NDArray[np.float64]:
        """(n,) samples → (n,) weighted samples."""
        weighted, self.state = filtered(self.sections, samples, self.state)
        return weighted


def filtered(
    sections: npt.NDArray[np.float64], samples: Floats, state: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """(n,) samples through (m, 6) second-order sections with (m, 2) state: the result and the state after it.

    The very loop of `scipy.signal.sosfilt`.
    """
    weighted, after = samples.astype(np.float64)[None], state.astype(np.float64)[None]
    _compiled("signal", "_sosfilt")._sosfilt(sections, weighted, after)
    return weighted[0], after[0]


@lru_cache(maxsize=4)
def k_weighting_sections(rate: int) -> npt.NDArray[np.float64]:
    """(2, 6) second-order sections: high shelf of the head, then high-pass, for any sample rate.

    The standard gives coefficients at 48 kHz only; these analogue parameters give the same there (De Man,
    "Evaluation of Implementations of the EBU R128 Loudness Measurement", 2018).
    """
    k, q, gain = np.tan(np.pi * 1681.974450955533 / rate), 0.7071752369554196, 10 ** (3.999843853973347 / 20)
    edge = gain**0.4996667741545416
    a0 = 1 + k / q + k * k
    shelf = [gain + edge * k / q + k * k, 2 * (k * k - gain), gain - edge * k / q + k * k]
    shelf_back = [a0, 2 * (k * k - 1), 1 - k / q + k * k]
    k, q = np.tan(np.pi * 38.13547087602444 / rate), 0.5003270373238773
    b0 = 1 + k / q + k * k
    high_pass = [b0, -2 * b0, b0, b0, 2 * (k * k - 1), 1 - k / q + k * k]
    return np.array([np.array([*shelf, *shelf_back]) / a0, np.array(high_pass) / b0])


def window_loudness(weighted: npt.NDArray[np.float64], lengths: npt.NDArray[np.int64]) -> Floats:
    """Loudness in LUFS of successive windows of these lengths, floored at −70."""
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    power = np.add.reduceat(weighted**2, starts) / lengths
    lufs = -0.691 + 10 * np.log10(np.maximum(power, 1e-12))
    return np.maximum(lufs, FLOOR_LUFS).astype(np.float32)


def log_mel(samples: Floats, windows: int) -> npt.NDArray[np.float16]:
    """(windows · 15360 + 240,) samples → (windows, 96, 64) log-mel, as VGGish and YAMNet compute it."""
    framed = np.lib.stride_tricks.sliding_window_view(samples, FRAME)[::HOP][: windows * FRAMES]
    magnitude = np.abs(spectrum(framed, _hann()))
    levels = np.log(magnitude @ mel_matrix() + LOG_OFFSET)
    return np.asarray(levels, np.float16).reshape(windows, FRAMES, MELS)


def spectrum(framed: Floats, weights: Floats) -> npt.NDArray[np.complex64]:
    """(n, 400) samples by (400,) weights → (n, 257) spectrum of 512 points: the very transform of `scipy.fft.rfft`."""
    padded = np.zeros((len(framed), FFT), np.float32)
    np.multiply(framed, weights, out=padded[:, :FRAME])
    one_thread, not_scaled, along = 1, 0, (1,)
    return np.asarray(
        _compiled("fft", "_pocketfft", "pypocketfft").r2c(padded, along, True, not_scaled, None, one_thread)
    )


@lru_cache
def _compiled(*parts: str) -> Any:
    """A compiled part of SciPy, without the packages around it: importing these takes two seconds of processor time.

    Where this SciPy has it in another place, it is imported as usual.
    """
    name, package = ".".join(["scipy", *parts]), importlib.util.find_spec("scipy")
    folder = Path(package.origin if package and package.origin else "").parent.joinpath(*parts[:-1])
    for suffix in EXTENSION_SUFFIXES:
        spec = importlib.util.spec_from_file_location(name, folder / f"{parts[-1]}{suffix}")
        if name not in sys.modules and spec and spec.loader and (folder / f"{parts[-1]}{suffix}").exists():
            part = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(part)
            return part
    return importlib.import_module(name)


@lru_cache(maxsize=1)
def _hann() -> Floats:
    """The periodic Hann window."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME) / FRAME)).astype(np.float32)


@lru_cache(maxsize=1)
def mel_matrix() -> Floats:
    """(257, 64) triangles that are linear and evenly spaced on the HTK mel scale; the 0 Hz bin is left out."""
    hz = np.arange(FFT // 2 + 1) * RATE / FFT
    edges = np.linspace(_mel(LOW_HZ), _mel(HIGH_HZ), MELS + 2)
    bins = np.asarray(_mel(hz))[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    weights = np.maximum(0.0, np.minimum(rising, falling))
    weights[0] = 0.0
    return weights.astype(np.float32)


def _mel(hz: npt.ArrayLike) -> npt.NDArray[np.float64]:
    return 1127.0 * np.log1p(np.asarray(hz, np.float64) / 700.0)
