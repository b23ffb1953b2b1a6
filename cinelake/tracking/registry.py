"""The registry of trained models: versions with their scores, the champion, and what was champion before.

A version is the artefact's folder as an MLflow *pyfunc from code* (`served.py`): files that are data, one file of code,
no pickle. What is known of a version stands in its tags, as JSON where it is more than a word.
"""

from __future__ import annotations

import json
import math
import shutil
import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version as installed
from importlib.resources import files
from pathlib import Path
from typing import Any

from cinelake.errors import ModelUnusable, UnknownName, UsageError
from cinelake.lake.artefact import FILES, artefact_digest
from cinelake.manifest.sections import TrackingSettings
from cinelake.spec.arrays import Arrays
from cinelake.spec.artefact import Artefact
from cinelake.spec.model import only_defined
from cinelake.tracking.addresses import shown
from cinelake.tracking.runs import TrainingRecord
from cinelake.tracking.store import connect, tracking_errors

CHAMPION = "champion"
HISTORY = "cinelake.champions"
"""Tag of a registered model: numbers of its champions, oldest first, as JSON."""
MEMBER = "/member_"
"""Between the name of an epoch's metric and the number of the network that it is of."""
NEEDED = ("mlflow", "numpy", "onnxruntime", "pyarrow", "pydantic")
"""What a server of a version needs beside Cinelake itself, written down with the versions it was trained with."""


@dataclass(frozen=True)
class Version:
    """One version of a model.

    digest: of its files (`artefact_digest`). created: UTC, ISO 8601. scores, baseline: of the held-out films; interval:
    name → [low, high]. promote_by_hand: the gate may not make it champion by itself. metric: the score that the gate
    looked at, which comes first in `scores` and `baseline`. in_sample: it has learned from the films of its scores.
    split: what was held out (film, time, image); empty where it is not known. gain: mean, low and high of how much
    more than the baseline it scores; empty where it was registered before that was kept.
    """

    name: str
    number: int
    run_id: str
    digest: str
    created: str
    kind: str
    scores: dict[str, float]
    baseline: dict[str, float]
    interval: dict[str, Any]
    promote_by_hand: bool
    metric: str = ""
    aliases: tuple[str, ...] = ()
    in_sample: bool = False
    split: str = ""
    gain: Mapping[str, float | None] = field(default_factory=dict)

    @property
    def is_champion(self) -> bool:
        """Whether tables are made with it."""
        return CHAMPION in self.aliases


def register(
    tracking: TrackingSettings,
    record: TrainingRecord,
    name: str,
    artefact: Artefact,
    *,
    example: Arrays,
    prediction: Arrays,
    metric: str,
    scores: Mapping[str, float],
    baseline: Mapping[str, float],
    interval: Mapping[str, Any],
    card: str,
    tags: Mapping[str, str] | None = None,
) -> int:
    """Keep a trained model as the next version of `name`; returns its number.

    example, prediction: one film's features and what the model says of them, for the signature. metric: the score that
    the gate looks at; it stands first wherever the version's scores are listed. tags: more of them;
    `promote_by_hand: "true"`, `in_sample: "true"` and `gain` (JSON) are read back. Two trainings that register at once
    get two numbers.
    """
    known = {"digest": artefact.digest, "kind": artefact.kind, "metric": metric}
    known |= {"scores": _as_tag(scores, metric), "baseline": _as_tag(baseline, metric)}
    known["interval"] = json.dumps(dict(interval))
    with tracking_errors(tracking.uri, f"registering {name!r}"), tempfile.TemporaryDirectory() as scratch:
        _save(Path(scratch) / "model", artefact, example, prediction)
        client = record.client
        client.log_artifacts(record.run_id, str(Path(scratch) / "model"), "model")
        _make_registered_model(client, name)
        source = f"{client.get_run(record.run_id).info.artifact_uri}/model"
        made = client.create_model_version(
            name, source, record.run_id, tags={**known, **(tags or {})}, description=card[:100_000]
        )
        return int(made.version)


def metric_first(scores: Mapping[str, Any], metric: str) -> dict[str, Any]:
    """The scores with the gate's before all others."""
    return {**{name: scores[name] for name in (metric,) if name in scores}, **scores}


def _as_tag(scores: Mapping[str, float], metric: str) -> str:
    return json.dumps(metric_first(only_defined(scores), metric))


