"""Images in class folders become films of their own, one a source, whose features the lake's tasks make."""

import cv2
import numpy as np
import pytest
from _labelled import FACES, SCENES, TAGS

from cinelake.errors import CannotTrain
from cinelake.labels.images import image_file, image_rows, keep_images, kept_names, numbered, scan_images
from cinelake.learning.images import MemoryTable, image_features, image_table
from cinelake.manifest.document import load_manifest
from cinelake.spec.roles import FromStills
from cinelake.spec.task import find_task, tasks_with


def draw(folder, *names, size=(48, 64), seed=0):
    """Images of noise, each another; gives the folder."""
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng([seed, number]).integers(0, 255, (*size, 3), np.uint8)
        cv2.imwrite(str(path), noise)
    return folder


def again(path, name):
    """The same content under another name."""
    (path.parent.parent / name).parent.mkdir(exist_ok=True)
    (path.parent.parent / name).write_bytes(path.read_bytes())


def said(scan, folder):
    return [str(problem).replace(f"{folder}/", "") for problem in scan.problems]


def kept(root, folder, contract=TAGS):
    """Import the images of a folder; gives the rows of their labels as film, image and class."""
    scan = scan_images(folder, contract, kept=kept_names(root, "toy"))
    numbers = numbered(root, "toy", scan.pictures)
    keep_images(root, "toy", scan.pictures, numbers)
    rows = image_rows(folder, scan, contract, numbers).rows
    return list(zip(*(rows[name].to_pylist() for name in ("movie_id", "start_shot", "kind")), strict=True))


# --- the folder


def test_images_are_grouped_by_what_stands_before_the_last_number(tmp_path):
    folder = draw(tmp_path, "chase/Heat_001.jpg", "chase/Heat_002.jpg", "sorrow/heat-7.png", "sorrow/alien 3_1.jpg")
    films = {picture.movie_id for picture in scan_images(folder, TAGS).pictures}
    assert films == {"images_heat", "images_alien_3"}


def test_a_pattern_says_what_an_images_source_is(tmp_path):
    folder = draw(tmp_path, "chase/a1-heat.jpg", "chase/a2-heat.jpg", "sorrow/nothing.jpg")
    scan = scan_images(folder, TAGS, r"-(\w+)\.jpg$")
    assert {picture.movie_id for picture in scan.pictures} == {"images_heat"}
    assert said(scan, folder)[0].startswith("sorrow/nothing.jpg: --source-pattern ")


def test_names_that_tell_no_source_get_a_warning(tmp_path):
    (note,) = scan_images(draw(tmp_path, "chase/1.jpg", "chase/2.jpg", "sorrow/3.jpg"), TAGS).notes
    assert "source of its own" in note and "--source-pattern" in note


def test_the_same_picture_twice_in_a_class_is_dropped_and_told(tmp_path):
    folder = draw(tmp_path, "chase/heat_1.jpg", "chase/heat_2.jpg")
    again(folder / "chase/heat_1.jpg", "chase/copy_9.jpg")
    scan = scan_images(folder, TAGS)
    assert len(scan.pictures) == 2 and not scan.problems
    assert any("heat_1.jpg is dropped: the same picture as" in note for note in scan.notes)


def test_the_same_picture_in_two_classes_has_both_or_is_a_problem(tmp_path):
    folder = draw(tmp_path, "chase/heat_1.jpg")
    again(folder / "chase/heat_1.jpg", "sorrow/heat_1.jpg")
    assert scan_images(folder, TAGS).pictures[0].classes == ("chase", "sorrow")
    assert "sorrow/heat_1.jpg: the same picture as" in said(scan_images(folder, SCENES), folder)[0]


