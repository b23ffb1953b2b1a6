"""What every problem of a manifest says, and that they all are said at once."""

from __future__ import annotations

from typing import Any

import pytest
from _declared_tasks import KNOWN, declared

from cinelake.manifest import entries
from cinelake.spec.task import TaskSpec

pytestmark = pytest.mark.usefixtures("known_tasks", "own_kinds_of_models")


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
        "4: schedules.nightly: expected exactly one of cron and after",
    ),
    "a cluster's address without a cluster": (
        "tasks: {cuts: }\nengine: {address: 'tcp://host:8786'}",
        "4: engine: address belongs to kind 'dask' or 'ray', received 'tcp://host:8786' with kind 'local'",
    ),
    "nodes that come to no cluster": (
        "tasks: {cuts: }\nengine: {kind: ray, autoscaling: [{gpus: 1, memory_gb: 8, most: 4}]}",
        "4: engine: autoscaling belongs to a running cluster: give its address",
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


@pytest.mark.parametrize("name", ["films.csv", "lists/Films.TSV", "s3://bucket/films.parquet"])
def test_a_list_given_for_the_films_themselves_is_told_from_a_film(problems: Any, name: str) -> None:
    (found,) = problems("tasks: {cuts: }", head=f"lake: l\ncatalogue: {{films: '{name}'}}\n")
    assert found == "2: catalogue: expected a folder or a glob in films: a list of films is named by `list: FILE`"


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

    monkeypatch.setattr(entries, "find_task", broken)
    assert problems("tasks: {cuts: }") == ["3: tasks.cuts: the task 'cuts' cannot be loaded: No module named 'cv3'"]
