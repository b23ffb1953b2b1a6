"""Tables affect and affect_arcs: a line once a second, and what it is in short."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from cinelake.errors import ModelUnusable
from cinelake.lake.artefact import write_artefact
from cinelake.learning.images import MemoryTable
from cinelake.spec.artefact import Artefact
from cinelake.spec.model import Trained
from cinelake.spec.task import Film, find_task
from models.affect.config import Config
from tasks.affect_arcs import ARCS, nearest_arc, peaks

FILM, LOGMEL = Film("film"), pa.float16()
RIDGE = {"use": ("motion",), "learner": "ridge", "clip_s": 2.0, "steps": 1, "smooth_s": 0}


def shots(*ends_s: float) -> dict[str, MemoryTable]:
    """Shots whose motion is their number."""
    starts = [0.0, *ends_s[:-1]] if ends_s else []
    motion = pa.FixedSizeListArray.from_arrays(pa.array(np.arange(float(len(ends_s))), pa.float32()), 1)
    columns = {"start_s": pa.array(starts, pa.float64()), "end_s": pa.array(ends_s, pa.float64()), "motion": motion}
    return {"shots": MemoryTable(pa.table(columns))}


def model(folder: Path, targets: tuple[str, ...] = ("valence", "arousal")) -> Artefact:
    """Says the shot's number as valence, and 5 as arousal."""
    coefficients = np.zeros((5, 2), np.float32)
    coefficients[0, 0] = 1
    arrays = {
        "motion_mean": np.zeros(4, np.float32), "motion_deviation": np.ones(4, np.float32),
        "coefficients": coefficients, "intercepts": np.array([0, 5], np.float32),
        "middle": np.zeros(2, np.float32), "reach": np.ones(2, np.float32),
    }  # fmt: skip
    return write_artefact(folder, "affect", Config.model_validate({**RIDGE, "targets": targets}), Trained(None, arrays))


def rows(task: str, tables: Mapping[str, MemoryTable], *artefact: Artefact, **params: float) -> list[dict]:
    """What a task writes, checked against its contract."""
    spec = find_task(task)
    batches = list(spec.make(spec.params(**params), FILM, *artefact).run(tables))
    for batch in batches:
        spec.contract.check(batch, "film")
    return pa.Table.from_batches(batches).to_pylist() if batches else []


def test_a_value_each_second_straight_between_the_middles_of_clips_and_within_bounds(tmp_path: Path) -> None:
    found = rows("affect", shots(2.0, 4.0, 6.0), model(tmp_path))
    assert [row["valence"] for row in found] == [0, 0, 0.5, 1, 1, 1]
    assert {row["arousal"] for row in found} == {1}


def test_twice_a_second_where_asked(tmp_path: Path) -> None:
    assert [row["time_s"] for row in rows("affect", shots(1.0), model(tmp_path), hz=2)] == [0, 0.5]


def test_a_film_without_pictures_has_no_line(tmp_path: Path) -> None:
    assert rows("affect", shots(), model(tmp_path)) == []


def test_a_silent_film_has_no_line_by_a_model_that_only_listens_and_provenance_says_why(tmp_path: Path) -> None:
    empty = pa.array([], pa.float64())
    silence = {"start_s": empty, "end_s": empty, "loudness_lufs": empty, "logmel": pa.array([], pa.list_(LOGMEL, 6144))}
    heard = Config.model_validate({**RIDGE, "use": ("sound",)})
    artefact = write_artefact(tmp_path, "affect", heard, Trained(None, {}))
    worker = find_task("affect").make(find_task("affect").params(), FILM, artefact)
    assert list(worker.run({**shots(4.0), "sound": MemoryTable(pa.table(silence))})) == []
    assert worker.facts == {"there": "sound 0%"}


def test_a_model_of_other_lines_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelUnusable, match="predicts valence, importance; table affect needs valence and arousal"):
        rows("affect", shots(2.0), model(tmp_path, ("valence", "importance")))


# --- any other line


def test_any_line_that_was_labelled_has_its_rows(tmp_path: Path) -> None:
    found = rows("lines", shots(2.0, 4.0), model(tmp_path, ("tension", "importance")))
    assert [(row["line"], row["value"]) for row in found] == [("importance", 5)] * 4 + [
        ("tension", value) for value in (0, 0, 0.5, 1)
    ]


def test_a_film_without_pictures_has_no_lines(tmp_path: Path) -> None:
    assert rows("lines", shots(), model(tmp_path, ("tension", "importance"))) == []


# --- arcs


def line(valence: np.ndarray) -> dict[str, MemoryTable]:
    count = len(valence)
    columns = {"time_s": np.arange(float(count)), "valence": valence, "arousal": np.zeros(count)}
    return {"affect": MemoryTable(pa.table(columns))}


@pytest.mark.parametrize(
    ("turns", "arc"),
    [
        ([-1, 1], "rags to riches"),
        ([1, -1], "tragedy"),
        ([1, -1, 1], "man in a hole"),
        ([-1, 1, -1], "icarus"),
        ([-1, 1, -1, 1], "cinderella"),
        ([1, -1, 1, -1], "oedipus"),
    ],
)
def test_a_line_that_turns_so_follows_the_arc(turns: list[float], arc: str) -> None:
    drawn = np.interp(np.linspace(0, 1, 60), np.linspace(0, 1, len(turns)), turns)
    assert nearest_arc(drawn)[0] == arc and arc in ARCS


def test_peaks_are_what_stands_out_and_ends_count() -> None:
    assert peaks(np.array([0.9, 0.0, 0.1, 0.0, 0.5, 0.2]), 0.2).tolist() == [0, 4]


def test_each_line_has_its_arc_its_peaks_and_its_valleys() -> None:
    found = rows("affect_arcs", line(np.array([0.0, 0.4, 0.8, 0.4, -0.5, 0.0])))
    valence = [(row["kind"], row["time_s"], row["arc"]) for row in found if row["line"] == "valence"]
    assert valence == [
        ("arc", 0, "icarus"),
        ("peak", 2, None),
        ("peak", 5, None),
        ("valley", 0, None),
        ("valley", 4, None),
    ]


def test_a_line_that_hardly_moves_is_flat() -> None:
    found = rows("affect_arcs", line(np.full(20, 0.3)))
    assert [(row["line"], row["arc"], row["fit"]) for row in found if row["kind"] == "arc"][1] == ("valence", "flat", 0)


def test_no_line_no_arcs() -> None:
    assert rows("affect_arcs", line(np.zeros(0))) == []
