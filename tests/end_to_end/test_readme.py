"""What the README shows is typed, command after command, in an empty folder with drawn films, as a reader would."""

import csv
import re
import shlex
import shutil

import pytest
from end_to_end._command import ROOT, cinelake

from examples.draw import draw_catalogue

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
NOISE = re.compile("oneDNN|AVX|absl|Traceback")


def steps():
    """What the README shows in order: a command's words, or YAML to add to the manifest."""
    text = (ROOT / "README.md").read_text()
    for block, line in re.findall(r"```yaml\n((?:.*\n)*?)```|^ {4}cinelake (.*)$", text, re.M):
        if block:
            yield "yaml", block
        elif not line.startswith("demo"):
            yield "command", shlex.split(line, comments=True)


@pytest.fixture(scope="module")
def readers_folder(tmp_path_factory):
    """An empty folder with what a reader brings: films, one of them of a holiday, a still, labels of scenes."""
    folder, drawn = tmp_path_factory.mktemp("reader"), tmp_path_factory.mktemp("drawn")
    films = draw_catalogue(drawn, 6, 3, seconds=12)
    shutil.copytree(drawn / "films", folder / "films")
    shutil.copy(films[0].path, folder / "films" / "holiday.mp4")
    return folder, drawn / "labels"


def prepare(folder, labels, words):
    """What a person does before typing a command: adds labels to the template, has a picture to search by."""
    if words[:2] == ["labels", "import"]:
        with (labels / "scenes.csv").open() as rows, (folder / words[2]).open("a") as template:
            columns = (folder / words[2]).read_text().strip().split(",")
            for row in csv.DictReader(rows):
                template.write(",".join(row.get(name, "") for name in columns) + "\n")
    if "--image" in words:
        from PIL import Image

        Image.new("RGB", (320, 180), "teal").save(folder / words[words.index("--image") + 1])


def add(folder, yaml):
    """Tasks of a block go under those of the manifest; one that is a whole manifest is what `init` wrote in short."""
    manifest = folder / "pipeline.yaml"
    if yaml.startswith("  ") and "insightface" not in yaml:
        manifest.write_text(manifest.read_text().replace("tasks:\n", f"tasks:\n{yaml}", 1))


def test_every_command_of_the_readme_runs_in_order(readers_folder, prefect):
    folder, labels = readers_folder
    for kind, shown in steps():
        if kind == "yaml":
            add(folder, shown)
            continue
        typed, file = (shown[:-2], shown[-1]) if ">" in shown else (shown, "")
        prepare(folder, labels, typed)
        done = cinelake(*typed, cwd=folder, env=prefect)
        assert done.returncode == 0, f"cinelake {shlex.join(typed)}: {done.stderr}{done.stdout}"
        assert not NOISE.search(done.stderr), f"cinelake {shlex.join(typed)}: {done.stderr}"
        if file:
            (folder / file).write_text(done.stdout)
