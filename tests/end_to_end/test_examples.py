"""The examples of every `--help`, typed as they stand, in a folder that has the films, labels and files they name."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from end_to_end import _example_files as files
from end_to_end._command import cinelake, environment
from typer.testing import CliRunner

from cli.main import COMMANDS, app, load_command
from examples.draw import draw_catalogue

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
FILMS = ("sintel_trailer", "my_film", "cartoon", "sintel", "interview", "holiday", "night_train", "dusk")
"""With fewer than eight no film is held out."""
NOT_TYPED = {
    r"cinelake demo": "minutes each: test_demo.py has a small one",
    r"cinelake up|.* cinelake work": "runs until it is interrupted: test_up.py",
    r"cinelake tune": "dozens of trainings",
    r"duckdb": "another program",
    r"cinelake export eluv (tt|--model scenes -o)": "needs films of eluv.io's challenge",
    r"cinelake (train|evaluate)": "trainings: test_cli_train.py, test_cli_evaluate.py",
    r"cinelake models": "needs several trainings: test_cli_models.py",
    r"cinelake publish": "test_cli_publish.py",
    r"cinelake deploy": "test_deploying.py",
    r"cinelake report --proxies": "test_proxies.py",
    r"cinelake labels next (tags$|characters|scenes)": "test_cli_labels_next.py",
    r"cinelake labels export tags --format label-studio": "test_annotators_round_trip.py",
    r"cinelake labels import --clips": "needs a catalogue of clips, a folder for each class",
    r"cinelake search --like": "needs a film of a quarter of an hour",
    r"cinelake search .*--by meaning": "needs a sentence encoder",
    r"cinelake index": "needs a thousand vectors",
    r"cinelake export film .*--of transcript": "needs a network that hears words",
}
"""Beginnings of examples that are not typed here, each with the reason."""
OWN_PROCESS = "cinelake (look|init|run|report|replay|down|forget|plan)"
"""Commands that start others, expand names as the shell does, or talk to a server; all others are called here."""
KEPT = {"pipeline.yaml", "lake", "labels", "films", "mlflow.db", "mlruns", ".cinelake", "published", "drawn", "home"}
KEPT |= {"stock"}
"""What a command may leave for the next one; all else is cleared away."""


def shown() -> list[str]:
    """The examples of all commands as `--help` prints them, in the order of a first day."""
    pages = [load_command(name) for name in COMMANDS]
    pages += [below for page in pages for below in getattr(page, "commands", {}).values()]
    lines = [re.sub(r"\[/?\w*\]", "", line).strip() for page in pages for line in (page.epilog or "").splitlines()]
    return list(dict.fromkeys(line for line in lines if line and not line.startswith("Examples")))


def reason_against(line: str) -> str:
    return next((why for start, why in NOT_TYPED.items() if re.match(start, line)), "")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with films and drawn labels."""
    folder = tmp_path_factory.mktemp("examples")
    drawn = draw_catalogue(folder / "drawn", len(FILMS), 3, seconds=8)
    names = dict(zip((film.movie_id for film in drawn), FILMS, strict=True))
    (folder / "films").mkdir()
    for film in drawn:
        shutil.copy(film.path, folder / "films" / f"{names[film.movie_id]}.mp4")
    files.rename_films(folder / "drawn" / "labels", names)
    files.write(folder)
    return folder


def prepare(folder: Path, env: dict[str, str]) -> None:
    """Make, learn and publish what the examples look at."""

    def typed(line: str) -> None:
        done = cinelake(*shlex.split(line), cwd=folder, env=env)
        assert done.returncode == 0, f"{line}: {done.stderr}{done.stdout}"

    for line in (
        "run",
        "publish",
        "labels import stock/scenes.csv --model scenes --annotator ida",
        "labels import stock/tags.csv --model tags --annotator ida",
        "labels import stock/characters.csv --model characters --annotator ida",
        "labels import stock/ratings.csv --model tags --kind ratings --annotator ida",
        "labels import stock/ratings.csv --model tags --kind ratings --annotator eva",
        "train scenes",
        "train tags",
        "models promote scenes 1",
        "models promote tags 1",
        "run",
        "labels export scenes --format otio -o stock/timeline.otio",
    ):
        typed(line)
    files.write_from_lake(folder)


def lay_out(line: str, folder: Path) -> None:
    """Clear away what the line before left, and put beside the films the files that this one reads."""
    for path in folder.iterdir():
        if path.name not in KEPT:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    read = re.sub(r"(-o|--out|--output|--html|>) \S+", "", line)
    for path in (folder / "stock").iterdir():
        if path.name in read or path.suffix == ".mkv":
            shutil.copytree(path, folder / path.name) if path.is_dir() else shutil.copy(path, folder)
    if re.match("cinelake (supercut|search|query|why)", line):
        files.fill(folder)
    if line.startswith("cinelake plan"):
        (folder / "lake" / "shots" / "dusk.parquet").unlink(missing_ok=True)


def typed_into_a_shell(line: str, folder: Path, env: dict[str, str]) -> str:
    """What goes wrong; empty where nothing does."""
    where = folder / "home" if line.startswith("cinelake init") else folder
    shell = f'cinelake() {{ {shlex.quote(sys.executable)} -m cli "$@"; }}\n{line}'
    done = subprocess.run(
        ["bash", "-c", shell],
        cwd=where,
        env=environment(**env, HOME=str(folder / "home")),
        capture_output=True,
        text=True,
        timeout=280,
        stdin=subprocess.DEVNULL,
    )
    return f"{done.returncode}: {done.stderr[-600:]}" if done.returncode or "Traceback" in done.stderr else ""


def typed_here(line: str) -> str:
    """The same within this process, which has imported everything."""
    done = CliRunner().invoke(app, shlex.split(line.partition(" >")[0])[1:])
    return f"{done.exit_code}: {done.exception!r}{done.stderr[-600:]}" if done.exit_code else ""


def test_every_example_can_be_typed_as_it_stands(
    folder: Path, prefect: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(folder, prefect)
    monkeypatch.chdir(folder)
    wrong = []
    for line in sorted(filter(lambda line: not reason_against(line), shown()), key=lambda line: "pictures/" in line):
        lay_out(line, folder)
        problem = typed_into_a_shell(line, folder, prefect) if re.match(OWN_PROCESS, line) else typed_here(line)
        wrong += [f"{line}\n    {problem}"] if problem else []
    assert not wrong, "\n".join(wrong)


def test_what_is_not_typed_is_still_shown() -> None:
    assert not [start for start in NOT_TYPED if not any(re.match(start, line) for line in shown())]
