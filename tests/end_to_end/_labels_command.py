"""`cinelake labels` on a small project of its own, for the tests of each of its commands."""

import json

import cv2
import numpy as np
from typer.testing import CliRunner

from cinelake.errors import CinelakeError
from cli.main import app

CSV = "movie_id,start_s,end_s,kind\ndawn,0,10,chase\ndawn,0:00:10,0:00:20.5,sorrow\ndusk,1,2,dialogue\n"


def labels(project, *words):
    """Run `cinelake labels …`; gives what it prints. Errors come as they are raised."""
    result = CliRunner().invoke(app, ["labels", *map(str, words), "-m", str(project / "pipeline.yaml")])
    if isinstance(result.exception, CinelakeError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def take(project, text=CSV, *words):
    (project / "a.csv").write_text(text)
    return labels(project, "import", project / "a.csv", "--model", "toy", *words)


def told(project, *words):
    return json.loads(labels(project, *words, "--json"))


def shown(project, *words):
    rows = told(project, "show", "toy", *words)["labels"]
    return [tuple(value for value in row.values() if value is not None) for row in rows]


def draw(folder, *names):
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(number).integers(0, 255, (32, 32, 3), np.uint8)
        cv2.imwrite(str(folder / name), noise)
    return folder
