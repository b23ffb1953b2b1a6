"""Sections `quality` and `publish` name measures and tables that there are."""

import pytest

pytestmark = pytest.mark.usefixtures("known_tasks")


def test_an_unknown_measure_gets_its_close_matches(problems):
    found = problems("tasks: {cuts: {}}\nquality: {bounds: {cuts.coverags: {at_least: 1}}}\n")
    assert "there is no measure 'cuts.coverags': did you mean 'cuts.coverage'" in found[0]


def test_a_bound_bounds_something(problems):
    found = problems("tasks: {cuts: {}}\nquality: {bounds: {cuts.coverage: {}}}\n")
    assert "expected at_least, at_most or both" in found[0]


def test_only_tables_that_are_made_are_published(problems):
    assert "no entry of `tasks` makes a table 'cut'" in problems("tasks: {cuts: {}}\npublish: {tables: [cut]}\n")[0]
