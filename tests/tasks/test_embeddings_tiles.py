"""Embeddings over tiles: small things count, and tables made without tiles stay what they were."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from _drawn_face import frames_table
from _made_networks import mean_colour
from pydantic import ValidationError

from cinelake.plan.keys import key_params
from cinelake.spec.task import Film, find_task
from tasks.embeddings.tiles import Grid

EMBEDDINGS = find_task("embeddings")


def dot(x: int, y: int, side: int = 8) -> np.ndarray:
    """A black picture of 128 × 64 with a white square at (x, y)."""
    picture = np.zeros((64, 128, 3), np.uint8)
    picture[y : y + side, x : x + side] = 255
    return picture


def vectors(file: Path, *pictures: np.ndarray, **params: object) -> np.ndarray:
    params = {"backbone": {"file": file}, "preprocess": "0-1", **params}
    worker = EMBEDDINGS.make(EMBEDDINGS.params(**params), Film("film"))
    table = pa.Table.from_batches(list(worker.run({"frames": frames_table(*pictures)})))
    return np.stack(table["embedding"].to_numpy(zero_copy_only=False))


def test_tiles_cover_the_picture_and_each_overlaps_half_of_the_next() -> None:
    numbers = np.arange(64 * 128).reshape(64, 128)
    tiles = Grid.of("3x2").cut(numbers)
    assert {tile.shape for tile in tiles} == {(43, 64)} and len(tiles) == 6
    assert np.unique(np.concatenate([tile.ravel() for tile in tiles])).size == numbers.size


def test_the_largest_over_tiles_shows_a_small_thing_wherever_it_is(tmp_path: Path) -> None:
    found = vectors(mean_colour(tmp_path / "n.onnx"), dot(4, 4), dot(108, 50), tiles="3x3", pooling="max")
    whole, tiles = found[:, 0], found[:, 3]
    assert tiles == pytest.approx(4 * whole, rel=0.2) and whole == pytest.approx(64 / 8192, rel=0.2)


def test_a_vector_is_the_whole_pictures_then_the_tiles(tmp_path: Path) -> None:
    file, picture = mean_colour(tmp_path / "n.onnx"), dot(4, 4)
    alone, tiled = vectors(file, picture), vectors(file, picture, tiles="2x2")
    parts = vectors(file, *Grid.of("2x2").cut(picture))
    assert np.array_equal(tiled[0, :3], alone[0]) and tiled[0, 3:] == pytest.approx(parts.mean(axis=0), abs=1e-6)


def test_rows_are_the_same_whatever_the_batch_size(tmp_path: Path) -> None:
    file, pictures = mean_colour(tmp_path / "n.onnx"), [dot(4 * i, 2 * i) for i in range(20)]
    one, many = (vectors(file, *pictures, tiles="2x2", batch_size=size) for size in (1, 64))
    assert np.array_equal(one, many)


def test_the_largest_of_a_map_over_its_places(tmp_path: Path) -> None:
    found = vectors(mean_colour(tmp_path / "n.onnx"), dot(0, 0, 32), layer="doubled", pooling="max")
    assert found.tolist() == [[2.0, 2.0, 2.0]]


def test_without_tiles_no_key_changes() -> None:
    assert "tiles" not in key_params(EMBEDDINGS.params(), {})
    assert key_params(EMBEDDINGS.params(tiles="3x3"), {})["tiles"] == "3x3"


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"tiles": "1x1"}, "the whole picture"),
        ({"tiles": "9x9"}, "such as 3x3. Received: '9x9'"),
        ({"tiles": 3}, "such as 3x3. Received: 3"),
        ({"tiles": "3x3", "source": "faces"}, "source must be 'frames'"),
        ({"tiles": "3x3", "pooling": "flatten"}, "must be 'avg' or 'max'"),
    ],
)
def test_tiles_that_cannot_be_are_refused(params: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        EMBEDDINGS.params(**params)
