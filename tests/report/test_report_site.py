"""The site: what is escaped, what is missing and why, what is written anew, what is refused."""

import html.parser
import re
import shutil
from pathlib import Path
from unittest.mock import Mock

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from _report_sites import data, lane, page, replace, write

import report.site
from cinelake.errors import DamagedFilm, UnknownName, UsageError
from cinelake.lake.cells import Lake
from cinelake.manifest.document import load_manifest
from cinelake.plan.build import plan_manifest
from cinelake.query.quality import Outlier
from report.site import catalogue_page
from report.templates import breakable, text_html

ALERT = "<script>alert(1)</script>"
SCRIPT = re.compile(r"<script[^>]*>")


def lake(project):
    return Lake(str(project / "lake"))


def key_of(project, table):
    cells = plan_manifest(load_manifest(project / "pipeline.yaml")).whole.cells
    return next(cell.key for cell in cells if (cell.movie_id, cell.table) == ("plain", table))


def test_a_film_called_script_stays_text(project):
    write(project)
    for text in (page(project, "evil"), (project / "site" / "index.html").read_text()):
        assert ALERT not in text and "&lt;script&gt;alert(1)&lt;/script&gt;" in text


def test_only_our_own_scripts_stand_in_a_page(project):
    write(project)
    found = SCRIPT.findall(page(project, "evil"))
    assert all('src="../../assets/' in tag or 'type="application/json"' in tag for tag in found)


def test_data_cannot_end_its_script_element(project):
    cell = project / "lake" / "tags" / "plain.parquet"
    footer, table = pq.read_metadata(cell).metadata, pq.read_table(cell)
    tags = pa.array(["</script><script>alert(2)//", *table["tag"].to_pylist()[1:]])
    pq.write_table(table.set_column(1, "tag", tags).replace_schema_metadata(footer), cell)
    write(project)
    assert "</script><script>alert(2)" not in page(project)
    assert "</script><script>alert(2)//" in str(data(project)["tables"])


class Elements(html.parser.HTMLParser):
    """What a page's elements are called, and their attributes."""

    def __init__(self, text):
        super().__init__()
        self.names, self.attributes = set(), set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}


def attacked(cell):
    """Every text of a cell but the film's name becomes an element that runs a script."""
    footer, table = pq.read_metadata(cell).metadata, pq.read_table(cell, partitioning=None)
    for number, field in enumerate(table.schema):
        if pa.types.is_string(field.type) and field.name != "movie_id":
            evil = pa.array([f"</script></style>\"'><xss onerror=alert({row})>" for row in range(len(table))])
            table = table.set_column(number, field, evil)
    pq.write_table(table.replace_schema_metadata(footer), cell)


def test_no_text_of_any_table_becomes_an_element(project):
    write(project)
    pages = sorted((project / "site").rglob("*.html"))
    before = [Elements(file.read_text()) for file in pages]
    for cell in (project / "lake").glob("[a-z]*/*.parquet"):
        attacked(cell)
    shutil.rmtree(project / "site")  # the keys are as before: pages would be taken for unchanged
    write(project)
    for file, known in zip(pages, before, strict=True):
        found = Elements(file.read_text())
        assert "xss" not in found.names and "onerror" not in found.attributes - known.attributes, file.name
    assert any("xss onerror" in file.read_text() for file in pages)


def test_no_script_of_a_page_takes_a_text_for_html():
    sinks = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|srcdoc")
    for file in (Path(report.site.__file__).parent / "static").glob("*.js"):
        assert not sinks.search(file.read_text()), file.name


def test_a_reason_is_escaped_and_its_commands_are_code():
    assert text_html("<b>: `cinelake run`") == "&lt;b&gt;: <code>cinelake run</code>"


def test_a_name_is_broken_after_an_underscore_and_stays_text():
    assert breakable("night_train_<1>") == "night_<wbr>train_<wbr>&lt;1&gt;"


def test_a_second_report_writes_nothing(project):
    assert sorted(write(project).written) == ["evil", "plain"]
    again = write(project)
    assert (again.written, again.unchanged, again.index_written) == ({}, ["evil", "plain"], False)


def test_only_the_page_whose_table_changed_is_written(project):
    write(project)
    lake(project).delete_cell("scenes", "plain")
    assert write(project).written == {"plain": "changed"}


def test_force_writes_every_page(project):
    write(project)
    assert write(project, force=True).written == {"evil": "--force", "plain": "--force"}


def test_a_dry_run_writes_nothing(project):
    assert sorted(write(project, dry_run=True).written) == ["evil", "plain"]
    assert not (project / "site").exists()


def test_one_film_is_written_and_the_catalogue_shows_it(project):
    assert write(project, movies=["plain"]).written == {"plain": "new"}
    assert 'href="films/plain/index.html"' in (project / "site" / "index.html").read_text()


def test_an_unknown_film_gets_its_close_matches(project):
    with pytest.raises(UnknownName, match="did you mean 'plain'"):
        write(project, movies=["plan"])


def test_the_page_of_a_film_that_left_is_removed(project):
    write(project)
    (project / "films.csv").write_text("movie_id,uri,title\nplain,films/plain.mp4,A plain film\n")
    assert write(project).removed == ["evil"]
    assert not (project / "site" / "films" / "evil").exists()


