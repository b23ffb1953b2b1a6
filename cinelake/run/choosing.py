"""A table made from some of a film's pictures, where its task can do with those that it chooses.

Only where no other table of the film reads its streams in the same step: else one decode of all pictures serves all.
What was done, or why it was not, stands among the facts of the cell.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa

from cinelake.errors import DamagedFilm
from cinelake.media.chosen import open_choice
from cinelake.media.decode_check import DecodeReport
from cinelake.media.packets import NotToBeSpared
from cinelake.run.cells import CHOSEN, StepCell
from cinelake.spec.task import Film, VideoStream, find_task


def why_not_chosen(film: Film, cells: Sequence[StepCell]) -> str:
    """Why the step's cells are made from all pictures, as far as the film need not be opened to know it; or ''."""
    others = sorted(cell.table for cell in cells if not cell.chooses)
    if others or len(cells) > 1:
        words = " and ".join(others or sorted(cell.table for cell in cells))
        return f"{words} {'are' if len(others) > 1 else 'is'} made in the same decode"
    return f"{film.decode_device} decodes it" if film.decode_device != "cpu" else ""


def rows_of_choice(
    worker: Any, film: Film, cell: StepCell, limit_s: float, on_progress: Callable[[float], None]
) -> tuple[list[pa.RecordBatch], DecodeReport, dict[str, Any]] | str:
    """The rows of a task that chooses, the report of the decoding, and facts on it; or why all must be decoded.

    Raises what the task raises, and a `FilmError` where the film cannot be read at all.
    """
    stream = find_task(cell.task).stream(cell.params)
    assert isinstance(stream, VideoStream)
    assert film.probe is not None
    try:
        choice = open_choice(
            film.path, film.probe, stream, deadline_s=limit_s, max_pixels=film.max_pixels, on_progress=on_progress
        )
        rows = list(worker.on_choice(choice))
        report = choice.report()
    except NotToBeSpared as why:
        return str(why)
    except DamagedFilm as error:
        return f"it is damaged ({error})".replace(repr(film.path), "the film")
    return rows, report, {"choice": CHOSEN, "pictures": len(choice)}
