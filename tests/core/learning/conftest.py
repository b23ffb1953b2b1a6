"""Projects to teach."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from core._toy_model import MODEL
from core.learning._taught import CountLoud, FindLoud, Project
from end_to_end._lakes import prefect

__all__ = ["prefect"]
FILMS = 12


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What is made once and copied for every test."""
    return {"store": tmp_path_factory.mktemp("taught")}


@pytest.fixture
def project(
    tmp_path: Path, kept: dict[str, Path], own_tasks: Callable[..., None], own_models: Callable[..., None]
) -> Project:
    """Twelve films whose `films` and `sound` are in the lake; the model's tables wait for a champion."""
    own_models(MODEL)
    own_tasks(FindLoud, CountLoud)
    if "project" not in kept:
        made = Project(kept["store"] / "project")
        made.folder.mkdir()
        made.write()
        made.add_films(FILMS)
        made.run()
        kept["project"] = made.folder
    shutil.copytree(kept["project"], tmp_path / "project")
    copy = Project(tmp_path / "project")
    (copy.folder / "mlflow.db").unlink()
    copy.write()
    return copy


@pytest.fixture
def labelled(project: Project) -> Project:
    """The same with labels for all films."""
    project.label([f"film_{n:02d}" for n in range(FILMS)])
    return project
