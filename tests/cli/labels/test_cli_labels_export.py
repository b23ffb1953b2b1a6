"""`labels export`: each form comes back as it went."""

import pandas
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from end_to_end._labels_command import CSV, labels, take, told

from cinelake.errors import CinelakeError, UsageError
from cinelake.labels.store import label_versions
from cinelake.lake.cells import Lake


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_what_is_exported_can_be_imported_again(project, form):
    take(project)
    labels(project, "export", "toy", "--format", form, "--output", project / f"out.{form}")
    labels(project, "import", project / f"out.{form}", "--model", "toy", "--set", "again")
    (first,), (second,) = (label_versions(project / "labels", name) for name in ("toy", "again"))
    assert first.films == second.films


@pytest.mark.parametrize("kind", ["=cmd|' /C calc'!A0", "'=1+1", "''-2", "'tis", "@SUM(1)"])
def test_labels_in_csv_are_no_formulas_and_come_back_as_they_were(project, monkeypatch, kind):
    """Words of annotators are whatever they wrote, and a sheet computes what begins with `=`."""
    monkeypatch.setattr("core._labelled.KINDS", (kind,))
    pq.write_table(pa.table({"movie_id": ["dusk"], "kind": [kind]}), project / "in.parquet")
    labels(project, "import", project / "in.parquet", "--model", "toy")
    labels(project, "export", "toy", "--format", "csv", "--output", project / "out.csv")
    labels(project, "import", project / "out.csv", "--model", "toy", "--set", "again")
    (again,) = told(project, "show", "again")["labels"]
    assert not pandas.read_csv(project / "out.csv")["kind"][0].startswith(("=", "@")) and again["kind"] == kind


@pytest.mark.parametrize("form", ["xlsx", "label-studio", "via", "otio"])
def test_what_is_exported_for_another_program_can_be_imported_again(measured, form):
    take(measured)
    labels(measured, "export", "toy", "--format", form, "--output", measured / "out")
    file = measured / "out" if form == "xlsx" else next((measured / "out").iterdir())
    labels(measured, "import", file, "--model", "toy", "--set", "again")
    (first,), (second,) = (label_versions(measured / "labels", name) for name in ("toy", "again"))
    assert first.films == second.films


@pytest.mark.parametrize("form", ["cvat", "elan", "edl"])
def test_a_form_for_one_film_gives_a_file_for_each(measured, form):
    take(measured, CSV.replace("20.5", "20.4"))  # where a picture begins
    labels(measured, "export", "toy", "--format", form, "--output", measured / "out")
    labels(measured, "import", *sorted((measured / "out").iterdir()), "--model", "toy", "--set", "again")
    (first,), (second,) = (label_versions(measured / "labels", name) for name in ("toy", "again"))
    assert first.films == second.films


def test_labels_of_a_film_that_is_gone_are_exported_where_the_form_allows(project):
    take(project, "movie_id,start_s,end_s,kind\ndusk,1,2,dialogue\n")
    (project / "films" / "dusk.mp4").unlink()
    for table in ("films", "shots"):
        Lake(str(project / "lake")).delete_cell(table, "dusk")
    assert "dusk" in labels(project, "export", "toy", "--format", "via")
    with pytest.raises(CinelakeError, match="pictures a second are unknown"):
        labels(project, "export", "toy", "--format", "cvat")


def test_a_form_for_one_film_asks_for_a_folder(measured):
    take(measured)
    with pytest.raises(UsageError, match="holds one film a file, and these labels are of 2"):
        labels(measured, "export", "toy", "--format", "cvat")
