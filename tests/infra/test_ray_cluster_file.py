"""The cloud's cluster file: Ray itself finds it valid, and its pools keep decoding and networks apart."""

import pytest
from infra._files import advised, loaded, may_come

CLUSTER = "ray/cluster.yaml"


@pytest.fixture(scope="module")
def prepared():
    """The file with Ray's defaults."""
    from ray.autoscaler._private.util import prepare_config

    return prepare_config(loaded(CLUSTER))


@pytest.fixture(scope="module")
def pools(prepared):
    return {name: kind["resources"] for name, kind in prepared["available_node_types"].items()}


def test_ray_finds_it_valid(prepared):
    from ray.autoscaler._private.util import validate_config

    validate_config(prepared)


def test_a_mistake_is_found():
    from jsonschema import ValidationError
    from ray.autoscaler._private.util import prepare_config, validate_config

    wrong = loaded(CLUSTER)
    wrong["available_node_types"]["gpus"]["worker_nodes"] = 3
    with pytest.raises(ValidationError, match="worker_nodes"):
        validate_config(prepare_config(wrong))


def test_nodes_with_a_gpu_offer_no_processors_and_the_others_no_gpu(pools):
    assert pools["gpus"]["CPU"] == 0 and pools["gpus"]["GPU"] == 1
    assert pools["processors"]["CPU"] >= 8 and "GPU" not in pools["processors"]


def test_its_readme_tells_the_manifest_which_nodes_may_come(prepared):
    kinds = [kind for name, kind in prepared["available_node_types"].items() if name != prepared["head_node_type"]]
    assert advised("ray/README.md").autoscaling == [may_come(kind["resources"], kind["max_workers"]) for kind in kinds]


def test_nothing_is_worked_on_on_the_head(pools, prepared):
    assert pools[prepared["head_node_type"]]["CPU"] == 0


def test_nothing_is_installed_on_nodes(prepared):
    assert not any(prepared[name] for name in prepared if name.endswith("setup_commands"))
    assert prepared["docker"]["image"].startswith("cinelake:")


def test_a_node_offers_what_the_launcher_says_of_its_kind(pools, monkeypatch):
    import json

    from ray._private.resource_and_label_spec import ResourceAndLabelSpec

    monkeypatch.setenv("RAY_OVERRIDE_RESOURCES", json.dumps(pools["gpus"]))
    offered = ResourceAndLabelSpec(None, None, None, None, None).resolve(is_head=False).to_resource_dict()
    assert offered.get("CPU", 0) == 0 and offered["GPU"] == 1
