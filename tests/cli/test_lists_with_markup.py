"""What stands in a list of films is shown as it stands there: brackets, tags, emoji codes, control characters."""

import pytest
from end_to_end._command import answer_of, cinelake

ODD_TITLE = "[red]alarm[/red] :smile: <script>alert(1)</script>"
LIST = f"""\
movie_id,uri,title
one,films/the_golden_road_001.mp4,{ODD_TITLE}
Bad [red]id,films/x.mp4,x
two,films/[bold]absent[/bold].mp4,x
"""


@pytest.fixture
def listed(project):
    (project / "list.csv").write_text(LIST)
    manifest = project / "pipeline.yaml"
    manifest.write_text("lake: other\ncatalogue: {list: list.csv}\ntasks: {films: {}}\ntracking: {enabled: false}\n")
    return project


@pytest.mark.parametrize("words", [("plan", "--why"), ("status",)])
def test_ids_and_places_are_printed_literally(listed, words):
    said = cinelake(*words, cwd=listed).stdout
    assert "received 'Bad [red]id'" in said and "'films/[bold]absent[/bold].mp4'" in said


def test_the_title_comes_through_run_and_query_unchanged(listed, prefect):
    done = cinelake("run", cwd=listed, env=prefect)
    assert done.returncode == 1 and "Bad [red]id" in done.stdout
    manifest = ("-m", listed / "pipeline.yaml")
    assert ODD_TITLE in cinelake("query", *manifest, "select title from films").stdout
    assert cinelake("why", "films", "one", *manifest).returncode == 0
    problems = answer_of("status", *manifest)["problems"]
    assert {problem["reason"] for problem in problems} == {"bad_row", "film_missing"}
