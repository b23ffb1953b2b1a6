"""What each model tells of labelled steps: what people said, what it said, and how surely."""

import numpy as np

from models.affect import MODEL as AFFECT
from models.affect.config import Config as AffectConfig
from models.beats import MODEL as BEATS
from models.beats.config import Config as BeatsConfig
from models.characters import MODEL as CHARACTERS
from models.characters.config import Config as CharactersConfig
from models.expressions import MODEL as EXPRESSIONS
from models.expressions.config import Config as ExpressionsConfig
from models.funny import MODEL as FUNNY
from models.funny.config import Config as FunnyConfig
from models.identities import MODEL as IDENTITIES
from models.identities.config import Config as IdentitiesConfig
from models.scenes import MODEL as SCENES
from models.scenes.config import Config as ScenesConfig
from models.tags import MODEL as TAGS
from models.tags.config import Config as TagsConfig

KNOWN = np.array([True, False, True])
TIMES = {"time_s": np.array([0.0, 1.0, 2.0])}


def told(model, targets, prediction, config, **facts):
    return model.answers(TIMES, {"known": KNOWN, **targets}, prediction, config, facts)


def test_only_labelled_steps_are_told():
    made = told(SCENES, {"boundary": KNOWN}, {"probability": np.array([0.2, 0.9, 0.8])}, ScenesConfig())
    assert made.time_s.tolist() == [0, 2] and made.said.ravel().tolist() == [False, True]


def test_a_boundary_is_told_by_the_threshold_and_calibrated_by_what_was_there_before():
    prediction = {"probability": np.array([0.2, 0.9, 0.8]), "unmoved": np.array([0.1, 0.5, 0.3])}
    made = told(SCENES, {"boundary": KNOWN}, prediction, ScenesConfig())
    assert made.score.ravel().tolist() == [0.2, 0.8] and made.unmoved.ravel().tolist() == [0.1, 0.3]


def test_the_category_of_a_shot_is_that_after_the_window_and_sureness_that_before():
    prediction = {"category": np.array([1, 0, 0]), "probability": np.full((3, 11), 1 / 11)}
    made = told(BEATS, {"category": np.array([1, 0, 2])}, prediction, BeatsConfig())
    assert (
        made.exclusive and made.said.argmax(axis=1).tolist() == [1, 0] and made.truth.argmax(axis=1).tolist() == [1, 2]
    )


def test_tags_hold_from_the_threshold_on():
    prediction = {"probability": np.array([[0.6, 0.1], [0, 0], [0.4, 0.7]])}
    made = told(TAGS, {"tags": np.eye(3, 2)}, prediction, TagsConfig(vocabulary=("war", "love")))
    assert made.said.tolist() == [[True, False], [False, True]] and not made.exclusive


def test_a_trivial_answer_of_an_emotion_has_no_sureness():
    made = told(EXPRESSIONS, {"emotion": np.array([0, 1, 2])}, {"emotion": np.array([0, 0, 0])}, ExpressionsConfig())
    assert made.score is None and made.truth.argmax(axis=1).tolist() == [0, 2]


def test_the_margin_of_q_values_is_no_probability():
    made = told(FUNNY, {"funny": KNOWN}, {"margin": np.array([-1.0, 3.0, 0.5])}, FunnyConfig())
    assert not made.is_probability and made.said.ravel().tolist() == [False, True]


def test_a_line_has_numbers_where_people_labelled_and_none_elsewhere():
    there = np.array([[1, 0], [0, 0], [1, 1]])
    made = told(AFFECT, {"there": there, "line": np.full((3, 2), 0.5)}, {"line": np.zeros((3, 2))}, AffectConfig())
    assert made.is_line and np.isnan(made.truth[0, 1]) and made.time_s.tolist() == [0, 2]


def test_who_was_not_learned_is_never_sure_to_be_there():
    targets = {"character": np.array(["ann\nbob", "", "cleo"])}
    prediction = {"character": np.array(["ann", "", ""]), "probability": np.array([[0.9], [0.1], [0.2]])}
    made = told(CHARACTERS, targets, prediction, CharactersConfig(), characters=["ann"])
    assert made.classes == ("ann", "bob", "cleo") and made.score.tolist() == [[0.9, 0, 0], [0.2, 0, 0]]


def test_faces_without_a_name_are_not_told():
    prediction = {"character": np.array(["ann", "", ""])}
    made = told(IDENTITIES, {"character": np.array(["ann", "", ""])}, prediction, IdentitiesConfig())
    assert len(made) == 1 and made.none == "a stranger"
