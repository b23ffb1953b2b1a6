"""What several rooms' tests share: small films, and tasks of one's own."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from cinelake import task
from cinelake.media.ffmpeg import binary

settings.register_profile("shared-machine", deadline=None)
settings.load_profile("shared-machine")

DrawFilm = Callable[..., Path]
OwnTasks = Callable[..., None]


@pytest.fixture(scope="session")
def draw_film(tmp_path_factory: pytest.TempPathFactory) -> DrawFilm:
    """Draws a test card as a film: `draw_film(path, seconds=2, rate=10, sound=False)`; drawn once, then copied."""
    store = tmp_path_factory.mktemp("drawn")

    def draw(path: Path, *, seconds: float = 2, rate: int = 10, sound: bool = False) -> Path:
        drawn = store / f"{seconds}-{rate}-{sound}.mp4"
        if not drawn.exists():
            inputs = ["-f", "lavfi", "-i", f"testsrc=size=64x48:rate={rate}:duration={seconds}"]
            inputs += ["-f", "lavfi", "-i", f"sine=duration={seconds}"] if sound else []
            subprocess.run([binary(), "-loglevel", "error", *inputs, "-pix_fmt", "yuv420p", str(drawn)], check=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(drawn.read_bytes())
        return path

    return draw


@pytest.fixture
def own_tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OwnTasks]:
    """Makes task classes known as an installed package would: by entry points of group `cinelake.tasks`."""
    package = tmp_path / "site"
    about = package / "own_tasks-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: own-tasks\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(package)

    def declare(*classes: Any) -> None:
        points = [f"{cls.spec.name} = {cls.__module__}:{cls.__qualname__}" for cls in classes]
        (about / "entry_points.txt").write_text("\n".join(["[cinelake.tasks]", *points]))
        _forget_tasks()

    yield declare
    _forget_tasks()


def _forget_tasks() -> None:
    task.known_tasks.cache_clear()
    task.find_task.cache_clear()
