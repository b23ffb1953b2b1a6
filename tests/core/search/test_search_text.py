"""Search by a text: pictures by a pair of networks that the manifest names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from _search_lake import commit
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, pre_tokenizers

from cinelake.client.lake_client import lake_contracts
from cinelake.errors import ModelUnusable, UsageError, WeightsMissing
from cinelake.lake.cells import Lake
from cinelake.search.searcher import Query, Searcher
from tasks.embeddings import EMBEDDINGS, EmbeddingsParams
from tasks.shared.texts import TextEncoder

COLOURS = {"red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1), "a": (0, 0, 0)}


def text_tower(folder: Path) -> dict[str, Path]:
    """A made pair's half for texts: each word its colour, a vector a token; and its tokenizer."""
    table = numpy_helper.from_array(np.array([*COLOURS.values()], np.float32), "table")
    graph = helper.make_graph(
        [helper.make_node("Gather", ["table", "input_ids"], ["vectors"])],
        "made",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT64, [1, "tokens"])],
        [helper.make_tensor_value_info("vectors", TensorProto.FLOAT, [1, "tokens", 3])],
        [table],
    )
    network = folder / "text.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), str(network))
    words = Tokenizer(models.WordLevel({word: n for n, word in enumerate(COLOURS)}, unk_token="a"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.save(str(folder / "tokenizer.json"))
    return {"text_network": network, "tokenizer": folder / "tokenizer.json"}


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Three pictures: of each colour one."""
    lake = Lake(str(tmp_path / "lake"))
    rows = EMBEDDINGS.batch(
        "alien",
        frame=[0, 1, 2],
        time_s=[0.0, 1.0, 2.0],
        shot=[0, 1, 2],
        backbone=["colours"] * 3,
        embedding=np.eye(3, dtype=np.float32),
        face=[None] * 3,
        features=[[None]] * 3,
    )
    commit(lake, EMBEDDINGS, "alien", [rows])
    return lake


def first_time(lake: Lake, text: str, params: EmbeddingsParams | None) -> float:
    query = Query(text=text, params=params)
    return Searcher(lake, lake_contracts(lake)).search(query).moments[0].time_s


@pytest.mark.parametrize(("text", "time_s"), [("a red a", 0.0), ("green", 1.0), ("blue blue green", 2.0)])
def test_a_text_finds_the_picture_that_it_names(lake: Lake, tmp_path: Path, text: str, time_s: float) -> None:
    assert first_time(lake, text, EmbeddingsParams(**text_tower(tmp_path))) == time_s


@pytest.mark.parametrize("params", [None, EmbeddingsParams()])
def test_without_a_network_of_texts_the_entry_is_named(lake: Lake, params: EmbeddingsParams | None) -> None:
    with pytest.raises(UsageError, match="network of texts"):
        first_time(lake, "red", params)


def test_a_network_of_texts_changes_no_key_of_vectors(tmp_path: Path) -> None:
    from cinelake.plan.keys import key_params

    assert key_params(EmbeddingsParams(**text_tower(tmp_path)), {}) == key_params(EmbeddingsParams(), {})


def test_both_files_are_named_or_none(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="belong together"):
        EmbeddingsParams(text_network=tmp_path / "text.onnx")


def test_foreign_files_that_are_none_are_refused(tmp_path: Path) -> None:
    files = text_tower(tmp_path)
    files["tokenizer"].write_text('{"model": {"type": "none"}}')
    with pytest.raises(ModelUnusable, match=r"cannot be read as a tokenizer\.json"):
        TextEncoder(files["text_network"], files["tokenizer"])
    with pytest.raises(WeightsMissing):
        TextEncoder(tmp_path / "none.onnx", files["tokenizer"])


def test_an_endless_text_is_cut(tmp_path: Path) -> None:
    files = text_tower(tmp_path)
    assert TextEncoder(files["text_network"], files["tokenizer"]).encode("red " * 100_000) == pytest.approx([1, 0, 0])
