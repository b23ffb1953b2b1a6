"""The registry of trained models: versions, scores, champions, files that come back as they went."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from _mlflow_store import store_in
from _toy_model import MODEL, Config

from cinelake.errors import ModelUnusable, StorageError, UnknownName, UsageError
from cinelake.lake.artefact import read_artefact, write_artefact
from cinelake.manifest.sections import TrackingSettings
from cinelake.spec.model import Trained
from cinelake.tracking import registry
from cinelake.tracking.runs import TrainingRecord
from cinelake.tracking.store import QUIET
from flows.server import answers, free_port

FILM = {"time_s": np.arange(4.0), "level": np.array([0.1, 0.9, 0.4, 0.6])}
Register = Callable[..., int]


@pytest.fixture
def tracking(tmp_path: Path) -> TrackingSettings:
    """A store of one's own."""
    return store_in(tmp_path)


@pytest.fixture
def register(tracking: TrackingSettings, tmp_path: Path, own_models: Callable[..., None]) -> Register:
    """Trains and registers a toy: `register(threshold=0.5)` gives the version's number."""
    own_models(MODEL)

    def make(threshold: float = 0.5, **tags: str) -> int:
        trained = Trained(arrays={"threshold": np.array(threshold)})
        artefact = write_artefact(tmp_path / "trained" / str(threshold), "loud", Config(), trained)
        with TrainingRecord(tracking, "loud") as record:
            return registry.register(
                tracking, record, "loud", artefact, example=FILM, prediction=MODEL.predict(artefact, FILM),
                metric="accuracy", scores={"loudness": 0.5, "accuracy": 0.75}, baseline={"accuracy": 0.5},
                interval={"accuracy": [0.6, 0.9]}, card="# loud", tags=tags,
            )  # fmt: skip

    return make


def test_a_version_is_listed_with_what_is_known_of_it(tracking: TrackingSettings, register: Register) -> None:
    register(promote_by_hand="true")
    (version,) = registry.versions(tracking)
    assert (version.name, version.number, version.kind, version.promote_by_hand) == ("loud", 1, "loud", True)
    assert (version.scores["accuracy"], version.interval) == (0.75, {"accuracy": [0.6, 0.9]})


def test_the_score_that_the_gate_looks_at_comes_first(tracking: TrackingSettings, register: Register) -> None:
    register()
    (version,) = registry.versions(tracking)
    assert (version.metric, list(version.scores)) == ("accuracy", ["accuracy", "loudness"])


def test_a_version_comes_back_as_the_very_files_that_were_registered(
    tracking: TrackingSettings, register: Register, tmp_path: Path
) -> None:
    number = register(threshold=0.25)
    folder = registry.fetch(tracking, "loud", number, tmp_path / "fetched")
    artefact = read_artefact(folder, registry.versions(tracking, "loud")[0].digest)
    assert artefact.arrays["threshold"] == 0.25


def test_mlflow_loads_a_version_and_predicts(tracking: TrackingSettings, register: Register, tmp_path: Path) -> None:
    register(threshold=0.5)
    from mlflow.pyfunc import load_model

    source = next((tmp_path / "mlruns").rglob("MLmodel")).parent
    assert load_model(str(source)).predict(FILM) == {"loud": [False, True, False, True]}


def test_nothing_of_a_version_is_a_pickle(tracking: TrackingSettings, register: Register, tmp_path: Path) -> None:
    register()
    kinds = {path.suffix for path in (tmp_path / "mlruns").rglob("*") if path.is_file()}
    assert kinds <= {"", ".py", ".json", ".npz", ".yaml", ".txt"}


def test_files_damaged_in_mlflow_are_refused(tracking: TrackingSettings, register: Register, tmp_path: Path) -> None:
    number = register()
    next((tmp_path / "mlruns").rglob("arrays.npz")).write_bytes(b"else")
    with pytest.raises(ModelUnusable, match="damaged"):
        registry.fetch(tracking, "loud", number, tmp_path / "fetched")


def test_one_version_at_most_is_champion(tracking: TrackingSettings, register: Register) -> None:
    first, second = register(0.1), register(0.2)
    for number in (first, second):
        registry.set_champion(tracking, "loud", number)
    assert [version.is_champion for version in registry.versions(tracking, "loud")] == [False, True]


def test_there_is_no_champion_until_one_is_set(tracking: TrackingSettings, register: Register) -> None:
    assert registry.champion(tracking, "loud") is None
    register()
    assert registry.champion(tracking, "loud") is None


def test_rolling_back_goes_on_to_older_champions(tracking: TrackingSettings, register: Register) -> None:
    for threshold in (0.1, 0.2, 0.3):
        registry.set_champion(tracking, "loud", register(threshold))
    seen = []
    while (number := registry.previous_champion(tracking, "loud")) is not None:
        registry.set_champion(tracking, "loud", number)
        seen.append(number)
    assert seen == [2, 1]


def test_a_deleted_version_leaves_no_file_and_no_way_back_and_a_champion_is_not_deleted(
    tracking: TrackingSettings, register: Register, tmp_path: Path
) -> None:
    for threshold in (0.1, 0.2, 0.3):
        registry.set_champion(tracking, "loud", register(threshold))
    registry.delete_version(tracking, "loud", 2)
    assert [version.number for version in registry.versions(tracking)] == [1, 3]
    assert registry.previous_champion(tracking, "loud") == 1 and len([*(tmp_path / "mlruns").rglob("arrays.npz")]) == 2
    with pytest.raises(UsageError, match="loud 3 is champion"):
        registry.delete_version(tracking, "loud", 3)