def test_all_that_is_wrong_with_images_is_said_at_once(tmp_path):
    folder = draw(tmp_path, "chase/ok_1.jpg", "chase/torn_2.jpg")
    whole = (folder / "chase/torn_2.jpg").read_bytes()
    (folder / "chase/torn_2.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "chase/text_3.png").write_text("no picture")
    (folder / "sorrow").mkdir()
    found = said(scan_images(folder, TAGS), folder)
    assert [problem.split(":")[0] for problem in found] == ["chase/text_3.png", "chase/torn_2.jpg", "sorrow"]
    assert "damaged" in found[0] and "damaged" in found[1] and "has no image" in found[2]


def test_a_huge_image_is_refused_before_it_is_decoded(tmp_path):
    folder = tmp_path / "chase"
    folder.mkdir()
    cv2.imwrite(str(folder / "huge_1.png"), np.zeros((8000, 7000), np.uint8))
    assert "the image is huge: 7000 × 8000 pixels" in said(scan_images(tmp_path, TAGS), tmp_path)[0]


def test_a_folder_without_classes_is_a_problem(tmp_path):
    assert "expected a folder for each class" in said(scan_images(tmp_path, TAGS), tmp_path)[0]


def test_images_of_one_name_in_two_folders_are_two_sources(tmp_path):
    folder = draw(tmp_path, "jack/p.jpg", "rose/p.jpg", "rose/q.jpg")
    scan = scan_images(folder, TAGS)
    assert [picture.movie_id for picture in scan.pictures] == ["images_jack_p", "images_rose_p", "images_q"]
    assert "jack/p is images_jack_p" in scan.notes[0]


def test_folders_and_names_that_are_spelled_alike_are_told_apart_too(tmp_path):
    folder = draw(tmp_path, "a_b/c.jpg", "x/c.jpg", "a/b_c.jpg", "y/b_c.jpg")
    assert len({picture.movie_id for picture in scan_images(folder, TAGS).pictures}) == 4


# --- what is kept


def test_an_image_that_was_kept_by_its_name_stays_when_one_of_that_name_comes_from_another_folder(tmp_path):
    before = kept(tmp_path, draw(tmp_path / "one", "jack/p.jpg"))
    after = kept(tmp_path, draw(tmp_path / "two", "rose/p.jpg", seed=1))
    both = kept(tmp_path, draw(draw(tmp_path / "three", "jack/p.jpg"), "rose/p.jpg", seed=1))
    assert before == [("images_p", 0, "jack")] and after == [("images_rose_p", 0, "rose")] and both == before + after


def test_an_image_is_the_shot_of_its_number_in_its_sources_film(tmp_path):
    folder = draw(tmp_path / "in", "chase/heat_1.jpg", "sorrow/heat_2.jpg", "sorrow/alien_1.jpg")
    rows = kept(tmp_path, folder)
    assert rows == [("images_heat", 0, "chase"), ("images_alien", 0, "sorrow"), ("images_heat", 1, "sorrow")]


def test_an_image_is_a_moment_where_the_model_learns_from_moments(tmp_path):
    scan = scan_images(draw(tmp_path / "in", "chase/heat_1.jpg", "sorrow/heat_2.jpg"), FACES)
    rows = image_rows(tmp_path / "in", scan, FACES, numbered(tmp_path, "toy", scan.pictures)).rows
    assert (rows["time_s"].to_pylist(), rows["kind"].to_pylist()) == ([0.0, 1.0], ["chase", "sorrow"])


def test_an_image_keeps_its_number_when_others_are_imported_later(tmp_path):
    folder = draw(tmp_path / "in", "chase/heat_5.jpg", "chase/heat_6.jpg")
    before = kept(tmp_path, folder)
    draw(folder, "chase/heat_1.jpg", seed=1)
    assert sorted(kept(tmp_path, folder)) == [*before, ("images_heat", 2, "chase")]


def test_wide_images_are_kept_shrunk_and_small_jpegs_as_they_are(tmp_path):
    folder = draw(tmp_path / "in", "chase/small_1.jpg")
    draw(folder, "chase/wide_1.png", size=(100, 2560))
    kept(tmp_path, folder)
    small, wide = (image_table(image_file(tmp_path, "toy", f"images_{name}"), "frames") for name in ("small", "wide"))
    assert small["jpeg"][0].as_py() == (folder / "chase/small_1.jpg").read_bytes()
    assert (wide["width"].to_pylist(), wide["height"].to_pylist()) == ([1280], [50])


# --- features


@pytest.fixture
def pictures(tmp_path):
    """An image film of three."""
    kept(tmp_path, draw(tmp_path / "in", "chase/heat_1.jpg", "chase/heat_2.jpg", "sorrow/heat_3.png"))
    return image_file(tmp_path, "toy", "images_heat")


@pytest.fixture
def entries(tmp_path):
    """Reads the entries of a manifest."""

    def read(text):
        (tmp_path / "pipeline.yaml").write_text(f"lake: lake\ncatalogue: {{films: '*'}}\ntasks:\n{text}")
        return load_manifest(tmp_path / "pipeline.yaml").tasks

    return read


def test_images_are_frames_and_shots_that_keep_their_contracts(pictures):
    made_of_pictures = [task for task, role in tasks_with(FromStills).items() if role.stills == "pictures"]
    tables = {task: image_table(pictures, task) for task in made_of_pictures}
    assert {name: len(table) for name, table in tables.items()} == {"frames": 3, "shots": 3}
    assert tables["frames"]["shot"].to_pylist() == [0, 1, 2] and all(tables["frames"]["is_middle"].to_pylist())


def test_images_are_measured_as_the_frames_of_films_are(pictures):
    from tasks.frames.luma import measure

    row = image_table(pictures, "frames").to_pylist()[0]
    luma = cv2.imdecode(np.frombuffer(row["jpeg"], np.uint8), cv2.IMREAD_GRAYSCALE)
    assert {name: row[name] for name in measure(luma)} == pytest.approx(measure(luma), rel=1e-6)


def test_features_of_images_are_made_by_the_tasks_of_the_manifest(pictures, entries, tmp_path):
    tasks = entries("  shots: {}\n  frames: {}\n  looks: {task: embeddings, batch_size: 2}\n")
    made = image_features(pictures, {"embeddings": "looks", "shots": "shots"}, tasks, tmp_path / "cache")
    direct = find_task("embeddings").make(tasks["looks"].params, _film())
    (first, *_) = direct.run({"frames": MemoryTable(image_table(pictures, "frames"))})
    assert made["embeddings"].read(["shot"])["shot"].to_pylist() == [0, 1, 2] and len(made["shots"].read()) == 3
    assert next(iter(made["embeddings"].batches())).slice(0, 2)["embedding"].equals(first["embedding"])


def _film():
    from cinelake.spec.task import Film

    return Film("images_heat")


def test_what_was_made_of_images_is_not_made_again(pictures, entries, tmp_path):
    tasks = entries("  shots: {}\n  frames: {}\n  embeddings: {backbone: descriptor}\n")
    made = []
    for _ in range(2):
        image_features(pictures, {"embeddings": "embeddings"}, tasks, tmp_path / "cache")
        made += [path.stat().st_ino for path in (tmp_path / "cache").rglob("*.parquet")]
    assert len(made) == 2 and made[0] == made[1]


def test_other_parameters_or_other_images_are_made_anew(pictures, entries, tmp_path):
    for text in ("{}", "{batch_size: 4}"):
        tasks = entries(f"  shots: {{}}\n  frames: {{}}\n  embeddings: {text}\n")
        image_features(pictures, {"embeddings": "embeddings"}, tasks, tmp_path / "cache")
    kept(tmp_path, draw(tmp_path / "more", "chase/heat_9.jpg", seed=5))
    image_features(pictures, {"embeddings": "embeddings"}, tasks, tmp_path / "cache")
    assert len(list((tmp_path / "cache").rglob("*.parquet"))) == 3


@pytest.mark.parametrize(
    ("wanted", "said"),
    [("sound", "moving pictures or sound, and images have none"), ("echoes", "no entry of `tasks` makes")],
)
def test_what_images_have_not_cannot_be_trained_on(pictures, entries, tmp_path, wanted, said):
    tasks = entries("  shots: {}\n  frames: {}\n  sound: {}\n")
    with pytest.raises(CannotTrain, match=said):
        image_features(pictures, {wanted: wanted}, tasks, tmp_path / "cache")
