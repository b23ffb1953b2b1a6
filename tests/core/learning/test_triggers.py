"""Triggers count labels and films since their flow last started; without a server nothing is silent."""

from dataclasses import replace

import pytest

from cinelake.labels.store import label_versions
from flows.events import champion_changed, count, failed_too_much, flow_started, labels_imported


@pytest.fixture
def taught(project, monkeypatch):
    """A project with a trigger on its labels, one on its films, one on its champion."""
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    text = (project.folder / "pipeline.yaml").read_text()
    text += "triggers:\n  labels: {when: new_labels, at_least: 5, flow: train, model: loud}\n"
    text += "  films: {when: new_films, at_least: 5, flow: train, model: loud}\n"
    text += "  champion: {when: new_champion, flow: catalogue}\n"
    (project.folder / "pipeline.yaml").write_text(text)
    return project


def films(start, stop):
    return [f"film_{number:02d}" for number in range(start, stop)]


def test_labels_are_counted_and_not_imports(taught):
    taught.label(films(0, 3))
    taught.label(films(3, 5))
    assert count(taught.load(), "labels") == 5


def test_a_start_of_the_flow_begins_the_count_anew(taught):
    taught.label(films(0, 3))
    flow_started(taught.load(), "train", "loud")
    taught.label(films(3, 5))
    assert count(taught.load(), "labels") == 2 and count(taught.load(), "films") == 2


def test_of_a_list_that_is_imported_again_only_its_new_lines_count(taught):
    taught.label(films(0, 5))
    flow_started(taught.load(), "train", "loud")
    taught.label(films(0, 7))
    assert count(taught.load(), "labels") == 2
    taught.label(films(6, 9))
    assert count(taught.load(), "labels") == 4


def test_the_start_of_another_flow_does_not(taught):
    taught.label(films(0, 3))
    flow_started(taught.load(), "catalogue")
    assert count(taught.load(), "labels") == 3


def test_a_labelled_film_counts_once_its_tables_are_in_the_lake(taught):
    taught.label(films(0, 4))
    (taught.folder / "lake" / "sound" / "film_03.parquet").unlink()
    assert count(taught.load(), "films") == 3


def test_without_a_server_one_line_names_the_triggers_that_did_not_hear(taught):
    taught.label(films(0, 5))
    said = []
    (version,) = label_versions(taught.folder / "labels", "loud")
    labels_imported(taught.load(), "loud", version, said.append)
    champion_changed(taught.load(), "loud", 1, said.append)
    assert len(said) == 2 and "triggers labels, films" in said[0] and "trigger champion" in said[1]
    assert all("PREFECT_API_URL" in line and "cinelake up" in line for line in said)


def test_a_server_that_does_not_answer_is_named_and_stops_nothing(taught, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    said = []
    champion_changed(taught.load(), "loud", 1, said.append)
    assert "http://127.0.0.1:9/api" in said[0]


def test_where_nobody_waits_nothing_is_said(taught):
    said = []
    champion_changed(replace(taught.load(), triggers={}), "loud", 1, said.append)
    assert said == []


@pytest.mark.parametrize(
    ("made", "failed", "is_too_much"), [(90, 10, False), (89, 11, True), (0, 1, True), (5, 0, False)]
)
def test_more_than_a_tenth_failed_is_too_much_by_default(taught, made, failed, is_too_much):
    assert failed_too_much(taught.load(), made, failed) is is_too_much
