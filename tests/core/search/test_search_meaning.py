"""Search of lines by meaning: the nearest to a sentence first, by a made encoder that knows a few words."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
from _search_lake import commit, searched_lake
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, pre_tokenizers

from cinelake.client.lake_client import lake_contracts
from cinelake.errors import UsageError
from cinelake.lake.cells import Lake
from cinelake.plan.keys import key_params
from cinelake.search import lines as lines_of_search
from cinelake.search import searcher
from cinelake.search.conditions import Conditions
from cinelake.search.searcher import Query, Searcher
from cinelake.search.spans import Span
from cinelake.search.words import FoundLine
from cinelake.spec.task import Film
from tasks.line_vectors import LINE_VECTORS, EmbedLines, LineVectorsParams, preflight
from tasks.subtitles import SUBTITLES
from tasks.writing import WRITING

MEANINGS = {"dog": (1, 0, 0), "hound": (0.9, 0.1, 0), "sea": (0, 1, 0), "ocean": (0, 0.9, 0.1), "a": (0, 0, 1)}
LINES = {"alien": ["a hound", "the ocean", ""], "brazil": ["dog dog", "sea a"]}


def encoder(folder: Path, axes: int = 3) -> dict[str, Path]:
    """A sentence encoder that gives each word its meaning, a vector a token; and its tokenizer."""
    table = np.zeros((len(MEANINGS), axes), np.float32)
    table[:, :3] = list(MEANINGS.values())
    graph = helper.make_graph(
        [helper.make_node("Gather", ["table", "input_ids"], ["vectors"])],
        "made",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT64, [1, "tokens"])],
        [helper.make_tensor_value_info("vectors", TensorProto.FLOAT, [1, "tokens", axes])],
        [numpy_helper.from_array(table, "table")],
    )
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), str(folder / "lines.onnx")
    )
    words = Tokenizer(models.WordLevel({word: n for n, word in enumerate(MEANINGS)}, unk_token="a"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.save(str(folder / "tokenizer.json"))
    return {"network": folder / "lines.onnx", "tokenizer": folder / "tokenizer.json"}


@pytest.fixture
def params(tmp_path: Path) -> LineVectorsParams:
    return LineVectorsParams(**encoder(tmp_path), of=("subtitles", "writing"))


@pytest.fixture
def lake(tmp_path: Path, params: LineVectorsParams) -> Lake:
    """Two films that say something, one of which has a sign; each line two seconds."""
    lake = searched_lake(tmp_path)
    for movie_id, lines in LINES.items():
        starts = [2.0 * number for number in range(len(lines))]
        columns: dict[str, Any] = {"start_s": starts, "end_s": [start + 2 for start in starts], "text": lines}
        many = {"language": ["en"], "track": [0], "source": [".srt"]}
        rows = SUBTITLES.batch(
            movie_id, line=range(len(lines)), **columns, **{name: value * len(lines) for name, value in many.items()}
        )
        commit(lake, SUBTITLES, movie_id, [rows])
        places: dict[str, Any] = {n: [0.1] for n in ("x", "y", "width", "height", "speed", "time_s", "score")}
        sign = WRITING.batch(
            movie_id, line=[0], start_s=[5.0], end_s=[9.0], text=["dog"], is_credit=[False], pictures=[1], **places
        )
        commit(lake, WRITING, movie_id, [sign] if movie_id == "alien" else [])
        made = EmbedLines(params, Film(movie_id)).run({n: lake.reader(n, movie_id) for n in params.of})
        commit(lake, LINE_VECTORS, movie_id, made, params=key_params(params, preflight(params)))
    return lake


def found(lake: Lake, params: LineVectorsParams | None, kind: str = "said", text: str = "dog", **query: Any) -> list:
    asked = Query(words={kind: (text,)}, by="meaning", lines_params=params, **query)
    return Searcher(lake, lake_contracts(lake)).search(asked).moments


def test_the_nearest_in_meaning_comes_first_whatever_its_words(lake: Lake, params: LineVectorsParams) -> None:
    moments = found(lake, params)
    assert [moment.what for moment in moments][:2] == ["“dog dog”", "“a hound”"] and len(moments) == 4
    assert moments[0].score == pytest.approx(1.0) and moments[1].score < 1.0


def test_kinds_of_lines_are_told_apart(lake: Lake, params: LineVectorsParams) -> None:
    assert [(moment.movie_id, moment.start_s) for moment in found(lake, params, "written")] == [("alien", 5.0)]


def test_a_meaning_is_conjoined_with_other_conditions(lake: Lake, params: LineVectorsParams) -> None:
    chase = Conditions({"tags": [("chase",)]})  # from 5 s to 10 s
    (moment,) = found(lake, params, "written", "ocean", conditions=chase)
    assert "“dog”" in moment.what and "chase" in moment.what


def test_the_moment_nearest_to_two_meanings_is_found(lake: Lake, params: LineVectorsParams) -> None:
    query = Query(words={"said": ("sea", "ocean")}, by="meaning", lines_params=params, limit=1)
    (moment,) = Searcher(lake, lake_contracts(lake)).search(query).moments
    assert moment.what == "“sea a”" and moment.score == pytest.approx(0.5**0.5)


def test_lines_that_are_far_apart_are_not_compared(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where something less relevant must hold too, thousands of lines are looked at before the best are known."""
    lines = [FoundLine("alien", 2.0 * n, 2.0 * n + 1, "dog", 0.9 - n * 1e-4, "said") for n in range(1000)]
    compared: list[FoundLine] = []
    monkeypatch.setattr(lines_of_search, "is_same", lambda one, _: compared.append(one))
    monkeypatch.setattr(
        searcher, "MeaningIndex", lambda *_: SimpleNamespace(films=["alien"], find=lambda *_: iter(lines))
    )
    monkeypatch.setattr(searcher, "spans_where", lambda *_: {"alien": [Span(0.0, 2000.0, 0.1, "tense")]})
    moments = found(lake, None, conditions=Conditions({"affect": [("arousal>0.5",)]}), limit=3)
    assert [moment.start_s for moment in moments] == [0.0, 2.0, 4.0] and len(compared) < 50 * len(lines)


def test_films_and_their_number_are_as_asked_for(lake: Lake, params: LineVectorsParams) -> None:
    assert [moment.movie_id for moment in found(lake, params, films=("alien",), limit=1)] == ["alien"]


def test_a_lake_without_vectors_of_lines_says_what_to_name(tmp_path: Path, params: LineVectorsParams) -> None:
    with pytest.raises(UsageError, match="no vectors of lines: name `line_vectors`"):
        found(searched_lake(tmp_path), params)


def test_without_the_manifests_entry_there_is_no_encoder(lake: Lake) -> None:
    with pytest.raises(UsageError, match="name the manifest whose entry 'line_vectors' names the encoder"):
        found(lake, None)


def test_an_encoder_that_is_not_the_lakes_is_refused(lake: Lake, tmp_path: Path, params: LineVectorsParams) -> None:
    encoder(tmp_path, axes=4)
    with pytest.raises(UsageError, match="other settings"):
        found(lake, params)


def test_a_meaning_needs_a_line_that_is_said_or_written(lake: Lake) -> None:
    with pytest.raises(UsageError, match="--said or --written"):
        Searcher(lake, lake_contracts(lake)).search(Query(text="dog", by="meaning"))


def test_the_manifest_must_name_an_encoder_and_tables_of_lines(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no sentence encoder comes with Cinelake"):
        LineVectorsParams()
    with pytest.raises(ValueError, match="'subtitle' has no lines of text: did you mean"):
        LineVectorsParams(**encoder(tmp_path), of=("subtitle",))
