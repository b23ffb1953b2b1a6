"""What a manifest wants of a Prefect server, and the difference from what is there; no server is asked."""

import importlib

import pytest

from cinelake.manifest.document import load_manifest
from flows.deployments import ENTRYPOINTS, Item, compare, wanted

TEXT = """\
lake: lake
catalogue: {films: films}
tasks: {films: , shots: }
schedules:
  published: {flow: publish, after: nightly}
  nightly: {flow: catalogue, cron: "0 2 * * *", timezone: Europe/Berlin, select: [+shots]}
  weekly: {flow: tune, cron: "0 6 * * 0", model: scenes, late: queue}
triggers:
  retrain: {when: new_labels, at_least: 50, flow: train, model: scenes}
limits: {gpu: {slots: 2}}
notifications: {blocks: [custom-webhook/ops]}
deploy: {project: house}
"""


@pytest.fixture
def items(tmp_path):
    (tmp_path / "pipeline.yaml").write_text(TEXT)
    return {item.name: item for item in wanted(load_manifest(tmp_path / "pipeline.yaml"))}


def test_a_schedule_becomes_a_deployment_with_its_cron_and_zone(items, tmp_path):
    nightly = items["catalogue/nightly"].settings
    assert nightly["cron"] == "0 2 * * * Europe/Berlin" and nightly["entrypoint"] == "flows.catalogue.catalogue"
    assert nightly["parameters"] == {"manifest": str(tmp_path / "pipeline.yaml"), "select": ["+shots"]}


def test_late_runs_are_left_out_or_queued_as_chosen(items):
    assert items["catalogue/nightly"].settings["one at a time"] == "CANCEL_NEW"
    assert items["tune/weekly"].settings["one at a time"] == "ENQUEUE"


def test_what_comes_after_a_schedule_is_deployed_after_it_and_starts_on_its_end(items):
    assert items["publish/published"].settings["starts on"] == "end of catalogue/nightly"
    assert list(items).index("publish/published") > list(items).index("catalogue/nightly")


def test_a_trigger_starts_on_its_own_event(items):
    retrain = items["train/retrain"].settings
    assert retrain["starts on"] == "cinelake.trigger.due of cinelake.trigger.house.retrain" and not retrain["cron"]
    assert retrain["parameters"]["model"] == "scenes"


def test_limits_and_notifications_are_wanted_too(items):
    assert items["gpu"].settings == {"slots": 2}
    assert items["custom-webhook/ops"].settings["starts on"].endswith("of cinelake.project.house")


def test_the_same_name_in_another_folder_is_another_project(tmp_path):
    projects = set()
    for folder in (tmp_path / "a" / "films", tmp_path / "b" / "films"):
        folder.mkdir(parents=True)
        (folder / "pipeline.yaml").write_text(TEXT.replace("deploy: {project: house}\n", ""))
        projects.add(load_manifest(folder / "pipeline.yaml").project)
    assert len(projects) == 2 and all(project.startswith("films-") for project in projects)


def test_what_is_there_already_is_unchanged(items):
    assert {found.change for found in compare(list(items.values()), items.values())} == {"unchanged"}


def test_a_change_is_told_from_what_to_what(items):
    before = Item("limit", "gpu", {"slots": 4})
    (found,) = compare([items["gpu"]], [before])
    assert found.change == "changed" and found.changes == {"slots": (4, 2)}


def test_what_was_deployed_and_is_not_wanted_any_more_is_told_last(items):
    old = Item("deployment", "catalogue/old", {})
    assert [found.change for found in compare([items["gpu"]], [old])] == ["new", "unwanted"]


def test_a_limit_that_another_project_made_is_none_of_ours(items):
    assert compare([], [Item("limit", "theirs", {"slots": 1})]) == []


@pytest.mark.parametrize("flow", ENTRYPOINTS)
def test_every_parameter_of_a_flow_is_described_and_typed_for_prefects_form(flow):
    from prefect.utilities.callables import parameter_schema

    module, _, name = ENTRYPOINTS[flow].rpartition(".")
    properties = parameter_schema(getattr(importlib.import_module(module), name)).properties
    assert "manifest" in properties
    assert all(p.get("description") and ("type" in p or "anyOf" in p) for p in properties.values()), properties
