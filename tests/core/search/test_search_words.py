"""Search by words: lines that are said or written, the most relevant first."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from _search_lake import commit, searched_lake

import cinelake
from cinelake.client.lake_client import lake_contracts
from cinelake.errors import StorageError, UsageError
from cinelake.lake.cells import Lake
from cinelake.lake.index import Index
from cinelake.search import lines as lines_of_search
from cinelake.search import words
from cinelake.search.conditions import Conditions
from cinelake.search.moments import FoundMoment
from cinelake.search.searcher import Query, Searcher
from cinelake.search.words import WordIndex, asked
from tasks.subtitles import SUBTITLES
from tasks.writing import WRITING

LINES = {
    "alien": ["What brings you to the land of the gatekeepers?", "Nothing.", "The land, then, of the keepers."],
    "brazil": ["L'été, un café à Málaga", "Nothing is here for you at all.", "我在找一个人"],
}


def say(lake: Lake, movie_id: str, *lines: str, key: str = "one") -> None:
    """A line a second and a half apart, each a second long."""
    starts = [1.5 * number for number in range(len(lines))]
    rows = SUBTITLES.batch(
        movie_id,
        language=["en"] * len(lines),
        start_s=starts,
        end_s=[start + 1 for start in starts],
        text=list(lines),
        track=[0] * len(lines),
        line=range(len(lines)),
        source=["x.srt"] * len(lines),
    )
    commit(lake, SUBTITLES, movie_id, [rows], key=key)


def write(lake: Lake, movie_id: str, *lines: str | None, every_s: float = 2.0) -> None:
    """A line in the picture for two seconds, one after another."""
    same: dict[str, Any] = dict.fromkeys(("x", "y", "width", "height", "speed"), [0.1] * len(lines))
    starts = [every_s * number for number in range(len(lines))]
    rows = WRITING.batch(
        movie_id,
        line=range(len(lines)),
        start_s=starts,
        end_s=[start + 2 for start in starts],
        text=list(lines),
        score=[0.95] * len(lines),
        time_s=starts,
        is_credit=[False] * len(lines),
        pictures=[1] * len(lines),
        **same,
    )
    commit(lake, WRITING, movie_id, [rows])


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = searched_lake(tmp_path)
    for movie_id, lines in LINES.items():
        say(lake, movie_id, *lines)
    write(lake, "alien", "HOTEL ASTORIA", None, "No Entry")
    return lake


def found(lake: Lake, said: str = "", written: str = "", **query: Any) -> list[FoundMoment]:
    texts = {kind: (text,) for kind, text in (("said", said), ("written", written)) if text}
    return Searcher(lake, lake_contracts(lake)).search(Query(words=texts, **query)).moments


def places(moments: list[FoundMoment]) -> list[tuple[str, float]]:
    return [(moment.movie_id, moment.start_s) for moment in moments]


def test_a_line_is_found_by_its_words_with_its_time_and_text(lake: Lake) -> None:
    (first,) = found(lake, "gatekeepers brings")
    assert (first.movie_id, first.start_s, first.end_s) == ("alien", 0.0, 1.0)
    assert first.what == "“What brings you to the land of the gatekeepers?”"


def test_words_in_the_order_asked_for_come_before_words_anywhere(lake: Lake) -> None:
    assert places(found(lake, "land of the")) == [("alien", 0.0), ("alien", 3.0)]


def test_the_line_that_says_just_this_comes_first(lake: Lake) -> None:
    first, second = found(lake, "nothing")
    assert places([first, second]) == [("alien", 1.5), ("brazil", 1.5)]
    assert first.score == 1.0 > second.score


@pytest.mark.parametrize("text", ["ete cafe malaga", "ÉTÉ CAFÉ", "l'été"])
def test_case_and_accents_do_not_count(lake: Lake, text: str) -> None:
    assert places(found(lake, text)) == [("brazil", 0.0)]


def test_words_without_spaces_between_them_are_found(lake: Lake) -> None:
    assert places(found(lake, "一个人")) == [("brazil", 3.0)]
    assert found(lake, "个一") == []


def test_quoted_words_stand_on_end_and_a_star_ends_a_word(lake: Lake) -> None:
    assert places(found(lake, '"the keepers"')) == [("alien", 3.0)]
    assert places(found(lake, "gatek*")) == [("alien", 0.0)]


@pytest.mark.parametrize(
    "text", ['land" OR "nothing', "text:nothing", "nothing NOT land)", "(nothing", "nothing^2", "';--"]
)
def test_what_the_index_would_take_for_a_command_are_words(lake: Lake, text: str) -> None:
    try:
        found(lake, text)
    except UsageError as error:
        assert "which words" in str(error)


def test_a_lake_in_which_nothing_is_said_tells_so(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    say(lake, "alien")
    write(lake, "alien", "HOTEL")
    answer = Searcher(lake, lake_contracts(lake)).search(Query(words={"said": ("hotel",), "written": ("hotel",)}))
    assert answer.notes == [
        "no film of the lake has a line that is said: docs/manifest.md says how transcript can make some"
    ]


def test_where_nothing_is_found_it_is_said_how_many_films_have_no_lines(lake: Lake) -> None:
    search = Searcher(lake, lake_contracts(lake)).search
    (note,) = search(Query(words={"written": ("nowhere",)})).notes
    silent = len(LINES) - 1
    assert note.startswith(f"{silent} of {len(LINES)} films have no line that is written: docs/manifest.md says how")
    assert not search(Query(words={"written": ("hotel",)})).notes
    assert not search(Query(words={"written": ("nowhere",)}, films=("alien",))).notes


def test_where_all_that_makes_lines_found_none_it_is_not_named_as_what_could(lake: Lake) -> None:
    for movie_id in LINES:
        write(lake, movie_id)
    (note,) = Searcher(lake, lake_contracts(lake)).search(Query(words={"written": ("nowhere",)})).notes
    assert note == "no film of the lake has a line that is written: writing found none"


def test_of_films_that_have_no_lines_it_is_not_said_that_the_lake_has_none(lake: Lake) -> None:
    (note,) = Searcher(lake, lake_contracts(lake)).search(Query(words={"written": ("hotel",)}, films=("brazil",))).notes
    assert note.startswith("none of the films that are searched has a line that is written: docs/manifest.md says how")


def test_writing_is_found_apart_from_speech_and_nulls_are_not(lake: Lake) -> None:
    assert places(found(lake, written="astoria")) == [("alien", 0.0)]
    assert found(lake, said="astoria") == []


def test_words_and_conditions_hold_at_once(lake: Lake) -> None:
    happy = Conditions({"characters": [("Anna",)]})
    spoken = found(lake, "nothing")
    with_anna = found(lake, "nothing", conditions=happy)
    assert set(places(with_anna)) < set(places(spoken))
    assert all("Anna" in moment.what for moment in with_anna)


def test_what_is_said_while_something_is_written(lake: Lake) -> None:
    assert places(found(lake, "land", "entry")) == []
    assert places(found(lake, "land", "hotel")) == [("alien", 0.0)]


def test_only_the_films_asked_for(lake: Lake) -> None:
    assert places(found(lake, "nothing", films=("brazil",))) == [("brazil", 1.5)]


def test_lines_of_other_films_take_no_place_among_those_looked_at(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines_of_search, "MOST_LINES", 1)
    write(lake, "brazil", "Hotel")
    assert places(found(lake, "nothing", "hotel", films=("brazil",))) == [("brazil", 1.5)]


@pytest.mark.parametrize("few", [0, 1000])
def test_a_few_films_are_found_as_many_are(lake: Lake, monkeypatch: pytest.MonkeyPatch, few: int) -> None:
    monkeypatch.setattr(words, "FEW_CELLS", few)
    assert places(found(lake, "nothing", films=("brazil",))) == [("brazil", 1.5)]
    assert places(found(lake, "land", films=("alien", "brazil"))) == [("alien", 3.0), ("alien", 0.0)]


def test_an_answer_says_that_not_all_lines_were_looked_at(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    say(lake, "alien", "The land of hills.", "Land, I said.", key="two")
    query = Query(words={"said": ("land",), "written": ("entry",)})
    assert not [note for note in Searcher(lake, lake_contracts(lake)).search(query).notes if "more than" in note]
    monkeypatch.setattr(lines_of_search, "MOST_LINES", 1)
    note, *_ = Searcher(lake, lake_contracts(lake)).search(query).notes
    assert note.startswith("'land' is in more than 1 lines")


def test_two_languages_at_one_time_are_one_moment(lake: Lake) -> None:
    write(lake, "brazil", "Nothing is here")
    say(lake, "brazil", "Nothing here", key="two")
    assert len(found(lake, "nothing here")) == 1


def test_two_lines_of_one_picture_are_two_moments_and_the_same_line_twice_is_one(lake: Lake) -> None:
    write(lake, "brazil", "Anna Kowalska", "Anna Nowak", "ANNA NOWAK", every_s=0.1)
    assert [moment.what for moment in found(lake, written="anna")] == ["“Anna Kowalska”", "“Anna Nowak”"]


def test_the_index_follows_the_lake(lake: Lake) -> None:
    assert places(found(lake, "gatekeepers")) == [("alien", 0.0)]
    say(lake, "alien", "Somebody else.", key="two")
    assert found(lake, "gatekeepers") == []
    assert places(found(lake, "somebody")) == [("alien", 0.0)]
    lake.delete_cell("subtitles", "alien")
    assert found(lake, "somebody") == []


def test_only_cells_that_changed_are_read(lake: Lake) -> None:
    index = WordIndex(lake, lake_contracts(lake))
    assert (index.refresh(), index.refresh()) == (3, 0)
    say(lake, "alien", "Somebody else.", key="two")
    assert index.refresh() == 1


def test_a_damaged_index_is_made_anew(lake: Lake) -> None:
    found(lake, "nothing")
    file = Path(lake.storage.uri) / "_search" / "words.sqlite"
    for path in file.parent.glob("words.sqlite*"):
        path.write_bytes(b"no database at all" * 100)
    assert len(found(lake, "nothing")) == 2


def test_an_index_that_somebody_gave_a_trigger_is_made_anew(lake: Lake) -> None:
    found(lake, "nothing")
    with closing(sqlite3.connect(Path(lake.storage.uri) / "_search" / "words.sqlite")) as connection:
        connection.executescript("create trigger t after insert on cells begin delete from passages; end")
    say(lake, "alien", "Nothing at all, nothing.", key="two")
    assert len(found(lake, "nothing")) == 2


def test_a_damaged_index_takes_what_stands_beside_it_along(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    found(lake, "nothing")
    file = Path(lake.storage.uri) / "_search" / "words.sqlite"
    for end in words.BESIDE:
        file.with_name(file.name + end).write_bytes(b"no database at all" * 100)
    removed: list[str] = []
    unlink = Path.unlink
    monkeypatch.setattr(Path, "unlink", lambda path, **how: (removed.append(path.name), unlink(path, **how))[1])
    assert len(found(lake, "nothing")) == 2
    assert {"words.sqlite", "words.sqlite-wal", "words.sqlite-shm"} <= {*removed}


@pytest.mark.parametrize("table", ["passages", "words_data"])
def test_damage_within_the_index_is_an_error_that_says_what_to_do(lake: Lake, table: str) -> None:
    found(lake, "nothing")
    file = Path(lake.storage.uri) / "_search" / "words.sqlite"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("pragma wal_checkpoint(truncate)")
        ((size, page),) = connection.execute(
            "select page_size, rootpage from pragma_page_size, sqlite_master where name = ?", (table,)
        )
    with file.open("r+b") as pages:
        pages.seek(size * (page - 1))
        pages.write(b"?" * size)
    with pytest.raises(StorageError, match=r"words\.sqlite cannot be used: .*Delete it"):
        found(lake, "nothing")


def test_searches_at_once_make_one_index_between_them(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CINELAKE_CACHE", str(tmp_path / "cache"))
    together, contracts = Barrier(6), lake_contracts(lake)

    def search(_: int) -> int:
        together.wait()
        with closing(WordIndex(lake, contracts)) as index:
            return index.refresh()

    with ThreadPoolExecutor(6) as threads:
        assert sum(threads.map(search, range(6))) == 3
    assert not (tmp_path / "cache").exists()


def test_a_cell_that_another_search_took_in_meanwhile_is_left(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (WordIndex(lake, lake_contracts(lake)) for _ in range(2))
    cells = Index.cells

    def meanwhile(index: Index, table: str) -> Any:
        monkeypatch.setattr(Index, "cells", cells)
        assert second.refresh() == 3
        return index.cells(table)

    monkeypatch.setattr(Index, "cells", meanwhile)
    assert first.refresh() == 0 and len(list(first.find("said", "nothing"))) == 2


def test_the_client_takes_words_too(lake: Lake) -> None:
    (first,) = cinelake.open(lake.storage.uri).search(said="gatekeepers")
    assert first.movie_id == "alien"


@pytest.mark.parametrize("text", ["", "…", '""', "word " * 40])
def test_a_question_without_words_or_with_too_many_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        asked(text)


def test_a_lake_without_lines_says_what_to_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no lines that are said: name .*subtitles"):
        found(searched_lake(tmp_path), "nothing")
