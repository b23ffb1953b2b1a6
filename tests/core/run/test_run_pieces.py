"""A long film's table, made in pieces by several processes: the same table, whoever makes which piece."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from core.engines._waiting import await_that

from cinelake.events import Event, WorkerDied, death_words
from cinelake.lake.cells import CellWriter, Lake
from cinelake.manifest.document import load_manifest
from cinelake.plan.build import plan_manifest
from cinelake.run import helpers, pieces
from cinelake.run.cells import Spent, StepReport
from cinelake.run.pieces import PieceReader
from cinelake.run.step import Step, StepRun, run_step
from cinelake.spec.task import find_task
from cinelake.storage.files import process_mark
from cinelake.storage.slots import VARIABLE, borrow_slot, make_slots, slot_held

HELPER = helpers.Helper
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
    monkeypatch.setattr(pieces, "ROWS", 4)
    monkeypatch.setattr(helpers, "IDLE_S", 0.0)
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
    assert footer and footer.run["helpers"] in (1, 2) and footer.run["helpers_failed"] == 0 and footer.run["cpu_s"] > 0
    assert footer.run["provider"] == "opencv"  # of what made it, though nothing of it was made here


@pytest.mark.slow
def test_one_helper_serves_all_tables_of_a_step(
    step: Step, idle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = MANIFEST + "  again: {task: embeddings, backbone: descriptor, batch_size: 1}\n"
    (tmp_path / "pipeline.yaml").write_text(text)
    planning = plan_manifest(load_manifest(tmp_path / "pipeline.yaml"))
    started: list[helpers.Helper] = []
    monkeypatch.setattr(helpers, "Helper", lambda log: started.append(HELPER(log)) or started[-1])
    monkeypatch.setattr(pieces.Pieces, "_make_or_wait", wait_for_helpers)
    (idle / "1").unlink()
    run_step(planning.step(*planning.plan.by_film().popitem()))
    runs = [footer.run for table in ("embeddings", "again") if (footer := Lake(step.lake).footer(table, "film"))]
    assert [run["helpers"] for run in runs] == [1, 1] and len(started) == 1
    assert sum(run["cpu_s"] for run in runs) >= started[0].cpu_s > 0 and not process_mark(started[0].pid)


def test_a_helper_that_waits_ends_once_every_processor_has_a_job(
    tmp_path: Path, idle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(helpers, "module_command", lambda _: ["cat"])
    monkeypatch.setattr(helpers, "IDLE_S", 1e9)
    with helpers.Helpers(tmp_path) as of_step:
        waiting = of_step.take()
        of_step.wait(waiting)
        with slot_held():
            assert of_step.slot() is None and process_mark(waiting.pid)  # idle for a moment only
            with slot_held():
                assert of_step.slot() is None and not process_mark(waiting.pid)


def test_a_helper_that_waits_is_not_ended_while_it_is_about_to_help(
    step: Step, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, _ = in_pieces(step, tmp_path / "scratch")
    (tmp_path / "slots").mkdir()
    make_slots(tmp_path / "slots", 1)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "slots"))
    monkeypatch.setattr(helpers, "module_command", lambda _: ["cat"])
    monkeypatch.setattr(pieces.Pieces, "_help", lambda *_: None)  # a thread that has not come so far
    waiting = made._all_helpers.take()
    made._all_helpers.wait(waiting)
    for _ in range(2):  # the second finds the only slot in use
        made._borrow()
    assert process_mark(waiting.pid)
    waiting.end()


def wait_for_helpers(self: pieces.Pieces, number: int) -> None:
    """In place of making a piece here: there are helpers for it."""
    with self._changed:
        self._changed.wait_for(lambda: number in self._made, timeout=0.2)


def test_pieces_of_a_helper_that_dies_are_made_here_and_it_is_told(
    step: Step, idle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = whole(step, monkeypatch)
    monkeypatch.setattr(helpers, "module_command", lambda _: ["sh", "-c", "echo no room >&2; exit 3"])
    monkeypatch.setattr(pieces.Pieces, "_make_or_wait", after_helpers(pieces.Pieces._make_or_wait))
    events: list[Event] = []
    run_step(embeddings_of(step), events.append)
    lake = Lake(step.lake)
    footer = lake.footer("embeddings", "film")
    assert lake.reader("embeddings", "film").read().equals(table)
    assert footer and (footer.run["helpers"], footer.run["helpers_failed"]) == (0, 1)
    assert [death_words(event).partition(": ")[2] for event in events if isinstance(event, WorkerDied)] == ["no room"]


def after_helpers(make: Callable[[pieces.Pieces, int], None]) -> Callable[[pieces.Pieces, int], None]:
    """Make a piece here once the helpers that were started have ended."""

    def make_then(self: pieces.Pieces, number: int) -> None:
        for thread in self._all_helpers._threads:
            thread.join()
        make(self, number)

    return make_then


def in_pieces(step: Step, scratch: Path) -> tuple[pieces.Pieces, int]:
    """The step's last table, about to be made in pieces, and how many; what it is made from has been made."""
    run_step(step)
    (cell,) = embeddings_of(step).cells
    scratch.mkdir()
    bounds = pieces.pieces_of(cell, Lake(step.lake), "film")
    of = pieces.PieceOf(step.lake, step.film, cell)
    return pieces.Pieces(of, bounds, scratch, helpers.Helpers(scratch)), len(bounds)


