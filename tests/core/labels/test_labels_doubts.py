"""Doubts: labels of one annotator that contradict each other, say the same twice, or leave holes."""

import pyarrow as pa
import pytest

from cinelake.labels.doubts import find_doubts
from cinelake.labels.film_facts import FilmFacts
from cinelake.spec.contract import Column
from cinelake.spec.labels import LabelContract

KIND = Column("kind", pa.string(), "Kind.")
FUNNY = LabelContract("Funny.", "spans", (Column("is_funny", pa.bool_(), "Funny.", True),), about=())
TAGS = LabelContract("Tags.", "spans", (KIND,), class_column="kind")
SCENES = LabelContract("Scenes.", "spans", (KIND,), class_column="kind", overlap=False)
FACES = LabelContract("Who.", "moments", (KIND,), class_column="kind")
LINE = LabelContract(
    "Lines.",
    "moments",
    (Column("name", pa.string(), "Which.", True), Column("value", pa.float64(), "How much.", True)),
    about=("name",),
)  # fmt: skip


def doubts(contract, *rows, alone=()):
    columns = [name for name in contract.schema.names if name not in ("movie_id", "start_shot", "end_shot")]
    full = [{"movie_id": "dawn", **dict(zip(columns, row, strict=True))} for row in rows]
    table = pa.Table.from_pylist(full, contract.schema)
    return [str(doubt) for doubt in find_doubts(contract, table, {"dawn": FilmFacts(60.0)}, alone)]


@pytest.mark.parametrize(
    ("contract", "rows", "said"),
    [
        (FUNNY, [(0, 10, True), (5, 20, False)], "dawn, 5–10 s: labelled is_funny yes and no"),
        (LINE, [(3, "fear", 0.5), (3, "fear", 0.75)], "dawn, 3 s: labelled value 0.5 and 0.75"),
        (TAGS, [(0, 10, "chase"), (0.1, 10, "chase")], "dawn, 0–10 s: labelled twice: kind chase, again at 0.1–10"),
        (SCENES, [(0, 10, "a"), (12, 60, "b")], "dawn, 10–12 s: no label covers it"),
        (SCENES, [(0, 40, "a")], "dawn, 40–60 s: no label covers it, up to the film's end"),
    ],
)
def test_a_doubt_is_told_with_film_seconds_and_both_values(contract, rows, said):
    assert doubts(contract, *rows) == [said]


@pytest.mark.parametrize(
    ("contract", "rows"),
    [
        (FUNNY, [(0, 10, True), (10, 20, False)]),
        (TAGS, [(0, 10, "chase"), (0, 10, "night"), (0, 20, "chase")]),
        (LINE, [(3, "fear", 0.5), (3, "joy", 0.75), (4, "fear", 0.75)]),
    ],
)
def test_labels_that_may_stand_beside_each_other_raise_no_doubt(contract, rows):
    assert doubts(contract, *rows) == []


def test_a_class_that_stands_for_nobody_contradicts_any_other():
    assert doubts(FACES, (3, "nobody"), (3, "tom"), (4, "nobody"), alone=("nobody",)) == [
        "dawn, 3 s: labelled kind nobody and tom"
    ]


def test_a_line_with_a_hole_is_told():
    rows = [(time, "fear", 0.0) for time in (0, 1, 2, 3, 4, 5, 20)]
    assert doubts(LINE, *rows) == ["dawn, 5–20 s: no label, where there is one every 1 s"]


def test_holes_of_one_film_hide_no_contradiction_of_another(monkeypatch):
    monkeypatch.setattr("cinelake.labels.doubts.MAX_DOUBTS", 3)
    scenes = LabelContract("Scenes.", "spans", (KIND,), class_column="kind", overlap=False, about=())
    rows = [{"movie_id": "dawn", "start_s": n * 2.0, "end_s": n * 2.0 + 1, "kind": "a"} for n in range(20)]
    rows += [{"movie_id": "dusk", "start_s": 0.0, "end_s": 9.0, "kind": kind} for kind in ("a", "b")]
    found = find_doubts(scenes, pa.Table.from_pylist(rows, scenes.schema), {})
    assert [doubt.movie_id for doubt in found if doubt.kind == "contradiction"] == ["dusk"]


def test_a_doubt_of_whole_films_ends_with_the_film_and_is_json_where_its_end_is_unknown():
    table = pa.Table.from_pylist([{"movie_id": "dawn", "is_funny": is_one} for is_one in (True, False)], FUNNY.schema)
    (known,), (unknown,) = (find_doubts(FUNNY, table, films) for films in ({"dawn": FilmFacts(60.0)}, {}))
    assert (known.end_s, unknown.data()["end_s"]) == (60.0, None)
