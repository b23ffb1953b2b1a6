"""What several rooms' tests share: small films, and tasks of one's own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from cinelake.media.ffmpeg import binary
from cinelake.spec import installed as plugins
from cinelake.spec import model, task

settings.register_profile("exploring", deadline=None)
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "exploring"))

DrawFilm = Callable[..., Path]
OwnTasks = Callable[..., None]
OwnModels = Callable[..., None]


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


@pytest.fixture(scope="session", autouse=True)
def no_server_left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Servers that stayed for the next run of a test's project do not outlive the tests."""
    yield
    import psutil

    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if "flows.own_prefect" in words and str(tmp_path_factory.getbasetemp()) in " ".join(words):
            process.terminate()


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
    plugins.installed.cache_clear()
    task.known_tasks.cache_clear()
    task.find_task.cache_clear()


@pytest.fixture
def own_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OwnModels]:
    """Makes models known, here and in processes started from here, as an installed package would: by entry points."""
    package = tmp_path / "models_site"
    about = package / "own_models-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: own-models\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(package)

    def declare(*declarations: model.Model) -> None:
        points = [f"{declared.name} = {declared.train.__module__}:MODEL" for declared in declarations]
        (about / "entry_points.txt").write_text("\n".join(["[cinelake.models]", *points]))
        modules = [Path(str(sys.modules[declared.train.__module__].__file__)).parent for declared in declarations]
        places = [str(Path(__file__).parents[1]), str(Path(__file__).parent), str(package), *map(str, modules)]
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(dict.fromkeys(places)))
        _forget_models()

    yield declare
    _forget_models()


def _forget_models() -> None:
    plugins.installed.cache_clear()
    model.known_models.cache_clear()
    model.find_model.cache_clear()
