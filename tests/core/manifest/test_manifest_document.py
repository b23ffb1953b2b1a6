"""The manifest: what is accepted, files that are none, variables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from _declared_tasks import KNOWN, NetworkFile, PersonsParams, PicturesParams
from _toy_model import MODEL as TOY

from cinelake.errors import ManifestError, UnknownName
from cinelake.manifest.document import load_manifest
from cinelake.spec.task import Resources

pytestmark = pytest.mark.usefixtures("known_tasks", "own_kinds_of_models")


# --- what is accepted


def test_the_smallest_manifest_has_defaults_for_the_rest(load: Any, tmp_path: Path) -> None:
    manifest = load("tasks: {cuts: {}}")
    assert manifest.lake.uri == str(tmp_path / "lake")
    assert (manifest.engine.kind, list(manifest.tasks), manifest.tasks["cuts"].enabled) == ("local", ["cuts"], True)


def test_an_empty_entry_and_an_empty_section_mean_defaults(load: Any) -> None:
    manifest = load("tasks:\n  cuts:\nengine:\nmodels:\nschedules:\n")
    assert manifest.tasks["cuts"].params == KNOWN["cuts"].params()
    assert manifest.models == {}


def test_entries_come_after_those_they_read(load: Any) -> None:
    manifest = load("tasks: {persons: , pictures: , cuts: }")
    assert list(manifest.tasks) == ["cuts", "pictures", "persons"]
    assert manifest.tasks["persons"].inputs == {"pictures": "pictures"}


def test_a_table_may_be_made_twice_and_read_from_either(load: Any) -> None:
    manifest = load("""
        tasks:
          cuts: {}
          pictures: {}
          pictures_dense: {task: pictures, fps: 4}
          persons: {inputs: {pictures: pictures_dense}}
    """)
    assert manifest.tasks["pictures_dense"].params == PicturesParams(fps=4)
    assert manifest.tasks["persons"].inputs == {"pictures": "pictures_dense"}


def test_a_disabled_entry_needs_nothing_and_does_not_run(load: Any) -> None:
    manifest = load("tasks: {cuts: {}, persons: {enabled: false, detector: cnn}}")
    assert list(manifest.enabled) == ["cuts"]
    assert manifest.tasks["persons"].params == PersonsParams(detector="cnn")


def test_resources_of_an_entry_go_before_those_of_its_task(load: Any) -> None:
    manifest = load("tasks: {cuts: , pictures: , persons: {resources: {gpus: 0}}}")
    assert manifest.tasks["persons"].resources == Resources(gpus=0, memory_gb=2)


def test_paths_are_relative_to_the_manifest_in_submodels_too(load: Any, tmp_path: Path) -> None:
    entry = load("tasks: {cuts: , pictures: , persons: {backbone: {file: a.onnx}, weights: /b.h5}}").tasks["persons"]
    assert entry.params == PersonsParams(
        backbone=NetworkFile(file=tmp_path / "a.onnx"),
        weights=Path("/b.h5"),
    )


def test_what_may_be_a_name_or_a_path_stays_as_the_task_makes_it(load: Any) -> None:
    entry = load("tasks: {cuts: , pictures: , persons: {pack: buffalo}}").tasks["persons"]
    assert entry.params == PersonsParams(pack="buffalo")


@pytest.mark.parametrize(
    ("given", "uri"),
    [("mlflow.db", "sqlite:///{base}/mlflow.db"), ("http://host:5000", "http://host:5000")],
)
def test_tracking_goes_to_a_file_beside_the_manifest_or_to_a_server(
    load: Any, tmp_path: Path, given: str, uri: str
) -> None:
    manifest = load(f"tracking: {{uri: '{given}'}}\ntasks: {{cuts: }}")
    assert manifest.tracking.uri == uri.format(base=tmp_path)


def test_a_lake_may_be_a_bucket_with_the_names_of_its_secrets(load: Any) -> None:
    lake = "lake: {uri: s3://bucket/lake, access_key_env: KEY}\ncatalogue: {list: films.csv}\n"
    assert load("tasks: {cuts: }", head=lake).lake.uri == "s3://bucket/lake"


def test_models_schedules_and_triggers_are_documented_sections(load: Any) -> None:
    manifest = load("""
        tasks: {cuts: }
        models: {scenes: {labels: scenes, config: {shift: 0.5}}}
        schedules: {nightly: {flow: catalogue, cron: "0 2 * * *"}}
        triggers: {retrain: {when: new_labels, at_least: 50, flow: train, model: scenes}}
    """)
    assert manifest.schedules["nightly"].timezone == "UTC"
    assert manifest.triggers["retrain"].at_least == 50


def test_a_task_applies_the_champion_of_its_kind_unless_told_otherwise(load: Any) -> None:
    manifest = load("""
        models: {mine: {model: scenes}}
        tasks: {cuts: , pictures: , persons: , scenes: , others: {task: scenes, model: mine@3}}
    """)
    assert [manifest.tasks[name].model for name in ("scenes", "others")] == ["scenes@champion", "mine@3"]


def test_a_task_reads_the_tables_of_its_model_too_from_where_the_model_takes_them(load: Any) -> None:
    manifest = load("""
        models: {scenes: {inputs: {cuts: finer_cuts}}}
        tasks: {cuts: , finer_cuts: {task: cuts}, pictures: , persons: , scenes: }
    """)
    assert manifest.tasks["scenes"].inputs == {"persons": "persons", "cuts": "finer_cuts"}


def test_a_model_that_the_manifest_does_not_name_has_its_kinds_defaults(load: Any) -> None:
    manifest = load("tasks: {cuts: }")
    assert manifest.model("scenes").config == TOY.config()
    with pytest.raises(UnknownName, match="did you mean 'scenes'"):
        manifest.model("scenez")


# --- files that are no manifest


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the file is empty"),
        (b"- a\n- b\n", "expected a mapping with lake, catalogue and tasks"),
        (b"a: 1\nb: [1\n", "this is not YAML"),
        (b"a:\n\tb: 1\n", "indent with spaces, not tabs"),
        (b"a: 1\n---\nb: 2\n", "expected a single document"),
        (b"a: \xff\n", "expected text in UTF-8"),
        (b"a: " + b"[" * 600, "nested deeper than"),
        (b"a: &a [*a]\n", "stands inside what it names"),
        (b"#" * 300_000, "larger than 256 KiB"),
    ],
)
def test_a_file_that_is_no_manifest_is_said_to_be_none(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "pipeline.yaml"
    path.write_bytes(data)
    with pytest.raises(ManifestError, match=message):
        load_manifest(path)


def test_a_syntax_problem_has_its_line(problems: Any) -> None:
    assert problems("tasks:\n  cuts: {fps: 1\n  pictures: {}\n")[0].startswith("5: : this is not YAML")


def test_aliases_that_multiply_are_refused(problems: Any) -> None:
    bomb = "a0: &a0 [1, 2, 3, 4, 5, 6, 7, 8, 9]\n"
    bomb += "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 9))
    assert "more than 20000 settings" in problems(bomb)[0]


def test_a_missing_manifest_names_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"no such file.*cinelake demo"):
        load_manifest(tmp_path / "none.yaml")


def test_a_folder_is_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="cannot be read"):
        load_manifest(tmp_path)


# --- variables


def test_variables_are_replaced_and_keep_their_kind(load: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("FPS", "4")
    manifest = load("engine:\n  workers: ${N:-3}0\ntasks: {cuts: , pictures: {fps: '${FPS}'}}")
    assert manifest.engine.workers == 30
    assert manifest.tasks["pictures"].params == PicturesParams(fps=4)


def test_a_variable_stays_text_where_text_is_wanted(load: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("NAME", "1984")
    assert load("tracking: {experiment: '${NAME}'}\ntasks: {cuts: }").tracking.experiment == "1984"


def test_an_unquoted_variable_in_braces_says_that_it_needs_quotes(problems: Any) -> None:
    assert 'inside {…}, a variable needs quotes: "${NAME}"' in problems("engine: {workers: ${N}}")[0]


def test_a_manifest_shown_never_holds_a_secret(load: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("PASSWORD", "hunter2")
    manifest = load("tracking: {uri: 'https://me:${PASSWORD}@host'}\ntasks: {cuts: }")
    assert manifest.tracking.uri == "https://me:hunter2@host"
    assert "hunter2" not in manifest.text + repr(manifest)


def test_a_problem_never_shows_a_secret(problems: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("PASSWORD", "hunter2")
    assert problems("tasks: {cuts: , pictures: {fps: 'x${PASSWORD}'}}") == [
        "3: tasks.pictures.fps: expected a number, received 'x${PASSWORD}'"
    ]


def test_a_password_in_the_manifest_is_refused_without_being_shown(problems: Any) -> None:
    (problem,) = problems("tracking: {uri: postgresql://me:hunter2@host/db}\ntasks: {cuts: }")
    assert problem.startswith("3: tracking.uri: holds a password")
    assert "hunter2" not in problem


@pytest.mark.parametrize("option", ["?password=hunter2", "?user=me&passwd=hunter2", "?a=b;api-key=hunter2"])
def test_a_password_among_the_options_of_an_address_is_refused_too(problems: Any, option: str) -> None:
    (problem,) = problems(f"tracking: {{uri: 'postgresql://host/db{option}'}}\ntasks: {{cuts: }}")
    assert problem.startswith("3: tracking.uri: holds a password") and "hunter2" not in problem


def test_an_option_that_a_variable_gives_is_no_password(problems: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("PGWORD", "hunter2")
    address = "tracking: {uri: 'postgresql://host/db?password=${PGWORD}'}"
    (other,) = problems(f"{address}\ntasks: {{cuts: , pictures: {{fps: x}}}}")
    assert "tasks.pictures.fps" in other


def test_an_unset_variable_is_one_problem_with_its_line(problems: Any, monkeypatch: Any) -> None:
    monkeypatch.delenv("NOT_SET", raising=False)
    assert problems("tasks: {cuts: , pictures: {fps: '${NOT_SET}'}}") == [
        "3: tasks.pictures.fps: environment variable NOT_SET is not set: set it or write ${NOT_SET:-default}"
    ]


def test_a_manifest_can_be_checked_where_its_secrets_are_not(load: Any, monkeypatch: Any) -> None:
    monkeypatch.delenv("NOT_SET", raising=False)
    manifest = load("tracking: {uri: 'https://${NOT_SET}'}\ntasks: {cuts: }", check_only=True)
    assert manifest.tracking.uri == "https://${NOT_SET}"


def test_two_dollars_keep_a_variable_unread(load: Any) -> None:
    assert load("tracking: {experiment: '$${A}'}\ntasks: {cuts: }").tracking.experiment == "${A}"
