"""shots: where shots begin, and where they do not."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest
from _pictures_on_film import batches, dimmed, dissolve, place, shot
from _real_data import REAL

from cinelake.errors import ContractViolation
from cinelake.spec.task import Film
from tasks.shots import MAX_LAG_FRAMES, SHOTS, DetectShots, ShotsParams
from tasks.shots.motion import DIRECTIONS, flow_histograms

Boundaries = list[tuple[int, str]]
no_films = pytest.mark.skipif(not REAL.is_dir(), reason=f"no real data in {REAL} (CINELAKE_REAL_DATA names the folder)")


def table_of(pixels: np.ndarray, *, size: int = 16, fps: float = 25, times_s=None, **params) -> pa.Table:
    task = DetectShots(ShotsParams(**params), Film("a_film"))
    rows = [row for batch in batches(pixels, times_s, fps, size) for row in task.on_batch(batch)]
    rows += task.finish()
    for row in rows:
        SHOTS.check(row, "a_film")
    return pa.Table.from_batches(rows or [SHOTS.empty()])


def boundaries(pixels: np.ndarray, **options) -> Boundaries:
    """What begins after the first shot."""
    table = table_of(pixels, **options)
    assert table["end_frame"].to_pylist() == [*table["start_frame"].to_pylist()[1:], len(pixels)]
    return list(zip(table["start_frame"].to_pylist(), table["transition"].to_pylist(), strict=True))[1:]


def film(*shots: np.ndarray) -> np.ndarray:
    return np.concatenate(shots)


def test_a_cut_is_found_at_its_frame() -> None:
    assert boundaries(film(shot(1, 40), shot(2, 40))) == [(40, "cut")]


def test_shots_of_eight_frames_are_found() -> None:
    found = boundaries(film(*(shot(n, 8) for n in range(1, 9))))
    assert found == [(at, "cut") for at in range(8, 64, 8)]


@pytest.mark.parametrize("fps", [8, 12, 15, 24, 30, 50, 60])
def test_cuts_are_found_at_every_frame_rate(fps: int) -> None:
    half = fps // 2
    assert boundaries(film(*(shot(n, half) for n in range(1, 5))), fps=fps) == [(half * n, "cut") for n in (1, 2, 3)]


def test_a_shot_that_comes_back_begins_a_third_shot() -> None:
    assert boundaries(film(shot(1, 30), shot(2, 12), shot(1, 30))) == [(30, "cut"), (42, "cut")]


@pytest.mark.parametrize("frames", [1, 2, 3, 4])
@pytest.mark.parametrize("towards", [0, 255])
def test_a_flash_is_no_cut(frames: int, towards: int) -> None:
    flashed = shot(1, 60)
    flashed[30 : 30 + frames] = dimmed(flashed[30 : 30 + frames], np.full(frames, 0.15), towards)
    assert boundaries(flashed) == []


@pytest.mark.parametrize(("rules", "found"), [(1, [(41, "fade")]), (2, [])])
def test_a_white_flash_before_a_shaking_camera_is_no_fade_by_the_second_rules(rules: int, found: Boundaries) -> None:
    flashed = shot(4, 90, pan=3, shake=4)
    flashed[40:46] = dimmed(flashed[40:46], np.array([0.15, 0, 0.3, 0.55, 0.75, 0.9]), 255)
    assert boundaries(flashed, rules=rules) == found


@pytest.mark.parametrize("at", [46, 47])
@pytest.mark.parametrize("number", [1, 2])
def test_an_explosion_is_no_cut_where_every_fifth_picture_repeats_the_one_before(number: int, at: int) -> None:
    exploding = dimmed(shot(number, 90, pan=3), np.where(np.arange(90) < at, 0.18, 0.45))
    exploding[at : at + 5] = dimmed(exploding[at : at + 5], np.array([0.5, 0.35, 0.6, 0.8, 0.95]), 255)
    shown_at_30 = exploding[np.arange(112) * 4 // 5]
    assert boundaries(shown_at_30, fps=30, rules=2) == []


def dissolved(number: int, frames: int = 20, pan: float = 0.0) -> np.ndarray:
    """40 pictures that stand still, a dissolve, and 60 of a place that the camera may pan over."""
    before, after = shot(number, 40 + frames), shot(number + 20, 60 + frames, pan=pan)
    return film(before[:40], dissolve(before[40:], after[:frames]), after[frames:])


@pytest.mark.parametrize("number", [2, 3, 4, 5])
def test_a_dissolve_into_a_pan_begins_at_its_middle_by_the_second_rules(number: int) -> None:
    ((at, transition),) = boundaries(dissolved(number, pan=0.7), rules=2)
    assert abs(at - 50) <= 1 and transition == "dissolve"


def test_how_sure_a_dissolve_near_the_films_start_is_does_not_depend_on_how_it_is_read() -> None:
    early = film(dissolved(4, frames=60)[30:], *(shot(number, 60) for number in (8, 9, 10)))
    scores = [table_of(early, rules=2, size=size)["score"].to_pylist() for size in (16, 250)]
    assert scores[0] == scores[1]


@pytest.mark.parametrize("at", [15, 80])
def test_a_flash_near_a_dissolve_does_not_hide_it_by_the_second_rules(at: int) -> None:
    flashed = dissolved(1)
    flashed[at : at + 2] = 255
    assert boundaries(flashed, rules=2) == boundaries(dissolved(1)) == [(50, "dissolve")]


@pytest.mark.parametrize("pan", [1.0, 3.0, 6.0])
def test_a_pan_is_no_cut(pan: float) -> None:
    assert boundaries(film(shot(1, 20), shot(1, 12, pan=pan))) == []


def test_a_shaking_camera_is_no_cut() -> None:
    assert boundaries(shot(3, 80, shake=4)) == []


def test_a_cut_between_moving_shots_is_found() -> None:
    assert boundaries(film(shot(1, 20, pan=2.5), shot(2, 20, pan=2.5))) == [(20, "cut")]


def test_grain_in_the_dark_is_no_cut() -> None:
    assert boundaries(dimmed(shot(1, 60, noise=25), np.full(60, 0.06))) == []


def test_a_cut_in_a_dark_film_is_found() -> None:
    assert boundaries(dimmed(film(shot(1, 30), shot(2, 30)), np.full(60, 0.15))) == [(30, "cut")]


def test_a_cut_in_a_letterbox_is_found() -> None:
    barred = film(shot(1, 30), shot(2, 30))
    barred[:, :6] = barred[:, -6:] = 0
    assert boundaries(barred) == [(30, "cut")]


def test_a_cut_without_colour_is_found() -> None:
    grey = film(shot(1, 30), shot(2, 30)).mean(-1, keepdims=True).repeat(3, -1).astype(np.uint8)
    assert boundaries(grey) == [(30, "cut")]


def test_a_cut_through_one_blended_frame_is_a_cut() -> None:
    before, after = shot(1, 30), shot(2, 30)
    ((at, transition),) = boundaries(film(before, dissolve(before[:1], after[:1]), after))
    assert (transition, at in (30, 31)) == ("cut", True)


@pytest.mark.parametrize("frames", [8, 12, 24, 36])
def test_a_dissolve_begins_its_shot_in_the_middle(frames: int) -> None:
    turning = dissolve(shot(1, frames), shot(2, frames))
    ((at, transition),) = boundaries(film(shot(1, 40), turning, shot(2, 40)))
    assert transition == "dissolve"
    assert abs(at - (40 + frames // 2)) <= max(2, frames // 6)


@pytest.mark.parametrize("towards", [0, 255])
@pytest.mark.parametrize("black", [1, 10])
def test_a_fade_begins_its_shot_where_nothing_is_seen(towards: int, black: int) -> None:
    out, back = dimmed(shot(1, 12), np.linspace(1, 0, 12), towards), dimmed(shot(2, 12), np.linspace(0, 1, 12), towards)
    nothing = np.full((black, *out.shape[1:]), towards, np.uint8)
    ((at, transition),) = boundaries(film(shot(1, 40), out, nothing, back, shot(2, 40)))
    assert transition == "fade"
    assert 50 <= at <= 54 + black


def test_a_cut_to_black_is_a_cut_and_the_fade_in_after_it_is_not_counted_again() -> None:
    black, back = np.zeros_like(shot(1, 15)), dimmed(shot(2, 12), np.linspace(0, 1, 12))
    assert boundaries(film(shot(1, 40), black, back, shot(2, 30))) == [(40, "cut")]


def test_fading_in_at_the_start_and_out_at_the_end_begins_no_shot() -> None:
    levels = np.concatenate([np.zeros(90), np.linspace(0, 1, 12), np.ones(40), np.linspace(1, 0, 12), np.zeros(90)])
    assert boundaries(dimmed(shot(1, len(levels)), levels)) == []


RED, GREEN, BLUE = (254, 0, 0), (0, 128, 0), (0, 0, 254)
BLACK, GREY, WHITE = (0, 0, 0), (128, 128, 128), (255, 255, 255)


def plain(colour: tuple[int, int, int], frames: int) -> np.ndarray:
    return np.full((frames, 36, 64, 3), colour, np.uint8)


def letterboxed(pixels: np.ndarray) -> np.ndarray:
    barred = pixels.copy()
    barred[:, :5] = barred[:, -5:] = 0
    return barred


def test_plain_colours_are_cut_like_pictures() -> None:
    colours = film(*(plain(colour, 20) for colour in (RED, BLUE, GREY, GREEN, BLACK, WHITE)))
    assert boundaries(colours) == [(20 * n, "cut") for n in range(1, 6)]


@pytest.mark.parametrize("frames", [8, 25, 50])
def test_plain_colours_fade_through_black_like_pictures(frames: int) -> None:
    out, back = np.linspace(1, 0, frames, endpoint=False), np.linspace(0, 1, frames)
    faded = film(dimmed(plain(RED, frames), out), dimmed(plain(BLUE, frames), back))
    ((at, transition),) = boundaries(film(plain(RED, 40), faded, plain(BLUE, 40)))
    assert transition == "fade"
    assert abs(at - (40 + frames)) <= 1


@pytest.mark.parametrize("frames", [8, 25, 38])
@pytest.mark.parametrize("after", [GREEN, BLUE])
def test_plain_colours_dissolve_like_pictures(frames: int, after: tuple[int, int, int]) -> None:
    turning = dissolve(plain(RED, frames), plain(after, frames))
    ((at, transition),) = boundaries(film(plain(RED, 60), turning, plain(after, 60)))
    assert transition == "dissolve"
    assert abs(at - (60 + frames // 2)) <= 2


def test_grey_that_goes_up_to_white_and_down_to_black_begins_its_shots_in_black() -> None:
    levels = np.abs(np.arange(250) % 84 - 42) / 42  # white at 0, 84, 168; black at 42, 126, 210
    assert boundaries(dimmed(plain(WHITE, 250), levels)) == [(at, "fade") for at in (42, 126, 210)]


def test_grey_that_grows_lighter_is_no_dissolve() -> None:
    assert boundaries(film(plain(GREY, 40), dissolve(plain(GREY, 20), plain(WHITE, 20)), plain(WHITE, 40))) == []


@pytest.mark.parametrize("towards", [0, 255])
@pytest.mark.parametrize("frames", [8, 15, 30])
def test_a_fade_in_a_letterbox_is_a_fade(towards: int, frames: int) -> None:
    out = dimmed(shot(1, frames), np.linspace(1, 0, frames), towards)
    back = dimmed(shot(2, frames), np.linspace(0, 1, frames), towards)
    ((at, transition),) = boundaries(letterboxed(film(shot(1, 40), out, back, shot(2, 40))))
    assert transition == "fade"
    assert abs(at - (40 + frames)) <= 1


@pytest.mark.parametrize("fps", [12, 25, 60])
@pytest.mark.parametrize("seconds", [0.4, 1.0])
@pytest.mark.parametrize("black_s", [0, 0.5])
def test_a_fade_is_never_a_cut_however_fast(fps: int, seconds: float, black_s: float) -> None:
    frames, black = round(fps * seconds), round(fps * black_s)
    levels = np.concatenate([np.ones(fps), np.linspace(1, 0, frames), np.zeros(black)])
    pixels = film(dimmed(shot(1, len(levels)), levels), dimmed(shot(2, fps + frames), levels[: fps + frames][::-1]))
    ((at, transition),) = boundaries(pixels, fps=fps)
    assert transition == "fade"
    assert abs(at - (fps + frames + black / 2)) <= 1


def test_a_change_over_many_frames_is_never_a_cut() -> None:
    turning = dissolve(shot(1, 4), shot(2, 4))
    assert all(transition != "cut" for _, transition in boundaries(film(shot(1, 40), turning, shot(2, 40))))


def test_black_with_hard_edges_is_a_shot_between_two_cuts() -> None:
    assert boundaries(film(shot(1, 40), plain(BLACK, 10), shot(2, 40))) == [(40, "cut"), (50, "cut")]


@pytest.mark.parametrize("frames", [10, 12])
def test_short_shots_are_found_at_sixty_frames_a_second(frames: int) -> None:
    found = boundaries(film(*(shot(n, frames) for n in range(1, 7))), fps=60)
    assert found == [(frames * n, "cut") for n in range(1, 6)]


def test_a_dissolve_of_many_frames_is_one() -> None:
    turning = dissolve(shot(1, 60), shot(2, 60))
    ((at, transition),) = boundaries(film(shot(1, 90), turning, shot(2, 90)), fps=60)
    assert transition == "dissolve"
    assert abs(at - 120) <= 12


def test_light_that_slowly_changes_is_no_dissolve() -> None:
    assert boundaries(dimmed(shot(1, 80), np.linspace(1, 0.3, 80))) == []


def test_gradual_transitions_can_be_left_out() -> None:
    turning = film(shot(1, 40), dissolve(shot(1, 20), shot(2, 20)), shot(2, 40))
    assert boundaries(turning, gradual=False) == []


def test_a_more_sensitive_detection_finds_weaker_cuts() -> None:
    faint = film(shot(1, 30), (0.85 * shot(1, 30) + 0.15 * shot(2, 30)).astype(np.uint8))
    assert boundaries(faint, sensitivity=0.5) == []
    assert boundaries(faint, sensitivity=2) == [(30, "cut")]


def test_of_boundaries_too_close_together_the_clearer_stays() -> None:
    short = film(shot(1, 40), shot(2, 10), shot(3, 40))
    assert len(boundaries(short)) == 2
    assert len(boundaries(short, min_shot_s=0.5)) == 1


def test_times_follow_the_film_where_its_rate_varies() -> None:
    times = np.cumsum(np.where(np.arange(80) % 5 == 0, 0.08, 0.02))
    table = table_of(film(shot(1, 33), shot(2, 47)), times_s=times)
    assert table["start_frame"].to_pylist() == [0, 33]
    assert table["start_s"].to_pylist() == [times[0], times[33]]
    assert table["end_s"].to_pylist()[0] == times[33]


def test_stills_a_second_apart_are_told_apart() -> None:
    stills = film(*(shot(n, 2) for n in (1, 2, 3)), shot(4, 1), shot(5, 1))
    assert boundaries(stills, fps=1) == [(2, "cut"), (4, "cut"), (6, "cut"), (7, "cut")]


def test_a_film_of_one_picture_is_one_shot() -> None:
    table = table_of(shot(1, 1))
    assert table.select(["start_frame", "end_frame", "transition"]).to_pylist() == [
        {"start_frame": 0, "end_frame": 1, "transition": "start"}
    ]


def test_a_film_without_pictures_has_no_shots() -> None:
    assert table_of(np.zeros((0, 36, 64, 3), np.uint8)).num_rows == 0


def long_film() -> np.ndarray:
    chance = np.random.default_rng(7)
    parts: list[np.ndarray] = []
    for number in range(1, 25):
        parts.append(shot(number, int(chance.integers(8, 40)), pan=float(chance.choice([0, 0, 1, 3]))))
        if number % 6 == 0:
            parts.append(dissolve(shot(number, 16), shot(number + 1, 16)))
        if number % 8 == 0:
            levels = np.abs(np.linspace(-1, 1, 50))
            parts += [dimmed(plain(GREY, 50), levels, 255 * (number % 16 == 0)), plain(BLACK, 60)]
    return np.concatenate(parts)


def long_film_shown(rules: int) -> np.ndarray:
    """The long film; for the second rules every third picture is shown twice."""
    film = long_film()
    return film if rules == 1 else film[np.arange(len(film) * 4 // 3) * 3 // 4]


@pytest.mark.parametrize("rules", [1, 2])
@pytest.mark.parametrize("size", [1, 7, 32, 10_000])
def test_shots_do_not_depend_on_how_pictures_arrive(size: int, rules: int) -> None:
    shown = long_film_shown(rules)
    assert table_of(shown, size=size, rules=rules).equals(table_of(shown, size=16, rules=rules))


@pytest.mark.parametrize("rules", [1, 2])
def test_a_shot_is_emitted_within_the_promised_lag(rules: int) -> None:
    pixels, task = long_film_shown(rules), DetectShots(ShotsParams(rules=rules), Film("a_film"))
    late = []
    for batch in batches(pixels, size=5):
        head = int(batch.frames[-1])
        late += [head - row["end_frame"][0].as_py() for row in task.on_batch(batch)]
    assert len(late) > 10
    assert max(late) <= MAX_LAG_FRAMES


def test_memory_does_not_grow_with_the_film() -> None:
    task = DetectShots(ShotsParams(), Film("a_film"))
    for batch in batches(np.tile(place(1)[None, :36, :64], (2000, 1, 1, 1))):
        list(task.on_batch(batch))
    assert len(task.seen) <= 2 * MAX_LAG_FRAMES


def motion_of(pixels: np.ndarray) -> np.ndarray:
    return np.array(table_of(pixels)["motion"].to_pylist()[0])


def test_a_still_shot_has_no_motion() -> None:
    motion = motion_of(shot(1, 40, noise=0))
    assert motion[-2] == pytest.approx(1)
    assert motion[-1] == pytest.approx(0, abs=1e-3)


def test_a_pan_to_the_right_moves_the_picture_to_the_left() -> None:
    motion = motion_of(shot(1, 40, pan=1.5, noise=0))
    by_direction = motion[:-2].reshape(3, DIRECTIONS).sum(0)
    assert by_direction.argmax() == DIRECTIONS // 2
    assert by_direction.max() > 0.6


def test_the_shares_of_motion_add_up() -> None:
    flow = np.random.default_rng(1).normal(0, 3, (36, 64, 2)).astype(np.float32)
    assert flow_histograms(flow[None], np.array([0.04]))[0, :-1].sum() == pytest.approx(1)


def test_shots_that_leave_a_gap_break_the_contract() -> None:
    columns = {"start_s": [0.0, 1.0], "end_s": [1.0, 2.0], "transition": ["start", "cut"], "score": [1.0, 1.0]}
    motion = np.zeros((2, 26), np.float32)
    batch = SHOTS.batch("a", shot=[0, 1], start_frame=[0, 30], end_frame=[25, 50], motion=motion, **columns)
    with pytest.raises(ContractViolation, match="begin where the one before ends"):
        SHOTS.check(batch, "a")


@pytest.mark.parametrize("name", ["sintel_trailer", "scene_cuts", "nasa"])
@pytest.mark.real
@no_films
def test_cuts_of_real_films_are_found(name: str) -> None:
    from benchmarks.shots import Tally, cuts_of, detect, film_path, real_labels

    tally, marked = Tally(), real_labels(REAL)[name]
    missed, false = tally.add(cuts_of(detect(film_path(REAL, name)).found), marked)
    assert len(missed) <= 1, json.dumps(missed)
    assert not false


@pytest.mark.parametrize("name", ["chaplin_10s.mp4", "faces_one_woman.mp4", "katna_codec_error.mp4"])
@pytest.mark.real
@no_films
def test_real_films_of_one_shot_are_one_shot(name: str) -> None:
    from benchmarks.shots import detect

    assert detect(REAL / "films" / name).found == [(0, "start")]
