"""Films of the eluv.io challenge: imported as features and labels, predictions exported in its form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from cinelake.errors import BadLabels, CannotTrain, Problem, UnknownName, UsageError
from cinelake.labels.film_facts import FilmFacts
from cinelake.labels.readers import ReadLabels
from cinelake.labels.store import read_labels
from cinelake.lake.cells import Lake
from cinelake.lake.champions import find_applied, open_applied
from cinelake.manifest.document import Manifest
from cinelake.spec.arrays import Array
from cinelake.spec.contract import Contract
from cinelake.spec.labels import LabelContract
from cinelake.spec.names import TABLE_NAME
from cinelake.spec.task import find_task
from cinelake.storage.content import digest
from cinelake.storage.files import write_whole
from importers.eluv.format import KINDS, commit_features, label_rows, prediction_bytes, read_eluv

FEATURES = "shot_features"
TABLE = "shot_features_eluv"


def is_eluv(paths: Sequence[Path]) -> bool:
    """Whether these files are pickles of the challenge."""
    return bool(paths) and all(path.suffix.lower() in (".pkl", ".pickle") for path in paths)


def read_films(
    paths: Sequence[Path], contract: LabelContract, manifest: Manifest, table: str
) -> tuple[ReadLabels, dict[str, FilmFacts]]:
    """The scenes of all films as rows to import, what is known of the films, and all problems; writes nothing."""
    _check_table(manifest, table)
    if contract.shape != "spans":
        raise UsageError(f"films of the challenge have scenes, labels by spans; this model's are by {contract.shape}")
    problems: list[Problem] = []
    rows, digests = [], []
    facts: dict[str, FilmFacts] = {}
    files: dict[str, str] = {}
    for path in paths:
        film, wrong = read_eluv(path)
        problems += wrong
        if film is None:
            continue
        if film.movie_id in files:
            problems.append(Problem(path.name, 0, "imdb_id", f"{film.movie_id} is in {files[film.movie_id]} too"))
        files[film.movie_id] = path.name
        rows.append(label_rows(film, [column.name for column in contract.columns]))
        facts[film.movie_id] = FilmFacts(shots=len(film), in_lake=True)
        digests.append(film.digest)
    if problems:
        raise BadLabels(problems)
    names = ", ".join(path.name for path in paths[:5]) + (" …" if len(paths) > 5 else "")
    return ReadLabels(pa.concat_tables(rows), names, digest(digests)), facts


def _check_table(manifest: Manifest, table: str) -> None:
    if not TABLE_NAME.fullmatch(table):
        raise UsageError(f"--table takes lower-case letters, digits and _, received {table!r}")
    if table in manifest.tasks:
        raise UsageError(
            f"--table {table} is made by a task of the manifest: imported films go into a table of their own"
        )


def feature_contract(table: str) -> Contract:
    """The contract of features of shots, for a table of this name."""
    return replace(find_task(FEATURES).contract, table=table)


def commit_films(paths: Sequence[Path], manifest: Manifest, table: str) -> None:
    """Read the files again, one at a time, and put their features into the lake."""
    lake, contract = Lake(manifest.lake.place), feature_contract(table)
    for path in paths:
        film, wrong = read_eluv(path)
        if film is None:
            raise BadLabels(wrong)
        commit_features(lake, table, film, contract)


def notes(table: str, model: str) -> list[str]:
    """Notes for whoever imports the films."""
    return [
        f"features are in table {table}; times are nominal, at 24 frames a second",
        f"to learn from them: `models: {{{model}: {{inputs: {{{FEATURES}: {table}}}}}}}` in the manifest",
    ]


def write_predictions(
    manifest: Manifest,
    name: str,
    folder: Path,
    *,
    table: str,
    version: str,
    force: bool,
    films: Sequence[str] = (),
    with_features: bool = True,
) -> dict[str, Any]:
    """Write the predictions of a version of a model for films of a table; returns what was written as plain data.

    folder: gets one `tt….pkl` for each film. films: those of them; all if none is named. with_features: beside the
    film's features, so that the file can be read as the challenge's own. Raises `UsageError` where the version, the
    table or a kind of features is missing, where a file exists already (without `force`), and where one cannot be
    written; `UnknownName` for films that the table does not hold.
    """
    entry, lake = manifest.model(name), Lake(manifest.lake.place)
    applied = find_applied(lake, f"{name}@{version}")
    if applied is None:
        raise UsageError(f"{name} has no {version} yet: `cinelake train {name}`, or see `cinelake models`")
    films = _films_of(lake, table, films, name)
    targets = [folder / f"{movie_id}.pkl" for movie_id in films]
    existing = [path for path in targets if path.exists()]
    if existing and not force:
        raise UsageError(f"{existing[0]} is there already ({len(existing)} in all): another folder, or --force")
    artefact, truths = open_applied(lake, applied), _truths(manifest, name)
    folder.mkdir(parents=True, exist_ok=True)
    for movie_id, path in zip(films, targets, strict=True):
        features = entry.spec.features({FEATURES: lake.reader(table, movie_id)}, artefact.config)
        probability = entry.spec.predict(artefact, features)["probability"]
        truth = _boundaries(truths.get(movie_id), len(probability))
        beside = _features_of(lake, table, movie_id) if with_features else None
        _write(path, prediction_bytes(movie_id, probability, features["end_frame"] - 1, truth, beside))
    return {"model": name, "version": applied.version, "table": table, "files": [str(path) for path in targets]}


def _films_of(lake: Lake, table: str, films: Sequence[str], name: str) -> list[str]:
    """The films to write, of those that the table holds."""
    held = [file.removesuffix(".parquet") for file in sorted(lake.storage.files(table))]
    if not held:
        raise UsageError(f"the lake has no table {table!r}: `cinelake labels import tt*.pkl --model {name}` makes one")
    for movie_id in films:
        if movie_id not in held:
            raise UnknownName(f"film of {table}", movie_id, held)
    return list(dict.fromkeys(films)) or held


def _features_of(lake: Lake, table: str, movie_id: str) -> dict[str, Array]:
    """Kind → (N, d) of a film, as they are in the table."""
    rows = lake.reader(table, movie_id).read()
    if missing := [kind for kind in KINDS if kind not in rows.column_names]:
        raise UsageError(f"table {table} has no {', '.join(missing)}: --predictions-only leaves the features out")
    vectors = {kind: rows[kind].combine_chunks() for kind in KINDS}
    return {
        kind: column.flatten().to_numpy(zero_copy_only=False).reshape(len(column), column.type.list_size)
        for kind, column in vectors.items()
    }


def _truths(manifest: Manifest, name: str) -> dict[str, list[int]]:
    """movie_id → first shots of its scenes, of films whose labels are by shots."""
    entry = manifest.model(name)
    try:
        labels = read_labels(Path(manifest.labels), entry.labels, entry.spec.labels).table
    except CannotTrain:
        return {}
    starts: dict[str, list[int]] = {}
    for row in labels.to_pylist():
        if row.get("start_shot") is not None and row.get("begins") is None:
            starts.setdefault(row["movie_id"], []).append(row["start_shot"])
    return starts


def _boundaries(starts: Sequence[int] | None, shots: int) -> Any:
    import numpy as np

    if starts is None:
        return None
    begins = np.zeros(shots, bool)
    begins[[start for start in starts if start < shots]] = True
    return begins[1:]


def _write(path: Path, data: bytes) -> None:
    try:
        write_whole(path, data)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}") from error
