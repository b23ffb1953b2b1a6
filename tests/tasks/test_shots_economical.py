"""shots of some of a film's pictures: the boundaries of the whole film."""

from __future__ import annotations

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from _pictures_on_film import batches, dimmed, dissolve, shot

from cinelake.manifest.document import load_manifest
from cinelake.media.batches import FrameBatch
from cinelake.media.ffmpeg import binary
from cinelake.plan.build import Planning, plan_manifest
from cinelake.plan.replay import replay
from cinelake.run.step import run_step
from tasks.shots.motion import Motion

X264 = ("-c:v", "libx264", "-pix_fmt", "yuv420p", "-preset", "fast")
CODED = {
    "default": X264,
    "fixed groups": (*X264, "-g", "48", "-keyint_min", "48", "-sc_threshold", "0"),
    "open groups": (*X264, "-x264-params", "open-gop=1"),
    "pyramid": (*X264, "-bf", "8", "-x264-params", "b-adapt=2:b-pyramid=normal"),
    "hevc": ("-c:v", "libx265", "-pix_fmt", "yuv420p", "-x265-params", "log-level=none"),
}


def film(path: Path, *shots: np.ndarray, coded: str = "default") -> Path:
    """The pictures, four times as wide and high, as a film of 25 a second."""
    source = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "64x36", "-r", "25", "-i", "-")
    command = [binary(), "-loglevel", "error", "-y", *source, "-vf", "scale=256:144", *CODED[coded], str(path)]
    subprocess.run(command, input=np.concatenate(shots).tobytes(), check=True)
    return path


def planned(path: Path, **tasks: dict[str, Any]) -> Planning:
    manifest = path.with_suffix(".yaml")
    manifest.write_text(json.dumps({"lake": "lake", "catalogue": {"films": str(path)}, "tasks": tasks}))
    return plan_manifest(load_manifest(manifest))


def made(path: Path, **tasks: dict[str, Any]) -> tuple[pa.Table, dict[str, Any]]:
    """The film's shots, and the facts of their decode."""
    planning = planned(path, **tasks)
    ((movie_id, stale),) = planning.plan.by_film().items()
    assert not run_step(planning.step(movie_id, stale)).failed()
    footer = planning.lake.footer("shots", movie_id)
    assert footer is not None
    return planning.lake.reader("shots", movie_id).read(), footer.run["decode"]


def some_shots() -> list[np.ndarray]:
    """Cuts, a dissolve, and a fade through black."""
    fade = np.linspace(1, 0, 12)
    return [
        shot(1, 60, pan=0.2),
        shot(2, 45),
        dissolve(shot(2, 20), shot(3, 20)),
        shot(3, 50, pan=-0.2),
        shot(4, 40),
        dimmed(shot(4, 12), fade),
        dimmed(shot(5, 12), fade[::-1]),
        shot(5, 61),
    ]


@pytest.mark.parametrize("coded", CODED)
def test_the_boundaries_are_those_of_the_whole_film(coded: str, tmp_path: Path) -> None:
    path = film(tmp_path / "film.mp4", *some_shots(), coded=coded)
    every, _ = made(path, shots={})
    some, decode = made(path, shots={"decode": "economical"})
    columns = ["start_frame", "end_frame", "start_s", "end_s", "transition"]
    assert some.select(columns).equals(every.select(columns))
    assert decode["choice"] == "economical" and len(every) == 5


def dissolves_of_any_length(seed: int) -> list[np.ndarray]:
    """Shots of a moving camera that dissolve into the next, over five to 29 pictures."""
    chance, shots = np.random.default_rng(seed), list[np.ndarray]()
    for number in range(100 * seed, 100 * seed + 12, 2):
        length, pan = int(chance.integers(5, 30)), float(chance.uniform(-0.6, 0.6))
        one, other = shot(number, length, pan=pan), shot(number + 1, length, pan=-pan)
        shots += [shot(number, int(chance.integers(20, 50)), pan=pan), dissolve(one, other)]
        shots += [shot(number + 1, int(chance.integers(20, 50)), pan=-pan)]
    return shots


