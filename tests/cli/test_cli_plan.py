"""`plan`: what would run and why, for people and for machines."""

from collections import Counter

import pytest
from end_to_end._command import answer_of, cinelake
from end_to_end._lakes import TABLES, change


def plan_of(project, *words):
    return answer_of("plan", "-m", project / "pipeline.yaml", *words)["cells"]


def test_the_plan_as_json_has_a_cell_per_film_and_table(made):
    cells = plan_of(made)
    assert len(cells) == 2 * len(TABLES)
    assert {tuple(cell) for cell in cells} == {("movie_id", "task", "state", "reason")}


def test_after_a_run_every_cell_is_fresh_and_needs_no_reason(made):
    assert {(cell["state"], cell["reason"]) for cell in plan_of(made)} == {("fresh", "")}


def test_before_the_first_run_every_film_is_new(drawn):
    assert Counter((cell["state"], cell["reason"]) for cell in plan_of(drawn))["stale", "new film"] == 12


def test_a_changed_parameter_is_named_with_both_values(project):
    change(project, "fps: 1", "fps: 2")
    reasons = {cell["task"]: cell["reason"] for cell in plan_of(project) if cell["state"] == "stale"}
    assert set(reasons) == {"frames", "faces", "embeddings"}
    assert "fps" in reasons["frames"] and "1" in reasons["frames"] and "2" in reasons["frames"]


def test_why_lists_the_cells_and_their_reasons(project):
    change(project, "fps: 1", "fps: 2")
    said = cinelake("plan", "-m", project / "pipeline.yaml", "--why").stdout
    assert said.count("fps") >= 2 and said.rstrip().endswith("6 cells of 2 films to make: `cinelake run`")


def test_a_selection_leaves_the_rest_out(drawn):
    assert {cell["task"] for cell in plan_of(drawn, "-s", "+faces")} == {"shots", "frames", "faces"}


def test_one_film_can_be_planned(drawn):
    film = plan_of(drawn)[0]["movie_id"]
    assert {cell["movie_id"] for cell in plan_of(drawn, "--movie", film)} == {film}


def test_the_estimate_comes_from_recorded_costs(project):
    change(project, "fps: 1", "fps: 2")
    found = answer_of("plan", "-m", project / "pipeline.yaml", "--estimate")["estimate"]
    assert set(found["by_table"]) == {"frames", "faces", "embeddings"}
    assert found["wall_s"] > 0 and not found["unknown"]


def test_an_estimate_without_a_recorded_run_says_so(drawn):
    said = cinelake("plan", "-m", drawn / "pipeline.yaml", "--estimate").stdout
    assert "no run has recorded a cost yet of: films, shots" in said


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("-s", "shot"), "unknown table 'shot': did you mean 'shots'?"),
        (("--movie", "the_golden_road"), "did you mean 'the_golden_road_001'"),
        (("-s", "state:stal"), "did you mean 'stale'"),
        (("-s", "shots++"), "at most one +"),
    ],
)
def test_an_unknown_name_gets_close_matches(made, words, hint):
    done = cinelake("plan", "-m", made / "pipeline.yaml", *words)
    assert done.returncode == 2
    assert hint in done.stderr and "Traceback" not in done.stderr
