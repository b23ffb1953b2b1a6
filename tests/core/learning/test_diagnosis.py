"""What a version is wrong about: classes, films, moments."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from core._toy_model import MODEL, Config, answers, score_film

from cinelake.learning import learning_curve as curves
from cinelake.learning.diagnosis import CURVE, ERRORS, PAGE, confusions, diagnosis, matrix
from cinelake.learning.learning_curve import curve_of_version, portion
from cinelake.spec.answers import Answers
from cinelake.spec.example import Example
from cinelake.tracking import registry
from cinelake.tracking.registry import json_of
from cinelake.tracking.store import connect
from flows.train import keep_errors_page

TRUTH = np.array([[1, 0], [1, 0], [0, 1], [0, 0]], bool)
SAID = np.array([[1, 0], [0, 1], [0, 1], [0, 1]], bool)


def test_each_class_against_all_others_is_counted():
    (first, second) = confusions([Answers(np.arange(4), ("war", "love"), TRUTH, SAID)])["classes"]
    assert first == {"class": "war", "support": 2, "hit": 1, "missed": 1, "false": 0, "right_not": 2}
    assert second == {"class": "love", "support": 1, "hit": 1, "missed": 0, "false": 2, "right_not": 1}


def test_a_row_of_the_matrix_is_the_true_class_and_no_class_is_one():
    made = matrix(TRUTH, SAID, ("war", "love"), "nothing")
    assert made == {"classes": ["war", "love", "nothing"], "counts": [[1, 1, 0], [0, 1, 0], [0, 1, 0]]}


def test_many_classes_are_summed_up_as_others():
    truth = np.eye(20, dtype=bool)
    made = matrix(truth, truth, [f"c{n}" for n in range(20)], "nothing")
    assert made["classes"][-1] == "all others" and made["counts"][-1][-1] == 4


def film(name, loud):
    """A film whose first half is loud, and what a model says of it."""
    truth, given = np.array([True, True, False, False]), {"time_s": np.arange(4) * 9.0}
    return Example(name, name, given, {"loud": truth, "known": np.ones(4, bool)}), {"loud": np.array(loud)}


def told(*films, **about):
    units = [unit for unit, _ in films]
    scores = [score_film({}, unit.targets, said, Config()) for unit, said in films]
    by_step = [answers(unit.features, unit.targets, said, Config(), {}) for unit, said in films]
    return diagnosis(MODEL, units, by_step, {"model": scores, "baseline": scores}, **about)


RIGHT, WRONG = [True, True, False, False], [False] * 4


def test_the_worst_film_and_its_moments_come_first():
    made = told(film("good", RIGHT), film("bad", WRONG), film("fair", RIGHT))
    assert made["by_film"][0] == {"movie_id": "bad", "scores": {"model": 0.5, "baseline": 0.5}}
    assert {moment["movie_id"] for moment in made["moments"]} == {"bad"} and made["overall"]["model"]["low"] is not None


def test_in_sample_scores_have_no_interval():
    made = told(*(film(name, RIGHT) for name in "abc"), in_sample=True)
    assert made["overall"]["model"] == {"mean": 1.0, "low": None, "high": None}


@pytest.mark.parametrize("share", [0.125, 0.5, 1.0])
def test_parts_of_the_labels_hold_the_smaller_parts(share):
    films = [film(f"f{n}", RIGHT)[0] for n in range(16)]
    smaller, larger = ({e.movie_id for e in portion(films, s)} for s in (share / 2, share))
    assert smaller <= larger and len(larger) == 16 * share


def test_of_few_films_the_beginnings_are_a_part():
    assert [len(part) for part in portion([film("a", RIGHT)[0], film("b", RIGHT)[0]], 0.5)] == [2, 2]


def test_a_training_keeps_its_errors_and_a_curve_is_kept_beside_them(labelled):
    summary, manifest = labelled.train(), labelled.load()
    assert json_of(manifest.tracking, summary.run_id, ERRORS)["metric"] == "accuracy"
    _, rows = curve_of_version(manifest, "loud", "1")
    assert [row["share"] for row in rows] == [0.125, 0.25, 0.5, 1.0] and rows[0]["learner"] == "deaf"
    assert json_of(manifest.tracking, summary.run_id, CURVE) == json.loads(json.dumps(rows))


def test_a_curve_reads_films_as_its_version_does_whatever_learner_the_manifest_names_today(labelled, monkeypatch):
    labelled.train()
    labelled.write("{loud: {learner: deaf}}")
    given = []
    monkeypatch.setattr(curves, "learning_curve", lambda prepared, *_: given.append(prepared.entry.config) or [])
    curve_of_version(labelled.load(), "loud", "1")
    assert given[0].shift == 0.0


def test_a_part_without_labels_is_told_and_not_tried():
    films = [film(f"f{n}", RIGHT)[0] for n in range(16)]
    for example in films:
        example.targets["known"][:] = example.movie_id not in {e.movie_id for e in portion(films, 1 / 8)}
    sides = SimpleNamespace(train=films, test=films)
    entry = SimpleNamespace(spec=replace(MODEL, simple={"deaf": MODEL.baseline}))
    rows = curves.learning_curve(SimpleNamespace(entry=entry, split=sides), Config(), 0, 60.0)
    assert rows[0]["said"] == "not tried, nothing in it is labelled" and rows[-1]["mean"] == 0.5


def test_a_page_of_errors_that_breaks_is_told_and_ends_nothing(monkeypatch):
    def broken(*_):
        raise OSError("image file is truncated")

    said = []
    monkeypatch.setattr(registry, "json_of", broken)
    keep_errors_page(SimpleNamespace(tracking=None), "loud 1", "run", said.append)
    assert said == ["the page of errors was not kept: OSError: image file is truncated"]


def test_the_page_of_errors_is_kept_beside_the_run_and_one_that_cannot_be_made_is_told(labelled):
    summary, manifest, said = labelled.train(), labelled.load(), []
    keep_errors_page(manifest, "loud 1", summary.run_id, said.append)
    files = connect(manifest.tracking.uri).list_artifacts(summary.run_id)
    assert not said and PAGE in {file.path for file in files}
    keep_errors_page(manifest, "loud 1", "nowhere", said.append)
    assert "not kept" in said[0]


def test_a_page_that_cannot_be_made_of_what_is_kept_does_not_undo_the_training(monkeypatch):
    said = []
    monkeypatch.setattr("cinelake.tracking.registry.json_of", lambda *_: {"no": "films"})
    monkeypatch.setattr("flows.train.plan_manifest", lambda _: None)
    keep_errors_page(SimpleNamespace(tracking=None), "loud 1", "run", said.append)
    assert said == ["the page of errors was not kept: KeyError: 'by_film'"]