def _save(folder: Path, artefact: Artefact, example: Arrays, prediction: Arrays) -> None:
    """Lay out the version's folder as MLflow reads it."""
    from mlflow.models import infer_signature
    from mlflow.pyfunc import save_model

    staged = folder.parent / "artefact"
    staged.mkdir()
    for file in FILES:
        if (artefact.folder / file).is_file():
            shutil.copyfile(artefact.folder / file, staged / file)
    about = folder.parent / "about.json"
    about.write_text(json.dumps({"digest": artefact.digest, "kind": artefact.kind}))
    code = folder.parent / "served.py"
    code.write_bytes(files(__package__).joinpath("served.py").read_bytes())  # on a worker it may be in a zip file
    with warnings.catch_warnings(record=True):
        save_model(
            folder,
            python_model=str(code),
            artifacts={"artefact": str(staged), "about": str(about)},
            signature=infer_signature(example, prediction),
            pip_requirements=[f"{package}=={installed(package)}" for package in NEEDED],
        )


def _make_registered_model(client: Any, name: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def versions(tracking: TrackingSettings, name: str | None = None) -> list[Version]:
    """All versions of one model or of all, by name and number; versions that others registered are left out."""
    with tracking_errors(tracking.uri, "listing models"):
        client = connect(tracking.uri)
        result = [v for model in _models(client, name) for v in _versions(client, model)]
    return sorted(result, key=lambda version: (version.name, version.number))


def _models(client: Any, name: str | None) -> list[Any]:
    wanted = f"name = '{name}'" if name else None
    pages = [client.search_registered_models(wanted)]
    while pages[-1].token:
        pages.append(client.search_registered_models(wanted, page_token=pages[-1].token))
    return [model for page in pages for model in page]


def _versions(client: Any, model: Any) -> list[Version]:
    """Aliases come from the model: MLflow's search returns versions without theirs."""
    wanted = f"name = '{model.name}'"
    pages = [client.search_model_versions(wanted)]
    while pages[-1].token:
        pages.append(client.search_model_versions(wanted, page_token=pages[-1].token))
    return [_version(each, model.aliases) for page in pages for each in page if "digest" in each.tags]


def _version(registered: Any, aliases: Mapping[str, Any]) -> Version:
    tags, number = registered.tags, int(registered.version)
    interval = json.loads(tags.get("interval", "{}"))
    metric = tags.get("metric") or next(iter(interval), "")  # versions of the first releases have the interval alone
    return Version(
        name=registered.name,
        number=number,
        run_id=registered.run_id,
        digest=tags["digest"],
        created=datetime.fromtimestamp(registered.creation_timestamp / 1000, UTC).isoformat(timespec="seconds"),
        kind=tags.get("kind", registered.name),
        scores=metric_first(json.loads(tags.get("scores", "{}")), metric),
        baseline=metric_first(json.loads(tags.get("baseline", "{}")), metric),
        interval=interval,
        promote_by_hand=tags.get("promote_by_hand") == "true",
        metric=metric,
        aliases=tuple(sorted(alias for alias, of in aliases.items() if int(of) == number)),
        in_sample=tags.get("in_sample") == "true",
        split=tags.get("split", ""),
        gain=json.loads(tags.get("gain", "{}")),
    )


def champion(tracking: TrackingSettings, name: str) -> Version | None:
    """The version that tables are made with; None when it is missing."""
    return next((version for version in versions(tracking, name) if version.is_champion), None)


def find_version(tracking: TrackingSettings, name: str, number: int) -> Version:
    """One version. Raises `UnknownName` with what there is."""
    known = {version.number: version for version in versions(tracking, name)}
    if number not in known:
        raise UnknownName(f"version of model {name!r}:", str(number), map(str, known))
    return known[number]


def set_champion(tracking: TrackingSettings, name: str, number: int) -> None:
    """Make a version the champion. To the one before the present is a step back: the present one leaves the history."""
    find_version(tracking, name, number)
    with tracking_errors(tracking.uri, f"promoting {name} version {number}"):
        client = connect(tracking.uri)
        history = _history(client, name)
        if history[-2:-1] == [number]:
            history = history[:-1]
        elif history[-1:] != [number]:
            history = [*history, number]
        client.set_registered_model_alias(name, CHAMPION, str(number))
        client.set_registered_model_tag(name, HISTORY, json.dumps(history))


def previous_champion(tracking: TrackingSettings, name: str) -> int | None:
    """The number of the champion before the present one: where a rollback goes."""
    with tracking_errors(tracking.uri, f"looking for model {name!r}"):
        if not _models(connect(tracking.uri), name):
            return None
    with tracking_errors(tracking.uri, f"reading the champions of {name!r}"):
        return next(iter(_history(connect(tracking.uri), name)[-2:-1]), None)


def delete_version(tracking: TrackingSettings, name: str, number: int) -> None:
    """Delete a version, its training's run and the files of that run; no rollback leads to it any more.

    MLflow keeps a deleted run's parameters and scores, marked as deleted, until `mlflow gc`. Raises `UsageError` for a
    champion, `StorageError` where MLflow or the files cannot be written; a version that is not there is no error.
    """
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    version = next((each for each in versions(tracking, name) if each.number == number), None)
    if version is None:
        return
    if version.is_champion:
        raise UsageError(f"{name} {number} is champion: another one has to be before it can be deleted")
    with tracking_errors(tracking.uri, f"deleting {name} version {number}"):
        client = connect(tracking.uri)
        history = [each for each in _history(client, name) if each != number]
        client.set_registered_model_tag(name, HISTORY, json.dumps(history))
        get_artifact_repository(client.get_run(version.run_id).info.artifact_uri).delete_artifacts()
        client.delete_run(version.run_id)
        client.delete_model_version(name, str(number))  # last: by it a deletion that was killed is found again


def _history(client: Any, name: str) -> list[int]:
    """Champions so far, the present one last, also when its alias was moved by other means."""
    model = client.get_registered_model(name)
    history = [int(number) for number in json.loads(model.tags.get(HISTORY, "[]"))]
    present = model.aliases.get(CHAMPION)
    return history if present is None or history[-1:] == [int(present)] else [*history, int(present)]


def origin_of(tracking: TrackingSettings, name: str, number: int) -> dict[str, Any]:
    """What a version's training began with: run_id, labels (set, key, imports) and seed, as its run has them."""
    version = find_version(tracking, name, number)
    with tracking_errors(tracking.uri, f"reading the run of {name} version {number}"):
        client = connect(tracking.uri)
        params = client.get_run(version.run_id).data.params
        files = {file.path for file in client.list_artifacts(version.run_id)}
        with tempfile.TemporaryDirectory() as scratch:
            data = client.download_artifacts(version.run_id, "data.json", scratch) if "data.json" in files else None
            labels = json.loads(Path(data).read_text())["labels"] if data else {}
    return {"run_id": version.run_id, "labels": labels, "seed": int(params.get("seed", 0))}


def json_of(tracking: TrackingSettings, run_id: str, file: str) -> Any:
    """A JSON file that a training keeps beside its run; None where it keeps none, or what is no JSON.

    Raises `StorageError` where the run cannot be read.
    """
    with tracking_errors(tracking.uri, f"reading {file} of run {run_id}"), tempfile.TemporaryDirectory() as scratch:
        client = connect(tracking.uri)
        if file not in {each.path for each in client.list_artifacts(run_id)}:
            return None
        text = Path(client.download_artifacts(run_id, file, scratch)).read_text(encoding="utf-8")
    try:
        return json.loads(text)
    except ValueError:
        return None


def keep_text(tracking: TrackingSettings, run_id: str, file: str, text: str) -> None:
    """Keep a file beside a training's run. Raises `StorageError` where MLflow cannot be written."""
    with tracking_errors(tracking.uri, f"keeping {file} of run {run_id}"):
        connect(tracking.uri).log_text(run_id, text, file)


def epochs_of(tracking: TrackingSettings, run_id: str, most: int = 8) -> dict[str, list[float]]:
    """Metrics of a training's epochs, in order: at most so many, each of them once a member (`loss/member_2`) where
    several were trained; none of the held-out side.

    Raises `StorageError` where the run cannot be read.
    """
    with tracking_errors(tracking.uri, f"reading the epochs of run {run_id}"):
        client = connect(tracking.uri)
        known = client.get_run(run_id).data.metrics
        metrics = sorted({name.partition(MEMBER)[0] for name in known if "/" not in name.partition(MEMBER)[0]})[:most]
        names = sorted(name for name in known if name.partition(MEMBER)[0] in metrics)
        found = {name: client.get_metric_history(run_id, name) for name in names}
    curves = {name: [m.value for m in sorted(history, key=lambda m: m.step)] for name, history in found.items()}
    return {name: values for name, values in curves.items() if len(values) > 1 and all(map(math.isfinite, values))}


def fetch(tracking: TrackingSettings, name: str, number: int, target: Path) -> Path:
    """Copy a version's artefact into the folder `target` and return it. Raises `ModelUnusable` when it is damaged."""
    version = find_version(tracking, name, number)
    with tempfile.TemporaryDirectory() as scratch:
        with tracking_errors(tracking.uri, f"fetching {name} version {number}"):
            client = connect(tracking.uri)
            folder = Path(client.download_artifacts(version.run_id, "model/artifacts/artefact", scratch))
        received = artefact_digest(folder)
        if received != version.digest:
            raise ModelUnusable(
                f"{name} version {number} in MLflow at {shown(tracking.uri)} has digest {received}, registered was "
                f"{version.digest}: its files are damaged; train again, or roll back with `cinelake models`"
            )
        shutil.copytree(folder, target, dirs_exist_ok=True)
    return target
