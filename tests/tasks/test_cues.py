"""`cues`: what is black, bars, letterbox, credits and silence, on pictures drawn here."""

from __future__ import annotations

import subprocess

import numpy as np
import pyarrow as pa
import pytest
from _real_data import REAL
from PIL import Image, ImageDraw, ImageFont

from cinelake.manifest.document import load_manifest
from cinelake.media.batches import FrameBatch
from cinelake.media.ffmpeg import binary
from cinelake.plan.build import plan_manifest
from cinelake.run.step import run_step
from cinelake.spec.task import Film, find_task
from tasks.cues import HEIGHT, WIDTH, CuesParams, FindCues
from tasks.cues.pictures import DARK, SHINING, dark_edges, is_black, luma, median

FPS = 10
COLOURS = [(192, 192, 192), (192, 192, 0), (0, 192, 192), (0, 192, 0), (192, 0, 192), (192, 0, 0), (0, 0, 192)]


def scene(count, seed=0):
    """Noise that changes from picture to picture, lit to its edges."""
    return np.random.default_rng(seed).integers(40, 255, (count, HEIGHT, WIDTH, 3), np.uint8)


def flat(count, value=0):
    return np.full((count, HEIGHT, WIDTH, 3), value, np.uint8)


def bars(count):
    columns = np.repeat(np.array(COLOURS, np.uint8), -(-WIDTH // 7), axis=0)[:WIDTH]
    return np.broadcast_to(columns, (count, HEIGHT, WIDTH, 3)).copy()


def boxed(count, rows, seed=0):
    pictures = scene(count, seed)
    pictures[:, :rows] = pictures[:, HEIGHT - rows :] = 8
    return pictures


def writing(count, *, ground=0):
    """Lines of names that roll upwards."""
    tall = Image.new("L", (WIDTH, HEIGHT * 4), ground)
    draw = ImageDraw.Draw(tall)
    for line, y in enumerate(range(0, HEIGHT * 4, 12)):
        draw.text((20, y), f"Anna Miller {line} editor", fill=235 - ground, font=ImageFont.load_default(9))
    rolled = np.stack([np.asarray(tall)[k % (HEIGHT * 3) :][:HEIGHT] for k in range(count)])
    return np.repeat(rolled[..., None], 3, axis=3)


def cues(*parts, silent=(), **params):
    """(kind, start_s, end_s) of a film of these pictures, and the task's rows."""
    worker = FindCues(CuesParams(**params), Film("film"))
    pixels = np.concatenate(parts)
    windows = pa.RecordBatch.from_pydict(
        {"start_s": [a for a, _ in silent], "end_s": [b for _, b in silent], "is_silent": [True] * len(silent)}
    )
    if silent:
        list(worker.on_rows("sound", windows))
    for start in range(0, len(pixels), 16):
        frames = np.arange(start, min(start + 16, len(pixels)))
        batch = FrameBatch(frames, frames / FPS, np.full(len(frames), 1 / FPS), pixels[frames])
        list(worker.on_batch(batch))
    rows = [row for made in worker.finish() for row in made.to_pylist()]
    find_task("cues").contract.check(next(iter([*worker.finish()]), find_task("cues").contract.empty()), "film")
    return [(row["kind"], round(row["start_s"], 2), round(row["end_s"], 2)) for row in rows]


def test_black_is_told_to_the_picture():
    assert cues(scene(23), flat(15), scene(20)) == [("black", 2.3, 3.8)]


@pytest.mark.parametrize("share", [0.5, 0.9, 1.0])
def test_black_is_told_from_the_luma_of_all_pixels(share):
    """Colours, so that green alone does not say it, from pictures that are all black to some that are hardly."""
    random = np.random.default_rng(5)
    pixels = random.integers(0, 256, (60, HEIGHT, WIDTH, 3)) * np.linspace(0.05, 0.3, 60)[:, None, None, None]
    pixels = pixels.astype(np.uint8)
    y = luma(pixels)
    expected = ((y < DARK).mean(axis=(1, 2)) >= share) & ((y > SHINING).sum(axis=(1, 2)) <= 4)
    assert 0 < expected.sum() < 60
    assert np.array_equal(is_black(pixels, share), expected)


@pytest.mark.parametrize("axis", [1, 2])
def test_edges_are_black_up_to_the_first_line_whose_quantile_is_not(axis):
    random = np.random.default_rng(6)
    y = np.full((40, HEIGHT, WIDTH), 0.05, np.float32)
    y[random.random(y.shape) < 0.02] = 0.1 + 0.1 * random.random()
    first_lit = np.argmin(np.quantile(y, 0.98, axis=3 - axis) < DARK, axis=1)
    assert len(set(first_lit)) > 3
    assert np.allclose(dark_edges(y)[:, 0 if axis == 1 else 2] * y.shape[axis], first_lit)


@pytest.mark.parametrize("shape", [(HEIGHT, WIDTH), (3, 5), (1, 1), (1, 2)])
def test_the_median_is_that_of_numpy(shape):
    y = luma(np.random.default_rng(7).integers(0, 256, (20, *shape, 3), np.uint8))
    assert [median(picture) for picture in y] == [float(np.median(picture)) for picture in y]


def test_black_is_not_a_dark_picture_with_a_light_in_it():
    night = flat(20, 12)
    night[:, 30:34, 60:66] = 200
    assert cues(scene(20), night, scene(20)) == []


def test_short_black_is_left_out():
    assert cues(scene(20), flat(2), scene(20), min_black_s=0.3) == []


def test_colour_bars_are_found():
    assert cues(bars(40), scene(40)) == [("bars", 0.0, 4.0)]


def test_a_flag_is_no_colour_bars():
    flag = flat(40)
    flag[:, :, :42], flag[:, :, 42:84], flag[:, :, 84:] = (0, 0, 192), (192, 192, 192), (192, 0, 0)
    assert cues(scene(20), flag, scene(20)) == []


def test_a_letterbox_is_found_with_the_size_of_its_bars():
    assert cues(boxed(100, 9)) == [("letterbox", 0.0, 10.0)]


def test_black_within_a_letterbox_does_not_cut_it():
    found = cues(boxed(60, 9), flat(10), boxed(60, 9, seed=1))
    assert ("letterbox", 0.0, 13.0) in found and ("black", 6.0, 7.0) in found


def test_a_film_without_bars_has_no_letterbox():
    assert cues(scene(100)) == []


def test_end_credits_are_writing_at_the_end():
    assert cues(scene(100), flat(5), writing(80)) == [("black", 10.0, 10.5), ("end_credits", 10.5, 18.5)]


def test_opening_credits_are_writing_at_the_beginning():
    assert cues(writing(60), scene(200))[0] == ("opening_credits", 0.0, 6.0)


def test_writing_in_the_middle_is_neither():
    assert cues(scene(700), writing(60), scene(300)) == []


def test_credits_on_a_light_ground_are_found():
    assert ("end_credits", 10.0, 18.0) in cues(scene(100), writing(80, ground=235))


def test_silence_comes_from_the_sound():
    silent = [(0.96 * k, 0.96 * (k + 1)) for k in (1, 2, 3, 7)]
    assert cues(scene(100), silent=silent) == [("silence", 0.48, 4.32)]


def test_a_film_of_nothing_has_no_rows():
    assert list(FindCues(CuesParams(), Film("film")).finish()) == []


@pytest.mark.parametrize("rate", [25, 30])
def test_bars_of_ffmpeg_are_bars(rate):
    for kind in ("smptebars", "smptehdbars", "pal75bars", "pal100bars"):
        command = [binary(), "-loglevel", "error", "-f", "lavfi", "-i", f"{kind}=size={WIDTH}x{HEIGHT}:rate={rate}"]
        raw = subprocess.run(
            [*command, "-t", "1", "-pix_fmt", "rgb24", "-f", "rawvideo", "-"], check=True, capture_output=True
        )
        pictures = np.frombuffer(raw.stdout, np.uint8).reshape(-1, HEIGHT, WIDTH, 3)
        assert cues(pictures)[0][0] == "bars", kind


@pytest.mark.real
def test_the_trailer_has_its_black_and_its_end_titles_in_one_decode(tmp_path):
    """Checked by eye: it opens in black, and the title's card stands from 41.5 s, over fading pictures, to 51 s."""
    folder = REAL / "films"
    if not (folder / "sintel_trailer.mp4").is_file():
        pytest.skip(f"no real film in {folder}: name their folder in CINELAKE_REAL_DATA")
    text = f"lake: lake\ncatalogue: {{films: '{folder}/sintel_trailer.mp4'}}\ntasks: {{sound: {{}}, cues: {{}}}}\n"
    (tmp_path / "pipeline.yaml").write_text(text)
    planning = plan_manifest(load_manifest(tmp_path / "pipeline.yaml"))
    report = run_step(planning.step("sintel_trailer", planning.plan.stale))
    rows = planning.lake.reader("cues", "sintel_trailer").read(["kind", "start_s", "end_s"]).to_pylist()
    assert report.frames_decoded == 1252 and rows[0] == {"kind": "black", "start_s": 0.0, "end_s": pytest.approx(4 / 3)}
    assert {"kind": "end_credits", "start_s": pytest.approx(41.5), "end_s": pytest.approx(51, abs=0.3)} in rows
