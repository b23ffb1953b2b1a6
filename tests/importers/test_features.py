"""Features from elsewhere: held to a task's contract, then a table of the lake; or refused with all problems."""

import json

import numpy as np
import pandas
import pytest
from core._labelled import a_project

from cinelake.errors import BadFeatures, UsageError
from cinelake.lake.cells import Lake
from cinelake.manifest.document import load_manifest
from importers.features.work import import_features

MOTION = [0.25] * 26


@pytest.fixture
def manifest(tmp_path):
    return load_manifest(a_project(tmp_path / "project") / "pipeline.yaml")


def shots(film="dawn", count=3, **other):
    """Rows as `shots` has them."""
    rows = {"movie_id": [film] * count, "shot": range(count), "start_frame": range(0, 24 * count, 24)}
    rows |= {
        "end_frame": range(24, 24 * count + 24, 24),
        "start_s": np.arange(count) * 1.0,
        "end_s": np.arange(count) + 1.0,
    }
    rows |= {"transition": ["start", *["cut"] * (count - 1)], "score": [1.0] * count}
    return pandas.DataFrame({**rows, "motion": [MOTION] * count} | other)


def table_of(manifest, folder, frame, name="a.parquet", **options):
    path = folder / name
    frame.to_parquet(path) if name.endswith("parquet") else frame.to_csv(path, index=False)
    return import_features(manifest, [path], "shots", "shots_elsewhere", **options)


def test_a_table_becomes_cells_of_the_lake(manifest, tmp_path):
    frame = pandas.concat([shots("dawn.mp4"), shots("dusk", 2)])
    made = table_of(manifest, tmp_path, frame)
    assert made.rows == {"dawn": 3, "dusk": 2}
    kept = Lake(manifest.lake.place).reader("shots_elsewhere", "dusk").read()
    assert kept["end_s"].to_pylist() == [1.0, 2.0] and kept["movie_id"].to_pylist() == ["dusk", "dusk"]


def test_vectors_may_be_texts_or_numbered_columns(manifest, tmp_path):
    text = shots(motion=[json.dumps(MOTION)] * 3)
    columns = shots().drop(columns="motion").assign(**{f"motion_{number}": 0.25 for number in range(26)})
    for number, frame in enumerate((text, columns)):
        table_of(manifest, tmp_path, frame, f"{number}.csv")
        kept = Lake(manifest.lake.place).reader("shots_elsewhere", "dawn").read(["motion"])
        assert kept["motion"].to_pylist() == [MOTION] * 3


def test_all_problems_are_said_and_nothing_is_imported(manifest, tmp_path):
    frame = shots(extra=1).drop(columns="shot").assign(start_s=["soon", "1", "2"])
    with pytest.raises(BadFeatures) as caught:
        table_of(manifest, tmp_path, frame, "a.csv")
    said = [(problem.line, problem.where) for problem in caught.value.problems]
    assert said == [(1, "extra"), (1, "shot"), (2, "start_s")]
    assert "shots_elsewhere" not in Lake(manifest.lake.place).tables()


def test_what_breaks_the_contract_is_said_with_its_film(manifest, tmp_path):
    with pytest.raises(BadFeatures, match=r"dawn: .*score"):
        table_of(manifest, tmp_path, shots(score=[float("inf")] * 3))


def test_a_table_that_the_manifest_makes_is_left_alone(manifest, tmp_path):
    with pytest.raises(UsageError, match="is made by the manifest"):
        import_features(manifest, [tmp_path / "a.csv"], "shots", "shots")


def test_rows_in_any_order_are_taken_and_one_that_stands_twice_stops_all_films(manifest, tmp_path):
    shuffled = pandas.concat([shots("dusk").iloc[::-1], shots("dawn")])
    table_of(manifest, tmp_path, shuffled)
    kept = Lake(manifest.lake.place).reader("shots_elsewhere", "dusk").read(["shot"])
    assert kept["shot"].to_pylist() == [0, 1, 2]
    twice = pandas.concat([shots("dawn", 2), shots("dusk", shot=[0, 1, 1])])
    with pytest.raises(BadFeatures, match=r"dusk: .*each key once"):
        table_of(manifest, tmp_path, twice)
    assert Lake(manifest.lake.place).reader("shots_elsewhere", "dawn").read().num_rows == 3


