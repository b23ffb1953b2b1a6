"""Labels are kept in versions that are never changed; of each film the newest that holds it counts."""

import json
import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from _labelled import KIND, RATINGS, SCENES, TAGS, rows_of, scene, take
from storage._parquet_bombs import deep_schema

from cinelake.errors import BadLabels, CannotTrain, StorageError, UnknownName, UsageError
from cinelake.labels.store import (
    FilmFacts,
    import_labels,
    label_kinds,
    label_sets,
    label_versions,
    read_labels,
    stored_labels,
)
from cinelake.spec.contract import Column
from cinelake.spec.labels import LabelContract


def counting(root, **options):
    return read_labels(root, "toy", SCENES, **options).table.select(["movie_id", "start_s", "kind"]).to_pylist()


def row(movie_id="dawn", start_s=0.0, kind="chase"):
    return {"movie_id": movie_id, "start_s": start_s, "kind": kind}


def test_labels_are_read_as_the_contracts_table_sorted_by_film_and_time(tmp_path):
    take(tmp_path, scene("dusk"), scene("dawn", 10, 20), scene("dawn"))
    found = read_labels(tmp_path, "toy", SCENES)
    assert found.table.schema == SCENES.schema and counting(tmp_path) == [row(), row(start_s=10.0), row("dusk")]
    assert found.films() == ["dawn", "dusk"] and found.of("dusk").num_rows == 1


def test_a_film_that_is_imported_again_has_its_new_rows_alone(tmp_path):
    take(tmp_path, scene("dawn"), scene("dawn", 10, 20), scene("dusk"))
    take(tmp_path, scene("dawn", kind="sorrow"))
    assert counting(tmp_path) == [row(kind="sorrow"), row("dusk")]


def test_a_version_of_columns_within_columns_without_end_is_damaged_and_ends_no_process(tmp_path):
    take(tmp_path, scene())
    (tmp_path / "toy" / "000002.parquet").write_bytes(deep_schema(random.randrange(20_000, 40_000)))
    with pytest.raises(StorageError, match="within each other"):
        label_versions(tmp_path, "toy")


def test_an_older_version_can_still_be_read(tmp_path):
    take(tmp_path, scene())
    take(tmp_path, scene(kind="sorrow"))
    assert stored_labels(tmp_path, "toy", number=1)["kind"].to_pylist() == ["chase"]
    assert stored_labels(tmp_path, "toy")["kind"].to_pylist() == ["sorrow"]


def test_a_version_says_who_labelled_what_from_which_file_and_when(tmp_path):
    made = take(tmp_path, scene(), annotator="jo", source="a.csv", source_digest="abc", model="scenes")
    (found,) = label_versions(tmp_path, "toy")
    assert found == made
    told = json.loads(pq.read_metadata(tmp_path / "toy" / "000001.parquet").metadata[b"cinelake.labels"])
    assert (told["annotator"], told["source"], told["source_digest"], told["at"][:2]) == ("jo", "a.csv", "abc", "20")


@pytest.mark.parametrize("again", [[scene(), scene("dusk")], [scene("dusk"), scene()], [scene("dusk")]])
def test_the_same_labels_again_write_nothing_and_say_so(tmp_path, again):
    take(tmp_path, scene(), scene("dusk"))
    assert take(tmp_path, *again).unchanged
    assert len(label_versions(tmp_path, "toy")) == 1


def test_labels_of_an_older_version_that_no_longer_count_are_imported_again(tmp_path):
    for kind in ("chase", "sorrow", "chase"):
        assert not take(tmp_path, scene(kind=kind)).unchanged
    assert counting(tmp_path) == [row()]


def test_the_key_changes_if_and_only_if_a_label_that_counts_does(tmp_path):
    keys = []
    for place, imports in {
        "a": [[scene(), scene("dusk")]],
        "b": [[scene("dusk", kind="sorrow")], [scene("dusk"), scene()]],
        "c": [[scene(), scene("dusk", kind="sorrow")]],
    }.items():
        for rows in imports:
            take(tmp_path / place, *rows)
        keys.append(read_labels(tmp_path / place, "toy", SCENES).key)
    assert keys[0] == keys[1] != keys[2]