@pytest.mark.parametrize("seed", [2, 5, 7])
def test_dissolves_begin_at_the_picture_at_which_they_do_in_the_whole_film(seed: int, tmp_path: Path) -> None:
    path = film(tmp_path / "film.mp4", *dissolves_of_any_length(seed))
    every, _ = made(path, shots={"rules": 2})
    some, decode = made(path, shots={"rules": 2, "decode": "economical"})
    columns = ["start_frame", "end_frame", "transition"]
    assert some.select(columns).equals(every.select(columns)) and decode["choice"] == "economical"


@pytest.mark.parametrize("coded", ["default", "open groups"])
def test_the_boundaries_are_those_of_the_whole_film_where_pictures_repeat(coded: str, tmp_path: Path) -> None:
    pictures = np.concatenate([shot(1, 60, pan=3), *some_shots()[1:]])
    path = film(tmp_path / "film.mp4", pictures[np.arange(len(pictures) * 5 // 4) * 4 // 5], coded=coded)
    every, _ = made(path, shots={"rules": 2})
    some, decode = made(path, shots={"rules": 2, "decode": "economical"})
    columns = ["start_frame", "end_frame", "start_s", "end_s", "transition"]
    assert some.select(columns).equals(every.select(columns))
    assert decode["choice"] == "economical" and len(every) == 5


def test_fewer_pictures_are_decoded_than_the_film_has(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mp4", shot(1, 150, pan=0.1), shot(2, 150))
    _, decode = made(path, shots={"decode": "economical"})
    assert decode["frames"] < 0.8 * decode["pictures"] == 0.8 * 300


def test_one_decode_serves_all_where_another_table_reads_the_film(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mp4", shot(1, 40), shot(2, 40))
    _, decode = made(path, films={}, shots={"decode": "economical"})
    assert decode == {**decode, "choice": "exact", "why": "films is made in the same decode", "frames": 80}


@pytest.mark.parametrize("others", [{}, {"films": {}}], ids=["alone", "beside another table"])
def test_a_replay_decodes_as_the_table_was_made(others: dict[str, Any], tmp_path: Path) -> None:
    path = film(tmp_path / "film.mp4", shot(1, 60, pan=0.2), shot(2, 60, pan=-0.2))
    tasks = {"shots": {"decode": "economical"}, **others}
    made(path, **tasks)
    assert replay(planned(path, **tasks), "shots", "film").identical


def test_a_film_that_tells_too_little_is_decoded_whole_and_says_why(tmp_path: Path) -> None:
    path = film(tmp_path / "film.avi", shot(1, 40), shot(2, 40))
    table, decode = made(path, shots={"decode": "economical"})
    assert len(table) == 2
    assert decode["choice"] == "exact" and "avi" in decode["why"]


def test_a_damaged_film_is_decoded_whole_and_judged(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mp4", *some_shots())
    data = bytearray(path.read_bytes())
    data[2000:2400] = bytes(400)
    path.write_bytes(data)
    _, decode = made(path, shots={"decode": "economical"})
    assert decode["choice"] == "exact" and decode["errors"] > 0


def test_motion_is_never_measured_from_one_shot_to_the_next() -> None:
    times_s, motion = np.array([0.0, 0.12]), Motion()
    pictures = np.random.default_rng(1).integers(0, 256, (2, 36, 64, 3), np.uint8)
    motion.add(FrameBatch(np.array([0, 3]), times_s, np.full(2, 0.04), pictures))
    assert motion.take(0.08, 1.0)[-2] == 1  # all of it is still


def test_two_films_are_measured_at_once_as_one_after_the_other() -> None:
    films = [list(batches(shot(number, 400, pan=number, shake=3), fps=4, size=400)) for number in range(4)]

    def motion_of(film: list[FrameBatch]) -> np.ndarray:
        motion = Motion()
        motion.add(film[0])
        return motion.take(0, 100)

    with ThreadPoolExecutor(4) as pool:
        at_once = list(pool.map(motion_of, films))
    np.testing.assert_array_equal(at_once, [motion_of(film) for film in films])


@pytest.mark.parametrize(("name", "default", "other"), [("decode", "exact", "economical"), ("rules", 1, 2)])
def test_what_was_made_before_a_parameter_came_is_its_default(
    name: str, default: object, other: object, tmp_path: Path
) -> None:
    path = film(tmp_path / "film.mp4", shot(1, 40))
    made(path, shots={})
    assert not planned(path, shots={name: default}).plan.by_film()
    (cell,) = planned(path, shots={name: other}).plan.cells
    assert cell.reason == f"parameter {name} unset→{json.dumps(other)}"