def test_a_cells_key_is_by_its_rows_whatever_the_file(manifest, tmp_path):
    def key(name, frame):
        table_of(manifest, tmp_path, frame, name)
        return Lake(manifest.lake.place).footer("shots_elsewhere", "dawn").key

    same = [key("a.csv", shots(motion=[json.dumps(MOTION)] * 3)), key("b.parquet", shots())]
    assert same[0] == same[1] != key("c.parquet", shots(score=[0.5] * 3))


def test_a_table_of_the_lake_that_was_not_imported_is_left_alone(manifest, tmp_path):
    shots().to_parquet(tmp_path / "a.parquet")
    manifest.tasks.pop("shots")
    with pytest.raises(UsageError, match="--table shots is in the lake and holds rows of a task"):
        import_features(manifest, [tmp_path / "a.parquet"], "shots", "shots")


@pytest.mark.parametrize("vector", ["[" * 100_000, f"[{10**400}]", "[]"])
def test_a_text_that_is_no_vector_is_a_problem(manifest, tmp_path, vector):
    with pytest.raises(BadFeatures, match="expected numbers"):
        table_of(manifest, tmp_path, shots(motion=[vector] * 3), "a.csv")


SMILE = "name;frameTime;F0_sma;loudness_sma;class\n'dusk.mp4';0,00;110,5;0,25;\n'dusk.mp4';0,01;112;0,5;\n"
ARFF = """@relation smile

@attribute name string
@attribute frameTime numeric
@attribute 'F0 sma' numeric
@attribute loudness_sma numeric
@attribute class numeric

@data
'unknown',0.00,110.5,0.25,?
'unknown',0.01,112,%s,?
"""


def smile(manifest, folder, text, **options):
    path = folder / "egemaps.csv"
    path.write_text(text)
    return import_features(manifest, [path], "embeddings", "embeddings_smile", **options)


@pytest.mark.parametrize("text, options", [(SMILE, {}), (ARFF % "0.5", {"movie": "dusk"})], ids=["csv", "arff"])
def test_columns_of_numbers_beside_a_time_are_a_vector(manifest, tmp_path, text, options):
    made = smile(manifest, tmp_path, text, **options)
    kept = Lake(manifest.lake.place).reader("embeddings_smile", "dusk").read()
    assert kept["time_s"].to_pylist() == [0.0, 0.01] and kept["embedding"].to_pylist() == [[110.5, 0.25], [112.0, 0.5]]
    assert kept["backbone"].to_pylist() == ["egemaps"] * 2 and any("2 columns" in note for note in made.notes)


@pytest.mark.parametrize("cell, why", [("?", "received none"), ("loud", "received 'loud'")])
def test_a_cell_without_a_number_in_such_a_column_is_a_problem_at_its_line(manifest, tmp_path, cell, why):
    with pytest.raises(BadFeatures) as caught:
        smile(manifest, tmp_path, ARFF % cell, movie="dusk")
    assert [(p.line, p.where) for p in caught.value.problems] == [(11, "loudness_sma")] and why in str(caught.value)


@pytest.mark.parametrize("given", [{}, {"features": [None, [0.5, 0.25]]}], ids=["no column", "one row without"])
def test_vectors_that_may_be_missing_are_read_again_as_missing(manifest, tmp_path, given):
    frame = pandas.DataFrame(
        {"movie_id": "dusk", "time_s": [0.0, 1.0], "backbone": "own", "embedding": [[1.0, 2.0]] * 2}
    )
    frame.assign(**given).to_parquet(tmp_path / "a.parquet")
    import_features(manifest, [tmp_path / "a.parquet"], "embeddings", "embeddings_own")
    kept = Lake(manifest.lake.place).reader("embeddings_own", "dusk").read(["features"])["features"].to_pylist()
    assert kept == ([[None, None], [0.5, 0.25]] if given else [[None], [None]])


def test_a_name_that_the_table_has_itself_is_no_film(manifest, tmp_path):
    frame = pandas.DataFrame({"time_s": [0.0], "name": ["ada"]})
    frame.to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(BadFeatures) as caught:
        import_features(manifest, [tmp_path / "a.csv"], "persons", "persons_elsewhere", movie="dusk")
    assert {problem.where for problem in caught.value.problems} & {"frame", "box", "face"}
    assert "ada" not in str(caught.value)
