"""sound: loudness, silence and log-mel of windows that tile the film."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from cinelake.media.batches import SoundBatch
from cinelake.spec.task import Film
from tasks.sound import RATE, SOUND, HearSound, SoundParams, filtered, k_weighting_sections, mel_matrix, spectrum


def hear(samples: np.ndarray, batch: int = 4096, start_s: float = 0.0, **params: float) -> pa.Table:
    task = HearSound(SoundParams(**params), Film("a_film"))
    batches = []
    for at in range(0, len(samples), batch):
        part = samples[at : at + batch].astype(np.float32)[:, None]
        batches += task.on_batch(SoundBatch(at, start_s + at / RATE, RATE, part))
    batches += task.finish()
    for found in batches:
        SOUND.check(found, "a_film")
    return pa.Table.from_batches(batches or [SOUND.empty()])


def tone(hz: float, seconds: float, level_db: float = 0.0) -> np.ndarray:
    return 10 ** (level_db / 20) * np.sin(2 * np.pi * hz * np.arange(int(seconds * RATE)) / RATE)


def logmel(table: pa.Table) -> np.ndarray:
    return np.array(table["logmel"].to_pylist(), np.float32).reshape(-1, 96, 64)


@pytest.mark.parametrize("level_db", [0.0, -20.0, -40.0])
def test_a_tone_of_997_hz_has_the_loudness_that_the_standard_gives(level_db: float) -> None:
    loudness = hear(tone(997, 2.88, level_db))["loudness_lufs"].to_numpy()
    assert loudness == pytest.approx(-3.01 + level_db, abs=0.1)


def test_the_weighting_is_the_standards_at_48_khz() -> None:
    shelf, high_pass = k_weighting_sections(48_000)
    assert shelf == pytest.approx([1.53512486, -2.69169619, 1.19839281, 1, -1.69065929, 0.73248077], abs=1e-6)
    assert high_pass[3:] == pytest.approx([1, -1.99004745, 0.99007225], abs=1e-6)


@pytest.mark.parametrize("hz", [200.0, 1000.0, 6000.0])
def test_a_tone_peaks_in_its_own_mel_band(hz: float) -> None:
    nearest = mel_matrix()[round(hz * 512 / RATE)].argmax()
    peaks = logmel(hear(tone(hz, 0.96 * 3)))[:2].mean(1).argmax(1)
    assert abs(peaks - nearest).max() <= 1


def test_silence_is_flagged_and_not_infinitely_quiet() -> None:
    table = hear(np.concatenate([tone(500, 0.96, -20), np.zeros(15_360 * 2), tone(500, 0.96, -20)]))
    assert table["is_silent"].to_pylist() == [False, True, True, False]
    assert table["loudness_lufs"].to_pylist()[2] == -70


def test_what_counts_as_silence_is_a_parameter() -> None:
    whisper = tone(997, 0.96, -50)
    assert hear(whisper)["is_silent"].to_pylist() == [True]
    assert hear(whisper, silence_lufs=-60)["is_silent"].to_pylist() == [False]


def test_windows_tile_the_film_and_the_last_is_shorter() -> None:
    table = hear(np.zeros(int(2.5 * RATE)), start_s=0.25)
    assert table["window"].to_pylist() == [0, 1, 2]
    assert table["start_s"].to_pylist() == pytest.approx([0.25, 1.21, 2.17])
    assert table["end_s"].to_pylist() == pytest.approx([1.21, 2.17, 2.75])


@pytest.mark.parametrize("batch", [100, 15_360, 15_600, 100_000, 10**7])
def test_windows_do_not_depend_on_how_sound_arrives(batch: int) -> None:
    samples = np.random.default_rng(1).normal(0, 0.1, 30 * RATE + 777)
    assert hear(samples, batch).equals(hear(samples, 4096))


def test_a_click_just_after_a_window_is_seen_in_its_last_frame_only() -> None:
    samples = np.zeros(2 * 15_360)
    samples[15_360 + 100] = 1.0
    loud = logmel(hear(samples))[0].max(1) > np.log(0.02)
    assert loud.nonzero()[0].tolist() == [95]


def test_a_film_without_sound_has_no_rows() -> None:
    assert hear(np.zeros(0)).num_rows == 0


@pytest.mark.parametrize("samples", [1, 399, 15_360, 15_361])
def test_the_shortest_sounds_have_their_rows(samples: int) -> None:
    assert hear(np.full(samples, 0.1)).num_rows == -(-samples // 15_360)


def test_filter_and_spectrum_are_those_of_scipy_bit_by_bit() -> None:
    from scipy.fft import rfft
    from scipy.signal import sosfilt

    noise = np.random.default_rng(0).standard_normal(800).astype(np.float32)
    sections, state = k_weighting_sections(RATE), np.full((2, 2), 0.1)
    theirs = sosfilt(sections, noise.astype(np.float64), zi=state)
    assert all(np.array_equal(a, b) for a, b in zip(filtered(sections, noise, state), theirs, strict=True))
    framed, weights = noise.reshape(2, 400), np.hanning(400).astype(np.float32)
    assert np.array_equal(spectrum(framed, weights), rfft(framed * weights, 512, axis=-1))
