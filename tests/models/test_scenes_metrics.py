"""Measures of scene segmentation on numbers worked by hand."""

import numpy as np
import pytest

from models.scenes.config import Config
from models.scenes.scores import (
    best_threshold,
    film_average_precision,
    found_near,
    mean_iou,
    scene_ranges,
    score_film,
    summarise,
)

ENDS = np.array([9, 19, 29, 39])  # four shots of ten frames


def starts(*shots: int) -> np.ndarray:
    found = np.zeros(4, bool)
    found[list(shots)] = True
    return found


def test_scenes_are_inclusive_ranges_of_frames() -> None:
    assert scene_ranges(starts(2), ENDS).tolist() == [[0, 19], [20, 39]]
    assert scene_ranges(starts(), ENDS).tolist() == [[0, 39]]


def test_the_same_scenes_overlap_wholly() -> None:
    scenes = scene_ranges(starts(1, 3), ENDS)
    assert mean_iou(scenes, scenes) == 1


def test_no_boundary_against_one_in_the_middle() -> None:
    one, two = scene_ranges(starts(), ENDS), scene_ranges(starts(2), ENDS)
    # each half overlaps the whole by 20/40; the whole's best is 20/40
    assert mean_iou(one, two) == 0.5


def test_the_two_sides_count_alike() -> None:
    true, said = scene_ranges(starts(2), ENDS), scene_ranges(starts(1, 2), ENDS)
    # true: 10/20 and 1 → 0.75; said: 10/20, 10/20 and 1 → 2/3
    assert mean_iou(true, said) == mean_iou(said, true) == pytest.approx((0.75 + 2 / 3) / 2)


def test_a_boundary_one_shot_late() -> None:
    true, said = scene_ranges(starts(1), ENDS), scene_ranges(starts(2), ENDS)
    # [0,9] in [0,19]: 10/20; [10,39] and [20,39]: 20/30; the same from the other side
    assert mean_iou(true, said) == pytest.approx((1 / 2 + 2 / 3) / 2)


def test_average_precision_is_the_mean_precision_at_each_hit() -> None:
    truth, probability = np.array([True, False, True, False]), np.array([0.9, 0.8, 0.7, 0.1])
    assert film_average_precision(truth, probability) == pytest.approx((1 + 2 / 3) / 2)


def test_a_film_without_a_boundary_has_no_film_average_precision() -> None:
    assert np.isnan(film_average_precision(np.zeros(3, bool), np.ones(3)))


def scored(*boundaries: int) -> dict[str, np.ndarray]:
    frames = {"start_frame": ENDS - 9, "end_frame": ENDS + 1, "time_s": (ENDS - 9) / 10}
    targets = {"boundary": starts(*boundaries), "known": np.arange(4) > 0}
    return score_film(frames, targets, {"probability": np.array([0, 0.9, 0.2, 0.1])}, Config())


def test_a_film_without_a_boundary_counts_in_no_mean_average_precision() -> None:
    assert summarise([scored(1), scored()])["map"] == 1
    assert np.isnan([summarise([scored()])[name] for name in ("map", "ap")]).all()


def test_a_boundary_is_recalled_within_three_seconds() -> None:
    assert found_near(np.array([10.0, 20.0, 30.0]), np.array([13.0, 23.5])) == 1
    assert found_near(np.array([10.0]), np.zeros(0)) == 0


def test_the_threshold_gives_the_best_f1() -> None:
    truth, said = np.array([True, True, False, True, False, False]), np.array([0.9, 0.8, 0.6, 0.5, 0.3, 0.2])
    # down to 0.5: three of four right, F1 6/7
    assert best_threshold([truth], [said]) == pytest.approx(0.4)


def test_without_a_boundary_the_threshold_is_one_half() -> None:
    assert best_threshold([np.zeros(3, bool)], [np.ones(3)]) == 0.5
