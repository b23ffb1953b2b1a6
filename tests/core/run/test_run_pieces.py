"""A long film's table, made in pieces by several processes: the same table, whoever makes which piece."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from cinelake.lake.cells import Lake
from cinelake.manifest.document import load_manifest
from cinelake.plan.build import plan_manifest
from cinelake.run import pieces
from cinelake.run.cells import StepReport
from cinelake.run.pieces import PieceReader
from cinelake.run.step import Step, run_step
from cinelake.storage.slots import VARIABLE, make_slots, slot_held, take_slot

MANIFEST = """\
lake: lake
catalogue: {films: films}
tasks:
  shots: {}
  frames: {fps: 5}
  embeddings: {backbone: descriptor, batch_size: 2}
"""


@pytest.fixture
def step(tmp_path: Path, draw_film: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Step:
    """The step of a film of eleven pictures in `frames`, of which four are a piece."""
    draw_film(tmp_path / "films" / "film.mp4")
    (tmp_path / "pipeline.yaml").write_text(MANIFEST)
    planning = plan_manifest(load_manifest(tmp_path / "pipeline.yaml"))
    (film,) = planning.plan.by_film().items()
    for name, value in (("ROWS", 4), ("FEWEST_PIECES", 2), ("IDLE_S", 0.0)):
        monkeypatch.setattr(pieces, name, value)
    return planning.step(*film)


@pytest.fixture
def idle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Slots of two processes without a job."""
    folder = tmp_path / "slots"
    folder.mkdir()
    make_slots(folder, 2)
    monkeypatch.setenv(VARIABLE, str(folder))
    return folder


def whole(step: Step, monkeypatch: pytest.MonkeyPatch) -> pa.Table:
    """The table as it is made without pieces; the lake is as before then."""
    with monkeypatch.context() as patch:
        patch.setattr(pieces, "FEWEST_PIECES", 1000)
        return table_after(step)


def table_after(step: Step) -> pa.Table:
    report: StepReport = run_step(step)
    assert not report.failed(), report
    lake = Lake(step.lake)
    table = lake.reader("embeddings", "film").read()
    lake.delete_cell("embeddings", "film")
    return table


def embeddings_of(step: Step) -> Step:
    return replace(step, cells=tuple(cell for cell in step.cells if cell.table == "embeddings"))


def test_a_table_made_in_pieces_is_the_table(step: Step, monkeypatch: pytest.MonkeyPatch) -> None:
    table = whole(step, monkeypatch)
    assert table.num_rows > 8
    assert table_after(embeddings_of(step)).equals(table)


@pytest.mark.slow
def test_helpers_make_the_same_pieces(step: Step, idle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = whole(step, monkeypatch)
    monkeypatch.setattr(pieces, "ROWS", 2)
    monkeypatch.setattr(pieces.Pieces, "_make_or_wait", wait_for_helpers)
    run_step(embeddings_of(step))
    lake = Lake(step.lake)
    footer = lake.footer("embeddings", "film")
    assert lake.reader("embeddings", "film").read().equals(table)
    assert footer and footer.run["helpers"] == 2 and footer.run["cpu_s"] > 0


def wait_for_helpers(self: pieces.Pieces, number: int) -> None:
    """In place of making a piece here: there are helpers for it."""
    with self._changed:
        self._changed.wait_for(lambda: number in self._made, timeout=0.2)


@pytest.mark.slow
def test_pieces_of_helpers_that_die_are_made_here(step: Step, idle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = whole(step, monkeypatch)
    monkeypatch.setattr(pieces, "module_command", lambda _: ["false"])
    assert table_after(embeddings_of(step)).equals(table)


def test_a_slot_has_one_holder_at_a_time(idle: Path) -> None:
    with slot_held(), slot_held():
        assert take_slot() is None
    slot = take_slot()
    assert slot is not None
    os.close(slot)


def test_without_slots_nothing_is_borrowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert take_slot() is None


@pytest.mark.parametrize(("start", "stop"), [(0, 11), (3, 7), (4, 4), (10, 99)])
def test_a_part_of_a_table_is_its_rows_across_row_groups(step: Step, start: int, stop: int) -> None:
    run_step(step)
    reader = Lake(step.lake).reader("frames", "film")
    rows = reader.read(["frame"])
    assert PieceReader(reader, start, stop).read(["frame"]).equals(rows.slice(start, stop - start))
