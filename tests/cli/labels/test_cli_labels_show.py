"""`labels list`, `show`, `template`: what is there, what counts, and how far annotators agree."""

import pytest
from end_to_end._labels_command import CSV, labels, shown, take, told
from typer.testing import CliRunner

from cinelake.errors import UnknownName, UsageError
from cinelake.labels.store import label_sets
from cli.main import app


def test_sets_are_listed_with_what_counts_in_them(project):
    take(project)
    take(project, "movie_id,kind\ndusk,sorrow\n", "--annotator", "jo")
    (found,) = told(project, "list")["labels"]
    assert (found["set"], found["films"], found["rows"], found["versions"]) == ("toy", 2, 3, 2)
    assert "toy" in labels(project, "list")


def test_without_labels_the_list_says_how_they_come(project):
    assert "cinelake labels import" in labels(project, "list")


def test_versions_of_a_set_are_listed_with_who_and_when(project):
    take(project, CSV, "--annotator", "maria")
    (found,) = told(project, "list", "toy")["versions"]
    assert (found["version"], found["annotator"], found["source"], found["model"]) == (1, "maria", "a.csv", "toy")


def test_an_older_version_is_shown_when_asked(project):
    take(project, "movie_id,kind\ndusk,sorrow\n")
    take(project, "movie_id,kind\ndusk,chase\n")
    assert shown(project) == [("dusk", "chase")]
    assert shown(project, "--version", "1") == [("dusk", "sorrow")]


def test_a_set_of_ones_own_name_is_kept_apart(project):
    take(project, CSV, "--set", "second")
    assert label_sets(project / "labels") == ["second"]


def test_an_unknown_set_gets_close_matches(project):
    take(project)
    for words in (("show", "toi"), ("list", "toi"), ("export", "toi")):
        with pytest.raises(UnknownName, match="did you mean 'toy'"):
            labels(project, *words)


def test_a_template_is_a_csv_to_fill_in_and_its_words_stand_apart(tmp_path):
    shown = CliRunner().invoke(app, ["labels", "template", "tags", "-m", str(tmp_path / "none.yaml")])
    assert shown.stdout == "movie_id,start_s,end_s,tag\n"
    assert "start_shot and end_shot" in shown.stderr and "The tag; empty: " in shown.stderr


def test_a_template_tells_the_values_of_a_limited_column(project):
    columns = {column["column"]: column for column in told(project, "template", "beats")["columns"]}
    assert "romance" in columns["category"]["values"] and columns["category"]["needed"]


def test_agreement_is_told_by_film_and_class(project):
    take(project, "movie_id,start_s,end_s,kind\ndawn,0,30,chase\n", "--annotator", "maria")
    take(project, "movie_id,start_s,end_s,kind\ndawn,0,30,chase\n", "--annotator", "jo")
    (found,) = told(project, "show", "toy", "--agreement")["agreement"]
    assert (found["movie_id"], found["what"], found["units"], found["kappa"]) == ("dawn", "chase", 60, 1.0)
    assert "maria" in labels(project, "show", "toy", "--agreement")
    assert told(project, "list", "--agreement")["agreement"][0]["set"] == "toy"


def test_without_a_second_annotator_there_is_no_agreement_to_tell(project):
    take(project)
    assert "No film was labelled by two annotators" in labels(project, "show", "toy", "--agreement")
    with pytest.raises(UsageError, match="leave --version out"):
        labels(project, "show", "toy", "--agreement", "--version", "1")
