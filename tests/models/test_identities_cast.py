"""Identities with the real detector and recogniser: a cast of portraits, and drawn people in the dark."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from _identities_films import faces, rows
from typer.testing import CliRunner

from cinelake.errors import CannotTrain
from cinelake.learning.candidate import Prepared, prepare, train_artefact
from cinelake.manifest.document import load_manifest
from cinelake.spec.artefact import Artefact
from cinelake.spec.example import Example
from cinelake.spec.training import Training
from cli.main import app
from examples.cast import CAST
from examples.faces import SPRITE_LEFT, SPRITE_TOP, face_sprite
from models.identities import MODEL
from models.identities.config import Config

pytestmark = pytest.mark.slow
SIDE, MIDDLE = 110, (240, 140)
"""Pixels of a drawn face's box, and where its middle is in a picture of 480 × 420."""
MANIFEST = 'lake: lake\ncatalogue: {films: "films/*"}\ntasks: {films: {}, shots: {}, frames: {}, faces: {}}\n'


def portrait(name: str) -> np.ndarray:
    """A picture (blue, green, red) of one of the cast."""
    sprite = face_sprite(name, SIDE, "neutral", 0, 0, 1)
    picture = np.full((420, 480, 3), 90, np.uint8)
    x, y = round(MIDDLE[0] + SPRITE_LEFT * SIDE), round(MIDDLE[1] + SPRITE_TOP * SIDE)
    cover = sprite[..., 3:] / 255
    place = picture[y : y + sprite.shape[0], x : x + sprite.shape[1]]
    place[:] = place * (1 - cover) + sprite[..., :3] * cover
    return picture


@pytest.fixture(scope="module")
def cast(tmp_path_factory: pytest.TempPathFactory) -> tuple[Prepared, Artefact]:
    """What is learned from one portrait each of five people, all files of one name."""
    folder = tmp_path_factory.mktemp("cast")
    (folder / "films").mkdir()
    (folder / "pipeline.yaml").write_text(MANIFEST)
    for name in [*CAST][:5]:
        (folder / "gallery" / name).mkdir(parents=True)
        cv2.imwrite(str(folder / "gallery" / name / "p.jpg"), portrait(name))
    (folder / "gallery" / "nobody_seen").mkdir()
    cv2.imwrite(str(folder / "gallery" / "nobody_seen" / "p.jpg"), np.full((420, 480, 3), 90, np.uint8))
    words = ["labels", "import", str(folder / "gallery"), "--model", "identities", "-m", str(folder / "pipeline.yaml")]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    manifest = load_manifest(folder / "pipeline.yaml")
    prepared = prepare(manifest, manifest.model("identities"))
    training = Training(folder, examples=prepared.dataset.examples)
    return prepared, train_artefact(prepared, Config(), training, folder / "artefact")


def test_a_cast_of_five_portraits_is_learned_and_told_to_be_unscored(cast: tuple[Prepared, Artefact]):
    prepared, artefact = cast
    assert sorted(artefact.facts["people"]) == sorted([*CAST][:5])
    assert prepared.all_films and "too few to hold any out" in prepared.split.warning


def test_a_person_whose_portrait_shows_no_face_is_told(cast: tuple[Prepared, Artefact]):
    assert "nothing of nobody_seen can be learned" in cast[0].split.warning


def test_each_portrait_is_its_own_person(cast: tuple[Prepared, Artefact]):
    prepared, artefact = cast
    examples = [example for example in prepared.dataset.examples if len(example)]
    found = {e.movie_id: MODEL.predict(artefact, e.features)["character"].tolist() for e in examples}
    assert found == {f"images_{name}_p": [name] for name in [*CAST][:5]}


def test_drawn_people_in_the_dark_and_out_of_focus_are_no_shared_person(tmp_path: Path):
    """The recogniser takes all of them for one person: each is within its limit of every other."""
    from tasks.faces.recogniser import FaceRecogniser
    from tasks.shared.pictures import grey, resize, square_crop

    box = ((MIDDLE[0] - SIDE / 2) / 480, (MIDDLE[1] - SIDE / 2) / 420, SIDE / 480, SIDE / 420)
    dark = [np.rint(cv2.GaussianBlur(portrait(name), (0, 0), 5) * 0.1).astype(np.uint8)[..., ::-1] for name in CAST]
    recogniser = FaceRecogniser()
    vectors = recogniser.describe(np.stack([recogniser.upright(np.ascontiguousarray(p), box) for p in dark]))
    patches = [resize(square_crop(grey(picture), box), 48, 48) for picture in dark]
    features = MODEL.features({"faces": faces(rows(vectors), patches=np.stack(patches))}, Config(at_least=1))
    alike = features["embedding"] @ features["embedding"].T
    assert alike.min() > Config().likeness
    known = np.ones(len(dark), bool) & features["counts"]
    targets = {"character": np.full(len(dark), ""), "known": known, "said": np.zeros(len(dark), bool)}
    with pytest.raises(CannotTrain, match="no picture shows a face that counts"):
        MODEL.train([Example("film", "film", features, targets)], [], Config(at_least=1), Training(tmp_path))
