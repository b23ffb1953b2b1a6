"""Features of shots: what is pooled over a shot, and what a shot without pictures, faces or sound gets."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError

from cinelake.errors import ContractViolation
from cinelake.spec.task import Film, find_task
from models.shots.inputs import describe_patches, face_vectors

FEATURES = find_task("shot_features")
SIZES = {"shots": 26, "embeddings": 2, "faces": 48 * 48, "sound": 96 * 64}


class Rows:
    """A table that was made by its contract."""

    def __init__(self, name: str, **columns: object):
        self._rows = find_task(name).contract.batch("film", **columns)

    def batches(self, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
        yield self._rows.select(columns or self._rows.schema.names)

    def read(self, columns: list[str] | None = None) -> pa.Table:
        return pa.Table.from_batches(list(self.batches(columns)))


def shots(*starts_s: float, end_s: float) -> Rows:
    count, ends = len(starts_s), [*starts_s[1:], end_s]
    return Rows(
        "shots",
        shot=range(count),
        start_frame=[int(s * 10) for s in starts_s],
        end_frame=[int(s * 10) for s in ends],
        start_s=starts_s,
        end_s=ends,
        transition=["cut"] * count,
        score=[1] * count,
        motion=np.arange(count * 26).reshape(count, 26),
    )


def pictures(times_s: list[float], values: list[list[float]]) -> Rows:
    n, nothing = len(times_s), [None] * len(times_s)
    return Rows(
        "embeddings",
        frame=range(n),
        time_s=times_s,
        shot=nothing,
        backbone=["x"] * n,
        embedding=np.array(values, np.float32),
        face=nothing,
        features=nothing,
    )


def faces(times_s: list[float], main: list[bool], **vectors: object) -> Rows:
    n = len(times_s)
    given = {"patch": np.zeros((n, 48 * 48), np.uint8), "embedding": [[None, None]] * n} | vectors
    boxes = {name: [0.1] * n for name in ("x", "y", "width", "height", "score")}
    return Rows("faces", frame=range(n), time_s=times_s, face=[0] * n, is_main=main, shot=[None] * n, **boxes, **given)


def sound(levels: list[np.ndarray], end_s: float) -> Rows:
    n = len(levels)
    starts = np.arange(n) * 0.96
    return Rows(
        "sound",
        window=range(n),
        start_s=starts,
        end_s=np.minimum(starts + 0.96, end_s),
        loudness_lufs=[-20] * n,
        is_silent=[False] * n,
        logmel=np.array(levels, np.float16).reshape(n, -1),
    )


def pool(tables: dict[str, Rows], **params: object) -> dict[str, np.ndarray]:
    worker = FEATURES.make(FEATURES.params(**params), Film("film"))
    (batch,) = worker.run(tables)
    FEATURES.contract.check(batch, "film")
    return {name: np.array(batch[name].to_pylist()) for name in batch.schema.names}


def test_the_place_is_the_mean_of_the_pictures_in_the_shot() -> None:
    seen = pictures([0.0, 0.5, 1.0, 9.0], [[1, 0], [3, 0], [0, 5], [9, 9]])
    found = pool({"shots": shots(0, 1, end_s=2), "embeddings": seen}, use=["place"])
    assert found["place"].tolist() == [[2, 0], [0, 5]]


def test_a_shot_without_a_picture_takes_the_nearest_in_time() -> None:
    seen = pictures([0.5, 9.5], [[1, 0], [0, 1]])
    found = pool({"shots": shots(0, 3, 6, 9, end_s=10), "embeddings": seen}, use=["place"])
    assert found["place"].tolist() == [[1, 0], [1, 0], [0, 1], [0, 1]]


def test_the_cast_is_the_mean_of_faces_and_zeros_without_a_face() -> None:
    seen = faces([0.1, 0.2], [True, False], embedding=[[1.0, 0.0], [0.0, 1.0]])
    tables = {"shots": shots(0, 1, end_s=2), "faces": seen}
    found, main = pool(tables, use=["cast"]), pool(tables, use=["cast"], faces="main")
    assert (found["cast"].tolist(), found["has_face"].tolist()) == ([[0.5, 0.5], [0, 0]], [True, False])
    assert main["cast"].tolist() == [[1, 0], [0, 0]]


def test_faces_without_an_embedding_are_described_by_their_patches() -> None:
    patches = np.random.default_rng(0).integers(0, 255, (2, 48 * 48)).astype(np.uint8)
    found = pool({"shots": shots(0, end_s=2), "faces": faces([0.1, 0.2], [True, True], patch=patches)}, use=["cast"])
    assert np.allclose(found["cast"][0], describe_patches(patches).mean(axis=0), atol=1e-6)


def test_faces_that_are_too_small_for_an_embedding_count_as_faces_and_not_for_the_cast() -> None:
    numbers = pa.array([*np.ones(128), *[None] * 256], pa.float32())
    some = faces([0.5, 0.6, 5.0], [True] * 3, embedding=pa.FixedSizeListArray.from_arrays(numbers, 128))
    found = pool({"shots": shots(0, 4, end_s=8), "faces": some}, use=["cast"])
    assert found["has_face"].tolist() == [True, True]
    assert found["cast"].tolist() == [[1.0] * 128, [0.0] * 128]


@pytest.mark.parametrize(("size", "width"), [(128, 128), (1, 143)])
def test_a_film_without_any_face_has_vectors_as_wide_as_those_of_other_films(size: int, width: int) -> None:
    embedding = pa.FixedSizeListArray.from_arrays(pa.array([], pa.float32()), size)
    patch = pa.FixedSizeListArray.from_arrays(pa.array([], pa.uint8()), 48 * 48)
    vectors, seen = face_vectors(embedding, patch)
    assert (vectors.shape, seen.shape) == ((0, width), (0,))


def test_a_patch_is_described_whatever_the_light() -> None:
    patch = np.random.default_rng(0).integers(20, 100, (1, 48 * 48))
    assert np.allclose(describe_patches(patch), describe_patches(2 * patch + 10), atol=1e-4)


def test_sound_counts_for_the_shot_in_which_it_is_heard() -> None:
    loud = np.zeros((96, 64))
    loud[50:] = 2.0  # from 0.5 s on
    found = pool({"shots": shots(0, 0.5, 2, end_s=3), "sound": sound([loud, loud * 0 + 2], 1.5)}, use=["audio"])
    assert np.allclose(found["audio"][:, 0], [0, 2, 0]) and np.allclose(found["audio"][:, 64:], 0)
    assert found["has_sound"].tolist() == [True, True, False]


def test_a_film_without_faces_and_sound_gets_zeros() -> None:
    silent = Rows(
        "sound", **{name: [] for name in ("window", "start_s", "end_s", "loudness_lufs", "is_silent", "logmel")}
    )
    nobody = faces([], [])
    found = pool({"shots": shots(0, 1, end_s=2), "faces": nobody, "sound": silent}, use=["cast", "audio"])
    assert not found["has_face"].any() and not found["has_sound"].any()
    assert not found["cast"].any() and found["audio"].shape == (2, 128)


@pytest.mark.parametrize(
    ("use", "reads"),
    [(["place"], ("shots", "embeddings")), (["audio", "cast"], ("shots", "faces", "sound")), (["action"], ("shots",))],
)
def test_only_the_tables_of_the_kinds_in_use_are_read(use: list[str], reads: tuple[str, ...]) -> None:
    assert FEATURES.inputs(FEATURES.params(use=use)) == reads


def test_the_action_is_the_motion_of_the_shot() -> None:
    found = pool({"shots": shots(0, 1, end_s=2)}, use=["action"])
    assert found["action"].tolist() == np.arange(52).reshape(2, 26).tolist()
    assert found["place"].tolist() == [[0], [0]]


@pytest.mark.parametrize("use", [[], ["place", "place"], ["colour"]])
def test_kinds_that_cannot_be_are_refused(use: list[str]) -> None:
    with pytest.raises(ValidationError):
        FEATURES.params(use=use)


def test_what_is_no_number_breaks_the_contract() -> None:
    batch = pool({"shots": shots(0, end_s=2)}, use=["action"])
    batch["place"] = np.array([[np.nan]], np.float32)
    del batch["movie_id"]
    with pytest.raises(ContractViolation, match="finite"):
        FEATURES.contract.check(FEATURES.contract.batch("film", **batch), "film")
