"""Arrays that do not fit memory lie on disk and read the same."""

from __future__ import annotations

import numpy as np
import pytest

from cinelake.errors import UsageError
from cinelake.lake.spill import SpillBuffer, bytes_in_memory, concatenate, is_on_disk, joined
from cinelake.spec.example import Example

VECTORS = np.arange(12, dtype=np.float32).reshape(4, 3)


def test_arrays_stay_in_memory_until_the_bound():
    buffer = SpillBuffer(bound=100)
    assert not is_on_disk(buffer.keep({"vectors": VECTORS})["vectors"])
    assert not is_on_disk(buffer.keep({"vectors": VECTORS})["vectors"])
    assert is_on_disk(buffer.keep({"vectors": VECTORS})["vectors"])


def test_an_array_on_disk_reads_as_it_was():
    kept = SpillBuffer(bound=0).keep({"vectors": VECTORS, "time_s": np.arange(4.0), "nothing": np.zeros((4, 0))})
    assert np.array_equal(kept["vectors"], VECTORS) and np.array_equal(kept["time_s"], np.arange(4.0))
    assert kept["nothing"].shape == (4, 0)


def test_nothing_is_left_in_the_folder_of_such_arrays(tmp_path, monkeypatch):
    monkeypatch.setenv("CINELAKE_CACHE", str(tmp_path))
    kept = concatenate([VECTORS], bound=0)
    assert is_on_disk(kept) and not list(tmp_path.iterdir())


def test_examples_on_disk_are_joined_on_disk():
    known = np.array([True, False, True, True])
    features = SpillBuffer(bound=0).keep({"vectors": VECTORS})
    rows = joined([Example("film", "film", features, {"known": known})] * 2, "vectors")
    assert is_on_disk(rows) and np.array_equal(rows, np.tile(VECTORS[known], (2, 1)))


def test_an_example_on_disk_is_cut_without_being_read():
    features = SpillBuffer(bound=0).keep({"vectors": VECTORS})
    assert is_on_disk(Example("film", "film", features, {}).steps(1, 3).features["vectors"])


def test_the_bound_is_a_setting(monkeypatch):
    monkeypatch.setenv("CINELAKE_TRAINING_GB", "0.5")
    assert bytes_in_memory() == 500_000_000
    monkeypatch.setenv("CINELAKE_TRAINING_GB", "much")
    with pytest.raises(UsageError, match="CINELAKE_TRAINING_GB is 'much'"):
        bytes_in_memory()
