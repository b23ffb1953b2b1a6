"""Nothing that is printed steers the terminal: names of files, titles and errors come from outside."""

import io
import json
import random

import pytest

from cinelake.errors import UsageError
from cli import main, screen

HOSTILE = "film\x1b]0;owned\x07\x1b[2J\x9b31m\u202egpj.mp4"
SHOWN = r"film\x1b]0;owned\x07\x1b[2J\x9b31m\u202egpj.mp4"


@pytest.fixture
def printed(monkeypatch):
    """What a screen of its own has printed."""
    stream = io.StringIO()
    monkeypatch.setattr(screen, "out", screen.Screen(file=stream, width=200, emoji=False, highlight=False))
    return stream


def test_a_line_shows_what_would_steer(printed):
    screen.out.print(f"film {HOSTILE}", markup=False)
    assert printed.getvalue() == f"film {SHOWN}\n"


def test_so_does_a_cell_of_a_table_and_a_line_with_markup(printed):
    screen.table(["name"], [[HOSTILE]])
    screen.out.print(f"[bold]{HOSTILE.replace('[', '(')}[/]")
    assert "\x1b" not in printed.getvalue() and SHOWN in printed.getvalue()


def test_no_line_of_a_table_ends_with_blanks(printed):
    screen.table(["name", "why"], [["a" * random.randrange(1, 20), ""], ["b", "none " * random.randrange(1, 90)]])
    lines = printed.getvalue().splitlines()
    assert lines == [line.rstrip() for line in lines] and sum(map(len, lines)) > 5


def test_letters_of_every_script_stay_as_they_are(printed):
    screen.out.print("Amélie 千と千尋\u3000می\u200cخواهم", markup=False)
    assert printed.getvalue() == "Amélie 千と千尋\u3000می\u200cخواهم\n"


def test_json_says_the_same_without_steering(capsys):
    screen.print_json({"name": HOSTILE, "lone": "\ud800"})
    text = capsys.readouterr().out
    assert json.loads(text) == {"name": HOSTILE, "lone": "\ud800"}
    assert not set(text) & {"\x1b", "\x9b", "\u202e"}


def test_an_error_that_ends_the_command_does_not_steer(monkeypatch, capsys):
    def fail():
        raise UsageError(HOSTILE)

    monkeypatch.setattr(main, "app", fail)
    with pytest.raises(SystemExit):
        main.main()
    assert capsys.readouterr().err == f"cinelake: {SHOWN}\n"


def test_both_screens_are_of_that_kind():
    assert isinstance(screen.out, screen.Screen) and isinstance(screen.err, screen.Screen)


def test_a_score_that_films_do_not_define_is_null_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    screen.print_json({"map": float("nan"), "by_film": [{"f1": 0.5}, {"f1": float("inf")}]})
    assert json.loads(capsys.readouterr().out) == {"map": None, "by_film": [{"f1": 0.5}, {"f1": None}]}


WORDS = ("film", "tables", "blocked", "message")
ROW = ("the_distant_mirror_000", "shots, subtitles", "3", "it stops after 3.2 s")


@pytest.mark.parametrize("width", [80, 60, 48, 40, 30])
def test_no_word_of_a_table_breaks_however_narrow_the_screen(monkeypatch, width):
    stream = io.StringIO()
    monkeypatch.setattr(screen, "out", screen.Screen(file=stream, width=width))
    screen.table(WORDS, [ROW] * 2)
    words = stream.getvalue().split()
    assert max(map(len, stream.getvalue().splitlines())) <= width
    assert {*WORDS, "shots,", "subtitles", "3", "stops", "after"} <= {*words}


def test_where_columns_are_too_many_each_row_stands_alone(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(screen, "out", screen.Screen(file=stream, width=24))
    screen.table(["table", "fresh", "blocked"], [["subtitles", 1, 2], ["films", 3, 4]])
    lines = [line.split() for line in stream.getvalue().splitlines()]
    one, other = [["table", "subtitles"], ["fresh", "1"], ["blocked", "2"], []], [["table", "films"], ["fresh", "3"]]
    assert lines[:6] == [*one, *other]


def test_the_widest_column_gives_way_and_the_others_stay_on_one_line(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(screen, "out", screen.Screen(file=stream, width=40))
    screen.table(["table", "why"], [["screen_time_of_actors", "needs " * 12]])
    assert "screen_time_of_actors  needs needs needs" in stream.getvalue()
