"""What the compose file starts, started as plain processes, with a deployed run of the catalogue through all of it."""

import base64
import time
import urllib.error
import urllib.request

import pytest
from _folders import files_holding
from _needed import need
from end_to_end._command import PASSWORDS, asked
from infra._files import INFRA
from infra._processes import Composition, composed
from pyarrow import fs

from benchmarks._clusters import await_that
from benchmarks._postgres import postgres, why_not

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
RUN_WITHIN_S = 300
SECRETS = {"CINELAKE_LAKE_KEY": "key-of-the-lake", "CINELAKE_LAKE_SECRET": "s3cret-of-the-lake"}
WORD = "cinelake:word-of-prefect"
MLFLOW_WORD = "word-of-mlflow"
TOKEN = "0123456789abcdef" * 4


def status(address, headers):
    """What a server answers to a request."""
    try:
        with urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=30) as reply:
            return reply.status
    except urllib.error.HTTPError as error:
        return error.code


@pytest.fixture(scope="module")
def database():
    """PostgreSQL, with the databases that the container's image and the file beside the compose file make."""
    need("postgres", why_not())
    with postgres() as server:
        server.make("prefect")
        server.ask((INFRA / "compose" / "databases.sql").read_text())
        yield server


@pytest.fixture(scope="module")
def services(database, draw_film, tmp_path_factory):
    """All services, and a project with two films whose manifest is the one beside the compose file."""
    project, folder = tmp_path_factory.mktemp("project"), tmp_path_factory.mktemp("services")
    for name in ("one", "two"):
        draw_film(project / "films" / f"{name}.mp4", sound=True)
    passwords = {"CINELAKE_DB_PASSWORD": database.password, "CINELAKE_RAY_TOKEN": TOKEN, "CINELAKE_PREFECT_AUTH": WORD}
    passwords |= {"CINELAKE_MLFLOW_PASSWORD": MLFLOW_WORD}
    given = {**SECRETS, **passwords, "CINELAKE_PROJECT": str(project)}
    composition = Composition(given, project, folder, {("postgres", "5432"): str(database.port)})
    manifest = (INFRA / "compose" / "pipeline.yaml").read_text().splitlines(keepends=True)
    (project / "pipeline.yaml").write_text("".join(composition.here(line) for line in manifest))
    PASSWORDS[f"{composition.url('prefect', '4200')}/api"] = WORD
    with composed(composition):
        yield composition


@pytest.fixture(scope="module")
def ran(services):
    """The state of a run that was deployed and started as the README says."""
    deployed = services.run("worker", "cinelake", "deploy", "-m", "/project/pipeline.yaml")
    assert deployed.returncode == 0, deployed.stderr
    started = services.run("worker", "prefect", "deployment", "run", "catalogue/nightly")
    assert started.returncode == 0, started.stderr
    deadline = time.monotonic() + RUN_WITHIN_S
    while time.monotonic() < deadline:
        states = [run["state"] for run in asked(f"{services.url('prefect', '4200')}/api", "flow_runs")]
        ended = [state for state in states if state["type"] in ("COMPLETED", "FAILED", "CRASHED")]
        if ended:
            return ended[0]
        time.sleep(1)
    raise AssertionError(services.log("worker").read_text()[-3000:])


@pytest.fixture(scope="module")
def bucket(services):
    key, secret = SECRETS.values()
    endpoint = services.url("store", "8333").removeprefix("http://")
    return fs.S3FileSystem(
        access_key=key, secret_key=secret, endpoint_override=endpoint, scheme="http", region="us-east-1"
    )


def test_a_deployed_run_makes_every_table_on_ray_and_puts_it_into_the_bucket(services, ran, bucket):
    assert ran["type"] == "COMPLETED" and "10 cells made" in ran["message"], services.log("worker").read_text()[-3000:]
    found = bucket.get_file_info(fs.FileSelector("lake/tables/shots", recursive=True))
    assert [info.base_name for info in found if info.is_file] == ["one.parquet", "two.parquet"]


def test_prefect_and_mlflow_keep_what_happened_in_postgresql(ran, database):
    assert database.ask("SELECT count(*) FROM deployment", "prefect") == [(1,)]
    assert database.ask("SELECT count(*) FROM runs", "mlflow")[0][0] >= 1


def test_the_work_pool_is_the_one_of_the_file(services, ran):
    (pool,) = asked(f"{services.url('prefect', '4200')}/api", "work_pools")
    assert pool["name"] == "cinelake" and pool["type"] == "process"
    assert "No passwords here" in str(pool["base_job_template"])


def test_prefect_wants_its_password_and_answers_to_the_names_it_has_in_the_file(services):
    address = f"{services.url('prefect', '4200')}/api/version"
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(address, timeout=30)
    with pytest.raises(urllib.error.HTTPError, match="400"):
        urllib.request.urlopen(urllib.request.Request(address, headers={"Host": "elsewhere.example"}), timeout=30)


def test_mlflow_wants_its_password_and_answers_to_the_names_it_has_in_the_file(services):
    address = f"{services.url('mlflow', '5000')}/api/2.0/mlflow/experiments/search?max_results=1"
    known = {"Authorization": "Basic " + base64.b64encode(f"cinelake:{MLFLOW_WORD}".encode()).decode()}
    answers = [
        status(address, {**known, "Host": "mlflow:5000"}),
        status(address, {**known, "Host": "elsewhere.example"}),
        status(address, {}),
    ]
    assert answers == [200, 403, 401]


def test_nothing_that_a_service_said_or_kept_holds_a_secret(services, ran, database):
    words = (SECRETS["CINELAKE_LAKE_SECRET"], TOKEN, WORD, MLFLOW_WORD, *database.secrets)
    # Prefect hands a run its environment in a file that only its owner reads, and takes it away at the run's end
    await_that(lambda: not list(services.folder.glob("worker/prefect-workspace-*")))
    assert files_holding(words, services.folder, services.project) == []


def test_a_node_with_a_gpu_brings_that_and_no_processor(services, ran):
    services.start("ray-gpu-worker")  # Ray believes what its operator says it has
    status = ["ray", "status", "--address", "ray-head:6379"]
    await_that(lambda: "/1.0 GPU" in services.run("ray-head", *status).stdout, within_s=120)
    assert "/2.0 CPU" in services.run("ray-head", *status).stdout
