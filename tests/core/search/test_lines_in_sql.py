"""Lines by their words in SQL: `FROM said('land of the')`, beside all else that a question may ask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from _search_lake import commit, searched_lake

import cinelake
from cinelake.client.lake_client import LakeClient
from cinelake.errors import UsageError
from cinelake.search import lines_in_sql
from cinelake.search.words import asked
from tasks.subtitles import SUBTITLES

LINES = {"alien": ["Rose, where is Jack?", "Jack is here.", "The land of the rose"], "brazil": ["Jack and Rose"]}


@pytest.fixture
def lake(tmp_path: Path) -> LakeClient:
    """Two films of lines, two seconds each."""
    lake = searched_lake(tmp_path)
    for movie_id, lines in LINES.items():
        count, starts = len(lines), [2.0 * number for number in range(len(lines))]
        places: dict[str, Any] = {"start_s": starts, "end_s": [start + 2 for start in starts], "line": range(count)}
        rows = SUBTITLES.batch(
            movie_id, language=["en"] * count, text=lines, track=[0] * count, source=[".srt"] * count, **places
        )
        commit(lake, SUBTITLES, movie_id, [rows])
    return cinelake.open(lake.storage.root)


def ask(lake: LakeClient, sql: str) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in lake.sql(sql).rows()]


def test_the_lines_with_words_are_a_table(lake: LakeClient) -> None:
    assert ask(lake, "select movie_id, start_s, text from said('rose jack') order by all") == [
        ("alien", 0.0, "Rose, where is Jack?"),
        ("brazil", 0.0, "Jack and Rose"),
    ]


def test_the_most_relevant_comes_first(lake: LakeClient) -> None:
    rows = ask(lake, "select text, relevance from said('jack') order by relevance desc limit 1")
    assert rows == [("Jack is here.", pytest.approx(0.5 + 0.5 / 3))]


def test_lines_are_joined_with_any_other_table(lake: LakeClient) -> None:
    overlap = "w.start_s < s.end_s and w.end_s > s.start_s"
    sql = f"select distinct s.shot from shots s join said('land') w using (movie_id) where {overlap} order by 1"
    assert ask(lake, sql) == [(0,), (1,)]


@pytest.mark.parametrize(
    "sql",
    [
        "with w as (from said('rose')) select count(*) from w",
        "select count(*) from said('rose') as w(film, start_s)",
        "select (select count(*) from said('rose'))",
        "select count(*) from said('rose') where text like '%o%' group by all having count(*) > 0",
    ],
)
def test_it_stands_wherever_a_table_may(lake: LakeClient, sql: str) -> None:
    assert ask(lake, sql) == [(3,)]


def test_a_question_is_explained_and_described_too(lake: LakeClient) -> None:
    assert ask(lake, "explain select * from said('rose')")
    assert [row[0] for row in ask(lake, "describe from said('rose')")] == lines_in_sql.SCHEMA.names


def test_an_answer_is_read_after_the_next_question_was_asked(lake: LakeClient) -> None:
    first, second = lake.sql("from said('land')"), lake.sql("from said('here')")
    assert [len(rows.rows()) for rows in (second, first)] == [1, 1] and first.rows()[0]["text"].startswith("The land")


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("from said()", r"said\(\) takes words in quotes"),
        ("from said('a', 'b')", r"said\(\) takes words in quotes"),
        ("from said(1)", r"said\(\) takes words in quotes"),
        ("from shots, lateral said(movie_id)", r"said\(\) takes words in quotes"),
        (" union all ".join(["select 1 from said('rose')"] * 17), "at most 16 of said, written, received 17"),
        ("from said('…')", "which words are searched for"),
        ("from written('rose')", "the lake has no lines that are written: name writing"),
        ("from sung('rose')", r"sung\(\) is no part of a question.*said\('words'\), written\('words'\)"),
        ("from said((copy (select 1) to 'x.csv'))", "syntax error"),
        ("with w as (copy (from said('rose')) to 'x.csv') from w", "only questions|syntax error"),
    ],
)
def test_what_is_no_question_of_words_is_refused(lake: LakeClient, sql: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        ask(lake, sql)


def test_words_cannot_become_sql(lake: LakeClient) -> None:
    assert ask(lake, "select count(*) from said('rose'') union select 1 --')".replace("\\'", "''")) == [(0,)]


def test_an_answer_over_some_of_the_lines_is_none(lake: LakeClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines_in_sql, "MOST_LINES", 2)
    with pytest.raises(UsageError, match="more than 2 lines: ask for rarer words"):
        ask(lake, "from said('jack')")


def test_a_published_version_has_no_lines_to_find(lake: LakeClient) -> None:
    lake._lines = None
    with pytest.raises(UsageError, match=r"said\(\) is no part of a question"):
        ask(lake, "from said('jack')")


@pytest.mark.parametrize(
    ("text", "loose"),
    [
        ("rose NEAR jack", 'NEAR("rose" "jack", 10)'),
        ("a rose NEAR jack NEAR sea", '"a" AND NEAR("rose" "jack" "sea", 10)'),
        ("ROSE NEAR JACK", '"ROSE" AND "NEAR" AND "JACK"'),
        ("near jack", '"near" AND "jack"'),
        ("NEAR jack", '"NEAR" AND "jack"'),
    ],
)
def test_near_stands_between_words_unless_all_is_in_capitals(text: str, loose: str) -> None:
    assert asked(text).loose == loose


def test_near_without_a_second_word_is_told() -> None:
    with pytest.raises(UsageError, match="between two words"):
        asked("rose NEAR")
