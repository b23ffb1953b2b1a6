"""People's labels beneath the models' lanes: as spans, and where the two differ."""

import shutil

import pyarrow as pa
import pytest
from _report_sites import data, lane, page, write

from cinelake.labels.store import import_labels
from cinelake.spec.model import find_model
from report.lanes import _boundaries, _named
from report.said import boundary_differences, line_differences, named_differences, spans_said


class Nothing:
    """A film whose lake has no table."""

    def read(self, _task, _columns):
        return None


def moments(*rows):
    times, names = zip(*rows, strict=True)
    return spans_said(pa.table({"time_s": list(times), "who": list(names)}), Nothing(), "who")


def test_a_moment_stands_until_the_next_one_and_equal_neighbours_are_one():
    assert moments((0.0, "tom"), (1.0, "tom"), (2.0, "ada")) == [(0, 2, "tom"), (2, 3, "ada")]


def test_where_moments_are_far_apart_nothing_is_said_in_between():
    assert moments((0.0, "tom"), (1.0, "tom"), (60.0, "tom")) == [(0, 6, "tom"), (60, 65, "tom")]


def test_people_and_model_differ_where_other_names_hold():
    found = named_differences([(0, 4, "tom")], [(0, 2, "tom"), (2, 5, "ada")])
    assert found.spans == [(2, 4, "people: ada; model: tom"), (4, 5, "people: ada; model: nothing")]
    assert found.agrees == pytest.approx(0.4)


def test_what_nobody_labelled_is_no_difference():
    assert named_differences([(0, 9, "tom")], [(0, 2, "tom")]).spans == []


def test_nobody_is_no_name():
    assert named_differences([], [(0, 2, "none")], nobody=["none"]).spans == []


def test_what_is_marked_difficult_is_shown_and_is_no_difference():
    labels = {"start_s": [0.0, 4.0], "end_s": [2.0, 6.0], "category": ["chase", "war"], "difficult": [None, True]}
    lane = {"start": [0.0], "end": [2.0], "label": ["chase"], "rows": [""]}
    made, found = _named("category")(lane, pa.table(labels), Nothing(), ())
    assert made["label"] == ["chase", "war"] and (found.spans, found.agrees) == ([], 1.0)


def test_boundaries_half_a_second_apart_are_one():
    found = boundary_differences([4.4, 9.0], [4.0, 12.0], [(0, 4, ""), (4, 12, ""), (12, 20, "")])
    assert [(at, words.split()[1]) for at, _, words in found.spans] == [(9.0, "the"), (12.0, "people")]


def test_boundaries_are_compared_where_people_labelled_scenes():
    labels = pa.table({"start_s": [10.0, 15.0], "end_s": [15.0, 20.0]})
    lane = {"start": [0.0, 5.0, 12.0, 15.2, 25.0], "end": [5.0, 12.0, 15.2, 25.0, 30.0]}
    _, found = _boundaries(lane, labels, Nothing(), ())
    assert [at for at, _, _ in found.spans] == [10.0, 12.0] and found.agrees == pytest.approx(1 / 3)


def test_the_film_s_beginning_is_no_boundary():
    labels = pa.table({"start_s": [0.0, 15.0], "end_s": [15.0, 20.0]})
    _, found = _boundaries({"start": [0.0, 15.0], "end": [15.0, 20.0]}, labels, Nothing(), ())
    assert (found.spans, found.agrees) == ([], 1.0)


def test_lines_differ_where_they_are_a_quarter_of_their_range_apart():
    model = {"x": [0, 1, 2], "series": [{"name": "arousal", "y": [0.0, 0.0, 0.0]}]}
    people = {"x": [0, 1, 2], "series": [{"name": "arousal", "y": [0.1, 0.9, None]}]}
    found = line_differences(model, people)
    assert found.spans == [(1, 2, "arousal far apart")] and found.agrees == 0.5


@pytest.fixture(scope="module")
def site(made_once, tmp_path_factory):
    """People say that mara is to be seen in the first ten seconds, where the lake has oskar at the end."""
    folder = shutil.copytree(made_once, tmp_path_factory.mktemp("said") / "project")
    model, rows = (
        find_model("characters"),
        {"movie_id": ["plain"] * 10, "time_s": range(10), "character": ["mara"] * 10},
    )
    about = {"annotator": "a", "source": "s", "source_digest": "d", "vocabularies": {}}
    import_labels(folder / "labels", "characters", model.labels, pa.table(rows), Known(), **about)
    write(folder)
    return folder


class Known(dict):
    """Any film is known, and in the lake."""

    def __init__(self):
        from cinelake.labels.film_facts import FilmFacts

        super().__init__(plain=FilmFacts(duration_s=60.0, shots=20, in_lake=True))


def test_labels_stand_beneath_the_lane_of_the_model(site):
    ids = [lane["id"] for lane in data(site)["lanes"]]
    assert ids[ids.index("characters") + 1] == "characters-said"
    assert lane(site, "characters-said")["rows"][0] == "mara"


def test_the_page_leads_to_where_they_differ(site):
    assert lane(site, "characters-said")["differs"] == [[9, 10, "people: mara; model: oskar"]]
    assert 'data-differs="characters-said" data-step="1"' in page(site)


def test_a_film_without_labels_has_no_such_lane(site):
    assert not [lane for lane in data(site, "evil")["lanes"] if lane["of"]]


def test_new_labels_make_the_page_anew(site, tmp_path):
    project = shutil.copytree(site, tmp_path / "project")
    (version,) = (project / "labels" / "characters").glob("*.parquet")
    version.unlink()
    assert write(project).written == {"plain": "changed"}


def test_nobody_is_called_as_the_model_s_configuration_says(site, tmp_path):
    project = shutil.copytree(site, tmp_path / "project")
    manifest = project / "pipeline.yaml"
    text = manifest.read_text().replace("  characters: {}\n", "  characters: {config: {nobody: [mara]}}\n", 1)
    manifest.write_text(text)
    assert write(project).written.get("plain") == "changed"
    assert not lane(project, "characters-said")["start"]


def test_what_people_and_model_call_the_same_is_of_one_colour(site, tmp_path):
    project = shutil.copytree(site, tmp_path / "project")
    rows = {"movie_id": ["plain"], "start_s": [0.0], "end_s": [9.0], "category": ["battle"]}
    about = {"annotator": "a", "source": "s", "source_digest": "d", "vocabularies": {}}
    import_labels(project / "labels", "beats", find_model("beats").labels, pa.table(rows), Known(), **about)
    write(project)
    assert lane(project, "beats-said")["kinds"] == [*sorted(set(lane(project, "beats")["label"])), "battle"]


def test_what_is_not_computed_is_one_line(site):
    assert page(site).count("Not computed</span>") <= 1


def test_a_model_that_reads_other_labels_makes_the_page_anew(site, tmp_path):
    project = shutil.copytree(site, tmp_path / "project")
    manifest = project / "pipeline.yaml"
    manifest.write_text(manifest.read_text().replace("  characters: {}\n", "  characters: {labels: others}\n", 1))
    assert write(project).written.get("plain") == "changed"