def test_a_deletion_that_was_killed_goes_on_and_leaves_no_run(
    tracking: TrackingSettings, register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    run_id = registry.find_version(tracking, "loud", register(0.1)).run_id
    with monkeypatch.context() as killed, pytest.raises(KeyboardInterrupt):
        killed.setattr(MlflowClient, "delete_model_version", Mock(side_effect=KeyboardInterrupt))
        registry.delete_version(tracking, "loud", 1)
    registry.delete_version(tracking, "loud", 1)
    assert registry.versions(tracking) == []
    assert MlflowClient(tracking_uri=tracking.uri).get_run(run_id).info.lifecycle_stage == "deleted"


def test_a_champion_set_in_mlflows_ui_is_part_of_the_history(tracking: TrackingSettings, register: Register) -> None:
    from mlflow import MlflowClient

    first, second = register(0.1), register(0.2)
    registry.set_champion(tracking, "loud", first)
    MlflowClient(tracking_uri=tracking.uri).set_registered_model_alias("loud", "champion", str(second))
    assert registry.previous_champion(tracking, "loud") == first


def test_a_model_that_was_never_registered_has_no_versions(tracking: TrackingSettings) -> None:
    assert registry.versions(tracking, "scenes") == []
    assert registry.previous_champion(tracking, "scenes") is None


def test_an_unknown_version_is_named_with_those_there_are(tracking: TrackingSettings, register: Register) -> None:
    register()
    with pytest.raises(UnknownName, match="there is 1"):
        registry.set_champion(tracking, "loud", 7)


def test_what_others_registered_is_left_alone(tracking: TrackingSettings, register: Register) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=tracking.uri, registry_uri=tracking.uri)
    client.create_registered_model("theirs")
    client.create_model_version("theirs", "file:///nowhere")
    assert registry.versions(tracking) == []


def test_a_database_that_is_none_says_what_to_check(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("no database at all, but long enough to be looked at" * 50)
    with pytest.raises(StorageError, match=r"listing models in MLflow at sqlite.*tracking\.uri"):
        registry.versions(TrackingSettings(uri=f"sqlite:///{tmp_path}/mlflow.db"))


REGISTER = """
import json, sys
from pathlib import Path
import numpy as np
from cinelake.lake.artefact import read_artefact
from cinelake.manifest.sections import TrackingSettings
from cinelake.spec.model import find_model
from cinelake.tracking import registry
from cinelake.tracking.runs import TrainingRecord
tracking = TrackingSettings(uri=sys.argv[1])
artefact = read_artefact(Path(sys.argv[2]))
film = {"time_s": np.arange(4.0), "level": np.arange(4.0)}
print("ready", flush=True); sys.stdin.readline()
with TrainingRecord(tracking, "loud") as record:
    print(registry.register(tracking, record, "loud", artefact, example=film,
          prediction=find_model("loud").predict(artefact, film), metric="accuracy", scores={}, baseline={},
          interval={}, card=""))
"""


@pytest.mark.slow
def test_two_trainings_that_register_at_once_get_two_versions(
    tracking: TrackingSettings, register: Register, tmp_path: Path
) -> None:
    folder = write_artefact(tmp_path / "a", "loud", Config(), Trained(arrays={"threshold": np.array(0.5)})).folder
    command = [sys.executable, "-c", REGISTER, tracking.uri, str(folder)]
    both = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [process.stdout.readline() for process in both if process.stdout] == ["ready\n"] * 2
    numbers = [process.communicate("\n")[0] for process in both]
    assert sorted(json.loads(number) for number in numbers) == [1, 2]


@pytest.mark.slow
def test_mlflow_serves_a_version_over_http(tracking: TrackingSettings, register: Register, tmp_path: Path) -> None:
    register(threshold=0.5)
    with _served(tracking, "models:/loud/1", tmp_path / "serve.log") as url:
        assert _post(url, {name: values.tolist() for name, values in FILM.items()}) == (
            200, {"predictions": {"loud": [False, True, False, True]}},
        )  # fmt: skip
        status, answer = _post(url, {"time_s": [0.0]})
        assert status == 400 and "level" in str(answer)


@contextmanager
def _served(tracking: TrackingSettings, model: str, log: Path) -> Iterator[str]:
    """A running `mlflow models serve` on loopback."""
    url, port = (f"http://127.0.0.1:{(number := free_port())}", str(number))
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", model, "--env-manager", "local", "-p", port]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, **QUIET, "MLFLOW_TRACKING_URI": tracking.uri, "PATH": path}
    with log.open("w") as output:
        server = subprocess.Popen(command, env=environment, stdout=output, stderr=output, start_new_session=True)
    try:
        deadline = time.monotonic() + 90
        while not answers(f"{url}/ping") and server.poll() is None and time.monotonic() < deadline:
            time.sleep(0.2)
        yield url
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(20)


def _post(url: str, inputs: dict[str, Any]) -> tuple[int, Any]:
    request = urllib.request.Request(
        f"{url}/invocations", json.dumps({"inputs": inputs}).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)
