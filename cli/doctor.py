"""`cinelake doctor`: what this machine has of what a manifest needs, with what to do about the rest."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import typer

from cinelake.errors import CinelakeError
from cinelake.manifest.document import load_manifest
from cli.options import HERE, JsonOption, ManifestOption, example, finish
from cli.screen import out, print_json, table

app = typer.Typer(add_completion=False)

PACKAGES = ("prefect", "mlflow", "pyarrow", "duckdb", "av", "opencv-python-headless", "dlib-bin", "onnxruntime",
            "insightface", "keras", "tensorflow-cpu")  # fmt: skip  # fmt: skip
Finding = tuple[str, bool, str]
"""What was checked, whether it passed, and the result."""


@app.command(epilog=example("cinelake doctor", "cinelake doctor -m pipeline.yaml --json"))
def doctor(manifest: ManifestOption = HERE, json: JsonOption = False) -> None:
    """Check this machine and the manifest: ffmpeg, engine, weights, lake, disk."""
    findings = [*_machine(), *_manifest(manifest)]
    bad = sum(not ok for _, ok, _ in findings)
    if json:
        print_json({"checks": [{"check": name, "ok": ok, "found": fact} for name, ok, fact in findings]})
    else:
        table(["", "check", "found"], [["ok" if ok else "!!", name, fact] for name, ok, fact in findings])
        out.print("\nall is well" if not bad else f"\n{bad} to look at")
    finish(int(bad > 0))


def _machine() -> Iterator[Finding]:
    yield "python", True, platform.python_version()
    yield "processors", True, f"{len(os.sched_getaffinity(0))}"
    yield (
        "gpu",
        True,
        "yes" if list(Path("/dev").glob("nvidia[0-9]*")) else "none (CPU is used where `device: cpu` says so)",
    )
    yield _checked("ffmpeg", _ffmpeg)
    yield "confinement of ffmpeg", *_confinement()
    for name in PACKAGES:
        yield _checked(name, lambda name=name: version(name))  # type: ignore[misc]


def _ffmpeg() -> str:
    from cinelake.media import ffmpeg

    return f"{ffmpeg.version()} ({Path(ffmpeg.binary()).name})"


def _confinement() -> tuple[bool, str]:
    from cinelake.storage.processes import landlock_version

    version = landlock_version()
    if not version:
        return False, "this kernel has no Landlock (5.13, `lsm=landlock`): limits and no new privileges, but all files"
    also = ", TCP" * (version >= 4) + ", signals" * (version >= 6)
    return True, f"Landlock {version}: files{also}; memory, open files, no new privileges"


def _manifest(manifest: Path) -> Iterator[Finding]:
    if not manifest.exists():
        yield "manifest", True, f"{manifest} is not here (name one with -m)"
        return
    yield _checked("manifest", lambda: f"{len(load_manifest(manifest).tasks)} tables in {manifest}")
    yield _checked("films and weights", lambda: _plan(manifest))
    yield _checked("lake", lambda: _lake(manifest))
    yield _checked("copies of films", lambda: _staging(manifest))


def _plan(manifest: Path) -> str:
    from cinelake.plan.build import plan_manifest

    planning = plan_manifest(load_manifest(manifest))
    return f"{len(planning.catalogue.films)} films, {len(planning.catalogue.problems)} problems, weights are there"


def _lake(manifest: Path) -> str:
    from cinelake.lake.cells import Lake

    lake = Lake(load_manifest(manifest).lake.place)
    if lake.storage.local:
        return f"{lake.storage.uri}, {shutil.disk_usage(_writable(lake.storage.local)).free / 1e9:.0f} GB free"
    lake.tables()
    return f"{lake.storage.uri} answers"


def _staging(manifest: Path) -> str:
    """Whether the disk has the space that `staging` may take, unless films are read in place."""
    from cinelake.catalogue.films import read_catalogue
    from cinelake.storage.objects import is_remote

    loaded = load_manifest(manifest)
    films = read_catalogue(loaded.catalogue, loaded.folder).films
    remote = sum(is_remote(film.path) for film in films)
    if not (remote or loaded.staging.always):
        return "none are made: films are read where they lie"
    folder = Path(str(loaded.staging.folder))
    free_bytes = shutil.disk_usage(_writable(folder)).free
    if free_bytes < loaded.staging.max_bytes:
        free, limit = free_bytes / 1e9, loaded.staging.max_gb
        raise CinelakeError(
            f"{folder} has {free:.3g} GB free, and staging.max_gb is {limit:g}: lower it, or free space"
        )
    what = "all films" if loaded.staging.always else f"{remote} of {len(films)} films, on object stores"
    return f"{what}: up to {loaded.staging.max_gb:g} GB in {folder}"


def _writable(folder: Path) -> Path:
    """The folder, or the nearest one above that exists. Raises `CinelakeError` when it cannot be written."""
    nearest = next(place for place in [folder, *folder.parents] if place.exists())
    if not os.access(nearest, os.W_OK):
        raise CinelakeError(f"{nearest} cannot be written")
    return nearest


def _checked(name: str, look: Callable[[], str]) -> Finding:
    try:
        return name, True, look()
    except (CinelakeError, ImportError, OSError) as error:
        return name, False, str(error)
