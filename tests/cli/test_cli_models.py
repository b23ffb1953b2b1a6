"""What `cinelake models` lists."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cinelake.errors import UnknownName
from cinelake.learning import versions
from cli.main import app

VERSION = {
    "name": "scenes",
    "version": 3,
    "champion": False,
    "in_lake": False,
    "in_sample": False,
    "doubt": "map is not surely better",
    "metric": "map",
    "metrics": {"f1": 0.5},
    "baseline": {"map": 0.25, "f1": 0.0},
    "created": "2024",
}


def test_a_score_of_the_gate_that_is_undefined_stays_first_in_the_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(versions, "list_versions", lambda *_: [VERSION])
    (tmp_path / "pipeline.yaml").write_text('lake: lake\ncatalogue: {films: "films/*"}\ntasks: {films: {}}\n')
    done = CliRunner().invoke(app, ["models", "-m", str(tmp_path / "pipeline.yaml")], env={"COLUMNS": "200"})
    assert "map – f1 0.500" in done.output and "map 0.250 f1 0.000 (not surely less)" in done.output


@pytest.mark.parametrize("words", [("promote", "scnes", "1"), ("rollback", "scnes"), ("restore", "scnes"), ()])
def test_a_model_that_is_unknown_is_refused_with_close_matches_before_mlflow_is_opened(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    (tmp_path / "pipeline.yaml").write_text('lake: lake\ncatalogue: {films: "films/*"}\ntasks: {films: {}}\n')
    asked = ["models", *(words or ("--model", "scnes")), "-m", str(tmp_path / "pipeline.yaml")]
    with pytest.raises(UnknownName, match="did you mean 'scenes'"):
        CliRunner().invoke(app, asked, catch_exceptions=False)
    assert [file.name for file in tmp_path.iterdir()] == ["pipeline.yaml"]