def test_a_column_that_comes_later_changes_no_key_and_is_null_where_it_was_not(tmp_path):
    take(tmp_path, scene())
    later = replace(SCENES, columns=(KIND, Column("place", pa.string(), "Where.", nullable=True)))
    before, after = (read_labels(tmp_path, "toy", contract) for contract in (SCENES, later))
    assert after.key == before.key and after.table["place"].to_pylist() == [None]


def test_labels_without_a_column_that_is_needed_now_cannot_be_trained_on(tmp_path):
    take(tmp_path, scene())
    later = LabelContract("Scenes.", "spans", (KIND, Column("place", pa.string(), "Where.")))
    with pytest.raises(CannotTrain, match=r"version 1 .* no column 'place'.*import 'scenes.csv' again"):
        read_labels(tmp_path, "toy", later)


def test_the_same_labels_by_another_annotator_are_kept(tmp_path):
    take(tmp_path, scene())
    assert not take(tmp_path, scene(), annotator="someone else").unchanged


def test_imports_at_the_same_time_all_survive(tmp_path):
    films = {f"film_{number}": FilmFacts(60.0) for number in range(8)}
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda movie_id: _take_one(tmp_path, movie_id, films), films))
    assert read_labels(tmp_path, "toy", SCENES).films() == sorted(films)
    assert [version.number for version in label_versions(tmp_path, "toy")] == list(range(1, 9))


def _take_one(root, movie_id, films):
    about = {"annotator": "", "source": "", "source_digest": "", "vocabularies": {}}
    return import_labels(root, "toy", SCENES, rows_of(scene(movie_id)), films, **about)


def test_an_import_leaves_nothing_but_its_version(tmp_path):
    take(tmp_path, scene())
    assert [path.name for path in (tmp_path / "toy").iterdir()] == ["000001.parquet"]


def test_a_dry_run_says_what_would_be_and_writes_nothing(tmp_path):
    assert take(tmp_path, scene(), dry_run=True).number == 1
    assert not list(tmp_path.iterdir())


def test_bad_labels_write_nothing(tmp_path):
    with pytest.raises(BadLabels):
        take(tmp_path, scene(), scene("nowhere"))
    assert not list(tmp_path.iterdir())


def test_a_further_kind_of_labels_lies_in_its_own_folder(tmp_path):
    take(tmp_path, scene(), contract=TAGS)
    rating = {"movie_id": "dawn", "viewer": "v1", "kind": "chase", "rating": "4"}
    take(tmp_path, rating, contract=RATINGS, kind="ratings")
    assert (label_sets(tmp_path), label_kinds(tmp_path, "toy")) == (["toy"], ["", "ratings"])
    assert read_labels(tmp_path, "toy", RATINGS, "ratings").table["rating"].to_pylist() == [4.0]


def test_without_labels_the_command_that_imports_is_named(tmp_path):
    take(tmp_path, scene(), name="scenes")
    with pytest.raises(CannotTrain, match=r"'toy/ratings'.*there: scenes.*import FILE .*--set toy --kind ratings"):
        read_labels(tmp_path, "toy", RATINGS, "ratings")


def test_an_unknown_set_gets_close_matches_and_an_unknown_version_the_known_ones(tmp_path):
    take(tmp_path, scene(), name="scenes")
    with pytest.raises(UnknownName, match="did you mean 'scenes'"):
        stored_labels(tmp_path, "scene")
    with pytest.raises(UnknownName, match="'7': there is 1"):
        stored_labels(tmp_path, "scenes", number=7)


@pytest.mark.parametrize("name", ["../x", "Scenes", "images", ""])
def test_a_set_cannot_be_called_what_leaves_its_folder(tmp_path, name):
    with pytest.raises(UsageError, match="name of a set"):
        take(tmp_path, scene(), name=name)


def test_a_damaged_version_is_named(tmp_path):
    take(tmp_path, scene())
    (tmp_path / "toy" / "000001.parquet").write_bytes(b"PAR1 and then nothing")
    with pytest.raises(StorageError, match=r"000001\.parquet .*damaged"):
        read_labels(tmp_path, "toy", SCENES)