def test_a_folder_with_something_else_is_refused(project):
    (project / "site").mkdir()
    (project / "site" / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match="holds something else"):
        write(project)
    assert write(project, force=True).written and (project / "site" / "thesis.txt").exists()


@pytest.mark.parametrize("left", [[], [".cinelake-report.json.1-2-3.part"]])
def test_a_report_that_was_killed_at_its_first_file_is_written_by_the_next(project, monkeypatch, left):
    monkeypatch.setattr(report.site, "write_text", Mock(side_effect=KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        write(project)
    monkeypatch.undo()
    for name in left:
        (project / "site" / name).write_text("half")
    assert write(project).written


def test_a_site_in_the_place_of_a_file_is_refused(project):
    (project / "site").write_text("not a folder")
    with pytest.raises(UsageError, match="is a file"):
        write(project)


def test_a_table_that_is_not_in_the_manifest_says_so(project):
    replace(project, "  funny: {}\n", "")
    write(project)
    assert "not in the manifest" in lane(project, "funny")["why"]


def test_a_table_that_is_switched_off_says_so(project):
    replace(project, "  funny: {}\n", "  funny: {enabled: false}\n")
    write(project)
    assert "switched off" in lane(project, "funny")["why"]


def test_a_table_that_waits_for_its_champion_says_so(project):
    lake(project).delete_cell("scenes", "plain")
    write(project)
    assert lane(project, "scenes")["why"].startswith("blocked: needs a champion of scenes")
    assert "Not computed" in page(project)


def test_a_table_that_failed_says_why_as_failures_has_it(project):
    lake(project).delete_cell("shots", "plain")
    lake(project).record_failure("shots", "plain", key_of(project, "shots"), DamagedFilm("it ends at 0:12"))
    write(project)
    assert lane(project, "shots")["why"] == "failed: known bad: damaged_film: it ends at 0:12"


def test_a_stale_table_is_shown_with_its_reason(project):
    replace(project, "  sound: {}\n", "  sound: {silence_lufs: -40}\n")
    write(project)
    assert lane(project, "loudness")["note"].startswith("stale: parameter silence_lufs")
    assert lane(project, "loudness")["x"]


def test_a_damaged_cell_is_told_and_the_rest_is_shown(project):
    cell = project / "lake" / "beats" / "plain.parquet"
    cell.write_bytes(cell.read_bytes()[200:])
    write(project)
    assert lane(project, "beats")["why"] and not lane(project, "scenes")["why"]


def test_without_frames_there_is_a_page_without_pictures(project):
    shutil.rmtree(project / "lake" / "frames")
    write(project)
    assert "Pictures not available: frames: " in page(project)
    assert not list((project / "site" / "films" / "plain").glob("*.jpg"))


def test_pictures_that_are_damaged_are_told_and_the_rest_is_shown(project):
    cell = project / "lake" / "frames" / "plain.parquet"
    content = bytearray(cell.read_bytes())
    at = pq.read_metadata(cell).row_group(0).column(10).dictionary_page_offset
    content[at : at + 40] = bytes(40)
    cell.write_bytes(content)
    write(project)
    assert "Pictures not available: frames: cannot be read" in page(project)
    assert lane(project, "scenes")["start"]


def test_a_value_that_is_no_number_is_a_gap(project):
    cell = project / "lake" / "affect" / "plain.parquet"
    footer, table = pq.read_metadata(cell).metadata, pq.read_table(cell)
    values = pa.array([float("nan"), *table["valence"].to_pylist()[1:]], pa.float32())
    pq.write_table(table.set_column(2, "valence", values).replace_schema_metadata(footer), cell)
    write(project)
    assert lane(project, "affect")["series"][0]["y"][:2] == [None, 0.111]


def test_the_page_of_a_film_whose_file_is_gone_keeps_its_pictures(project):
    (project / "films" / "plain.mp4").unlink()
    write(project)
    assert "The catalogue cannot give this film now" in page(project)
    assert (project / "site" / "films" / "plain" / "poster.jpg").exists()


def test_a_lake_that_is_empty_has_a_page_for_each_film(project):
    shutil.rmtree(project / "lake")
    assert sorted(write(project).written) == ["evil", "plain"]


def test_films_that_stand_out_are_named_in_the_catalogue():
    found = Outlier("plain", "shots", "rows", 900.0, 20.0, 12.3, "rows")
    text = catalogue_page([], {}, [found])
    assert "Films that stand out" in text and "shots.rows" in text and "12.3" in text


def test_a_film_that_the_catalogue_cannot_give_and_has_no_id_is_named():
    assert "&lt;b&gt;" in catalogue_page([], {"<b>": "bad_row: no place"}, [])


def test_a_catalogue_without_a_film_says_so_and_has_nothing_to_search():
    text = catalogue_page([], {}, [])
    assert "The catalogue has no film" in text and "search" not in text and "catalogue.js" not in text


def test_nothing_unfinished_stays_behind(project):
    write(project)
    assert not list((project / "site").rglob(".*"))


def test_the_charting_library_lies_beside_the_pages_with_its_licence(project):
    write(project)
    assets = project / "site" / "assets"
    assert "Redistribution" in (assets / "bokeh-LICENSE.txt").read_text()
    assert (assets / "bokeh.min.js").stat().st_size > 100_000
