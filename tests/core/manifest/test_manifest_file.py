"""The manifest in the root and its schema: complete, valid, and the same as the code."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from cinelake.manifest import sections
from cinelake.manifest.document import load_manifest, manifest_schema
from cinelake.manifest.sections import EntryOptions, Sections
from cinelake.manifest.yaml import read_yaml
from cinelake.spec.task import find_task, known_tasks

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "pipeline.yaml").read_text(encoding="utf-8")
UNCOMMENTED = re.sub(r"^( *)#(?=[a-z_]+:)", r"\1", TEXT, flags=re.MULTILINE)

needs_jsonschema = pytest.mark.skipif(not importlib.util.find_spec("jsonschema"), reason="jsonschema is not installed")


def data_of(text: str) -> dict[str, Any]:
    return read_yaml(text, "pipeline.yaml", environment=None).data  # type: ignore[no-any-return]


def validator() -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(manifest_schema())


def test_the_manifest_in_the_root_is_valid() -> None:
    running = set(load_manifest(ROOT / "pipeline.yaml").tasks)
    assert running == {name for name in known_tasks() if not needs_a_model(name)}


def needs_a_model(name: str) -> bool:
    """Whether a trained model or a network that must be named makes the task's table, or one that it reads."""
    spec = find_task(name)
    try:
        params = spec.params()
    except ValidationError:
        return True
    return bool(spec.applies) or any(needs_a_model(table) for table in spec.inputs(params))


def test_every_commented_option_is_valid_too(tmp_path: Path) -> None:
    (tmp_path / "pipeline.yaml").write_text(UNCOMMENTED, encoding="utf-8")
    manifest = load_manifest(tmp_path / "pipeline.yaml")
    assert (manifest.defaults, manifest.labels) == (sections.DefaultSettings(), str(tmp_path / "labels"))


@pytest.mark.parametrize("name", known_tasks())
def test_every_parameter_of_a_task_is_in_the_manifest(name: str) -> None:
    entries = data_of(UNCOMMENTED)["tasks"]
    shown = {key for entry in entries for key in (entries[entry] or {}) if entries[entry].get("task", entry) == name}
    assert set(find_task(name).params.model_fields) <= shown


def test_every_option_of_entries_is_in_the_manifest() -> None:
    shown = {key for entry in data_of(UNCOMMENTED)["tasks"].values() for key in entry or {}}
    assert set(EntryOptions.model_fields) <= shown


@pytest.mark.parametrize(
    ("section", "kind"),
    [
        ("lake", sections.LakeSettings),
        ("engine", sections.EngineSettings),
        ("defaults", sections.DefaultSettings),
        ("tracking", sections.TrackingSettings),
        ("deploy", sections.DeploySettings),
        ("notifications", sections.NotificationSettings),
        ("monitoring", sections.MonitoringSettings),
    ],
)
def test_every_setting_of_a_section_is_in_the_manifest(section: str, kind: Any) -> None:
    not_with_the_rest = {"address", "autoscaling"}
    assert set(data_of(UNCOMMENTED)[section]) == set(kind.model_fields) - not_with_the_rest


@pytest.mark.parametrize(
    ("section", "kind"),
    [
        ("models", sections.ModelSettings),
        ("schedules", sections.ScheduleSettings),
        ("triggers", sections.TriggerSettings),
        ("limits", sections.LimitSettings),
    ],
)
def test_every_setting_of_a_named_section_is_in_the_manifest(section: str, kind: Any) -> None:
    shown = {key for named in data_of(UNCOMMENTED)[section].values() for key in named}
    assert shown == set(kind.model_fields)


def test_what_cannot_stand_with_the_rest_is_explained_in_words() -> None:
    assert all(words in TEXT for words in ("`address: ", "`autoscaling: ", "list:  CSV"))


def test_every_section_is_in_the_manifest() -> None:
    assert set(data_of(UNCOMMENTED)) == set(Sections.model_fields)


def test_the_schema_file_is_what_the_code_gives() -> None:
    stored = json.loads((ROOT / "schema" / "pipeline.schema.json").read_text(encoding="utf-8"))
    how = "run: python -m cinelake.manifest --schema > schema/pipeline.schema.json"
    assert stored == json.loads(json.dumps(manifest_schema())), how


def test_every_setting_in_the_schema_is_described() -> None:
    plain = [
        f"{name}.{setting}"
        for name, definition in manifest_schema()["$defs"].items()
        for setting, schema in definition["properties"].items()
        if "description" not in schema and "$ref" not in schema
    ]
    assert plain == []


@needs_jsonschema
@pytest.mark.parametrize("text", [TEXT, UNCOMMENTED], ids=["as written", "uncommented"])
def test_the_manifest_fits_its_schema(text: str) -> None:
    assert list(validator().iter_errors(data_of(text))) == []


SMALL = "lake: lake\ncatalogue: {films: films}\n"


@needs_jsonschema
@pytest.mark.parametrize(
    "text",
    [
        "tasks: {frames: {fsp: 1}}",
        "tasks: {pictures: {fps: 1}}",
        "tasks: {pictures: {task: frames, detector: dlib}}",
        "tasks: {faces: {detector: hog}}",
        "tasks: {films: }\nengin: {}",
        "tasks: {films: }\nschedules: {nightly: {flow: catalogue}}",
    ],
)
def test_the_schema_finds_what_loading_finds(tmp_path: Path, text: str) -> None:
    assert not validator().is_valid(data_of(SMALL + text))


@needs_jsonschema
def test_the_schema_takes_the_short_forms() -> None:
    text = SMALL + "tasks: {films: , mine: {task: frames, fps: 2}}\nmodels: {scenes: }\ntriggers:\nengine:\n"
    assert list(validator().iter_errors(data_of(text))) == []


def test_loading_imports_nothing_heavy() -> None:
    program = (
        "import sys, cinelake.manifest.document as m; m.load_manifest('pipeline.yaml');"
        "print(*{'tensorflow', 'keras', 'mlflow', 'prefect', 'ray', 'insightface'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
