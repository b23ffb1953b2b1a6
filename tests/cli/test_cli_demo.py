"""The demo's folder and manifest, what a second demo does, and its screen."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks._clusters import await_that
from cinelake.errors import UsageError
from cinelake.lake.cells import Lake
from cinelake.manifest.document import load_manifest
from cinelake.query.views import ask, open_query
from cinelake.storage.files import process_mark
from cli.demo import QUESTION, _print_screen, _row
from cli.demo_folder import FIRST_RELEASE, DemoRecord, claim_folder, manifest_text
from cli.demo_steps import DemoOutcome, train_models
from cli.docs import all_contracts
from cli.screen import out
from examples.kinds import all_tags
from examples.labels import film_labels
from examples.script import write_script


def claimed(path: Path, **options):
    return claim_folder(path, **{"everything": False, "engine": None, **options})


@pytest.mark.parametrize("everything", [False, True])
def test_the_manifest_is_valid_and_names_every_drawn_tag(tmp_path: Path, everything: bool) -> None:
    manifest = load_manifest(claimed(tmp_path, everything=everything).manifest)
    assert tuple(manifest.model("tags").config.vocabulary) == all_tags()
    assert ("funny" in manifest.enabled) is everything


def test_every_drawn_tag_is_listed() -> None:
    drawn = {row["tag"] for index in range(40) for row in film_labels(write_script(3, index))["tags"]}
    assert drawn <= set(all_tags()) and len(drawn) > 20


def test_a_new_or_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert claimed(tmp_path / "new" / "demo").manifest.exists()
    assert claimed(tmp_path / "empty").manifest.exists()


def test_what_an_earlier_demo_had_stays_in(tmp_path: Path) -> None:
    claimed(tmp_path, everything=True, engine="ray")
    later = claimed(tmp_path)
    assert later.everything and later.engine == "ray"
    assert claimed(tmp_path, engine="local").manifest.read_text() == manifest_text(everything=True)


def test_the_folder_of_an_earlier_release_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pipeline.yaml").write_text("lake: lake\n")
    monkeypatch.setattr("cli.demo_folder.digest", lambda _: FIRST_RELEASE)
    assert claimed(tmp_path).manifest.read_text() == manifest_text()


def test_an_earlier_demo_keeps_the_rules_of_its_shots(tmp_path: Path) -> None:
    before = manifest_text(shots="{}")
    (tmp_path / "pipeline.yaml").write_text(before)
    assert claimed(tmp_path).manifest.read_text() == before != manifest_text()


def test_a_folder_with_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(UsageError, match=r"holds something else \(thesis.tex\).*cinelake demo FOLDER"):
        claimed(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize(("text", "why"), [("lake: lake\n", "is not a demo's"), (manifest_text() + "#", "been edited")])
def test_a_manifest_that_is_someones_work_is_not_overwritten(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "pipeline.yaml").write_text(text)
    with pytest.raises(UsageError, match=why):
        claimed(tmp_path)
    assert (tmp_path / "pipeline.yaml").read_text() == text


def test_a_file_in_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="is a file: name a folder"):
        claimed(tmp_path / "file")


def test_a_folder_that_cannot_be_written_is_said_before_anything_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("cli.demo_folder.tempfile.mkstemp", refuse)
    with pytest.raises(UsageError, match=r"cannot be drawn into .*: Permission denied. Name a folder"):
        claimed(tmp_path / "new")


def test_a_damaged_record_counts_as_none(tmp_path: Path) -> None:
    folder = claimed(tmp_path)
    folder.write_record(DemoRecord(trained={"scenes": "1"}))
    assert folder.read_record().trained == {"scenes": "1"}
    (tmp_path / ".cinelake" / "demo.json").write_text("{")
    assert folder.read_record() == DemoRecord()


def test_a_model_that_cannot_be_trained_says_why(tmp_path: Path) -> None:
    manifest = claimed(tmp_path).manifest
    (tmp_path / "films").mkdir()
    ((name, result),) = train_models(manifest, ["scenes"], 2)
    assert name == "scenes" and "there are no labels 'scenes'" in result["problem"]


def test_a_training_that_was_interrupted_by_itself_goes_on_with_the_next_demo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "echo 'stopping: epochs that ended stay; press Ctrl-C again to kill' >&2; exit 130"
    monkeypatch.setattr("cli.demo_steps.module_command", lambda *_: ["sh", "-c", said])
    ((_, result),) = train_models(tmp_path, ["scenes"], 1)
    assert result["problem"] == "its training was interrupted: the same command goes on where it was"


def test_a_refused_model_is_shown_with_the_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = {
        "metric": "map", "films": {"train": ["a"], "validation": ["b"], "test": ["c"]}, "moved": False, "version": 2,
        "scores": {"map": 0.31}, "baseline": {"map": 0.25}, "intervals": {}, "why": "map 0.31 is not surely better",
    }  # fmt: skip
    done = DemoOutcome(drawn=1, models={"scenes": result, "tags": {"problem": "tags: too few films"}}, exit_code=1)
    _print_screen(claimed(tmp_path), done, 3.0)
    screen = capsys.readouterr().out
    assert "refused" in screen and "scenes: map 0.31 is not surely better" in screen
    assert "not trained" in screen and "tags: too few films" in screen


def test_films_of_which_parts_are_learned_from_and_others_scored_on_are_counted_once() -> None:
    parts = {"train": ["a", "b", "c"], "validation": ["a", "b"], "test": ["a", "b", "c"]}
    result = {"metric": "f1", "films": parts, "intervals": {}, "moved": True, "scores": {}, "baseline": {}}
    assert _row("tags", result)[1] == "3 of 3 films"


def test_at_80_columns_each_model_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    interval = {"score": {"low": 0.5049, "high": 0.7701}}
    ids = [f"film_{number}" for number in range(20)]
    result = {
        "metric": "macro_f1", "films": {"train": ids[:12], "validation": ids[12:14], "test": ids[14:]}, "moved": True,
        "scores": {"macro_f1": 0.638}, "baseline": {"macro_f1": 0.231}, "intervals": interval, "why": "",
    }  # fmt: skip
    monkeypatch.setattr(out, "width", 80)
    _print_screen(claimed(tmp_path), DemoOutcome(models={"characters": result}), 3.0)
    (line,) = (line for line in capsys.readouterr().out.splitlines() if "characters" in line)
    assert all(part in line for part in ("6 of 20 films", "macro_f1", "0.638", "0.505 … 0.770", "0.231", "champion"))


def test_the_question_that_its_screen_ends_with_can_be_asked(tmp_path: Path) -> None:
    answer = ask(open_query(Lake(str(tmp_path)), all_contracts()), QUESTION)
    assert answer.column_names == ["character", "screen_s", "films"]


TRAINS = """
import sys
import subprocess
import sys
from pathlib import Path
from cli.demo_steps import train_models
sys.executable = sys.argv[1]
list(train_models(Path("pipeline.yaml"), ["scenes", "tags"], 2))
"""


def test_the_trainings_of_a_killed_demo_end_with_it(tmp_path):
    training = tmp_path / "training"
    training.write_text(f"#!/bin/sh\necho $$ >> {tmp_path}/pids\nexec sleep 60\n")
    training.chmod(0o755)
    demo = subprocess.Popen([sys.executable, "-c", TRAINS, str(training)], cwd=tmp_path)
    await_that(lambda: (tmp_path / "pids").exists() and (tmp_path / "pids").read_text().count("\n") == 2, within_s=60)
    demo.kill()
    demo.wait()
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    await_that(lambda: not any(map(process_mark, pids)), within_s=10)
