"""Environment variables that are set for a while."""

from __future__ import annotations

import os

import pytest

from cinelake.storage.processes import environment_variables


@pytest.fixture(autouse=True)
def two_variables(monkeypatch):
    """`CINELAKE_OLD` is set, `CINELAKE_NEW` is not."""
    monkeypatch.setenv("CINELAKE_OLD", "before")
    monkeypatch.delenv("CINELAKE_NEW", raising=False)


@pytest.mark.parametrize("restore_all", [False, True])
def test_variables_are_set_within_and_as_before_after_an_error(restore_all):
    before = dict(os.environ)
    settings = {"CINELAKE_OLD": "x", "CINELAKE_NEW": "y"}
    with pytest.raises(KeyError), environment_variables(settings, restore_all=restore_all):
        assert {name: os.environ[name] for name in settings} == settings
        raise KeyError
    assert dict(os.environ) == before


def test_what_the_block_itself_unsets_is_as_before(monkeypatch):
    with environment_variables({"CINELAKE_OLD": "x", "CINELAKE_NEW": "y"}):
        del os.environ["CINELAKE_OLD"], os.environ["CINELAKE_NEW"]
    assert os.environ["CINELAKE_OLD"] == "before" and "CINELAKE_NEW" not in os.environ


@pytest.mark.parametrize(("restore_all", "stays"), [(False, True), (True, False)])
def test_other_variables_are_restored_where_that_is_wanted(monkeypatch, restore_all, stays):
    with environment_variables({}, restore_all=restore_all):
        monkeypatch.setenv("CINELAKE_NEW", "set by a library")
        monkeypatch.setenv("CINELAKE_OLD", "changed")
    assert ("CINELAKE_NEW" in os.environ) is stays
    assert os.environ["CINELAKE_OLD"] == ("changed" if stays else "before")
