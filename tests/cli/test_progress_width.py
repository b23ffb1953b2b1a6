"""The progress of a run fits the terminal: a line that wraps cannot be redrawn in its place."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

import cli.progress
from cinelake.events import FilmBegan, RunBegan, TaskBegan
from cinelake.plan.plan import Cell, Plan


def shown(monkeypatch: pytest.MonkeyPatch, columns: int) -> str:
    """What a terminal of so many columns gets while a film with a long name is worked on, without its colours."""
    screen = Console(file=io.StringIO(), force_terminal=True, width=columns, color_system=None)
    monkeypatch.setattr(cli.progress, "err", screen)
    film = "a_film_whose_name_is_as_long_as_names_of_films_in_archives_are"
    cells = tuple(Cell(film, name, "stale", "new film", "key") for name in ("shots", "faces"))
    with cli.progress.RunProgress(Plan(cells, (), {})) as progress:
        for event in (RunBegan(1, 2), FilmBegan(film, film_s=3600.0), TaskBegan(film, "faces")):
            progress.on_event(event)
    return screen.file.getvalue()


@pytest.mark.parametrize("columns", [60, 80, 99, 100, 200])
def test_it_is_one_line_on_any_terminal(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    drawn = re.sub(r"\x1b\[[0-9?]*[A-Za-z]", "", shown(monkeypatch, columns)).replace("\r", "\n").strip().split("\n")
    assert all("0/1 films · 0/2 cells" in line for line in drawn if line.strip())


def test_at_80_columns_films_cells_and_what_is_done_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "faces of a_film" in shown(monkeypatch, 80)
