"""Components inside packages: found without being imported, and held against their pins."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from cinelake.errors import ModelUnusable, WeightsMissing
from cinelake.lake.packaged import Package, PackagedFile, library_digest
from cinelake.storage.content import file_digest

NOT_THERE = Package("nowhere-weights", "1.2", "nowhere_weights", "MIT", "Linux on x86-64")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Package:
    """A package that fails when it is imported, with a file of weights and a wheel's list."""
    folder = tmp_path / "some_weights"
    folder.mkdir()
    (folder / "__init__.py").write_text("raise RuntimeError('imported')")
    (folder / "net.dat").write_bytes(b"weights")
    info = tmp_path / "some_weights-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: some-weights\nVersion: 1.2\n")
    (info / "RECORD").write_text("some_weights/net.dat,sha256=HWaGbqJfdATLE1Vz0EmeJb8YYjxEyN4zgNV4Fh6FGB4,7\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    return Package("some-weights", "1.2", "some_weights", "MIT")


def test_a_file_is_found_without_importing_its_package(package: Package, tmp_path: Path) -> None:
    digest = file_digest(tmp_path / "some_weights" / "net.dat")
    assert PackagedFile(package, "net.dat", digest).path() == tmp_path / "some_weights" / "net.dat"
    assert "some_weights" not in sys.modules


def test_a_package_that_is_not_installed_is_told_with_what_to_do() -> None:
    with pytest.raises(WeightsMissing, match=r"pip install nowhere-weights==1\.2.*Linux on x86-64.*, or say no"):
        PackagedFile(NOT_THERE, "net.dat", "").path("say no")


def test_a_package_without_its_weights_is_told(package: Package) -> None:
    with pytest.raises(WeightsMissing, match=r"has no .*other\.dat: .*--force-reinstall some-weights==1\.2"):
        PackagedFile(package, "other.dat", "").path()


def test_weights_of_another_version_are_refused_with_both_digests(package: Package) -> None:
    with pytest.raises(ModelUnusable, match=r"some-weights 1\.2 has the digest [0-9a-f]{32}, pinned is abc of"):
        PackagedFile(package, "net.dat", "abc").path()


def test_a_library_is_known_by_its_version(package: Package) -> None:
    with pytest.raises(ModelUnusable, match=r"is 1\.2, pinned is 2\.0: .*, or say no"):
        library_digest(replace(package, version="2.0"), "say no")


def test_a_library_whose_file_is_not_as_its_wheel_lists_it_is_refused(package: Package) -> None:
    with pytest.raises(ModelUnusable, match=r"damaged: some_weights/net\.dat is not as its wheel lists it"):
        library_digest(package)
