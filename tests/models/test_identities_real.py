"""A woman of one film is known again in her film and nowhere else, with a real recogniser."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from _real_data import REAL

from cinelake.lake.artefact import write_artefact
from cinelake.learning.images import MemoryTable
from cinelake.media.batches import FrameBatch
from cinelake.spec.arrays import Arrays
from cinelake.spec.artefact import Artefact
from cinelake.spec.example import Example
from cinelake.spec.task import Film, find_task
from cinelake.spec.training import Training
from models.identities import MODEL
from models.identities.config import Config

pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.skipif(not REAL.is_dir(), reason=f"no real data in {REAL} (CINELAKE_REAL_DATA names the folder)"),
]
PACK = REAL / "models" / "research_only" / "face_pack"
NOBODY_NAMED = pa.table({"time_s": [0.0], "person": pa.array([None], pa.string())})


def faces(film: str, every: int) -> Arrays:
    """The features of a film's faces, in every `every`th picture."""
    import av

    spec = find_task("faces")
    worker = spec.make(spec.params(detector="insightface", pack=str(PACK), fps=2), Film("film"))
    with av.open(str(REAL / "films" / film)) as opened:
        for number, frame in enumerate(opened.decode(video=0)):
            if number % every == 0:
                pixels = frame.to_ndarray(format="rgb24", width=640, height=360)[None]
                when = np.array([float(frame.time or 0)])
                worker.on_batch(FrameBatch(np.array([number]), when, np.array([0.04]), pixels))
    return MODEL.features({"faces": MemoryTable(pa.Table.from_batches(list(worker.finish())))}, Config())


def example(name: str, features: Arrays, labels: pa.Table) -> Example:
    return Example(name, name, features, MODEL.targets(labels, features, Config()))


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Artefact, Arrays, Arrays]:
    """A gallery of her first second, an unnamed film of others; and the features of both films."""
    woman, chaplin = faces("faces_one_woman.mp4", 30), faces("chaplin_10s.mp4", 10)
    photos = {name: values[:2] for name, values in woman.items()}
    named = pa.table({"time_s": photos["time_s"], "person": ["her"] * len(photos["time_s"])})
    films = [example("photos", photos, named), example("chaplin", chaplin, NOBODY_NAMED)]
    folder = tmp_path_factory.mktemp("identities")
    found = MODEL.train(films, [], Config(), Training(folder))
    return write_artefact(folder / "artefact", "identities", Config(), found), woman, chaplin


def test_she_is_known_in_her_film(learned: tuple[Artefact, Arrays, Arrays]):
    artefact, woman, _ = learned
    assert (MODEL.predict(artefact, woman)["character"] == "her").mean() > 0.9


def test_she_is_not_found_in_another_film(learned: tuple[Artefact, Arrays, Arrays]):
    artefact, _, chaplin = learned
    assert "her" not in MODEL.predict(artefact, chaplin)["character"]


def test_who_recurs_there_is_a_numbered_person(learned: tuple[Artefact, Arrays, Arrays]):
    artefact, _, chaplin = learned
    assert "person_1" in MODEL.predict(artefact, chaplin)["character"]


def test_without_any_names_a_person_keeps_the_number_in_the_next_version(
    learned: tuple[Artefact, Arrays, Arrays], tmp_path: Path
):
    _, woman, chaplin = learned
    first = taught(tmp_path / "1", [example("woman", woman, NOBODY_NAMED)])
    both = [example("chaplin", chaplin, NOBODY_NAMED), example("woman", woman, NOBODY_NAMED)]
    second = taught(tmp_path / "2", both, first)
    number = first.facts["people"][0]
    assert (MODEL.predict(second, woman)["character"] == number).mean() > 0.9
    assert number not in MODEL.predict(second, chaplin)["character"]


def taught(folder: Path, films: list[Example], champion: Artefact | None = None) -> Artefact:
    found = MODEL.train(films, [], Config(), Training(folder, champion=champion))
    return write_artefact(folder / "artefact", "identities", Config(), found)
