"""A question without an end is ended, an answer without an end is not collected."""

from __future__ import annotations

import time

import duckdb
import pytest

from cinelake.errors import UsageError
from cinelake.query.bounds import collected, ends_within

ENDLESS = [
    "WITH RECURSIVE t AS (SELECT 1 a UNION ALL SELECT a + 1 FROM t) SELECT count(*) FROM t",
    "SELECT sum(a.range * b.range) FROM range(10_000_000) a, range(10_000_000) b WHERE a.range % 7 = b.range % 3",
    "SELECT * FROM range(1_000_000_000_000)",
]


@pytest.fixture
def connection():
    with duckdb.connect() as opened:
        yield opened


@pytest.mark.parametrize("sql", ENDLESS, ids=["recursion", "product", "rows"])
def test_a_question_is_ended_at_its_limit(connection, sql):
    with pytest.raises(UsageError, match=r"ended after 0\.1 s"), ends_within(0.1, connection.interrupt):
        collected(connection.sql(sql))


def test_a_question_is_ended_whose_time_was_over_before_duckdb_began_with_it(connection):
    with pytest.raises(UsageError, match=r"ended after 0\.05 s"), ends_within(0.05, connection.interrupt):
        time.sleep(0.15)
        collected(connection.sql(ENDLESS[0]))


@pytest.mark.parametrize("limit_s", [0.0, -1.0, float("nan")])
def test_a_limit_that_is_no_time_is_refused(limit_s, connection):
    with pytest.raises(UsageError, match="more than 0 seconds"), ends_within(limit_s, connection.interrupt):
        pass


def test_a_limit_beyond_all_clocks_is_none(connection):
    with ends_within(float("inf"), connection.interrupt):
        assert collected(connection.sql("SELECT 7 AS a")).num_rows == 1


def test_a_connection_answers_again_after_an_ended_question(connection):
    with pytest.raises(UsageError), ends_within(0.1, connection.interrupt):
        collected(connection.sql(ENDLESS[0]))
    with ends_within(60, connection.interrupt):
        assert collected(connection.sql("SELECT 7 AS a")).to_pylist() == [{"a": 7}]


def test_an_answer_larger_than_may_be_held_is_refused_with_what_to_do(connection):
    with pytest.raises(UsageError, match=r"more than 0\.5 GiB: ask for fewer columns, or for a part with LIMIT"):
        collected(connection.sql("SELECT *, repeat('x', 10_000) FROM range(1_000_000)"), most_bytes=1 << 29)


def test_what_fails_among_the_rows_is_told_in_duckdb_s_words(connection):
    late = "SELECT CASE WHEN range < 900_000 THEN 1 ELSE error('at last') END FROM range(1_000_000)"
    with pytest.raises(UsageError, match="at last"):
        collected(connection.sql(late))
