"""What the funny agent sees of a film's steps, and the spans that its answers become; numbers worked by hand."""

import numpy as np
import pyarrow as pa

from cinelake.learning.images import MemoryTable
from models.funny.config import Config
from models.funny.environment import Scenes, class_worth, cut_scenes, draw_scenes
from models.funny.features import embeddings, learn_scaling, longest_run, modulation, reads
from models.funny.features import features as step_features
from models.funny.predict import merge_shots, merge_steps
from models.funny.steps import clips, line_turns, pooled, turn_features


def table(**columns: object) -> MemoryTable:
    return MemoryTable(pa.table(columns))


SHOTS = table(shot=[0, 1], start_s=[0.0, 2.0], end_s=[2.0, 3.5])


def sound(windows: int) -> MemoryTable:
    """Windows of noise."""
    rng, numbers = np.random.default_rng(0), np.arange(windows)
    flat = pa.array(rng.normal(size=windows * 6144).astype(np.float16))
    logmel = pa.FixedSizeListArray.from_arrays(flat, 6144)
    loudness = np.full(windows, -20, np.float32)
    return table(start_s=numbers * 0.96, end_s=numbers * 0.96 + 0.96, loudness_lufs=loudness, logmel=logmel)


# --- steps


def test_clips_tile_a_film_and_a_short_rest_belongs_to_the_last() -> None:
    assert [list(part) for part in clips(3.5, 1.0)] == [[0, 1, 2, 3], [1, 2, 3, 3.5]]
    assert [list(part) for part in clips(2.05, 1.0)] == [[0, 1], [1, 2.05]]


def test_a_film_shorter_than_a_clip_is_one() -> None:
    assert [list(part) for part in clips(0.3, 1.0)] == [[0], [0.3]]


def test_rows_count_for_a_step_by_how_long_they_overlap_it() -> None:
    rows = np.array([[0.0], [4.0], [9.0]])
    means, seen = pooled(
        np.array([0.0, 2.0, 9.0]), np.array([2.0, 4.0, 10.0]), np.arange(3) * 1.5, np.arange(1, 4) * 1.5, rows
    )
    # 1.5 s of 0 and 0.5 s of 4; then 1 s of 4 and 1 s of 9 (…4.5); then nothing
    assert means.ravel().tolist() == [1.0, 6.5, 0.0]
    assert seen.tolist() == [True, True, False]


def test_pictures_count_at_their_moment() -> None:
    times = np.array([0.0, 0.5, 1.0])
    means, _ = pooled(np.array([0.0, 1.0]), np.array([1.0, 2.0]), times, times, np.array([[1.0], [3.0], [7.0]]))
    assert means.ravel().tolist() == [2.0, 7.0]


def test_a_film_without_sound_is_not_seen_by_ears() -> None:
    found = step_features({"shots": SHOTS, "sound": sound(0)}, Config(use=("sound", "laughter", "rhythm")))
    assert len(found["time_s"]) == 4 and not found["seen"].any()


def test_each_kind_is_there_for_every_step() -> None:
    found = step_features({"shots": SHOTS, "sound": sound(4)}, Config(use=("sound", "laughter", "rhythm")))
    assert [found[kind].shape for kind in ("sound", "laughter", "rhythm")] == [(4, 129), (4, 58), (4, 6)]
    assert found["shot"].tolist() == [0, 0, 1, 1]


def test_expressions_are_those_of_the_main_face() -> None:
    def flat(rows: list[list[int]]) -> pa.Array:
        return pa.FixedSizeListArray.from_arrays(pa.array(np.ravel(rows).astype(np.float32)), len(rows[0]))

    faces = table(
        frame=[0, 0, 50], time_s=[0.0, 0.0, 2.5], is_main=[False, True, True],
        probabilities=flat([[1, 0], [0, 1], [1, 0]]), embedding=flat([[1], [2], [3]]),
    )  # fmt: skip
    found = step_features({"shots": SHOTS, "expressions": faces}, Config(use=("expressions",)))
    assert found["expressions"][[0, 2]].tolist() == [[0, 1, 2, 1, 2], [1, 0, 3, 1, 1]]
    assert found["seen"].tolist() == [True, False, True, False]


# --- sound, lines


def test_what_pulses_five_times_a_second_is_found_where_it_belongs() -> None:
    times = np.arange(96) / 100
    bands = np.sin(2 * np.pi * 5 * times)[None, :, None]
    assert modulation(bands)[0, :, 0].argmax() == 2  # 4 … 5.5 Hz


def test_the_longest_run() -> None:
    assert longest_run(np.array([[True, True, False, True], [False] * 4])).tolist() == [2, 0]


def test_pauses_between_lines_are_known_within_a_conversation_only() -> None:
    start, end = np.array([0.0, 3.0, 5.0]), np.array([1.0, 4.0, 6.0])
    found = turn_features(start, end, np.zeros(3, bool), np.zeros(3, bool), np.array([0, 0, 1]))
    before, after = found[:, 5], found[:, 16]
    assert (before.tolist(), after.tolist()) == ([0, 2, 0], [2, 0, 0])


def test_a_dash_begins_a_turn_and_unmarked_lines_say_nothing() -> None:
    assert line_turns(["- Hello", "who is there?", "JOEY: Me."]).tolist() == [False, True, False]
    assert line_turns(["Hello", "who is there?"]).tolist() == [False, False]


# --- scenes


def test_scenes_end_with_their_piece() -> None:
    assert cut_scenes(np.array([0, 0, 0, 1, 1]), 2).tolist() == [[0, 1], [2, 5], [3, 4]]


