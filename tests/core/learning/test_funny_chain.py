"""Faces, what they show and what is said, from drawn films to funny spans: the whole chain, through the lake."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from core._mlflow_store import store_in
from core.learning._taught import Project

from cinelake.lake.artefact import write_artefact
from cinelake.lake.cells import Lake
from cinelake.lake.champions import record_version
from cinelake.spec.arrays import Arrays
from cinelake.spec.example import Example
from cinelake.spec.model import Trained, find_model
from cinelake.spec.task import Params
from cinelake.spec.training import Training
from examples.draw import draw_catalogue
from models.expressions.config import Config as Faces
from models.expressions.networks import build
from models.funny import MODEL
from models.funny.config import Config

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
LINES = ("- Knock, knock.", "- Who is there?", "- A film.", "A film who?", "- A film that was drawn.", "- Ha ha ha!")
AGENT = Config(use=("expressions", "turns", "words"), step="line", context=0, scene_steps=3, scenes=60, memory=96,
               dropout=0, refit=False)  # fmt: skip
CONFIG = json.dumps(AGENT.model_dump(mode="json", exclude_unset=True))


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Two drawn films of six seconds with a line each second, and all that is read from them."""
    folder = tmp_path_factory.mktemp("spoken")
    draw_catalogue(folder, 2, seed=5, workers=1, seconds=6.0)
    for film in sorted((folder / "films").glob("*.mp4")):
        cues = [f"{n + 1}\n00:00:0{n},100 --> 00:00:0{n},900\n{text}\n" for n, text in enumerate(LINES)]
        film.with_suffix(".en.srt").write_text("\n".join(cues))
    (folder / "pipeline.yaml").write_text(
        f"lake: lake\ncatalogue: {{films: 'films/*.mp4'}}\ntracking: {{uri: {store_in(folder).uri}}}\n"
        f"models: {{expressions: {{labels: expressions}}, funny: {{labels: funny, config: {CONFIG}}}}}\n"
        "tasks: {films: , shots: , frames: {fps: 2}, faces: {detector: dlib}, subtitles: , expressions: , funny: }\n"
    )
    project = Project(folder)
    make_champion(project, "expressions", Faces(), Trained(build("light", 0.0)))
    project.run()
    return project


def make_champion(project: Project, name: str, config: Params, trained: Trained) -> None:
    """The version by which the tables of `name` are made, as a training leaves it."""
    planning = project.plan()
    inputs = {table: planning.whole.by_table[table].recipe_hash for table in find_model(name).reads(config)}
    artefact = write_artefact(project.folder / name, name, config, trained, inputs)
    record_version(planning.lake, name, 1, artefact, champion=True)


def seen(project: Project, film: str) -> Arrays:
    lake = Lake(str(project.folder / "lake"))
    return MODEL.features({name: lake.reader(name, film) for name in MODEL.reads(AGENT)}, AGENT)


def films(folder: Path) -> list[str]:
    return sorted(path.stem for path in (folder / "films").glob("*.mp4"))


def test_lines_and_faces_of_drawn_films_are_what_the_agent_sees(spoken: Project) -> None:
    found = [seen(spoken, film) for film in films(spoken.folder)]
    assert all([len(film[kind]) for kind in AGENT.use] == [6, 6, 6] for film in found)
    assert sum(film["expressions"][:, -2].sum() for film in found) > 0  # some lines are said while a face is seen


def test_an_agent_that_learned_from_them_makes_their_funny_spans(spoken: Project) -> None:
    funny, lake = np.array([False] * 4 + [True] * 2), Lake(str(spoken.folder / "lake"))
    learned = [Example(film, film, seen(spoken, film), {"funny": funny, "known": np.ones(6, bool)})
               for film in films(spoken.folder)]  # fmt: skip
    make_champion(spoken, "funny", AGENT, MODEL.train(learned, [], AGENT, Training(spoken.folder / "fitting")))
    assert {table for _, table in spoken.run()} == {"funny"}
    assert len(lake.reader("funny", films(spoken.folder)[0]).read())
