"""The manifest: what is accepted, what every problem says, and that it all is said at once."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
from _toy_model import MODEL as TOY
from pydantic import Field

from cinelake import manifest as manifest_file
from cinelake import manifest_models, manifest_tasks
from cinelake.contracts import Contract
from cinelake.errors import ManifestError, UnknownName
from cinelake.manifest import Manifest, load_manifest
from cinelake.model import Model
from cinelake.task import ManifestPath, Params, Resources, TaskSpec, VideoStream, task

HEAD = 'lake: lake\ncatalogue: {films: "films/*"}\n'


class PicturesParams(Params):
    """Parameters of the task `pictures`."""

    fps: float = Field(default=1.0, gt=0)
    """Pictures a second."""
    sizes: tuple[int, ...] = (64,)
    """Widths."""


class NetworkFile(Params):
    """A network in a file."""

    file: ManifestPath
    """Where it is."""


class PersonsParams(Params):
    """Parameters of the task `persons`."""

    detector: Literal["hog", "cnn"] = "hog"
    """Which detector."""
    backbone: Literal["descriptor"] | NetworkFile = "descriptor"
    """What embeds."""
    weights: ManifestPath | None = None
    """A file of weights."""
    pack: ManifestPath | str | None = None
    """A name or a folder."""


class LogoParams(Params):
    """Parameters of the task `logos`."""

    picture: str
    """What to look for."""


def declared(name: str, **options: Any) -> TaskSpec:
    table = Contract(name, f"Table {name}.", columns=[], key=[])
    made = task(writes=table, version=1, **options)(type(name.title(), (), {}))
    return made.spec  # type: ignore[no-any-return, attr-defined]


STREAM = VideoStream(width=64, height=36)
KNOWN = {
    spec.name: spec
    for spec in (
        declared("cuts", reads=STREAM),
        declared("pictures", reads=STREAM, params=PicturesParams, follows=("cuts",)),
        declared("persons", reads=["pictures"], params=PersonsParams, resources=Resources(gpus=0.5, memory_gb=2)),
        declared("logos", reads=["pictures"], params=LogoParams),
        declared("scenes", reads=["persons"], applies="scenes"),
    )
}


@pytest.fixture(autouse=True)
def known_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    def find(name: str) -> TaskSpec:
        if name not in KNOWN:
            raise UnknownName("task", name, KNOWN)
        return KNOWN[name]

    monkeypatch.setattr(manifest_tasks, "find_task", find)
    monkeypatch.setattr(manifest_tasks, "known_tasks", lambda: tuple(sorted(KNOWN)))


@pytest.fixture(autouse=True)
def own_kinds_of_models(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = {name: replace(TOY, name=name, reads=lambda _: ["cuts"]) for name in ("moods", "scenes")}

    def find(name: str) -> Model:
        if name not in kinds:
            raise UnknownName("model", name, kinds)
        return kinds[name]

    monkeypatch.setattr(manifest_models, "find_model", find)
    for module in (manifest_models, manifest_file):
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
    assert manifest.tasks["persons"].resources == Resources(cpus=1, gpus=0, memory_gb=2)


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


# --- what a problem says


def test_all_problems_are_reported_at_once_in_the_order_of_their_lines(problems: Any) -> None:
    found = problems("""\
        engine: {kind: local, workers: 0}
        tasks:
          cuts: {fsp: 1}
          persons: {detectr: hog, resources: {gpus: -1}}
        taks: {}
    """)
    assert [text.split(":")[0] for text in found] == ["3", "5", "6", "6", "7"]


MESSAGES = {
    "an unknown engine": (
        "engine: {kind: locl}\ntasks: {cuts: }",
        "3: engine.kind: expected 'local', 'dask' or 'ray', received 'locl': did you mean 'local'?",
    ),
    "an unknown section": (
        "tasks: {cuts: }\nengin: {}",
        "4: engin: unknown setting 'engin': did you mean 'engine'?",
    ),
    "an unknown task": (
        "tasks: {cutz: }",
        "3: tasks.cutz: unknown task 'cutz': did you mean 'cuts'? (or name its task, as in `cutz: {task: …}`)",
    ),
    "an unknown task of an entry": (
        "tasks:\n  cuts:\n  mine:\n    task: cutz",
        "6: tasks.mine.task: unknown task 'cutz': did you mean 'cuts'?",
    ),
    "an unknown parameter": (
        "tasks:\n  cuts:\n  pictures:\n    fsp: 2",
        "6: tasks.pictures.fsp: task 'pictures' has no parameter 'fsp': did you mean 'fps'?",
    ),
    "a misspelt option of every entry": (
        "tasks: {cuts: {enable: false}}",
        "3: tasks.cuts.enable: task 'cuts' has no parameter 'enable': did you mean 'enabled'?",
    ),
    "a number in quotes": (
        "tasks: {cuts: , pictures: {fps: '2'}}",
        "3: tasks.pictures.fps: expected a number, received '2'",
    ),
    "a truth for a number": (
        "tasks: {cuts: , pictures: {fps: true}}",
        "3: tasks.pictures.fps: expected a number, received true",
    ),
    "a number out of bounds": (
        "tasks: {cuts: , pictures: {fps: -1}}",
        "3: tasks.pictures.fps: expected a number greater than 0, received -1",
    ),
    "a wrong item of a list": (
        "tasks: {cuts: , pictures: {sizes: [1, a]}}",
        "3: tasks.pictures.sizes[1]: expected a whole number, received 'a'",
    ),
    "a typo inside one form of a union": (
        "tasks: {cuts: , pictures: , persons: {backbone: {file: a, fil: b}}}",
        "3: tasks.persons.backbone.fil: unknown setting 'fil': did you mean 'file'?",
    ),
    "neither form of a union": (
        "tasks: {cuts: , pictures: , persons: {backbone: 3}}",
        "3: tasks.persons.backbone: expected 'descriptor' or a mapping, received 3",
    ),
    "a parameter left out": (
        "tasks:\n  cuts:\n  pictures:\n  logos: {}",
        "6: tasks.logos.picture: is required",
    ),
    "a model for a task that applies none": (
        "tasks: {cuts: {model: scenes@champion}}",
        "3: tasks.cuts.model: task 'cuts' applies no model, received 'scenes@champion'",
    ),
    "a model that there is not": (
        "tasks: {cuts: , pictures: , persons: , scenes: {model: scene@champion}}",
        "3: tasks.scenes.model: section `models` has no 'scene': did you mean 'scenes'?",
    ),
    "a model of another kind": (
        "models: {mood: {model: moods}}\ntasks: {cuts: , pictures: , persons: , scenes: {model: mood@2}}",
        "4: tasks.scenes.model: task 'scenes' applies models of kind 'scenes': 'mood' is a 'moods'",
    ),
    "a kind of model that there is not": (
        "models: {mine: {model: scens}}\ntasks: {cuts: }",
        "3: models.mine.model: unknown model 'scens': did you mean 'scenes'?",
    ),
    "a setting that the model has not": (
        "models: {scenes: {config: {shif: 1.0}}}\ntasks: {cuts: }",
        "3: models.scenes.config.shif: model 'scenes' has no setting 'shif': did you mean 'shift'?",
    ),
    "a setting of a model that is of another type": (
        "models: {scenes: {config: {shift: much}}}\ntasks: {cuts: }",
        "3: models.scenes.config.shift: expected a number, received 'much'",
    ),
    "an input that the model does not read": (
        "models: {scenes: {inputs: {cut: other}}}\ntasks: {cuts: }",
        "3: models.scenes.inputs.cut: model 'scenes' reads no table 'cut': did you mean 'cuts'?",
    ),
    "a search of a setting that the model has not": (
        "models: {scenes: {space: {shft: {uniform: [0, 1]}}}}\ntasks: {cuts: }",
        "3: models.scenes.space.shft: model 'scenes': there is no setting 'shft': did you mean 'shift'?",
    ),
    "an entry that is no mapping": (
        "tasks: {cuts: 3}",
        "3: tasks.cuts: expected a mapping, received 3",
    ),
    "an input that nothing makes": (
        "tasks: {cuts: , persons: }",
        "3: tasks.persons: reads 'pictures', which nothing makes: add `pictures: {}`",
    ),
    "an input that another entry could provide": (
        "tasks: {cuts: , dense: {task: pictures}, persons: }",
        "3: tasks.persons: reads 'pictures', which nothing makes: add `inputs: {pictures: dense}` to 'persons'",
    ),
    "an input that is disabled": (
        "tasks:\n  cuts:\n  pictures: {enabled: false}\n  persons:",
        "6: tasks.persons: reads 'pictures', which is disabled on line 5: enable it, or disable 'persons'",
    ),
    "an input that the task does not read": (
        "tasks: {cuts: , pictures: , persons: {inputs: {picture: pictures}}}",
        "3: tasks.persons.inputs.picture: task 'persons' reads no table 'picture': did you mean 'pictures'?",
    ),
    "an input of another kind": (
        "tasks: {cuts: , pictures: , persons: {inputs: {pictures: cuts}}}",
        "3: tasks.persons.inputs.pictures: expected a table made by task 'pictures', received 'cuts' made by 'cuts'",
    ),
    "a table made twice": (
        "tasks:\n  cuts: {}\n  cuts: {}",
        "5: tasks.cuts: table 'cuts' is made twice, on lines 4 and 5: give one its own name, as in"
        " `cuts_2: {task: cuts}`",
    ),
    "a setting that stands twice": (
        "tasks: {cuts: }\nengine:\n  kind: local\n  kind: ray",
        "6: engine.kind: stands twice, on lines 5 and 6: keep one",
    ),
    "another task's name": (
        "tasks: {cuts: , pictures: {task: cuts}}",
        "3: tasks.pictures.task: table 'pictures' is the one of task 'pictures': give what 'cuts' makes another name",
    ),
    "a name that is no folder": (
        "tasks: {cuts: , ../cuts: {task: cuts}}",
        "3: tasks.../cuts: expected a name of a-z, 0-9 and _ that begins with a letter, received '../cuts'",
    ),
    "a name that the lake has": (
        "tasks: {failures: {task: cuts}}",
        "3: tasks.failures: the lake has its own 'failures': choose another name, as in `my_failures: {task: …}`",
    ),
    "a schedule without a time": (
        "tasks: {cuts: }\nschedules: {nightly: {flow: catalogue}}",
        "4: schedules.nightly.cron: is required",
    ),
    "a cluster's address without a cluster": (
        "tasks: {cuts: }\nengine: {address: 'tcp://host:8786'}",
        "4: engine: address belongs to kind 'dask' or 'ray', received 'tcp://host:8786' with kind 'local'",
    ),
    "a training of nothing": (
        "tasks: {cuts: }\nschedules:\n  weekly: {flow: train, cron: '0 6 * * 0'}",
        "5: schedules.weekly: flow 'train' needs `model: NAME`",
    ),
    "no tasks": ("engine: {}\ntasks: {}", "4: tasks: expected something that is not empty, received an empty mapping"),
    "a tag": (
        "tasks: {cuts: !!python/object/apply:os.system [true]}",
        "3: tasks.cuts: tags are not read, received !!python/object/apply:os.system: write plain YAML",
    ),
    "a number that is none": (
        "tasks: {cuts: , pictures: {fps: .inf}}",
        "3: tasks.pictures.fps: expected a finite number, received .inf",
    ),
}


@pytest.mark.parametrize(("text", "message"), MESSAGES.values(), ids=MESSAGES.keys())
def test_a_problem_says_where_what_was_expected_and_what_came(problems: Any, text: str, message: str) -> None:
    assert problems(text) == [message]


def test_a_catalogue_has_exactly_one_source(problems: Any) -> None:
    found = problems("tasks: {cuts: }", head="lake: l\ncatalogue: {films: a, list: b}\n")
    assert found == ["2: catalogue: expected exactly one of films and list, received films and list"]


def test_a_circle_of_inputs_is_shown(problems: Any) -> None:
    KNOWN["egg"], KNOWN["hen"] = declared("egg", reads=["hen"]), declared("hen", reads=["egg"])
    try:
        assert problems("tasks: {egg: , hen: }")[0].endswith(
            ("the tables wait for each other: egg → hen → egg", "the tables wait for each other: hen → egg → hen")
        )
    finally:
        del KNOWN["egg"], KNOWN["hen"]


def test_a_task_that_cannot_be_imported_is_a_problem_of_its_line(problems: Any, monkeypatch: Any) -> None:
    def broken(name: str) -> TaskSpec:
        raise ImportError("No module named 'cv3'")

    monkeypatch.setattr(manifest_tasks, "find_task", broken)
    assert problems("tasks: {cuts: }") == ["3: tasks.cuts: the task 'cuts' cannot be loaded: No module named 'cv3'"]


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
