"""An object store whose buckets are folders, behind `pyarrow.fs` as the real ones are; it counts what it is asked.

What a real one answers is tried in `tests/end_to_end/test_films_on_object_store.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.dirfs import DirFileSystem
from fsspec.implementations.local import LocalFileSystem
from pyarrow import fs

from cinelake.storage.store import StorageLocation

Hook = Callable[[str], None]


class FolderStore(fs.FSSpecHandler):
    """Buckets below a folder. `on_open`, `on_list`: what happens when a file is opened or a folder listed."""

    def __init__(self, folder: Path):
        super().__init__(DirFileSystem(str(folder), LocalFileSystem()))
        self.folder = folder
        self.asked: Counter[str] = Counter()
        self.on_open: Hook = lambda _: None
        self.on_list: Hook = lambda _: None

    def get_file_info(self, paths: list[str]) -> Any:
        """One request for each."""
        self.asked["look"] += len(paths)
        return super().get_file_info(paths)

    def get_file_info_selector(self, selector: fs.FileSelector) -> Any:
        """One listing."""
        self.asked["list"] += 1
        self.on_list(selector.base_dir)
        return super().get_file_info_selector(selector)

    def open_input_file(self, path: str) -> Any:
        """One object is begun."""
        self.asked["open"] += 1
        self.on_open(path)
        return super().open_input_file(path)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FolderStore:
    """The store that every address of a test is on."""
    store = FolderStore(tmp_path / "store")
    store.folder.mkdir()
    opened = fs.PyFileSystem(store)
    monkeypatch.setattr(StorageLocation, "open", lambda place: (opened, place.uri.partition("://")[2]))
    return store


def raising(words: str, times: int = 10**6) -> Hook:
    """A hook that fails as Arrow's S3 does, with these words."""
    left = [times]

    def fail(path: str) -> None:
        left[0] -= 1
        if left[0] >= 0:
            raise OSError(f"When reading information for key {path!r}: AWS Error {words}")

    return fail
