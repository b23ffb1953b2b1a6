"""The memory cell worked by hand, and the two ways to compute the network."""

import numpy as np
import pytest

from cinelake.lake.onnx import import_tensorflow
from models.affect.films import AffectFilm, kept_clips, learning_rows, segments
from models.affect.network import (
    Actions,
    Sizes,
    act,
    after_state_value,
    encode,
    follow,
    numpy_ops,
    read,
    start_critic,
    start_weights,
    tensor_ops,
    write,
)

SIZES = Sizes(features=3, targets=2, clip=4, slots=3, width=2, hidden=5)


def test_attention_says_how_much_is_forgotten_and_taken_in() -> None:
    m = np.array([[[1.0, 1.0], [1.0, 1.0]]])
    actions = Actions(
        np.array([[0.5, 0.0]]), np.full((1, 2, 2), 0.5), np.full((1, 2, 2), 0.8), np.full((1, 2, 2), -1.0)
    )
    # first slot: 1 · (1 − 0.5 · 0.5) + 0.5 · (0.8 · −1) = 0.35; the second is not attended to
    assert write(m, actions)[0] == pytest.approx(np.array([[0.35, 0.35], [1.0, 1.0]]))


def test_full_attention_and_full_gates_replace_a_slot() -> None:
    ones = np.ones((1, 1, 2))
    assert write(3 * ones, Actions(np.ones((1, 1)), ones, ones, -ones)) == pytest.approx(-ones)


def test_numpy_and_tensorflow_say_the_same() -> None:
    tf, rng = import_tensorflow(), np.random.default_rng(0)
    weights, clips = start_weights(SIZES, 0), rng.normal(size=(6, 4, 3)).astype(np.float32)
    said, _ = follow(weights, clips)
    ops, m, theirs = tensor_ops(tf), tf.constant(weights["memory"][None]), []
    for clip in clips:
        e = encode(ops, weights, tf.constant(clip[None]))
        m = write(m, act(ops, weights, e, m))
        theirs.append(read(ops, weights, e, m).numpy()[0])
    assert said == pytest.approx(np.array(theirs), abs=1e-5)


def test_a_slow_slot_still_holds_its_start_after_many_clips() -> None:
    weights = start_weights(Sizes(3, 1, 4, 3, 2, 5, longest=10_000), 0)
    weights["memory"][2] = 1.0
    ops, m = numpy_ops(), weights["memory"][None]
    for clip in np.zeros((300, 1, 3), np.float32):
        m = write(m, act(ops, weights, encode(ops, weights, clip[None]), m))
    assert m[0, 2].min() > 0.8 and abs(m[0, 0]).max() < 0.8


def test_independent_clips_do_not_depend_on_what_came_before() -> None:
    clips = np.random.default_rng(0).normal(size=(5, 2, 3)).astype(np.float32)
    weights = start_weights(SIZES, 1)
    assert follow(weights, clips, forgetful=True)[0][4] == pytest.approx(follow(weights, clips[4:], True)[0][0])


def test_the_critic_with_hindsight_is_worth_the_distance_to_the_line_that_came() -> None:
    weights = {name: 0 * array for name, array in start_critic(SIZES, "line", 0).items()}
    weights["out_b"] = np.array([0.5, 0.0])
    e, m, ahead = np.zeros((1, 4)), np.zeros((1, 3, 2)), np.array([[1.0, -0.2]])
    assert after_state_value(numpy_ops(), weights, "line", e, m, ahead, np.ones((1, 2))) == pytest.approx([-0.35])


# --- films


def film(length: int = 9) -> AffectFilm:
    line = np.linspace(-1, 1, length)[:, None]
    return AffectFilm(
        np.arange(length, dtype=np.float32)[:, None, None] * np.ones((1, 1, 2), np.float32), line, np.ones((length, 1))
    )


def test_kept_clips_are_each_kept_once_and_in_order() -> None:
    found = kept_clips(film(), 5, np.random.default_rng(0))
    assert len(set(found.tolist())) == 5 and found.tolist() == sorted(found.tolist())


def test_an_unusual_clip_is_kept_nearly_always() -> None:
    clips = np.full((100, 1, 2), 0.1, np.float32)
    clips[50] = 3.0
    strange, rng = AffectFilm(clips, np.zeros((100, 1)), np.zeros((100, 1))), np.random.default_rng(0)
    assert sum(50 in kept_clips(strange, 10, rng) for _ in range(50)) >= 48


def test_rows_hold_a_clip_the_next_one_and_what_is_to_come() -> None:
    rows = learning_rows([film(3)], np.array([[0, 2, -1]]), 1.0)
    assert rows["clip"][:, 0, 0].tolist() == [0, 2, 0] and rows["next"][:, 0, 0].tolist() == [1, 2, 1]
    assert rows["count"][:, 0].tolist() == [3, 1, 0] and rows["count_next"][:, 0].tolist() == [2, 0, 0]


def test_segments_tile_films_and_say_where_kept_memories_go() -> None:
    pieces = list(segments([film(5), film(3)], np.array([[1, 4], [2, -1]]), 4))
    assert [place.tolist() for _, place in pieces] == [[[-1, 0, -1, -1], [-1, -1, 0, -1]], [[1, -1, -1, -1], [-1] * 4]]
    assert pieces[1][0][0, :, 0, 0].tolist() == [4, 0, 0, 0]