def test_neighbours_of_another_piece_are_zeros() -> None:
    config = Config(use=("sound",), context=1)
    features = {"sound": np.array([[-1.0], [1.0], [1.0]]), "piece": np.array([0, 0, 1])}
    scaling = {"sound_centre": np.zeros(1), "sound_axes": np.eye(1), "sound_scale": np.ones(1)}
    assert embeddings(features, scaling, config).tolist() == [[0, -1, 1], [-1, 1, 0], [0, 1, 0]]


def test_the_rarer_class_is_worth_more_as_far_as_asked() -> None:
    label, known = np.array([1.0, 0, 0, 0]), np.ones(4, bool)
    assert class_worth(label, known, 0.0).tolist() == [1, 1, 1, 1]
    assert np.allclose(class_worth(label, known, 1.0), [2, 2 / 3, 2 / 3, 2 / 3])


def test_kinds_with_many_numbers_are_turned_to_their_first_components() -> None:
    from _funny_films import made_films

    found = learn_scaling(made_films(2), Config(use=("sound",), components=3))
    assert found["sound_axes"].shape == (6, 3)


def test_all_scenes_come_once_before_any_comes_again() -> None:
    rows = np.arange(6).reshape(6, 1)
    scenes = Scenes(np.zeros((7, 1)), np.zeros(7), np.append(np.ones(6), 0), rows)
    drawn = np.concatenate([draw_scenes(scenes, 4, 0, number) for number in range(3)])
    assert sorted(drawn[:6]) == sorted(drawn[6:]) == list(range(6))


# --- spans


def test_steps_that_decide_alike_become_one_span() -> None:
    starts, q = np.arange(4.0), np.array([[0, 1], [0, 3], [1, 0], [1, 0]], np.float32)
    found = merge_steps(starts, starts + 1, q, np.ones(4, bool))
    assert (found["start_s"].tolist(), found["end_s"].tolist()) == ([0, 2], [2, 4])
    assert found["q_funny"].tolist() == [2, 0] and found["is_funny"].tolist() == [True, False]


def test_a_gap_of_what_is_not_seen_parts_spans() -> None:
    starts, q = np.arange(3.0), np.tile(np.array([[0.0, 1.0]], np.float32), (3, 1))
    found = merge_steps(starts, starts + 1, q, np.array([True, False, True]))
    assert found["start_s"].tolist() == [0, 2]


def test_a_shot_is_funny_or_not_as_a_whole() -> None:
    starts = np.arange(4.0)
    steps = {"time_s": starts, "end_s": starts + 1, "seen": np.ones(4, bool)}
    q = np.array([[0, 1], [0, 1], [2, 0], [0, 1]], np.float32)
    found = merge_shots(steps, q, np.array([0.0, 2.5]), np.array([2.5, 4.0]))
    # the second shot: half a second of (2, 0) and one second of (0, 1)
    assert found["is_funny"].tolist() == [True, False]
    assert np.allclose(found["start_s"], [0, 2.5]) and np.allclose(found["q_not_funny"], [0.4, 2 / 3])


# --- lines


LINES = table(
    track=[1, 0, 1, 1],
    language=["en", "de", "en", "en"],
    start_s=[2.0, 0.0, 0.0, 50.0],
    end_s=[3.0, 1.0, 1.0, 51.0],
    text=["- who is it?", "- wer ist da?", "- hello", "again"],
)


def test_a_step_may_be_a_line_of_the_subtitles_with_most_lines() -> None:
    found = step_features({"shots": SHOTS, "subtitles": LINES}, Config(use=("turns", "words"), step="line"))
    assert found["time_s"].tolist() == [0, 2, 50] and found["piece"].tolist() == [0, 0, 1]
    assert [found[kind].shape for kind in ("turns", "words")] == [(3, 26), (3, 256)]


def test_lines_count_for_the_clips_in_which_they_are_said() -> None:
    found = step_features({"shots": SHOTS, "subtitles": LINES}, Config(use=("turns",), language="de"))
    assert found["turns"][:, 0].tolist() == [1, 0, 0, 0] and found["seen"].all()


def test_a_film_without_a_face_shows_no_expressions_in_vectors_of_the_usual_size() -> None:
    nothing = pa.table({name: [] for name in ("frame", "time_s", "is_main", "probabilities", "embedding")})
    found = step_features({"shots": SHOTS, "expressions": MemoryTable(nothing)}, Config(use=("expressions",)))
    assert found["expressions"].shape == (4, 521) and not found["seen"].any()


def test_pictures_are_whole_ones_not_faces() -> None:
    vectors = pa.FixedSizeListArray.from_arrays(pa.array([1.0, 2.0, 9.0], pa.float32()), 1)
    pictures = table(time_s=[0.0, 1.0, 1.0], face=pa.array([None, None, 0], pa.int32()), embedding=vectors)
    found = step_features({"shots": SHOTS, "embeddings": pictures}, Config(use=("picture",)))
    assert found["picture"].ravel().tolist() == [1, 2, 0, 0]


def test_a_table_of_vectors_of_a_name_of_its_own_is_seen_where_its_vectors_begin() -> None:
    vectors = pa.FixedSizeListArray.from_arrays(pa.array([1.0, 2.0, 9.0], pa.float32()), 1)
    spoken = table(time_s=[0.0, 0.5, 2.0], embedding=vectors)
    config = Config(use=("embeddings_text",))
    found = step_features({"shots": SHOTS, "embeddings_text": spoken}, config)
    assert reads(config) == ["shots", "embeddings_text"]
    assert found["embeddings_text"].ravel().tolist() == [1.5, 0, 9, 0]
    assert found["seen"].tolist() == [True, False, True, False]


def test_a_line_of_a_million_spaces_is_looked_at_in_no_time() -> None:
    assert line_turns([" " * 1_000_000, "- and you?"]).tolist() == [0.0, 0.0]
