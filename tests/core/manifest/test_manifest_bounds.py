"""What a manifest may not say: places that mix films and tables, numbers beyond sense, nesting without end."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from cinelake.catalogue.films import read_catalogue
from cinelake.errors import ManifestError
from cinelake.manifest.document import load_manifest
from cinelake.manifest.films import CatalogueSettings


def problems(folder: Path, text: str) -> str:
    """What is said of a manifest; empty for a valid one."""
    (folder / "pipeline.yaml").write_text(text)
    try:
        load_manifest(folder / "pipeline.yaml")
    except ManifestError as error:
        return str(error)
    return ""


def places(folder: Path, lake: str, films: str) -> str:
    """What is said of these places."""
    (folder / "films" / "below").mkdir(parents=True, exist_ok=True)
    return problems(folder, f"lake: {lake}\ncatalogue: {{films: '{films}'}}\ntasks: {{films: }}\n")


@pytest.mark.parametrize("lake", ["/", "{uri: /}", "../../../../../../../../../.."])
def test_the_root_of_the_file_system_is_no_lake(tmp_path: Path, lake: str) -> None:
    assert "pipeline.yaml:1: lake: the lake would be the root of the file system" in places(tmp_path, lake, "films/*")


@pytest.mark.parametrize("films", ["films", "films/*", "films/*.mp4", "./films/../films/**"])
def test_the_films_own_folder_is_no_lake(tmp_path: Path, films: str) -> None:
    assert "the films are in this very folder" in places(tmp_path, "films", films)


@pytest.mark.parametrize(("lake", "films"), [(".", "films/*"), ("films", "films/below/*")])
def test_films_do_not_lie_within_the_lake(tmp_path: Path, lake: str, films: str) -> None:
    assert "lie within the lake's folder" in places(tmp_path, lake, films)


@pytest.mark.parametrize("lake", [".", "..", "./lake/.."])
def test_a_project_does_not_lie_within_its_lake(tmp_path: Path, lake: str) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "elsewhere").symlink_to("/var")
    text = f"lake: {lake}\ncatalogue: {{films: '{tmp_path}/elsewhere/*'}}\ntasks: {{films: }}\n"
    assert "this manifest lies within the lake's folder" in problems(tmp_path / "project", text)


@pytest.mark.parametrize("films", ["f" * 300, f"{'f' * 300}/*", f"{'f' * 300}/[ab]/*", "/".join(["f" * 200] * 30)])
def test_a_name_that_no_file_can_have_is_no_place(tmp_path: Path, films: str) -> None:
    assert places(tmp_path, "lake", films) == ""
    with pytest.raises(ManifestError, match=r"catalogue.films: .*there is no "):
        read_catalogue(CatalogueSettings(films=films), tmp_path)


@pytest.mark.parametrize("lake", ["s3://", "gs:///", "s3:///lake"])
def test_a_bucket_has_a_name(tmp_path: Path, lake: str) -> None:
    assert "lake: expected a bucket, as in `s3://bucket/lake`" in places(tmp_path, lake, "films/*")


@pytest.mark.parametrize(
    ("labels", "why"),
    [
        ("lake", "within the lake's folder"),
        ("lake/taught", "deleted with it"),
        ("/", "root of the file system"),
        ("s3://bucket/labels", "expected a folder of this machine"),
    ],
)
def test_labels_outlive_the_lake(tmp_path: Path, labels: str, why: str) -> None:
    text = f"lake: lake\ncatalogue: {{films: '*'}}\ntasks: {{films: }}\nlabels: {labels}\n"
    assert why in problems(tmp_path, text) and "pipeline.yaml:4: labels: " in problems(tmp_path, text)


@pytest.mark.parametrize(("lake", "films"), [("lake", "*"), ("lake", "films/*"), ("films/lake", "films/*.mp4")])
def test_a_lake_beside_or_below_the_films_is_one(tmp_path: Path, lake: str, films: str) -> None:
    assert places(tmp_path, lake, films) == ""


REST = "lake: lake\ncatalogue: {films: films}\n"


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("defaults: {deadline_s: 1e300}\ntasks: {films: }", "defaults.deadline_s"),
        ("defaults: {deadline_per_film_second: 1e300}\ntasks: {films: }", "defaults.deadline_per_film_second"),
        ("tasks: {films: {deadline_s: 1e300}}", "tasks.films.deadline_s"),
        ("engine: {workers: 1000000000}\ntasks: {films: }", "engine.workers"),
        ("engine: {window: 1000000000}\ntasks: {films: }", "engine.window"),
        ("staging: {max_gb: 1e300}\ntasks: {films: }", "staging.max_gb"),
    ],
)
def test_a_number_beyond_sense_is_refused_with_its_bound(tmp_path: Path, text: str, where: str) -> None:
    said = problems(tmp_path, REST + text)
    assert where in said and "expected a number of at most" in said


@pytest.mark.parametrize("text", ["[" * 200_000, "{a: " * 50_000, "- " * 100_000, "? " * 100_000])
def test_nesting_without_end_is_said_at_once(tmp_path: Path, text: str) -> None:
    assert "nested deeper than 32 levels" in problems(tmp_path, text)


def test_settings_without_end_are_said_before_all_are_read(tmp_path: Path) -> None:
    assert "more than 20000 settings" in problems(tmp_path, "[" + "1," * 60_000 + "]")


def test_a_long_text_that_aliases_repeat_is_refused(tmp_path: Path) -> None:
    text = "${HOME}" * random.randrange(5000, 10_000)
    assert "more than 256 KiB of text" in problems(tmp_path, f"a: &a '{text}'\nb: [{', '.join(['*a'] * 10_000)}]\n")


def test_a_hundred_thousand_variables_that_are_not_closed_are_one_problem_of_one_line(tmp_path: Path) -> None:
    found = problems(tmp_path, f"lake: '{'${' * random.randrange(50_000, 100_000)}'\n")
    assert found.count("not closed") == 1 and len(found) < 2000
