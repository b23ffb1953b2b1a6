"""A run for part of the catalogue: films of a list, films that arrived since a day."""

import datetime
import os
import time

import pytest

from cinelake.errors import UsageError
from cinelake.manifest.document import load_manifest
from cinelake.plan.build import plan_manifest
from cinelake.plan.scope import parse_since, restrict


@pytest.fixture
def planning(tmp_path):
    (tmp_path / "films").mkdir()
    for name in ("one", "Two", "three"):
        (tmp_path / "films" / f"{name}.mp4").write_text(name)
    (tmp_path / "pipeline.yaml").write_text("lake: lake\ncatalogue: {films: films}\ntasks: {films: , shots: }\n")
    return plan_manifest(load_manifest(tmp_path / "pipeline.yaml"))


def films(planning):
    return sorted(planning.plan.by_film())


def test_a_list_names_films_by_id_or_by_file(planning, tmp_path):
    (tmp_path / "list.txt").write_text("one\n\n# a comment\narchive/Two.mp4  # by its file\n")
    assert films(restrict(planning, films_from=tmp_path / "list.txt")) == ["one", "two"]


def test_every_film_of_a_list_that_is_unknown_is_told_with_its_line(planning, tmp_path):
    (tmp_path / "list.txt").write_text("one\nthre\nfour\n")
    with pytest.raises(UsageError, match=r"(?s)2 films.*list.txt:2: unknown film 'thre'.*'three'.*list.txt:3"):
        restrict(planning, films_from=tmp_path / "list.txt")


@pytest.mark.parametrize("text", [None, "# nobody\n"])
def test_a_list_that_is_missing_or_names_none_is_refused(planning, tmp_path, text):
    if text:
        (tmp_path / "list.txt").write_text(text)
    with pytest.raises(UsageError, match=r"list\.txt"):
        restrict(planning, films_from=tmp_path / "list.txt")


def test_a_film_that_was_copied_with_its_old_time_has_arrived_today(planning, tmp_path):
    before = datetime.datetime.now(datetime.UTC)
    time.sleep(0.05)
    os.utime(tmp_path / "films" / "one.mp4", (0, 0))  # as `cp -p` and `rsync -a` do
    assert films(restrict(planning, since=before)) == ["one"]


def test_nothing_that_arrived_means_nothing_to_do_and_not_everything(planning):
    tomorrow = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1)
    assert films(restrict(planning, since=tomorrow)) == []


def test_tables_and_arrival_are_asked_for_together(planning):
    part = restrict(planning, ["films"], since=parse_since("2020-01-01"))
    assert {cell.table for cell in part.plan.stale} == {"films"} and len(films(part)) == 3


def test_a_day_that_is_none_is_refused():
    with pytest.raises(UsageError, match="2026-11-01T14:30, received 'yesterday'"):
        parse_since("yesterday")
