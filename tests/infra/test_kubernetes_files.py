"""The manifests for Kubernetes: Dask's by its operator's definitions, Ray's pods by Kubernetes', its groups by Ray."""

import os
from pathlib import Path

import pytest
import yaml
from infra._files import advised, below, loaded, may_come, package_folder
from jsonschema import Draft202012Validator

DASK = package_folder("dask_kubernetes") / "operator/deployment/helm/dask-kubernetes-operator/crds"
KUBERAY = os.environ.get("CINELAKE_KUBERAY_CRDS")
"""A folder with KubeRay's definitions, from its Helm chart."""


def strict(schema):
    """A definition's schema, in which unknown fields are errors, as when it is applied."""
    for found in [
        schema,
        *below(schema, "items"),
        *(one for many in below(schema, "properties") for one in many.values()),
    ]:
        if "properties" in found and not found.get("x-kubernetes-preserve-unknown-fields"):
            found.setdefault("additionalProperties", False)
    schema["properties"] |= {name: {} for name in ("apiVersion", "kind", "metadata")}
    return schema


def problems(definition: Path, manifest):
    """What a custom resource's definition finds wrong."""
    (version,) = [found for found in yaml.safe_load(definition.read_text())["spec"]["versions"]
                  if manifest["apiVersion"].endswith(f"/{found['name']}")]  # fmt: skip
    schema = strict(version["schema"]["openAPIV3Schema"])
    return [f"{found.json_path}: {found.message}" for found in Draft202012Validator(schema).iter_errors(manifest)]


@pytest.fixture(scope="module")
def pod_schema():
    """Kubernetes' schema of a pod, as Dask's definition of a worker has it."""
    (version,) = yaml.safe_load((DASK / "daskworkergroup.yaml").read_text())["spec"]["versions"]
    return strict(
        version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["worker"]["properties"]["spec"]
    )


@pytest.fixture(scope="module")
def node_types():
    """What Ray's autoscaler makes of the cluster's groups."""
    from ray.autoscaler._private.kuberay import autoscaling_config

    cluster = loaded("kuberay/raycluster.yaml")
    cluster["metadata"]["namespace"] = "films"
    made = autoscaling_config._derive_autoscaling_config_from_ray_cr(cluster)
    return made["available_node_types"]


def test_dask_s_operator_finds_its_manifests_valid():
    assert problems(DASK / "daskcluster.yaml", loaded("dask/daskcluster.yaml")) == []
    assert problems(DASK / "daskworkergroup.yaml", loaded("dask/gpu-workers.yaml")) == []


def test_a_mistake_in_a_manifest_is_found():
    wrong = loaded("dask/daskcluster.yaml")
    wrong["spec"]["worker"]["spec"]["containers"][0]["volumeMount"] = []
    assert any("volumeMount" in problem for problem in problems(DASK / "daskcluster.yaml", wrong))


@pytest.mark.parametrize("name", ["raycluster", "rayjob"])
def test_kubernetes_finds_ray_s_pods_valid(name, pod_schema):
    pods = [pod for pod in below(loaded(f"kuberay/{name}.yaml"), "spec") if "containers" in pod]
    assert pods and not [found.message for pod in pods for found in Draft202012Validator(pod_schema).iter_errors(pod)]


@pytest.mark.skipif(not KUBERAY, reason="CINELAKE_KUBERAY_CRDS names no folder with KubeRay's definitions")
@pytest.mark.parametrize("name", ["raycluster", "rayjob"])
def test_kuberay_finds_its_manifests_valid(name):
    assert problems(Path(str(KUBERAY)) / f"ray.io_{name}s.yaml", loaded(f"kuberay/{name}.yaml")) == []


def test_ray_s_autoscaler_sees_two_pools_and_a_head_without_work(node_types):
    offered = {name: kind["resources"] for name, kind in node_types.items()}
    assert offered["gpus"]["CPU"] == 0 and offered["gpus"]["GPU"] == 1
    assert offered["processors"]["CPU"] == 16 and "GPU" not in offered["processors"]
    assert offered["headgroup"]["CPU"] == 0


def test_the_readme_tells_the_manifest_which_nodes_of_ray_may_come(node_types):
    groups = [node_types[name] for name in ("processors", "gpus")]
    assert advised("kuberay/README.md").autoscaling == [may_come(g["resources"], g["max_workers"]) for g in groups]


def test_a_job_runs_on_the_cluster_that_is_there():
    selected = loaded("kuberay/rayjob.yaml")["spec"]["clusterSelector"]["ray.io/cluster"]
    assert selected == loaded("kuberay/raycluster.yaml")["metadata"]["name"]
    assert loaded("dask/gpu-workers.yaml")["spec"]["cluster"] == loaded("dask/daskcluster.yaml")["metadata"]["name"]


@pytest.mark.parametrize("name", ["kuberay/raycluster", "kuberay/rayjob", "dask/daskcluster", "dask/gpu-workers"])
def test_no_container_is_root_or_may_become_it(name):
    pods = [pod for pod in below(loaded(f"{name}.yaml"), "spec") if "containers" in pod]
    assert all(pod["securityContext"]["runAsNonRoot"] for pod in pods)
    confined = [container["securityContext"] for pod in pods for container in pod["containers"]]
    assert not any(found["allowPrivilegeEscalation"] for found in confined)


@pytest.mark.parametrize("name", ["kuberay/raycluster", "dask/daskcluster", "dask/gpu-workers"])
def test_keys_come_from_secrets(name):
    variables = [variable for found in below(loaded(f"{name}.yaml"), "env") for variable in found]
    assert all("secretKeyRef" in found["valueFrom"] for found in variables if found["name"].startswith("LAKE_"))
