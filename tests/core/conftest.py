"""Manifests as tests write them: over tasks and models of their own, loaded, or told by their problems."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from _declared_tasks import KNOWN
from _toy_model import MODEL as TOY
from _toy_tasks import HOOKS, TASKS, Night

from cinelake.errors import ManifestError, UnknownName
from cinelake.manifest import document as manifest_file
from cinelake.manifest import entries as manifest_entries
from cinelake.manifest.document import Manifest, load_manifest
from cinelake.spec.model import Model
from cinelake.spec.task import TaskSpec

HEAD = 'lake: lake\ncatalogue: {films: "films/*"}\n'


@pytest.fixture
def night(tmp_path: Path, draw_film: Callable[..., Path], own_tasks: Callable[..., None]) -> Iterator[Night]:
    """A night with one film of twenty pictures and a second of sound."""
    own_tasks(*TASKS)
    night = Night(tmp_path)
    draw_film(night.film, sound=True)
    yield night
    HOOKS.clear()


@pytest.fixture
def known_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    def find(name: str) -> TaskSpec:
        if name not in KNOWN:
            raise UnknownName("task", name, KNOWN)
        return KNOWN[name]

    monkeypatch.setattr(manifest_entries, "find_task", find)
    monkeypatch.setattr(manifest_entries, "known_tasks", lambda: tuple(sorted(KNOWN)))


@pytest.fixture
def own_kinds_of_models(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = {name: replace(TOY, name=name, reads=lambda _: ["cuts"]) for name in ("moods", "scenes")}

    def find(name: str) -> Model:
        if name not in kinds:
            raise UnknownName("model", name, kinds)
        return kinds[name]

    monkeypatch.setattr(manifest_entries, "find_model", find)
    for module in (manifest_entries, manifest_file):
        monkeypatch.setattr(module, "known_models", lambda: tuple(kinds))


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., Manifest]:
    def written(text: str, head: str = HEAD, **options: Any) -> Manifest:
        path = tmp_path / "pipeline.yaml"
        path.write_text(head + textwrap.dedent(text), encoding="utf-8")
        return load_manifest(path, **options)

    return written


@pytest.fixture
def problems(load: Callable[..., Manifest]) -> Callable[..., list[str]]:
    """The problems of a manifest as `line: setting: message`."""

    def found(text: str, head: str = HEAD, **options: Any) -> list[str]:
        with pytest.raises(ManifestError) as caught:
            load(text, head, **options)
        return [f"{p.line}: {p.where}: {p.message}" for p in caught.value.problems]

    return found
