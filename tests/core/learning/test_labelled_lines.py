"""Any line over time is learned from its label table alone: labels, training, figures, rows in the lake; no code."""

from __future__ import annotations

import pyarrow.parquet as pq
import pytest
from core.learning._taught import Project
from typer.testing import CliRunner

from cinelake.learning.request import TrainingRequest, TrainingSummary, prepare_request
from cinelake.learning.session import train_model
from cinelake.tracking.store import connect
from cli.main import app

pytestmark = pytest.mark.slow
MANIFEST = """
lake: lake
catalogue: {films: films}
tracking: {uri: mlflow.db}
tasks: {films: , shots: , sound: , importance: {task: lines, model: importance@champion}}
models:
  importance:
    model: affect
    config: {targets: [importance], use: [sound], clip_s: 1, steps: 1, smooth_s: 0, members: 1,
             memory: {slots: 2, width: 4, epochs: 2, rounds: 1}}
"""


@pytest.fixture
def told(project: Project) -> Project:
    """A project whose films are labelled second by second: important from where they grow loud."""
    (project.folder / "pipeline.yaml").write_text(MANIFEST)
    rows = [f"film_{n:02d},{s + 0.5},importance,{10 * (s > n % 4)}" for n in range(12) for s in range(6)]
    (project.folder / "importance.csv").write_text("\n".join(["movie_id,time_s,name,value", *rows]))
    project.run()
    words = ["labels", "import", str(project.folder / "importance.csv"), "--model", "importance"]
    result = CliRunner().invoke(app, [*words, "-m", str(project.folder / "pipeline.yaml")])
    assert result.exit_code == 0, result.output
    return project


def taught(project: Project) -> TrainingSummary:
    request = TrainingRequest(project.load(), "importance")
    prepared = prepare_request(request, lambda _: None)
    return train_model(request, prepared, project.folder / ".cinelake" / "training", lambda _: None)


def test_a_label_table_alone_adds_a_line_with_its_scores_figures_and_rows(told: Project) -> None:
    summary = taught(told)
    assert summary.scores["rank_importance"] > 0.6 and summary.moved  # labels of two values alone allow 0.8
    logged = [file.path for file in connect(told.load().tracking.uri).list_artifacts(summary.run_id)]
    assert {"lines.png", "memory.png"} <= set(logged)
    told.run()
    rows = pq.read_table(told.folder / "lake" / "importance" / "film_00.parquet").to_pylist()
    assert [row["time_s"] for row in rows] == [0, 1, 2, 3, 4, 5] and rows[-1]["value"] > rows[0]["value"] + 5