def test_rows_made_before_their_turn_wait_on_the_disk(step: Step, tmp_path: Path) -> None:
    made, count = in_pieces(step, tmp_path / "scratch")
    _, slow = made.take() or pytest.fail("there is none")
    for _ in range(1, count):
        made._make_or_wait(0)
    assert slow == 0 and len(list((tmp_path / "scratch").glob("*.arrow"))) == count - 1 > 1
    made._give_back(slow)
    contract = find_task("embeddings").contract
    with_writer = CellWriter(contract, "film", tmp_path / "table.parquet")
    made.write(with_writer)
    assert with_writer.rows == Lake(step.lake).reader("embeddings", "film").read().num_rows
    assert not list((tmp_path / "scratch").iterdir())


def test_a_helper_ends_when_a_job_needs_its_slot(step: Step, tmp_path: Path, idle: Path) -> None:
    (idle / "1").unlink()
    slot = borrow_slot()
    made, _ = in_pieces(step, tmp_path / "scratch")
    assert slot is not None
    with slot_held(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(helpers, "module_command", lambda _: ["cat"])
        made._help(made._all_helpers.take(), slot)
    assert made.take() == (made, 0) and not made.failures


def test_a_processor_begins_with_the_next_table_where_no_piece_is_left(step: Step, tmp_path: Path) -> None:
    made, count = in_pieces(step, tmp_path / "scratch")
    following = made.then = alike(made)
    for _ in range(count):
        made.take()
    made._make_or_wait(0)
    assert following.take() == (following, 1) and len(list((tmp_path / "scratch").glob("*.arrow"))) == 1
    assert following.ahead == Spent() - made._all_helpers.spent != Spent()  # what it cost is the next table's


def test_a_piece_that_fails_before_its_turn_is_told_in_its_turn(
    step: Step, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, _ = in_pieces(step, tmp_path / "scratch")
    monkeypatch.setattr(pieces, "find_task", lambda name: replace(find_task(name), make=Broken))
    made.make_ahead((made.take() or pytest.fail("there is none"))[1])
    assert made.take() is None  # nothing more of it is tried until then
    with pytest.raises(ValueError, match="no picture"):
        made.write(CellWriter(find_task("embeddings").contract, "film", tmp_path / "table.parquet"))


class Broken:
    """A task that fails."""

    def __init__(self, *_of: object) -> None:
        self.facts: dict[str, str] = {}

    def run(self, _tables: object) -> Iterator[pa.RecordBatch]:
        raise ValueError("no picture")


def test_what_needs_a_table_that_is_still_to_be_made_does_not_follow(step: Step, tmp_path: Path) -> None:
    made, _ = in_pieces(step, tmp_path / "scratch")
    (cell,) = embeddings_of(step).cells
    others = {"again": ("frames",), "blocked": ("frames", "faces"), "faces": ("frames", "lost")}
    cells = [replace(cell, table=table, inputs={name: name for name in names}) for table, names in others.items()]
    run = StepRun(replace(step, cells=(cell, *cells), lost=("lost",)), lambda _: None)
    run._helpers = made._all_helpers
    run._find_next(cell, made, tmp_path / "scratch")
    assert made.then is run._in_pieces["again"] and made.then.then is None


def test_no_pieces_are_made_of_a_table_whose_inputs_have_changed(step: Step, tmp_path: Path) -> None:
    made, _ = in_pieces(step, tmp_path / "scratch")
    (cell,) = embeddings_of(step).cells
    first, changed = replace(cell, table="again"), replace(cell, input_keys={"frames": "planned otherwise"})
    run = StepRun(replace(step, cells=(first, changed)), lambda _: None)
    run._helpers = made._all_helpers
    run._find_next(first, made, tmp_path / "scratch")
    assert made.then is None and [report.reason for report in run.report.cells] == ["input_changed"]


def alike(made: pieces.Pieces) -> pieces.Pieces:
    """Another table of the same rows."""
    of = replace(made._of, cell=replace(made._of.cell, table="again"))
    return pieces.Pieces(of, made._pieces, made._scratch, made._all_helpers)


STARTS = """
import sys, time
from pathlib import Path
from cinelake.run import helpers
helpers.module_command = lambda _: ["sleep", "600"]
print(helpers.Helper(Path(sys.argv[1])).pid, flush=True)
time.sleep(600)
"""


def test_a_helper_ends_at_once_with_a_process_that_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", STARTS, str(tmp_path / "log")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        helper = int(parent.stdout.readline())
        parent.kill()
    await_that(lambda: not process_mark(helper), within_s=10)


@pytest.mark.parametrize(("start", "stop"), [(0, 11), (3, 7), (4, 4), (10, 99)])
def test_a_part_of_a_table_is_its_rows_across_row_groups(step: Step, start: int, stop: int) -> None:
    run_step(step)
    reader = Lake(step.lake).reader("frames", "film")
    rows = reader.read(["frame"])
    assert PieceReader(reader, start, stop).read(["frame"]).equals(rows.slice(start, stop - start))


def test_rows_that_go_over_several_pieces_are_gathered_from_what_each_has(
    step: Step, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, _ = in_pieces(step, tmp_path / "scratch")
    gathered: list[int] = []

    class Counted:
        def __init__(self, *_of: object) -> None:
            self.run = None

        def parts(self, tables: dict[str, PieceReader]) -> Iterator[pa.RecordBatch]:
            yield pa.record_batch({"pictures": [tables["frames"].read(["frame"]).num_rows]})

        def gather(self, parts: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            gathered.extend(part["pictures"][0].as_py() for part in parts)
            self.facts = {"gathered": sum(gathered)}
            yield from ()

    monkeypatch.setattr(pieces, "find_task", lambda name: replace(find_task(name), make=Counted))
    made.write(CellWriter(find_task("embeddings").contract, "film", tmp_path / "table.parquet"))
    assert gathered == [4, 4, 2] and made.facts["gathered"] == 10
