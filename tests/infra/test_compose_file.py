"""The compose file: valid by the specification, without secrets of its own, closed to other machines."""

import re
import shutil
import subprocess

import jsonschema
import pytest
from infra._files import INFRA, below, loaded, schema_of_compose

PATH = INFRA / "compose" / "compose.yaml"
CONDITIONS = {"service_healthy", "service_completed_successfully"}
SECRET = re.compile(r"PASSWORD|TOKEN|SECRET|KEY|AUTH_STRING")
MANIFEST = "compose/pipeline.yaml"


@pytest.fixture(scope="module")
def services():
    return loaded("compose/compose.yaml")["services"]


def test_it_is_valid_by_the_compose_specification():
    jsonschema.validate(loaded("compose/compose.yaml"), schema_of_compose())


def test_docker_compose_reads_it_where_it_is_installed():
    compose = shutil.which("docker-compose")
    if compose is None:
        pytest.skip("there is no docker-compose here")
    names = re.findall(r"\$\{(\w+):\?", PATH.read_text())
    checked = [compose, "-f", str(PATH), "--profile", "gpu", "config", "--quiet"]
    done = subprocess.run(checked, env=dict.fromkeys(names, "/tmp"), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_secrets_come_from_the_environment_and_must_be_there(services):
    environments = list(below(services, "environment"))
    secret = {name: value for found in environments for name, value in found.items() if SECRET.search(name)}
    assert len(secret) > 5 and not [value for value in secret.values() if not value.startswith("${CINELAKE_")]
    assert "${" not in re.sub(r"\$\{CINELAKE_\w+:\?[^}]+\}", "", PATH.read_text())


def test_no_command_holds_a_secret(services):
    assert not [words for words in below(services, "command") if "${" in " ".join(words)]


def test_ports_are_open_to_this_machine_alone(services):
    ports = [port for found in below(services, "ports") for port in found]
    assert len(ports) == 3 and all(port.startswith("127.0.0.1:") for port in ports)


def test_what_others_wait_for_says_when_it_is_ready(services):
    for service in services.values():
        for name, wanted in service.get("depends_on", {}).items():
            assert wanted["condition"] in CONDITIONS
            assert wanted["condition"] != "service_healthy" or services[name]["healthcheck"]["test"]


def test_services_come_back_and_what_is_done_once_does_not(services):
    assert {name for name, service in services.items() if service["restart"] == "no"} == {"pool"}


def test_data_survive_their_containers(services):
    kept = {volume.split(":")[0] for found in below(services, "volumes") for volume in found if isinstance(volume, str)}
    assert kept == {*loaded("compose/compose.yaml")["volumes"], "./databases.sql"}


def test_decoding_cannot_land_on_the_node_with_the_gpu(services):
    assert "--num-cpus=0" in services["ray-gpu-worker"]["command"]
    assert "--num-cpus=0" in services["ray-head"]["command"]


def test_its_manifest_is_one_and_names_services_of_the_file(services, tmp_path):
    from cinelake.manifest.document import load_manifest

    (tmp_path / "films").mkdir()
    (tmp_path / "films" / "film.mp4").touch()
    path = tmp_path / "pipeline.yaml"
    path.write_text((INFRA / MANIFEST).read_text())
    manifest = load_manifest(path)
    addresses = [manifest.lake.endpoint, manifest.engine.address, manifest.tracking.uri]
    for address in map(str, addresses):
        name, _, port = address.partition("://")[2].partition(":")
        assert port in services[name]["expose"]
