"""The drawn catalogue: the same seed draws the same films, and the labels say what is in them."""

import csv
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path

import av
import dlib
import numpy as np
import psutil
import pytest

from cinelake.storage.processes import import_path
from examples.draw import draw_catalogue, main
from examples.labels import TABLES, film_labels
from examples.script import write_script

SECONDS = 6.0
SEED = 5


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A catalogue of two short films."""
    out = tmp_path_factory.mktemp("drawn")
    films = draw_catalogue(out, films=2, seed=SEED, workers=1, seconds=SECONDS)
    return out, films


def read_labels(out: Path, kind: str) -> list[dict[str, str]]:
    with (out / "labels" / f"{kind}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def digests(folder: Path, pattern: str) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.glob(pattern))}


def frames_of(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def test_the_same_seed_draws_the_same_films_and_labels_byte_for_byte(drawn, tmp_path):
    out, _ = drawn
    draw_catalogue(tmp_path, films=2, seed=SEED, workers=2, seconds=SECONDS)
    assert digests(tmp_path / "films", "*.mp4") == digests(out / "films", "*.mp4")
    assert digests(tmp_path / "labels", "*.csv") == digests(out / "labels", "*.csv")


def test_a_film_depends_on_the_seed_and_its_own_number_only():
    assert write_script(SEED, 3) == write_script(SEED, 3)
    assert write_script(SEED, 3).shots != write_script(SEED, 4).shots
    assert write_script(SEED, 3).shots != write_script(SEED + 1, 3).shots


def test_a_film_that_is_there_is_not_drawn_again_and_keeps_its_labels(drawn, tmp_path):
    first = draw_catalogue(tmp_path, films=1, seed=SEED, workers=1, seconds=2.0)
    more = draw_catalogue(tmp_path, films=1, seed=SEED, first=1, workers=1, seconds=2.0)
    again = draw_catalogue(tmp_path, films=2, seed=SEED, workers=1, seconds=2.0)
    assert [film.was_drawn for film in (*first, *more, *again)] == [True, True, False, False]
    assert {row["movie_id"] for row in read_labels(tmp_path, "shots")} == {film.movie_id for film in again}


def test_a_damaged_film_is_drawn_again(tmp_path):
    (film,) = draw_catalogue(tmp_path, films=1, seed=SEED, workers=1, seconds=2.0)
    whole = film.path.read_bytes()
    film.path.write_bytes(whole[:1000])
    (again,) = draw_catalogue(tmp_path, films=1, seed=SEED, workers=1, seconds=2.0)
    assert again.was_drawn
    assert film.path.read_bytes() == whole


def test_every_kind_of_label_has_its_file_and_columns(drawn):
    out, _ = drawn
    for kind, columns in TABLES.items():
        header = (out / "labels" / f"{kind}.csv").read_text(encoding="utf-8").splitlines()[0]
        assert header == ",".join(columns)


@pytest.mark.parametrize("index", range(12))
def test_shots_follow_each_other_from_the_first_frame_to_the_last(index):
    film = write_script(SEED, index)
    edges = [0, *(shot.end_frame for shot in film.shots)]
    assert [shot.start_frame for shot in film.shots] == edges[:-1]
    assert edges[-1] == film.frames
    assert 42 <= film.duration_s <= 58


@pytest.mark.parametrize("index", range(12))
def test_scenes_hold_whole_shots_and_change_place(index):
    scenes = film_labels(write_script(SEED, index))["scenes"]
    assert 3 <= len(scenes) <= 6
    assert scenes[0]["start_shot"] == 0
    for before, after in pairwise(scenes):
        assert after["start_shot"] == before["end_shot"]
        assert after["place"] != before["place"]


@pytest.mark.parametrize("index", range(12))
def test_every_time_lies_inside_the_film(index):
    film = write_script(SEED, index)
    for rows in film_labels(film).values():
        for row in rows:
            assert 0 <= row.get("time_s", 0) <= film.duration_s
            assert 0 <= row.get("start_s", 0) < row.get("end_s", 1) <= film.duration_s + 1e-3


@pytest.mark.parametrize("index", range(12))
def test_gradual_transitions_surround_the_first_frame_of_their_shot(index):
    for shot in write_script(SEED, index).shots:
        start, end = shot.transition_range
        if shot.transition in ("fade", "dissolve"):
            assert start < shot.start_frame < end
            assert 8 <= end - start <= 16
        else:
            assert start == end == shot.start_frame


def test_valence_and_arousal_are_given_once_a_second_and_are_smooth():
    film = write_script(SEED, 0)
    rows = film_labels(film)["affect"]
    assert [row["time_s"] for row in rows] == list(range(len(rows)))
    line = np.array([[row["valence"], row["arousal"]] for row in rows])
    assert np.abs(line).max() <= 1
    assert np.abs(np.diff(line, axis=0)).max() < 0.8


def test_every_second_has_its_characters_or_nobody():
    film = write_script(SEED, 1)
    rows = film_labels(film)["characters"]
    assert sorted({row["time_s"] for row in rows}) == list(range(int(np.ceil(film.duration_s))))


def test_a_decoded_film_has_the_frames_that_its_label_says(drawn):
    out, films = drawn
    for film, label in zip(sorted(films, key=lambda film: film.movie_id), read_labels(out, "films"), strict=True):
        assert len(frames_of(film.path)) == int(label["frame_count"]) == film.frame_count


def test_a_film_has_sound_as_long_as_its_picture(drawn):
    _, films = drawn
    with av.open(str(films[0].path)) as container:
        heard = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    assert len(heard) / 44100 == pytest.approx(films[0].duration_s, abs=0.1)
    assert 0.005 < float(np.sqrt(np.mean(heard**2))) < 0.5


def test_the_picture_jumps_at_every_labelled_cut(drawn):
    out, films = drawn
    small = np.stack([frame[::8, ::8].astype(float) for frame in frames_of(films[0].path)])
    jump = np.r_[0, np.abs(np.diff(small, axis=0)).mean(axis=(1, 2, 3))]
    for row in read_labels(out, "shots"):
        if row["movie_id"] == films[0].movie_id and row["transition"] == "cut":
            assert jump[int(row["start_frame"])] > 3 * np.median(jump)


def test_a_face_detector_finds_the_labelled_faces(drawn):
    out, films = drawn
    detect, found = dlib.get_frontal_face_detector(), []
    for film in films:
        pictures = frames_of(film.path)
        for row in (row for row in read_labels(out, "faces") if row["movie_id"] == film.movie_id):
            x = (float(row["x"]) + float(row["width"]) / 2) * 640
            y = (float(row["y"]) + float(row["height"]) / 2) * 360
            found.append(any(box.contains(round(x), round(y)) for box in detect(pictures[int(row["frame"])], 0)))
    assert len(found) >= 4
    assert np.mean(found) >= 0.95


def test_the_command_prints_json_and_writes_a_contact_sheet(drawn, capsys):
    out, films = drawn
    sheet = out / "sheet.png"
    options = ["--films", "2", "--seed", str(SEED), "--seconds", str(SECONDS), "--sheet", str(sheet), "--json"]
    assert main([str(out), *options]) == 0
    assert [film["movie_id"] for film in json.loads(capsys.readouterr().out)["films"]] == [f.movie_id for f in films]
    assert sheet.stat().st_size > 10_000


def test_a_wrong_number_of_films_is_a_usage_error(tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        main([str(tmp_path), "--films", "0"])
    assert "expected a positive number. Received: 0" in capsys.readouterr().err


@pytest.mark.slow
def test_ctrl_c_ends_films_that_are_being_drawn_and_leaves_nothing_of_them(tmp_path):
    def press_while_two_are_drawn():
        while len(list((tmp_path / "films").glob(".drawing_*"))) < 2:
            time.sleep(0.05)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=press_while_two_are_drawn, daemon=True).start()
    try:
        with pytest.raises(KeyboardInterrupt):
            draw_catalogue(tmp_path, films=5, seed=SEED, workers=2, seconds=120.0)
    finally:
        signal.signal(signal.SIGINT, before)
    assert list((tmp_path / "films").iterdir()) == []


@pytest.mark.slow
def test_who_draws_dies_with_the_catalogue_that_is_killed(tmp_path):
    draw = f"from examples.draw import draw_catalogue; draw_catalogue({str(tmp_path)!r}, films=4, seed=5, workers=2)"
    catalogue = subprocess.Popen([sys.executable, "-c", draw], env=os.environ | import_path())
    while not list(tmp_path.glob("films/*")) and catalogue.poll() is None:
        time.sleep(0.1)
    workers = psutil.Process(catalogue.pid).children(recursive=True)
    catalogue.kill()
    assert workers and psutil.wait_procs(workers, timeout=60)[1] == []


def test_a_worker_that_waits_for_a_film_is_stopped_without_a_word():
    prepared = "from examples import catalogue; catalogue._prepare_worker(os.getppid())"
    told = f"import os, signal; {prepared}; signal.raise_signal(15)"
    done = subprocess.run([sys.executable, "-c", told], env=os.environ | import_path(), capture_output=True)
    assert (done.stderr, done.stdout) == (b"", b"")
